"""What learns: the head and its margin, the network, the temperature, how faces stray, and the yardsticks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from torch.nn import functional

from seodang.core.device import choose_device
from seodang.core.errors import SettingsError
from seodang.core.step import Stepper
from seodang.core.values import Box
from seodang.data.splits import PARTS
from seodang.families.faces.batches import ChipSource, EmbeddingSource
from seodang.families.faces.cnn import FaceCnn
from seodang.families.faces.data import FacesData, labelled
from seodang.families.faces.derive import prepare
from seodang.families.faces.head import Chances, CosineHead, Recogniser
from seodang.families.faces.learner import PeopleLearner, PeopleValidation, fit_temperature, least_sure
from seodang.families.faces.predictor import named
from seodang.families.faces.settings import AugmentationSettings, FacesSettings
from seodang.families.faces.yardstick import RIDGE, ridge, small_pixels

STILL = AugmentationSettings(mirror=False, shift=0.0, turn=0.0, zoom=1.0, light=0.0)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield


def test_logits_are_cosines_times_the_scale() -> None:
    head = CosineHead(2, 2)
    with torch.no_grad():
        head.directions.copy_(torch.tensor([[2.0, 0.0], [0.0, 0.5]]))
        head.log_scale.fill_(np.log(10))
    found = head(torch.tensor([[3.0, 4.0], [0.0, -7.0]]))  # cosines 0.6 and 0.8; 0 and -1
    assert torch.allclose(found, torch.tensor([[6.0, 8.0], [0.0, -10.0]]), atol=1e-5)


def test_the_margin_is_taken_from_the_own_person_alone() -> None:
    """CosFace, equation 4: -log of e^(s (cos own - m)) over that and the sum of e^(s cos other)."""
    head, embeddings, labels = CosineHead(5, 3), torch.randn(4, 5), torch.tensor([0, 2, 1, 1])
    cosines = functional.normalize(embeddings) @ functional.normalize(head.directions).T
    scale, margin = head.log_scale.exp().item(), 0.35
    expected = 0.0
    for row, own in enumerate(labels.tolist()):
        top = np.exp(scale * (cosines[row, own].item() - margin))
        others = sum(np.exp(scale * cosines[row, other].item()) for other in range(3) if other != own)
        expected -= np.log(top / (top + others)) / 4
    loss = functional.cross_entropy(head.with_margin(embeddings, labels, margin), labels)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_directions_begin_as_means_seen_from_the_mean_of_all() -> None:
    head, embeddings = CosineHead(3, 2), functional.normalize(torch.randn(6, 3) + 5)
    labels = torch.tensor([0, 1, 0, 1, 1, 0])
    head.imprint(embeddings, labels)
    seen = functional.normalize(embeddings - embeddings.mean(0))
    means = functional.normalize(torch.stack([seen[labels == number].mean(0) for number in (0, 1)]))
    assert torch.allclose(head.directions, means, atol=1e-5)  # float32, of differences of near equals
    assert torch.allclose(head.cosines(3 * embeddings), seen @ means.T, atol=1e-5)  # whatever their lengths


def test_a_head_learns_people_and_every_parameter_moves() -> None:
    device = choose_device("cpu", "f32", 1)
    centres = functional.normalize(torch.randn(4, 16))
    labels = torch.arange(4).repeat(10)
    embeddings = functional.normalize(centres[labels] + 0.1 * torch.randn(40, 16))
    head = CosineHead(16, 4)
    before = [parameter.clone() for parameter in head.parameters()]
    learner = PeopleLearner(head, lambda x, y: head.with_margin(x, y, 0.2), 0.05, 0.0, Stepper(device))
    source = EmbeddingSource(embeddings, labels, 16, device.torch)
    for epoch in range(6):
        for work in source.plan(0, epoch):
            assert source.rows(work) == 16  # the last batch is filled up
            learner.update(source.batch(work))
    assert all(not torch.equal(one, two) for one, two in zip(before, head.parameters(), strict=True))
    assert PeopleValidation(head, embeddings, labels, device).measure()["accuracy"] == 1.0


@pytest.mark.parametrize("kind", ["batch", "group"])
@pytest.mark.parametrize("side", [16, 24, 65])
def test_a_face_alone_gets_the_logits_that_it_gets_among_others(kind: Literal["batch", "group"], side: int) -> None:
    network = FaceCnn(7, 12, kind, 0.5).eval()
    chips = torch.rand(3, 3, side, side) * 255
    with torch.inference_mode():
        together, alone = network(chips), network(chips[1:2])
    assert together.shape == (3, 7)
    assert torch.allclose(together[1:2], alone, atol=1e-5)  # float32 adds up in another order


def test_one_module_holds_embedder_head_and_temperature() -> None:
    embedder, head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5)), CosineHead(5, 3)
    chips = torch.rand(2, 3, 2, 2)
    found = Chances(Recogniser(embedder, head), torch.tensor(2.0))(chips)
    assert torch.allclose(found, torch.softmax(head(embedder(chips)) / 2, 1))


def test_the_temperature_is_found_again() -> None:
    """People drawn from softmax(z): logits 3 z are three times too sure."""
    random = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 5, generator=random)
    labels = torch.multinomial(torch.softmax(logits, 1), 1, generator=random)[:, 0]
    fitted, loss = fit_temperature(3 * logits, labels)
    assert fitted["temperature"].item() == pytest.approx(3, rel=0.05)
    assert loss.item() == pytest.approx(functional.cross_entropy(logits, labels).item(), abs=0.01)


def test_few_right_faces_make_nobody_certain() -> None:
    """Ten right faces, all alike: the temperature that gives the truth 11 / 12, as Platt's targets ask."""
    logits = torch.tensor([[9.0, 0.0]] * 10)
    fitted, _ = fit_temperature(logits, torch.zeros(10, dtype=torch.int64))
    assert torch.softmax(logits / fitted["temperature"], 1)[0, 0].item() == pytest.approx(11 / 12, abs=1e-3)


