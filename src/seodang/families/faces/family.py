"""Faces, tied to the core: training on people, in two stages that find a face and tell whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from seodang.core.device import Device
from seodang.core.family import Evaluation, Family, Metric, Prepared, Stage, Trained
from seodang.core.values import Boxes, Finding, Image, Refused
from seodang.data.image_inputs import image_inputs
from seodang.data.records import counted
from seodang.families.faces.data import FacesData, look, read_data, read_others
from seodang.families.faces.derive import prepare
from seodang.families.faces.evaluation import evaluate_people
from seodang.families.faces.first_stage import open_first_stage
from seodang.families.faces.predictor import FacesPredictor, classify_with
from seodang.families.faces.settings import PRESETS, FacesSettings
from seodang.families.faces.training import TRAIN, stages, temperature_of, trained_network
from seodang.families.faces.yardstick import yardstick

FacesTrained = Trained[FacesSettings]


class Faces(Family[FacesSettings, FacesData, FacesPredictor]):
    """Photos of people in, a model of whose face it is out."""

    name: ClassVar[str] = "faces"
    summary: ClassVar[str] = "Faces: where are they in a photo, and whose are they?"
    settings_type = FacesSettings
    presets: ClassVar[Mapping[str, Callable[[], dict[str, Any]]]] = PRESETS
    engines: ClassVar[tuple[str, ...]] = ("torch", "onnx")
    input_type: ClassVar[type] = Image
    output_type: ClassVar[type] = Boxes
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", "", True, "part of the faces that get their own person's name"),
        Metric("macro_f1", "", True, "harmonic mean of precision and recall, averaged over people"),
        Metric("calibration_error", "", False, "distance between stated probability and share of right answers"),
    )

    def read(self, source: str, settings: FacesSettings) -> FacesData:
        """Find, cut out, check and split faces."""
        return read_data(source, settings)

    def check(self, source: str, settings: FacesSettings) -> list[Finding]:
        """All that is noticeable about photos and people."""
        return list(look(source, settings).findings)

    def checksum(self, data: FacesData) -> str:
        """A hash of all files and faces."""
        return data.checksum()

    def describe(self, data: FacesData) -> dict[str, Any]:
        """Faces of each part, people, notes."""
        faces = {part: len(some.portraits) for part, some in data.parts.items()}
        return {"faces": faces, "people": list(data.people), "notes": list(data.notes)}

    def prepare(self, data: FacesData, settings: FacesSettings) -> Prepared[FacesSettings]:
        """What was left open, and who is who."""
        return prepare(data, settings)

    def stages(self, settings: FacesSettings) -> tuple[Stage[FacesSettings, FacesData], ...]:
        """Training, then the temperature."""
        return stages()

    def kernels(self) -> str:
        """What computes embeddings."""
        return "ONNX Runtime" if find_spec("openvino") is None else "OpenVINO"

    def predictor(self, trained: FacesTrained) -> FacesPredictor:
        """Both stages with trained weights."""
        settings, device = trained.settings, trained.device
        network = trained_network(settings, trained.preprocessing, trained.weights[TRAIN]).to(device.torch)
        temperature = float(temperature_of(trained.weights))
        classify = classify_with(network, temperature, settings, device)
        return FacesPredictor(settings, trained.preprocessing, open_first_stage(settings), classify, network, temperature)

    def exported_predictor(self, engine: str, folder: Path, settings: FacesSettings, device: Device) -> FacesPredictor:
        """The exported model in ONNX Runtime, behind the same first stage."""
        from seodang.families.faces.export import open_exported  # an extra: onnxruntime

        return open_exported(folder, settings, device)

    def predict(self, predictor: FacesPredictor, inputs: Sequence[Image]) -> list[Boxes | Refused]:
        """The faces of each photo, with names."""
        return [predictor.predict(one) for one in inputs]

    def inputs(self, source: Path, settings: FacesSettings) -> list[Image]:
        """One photo, or all photos of a folder."""
        return image_inputs(source)

    def evaluate(self, predictor: FacesPredictor, data: FacesData) -> Evaluation:
        """Measures on the test faces, beside the yardstick, which learned from all others."""
        test, known = data.parts["test"], (data.parts["train"], data.parts["validation"])
        name, answers = yardstick(known, test, predictor.settings, len(data.people))
        source = f"the test part of {data.source}"
        return evaluate_people(source, test.labels, predictor.probabilities(test), predictor.people, name, answers)

    def evaluate_source(self, predictor: FacesPredictor, source: str, settings: FacesSettings) -> Evaluation:
        """The same measures on other photos of the same people; says which of them were learned from."""
        part, notes = read_others(source, settings, predictor.people)
        learned = set(predictor.preprocessing["learned_from"])
        known = sum(one.digest in learned for one in part.portraits)
        if known:
            others = f"{known:,} of these {counted(len(part.portraits), 'photo')} were learned from: others tell more."
            notes = (*notes, others)
        return evaluate_people(source, part.labels, predictor.probabilities(part), predictor.people, notes=notes)

    def explain(self, trained: FacesTrained, predictor: FacesPredictor, data: FacesData | None, folder: Path) -> Path:
        """The report."""
        from seodang.families.faces.report import write_report  # matplotlib is loaded only by those who want pictures

        return write_report(trained, predictor, data, folder)

    def export(self, trained: FacesTrained, predictor: FacesPredictor, folder: Path) -> Path:
        """ONNX from a face to people, proven equal."""
        from seodang.families.faces.export import export_onnx  # an extra: onnx, onnxscript and onnxruntime

        return export_onnx(predictor, trained.device, folder)


FAMILY = Faces()
