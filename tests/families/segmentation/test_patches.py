"""Pieces that are learned from: a function of (seed, epoch, number), mask and image together, rare classes seen often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seodang.data.augmentation import Augmentation
from seodang.data.images import write_png
from seodang.families.segmentation.data import SegmentationData, read_data
from seodang.families.segmentation.difficulty import Difficulty
from seodang.families.segmentation.patches import PatchSource, shared_out
from seodang.families.segmentation.scaling import Scale, Scaling
from seodang.families.segmentation.settings import SegmentationSettings

BENT = Augmentation(flips=True, rotation=180, scale=1.4, elastic=0.1, brightness=0.2, contrast=0.2, noise=0.1)
AS_IT_IS = Scaling(Scale(np.zeros(3, np.float32), np.ones(3, np.float32)))


def written(folder: Path, sizes: list[tuple[int, int]]) -> SegmentationData:
    """Images whose foreground, one small square each, is the only bright thing."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, (height, width) in enumerate(sizes):
        mask = np.zeros((height, width), np.uint8)
        mask[4:10, 4:10] = 255
        light = np.repeat(mask[:, :, None] // 255 * 200, 3, 2).astype(np.uint8)
        light[-1, -1] = number  # no two are equal
        write_png(folder / "images" / f"{number}.png", light)
        write_png(folder / "masks" / f"{number}.png", mask)
    return read_data(str(folder), SegmentationSettings())


def source(data: SegmentationData, how: Augmentation = BENT, batch_size: int = 4, size: int = 32) -> PatchSource:
    everything = [seen for part in data.parts.values() for seen in part]
    device = torch.device("cpu")
    difficulty = Difficulty(len(everything), 1.0, device)
    return PatchSource(data, everything, AS_IT_IS, size, batch_size, how, device, difficulty)


def test_a_piece_depends_on_seed_epoch_and_number_alone(tmp_path: Path) -> None:
    data = written(tmp_path, [(40, 48)] * 20)
    straight, jumping = source(data), source(data)
    in_order = [straight.batch(cut) for cut in straight.plan(3, 0)]
    plan = jumping.plan(3, 0)
    for number in (4, 0, 3):  # as after a resume: nothing was cut ahead
        for ours, theirs in zip(in_order[number], jumping.batch(plan[number]), strict=True):
            assert torch.equal(ours, theirs)
    assert not torch.equal(in_order[0].images, straight.batch(straight.plan(3, 1)[0]).images)
    assert not torch.equal(in_order[0].images, straight.batch(straight.plan(4, 0)[0]).images)


def test_what_was_cut_ahead_for_another_epoch_is_not_handed_out(tmp_path: Path) -> None:
    data = written(tmp_path, [(40, 48)] * 20)
    one, other = source(data), source(data)
    one.batch(one.plan(0, 0)[0])  # number 1 of epoch 0 is being cut now
    assert torch.equal(one.batch(one.plan(0, 1)[1]).images, other.batch(other.plan(0, 1)[1]).images)


def test_large_images_give_the_root_of_what_fits_other_pieces_every_epoch_and_all_batches_are_full(tmp_path: Path) -> None:
    data = written(tmp_path, [(32, 32)] * 18 + [(64, 64)] * 2)
    some = source(data)
    assert len(some.centres) == 18 + 2 * 4
    plans = [np.concatenate([cut.places for cut in some.plan(0, epoch)]) for epoch in range(8)]
    assert all(len(plan) == 24 for plan in plans)  # 18 + 2 * 2, filled up to whole batches
    large = [number for number, seen in enumerate(some.seen) if seen.shape[0] == 64]
    chosen = [{tuple(place) for place in plan[:22].tolist() if place[0] == large[0]} for plan in plans]
    assert all(len(places) == 2 for places in chosen)
    assert len(set.union(*chosen)) == 4
    assert all(set(plan[:22, 0].tolist()) == set(range(20)) for plan in plans)


def test_images_that_are_badly_segmented_give_more_pieces_from_the_next_epoch_on(tmp_path: Path) -> None:
    some = source(written(tmp_path, [(32, 32)] * 20))
    before = np.concatenate([cut.places for cut in some.plan(0, 0)])[:, 0]
    assert np.bincount(before).tolist() == [1] * 20
    for _ in range(20):  # image 3 stays at 0.2, all others at 0.9
        some.difficulty.note(torch.arange(20), torch.where(torch.arange(20) == 3, 0.2, 0.9))
    same = np.concatenate([cut.places for cut in some.plan(0, 0)])[:, 0]
    assert same.tolist() == before.tolist()
    counts = np.zeros(20)
    for epoch in range(1, 41):
        plan = np.concatenate([cut.places for cut in some.plan(0, epoch)])[:, 0]
        assert len(plan) == 20
        counts += np.bincount(plan, minlength=20) / 40
    # Missed are 0.8 and 0.1, 0.135 in the mean; five times the usual is the most, and all together stay 20.
    weights = np.where(np.arange(20) == 3, 5.0, 0.1 / 0.135)
    np.testing.assert_allclose(counts, 20 * weights / weights.sum(), atol=0.11)


def test_a_resumed_source_plans_the_begun_epoch_as_it_was(tmp_path: Path) -> None:
    data = written(tmp_path, [(32, 32)] * 20)
    first, second = source(data), source(data)
    first.difficulty.note(torch.arange(20), torch.linspace(0, 1, 20))
    wanted = [cut.places.tolist() for cut in first.plan(0, 1)]
    first.difficulty.note(torch.arange(20), torch.linspace(1, 0, 20))  # in the midst of epoch 1
    second.plan(0, 0)
    for name, tensor in second.tensors().items():
        tensor.copy_(first.tensors()[name])
    second.load_state(first.state())
    assert [cut.places.tolist() for cut in second.plan(0, 1)] == wanted
    assert [cut.places.tolist() for cut in second.plan(0, 2)] == [cut.places.tolist() for cut in first.plan(0, 2)] != wanted


def test_shares_become_whole_numbers_that_add_up() -> None:
    shares = np.array([1.0, 0.25, 3.5, 0.25])
    drawn = np.array([shared_out(shares, 10, 0, epoch) for epoch in range(400)])
    assert (drawn.sum(1) == 10).all()
    assert (np.abs(drawn - 2 * shares) < 1).all()  # 2 * 0.25 is now 0, now 1
    np.testing.assert_allclose(drawn.mean(0), 2 * shares, atol=0.1)


def test_the_mask_moves_with_the_image(tmp_path: Path) -> None:
    data = written(tmp_path, [(40, 48)] * 20)
    still = Augmentation(flips=True, rotation=180, scale=1.4, elastic=0.1)
    some = source(data, still)
    checked = 0
    for cut in some.plan(0, 0):
        batch = some.batch(cut)
        inside, light = batch.classes == 1, batch.images[:, 0]
        sure = (light < 30) | (light > 190)  # bilinear outlines lie between
        assert torch.equal((light > 100)[sure], inside[sure])
        checked += int(inside.sum())
    assert checked > 100


def test_a_third_of_the_pieces_lie_around_a_class_and_each_class_as_often(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    random = np.random.default_rng(0)
    for number in range(20):
        mask = np.zeros((256, 256), np.uint8)
        mask[:120, :120] = 1
        mask[250:253, 250:253] = 2  # nine pixels in 65,536
        write_png(tmp_path / "images" / f"{number}.png", random.integers(0, 256, (256, 256, 3), dtype=np.uint8))
        write_png(tmp_path / "masks" / f"{number}.png", mask)
    data = read_data(str(tmp_path), SegmentationSettings())
    some = source(data, Augmentation(), batch_size=8, size=32)
    batches = [some.batch(cut) for cut in some.plan(0, 0)]
    share = torch.cat([(batch.classes == 2).any(2).any(1).float() for batch in batches]).mean().item()
    by_chance = (32 + 3) ** 2 / 256**2  # of all pieces would touch the nine pixels without looking for them
    assert share == pytest.approx(1 / 6, abs=0.04) and share > 5 * by_chance


def test_numbers_have_mean_0_and_deviation_1() -> None:
    random = np.random.default_rng(0)
    image = random.normal((60, 900, 20000), (5, 40, 900), (200, 200, 3)).astype(np.uint16)
    scale = Scale(np.array([60, 900, 20000], np.float32), np.array([5, 40, 900], np.float32))
    scaled = scale(image)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=0.12)  # cut off to whole numbers
    np.testing.assert_allclose(scaled.std((0, 1)), 1, atol=0.02)


def test_pictures_are_read_once_and_no_more_are_kept_than_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(tmp_path / "small", [(40, 48)] * 6)
    some = data.parts["train"][0]
    for file in (tmp_path / "small").rglob("*.png"):
        file.unlink()
    image, classes = data.picture(some)
    assert image.shape == (40, 48, 3) and classes.sum() == 36

    monkeypatch.setattr("seodang.families.segmentation.data.KEPT_BYTES", 3 * 40 * 48 * 4)
    tight = written(tmp_path / "large", [(40, 48)] * 6)
    assert len(tight.store.kept) == 3
    for one in (one for part in tight.parts.values() for one in part):
        assert tight.picture(one)[1].sum() == 36
    assert len(tight.store.kept) <= 6
