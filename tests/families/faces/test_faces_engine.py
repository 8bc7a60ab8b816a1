"""The networks equal those that they were carried over from, in every runtime, and find and tell real faces."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seodang.families.faces.engine import weights
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.engine import Engine, of_length_one, open_engine
from seodang.families.faces.engine.runtimes import as_onnx, open_network
from seodang.families.faces.options import EngineOptions
from seodang.families.faces.photos import read_photo
from seodang.nn.onnx_runtime import open_session

pytestmark = pytest.mark.usefixtures("face_weights")


def engine(name: str = "sface", **options: object) -> Engine:
    return open_engine(EngineOptions(engine=name, threads=1, **options))


def need_openvino() -> None:
    """Skip without OpenVINO, which is not imported here: its own import would tell its maker."""
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")


def random_chips(name: str, count: int = 5) -> np.ndarray:
    side = EMBEDDERS[name].side
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side)).astype(np.float32)


def test_the_resnet_equals_dlib_within_a_hundred_thousandth(lfw: Path) -> None:
    """The same chips, cut out by dlib, in dlib and here: in PyTorch, ONNX Runtime and OpenVINO."""
    dlib = pytest.importorskip("dlib")
    reference = engine("dlib")
    theirs = dlib.face_recognition_model_v1(str(weights.fetch(weights.RESNET)))
    chips = []
    for person in ("Abdullah_Gul", "Amelie_Mauresmo", "Winona_Ryder"):
        pixels = read_photo(sorted((lfw / person).glob("*.jpg"))[0])
        chips += list(reference.cut(pixels, reference.find(pixels)))
    assert len(chips) >= 3
    expected = np.stack([np.asarray(theirs.compute_face_descriptor(chip)) for chip in chips])
    batch = np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2), np.float32)
    embedder = EMBEDDERS["resnet"]
    with torch.inference_mode():
        ours = embedder.module(weights.fetch(weights.RESNET))(torch.from_numpy(batch)).numpy()
    assert np.abs(ours - expected).max() < 1e-5
    model = as_onnx(embedder.weights, embedder.onnx)
    assert np.abs(open_network(model, "onnx", "f32", 1)(batch)[0] - expected).max() < 1e-5
    need_openvino()
    assert np.abs(open_network(model, "openvino", "f32", 1)(batch)[0] - expected).max() < 1e-5


def test_sface_equals_its_own_file() -> None:
    """The file as it was published, in ONNX Runtime, one chip at a time as it demands."""
    session = open_session(weights.fetch(weights.SFACE).read_bytes(), 1)
    chips = random_chips("sface")
    expected = np.concatenate([session.run(None, {"data": chip[None]})[0] for chip in chips])
    embedder = EMBEDDERS["sface"]
    ours = open_network(as_onnx(embedder.weights, embedder.onnx), "onnx", "f32", 1)(chips)[0]
    assert np.abs(ours - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["sface", "resnet"])
def test_bf16_keeps_directions(name: str) -> None:
    need_openvino()
    embedder = EMBEDDERS[name]
    model = as_onnx(embedder.weights, embedder.onnx)
    exact, fast = (
        of_length_one(open_network(model, "openvino", precision, 1)(random_chips(name))[0]) for precision in ("f32", "bf16")
    )
    assert (exact * fast).sum(1).min() > 0.999


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_face_alone_has_the_embedding_that_it_has_among_others(runtime: str, group_photos: Path) -> None:
    if runtime == "openvino":
        need_openvino()
    one = engine(runtime=runtime, precision="f32")
    pixels = read_photo(group_photos / "2008_002470.jpg")
    faces = one.find(pixels)
    chips = one.cut(pixels, faces)
    together = one.embed(chips)
    alone = np.concatenate([one.embed(chips[row : row + 1]) for row in range(len(chips))])
    assert len(chips) == 6
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("side", [60, 250, 1600, 4000])
def test_a_face_is_found_at_any_size_of_photo(lfw: Path, side: int) -> None:
    """From 24 pixels to 1,600: larger photos are looked at twice."""
    photo = Image.open(sorted((lfw / "Abdullah_Gul").glob("*.jpg"))[0]).convert("RGB").resize((side, side))
    faces = engine().find(np.asarray(photo))
    assert len(faces.boxes) >= 1
    centre = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
    assert np.abs(centre / side - 0.5).max() < 0.15


@pytest.mark.parametrize("name", ["sface", "resnet", "dlib"])
def test_every_engine_tells_people_apart(lfw: Path, name: str) -> None:
    if name == "dlib":
        pytest.importorskip("dlib")
    one = engine(name)
    found = []
    for person in ("Abdullah_Gul", "Amelie_Mauresmo"):
        for photo in sorted((lfw / person).glob("*.jpg"))[1:4]:
            pixels = read_photo(photo)
            faces = one.find(pixels)
            middle = np.hypot(*((faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - 125).T).argmin()
            found.append(one.embed(one.cut(pixels, faces.chosen(np.array([middle]))))[0])
    scores = np.stack(found) @ np.stack(found).T
    own = [scores[i, j] for i in range(6) for j in range(i) if i // 3 == j // 3]
    others = [scores[i, j] for i in range(6) for j in range(i) if i // 3 != j // 3]
    assert min(own) > max(others)


def test_dlib_with_nobody_to_see() -> None:
    pytest.importorskip("dlib")
    one = engine("dlib")
    empty = np.zeros((80, 80, 3), np.uint8)
    faces = one.find(empty)
    assert faces.boxes.shape == (0, 4) and faces.landmarks.shape == (0, 5, 2)
    assert one.embed(one.cut(empty, faces)).shape == (0, 128)
