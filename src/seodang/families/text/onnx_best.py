"""The ensemble `best` as one ONNX graph: from token numbers to n-grams, the members' scores and their mixture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.text.batches import EncodedTexts, Padding
from seodang.families.text.best import NETWORK_VOCABULARY, BestPredictor, member_settings
from seodang.families.text.head import word_mask
from seodang.families.text.learner import class_probabilities
from seodang.families.text.linear import LinearModel
from seodang.families.text.ngrams import NONE, NgramFeatures
from seodang.families.text.onnx_graph import ExportedNetwork
from seodang.families.text.tokens import UNKNOWN


class ExportedBest(nn.Module):
    """All members and their mixture, on the CPU in f32."""

    def __init__(self, predictor: BestPredictor) -> None:
        super().__init__()
        self.linear = _ExportedLinear(predictor.features, predictor.linear)
        self.networks = nn.ModuleList(
            ExportedNetwork(network, Padding(member_settings(predictor.settings))) for network in predictor.networks.values()
        )
        self.register_buffer("weights", predictor.weights)
        self.register_buffer("bias", predictor.bias)

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and logits."""
        weights: list[Tensor] = list(self.get_buffer("weights"))
        logits = self.get_buffer("bias") + weights[0] * self.linear(tokens, lengths)
        frequent = torch.where(tokens >= NETWORK_VOCABULARY, UNKNOWN, tokens)
        for weight, network in zip(weights[1:], self.networks, strict=True):
            logits = logits + weight * network(frequent, lengths)[1]
        return class_probabilities(logits), logits


class _ExportedLinear(nn.Module):
    """The linear model: each known n-gram counts once a text, and each text's row has length one."""

    def __init__(self, features: NgramFeatures, model: LinearModel) -> None:
        super().__init__()
        self.orders = len(features.keys)
        self.size = features.size
        self.starts = np.cumsum([0, *(len(keys) for keys in features.keys)]).tolist()
        self.num_tokens = len(features.keys[0])
        for order, keys in enumerate(features.keys):
            self.register_buffer(f"keys_{order}", torch.from_numpy(keys))
        nothing = np.zeros((1, model.ratios.shape[1]))  # for the column behind the last, which stands for no n-gram
        self.register_buffer("values", _table(np.vstack([model.ratios * model.weights, nothing])))
        self.register_buffer("squares", _table(np.vstack([model.ratios**2, nothing])))
        self.register_buffer("bias", torch.from_numpy(model.bias).float())

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds, (batch, outputs)."""
        columns, _ = torch.cat(self.columns(tokens, lengths), 1).sort(1)
        again = torch.cat([torch.zeros_like(columns[:, :1], dtype=torch.bool), columns[:, 1:] == columns[:, :-1]], 1)
        columns = torch.where(again, self.size, columns)
        square = self.get_buffer("squares")[columns].sum(1)
        value = self.get_buffer("values")[columns].sum(1)
        return value / torch.where(square > 0, square, 1.0).sqrt() + self.get_buffer("bias")

    def columns(self, tokens: Tensor, lengths: Tensor) -> list[Tensor]:
        """For each order the column of the n-gram that begins at each token, (batch, length), int64; `size` for none."""
        known = word_mask(lengths, tokens.shape[1]) & (tokens != UNKNOWN)
        place = self.find(0, torch.where(known, tokens, NONE))
        singles, found = place, [place]
        for order in range(1, self.orders):
            possible = (place >= 0) & (_shifted(place, 1) >= 0)
            key = place * self.num_tokens + _shifted(singles, order)
            place = self.find(order, torch.where(possible, key, NONE))
            found.append(place)
        return [torch.where(one >= 0, one + start, self.size) for one, start in zip(found, self.starts, strict=False)]

    def find(self, order: int, keys: Tensor) -> Tensor:
        """The place of each key among the known ones, by halving; NONE for those that are not there."""
        known = self.get_buffer(f"keys_{order}")
        if not len(known):
            return torch.full_like(keys, NONE)
        place = torch.zeros_like(keys)
        for bit in reversed(range(len(known).bit_length())):
            ahead = (place + (1 << bit)).clamp(max=len(known) - 1)
            place = torch.where(known[ahead] <= keys, ahead, place)
        return torch.where(known[place] == keys, place, NONE)


def known_sequences(predictor: BestPredictor, lengths: NDArray[np.int64], random: np.random.Generator) -> EncodedTexts:
    """Texts of so many tokens in which n-grams that the model knows stand one behind another, with unknown tokens between."""
    pieces = [ngram_tokens(predictor.features, order) for order in range(len(predictor.features.keys))]
    pieces = [piece for piece in pieces if len(piece)]

    def draw(length: int) -> NDArray[np.int32]:
        tokens: list[int] = []
        while len(tokens) < length:
            piece = pieces[random.integers(len(pieces))]
            tokens += piece[random.integers(len(piece))].tolist()
            tokens += [UNKNOWN] * int(random.random() < 0.1)
        return np.array(tokens[:length], np.int32)

    return EncodedTexts.join(draw(length) for length in lengths.tolist())


def ngram_tokens(features: NgramFeatures, order: int) -> NDArray[np.int64]:
    """The token numbers of each known n-gram of an order (from 0), (n-grams, order + 1), int64."""
    if order == 0:
        return features.keys[0][:, None]
    first, last = np.divmod(features.keys[order], len(features.keys[0]))
    return np.hstack([ngram_tokens(features, order - 1)[first], features.keys[0][last, None]])


def _shifted(values: Tensor, places: int) -> Tensor:
    """What stands some places further on in each row, NONE behind the end."""
    return functional.pad(values, (0, places), value=NONE)[:, places:]


def _table(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values).float()
