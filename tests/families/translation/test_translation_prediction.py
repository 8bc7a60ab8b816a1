"""Prediction of images of any size, what answers are measured by, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seodang.core.device import Device
from seodang.core.errors import DataError
from seodang.families.translation.data import Part
from seodang.families.translation.judges import CHOOSING, REPORTING, Judge, new_judge
from seodang.families.translation.measures import input_itself, mean_target, measure
from seodang.families.translation.pixels import Kind, as_numbers
from seodang.families.translation.prediction import Translator, mirrored, network_answers
from seodang.families.translation.showing import difference_map, narrowed, shown
from seodang.families.translation.unet import TranslationUNet
from seodang.families.translation.validation import TranslationValidation

DEVICE = Device("cpu", "f32", 1, "a test")
GREY, COLOUR, DEEP = Kind(1, 8), Kind(3, 8), Kind(3, 16)


def negative(sources: Tensor) -> Tensor:
    assert not [side for side in sources.shape[-2:] if side % 8]
    return -sources


def translator(kind: Kind = COLOUR, side: int | None = None) -> Translator:
    return Translator(negative, 8, kind, kind, side)


def picture(height: int, width: int, kind: Kind = COLOUR, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 2**kind.bits, (height, width, kind.channels), dtype=f"uint{kind.bits}")


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (41, 16)])
@pytest.mark.parametrize("kind", [GREY, COLOUR, DEEP, Kind(2, 16), Kind(4, 8)])
def test_an_image_of_any_size_keeps_size_channels_and_bits(size: tuple[int, int], kind: Kind) -> None:
    image = picture(*size, kind)
    answer = translator(kind).pixels(image)
    expected = 2**kind.bits - 1 - image
    np.testing.assert_array_equal(answer, expected[:, :, 0] if kind.channels == 1 else expected)
    assert answer.dtype == image.dtype


def test_an_image_is_lengthened_as_in_a_mirror() -> None:
    assert mirrored(9, 4).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert mirrored(4, 4).tolist() == [0, 1, 2, 3]
    seen: list[Tensor] = []

    def compute(sources: Tensor) -> Tensor:
        seen.append(sources)
        return sources

    sources = torch.arange(17.0).expand(1, 1, 16, 17)
    Translator(compute, 8, GREY, GREY).answers(sources)
    assert seen[0].shape == (1, 1, 16, 24)
    assert seen[0][0, 0, 0, 15:].tolist() == [15, 16, 15, 14, 13, 12, 11, 10, 9]


def test_images_come_to_the_scale_of_those_learned_from_and_answers_back() -> None:
    seen: list[tuple[int, ...]] = []

    def compute(sources: Tensor) -> Tensor:
        seen.append(tuple(sources.shape[-2:]))
        return sources

    flat = np.full((64, 96, 3), 77, np.uint8)
    np.testing.assert_array_equal(Translator(compute, 8, COLOUR, COLOUR, 32).pixels(flat), flat)
    Translator(compute, 8, COLOUR, COLOUR).pixels(flat)
    assert seen == [(32, 48), (64, 96)]


def test_sizes_are_judged_at_the_scale_of_those_learned_from() -> None:
    resized = Translator(lambda sources: sources, 8, COLOUR, COLOUR, 32)
    for size in ((100, 4000), (5, 7)):
        flat = np.full((*size, 3), 77, np.uint8)
        np.testing.assert_array_equal(resized.pixels(flat), flat)
    message = r"it has 4000 x 20 pixels, 6400 x 32 at the scale of those learned from; sides of 16 to 2048 are translated: cut"
    with pytest.raises(DataError, match=message):
        resized.pixels(picture(20, 4000))
    with pytest.raises(DataError, match="it has 5 x 0 pixels; sides of 16 to 2048"):
        resized.pixels(picture(0, 5))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (picture(15, 40), r"it has 40 x 15 pixels; sides of 16 to 2048 are translated: scale it up"),
        (picture(16, 2049), r"it has 2049 x 16 pixels; sides of 16 to 2048 are translated: cut it into pieces, or"),
        (picture(20, 20, Kind(4, 8)), r"it has 4 channels \(transparency\); this run takes 3: save it without transparency"),
        (picture(20, 20, Kind(4, 16)), r"it has 4 channels of 16 bits, and those that were learned from 3 channels of 8 bits"),
        (
            picture(20, 20, GREY),
            r"it has 1 channel of 8 bits, and those that were learned from 3 channels of 8 bits; save it like",
        ),
        (picture(20, 20, DEEP), r"it has 3 channels of 16 bits, and those that were learned from 3 channels of 8 bits"),
        (np.zeros((20, 20, 3), np.float32), r"its pixels are floating point; expected 8 or 16 bits"),
        (np.zeros((20, 20, 3), np.int64), r"its pixels are int64; expected 8 or 16 bits"),
    ],
)
def test_images_of_another_kind_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        translator().pixels(image)


def test_a_constant_image_gets_a_finite_answer() -> None:
    torch.manual_seed(0)
    network = TranslationUNet(3, 3, (4, 8, 8))
    answers = network_answers(network, DEVICE)
    for light in (-1.0, 0.0, 1.0):
        assert answers(torch.full((2, 3, 32, 32), light)).isfinite().all()
    network.train()
    assert network(torch.full((2, 3, 32, 32), 1.0)).isfinite().all()


def part(count: int = 6, *, same: bool = False, kind: Kind = COLOUR) -> Part:
    drawn = torch.from_numpy(np.stack([picture(32, 32, kind, seed).transpose(2, 0, 1) for seed in range(2 * count)]))
    sources, targets = drawn[:count], drawn[:count] if same else drawn[count:]
    names = tuple(f"{number}" for number in range(count))
    return Part(names, sources, targets, names, kind, kind)


def judge(channels: int = 3, name: str = REPORTING) -> Judge:
    torch.manual_seed(0)
    return Judge(new_judge(name, channels, (32, 32)), DEVICE)


def test_perfect_answers_have_the_best_measures() -> None:
    found = measure(part(), lambda sources: as_numbers(part().targets)[: len(sources)], judge(), paired=True)
    means = {name: float(each.mean()) for name, each in found.each.items()}
    assert means == pytest.approx({"l1": 0.0, "psnr": 100.0, "ssim": 1.0, "perceptual": 0.0}, abs=1e-5)
    assert found.kernel_distance is not None and found.kernel_distance < 0  # unbiased: equal clouds are nearer than by chance


def test_measures_by_hand() -> None:
    images = part()
    found = measure(images, lambda sources: torch.zeros_like(sources), judge(), paired=True)
    light = images.targets.double() / 255
    assert found.each["l1"].tolist() == pytest.approx((light - 0.5).abs().mean((1, 2, 3)).tolist(), abs=1e-6)
    expected = (-10 * (light - 0.5).square().mean((1, 2, 3)).log10()).tolist()
    assert found.each["psnr"].tolist() == pytest.approx(expected, abs=1e-4)


def test_without_pairs_crowds_alone_are_compared() -> None:
    found = measure(part(), negative, judge(), paired=False)
    assert not found.each and found.kernel_distance is not None
    assert measure(part(1), negative, judge(), paired=True).kernel_distance is None


def test_the_kernel_distance_does_not_hang_on_how_large_features_are() -> None:
    small, large = judge(), judge()
    with torch.no_grad():
        large.network.hidden.weight.mul_(10)
        large.network.hidden.bias.mul_(10)
    distances = [measure(part(), negative, one, paired=False).kernel_distance for one in (small, large)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)


def test_a_judge_looks_at_large_images_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    one, images = judge(), as_numbers(part(8).targets)
    whole, distances = one.features(images), one.distances(images, images.flip(3))
    monkeypatch.setattr("seodang.families.translation.judges.PIXELS_AT_ONCE", 32 * 32 * 3)
    np.testing.assert_allclose(one.features(images), whole, atol=1e-5)
    torch.testing.assert_close(one.distances(images, images.flip(3)), distances, atol=1e-5, rtol=1e-4)


def test_the_judges_are_two_different_networks() -> None:
    counts = [sum(value.numel() for value in new_judge(name, 3, (64, 64)).parameters()) for name in (CHOOSING, REPORTING)]
    assert counts[0] != counts[1]


def test_yardsticks_are_the_input_and_the_mean() -> None:
    sources = torch.rand(2, 1, 16, 16) * 2 - 1
    itself = input_itself(1, 3)
    assert itself is not None and torch.equal(itself(sources), sources.expand(-1, 3, -1, -1))
    same = input_itself(3, 3)
    colours = torch.rand(2, 3, 16, 20)
    assert same is not None and torch.equal(same(colours), colours)
    assert input_itself(7, 3) is None
    mean = torch.rand(3, 16, 16)
    assert torch.equal(mean_target(mean)(sources), mean.expand(2, -1, -1, -1))
    assert mean_target(mean)(torch.zeros(1, 1, 32, 48)).shape == (1, 3, 32, 48)


class Watched:
    """What a validation needs of the data."""

    def __init__(self, images: Part) -> None:
        self.parts, self.target_kind = {"validation": images}, images.target_kind


def validation(compute: Any, *, paired: bool = True, images: Part | None = None) -> TranslationValidation:
    data: Any = Watched(images or part())
    return TranslationValidation(Translator(compute, 8, COLOUR, COLOUR), data, judge(name=CHOOSING), paired)


def test_every_epoch_is_measured_in_every_way_and_chosen_by_one() -> None:
    pairs, piles = validation(negative), validation(negative, paired=False)
    assert set(pairs.measure()) == {"l1", "psnr", "ssim", "perceptual", "kid"} and pairs.monitor == "perceptual"
    assert set(piles.measure()) == {"kid"} and piles.monitor == "kid"
    assert not pairs.higher_is_better and not pairs.alarms()


def test_answers_that_are_all_alike_raise_an_alarm() -> None:
    watching = validation(lambda sources: torch.full_like(sources, 0.3))
    watching.measure()
    (alarm,) = watching.alarms()
    assert alarm.startswith("all answers are nearly alike: they differ from image to image by 0.0% of what targets do")


@pytest.mark.parametrize(("paired", "width"), [(True, 6 * 34 - 2), (False, 6 * 34 - 2)])
def test_the_picture_of_an_epoch_has_sources_and_answers_side_by_side(paired: bool, width: int) -> None:
    from io import BytesIO

    from PIL import Image

    drawn = validation(negative, paired=paired).pictures()
    with Image.open(BytesIO(drawn["answers"])) as image:
        pixels = np.asarray(image)
    assert pixels.shape == ((3 if paired else 2) * 34 - 2, width, 3)
    source = part().sources[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(pixels[:32, :32], source)
    np.testing.assert_array_equal(pixels[:32, 34:66], 255 - source)


def test_images_of_all_kinds_can_be_shown() -> None:
    deep = np.full((4, 4, 2), 0x8000, np.uint16)
    assert shown(deep).tolist() == np.full((4, 4, 3), 128).tolist()
    assert shown(torch.zeros(4, 2, 2)).shape == (2, 2, 3)
    assert shown(np.full((3, 3), 9, np.uint8)).max() == 9


def test_wide_pictures_are_narrowed_in_their_proportions() -> None:
    small = picture(10, 40)
    assert narrowed(small, 40) is small
    wide = np.full((100, 1200, 3), 99, np.uint8)
    np.testing.assert_array_equal(narrowed(wide, 600), np.full((50, 600, 3), 99, np.uint8))


def test_differences_are_black_where_there_are_none_and_lightest_between_black_and_white() -> None:
    one, other = torch.full((3, 1, 2), -1.0), torch.full((3, 1, 2), -1.0)
    other[:, 0, 1] = 1.0
    assert difference_map(one, other).tolist() == [[[0, 0, 4], [252, 255, 164]]]


def test_an_alpha_channel_that_is_opaque_everywhere_says_nothing() -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    assert Kind(3, 8).without_opacity(pixels).shape == (4, 4, 3)
    assert Kind(4, 8).without_opacity(pixels).shape == (4, 4, 4)
    pixels[0, 0, 3] = 254
    assert Kind(3, 8).without_opacity(pixels).shape == (4, 4, 4)
