"""The convolution in fewer multiplications, against PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.segmentation import kernels
from seodang.families.segmentation.kernels import convolution
from seodang.families.segmentation.kernels.convolution import Convolution3x3, convolution_3x3

needs_kernels = pytest.mark.skipif(kernels.library() is None, reason="no C compiler at installation, or no AVX512-BF16")

SHAPES = [  # batch, in_channels, out_channels, height, width
    (1, 16, 16, 16, 16),
    (2, 24, 48, 12, 16),  # one and a half and three vectors of channels
    (3, 48, 24, 17, 9),  # odd both ways
    (1, 40, 72, 15, 18),
    (2, 56, 104, 10, 11),
    (2, 64, 64, 32, 31),
    (1, 16, 24, 1, 300),  # one row
    (1, 24, 16, 300, 1),  # one column
    (2, 136, 80, 20, 22),  # half a vector of channels more than eight, five vectors
    (1, 256, 128, 16, 16),  # few pixels for the channels: sums in one wave
    (2, 32, 40, 70, 66),  # many waves
]


def problem(batch: int, inputs: int, outputs: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images, weights as a trained network's, and a gradient by the answers."""
    torch.manual_seed(0)
    images = torch.randn(batch, inputs, height, width).relu().bfloat16().contiguous(memory_format=torch.channels_last)
    weight = (torch.randn(outputs, inputs, 3, 3) * (2 / 9 / inputs) ** 0.5).contiguous(memory_format=torch.channels_last)
    gradients = torch.randn(batch, outputs, height, width).bfloat16().contiguous(memory_format=torch.channels_last)
    return images, weight, gradients


def passes(convolve: Callable[..., Tensor], images: Tensor, weight: Tensor, gradients: Tensor) -> list[Tensor]:
    """Answers, and the gradients by images and by weights."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    answers = convolve(images, weight)
    answers.backward(gradients.to(answers.dtype))
    assert images.grad is not None and weight.grad is not None
    return [answers.detach(), images.grad, weight.grad]


def plain(images: Tensor, weight: Tensor) -> Tensor:
    """PyTorch's own convolution."""
    return functional.conv2d(images, weight, padding=1)


def errors(found: list[Tensor], true: list[Tensor]) -> list[float]:
    """Lengths of the differences by the lengths of the truth."""
    return [float((one.double() - other).norm() / other.norm()) for one, other in zip(found, true, strict=True)]


@pytest.fixture
def counted(count_calls: Callable[[ModuleType], list[Any]]) -> list[Any]:
    """Grows with every call of the C kernels."""
    return count_calls(convolution)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_as_exact_as_bfloat16_allows(shape: tuple[int, ...], counted: list[Any]) -> None:
    images, weight, gradients = problem(*shape)
    true = passes(plain, images.double(), weight.double(), gradients.double())
    ours = passes(convolution_3x3, images, weight, gradients)
    assert len(counted) == 3
    theirs = passes(plain, images, weight.bfloat16(), gradients)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert one.is_contiguous(memory_format=torch.channels_last)
    assert ours[0].dtype is ours[1].dtype is torch.bfloat16
    assert ours[2].dtype is torch.float32
    # Rounding to 8 bits errs by 2^-9 / sqrt(3) = 0.1 % in the middle. PyTorch rounds weights and answers; we round 16 sums of
    # four pixels, 16 of nine weights and the answers, and the sums that belong to one answer partly cancel.
    for our_error, their_error in zip(errors(ours, true), errors(theirs, true), strict=True):
        assert our_error <= 3 * their_error
        assert our_error <= 0.008


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_exact_on_small_whole_numbers(shape: tuple[int, ...]) -> None:
    """Sums of few bits are not rounded, so only the answers can be; weights are multiples of 4, as they are halved twice."""
    images, weight, gradients = problem(*shape)
    images, gradients = images.mul(2).round().clamp(-4, 4), gradients.round().clamp(-2, 2)
    weight = (4 * torch.randint_like(weight, -1, 2)).contiguous(memory_format=torch.channels_last)
    true = passes(plain, images.double(), weight.double(), gradients.double())
    for one, other in zip(passes(convolution_3x3, images, weight, gradients), true, strict=True):
        assert torch.equal(one, other.to(one.dtype))


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bytes_at_any_number_of_threads(shape: tuple[int, ...], set_threads: Callable[[int], None]) -> None:
    images, weight, gradients = problem(*shape)
    found = []
    for count in (1, 1, 2, 3):
        set_threads(count)
        found.append(passes(convolution_3x3, images, weight, gradients))
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


