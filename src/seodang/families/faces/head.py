"""The small model: one direction a person among the embeddings of a network that knows faces already."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

FIRST_SCALE = 16.0  # of cosines as training begins; learned from there


class CosineHead(nn.Module):
    """Logits from directions: the cosine to each person's own, times a scale that all share.

    Wang, Xiang, Cheng & Yuille, "NormFace: L2 Hypersphere Embedding for Face Verification", ACM MM 2017, arXiv:1704.06369,
    with the margin of Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, arXiv:1801.09414.
    Unlike CosFace, whose scale is fixed at 64, it is learned, as in NormFace; and each direction begins as the mean of the
    person's embeddings (Qi, Brown & Lowe, "Low-Shot Learning with Imprinted Weights", CVPR 2018, arXiv:1712.07136).

    Args:
        embedding_dim: Numbers of an embedding.
        people: To tell apart.
    """

    def __init__(self, embedding_dim: int, people: int) -> None:
        super().__init__()
        self.directions = nn.Parameter(functional.normalize(torch.randn(people, embedding_dim)))
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Score every person.

        Args:    embeddings: (batch, embedding_dim), float32, of any length.
        Returns: Logits, (batch, people).
        """
        return self.log_scale.exp() * self.cosines(embeddings)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """How near each embedding points to each person, (batch, people), from -1 to 1."""
        return functional.linear(functional.normalize(embeddings), functional.normalize(self.directions))

    def with_margin(self, embeddings: Tensor, labels: Tensor, margin: float) -> Tensor:
        """The same logits, each face's own person moved off by a margin of its cosine: CosFace, equation 4.

        Args:
            embeddings: (batch, embedding_dim), float32.
            labels: (batch,), int64, numbers of the true people.
            margin: In cosines.
        """
        own = functional.one_hot(labels, len(self.directions)).to(embeddings.dtype)
        return self.log_scale.exp() * (self.cosines(embeddings) - margin * own)

    @torch.no_grad()
    def imprint(self, embeddings: Tensor, labels: Tensor) -> None:
        """Point each direction at the mean of the person's embeddings, which are of length 1."""
        sums = torch.zeros_like(self.directions).index_add_(0, labels, embeddings)
        self.directions.copy_(functional.normalize(sums))


class Recogniser(nn.Module):
    """From faces to people, embedder and head in one: what is exported.

    Args:
        embedder: Faces to embeddings; not trained here.
        head: Embeddings to logits.
    """

    def __init__(self, embedder: nn.Module, head: CosineHead) -> None:
        super().__init__()
        self.embedder, self.head = embedder, head

    def forward(self, chips: Tensor) -> Tensor:
        """Faces, (batch, 3, side, side), float32, from 0 to 255, to logits, (batch, people)."""
        logits: Tensor = self.head(self.embedder(chips))
        return logits


class Chances(nn.Module):
    """A network with its logits turned into probabilities.

    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, section 4.2: all
    logits are divided by one temperature, which changes no answer and how sure it is.

    Args:
        network: Whatever gives logits.
        temperature: 0-d, above 0.
    """

    def __init__(self, network: nn.Module, temperature: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("temperature", temperature.float())

    def forward(self, chips: Tensor) -> Tensor:
        """Faces, (batch, 3, side, side), float32, from 0 to 255, to probabilities, (batch, people)."""
        assert isinstance(self.temperature, Tensor)
        return torch.softmax(self.network(chips) / self.temperature, 1)
