"""Segmentation, tied to the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.checkpoint import restore_modules
from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Finding, Image, Mask, Refused
from seodang.data.image_inputs import image_inputs
from seodang.data.images import Pixels
from seodang.data.records import counted
from seodang.families.segmentation.data import (
    Labelled,
    Seen,
    SegmentationData,
    image_digest,
    labelled_images,
    look,
    read_data,
)
from seodang.families.segmentation.derive import prepare
from seodang.families.segmentation.evaluation import evaluate_scores, score_images
from seodang.families.segmentation.kernels import library
from seodang.families.segmentation.masks import Classes, MaskCode
from seodang.families.segmentation.pacing import pace
from seodang.families.segmentation.prediction import network_chances
from seodang.families.segmentation.predictor import SegmentationPredictor
from seodang.families.segmentation.settings import PRESETS, SegmentationSettings
from seodang.families.segmentation.training import build_network, fast_network, make_segmenter, stored_scaling, train_network
from seodang.families.segmentation.unet import folded

SegmentationTrained = Trained[SegmentationSettings]


class Segmentation(Family[SegmentationSettings, SegmentationData, SegmentationPredictor]):
    """Images with masks in, a model of which pixel is what out."""

    name: ClassVar[str] = "segmentation"
    summary: ClassVar[str] = "Segmentation: which class does every pixel of an image belong to?"
    settings_type = SegmentationSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx", "openvino")
    input_type: ClassVar[type] = Image
    output_type: ClassVar[type] = Mask
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("dice", "", True, "twice the overlap by both areas together, mean over classes and images"),
        Metric("iou", "", True, "the overlap by what either covers, mean over classes and images"),
        Metric("boundary_f", "", True, "how much of the outlines lies near the true ones, mean over classes and images"),
        Metric("pixel_accuracy", "", True, "part of the pixels that are right, mean over images"),
    )

    def read(self, source: str, settings: SegmentationSettings) -> SegmentationData:
        """Find, check and split images and masks."""
        return read_data(source, settings)

    def check(self, source: str, settings: SegmentationSettings) -> list[Finding]:
        """All that is noticeable about images and masks."""
        return list(look(source, settings).findings)

    def checksum(self, data: SegmentationData) -> str:
        """A hash of all pixels."""
        return data.checksum()

    def describe(self, data: SegmentationData) -> dict[str, Any]:
        """Images of each part, classes, notes."""
        facts: dict[str, Any] = {"images": {part: len(some) for part, some in data.parts.items()}}
        facts["classes"] = list(data.code.names)
        if data.licence:
            facts["licence"] = data.licence
        facts["notes"] = list(data.notes)
        return facts

    def prepare(self, data: SegmentationData, settings: SegmentationSettings) -> Prepared[SegmentationSettings]:
        """What the images tell of the settings left open."""
        return prepare(data, settings)

    def pace(
        self, prepared: Prepared[SegmentationSettings], data: SegmentationData, device: Device
    ) -> Prepared[SegmentationSettings]:
        """The minutes that training may take, as steps of this machine."""
        return pace(prepared, data, device)

    def stages(self, settings: SegmentationSettings) -> tuple[Stage[SegmentationSettings, SegmentationData], ...]:
        """One."""
        return (Stage("train", train_network),)

    def kernels(self) -> str:
        """The C library of the convolutions, or none where it was not compiled or the CPU lacks bfloat16."""
        return "none" if library() is None else "C"

    def predictor(self, trained: SegmentationTrained) -> SegmentationPredictor:
        """The network with trained weights."""
        settings, preprocessing = trained.settings, trained.preprocessing
        network = fast_network(build_network(settings, preprocessing), trained.device).eval()
        restore_modules({"network": network}, trained.weights["train"])
        compute = network_chances(folded(network), trained.device)
        segmenter = make_segmenter(
            network, stored_scaling(preprocessing, settings), settings, compute, settings.prediction.mirror
        )
        return SegmentationPredictor(settings, MaskCode.from_json(preprocessing["masks"]), segmenter, preprocessing, network)

    def exported_predictor(
        self, engine: str, folder: Path, settings: SegmentationSettings, device: Device
    ) -> SegmentationPredictor:
        """The exported model in ONNX Runtime or OpenVINO."""
        from seodang.families.segmentation.export import open_exported  # extras: onnxruntime, openvino

        return open_exported(engine, folder, settings, device)

    def predict(self, predictor: SegmentationPredictor, inputs: Sequence[Image]) -> list[Mask | Refused]:
        """A mask for each image."""
        return [predictor.predict(one) for one in inputs]

    def inputs(self, source: Path, settings: SegmentationSettings) -> list[Image]:
        """One image, or all images of a folder."""
        return image_inputs(source)

    def evaluate(self, predictor: SegmentationPredictor, data: SegmentationData) -> Evaluation:
        """Measures on the test images, beside the yardstick."""
        yardstick, num_classes = predictor.yardstick, data.code.num_classes
        scores = score_images(pictures(data, data.parts["test"]), predictor.segmenter.classes, num_classes)
        bar = score_images(pictures(data, data.parts["test"]), yardstick.classes, num_classes)
        return evaluate_scores(f"the test part of {data.source}", scores, data.code.names, yardstick.name, bar)

    def evaluate_source(self, predictor: SegmentationPredictor, source: str, settings: SegmentationSettings) -> Evaluation:
        """The same measures on other images with masks of the same classes; says which of them were learned from."""
        learned, known = set(predictor.preprocessing["learned_from"]), 0

        def images() -> Iterator[Labelled]:
            for one in labelled_images(source, settings, predictor.code):
                try:
                    predictor.check_depth(one.image)
                except DataError as error:
                    raise DataError(f"{one.name}: {error}") from error
                yield one

        def segment(image: Pixels) -> Classes:
            nonlocal known
            known += image_digest(image) in learned
            return predictor.segmenter.classes(image)

        yardstick, num_classes = predictor.yardstick, predictor.code.num_classes
        scores = score_images(images(), segment, num_classes)
        bar = score_images(images(), yardstick.classes, num_classes)
        found = evaluate_scores(source, scores, predictor.code.names, yardstick.name, bar)
        if not known:
            return found
        what = f"{known:,} of these {counted(len(scores), 'image')} were learned from: others tell more about new ones."
        return replace(found, notes=(*found.notes, what))

    def explain(
        self, trained: SegmentationTrained, predictor: SegmentationPredictor, data: SegmentationData | None, folder: Path
    ) -> Path:
        """The report."""
        from seodang.families.segmentation.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: SegmentationTrained, predictor: SegmentationPredictor, folder: Path) -> Path:
        """ONNX for images of any size, proven equal."""
        from seodang.families.segmentation.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, trained.device, folder)


def pictures(data: SegmentationData, seen: Sequence[Seen]) -> Iterator[Labelled]:
    """Images with their true classes, one after another."""
    for one in seen:
        yield Labelled(one.pair.name, *data.picture(one))


FAMILY = Segmentation()
