"""What is measured after every epoch, which decides whose weights are kept; and what goes wrong with GANs, noticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor, nn

from seodang.core.device import Device
from seodang.core.learner import Validation
from seodang.draw.grids import grid
from seodang.families.gan.comparing import Reference
from seodang.families.gan.making import latents_of, maker, shown

SHOWN = 64  # images of the picture of an epoch
COLUMNS = 8
COLLAPSED = 0.3  # of the variety of real images, or less
LEAST_RECALL, GOOD_PRECISION = 0.02, 0.5  # few kinds of images that look real: without that they are only bad
FIRST_STEPS = 300  # of a training, in which images are alike because they are not there yet


class GanWatch(Validation):
    """The Fréchet distance of images made by the averaged generator, always from the same noise.

    Args:
        generator: The averaged one.
        reference: Real training images, as the choosing judge sees them.
        latent_dim: Numbers of noise.
        classes: Of the images to make, (images,), where the generator is conditional.
        count: How many are made.
        hopeless: The distance of plain noise: who is further away has diverged.
        steps: How many steps were taken so far.
        device: Where to compute.
    """

    monitor = "fid"
    higher_is_better = False

    def __init__(
        self,
        generator: nn.Module,
        reference: Reference,
        latent_dim: int,
        classes: Tensor | None,
        count: int,
        hopeless: float,
        steps: Callable[[], int],
        device: Device,
    ) -> None:
        self.generator, self.reference, self.hopeless, self.device = generator, reference, hopeless, device
        self.steps = steps
        self.latents, self.classes = latents_of(range(count), latent_dim), classes
        self.found: dict[str, float] = {}

    def measure(self) -> dict[str, float]:
        """Distance, precision, recall and variety."""
        made = maker(self.generator, self.device)(self.latents, self.classes)
        distances = self.reference.distances(self.reference.see(made).features)
        self.found = {name: float(value) for name, value in vars(distances).items()}
        return self.found

    def pictures(self) -> dict[str, bytes]:
        """A grid of the first images."""
        first = slice(SHOWN)
        made = maker(self.generator, self.device)(self.latents[first], None if self.classes is None else self.classes[first])
        encoded = BytesIO()
        Image.fromarray(grid(shown(made), COLUMNS)).save(encoded, "PNG")
        return {"samples": encoded.getvalue()}

    def alarms(self) -> Sequence[str]:
        """Collapse and divergence."""
        found = self.found
        if self.steps() < FIRST_STEPS:
            return ()
        if found["fid"] > self.hopeless:
            return (
                f"diverged: images are further from the real ones ({found['fid']:.1f}) than plain noise ({self.hopeless:.1f}); "
                "a lower learning rate may help",
            )
        if found["variety"] < COLLAPSED or (found["recall"] < LEAST_RECALL and found["precision"] > GOOD_PRECISION):
            return (
                f"collapse: images differ from each other {found['variety']:.0%} as much as real ones do, and cover "
                f"{found['recall']:.0%} of them",
            )
        return ()


def noise_like(images: Tensor) -> Tensor:
    """Images of nothing: every pixel by itself, drawn from all pixels there are."""
    values = images.flatten()
    random = torch.Generator().manual_seed(0)
    return values[torch.randint(len(values), (values.numel(),), generator=random)].reshape(images.shape)