@needs_kernels
def test_any_layout_in_memory() -> None:
    images, weight, gradients = problem(2, 24, 32, 14, 13)
    wanted = passes(convolution_3x3, images, weight, gradients)
    found = passes(convolution_3x3, images.contiguous(), weight.contiguous(), gradients.contiguous())
    assert all(torch.equal(one, other) for one, other in zip(wanted, found, strict=True))


@needs_kernels
def test_weights_of_bfloat16() -> None:
    images, weight, gradients = problem(2, 24, 32, 14, 13)
    found = passes(convolution_3x3, images, weight.bfloat16(), gradients)
    wanted = passes(convolution_3x3, images, weight.bfloat16().float(), gradients)
    assert found[2].dtype is torch.bfloat16
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[2], wanted[2].bfloat16())


@needs_kernels
def test_only_the_gradients_that_are_asked_for(counted: list[Any]) -> None:
    images, weight, gradients = problem(2, 24, 32, 14, 13)
    convolution_3x3(images, weight.requires_grad_()).backward(gradients)
    assert len(counted) == 2
    assert images.grad is None


@needs_kernels
def test_what_is_not_finite_stays_so() -> None:
    images, weight, _ = problem(1, 16, 16, 16, 16)
    images[0, 3, 8, 8] = torch.nan
    answers = convolution_3x3(images, weight)
    assert bool(answers[0, :, 7:10, 7:10].isnan().all())
    assert bool(answers[0, :, :6].isfinite().all())


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((2, 3, 32, 16, 16), torch.bfloat16),  # few channels
        ((2, 20, 32, 16, 16), torch.bfloat16),  # not a multiple of 8
        ((1, 32, 32, 8, 8), torch.bfloat16),  # few pixels
        ((2, 32, 32, 16, 16), torch.float32),
        ((2, 32, 32, 16, 16), torch.float64),
    ],
)
def test_pytorch_does_the_rest(shape: tuple[int, ...], dtype: torch.dtype, counted: list[Any]) -> None:
    images, weight, gradients = (tensor.to(dtype) for tensor in problem(*shape))
    found = passes(convolution_3x3, images, weight, gradients)
    assert not counted
    assert all(torch.equal(one, other) for one, other in zip(found, passes(plain, images, weight, gradients), strict=True))


def test_pytorch_does_all_without_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "library", lambda: None)
    images, weight, gradients = problem(2, 32, 32, 16, 16)
    found = passes(convolution_3x3, images, weight, gradients)
    wanted = passes(lambda images, weight: plain(images, weight.bfloat16()), images, weight, gradients)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


class TestLayer:
    """The layer that may stand for `nn.Conv2d`."""

    def test_the_same_parameters(self) -> None:
        torch.manual_seed(0)
        layer = Convolution3x3(16, 24)
        torch.manual_seed(0)
        other = nn.Conv2d(16, 24, 3, padding=1, bias=False)
        assert layer.state_dict().keys() == other.state_dict().keys()
        assert torch.equal(layer.weight, other.weight)

    def test_the_same_in_f32(self, counted: list[Any]) -> None:
        layer, images = Convolution3x3(16, 24), torch.randn(2, 16, 16, 16)
        assert torch.equal(layer(images), plain(images, layer.weight))
        assert not counted

    @needs_kernels
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("tiles", [True, False])
    def test_kernels_while_training_without_amx(
        self, training: bool, tiles: bool, counted: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(convolution, "cpu_features", lambda: ("avx512_bf16", *("amx_bf16",) * tiles))
        layer, images = Convolution3x3(16, 24).train(training), torch.randn(2, 16, 16, 16).bfloat16()
        with torch.autocast("cpu", torch.bfloat16):
            answers = layer(images)
        assert answers.dtype is torch.bfloat16
        assert bool(counted) == (training and not tiles)
        torch.testing.assert_close(answers, plain(images, layer.weight.bfloat16()), rtol=0.02, atol=0.02)  # bfloat16

    @pytest.mark.parametrize("channels", [3, 16])
    def test_autocast_of_images_in_f32(self, channels: int) -> None:
        layer, images = Convolution3x3(channels, 16), torch.randn(2, channels, 16, 16)
        with torch.autocast("cpu", torch.bfloat16):
            answers = layer(images)
        assert torch.equal(answers, plain(images.bfloat16(), layer.weight.bfloat16()))

    def test_exported_as_a_convolution(self) -> None:
        layer, images = Convolution3x3(16, 24), torch.randn(2, 16, 16, 16)
        with torch.autocast("cpu", torch.bfloat16):
            program = torch.export.export(layer, (images.bfloat16(),))
        targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
        assert any("conv2d" in target for target in targets)
