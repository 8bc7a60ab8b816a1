"""Where sources and targets are found, how they are split and kept, and every bad input with its message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seodang import families
from seodang.core.errors import DataError, SettingsError
from seodang.data.images import read_image, write_png
from seodang.data.splits import PARTS
from seodang.families.translation import data as data_module
from seodang.families.translation.batches import Straying, TranslationSource
from seodang.families.translation.data import Part, TranslationData, look, read_data, read_others
from seodang.families.translation.derive import prepare
from seodang.families.translation.pixels import Kind, as_numbers, middle_square, to_pixels, to_tensor
from seodang.families.translation.settings import TranslationSettings

SIDE = 32


def settings(**values: Any) -> TranslationSettings:
    return TranslationSettings.from_flat(values)


def picture(seed: int, height: int = SIDE, width: int = SIDE, channels: int = 3, bits: int = 8) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 2**bits, (height, width, channels), dtype=np.uint8 if bits == 8 else np.uint16)


def strips(folder: Path, count: int = 20, start: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        write_png(folder / f"{number:02}.png", np.concatenate([picture(number), picture(1000 + number)], 1))
    return folder


def sides(folder: Path, count: int = 20, names: tuple[str, str] = ("a", "b"), **kinds: Any) -> Path:
    for side, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            write_png(folder / name / f"{number:02}.png", picture(1000 * side + number, **kinds))
    return folder


def pair_of(data: TranslationData, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    for part in data.parts.values():
        if name in part.names:
            row = part.names.index(name)
            return part.sources[row], part.targets[row]
    raise AssertionError(f"{name} is in no part")


def as_kept(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


@pytest.mark.parametrize("layout", ["strips", "folders", "sources and targets", "targets elsewhere"])
def test_every_layout_gives_the_same_pairs(tmp_path: Path, layout: str) -> None:
    given: dict[str, Any] = {}
    if layout == "strips":
        source = strips(tmp_path)
    elif layout == "folders":
        source = sides(tmp_path)
    elif layout == "sources and targets":
        source = sides(tmp_path, names=("Sources", "targets"))
    else:
        source, given = sides(tmp_path, names=("plans", "photos")) / "plans", {"targets": str(tmp_path / "photos")}
    data = read_data(str(source), settings(**given))
    assert sum(map(len, data.parts.values())) == 20
    assert all(len(part) for part in data.parts.values())
    for number in (0, 7, 19):
        source_image, target = pair_of(data, f"{number:02}")
        assert torch.equal(source_image, as_kept(picture(number)))
        assert torch.equal(target, as_kept(picture(1000 + number)))


@pytest.mark.parametrize("make", [strips, sides])
def test_the_other_direction_turns_pairs_round(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    source, target = pair_of(read_data(str(make(tmp_path)), settings(direction="b-to-a")), "03")
    assert torch.equal(source, as_kept(picture(1003)))
    assert torch.equal(target, as_kept(picture(3)))


def test_parts_that_the_source_has_stay(tmp_path: Path) -> None:
    strips(tmp_path / "train", 12)
    strips(tmp_path / "test", 4, start=50)
    data = read_data(str(tmp_path), settings())
    assert sorted(data.parts["test"].names) == ["50", "51", "52", "53"]
    assert len(data.parts["train"]) + len(data.parts["validation"]) == 12 and len(data.parts["validation"]) > 0


def test_piles_in_the_form_of_cyclegan_need_no_partners(tmp_path: Path) -> None:
    for part, counts in {"train": (14, 17), "test": (5, 3)}.items():
        for side, count in zip("AB", counts, strict=True):
            (tmp_path / f"{part}{side}").mkdir()
            for number in range(count):
                write_png(
                    tmp_path / f"{part}{side}" / f"{side}{number}.png", picture(1000 * len(part) + 100 * ord(side) + number)
                )
    data = read_data(str(tmp_path), settings(unpaired=True))
    assert (len(data.parts["test"].sources), len(data.parts["test"].targets)) == (5, 3)
    assert len(data.parts["train"].sources) + len(data.parts["validation"].sources) == 14
    assert len(data.parts["train"].targets) + len(data.parts["validation"].targets) == 17


@pytest.mark.parametrize("names", [("trainA", "trainB"), ("train/a", "train/b")])
def test_a_training_part_alone_is_split(tmp_path: Path, names: tuple[str, str]) -> None:
    data = read_data(str(sides(tmp_path, names=names)), settings())
    assert sum(map(len, data.parts.values())) == 20 and all(len(part) for part in data.parts.values())
    source, target = pair_of(data, "07")
    assert torch.equal(source, as_kept(picture(7))) and torch.equal(target, as_kept(picture(1007)))


def test_images_that_are_left_aside_and_strips_that_are_cut_are_noted(tmp_path: Path) -> None:
    for part, start in (("train", 0), ("test", 50), ("more", 100)):
        strips(tmp_path / part, 12, start)
    write_png(tmp_path / "cover.png", picture(0))
    notes = [f"{one.where}: {one.what}" for one in look(str(tmp_path), settings()).findings if one.severity == "note"]
    assert f"{tmp_path.name}/: cover.png, more left aside" in notes
    assert "train/: each image is cut in the middle: a is its left half, b its right one" in notes


@pytest.mark.parametrize(("side", "warned"), [(SIDE, False), (SIDE // 2, True)])
def test_halves_that_are_tall_are_no_strips_likely(tmp_path: Path, side: int, warned: bool) -> None:
    for number in range(20):
        write_png(tmp_path / f"{number}.png", picture(number, SIDE, 2 * side))
    warnings = [one.what for one in look(str(tmp_path), settings()).findings if one.severity == "warning"]
    assert any("cut in the middle, 20 images of 32 x 32 pixels give halves of 16 x 32" in one for one in warnings) == warned


def test_equal_sources_stay_in_one_part(tmp_path: Path) -> None:
    strips(tmp_path, 30)
    for number in range(8):
        strip = np.concatenate([picture(500), picture(2000 + number)], 1)
        write_png(tmp_path / f"equal-{number}.png", strip)
    data = read_data(str(tmp_path), settings())
    holding = [part for part, images in data.parts.items() if any(name.startswith("equal") for name in images.names)]
    assert len(holding) == 1
    found = look(str(tmp_path), settings()).findings
    assert any("1 source there more than once" in finding.what for finding in found)


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (1, 16), (2, 8), (3, 16), (4, 8)])
def test_channels_and_bits_stay_to_the_last_one(tmp_path: Path, channels: int, bits: int) -> None:
    data = read_data(str(sides(tmp_path, 8, channels=channels, bits=bits)), settings())
    assert data.source_kind == data.target_kind == Kind(channels, bits)
    source, _ = pair_of(data, "03")
    back = to_pixels(as_numbers(source[None])[0], data.source_kind)
    expected = picture(3, channels=channels, bits=bits)
    np.testing.assert_array_equal(back, expected[:, :, 0] if channels == 1 else expected)


def test_both_sides_may_be_of_different_kinds(tmp_path: Path) -> None:
    for number in range(8):
        for side, kind in {"a": {"channels": 1}, "b": {"channels": 3, "bits": 16}}.items():
            (tmp_path / side).mkdir(exist_ok=True)
            write_png(tmp_path / side / f"{number}.png", picture(number, **kind))
    data = read_data(str(tmp_path), settings())
    assert (data.source_kind, data.target_kind) == (Kind(1, 8), Kind(3, 16))


def test_the_middle_square_is_cut_and_averaged() -> None:
    image = np.zeros((8, 12, 1), np.uint8)
    image[:, 2:10] = 100
    np.testing.assert_array_equal(middle_square(image, 4), np.full((4, 4, 1), 100, np.uint8))
    deep = np.full((6, 4, 2), 65535, np.uint16)
    np.testing.assert_array_equal(middle_square(deep, 8), np.full((8, 8, 2), 65535, np.uint16))


def test_resizing_makes_mixed_sizes_one(tmp_path: Path) -> None:
    sides(tmp_path, 8)
    for side in "ab":
        write_png(tmp_path / side / "wide.png", picture(77, 50, 70))
    data = read_data(str(tmp_path), settings(resize=16))
    assert data.size == (16, 16)
    assert torch.equal(pair_of(data, "wide")[0], to_tensor(middle_square(picture(77, 50, 70), 16)))


def test_checksums_tell_any_pixel_any_name_and_the_direction(tmp_path: Path) -> None:
    folder = strips(tmp_path)
    first = read_data(str(folder), settings()).digest
    assert read_data(str(folder), settings()).digest == first
    assert read_data(str(folder), settings(direction="b-to-a")).digest != first
    strip = read_image(folder / "05.png").copy()
    strip[3, 40, 1] ^= 1
    write_png(folder / "05.png", strip)
    assert read_data(str(folder), settings()).digest != first


BAD: dict[str, tuple[Callable[[Path], Path], dict[str, Any], str]] = {}


def bad(message: str, **given: Any) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def register(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        BAD[make.__name__] = make, given, message
        return make

    return register


@bad(r"1 pair, so the (validation|train|test) part gets none; each part needs 1 at least; add pairs that differ from these")
def one_image(folder: Path) -> Path:
    return strips(folder, 1)


@bad(r"8 sources, so the \w+ part gets (1 of them|none); each part needs 2 at least; add sources that", unpaired=True)
def few_unpaired(folder: Path) -> Path:
    return sides(folder, 8)


@bad(
    r"[ab]/wide\.png, [ab]/wide\.png: images of different sizes \(\d+ of 32 x 32, 2 of 48 x 32\), where all must have one; "
    "give resize the size that all are to have"
)
def mixed_sizes(folder: Path) -> Path:
    sides(folder)
    for side in "ab":
        write_png(folder / side / "wide.png", picture(77, 32, 48))
    return folder


@bad(r"odd\.png: 65 x 32 pixels; expected two images of one size side by side.*halves would be 32 and 33 wide\. Cut it anew")
def uneven_strip(folder: Path) -> Path:
    strips(folder)
    write_png(folder / "odd.png", picture(3, 32, 65))
    return folder


@bad(r"b/05\.png: 32 x 64 pixels, but a/05\.png has 32 x 32; expected a pair of one size; export both in one size")
def unequal_pair(folder: Path) -> Path:
    sides(folder)
    write_png(folder / "b" / "05.png", picture(3, 64, 32))
    return folder


@bad(r"b/05\.png: 32 x 64 pixels, but a/05\.png has 32 x 32; expected a pair of one size; export both", resize=16)
def unequal_pair_resized(folder: Path) -> Path:
    return unequal_pair(folder)


@bad(
    r"a/05\.png: sources of different kinds \(19 with 3 channels of 8 bits, 1 with 1 channel of 8 bits\), where all must be "
    "alike; save all with equally many channels and bits"
)
def grey_among_colour(folder: Path) -> Path:
    sides(folder)
    write_png(folder / "a" / "05.png", picture(3, channels=1))
    return folder


@bad(r"b/05\.png: targets of different kinds \(19 with 3 channels of 8 bits, 1 with 3 channels of 16 bits\)")
def deep_among_shallow(folder: Path) -> Path:
    sides(folder)
    write_png(folder / "b" / "05.png", picture(3, bits=16))
    return folder


@bad(r"a/05\.png: its pixels are floating point; expected 8 or 16 bits, save it with such")
def floating_point(folder: Path) -> Path:
    from PIL import Image

    sides(folder)
    (folder / "a" / "05.png").unlink()
    Image.fromarray(np.zeros((32, 32), np.float32)).save(folder / "a" / "05.tif")
    (folder / "a" / "05.tif").rename(folder / "a" / "05.png")
    return folder


@bad(r"a/05\.png: is damaged or cut short")
def damaged(folder: Path) -> Path:
    sides(folder)
    path = folder / "a" / "05.png"
    path.write_bytes(path.read_bytes()[:200])
    return folder


@bad(r"a/05\.png: is empty: expected an image, got 0 bytes \(1 more: seodang check translation ")
def two_faults(folder: Path) -> Path:
    sides(folder)
    for name in ("05.png", "06.png"):
        (folder / "a" / name).write_bytes(b"")
    return folder


@bad(r"05\.png: 1 image without a partner of the same name in b/; add the partners or remove the images")
def no_partner(folder: Path) -> Path:
    sides(folder)
    (folder / "b" / "05.png").unlink()
    return folder


@bad(r"a: no image has a partner of the same name in .*b; here they are called 00\.png, .* Without pairs, give unpaired")
def other_names(folder: Path) -> Path:
    sides(folder, 4)
    for path in (folder / "b").iterdir():
        path.rename(path.with_name(f"photo-{path.name}"))
    return folder


@bad(r": there is no image in this folder, but notes\.txt; expected strips with two images side by side, or the folders a/ and")
def no_images(folder: Path) -> Path:
    (folder / "notes.txt").write_text("nothing")
    return folder


@bad(r"strip\.png is a file; expected a folder with strips")
def a_file(folder: Path) -> Path:
    write_png(folder / "strip.png", picture(0, 32, 64))
    return folder / "strip.png"


@bad(r"tiny\.png: 8 x 32 pixels; expected sides of 16 to 1024; give resize the size")
def too_small(folder: Path) -> Path:
    sides(folder)
    for side in "ab":
        write_png(folder / side / "tiny.png", picture(3, 32, 8))
    return folder


@bad(r"targets names the answers already; leave out direction, or swap the folders", direction="b-to-a", targets="b")
def turned_targets(folder: Path) -> Path:
    return sides(folder)


@bad(
    r": all images lie in photos/, sketches/, whose names do not say what they are; known are a/ and b/, .*; rename them, or "
    "name the folder of the sources and give targets that of the answers"
)
def folders_of_other_names(folder: Path) -> Path:
    return sides(folder, names=("sketches", "photos"))


@bad(r"train: all images lie in photos/, sketches/, whose names do not say what they are")
def parts_of_other_names(folder: Path) -> Path:
    for part in ("train", "test"):
        sides(folder / part, names=("sketches", "photos"))
    return folder


@bad(r": all images lie in pairs/, whose names .*; name .*pairs itself if it holds strips")
def strips_further_down(folder: Path) -> Path:
    strips(folder / "pairs")
    return folder


@bad(r": cover\.png lie beside train/; put them into train/, or name one folder alone")
def images_beside_a_part(folder: Path) -> Path:
    strips(folder / "train")
    write_png(folder / "cover.png", picture(0))
    return folder


@bad(r": images of different sizes \(2 of 16 x 16, 2 of 17 x 16, 2 of 18 x 16 and 9 more\), where all must have one")
def many_sizes(folder: Path) -> Path:
    for side in "ab":
        (folder / side).mkdir()
        for number in range(12):
            write_png(folder / side / f"{number:02}.png", picture(number, 16, 16 + number))
    return folder


@bad(r"train/01, test/01: the same source in several parts; keep it in one of them")
def leaked(folder: Path) -> Path:
    strips(folder / "train", 12)
    strips(folder / "test", 4, start=1)
    for number in (2, 3, 4):
        (folder / "train" / f"{number:02}.png").unlink()
    return folder


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    make, given, message = BAD[name]
    source = make(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        read_data(str(source), settings(**given))
    assert "\n" not in str(caught.value)


def test_the_command_that_tells_all_has_the_flags_that_were_given(tmp_path: Path) -> None:
    source = two_faults(tmp_path / "two words")
    message = r"\(1 more: seodang check translation '.*two words' --direction b-to-a --resize 16\)$"
    with pytest.raises(DataError, match=message):
        read_data(str(source), settings(direction="b-to-a", resize=16))


def test_a_damaged_first_image_is_one_of_the_faults(tmp_path: Path) -> None:
    sides(tmp_path)
    for name in ("00.png", "05.png"):
        (tmp_path / "a" / name).write_bytes(b"")
    errors = [finding.where for finding in look(str(tmp_path), settings()).findings if finding.severity == "error"]
    assert errors == ["a/00.png", "a/05.png"]


def test_what_would_not_fit_into_memory_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "MOST_BYTES", 1 << 16)
    message = (
        r"20 sources of 32 x 32 pixels and 20 targets of 32 x 32 pixels take 0\.0 GiB of memory; at most 0 GiB are kept; "
        "give resize a smaller size, or fewer images"
    )
    with pytest.raises(DataError, match=message):
        read_data(str(strips(tmp_path)), settings())
    with pytest.raises(DataError, match="are kept; give fewer images"):
        read_others(str(tmp_path), settings())


def test_each_side_takes_its_own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for side, kind in {"a": {"channels": 1}, "b": {"channels": 3, "bits": 16}}.items():
        (tmp_path / side).mkdir()
        for number in range(8):
            write_png(tmp_path / side / f"{number}.png", picture(number, **kind))
    taken = 8 * SIDE**2 * (1 + 3 * 4)
    monkeypatch.setattr(data_module, "MOST_BYTES", taken)
    read_data(str(tmp_path), settings())
    monkeypatch.setattr(data_module, "MOST_BYTES", taken - 1)
    with pytest.raises(DataError, match="8 sources of 32 x 32 pixels and 8 targets"):
        read_data(str(tmp_path), settings())


def data_of(height: int, width: int, count: int = 3) -> TranslationData:
    """Black images of a size, in each part."""
    images, names = torch.zeros(count, 1, height, width, dtype=torch.uint8), tuple(map(str, range(count)))
    part = Part(names, images, images, names, Kind(1, 8), Kind(1, 8))
    return TranslationData("black", dict.fromkeys(PARTS, part), "", ())


@pytest.mark.parametrize(
    ("size", "depth"),
    [((16, 16), 2), ((128, 128), 5), ((256, 256), 6), ((200, 200), 3), ((100, 100), 2), ((300, 300), 2), ((400, 600), 3)],
)
def test_images_are_halved_as_often_as_they_can_be(size: tuple[int, int], depth: int) -> None:
    assert prepare(data_of(*size), settings()).settings.model.depth == depth


def test_what_could_be_halved_oftener_is_told() -> None:
    reason = prepare(data_of(200, 200), settings()).reasons["depth"]
    assert reason == "200 x 200 pixels can be halved no oftener; 192 x 192 could, 5 times"


@pytest.mark.parametrize(
    ("size", "given", "message"),
    [
        ((250, 250), {}, r"have 250 x 250 pixels, .* 2 times: expected multiples of 4 \(2 \*\* 2\)\. Give resize 256\.$"),
        ((35, 40), {}, r"have 40 x 35 pixels, .* 2 times: expected multiples of 4 \(2 \*\* 2\)\. Give resize 32\.$"),
        ((40, 36), {"depth": 3}, r"36 x 40 pixels, .* 3 times: .* of 8 \(2 \*\* 3\)\. Give resize 32, or lower depth\.$"),
        ((50, 50), {"unpaired": True}, r"2 times: expected multiples of 4 \(2 \*\* 2\)\. Give resize 48\.$"),
        ((36, 36), {"discriminator_halvings": 4}, "discriminator_halvings of 4 leaves 2 of 36 pixels, at least 3 are"),
    ],
)
def test_sizes_that_cannot_be_halved_so_often_are_refused(size: tuple[int, int], given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(data_of(*size), settings(**given))


def test_epochs_that_are_derived_stay_within_their_bound() -> None:
    found = prepare(data_of(16, 16), settings())
    assert found.settings.training.epochs == 10_000
    assert found.reasons["epochs"] == "the most there are; 12,000 steps would need 12,000"
    assert prepare(data_of(16, 16), settings(steps=9_000)).settings.training.epochs == 9_000


def test_settings_of_the_other_way_of_learning_are_refused(tmp_path: Path) -> None:
    data = read_data(str(strips(tmp_path)), settings())
    with pytest.raises(SettingsError, match="contrast_weight is read only with unpaired; leave it out"):
        prepare(data, settings(contrast_weight=2.0))
    for name, value in {"l1_weight": 10.0, "depth": 2, "dropout": 0.1}.items():
        with pytest.raises(SettingsError, match=f"{name} is read only for pairs; leave it out"):
            prepare(data, settings(unpaired=True, **{name: value}))


def test_unpaired_images_need_equally_many_channels(tmp_path: Path) -> None:
    for side, channels in {"a": 1, "b": 3}.items():
        (tmp_path / side).mkdir()
        for number in range(60):
            write_png(tmp_path / side / f"{number}.png", picture(number, 16, 16, channels=channels))
    data = read_data(str(tmp_path), settings(unpaired=True))
    with pytest.raises(
        DataError, match="sources have 1 channel of 8 bits, targets 3 channels of 8 bits; unpaired images need eq"
    ):
        prepare(data, settings(unpaired=True))
    first = families.load("translation").check(str(tmp_path), settings(unpaired=True))[0]
    assert first.severity == "error" and first.what.startswith("sources have 1 channel of 8 bits, targets 3 channels of 8 bits")


def test_derived_settings_fit_the_size(tmp_path: Path) -> None:
    data = read_data(str(strips(tmp_path)), settings(resize=128))
    found = prepare(data, settings(resize=128))
    assert (found.settings.model.depth, found.settings.model.discriminator_halvings) == (5, 3)
    assert found.reasons["depth"] == "images of 128 x 128 pixels are 4 high or wide at the bottom"
    given = prepare(data, settings(resize=128, depth=4, minutes=1.0))
    assert "depth" not in given.reasons and given.settings.training.epochs is None


def source_of(data: TranslationData, *, paired: bool = True, **straying: Any) -> TranslationSource:
    chosen = Straying(**{"mirrored": True, "enlarged": 1.25, **straying})
    return TranslationSource(data.parts["train"], paired, 4, chosen, torch.device("cpu"))


@pytest.fixture
def same(tmp_path: Path) -> TranslationData:
    """Pairs whose target is the source."""
    for number in range(30):
        write_png(tmp_path / f"{number:02}.png", np.concatenate([picture(number)] * 2, 1))
    return read_data(str(tmp_path), settings())


def test_a_pair_strays_together_and_the_same_way_again(same: TranslationData) -> None:
    source = source_of(same)
    plan = source.plan(3, 1)
    assert sorted(np.concatenate([turn.sources for turn in plan])) == list(range(len(same.parts["train"])))
    one, again = source.batch(plan[0]), source_of(same).batch(source_of(same).plan(3, 1)[0])
    assert torch.equal(one.sources, one.targets)
    assert torch.equal(one.sources, again.sources)
    assert one.sources.shape == (4, 3, SIDE, SIDE) and one.sources.abs().max() <= 1
    assert not torch.equal(one.sources, source.batch(source.plan(3, 2)[0]).sources)


def test_without_straying_images_are_as_they_are(same: TranslationData) -> None:
    source = source_of(same, mirrored=False, enlarged=1.0)
    turn = source.plan(0, 0)[0]
    expected = as_numbers(same.parts["train"].sources[torch.from_numpy(turn.sources)])
    assert torch.equal(source.batch(turn).sources, expected)
    mirrored = source_of(same, enlarged=1.0).batch(turn).sources
    ways = [torch.equal(mirrored[row], expected[row]) for row in range(4)]
    flipped = [torch.equal(mirrored[row], expected[row].flip(2)) for row in range(4)]
    assert all(one != other for one, other in zip(ways, flipped, strict=True))


def test_unpaired_images_come_in_an_order_of_their_own(same: TranslationData) -> None:
    plan = source_of(same, paired=False).plan(0, 0)
    sources, targets = (np.concatenate([getattr(turn, side) for turn in plan]) for side in ("sources", "targets"))
    assert sorted(sources) == sorted(targets) == list(range(len(same.parts["train"])))
    assert (sources != targets).mean() > 0.5


def test_other_images_keep_their_order_and_may_be_few(tmp_path: Path) -> None:
    part = read_others(str(strips(tmp_path, 1)), settings())
    assert part.names == ("00",)
    with pytest.raises(DataError, match="1 source and 1 target; 2 of each at least can be compared as crowds"):
        read_others(str(tmp_path), settings(unpaired=True))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(DataError, match=r"facade: no such file, and no data set has this name\. Did you mean facades\?"):
        read_data("facade", settings())


def test_a_named_set_of_another_task_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEODANG_HOME", str(tmp_path))
    from seodang.data import image_pairs

    monkeypatch.setattr(image_pairs, "DRAWN", {"train": 1, "test": 1})
    with pytest.raises(DataError, match="data set drawn-cells has no pairs of images; such are facades"):
        read_data("drawn-cells", settings())
