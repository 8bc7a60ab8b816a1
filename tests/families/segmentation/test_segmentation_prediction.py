"""Images of any size: tiles equal the whole, memory stays bounded, mirrors and engines agree."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import seodang
from seodang.core.device import choose_device
from seodang.core.errors import DataError
from seodang.core.values import Image, Mask, Refused
from seodang.data.images import read_image, write_png
from seodang.data.tiles import Tiling
from seodang.families.segmentation.prediction import Segmenter, network_chances, tiling_for
from seodang.families.segmentation.scaling import Scale, Scaling
from seodang.families.segmentation.unet import UNet, folded, level_channels


def segmenter(depth: int, tile: int, mirror: bool = False, outputs: int = 1) -> Segmenter:
    """A network of random weights, in full precision."""
    torch.manual_seed(0)
    network = UNet(3, outputs, level_channels(6, depth))
    for _ in range(3):  # normalisations that fit what the network computes
        network(torch.randn(2, 3, 64, 64))
    scaling = Scaling(Scale(np.full(3, 120, np.float32), np.full(3, 60, np.float32)))
    compute = network_chances(folded(network), choose_device("cpu", "f32"))  # as it predicts
    return Segmenter(compute, scaling, tiling_for(network.stride, network.receptive_radius, tile), mirror)


def chances(using: Segmenter, image: np.ndarray) -> np.ndarray:
    """All bands together."""
    return np.concatenate([band for _, band in using.bands(image)], 1)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("size", [(300, 410), (203, 517), (400, 96)])
def test_a_tiled_mask_equals_the_whole_image(size: tuple[int, int], outputs: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    tiled, whole = segmenter(3, 160, outputs=outputs), segmenter(3, 1024, outputs=outputs)
    assert len(tiled.tiling.starts(416)) > 2 and len(whole.tiling.starts(520)) == 1
    # The same numbers added up in other kernels: float32 keeps about seven digits; asked for is 1e-3.
    np.testing.assert_allclose(chances(tiled, image), chances(whole, image), atol=1e-4)


def test_with_a_smaller_margin_the_seams_show() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    whole = segmenter(3, 1024)
    careless = Segmenter(whole.compute, whole.scaling, Tiling(160, 0, 8))
    assert np.abs(chances(careless, image) - chances(whole, image)).max() > 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (37, 3), (8, 8)])
def test_small_images_keep_their_size(size: tuple[int, int]) -> None:
    found = segmenter(3, 160, mirror=True).mask(np.zeros((*size, 3), np.uint8))
    assert found.classes.shape == size and np.isfinite(found.confidence).all()


def test_mirrored_readings_do_not_depend_on_how_the_image_lies() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    using = segmenter(2, 256, mirror=True)
    np.testing.assert_allclose(chances(using, image[:, ::-1])[:, :, ::-1], chances(using, image), atol=1e-5)


def test_grey_images_are_read_by_a_network_for_colours_and_others_are_refused() -> None:
    using = segmenter(2, 256)
    grey = np.random.default_rng(0).integers(0, 256, (32, 32, 1), dtype=np.uint8)
    np.testing.assert_array_equal(chances(using, grey), chances(using, np.repeat(grey, 3, 2)))
    with pytest.raises(DataError, match="an image of 7 channels where 3 are expected"):
        using.mask(np.zeros((32, 32, 7), np.uint8))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seodang.Run:
    folder = tmp_path_factory.mktemp("discs")
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / "cells" / kind).mkdir(parents=True)
    for number in range(20):
        rows, columns = np.mgrid[:48, :64]
        inside = np.hypot(rows - random.uniform(8, 40), columns - random.uniform(8, 56)) < random.uniform(5, 12)
        slope = 2 * columns[:, :, None]  # light that no threshold can part
        light = 30 + 60 * inside[:, :, None] * np.array([1.0, 0.7, 0.5]) + slope + random.normal(0, 15, (48, 64, 3))
        write_png(folder / "cells" / "images" / f"{number}.png", np.clip(light, 0, 255).astype(np.uint8))
        write_png(folder / "cells" / "masks" / f"{number}.png", inside.astype(np.uint8) * 255)
    return seodang.train(
        "segmentation",
        folder / "cells",
        runs=folder / "runs",
        threads=1,
        base_channels=8,
        depth=2,
        patch_size=32,
        batch_size=4,
        epochs=25,
    )


def test_discs_are_learned_and_beat_the_yardstick(run: seodang.Run) -> None:
    measured = run.evaluation
    assert measured["measures"]["dice"]["value"] > 0.85
    assert measured["measures"]["dice"]["value"] > measured["yardstick"]["dice"]["value"]


def test_a_mask_keeps_the_size_of_its_image_and_is_drawn_in_the_values_of_the_training_masks(run: seodang.Run) -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 71, 3), dtype=np.uint8)
    mask = run.predict(image)
    assert isinstance(mask, Mask) and mask.classes.shape == mask.confidences.shape == (50, 71)
    assert sum(mask.shares.values()) == pytest.approx(1)
    assert set(np.unique(mask.pictures["out"]())) <= {0, 255}
    overlay = mask.pictures["overlay"]()
    np.testing.assert_array_equal(overlay[mask.classes == 0], image[mask.classes == 0])
    assert (overlay[mask.classes == 1] != image[mask.classes == 1]).any()


def test_python_takes_paths_and_arrays_and_refuses_what_is_neither(run: seodang.Run, tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(run.predict(str(tmp_path / "a.png")).classes, run.predict(image).classes)
    with pytest.raises(DataError, match=r"missing\.png: there is no file"):
        run.predict(tmp_path / "missing.png")
    assert isinstance(run.predict_each([tmp_path / "missing.png"])[0], Refused)
    with pytest.raises(DataError, match="An image is expected, a path or an array, got int: 7"):
        Image(7)  # type: ignore[arg-type]


def test_images_of_other_bits_are_refused(run: seodang.Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its pixels are of 16 bits, and those that were learned from of 8 bits; save it"):
        run.predict(np.zeros((40, 40, 3), np.uint16))
    with pytest.raises(DataError, match="its pixels are floating point"):
        run.predict(np.zeros((40, 40, 3), np.float32))
    with pytest.raises(DataError, match="is a folder; name the images in it"):
        run.predict(tmp_path)


def test_images_that_were_learned_from_are_counted_and_the_yardstick_stands_beside(run: seodang.Run, tmp_path: Path) -> None:
    cells = run.path.parent.parent / "cells"
    found = run.evaluate(cells)
    assert found.rows == 20 and found.yardstick["dice"].value is not None
    tested = run.evaluation["rows"]
    assert found.notes == (f"{20 - tested} of these 20 images were learned from: others tell more about new ones.",)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    write_png(tmp_path / "images" / "a.png", np.zeros((40, 40), np.uint16))
    write_png(tmp_path / "masks" / "a.png", np.eye(40, dtype=np.uint8))
    with pytest.raises(DataError, match="a: its pixels are of 16 bits"):
        run.evaluate(tmp_path)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_engines_give_the_same_mask(run: seodang.Run, engine: str) -> None:
    if find_spec({"onnx": "onnxruntime", "openvino": "openvino"}[engine]) is None:  # its own import would tell its maker
        pytest.skip(f"{engine} is not installed")
    run.export()
    other = seodang.load(run.path, engine=engine, threads=1)
    for number in range(3):
        image = np.random.default_rng(number).integers(0, 256, (40 + 31 * number, 64, 3), dtype=np.uint8)
        ours, theirs = run.predict(image), other.predict(image)
        np.testing.assert_allclose(theirs.confidences, ours.confidences, atol=1e-4)
        sure = ours.confidences > 0.5 + 1e-4
        np.testing.assert_array_equal(theirs.classes[sure], ours.classes[sure])
    proof = json.loads((run.path / "export" / "proof.json").read_text())
    assert proof["largest_difference"] <= proof["allowed_difference"] == 1e-4 and len(proof["images"]) >= 3


def test_a_large_image_needs_little_more_memory_than_itself(run: seodang.Run, tmp_path: Path) -> None:
    """Twelve megapixels with all pictures; the network over all of them at once would take more than twice as much."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the greatest memory of one program alone")
    path = tmp_path / "large.png"
    write_png(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8).repeat(32, 0).repeat(96, 1))
    words = [
        "predict",
        str(run.path),
        str(path),
        "--out",
        str(tmp_path / "m.png"),
        "--overlay",
        str(tmp_path / "o.png"),
        "--no-mirror",
    ]
    script = (
        "import sys\nfrom pathlib import Path\nfrom seodang.cli.main import main\n"
        f"code = main({[*words, '--confidence', str(tmp_path / 'c.png')]!r})\n"
        # Not ru_maxrss, which begins with the memory of the process that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    megabytes = int(done.stdout.split()[-1]) / 1024
    assert megabytes < 1400
    assert read_image(tmp_path / "m.png").shape == (2048, 6144, 1)
