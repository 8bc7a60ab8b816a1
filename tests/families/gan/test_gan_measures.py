"""What is measured: the floor, the scale, alarms, copies, and that the judges are those that belong here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seodang.core.device import choose_device
from seodang.core.errors import MachineError
from seodang.families.gan.comparing import Reference, pixel_rows, shifted
from seodang.families.gan.data import GanData, Part
from seodang.families.gan.evaluation import asked_and_right, class_table, find_copies
from seodang.families.gan.generation import path
from seodang.families.gan.judging import CHECKSUMS, load_judges
from seodang.families.gan.making import as_bytes, latents_of
from seodang.families.gan.predictor import GanPredictor
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import chosen, classes_like
from seodang.families.gan.watching import GanWatch, noise_like
from seodang.families.gan.yardstick import PixelMixture
from seodang.nn.judge import JudgeNetwork


def crosses(count: int, seed: int = 0) -> Tensor:
    """Small images of a cross somewhere."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 1, 28, 28), np.uint8)
    for image in images:
        row, column = random.integers(6, 22, 2)
        image[0, row - 5 : row + 5, column] = image[0, row, column - 5 : column + 5] = 255
    return torch.from_numpy(images)


class Fixed(nn.Module):
    """A generator that gives the images it was handed, whatever the noise."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        self.images = images.float() / 127.5 - 1

    def forward(self, latents: Tensor, classes: Tensor | None = None) -> Tensor:
        return self.images[: len(latents)]


def watch(made: Tensor, real: Tensor, steps: int = 1000) -> GanWatch:
    torch.manual_seed(0)
    device = choose_device("cpu", "f32", 1)
    reference = Reference(JudgeNetwork(1, 4, 28, 8).eval(), real, device)
    hopeless = reference.fid(reference.see(noise_like(real)).features)
    return GanWatch(Fixed(made), reference, 5, None, len(made), hopeless, lambda: steps, device)


def test_the_judges_that_come_along_are_those_whose_checksums_are_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = GanSettings.from_flat({"judge": "mnist"})
    preprocessing = {"size": 28, "channels": 1, "class_names": list("0123456789")}
    device = choose_device("cpu", "f32", 1)
    choosing, reporting = load_judges(settings, preprocessing, {}, device)
    assert choosing.score.out_features == reporting.score.out_features == 10
    monkeypatch.setitem(CHECKSUMS, "reporting", "0" * 64)
    with pytest.raises(MachineError, match=r"mnist-reporting\.safetensors is not the file that belongs here"):
        load_judges(settings, preprocessing, {}, device)


def test_images_like_the_real_ones_raise_no_alarm() -> None:
    watching = watch(crosses(200, 1), crosses(200, 2))
    found = watching.measure()
    assert watching.alarms() == ()
    assert found["fid"] < watching.hopeless / 20 and found["recall"] > 0.5 and 0.7 < found["variety"] < 1.4


def test_one_image_again_and_again_is_a_collapse() -> None:
    watching = watch(crosses(1).expand(200, 1, 28, 28), crosses(200, 2))
    watching.measure()
    (alarm,) = watching.alarms()
    assert alarm.startswith("collapse: images differ from each other 0% as much as real ones do")


def test_the_first_images_may_be_alike() -> None:
    watching = watch(crosses(1).expand(200, 1, 28, 28), crosses(200, 2), steps=200)
    watching.measure()
    assert watching.alarms() == ()


def test_images_further_away_than_noise_have_diverged() -> None:
    real = crosses(200, 2)
    watching = watch(255 - noise_like(real), real)
    assert watching.measure()["fid"] > watching.hopeless
    assert watching.alarms()[0].startswith("diverged: images are further from the real ones")


def test_shifted_images_are_the_same_one_pixel_on() -> None:
    images = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3)
    assert shifted(images)[0, 0].tolist() == [[0, 0, 1], [0, 0, 1], [3, 3, 4]]


def test_large_images_are_compared_at_a_small_size() -> None:
    images = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    rows = pixel_rows(images)
    assert rows.shape == (3, 3 * 32 * 32)
    assert rows[0, 0] == pytest.approx(float(images[0, 0, :2, :2].float().mean()) / 255)


@pytest.mark.parametrize(("mirror", "least", "most"), [(True, 1.0, 1.0), (False, 0.0, 0.2)])
def test_mirrored_copies_are_copies_where_images_are_mirrored(mirror: bool, least: float, most: float) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (300, 1, 28, 28), dtype=torch.uint8, generator=random)
    parts = (Part(some, torch.zeros(len(some), dtype=torch.int64)) for some in images.split(200))
    data = GanData("x", False, *parts, (), ())
    turned = images[:200].flip(3)
    predictor = GanPredictor(
        GanSettings.from_flat({"mirror": mirror, "conditional": False}),
        {"class_names": []},
        lambda latents, classes: turned[torch.arange(len(latents)) % 200],
        choose_device("cpu", "f32", 1),
    )
    copies = find_copies(predictor, data)
    assert least <= copies.share <= most and copies.numbers.max() < 200


def test_test_images_that_were_learned_from_do_not_hide_copies() -> None:
    random = torch.Generator().manual_seed(0)
    learned = torch.randint(0, 256, (200, 1, 28, 28), dtype=torch.uint8, generator=random)
    others = torch.randint(0, 256, (100, 1, 28, 28), dtype=torch.uint8, generator=random)
    parts = (Part(some, torch.zeros(len(some), dtype=torch.int64)) for some in (learned, torch.cat([learned[:50], others])))
    near = (learned.float() + 3).clamp(max=255).to(torch.uint8)
    predictor = GanPredictor(
        GanSettings.from_flat({"conditional": False}),
        {"class_names": []},
        lambda latents, classes: near[torch.arange(len(latents)) % 200],
        choose_device("cpu", "f32", 1),
    )
    assert find_copies(predictor, GanData("x", False, *parts, (), ())).share == 1


def test_as_bytes_covers_black_to_white() -> None:
    assert as_bytes(torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])).tolist() == [0, 0, 128, 255, 255]


def test_noise_depends_on_the_seed_alone() -> None:
    assert torch.equal(latents_of([5, 9], 7)[1], latents_of([9], 7)[0])
    assert latents_of(range(2000), 3).std() == pytest.approx(1.0, abs=0.05)


def test_classes_are_made_as_often_as_they_are_real() -> None:
    counts = torch.bincount(classes_like({"class_counts": [1, 2, 7]}, range(500, 1500)), minlength=3)
    assert counts.tolist() == pytest.approx([100, 200, 700], abs=2)


def test_a_choice_is_the_same_for_the_same_purpose_and_without_repeats() -> None:
    images = torch.arange(50)
    assert torch.equal(chosen(images, 20, "a"), chosen(images, 20, "a")) and len(set(chosen(images, 20, "a").tolist())) == 20
    assert not torch.equal(chosen(images, 20, "a"), chosen(images, 20, "b"))


def test_a_walk_passes_through_its_points_at_their_own_length_and_comes_back() -> None:
    corners, way = latents_of(range(3), 50), path(3, 10, 50, 0)
    assert torch.allclose(way[::10], corners, atol=1e-5)
    steps = (way - way.roll(1, 0)).norm(dim=1)
    assert steps.max() < 3 * steps.min()  # no jump, at the end neither
    middle, ends = float(way[5].norm()), float(corners[:2].norm(dim=1).mean())
    assert middle == pytest.approx(ends, rel=0.05)  # a straight line would pass much nearer to nought


def test_the_mixture_of_pixels_draws_images_that_are_real_only_on_average() -> None:
    real = crosses(300)
    drawn = PixelMixture(real).draw(300)
    assert drawn.shape == real.shape and drawn.dtype == torch.uint8
    assert abs(float(drawn.float().mean()) - float(real.float().mean())) < 8
    assert torch.equal(drawn, PixelMixture(real).draw(300))


def test_the_part_made_as_asked_is_counted_by_class() -> None:
    found = asked_and_right(torch.tensor([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    assert found == [0.5, pytest.approx(2 / 3), None]
    table = class_table(["a", "b"], np.array([0.5, 0.5]), np.array([0.2, 0.8]), [None, None])
    assert table.headers == ("class", "part of the real images", "part of the made images")
