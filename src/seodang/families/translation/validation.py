"""What is measured after every epoch, on images that nothing is learned from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seodang.core.learner import Validation
from seodang.data.images import png_bytes
from seodang.draw.grids import grid
from seodang.families.translation.data import Part, TranslationData
from seodang.families.translation.judges import Judge
from seodang.families.translation.measures import Measured, measure
from seodang.families.translation.pixels import as_numbers, to_pixels
from seodang.families.translation.prediction import Translator
from seodang.families.translation.showing import shown

PROGRESS = "answers"
SHOWN = 6  # images in the picture of an epoch
ALIKE = 0.05  # of the deviation of targets: answers that differ by less from image to image do not depend on their sources


class TranslationValidation(Validation):
    """All measures of the averaged generator, by which the best epoch is chosen.

    With pairs that with the least perceptual distance: the least L1 would be the blurriest, and a distance of crowds says
    little for a few dozen images. Without pairs that with the least distance of crowds, as there is nothing else.

    Args:
        translator: Of the generator as it is by then.
        data: Has the images.
        judge: Sees them.
        paired: Whether each source has a target of its own.
    """

    higher_is_better = False

    def __init__(self, translator: Translator, data: TranslationData, judge: Judge, paired: bool) -> None:
        self.translator, self.part, self.judge, self.paired = translator, data.parts["validation"], judge, paired
        self.kind = data.target_kind
        self.monitor = "perceptual" if paired else "kid"
        self.ailing: tuple[str, ...] = ()

    def measure(self) -> dict[str, float]:
        """Means over all validation images, and the distance of the crowds."""
        answers: list[Tensor] = []

        def remembering(sources: Tensor) -> Tensor:
            answers.append(self.translator.answers(sources))
            return answers[-1]

        found = measure(self.part, remembering, self.judge, self.paired)
        self.ailing = tuple(_alarms(torch.cat(answers), self.part))
        return means(found)

    def pictures(self) -> dict[str, bytes]:
        """The answers to the first few validation images, beside their sources and, with pairs, their targets."""
        sources = as_numbers(self.part.sources[:SHOWN])
        answers = self.translator.answers(sources)
        small = []
        for row, answer in enumerate(answers):
            small.append(shown(self.part.sources[row]))
            small.append(shown(to_pixels(answer, self.kind)))
            if self.paired:
                small.append(shown(self.part.targets[row]))
        return {PROGRESS: png_bytes(grid(small, columns=6))}

    def alarms(self) -> Sequence[str]:
        """That all answers are alike, where the last measurement found so."""
        return self.ailing


def means(found: Measured) -> dict[str, float]:
    """The measures by name."""
    values = {name: float(each.mean()) for name, each in found.each.items()}
    return values if found.kernel_distance is None else {**values, "kid": found.kernel_distance}


def _alarms(answers: Tensor, part: Part) -> list[str]:
    """What has gone wrong with answers, in words."""
    if len(answers) < 2 or len(part.targets) < 2:
        return []
    made, real = (float(images.float().std(0).mean()) for images in (answers, as_numbers(part.targets)))
    if real > 0 and made < ALIKE * real:
        return [f"all answers are nearly alike: they differ from image to image by {made / real:.1%} of what targets do"]
    return []
