"""Translation, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.device import Device
from seodang.core.errors import DataError, SettingsError
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Finding, Image, Refused
from seodang.data.image_inputs import image_inputs
from seodang.data.records import counted
from seodang.families.translation.data import Part, TranslationData, look, put_together, read_data, read_others
from seodang.families.translation.derive import prepare
from seodang.families.translation.evaluation import evaluate
from seodang.families.translation.judges import CHOOSING, REPORTING, train_judge
from seodang.families.translation.loading import load_predictor
from seodang.families.translation.pacing import pace
from seodang.families.translation.predictor import TranslationPredictor
from seodang.families.translation.settings import PRESETS, TranslationSettings
from seodang.families.translation.training import TRAINING, train_translation

TranslationTrained = Trained[TranslationSettings]


class Translation(Family[TranslationSettings, TranslationData, TranslationPredictor]):
    """Images of two kinds in, a model that makes the one of the other out."""

    name: ClassVar[str] = "translation"
    summary: ClassVar[str] = "Translation: from one kind of image to another, learned from pairs or from two piles"
    settings_type = TranslationSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Image
    output_type: ClassVar[type] = Image
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("l1", "", False, "mean difference of pixels from 0 to 1, mean over images"),
        Metric("psnr", "dB", True, "peak signal to noise ratio, mean over images"),
        Metric("ssim", "", True, "structural similarity, mean over images"),
        Metric("perceptual", "", False, "how differently the second judge sees answer and target, mean over images"),
        Metric("kid", "", False, "kernel distance of all answers from all targets as the second judge sees them, unbiased"),
    )

    def read(self, source: str, settings: TranslationSettings) -> TranslationData:
        """Find, check and split images."""
        return read_data(source, settings)

    def check(self, source: str, settings: TranslationSettings) -> list[Finding]:
        """All that is noticeable about the images, and why a training as it is by default would refuse them."""
        looked = look(source, settings)
        if looked.errors:
            return list(looked.findings)
        try:
            prepare(put_together(looked, source, settings), settings)
        except (DataError, SettingsError) as error:
            return [Finding("error", source, error.message.rstrip(".")), *looked.findings]
        return list(looked.findings)

    def checksum(self, data: TranslationData) -> str:
        """A hash of all pixels."""
        return data.digest

    def describe(self, data: TranslationData) -> dict[str, Any]:
        """Images of each part, notes."""
        facts: dict[str, Any] = {"images": {part: len(some) for part, some in data.parts.items()}}
        if data.licence:
            facts["licence"] = data.licence
        facts["notes"] = list(data.notes)
        return facts

    def prepare(self, data: TranslationData, settings: TranslationSettings) -> Prepared[TranslationSettings]:
        """What the images tell of the settings left open."""
        return prepare(data, settings)

    def pace(
        self, prepared: Prepared[TranslationSettings], data: TranslationData, device: Device
    ) -> Prepared[TranslationSettings]:
        """The minutes that training may take, as steps of this machine."""
        return pace(prepared, data, device)

    def stages(self, settings: TranslationSettings) -> tuple[Stage[TranslationSettings, TranslationData], ...]:
        """Both judges, then the game."""
        judges = (Stage(name, partial(train_judge, name)) for name in (CHOOSING, REPORTING))
        return (*judges, Stage(TRAINING, train_translation))

    def kernels(self) -> str:
        """None of its own."""
        return "none"

    def predictor(self, trained: TranslationTrained) -> TranslationPredictor:
        """The generator with trained weights."""
        return load_predictor(trained)

    def exported_predictor(
        self, engine: str, folder: Path, settings: TranslationSettings, device: Device
    ) -> TranslationPredictor:
        """The exported model in ONNX Runtime."""
        from seodang.families.translation.export import open_exported  # an extra: onnxruntime

        return open_exported(folder, settings, device)

    def predict(self, predictor: TranslationPredictor, inputs: Sequence[Image]) -> list[Image | Refused]:
        """An answer for each image."""
        return [predictor.predict(one) for one in inputs]

    def inputs(self, source: Path, settings: TranslationSettings) -> list[Image]:
        """One image, or all images of a folder."""
        return image_inputs(source)

    def evaluate(self, predictor: TranslationPredictor, data: TranslationData) -> Evaluation:
        """Measures on the test images, beside the yardsticks."""
        return _measured(predictor, f"the test part of {data.source}", data.parts["test"])

    def evaluate_source(self, predictor: TranslationPredictor, source: str, settings: TranslationSettings) -> Evaluation:
        """The same measures on other images; says how many of them were learned from."""
        learned = predictor.settings.data
        if settings.data.targets is not None and settings.data.direction == learned.direction:
            settings = settings.replaced(direction="a-to-b")  # two folders say it themselves, whichever half was learned from
        part = read_others(source, settings, strips=learned.targets is None)
        try:
            predictor.check(part)
        except DataError as error:
            raise DataError(f"{source}: {error}") from error
        found = _measured(predictor, source, part)
        known = len(set(part.digests) & set(predictor.preprocessing["learned_from"]))
        if not known:
            return found
        what = f"{known:,} of these {counted(len(part), 'image')} were learned from: others tell more about new ones."
        return replace(found, notes=(*found.notes, what))

    def explain(
        self, trained: TranslationTrained, predictor: TranslationPredictor, data: TranslationData | None, folder: Path
    ) -> Path:
        """The report."""
        from seodang.families.translation.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: TranslationTrained, predictor: TranslationPredictor, folder: Path) -> Path:
        """ONNX for images of any size, proven equal."""
        from seodang.families.translation.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, trained.device, folder)


def _measured(predictor: TranslationPredictor, source: str, part: Part) -> Evaluation:
    return evaluate(source, part, predictor.translator.answers, predictor.yardsticks, predictor.judge, predictor.paired)


FAMILY = Translation()
