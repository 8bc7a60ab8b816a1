"""GANs, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.core.family import Action, Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Finding, Image, Refused, Seed
from seodang.data.lines import read_lines
from seodang.families.gan import evaluation
from seodang.families.gan.data import GanData, read_data, read_stacks
from seodang.families.gan.derive import prepare
from seodang.families.gan.generation import generate
from seodang.families.gan.judging import load_judges
from seodang.families.gan.making import maker
from seodang.families.gan.model import build_networks
from seodang.families.gan.pacing import pace
from seodang.families.gan.predictor import GanPredictor, Networks
from seodang.families.gan.settings import PRESETS, GanSettings
from seodang.families.gan.training import TRAIN, stages

GanTrained = Trained[GanSettings]


class Gan(Family[GanSettings, GanData, GanPredictor]):
    """Images in, a generator of more such images out."""

    name: ClassVar[str] = "gan"
    summary: ClassVar[str] = "GAN: images from noise, like those it learned from, of the class you ask for."
    settings_type = GanSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Seed
    output_type: ClassVar[type] = Image
    actions: ClassVar[Mapping[str, Action]] = {"generate": generate}
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("fid", "", False, "Fréchet distance of made images to real ones, in the features of the reporting judge"),
        Metric("precision", "", True, "part of the made images that lie among the real"),
        Metric("recall", "", True, "part of the real images that lie among the made"),
        Metric("variety", "", True, "how far made images are from their likest other, beside real ones"),
        Metric("coverage", "", True, "part of the classes that are made a tenth as often as they are real, or more"),
        Metric("imbalance", "", False, "part of the made images that would have to be of another class to match the real"),
        Metric("as_asked", "", True, "part of the made images that the judge takes for the class that was asked for"),
        Metric(
            "copies", "", False, "part of the made images that are nearer to a training image than a hundredth of test images"
        ),
    )

    def read(self, source: str, settings: GanSettings) -> GanData:
        """Find, check and split images."""
        return read_data(source, settings)

    def check(self, source: str, settings: GanSettings) -> list[Finding]:
        """All that is noticeable about images."""
        _, findings, _ = read_stacks(source, settings)
        return sorted(findings, key=lambda one: ("error", "warning", "note").index(one.severity))

    def checksum(self, data: GanData) -> str:
        """A hash of all pixels."""
        return data.checksum()

    def describe(self, data: GanData) -> dict[str, Any]:
        """Images of each part, size, classes, notes."""
        facts: dict[str, Any] = {
            "images": {"train": len(data.train.images), "test": len(data.test.images)},
            "pixels": f"{data.size} x {data.size}, {'grey' if data.channels == 1 else 'colour'}",
        }
        if data.class_names:
            facts["classes"] = list(data.class_names)
        if data.licence:
            facts["licence"] = data.licence
        facts["notes"] = list(data.notes)
        return facts

    def prepare(self, data: GanData, settings: GanSettings) -> Prepared[GanSettings]:
        """What the images tell of the settings left open."""
        return prepare(data, settings)

    def pace(self, prepared: Prepared[GanSettings], data: GanData, device: Device) -> Prepared[GanSettings]:
        """The minutes that training may take, as steps of this machine."""
        return pace(prepared, data, device)

    def stages(self, settings: GanSettings) -> tuple[Stage[GanSettings, GanData], ...]:
        """Two judges, unless some come along, then the two networks."""
        return stages(settings)

    def kernels(self) -> str:
        """Nothing beside PyTorch."""
        return "none"

    def predictor(self, trained: GanTrained) -> GanPredictor:
        """The averaged generator with trained weights."""
        settings, preprocessing, device = trained.settings, trained.preprocessing, trained.device
        networks = build_networks(settings, preprocessing, device.torch)
        weights = trained.weights[TRAIN]
        restore_modules({"averaged": networks.generator, "discriminator": networks.discriminator}, weights)
        judges = load_judges(settings, preprocessing, trained.weights, device)
        for network in networks:
            network.eval()
        return GanPredictor(settings, preprocessing, maker(networks.generator, device), device, Networks(*networks, judges))

    def exported_predictor(self, engine: str, folder: Path, settings: GanSettings, device: Device) -> GanPredictor:
        """The exported generator in ONNX Runtime."""
        from seodang.families.gan.export import open_exported  # an extra: onnxruntime

        return open_exported(folder, settings, device)

    def predict(self, predictor: GanPredictor, inputs: Sequence[Seed]) -> list[Image | Refused]:
        """An image for each seed."""
        return predictor.predict(inputs)

    def inputs(self, source: Path, settings: GanSettings) -> list[Seed]:
        """One seed a line."""
        seeds = []
        for where, line in read_lines(source, "seed"):
            try:
                seeds.append(Seed(line))
            except DataError as error:
                raise DataError(f"{where}: {error}") from error
        return seeds

    def evaluate(self, predictor: GanPredictor, data: GanData) -> Evaluation:
        """Distances to the training images, and how near to them by heart."""
        return evaluation.evaluate(predictor, data)

    def evaluate_source(self, predictor: GanPredictor, source: str, settings: GanSettings) -> Evaluation:
        """Distances to other images of the same size."""
        data = read_data(source, settings.replaced(conditional=False))  # others need no classes to be compared with
        have, want = (data.size, data.channels), (predictor.preprocessing["size"], predictor.preprocessing["channels"])
        if have != want:
            raise DataError(
                f"{source}: images of {have[0]} x {have[0]} pixels in {have[1]} channels, but the model makes {want[0]} x "
                f"{want[0]} in {want[1]}; give {{resize}} {want[0]} and {{colour}} {'grey' if want[1] == 1 else 'rgb'}.",
                settings=("resize", "colour"),
            )
        return evaluation.against(predictor, evaluation.as_part(data), source)

    def explain(self, trained: GanTrained, predictor: GanPredictor, data: GanData | None, folder: Path) -> Path:
        """The report."""
        from seodang.families.gan.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: GanTrained, predictor: GanPredictor, folder: Path) -> Path:
        """ONNX for any number of images, proven equal."""
        from seodang.families.gan.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, trained.device, folder)


FAMILY = Gan()
