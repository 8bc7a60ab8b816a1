"""Normalisation and rectifier in one, against PyTorch's own in double precision."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.segmentation import kernels
from seodang.families.segmentation.kernels import normalisation
from seodang.families.segmentation.kernels.normalisation import rectified_normalisation

needs_kernels = pytest.mark.skipif(kernels.library() is None, reason="no C compiler at installation, or no AVX512-BF16")

SHAPES = [  # batch, channels, height, width
    (1, 1, 1, 2),
    (2, 3, 7, 5),
    (2, 8, 16, 16),
    (4, 24, 33, 20),  # one and a half vectors, several blocks of pixels
    (1, 64, 32, 16),  # one block to the pixel
    (3, 100, 19, 18),
]


def problem(shape: tuple[int, ...], far: float = 3.0) -> tuple[Tensor, nn.BatchNorm2d, Tensor]:
    """Images whose mean is far from zero, a layer that has learned something, and a gradient by the answers."""
    torch.manual_seed(0)
    images = (2 * torch.randn(shape) + far).bfloat16().contiguous(memory_format=torch.channels_last)
    layer = nn.BatchNorm2d(shape[1])
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return images, layer, torch.randn(shape).bfloat16().contiguous(memory_format=torch.channels_last)


def passes(compute: Callable[..., Tensor], images: Tensor, layer: nn.BatchNorm2d, gradients: Tensor) -> dict[str, Tensor]:
    """Answers, gradients by everything, and the moments that were moved; the layer is left as it was."""
    images, layer = images.detach().requires_grad_(), deepcopy(layer)
    with torch.autocast("cpu", torch.bfloat16):
        answers = compute(images, layer)
    answers.backward(gradients.to(answers.dtype))
    assert images.grad is not None and layer.weight.grad is not None and layer.bias.grad is not None
    moved = dict(layer.named_buffers())
    by = {"images": images.grad, "weight": layer.weight.grad, "bias": layer.bias.grad}
    return {"answers": answers.detach(), **by, **moved}


def plain(images: Tensor, layer: nn.BatchNorm2d) -> Tensor:
    """PyTorch's own two operations."""
    return functional.relu(layer(images))


@pytest.fixture
def counted(count_calls: Callable[[ModuleType], list[Any]]) -> list[Any]:
    """Grows with every call of the C kernels."""
    return count_calls(normalisation)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_as_exact_as_bfloat16_allows(shape: tuple[int, ...], counted: list[Any]) -> None:
    images, layer, gradients = problem(shape)
    found = passes(rectified_normalisation, images, layer, gradients)
    assert len(counted) == 2
    true = passes(plain, images.double(), layer.double(), gradients.double())
    # Where an answer is within rounding of 0 the rectifier may or may not let the gradient pass; none of these is.
    for name in ("answers", "images"):
        assert found[name].dtype is torch.bfloat16
        assert found[name].is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(found[name].double(), true[name], rtol=2**-8, atol=2e-5)  # half a unit of bfloat16 is 2^-9
    for name in ("weight", "bias", "running_mean", "running_var"):
        torch.testing.assert_close(found[name].double(), true[name], rtol=2e-5, atol=2e-5)
    assert int(found["num_batches_tracked"]) == 1


@needs_kernels
def test_by_hand() -> None:
    """Two pixels, 1 and 3: mean 2, variance 1, so -1 and 1 before weight 2 and bias 1; the rectifier takes the -1."""
    layer = nn.BatchNorm2d(1, eps=0)
    layer.weight.data[:], layer.bias.data[:] = 2.0, 1.0
    images = torch.tensor([1.0, 3.0]).bfloat16().view(1, 1, 1, 2)
    found = passes(rectified_normalisation, images, layer, torch.tensor([5.0, 1.0]).view(1, 1, 1, 2))
    assert found["answers"].flatten().tolist() == [0.0, 3.0]
    assert (found["weight"].item(), found["bias"].item()) == (1.0, 1.0)  # only the second pixel's gradient passes
    assert found["images"].flatten().tolist() == [0.0, 0.0]  # 2 (g - 1/2 - h 1/2): g and h are 0, -1 and 1, 1
    assert found["running_mean"].item() == pytest.approx(0.2)  # a tenth of the way from 0 to 2
    assert found["running_var"].item() == pytest.approx(1.1)  # a tenth of the way from 1 to 2, the unbiased variance


@needs_kernels
def test_a_mean_a_thousand_deviations_away() -> None:
    images, layer, gradients = problem((2, 16, 24, 24), far=2000.0)
    found = passes(rectified_normalisation, images, layer, gradients)
    true = passes(plain, images.double(), layer.double(), gradients.double())
    torch.testing.assert_close(found["answers"].double(), true["answers"], rtol=2**-8, atol=2e-3)


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_same_bytes_at_any_number_of_threads(shape: tuple[int, ...], set_threads: Callable[[int], None]) -> None:
    images, layer, gradients = problem(shape)
    found = []
    for count in (1, 1, 2, 3):
        set_threads(count)
        found.append(passes(rectified_normalisation, images, layer, gradients))
    for others in found[1:]:
        assert all(torch.equal(found[0][name], other) for name, other in others.items())


@needs_kernels
def test_any_layout_in_memory() -> None:
    images, layer, gradients = problem((2, 24, 9, 10))
    wanted = passes(rectified_normalisation, images, layer, gradients)
    found = passes(rectified_normalisation, images.contiguous(), layer, gradients.contiguous())
    assert all(torch.equal(wanted[name], other) for name, other in found.items())


@needs_kernels
def test_what_is_not_finite_stays_so() -> None:
    images, layer, gradients = problem((1, 16, 8, 8))
    images[0, 3, 2, 2] = torch.nan
    found = passes(rectified_normalisation, images, layer, gradients)
    assert bool(found["answers"][0, 3].isnan().all())
    assert bool(found["running_mean"].isnan()[3]) and bool(found["images"][0, 3].isnan().all())
    assert bool(found["answers"][0, 4:].isfinite().all())


@pytest.mark.parametrize("shape", [(2, 16, 8, 8), (1, 16, 4, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pytorch_does_the_rest(shape: tuple[int, ...], dtype: torch.dtype, counted: list[Any]) -> None:
    images, layer, gradients = problem(shape)
    images, layer = images.to(dtype), layer.to(dtype)
    found, wanted = (passes(compute, images, layer, gradients.to(dtype)) for compute in (rectified_normalisation, plain))
    assert not counted
    assert all(torch.equal(found[name], other) for name, other in wanted.items())


def test_pytorch_predicts(counted: list[Any]) -> None:
    images, layer, _ = problem((2, 16, 8, 8))
    with torch.autocast("cpu", torch.bfloat16):
        found = rectified_normalisation(images, layer.eval())
    assert not counted
    assert torch.equal(found, plain(images, layer))
