"""What the images tell of the settings, and how grey values are scaled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seodang.core.device import choose_device
from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.data.images import write_png
from seodang.families.segmentation.data import SegmentationData, read_data
from seodang.families.segmentation.derive import prepare
from seodang.families.segmentation.pacing import pace
from seodang.families.segmentation.scaling import Moments, Scale, Scaling
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.training import class_weights, stored_scaling


def written(folder: Path, size: tuple[int, int], light: tuple[float, ...] = (100.0,), classes: int = 2) -> SegmentationData:
    """Twenty noisy images, whose brightness goes through some values."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(20):
        image = random.normal(light[number % len(light)], 10, (*size, 3)).clip(0, 255).astype(np.uint8)
        mask = (np.arange(size[0] * size[1]).reshape(size) % classes).astype(np.uint8)
        write_png(folder / "images" / f"{number}.png", image)
        write_png(folder / "masks" / f"{number}.png", mask)
    return read_data(str(folder), SegmentationSettings())


def prepared(data: SegmentationData, **given: object) -> Prepared[SegmentationSettings]:
    return prepare(data, SegmentationSettings.from_flat(given))


@pytest.mark.parametrize(
    ("size", "patch", "depth", "batch"),
    [((500, 700), 128, 4, 4), ((100, 140), 96, 3, 7), ((40, 40), 32, 2, 16), ((10, 12), 16, 1, 16)],
)
def test_pieces_depth_and_batch_follow_the_median_image(
    tmp_path: Path, size: tuple[int, int], patch: int, depth: int, batch: int
) -> None:
    found = prepared(written(tmp_path, size))
    flat = found.settings.to_flat()
    assert (flat["patch_size"], flat["depth"], flat["batch_size"]) == (patch, depth, batch)
    assert found.reasons["patch_size"] == f"the median image is {size[1]} x {size[0]} pixels; at most 128 on a CPU"
    assert flat["patch_size"] % 2 ** flat["depth"] == 0


def test_what_is_given_stands_and_gets_no_reason(tmp_path: Path) -> None:
    found = prepared(written(tmp_path, (100, 140)), patch_size=64, depth=2, base_channels=12, epochs=3)
    flat = found.settings.to_flat()
    assert (flat["patch_size"], flat["depth"], flat["base_channels"], flat["epochs"]) == (64, 2, 12, 3)
    assert not {"patch_size", "depth", "base_channels", "epochs"} & set(found.reasons)


def test_pieces_that_cannot_be_halved_so_often_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"patch_size must be a multiple of 2 \*\* depth, 16, got 40"):
        prepared(written(tmp_path, (100, 140)), patch_size=40, depth=4)


def test_images_taken_alike_are_scaled_together_and_others_each_by_itself(tmp_path: Path) -> None:
    alike = prepared(written(tmp_path / "alike", (40, 40)))
    assert alike.settings.to_flat()["normalisation"] == "dataset"
    assert alike.preprocessing["mean"] == pytest.approx([99.5] * 3, abs=0.3)  # cut off to whole numbers
    assert alike.preprocessing["deviation"] == pytest.approx([10] * 3, abs=0.3)
    unlike = prepared(written(tmp_path / "unlike", (40, 40), (40.0, 200.0)))
    assert unlike.settings.to_flat()["normalisation"] == "image"
    assert unlike.reasons["normalisation"] == "98% of the variance of grey values lies between images"
    scaling = stored_scaling(unlike.preprocessing, unlike.settings)
    image = np.random.default_rng(1).normal(200, 10, (50, 60, 3)).clip(0, 255).astype(np.uint8)
    scaled = scaling.apply(image)
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std((0, 1)), 1, atol=1e-3)


def test_moments_are_those_of_numpy_for_any_size_and_number_of_channels() -> None:
    image = np.random.default_rng(0).integers(0, 65536, (1100, 1000, 3), dtype=np.uint16)
    found = Moments.of(image)
    np.testing.assert_allclose(found.mean, image.mean((0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, image.std((0, 1)), rtol=1e-9)
    grey = np.random.default_rng(0).integers(0, 256, (20, 20, 2), dtype=np.uint8)
    np.testing.assert_allclose(Moments.of(grey).with_channels(3).mean, np.repeat(grey[:, :, 0].mean(), 3))


def test_the_noise_of_an_empty_image_is_not_blown_up() -> None:
    scaling = Scaling(Scale(np.full(1, 100, np.float32), np.full(1, 50, np.float32)), own=True)
    empty = np.full((20, 20, 1), 9, np.uint8)
    empty[0, 0] = 10
    assert np.abs(scaling.apply(empty)).max() < 0.5
    assert scaling.apply(np.zeros((4, 4, 1), np.uint8)).max() == 0


def test_rare_classes_weigh_by_the_root_of_how_rare_they_are() -> None:
    weights = class_weights({"shares": [0.9, 0.09, 0.01]})
    assert weights[1] / weights[0] == pytest.approx(10**0.5, rel=1e-5)
    assert weights[2] / weights[0] == pytest.approx(90**0.5, rel=1e-5)
    assert (weights.numpy() @ [0.9, 0.09, 0.01]) == pytest.approx(1)
    assert class_weights({"shares": [0.9999, 0.0001]})[1] / class_weights({"shares": [0.9999, 0.0001]})[0] == pytest.approx(10)


@pytest.mark.parametrize(("side", "weighted"), [(20, False), (2, True)])
def test_rare_classes_are_weighted(tmp_path: Path, side: int, weighted: bool) -> None:
    for number in range(12):
        image = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        mask = np.zeros((48, 48), np.uint8)
        mask[5 : 5 + side, 5 : 5 + side] = 255
        for kind, pixels in (("images", image), ("masks", mask)):
            (tmp_path / kind).mkdir(exist_ok=True)
            write_png(tmp_path / kind / f"{number}.png", pixels)
    found = prepared(read_data(str(tmp_path), SegmentationSettings()))
    assert found.settings.to_flat()["class_weights"] is weighted
    assert found.reasons["class_weights"] == f"the rarest class has {side**2 / 48**2:.2%} of all pixels"


def test_minutes_become_steps_once(tmp_path: Path) -> None:
    data = written(tmp_path, (40, 40))
    asked = prepared(data, minutes=0.02, base_channels=4, depth=2, patch_size=32, batch_size=4)
    device = choose_device("cpu", "f32", 1)
    found = pace(asked, data, device)
    flat = found.settings.to_flat()
    assert flat["steps"] >= 1 and flat["epochs"] >= 1
    assert "would fit into 0.02 min at" in found.reasons["steps"]
    fewer = pace(prepared(data, minutes=0.02, steps=1, base_channels=4, depth=2, patch_size=32, batch_size=4), data, device)
    assert fewer.settings.to_flat()["steps"] == 1
    assert pace(prepared(data, epochs=2), data, device).settings.to_flat()["steps"] is None
