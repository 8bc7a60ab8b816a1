"""Contrast: a piece of the answer must tell which piece of the source it came from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.translation.layers import draw_weights

PIECES = 256  # of each map; fewer where it has fewer places
DIRECTIONS = 256  # that a piece may point to
TEMPERATURE = 0.07


class PieceHeads(nn.Module):
    """What a generator sees at some places of its maps, as directions that can be compared.

    Park, Efros, Zhang & Zhu 2020, "Contrastive Learning for Unpaired Image-to-Image Translation", arXiv:2007.15651.

    Args: seen_channels: Of each map.
    """

    def __init__(self, seen_channels: Sequence[int]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(channels, DIRECTIONS), nn.ReLU(inplace=True), nn.Linear(DIRECTIONS, DIRECTIONS))
            for channels in seen_channels
        )
        draw_weights(self)

    def forward(self, maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Directions at some places of each map.

        Args:
            maps: (batch, channels, rows, columns) each.
            places: Numbers of the places of each map, row by row, (pieces,).

        Returns: (batch, pieces, DIRECTIONS) each, of length 1.
        """
        found = []
        for seen, chosen, head in zip(maps, places, self.heads, strict=True):
            pieces = seen.flatten(2)[:, :, chosen].transpose(1, 2)
            found.append(functional.normalize(head(pieces).float(), dim=2, eps=1e-6))
        return found


def draw_places(maps: Sequence[Tensor]) -> list[Tensor]:
    """Some places of each map, drawn from torch's own generator."""
    return [torch.randperm(seen.shape[2] * seen.shape[3])[:PIECES].to(seen.device) for seen in maps]


def contrast_loss(asked: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """How badly each piece of the answers finds its own among the pieces of its source, mean over maps.

    Args: asked, known: (batch, pieces, directions) each, of length 1; of the answers and, without a gradient, of the sources.
    """
    losses = []
    for queries, keys in zip(asked, known, strict=True):
        likeness = queries @ keys.detach().transpose(1, 2) / TEMPERATURE  # (batch, pieces, pieces)
        own = torch.arange(likeness.shape[1], device=likeness.device).expand(len(likeness), -1)
        losses.append(functional.cross_entropy(likeness.flatten(0, 1), own.flatten()))
    return torch.stack(losses).mean()
