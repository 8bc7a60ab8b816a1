"""A trained model: where are faces in a photo, and whose are they?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.core.values import Box, Boxes, Image, Refused
from seodang.data.image_inputs import image_pixels
from seodang.families.faces.cnn import FaceCnn
from seodang.families.faces.data import Part
from seodang.families.faces.drawing import draw_boxes
from seodang.families.faces.embedding import embed, embedded
from seodang.families.faces.engine.alignment import Chips
from seodang.families.faces.engine.boxes import Floats
from seodang.families.faces.first_stage import FirstStage
from seodang.families.faces.head import Chances, CosineHead
from seodang.families.faces.learner import SCORED_AT_ONCE
from seodang.families.faces.photos import as_photo
from seodang.families.faces.settings import FacesSettings
from seodang.families.faces.two_stages import Classify, Seen, as_boxes

STRANGER = "perhaps a stranger"


@dataclass(frozen=True)
class FacesPredictor:
    """What can answer for a trained model, whatever computes it: both stages."""

    settings: FacesSettings
    preprocessing: Mapping[str, Any]
    first: FirstStage
    """Where is a face?"""
    classify: Classify
    """The second stage: whose is it? Faces, (faces, side, side, 3), to probabilities, (faces, people)."""
    network: CosineHead | FaceCnn | None = None
    """What computes the second stage; None when an exported model does."""
    temperature: float = 1.0
    least_sure: float = 0.0
    """The probability below which a face may be a stranger's."""

    @property
    def people(self) -> tuple[str, ...]:
        """Names, in the order of their numbers."""
        return tuple(self.preprocessing["people"])

    def predict(self, image: Image) -> Boxes | Refused:
        """Every face of one image, and who each is."""
        try:
            pixels = as_photo(image_pixels(image), Path(image.where).name or "image")
        except DataError as error:
            return Refused(str(error).rstrip("."))
        return self.value_of(self.look(image, pixels), pixels)

    def look(self, image: Image, pixels: NDArray[np.uint8]) -> Seen:
        """Both stages: find and cut out, then classify."""
        faces = self.first.find(pixels)
        chips = self.first.cut(pixels, faces)
        answers = self.classify(chips) if len(chips) else np.zeros((0, len(self.people)), np.float32)
        return Seen(Path(image.where), pixels.shape[:2], faces, chips, answers)

    def value_of(self, seen: Seen, pixels: NDArray[np.uint8]) -> Boxes:
        """What was seen, with names and the picture of it."""
        boxes = named(as_boxes(seen.faces), seen.answers, self.people, self.least_sure)
        height, width = seen.size
        drawn = tuple(replace(one, label=STRANGER, probability=None) if one.note else one for one in boxes)
        where = "" if seen.photo == Path() else str(seen.photo)
        return Boxes(where, width, height, boxes, pictures={"out": partial(draw_boxes, pixels, drawn, STRANGER)})

    def probabilities(self, part: Part) -> Floats:
        """Of each person for each face of a part, (faces, people); embeddings that were computed are not computed again."""
        if isinstance(self.network, CosineHead):
            return _of_embeddings(self.network, self.temperature, embedded(part, self.settings.model.embedder))
        found: Floats = self.classify(part.chips)
        return found


def named(boxes: Sequence[Box], probabilities: Floats, people: Sequence[str], least_sure: float) -> tuple[Box, ...]:
    """Boxes with the likeliest person of each, and a note where the answer is less sure than nearly all right ones."""
    found = []
    for one, chances in zip(boxes, probabilities, strict=True):
        likeliest = int(chances.argmax())
        sure = float(chances[likeliest])
        note = STRANGER if sure < least_sure else None
        found.append(Box(one.box, one.score, one.landmarks, people[likeliest], sure, note))
    return tuple(found)


def classify_with(network: CosineHead | FaceCnn, temperature: float, settings: FacesSettings, device: Device) -> Classify:
    """The second stage in PyTorch: for a head the embedder computes first, on the CPU."""
    if isinstance(network, CosineHead):
        head = network
        return lambda chips: _of_embeddings(head, temperature, embed(chips, settings.model.embedder))
    chances = Chances(network, torch.tensor(temperature)).to(device.torch).eval()

    def classify(chips: Chips) -> Floats:
        inputs = torch.from_numpy(np.ascontiguousarray(chips)).permute(0, 3, 1, 2)
        with torch.inference_mode(), device.autocast():
            found = [chances(piece.to(device.torch).float()).float().cpu() for piece in torch.split(inputs, SCORED_AT_ONCE)]
        return torch.cat(found).numpy()

    return classify


def _of_embeddings(head: CosineHead, temperature: float, embeddings: Floats) -> Floats:
    """The head's probabilities, (faces, people)."""
    place = head.directions.device
    with torch.inference_mode():
        logits = head(torch.from_numpy(embeddings).to(place)).float().cpu()
    found: Floats = torch.softmax(logits / temperature, 1).numpy()
    return found
