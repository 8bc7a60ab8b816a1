"""One stretch of learning of the two-view embedding, compiled or in NumPy."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seodang.families.text.kernels import ViewsCall, library
from seodang.nn.kernels import AVX512, threads

BIAS_RATE = 0.1  # of the words' rate: the bias learns from every region; as in views.h


class Regions(NamedTuple):
    """Regions of words in their order, and for each view what it is to foretell."""

    words: Tensor
    """(regions, width), int32, the words of a region, 0 for none."""
    neighbours: Tensor
    """(views, regions, around), int32, rows of the outputs, -1 for none."""
    drawn: Tensor
    """(views, regions, others), int32, rows of the outputs that are no neighbours but by chance."""


class Views(NamedTuple):
    """What the views are learned in, float32."""

    inputs: Tensor
    """(views, vocabulary, size), what a word adds to a region; row 0 is zero."""
    outputs: Tensor
    """(views, 2 * vocabulary, size), words before a region, and behind them words after it."""
    bias: Tensor
    """(views, size)."""


def learn_regions(views: Views, regions: Regions, rate: float) -> Tensor:
    """Learn from regions one after another, in place; the same bytes at any thread count.

    Returns: The sum of the loss over all pairs of a region and a neighbour or a drawn word, 0-d, float64.
    """
    kernels = library()
    if kernels is None:
        return torch.tensor(sum(_in_numpy(views, regions, view, rate) for view in range(len(views.inputs))))
    losses = torch.zeros(len(views.inputs), dtype=torch.float64)
    count, width = regions.words.shape
    call = ViewsCall(count, width, regions.neighbours.shape[2], regions.drawn.shape[2], *views.inputs.shape[:0:-1])
    for name, tensor in {**regions._asdict(), **views._asdict(), "losses": losses}.items():
        setattr(call, name, tensor.data_ptr())
    call.rate, call.instructions, call.threads = rate, AVX512, threads()
    kernels.run_views(ctypes.byref(call), ctypes.c_long(len(losses)))
    return losses.sum()


def _in_numpy(views: Views, regions: Regions, view: int, rate: float) -> float:
    """The same of one view, up to rounding, ninety times slower."""
    inputs, outputs, bias = (part[view].numpy() for part in views)
    words, neighbours, drawn = regions.words.numpy(), regions.neighbours[view].numpy(), regions.drawn[view].numpy()
    loss = 0.0
    for own, around, others in zip(words, neighbours, drawn, strict=True):
        if (around < 0).all():
            continue
        rows = np.concatenate([around[around >= 0], others])
        stands = np.arange(len(rows)) < len(rows) - len(others)
        region = np.maximum(bias + inputs[own].sum(0), 0)
        scores = outputs[rows] @ region
        steps = np.float32(rate) * (stands - 1 / (1 + np.exp(-scores)))
        slope = np.zeros_like(region)
        for row, step in zip(rows, steps.astype(np.float32), strict=True):
            slope += step * outputs[row]
            outputs[row] += step * region
        slope *= region > 0
        loss += float(np.logaddexp(0, np.where(stands, -scores, scores)).sum())
        bias += np.float32(BIAS_RATE) * slope
        np.add.at(inputs, own[own > 0], slope)
    return loss
