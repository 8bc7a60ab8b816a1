"""How much to trust each member of an ensemble: a few weights, found on texts that no member has learned from."""

from __future__ import annotations

import torch
from torch import Tensor

from seodang.families.text.learner import cross_entropy

PENALTY = 1e-3  # of squared weights; keeps members that agree from weights of opposite sign


def mix(logits: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Weighted sum of the members' logits.

    Args:
        logits: (members, texts, outputs).
        weights: (members,).
        bias: (outputs,).
    Returns: (texts, outputs).
    """
    return torch.einsum("mto,m->to", logits, weights) + bias


def fit_mixture(logits: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Weights and bias of least cross-entropy (stacking: Wolpert 1992, "Stacked generalization", Neural Networks 5).

    Args:
        logits: (members, texts, outputs), of held-out texts.
        labels: (texts,), int64.
    Returns: "weights" (members,) and "bias" (outputs,), and the cross-entropy with them, 0-d.
    """
    logits = logits.double()
    weights = torch.full((len(logits),), 1 / len(logits), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(logits.shape[2], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        return cross_entropy(mix(logits, weights, bias), labels) + PENALTY * (weights**2).sum()

    def closure() -> float:
        solver.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    solver.step(closure)  # type: ignore[no-untyped-call]
    fitted = {"weights": weights.detach().float(), "bias": bias.detach().float()}
    return fitted, cross_entropy(mix(logits, weights, bias), labels).detach().float()