def test_a_hundredth_of_right_answers_is_less_sure_than_the_least() -> None:
    sure = torch.linspace(0.6, 0.99, 201)
    logits = torch.stack([torch.log(sure), torch.log(1 - sure)], 1)
    labels = torch.zeros(201, dtype=torch.int64)
    labels[:100] = 1  # wrong answers, which do not count
    assert least_sure(logits, labels, torch.ones(())).item() == pytest.approx(sure[101].item())
    assert least_sure(logits, 1 - torch.zeros_like(labels), torch.ones(())).item() == 0


def test_who_is_less_sure_than_the_least_is_noted() -> None:
    boxes = (Box((0, 0, 9, 9), 0.9), Box((9, 9, 20, 20), 0.8))
    found = named(boxes, np.array([[0.1, 0.9], [0.5, 0.5]], np.float32), ("Ada", "Bo"), 0.6)
    assert [(one.label, one.note) for one in found] == [("Bo", None), ("Ada", "perhaps a stranger")]
    assert found[1].box == boxes[1].box and found[1].probability == 0.5


def test_faces_that_may_not_stray_are_the_photos() -> None:
    chips = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    labels = np.arange(5)
    source = ChipSource(chips, labels, 5, STILL, torch.device("cpu"))
    (work,) = source.plan(seed=3, epoch=1)
    batch = source.batch(work)
    assert sorted(batch.labels.tolist()) == [0, 1, 2, 3, 4]
    expected = torch.from_numpy(chips[batch.labels.numpy()]).permute(0, 3, 1, 2).float()
    assert torch.allclose(batch.inputs, expected, atol=1e-3)  # scaled there and back in float32


def test_how_a_face_strays_depends_on_seed_epoch_and_row_alone() -> None:
    chips = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype(np.uint8)
    source = ChipSource(chips, np.arange(6), 3, AugmentationSettings(), torch.device("cpu"))

    def face(seed: int, epoch: int) -> torch.Tensor:
        for work in reversed(source.plan(seed, epoch)):
            batch = source.batch(work)
            if 2 in batch.labels:
                return batch.inputs[batch.labels.tolist().index(2)]
        raise AssertionError("every row comes once an epoch")

    assert torch.equal(face(1, 4), face(1, 4))
    assert not torch.equal(face(1, 4), face(1, 5)) and not torch.equal(face(1, 4), face(2, 4))


def test_the_linear_yardstick_is_ridge_regression() -> None:
    random = np.random.default_rng(0)
    known, labels, asked = random.normal(size=(60, 8)), random.integers(0, 3, 60), random.normal(size=(40, 8))
    expected = Ridge(alpha=RIDGE * 60).fit(known, np.eye(3)[labels]).predict(asked).argmax(1)
    assert ridge(known, labels, asked, 3).tolist() == expected.tolist()


def test_light_and_contrast_do_not_reach_the_linear_yardstick() -> None:
    chip = np.random.default_rng(0).integers(20, 100, (32, 32, 3)).astype(np.uint8)
    one, other = small_pixels(np.stack([chip, (2 * chip + 10).astype(np.uint8)]))
    assert one.shape == (16 * 16 * 3,)
    assert np.corrcoef(one, other)[0, 1] > 0.995  # not 1: means of grey values are rounded


def test_a_setting_of_the_other_model_is_refused() -> None:
    with pytest.raises(SettingsError, match="margin is read only when model is head, but model is cnn"):
        FacesSettings.from_flat({"model": "cnn", "margin": 0.1})


def test_so_it_is_where_the_model_was_derived() -> None:
    nobody = FacesData("people", ("Ada", "Bo"), {part: labelled([], ()) for part in PARTS}, ())
    assert prepare(nobody, FacesSettings.from_flat({"side": 48, "cut": False})).settings.model.model == "cnn"
    with pytest.raises(SettingsError, match="side is read only when model is cnn, and model is head here"):
        prepare(nobody, FacesSettings.from_flat({"side": 48}))
