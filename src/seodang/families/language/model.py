"""The network of a language model: tokens in, scores of the next token out, and a state that remembers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from seodang.families.language.cells import CELLS, Recurrent, Split, State
from seodang.families.language.ngram_rows import NgramRows
from seodang.families.language.settings import CellName, LanguageSettings
from seodang.nn.dropout import Dropout

TABLE_TOKENS = 512  # up to so many are few: the first layer's product is made once for each of them, and none is dropped


class LanguageNetwork(nn.Module):
    """Embedding, recurrent layers, a score for each token that may come next.

    Mikolov et al. 2010, "Recurrent neural network based language model". Dropout stands between layers and never inside the
    recurrence (Zaremba, Sutskever & Vinyals 2014, arXiv:1409.2329); unlike there, embeddings are whole where tokens are few:
    what a character is need not be guessed. With tied weights one table reads and writes (Press & Wolf 2017,
    arXiv:1608.05859).

    With n-grams, the network learns what they do not know: their log-probabilities, times a trust that the state decides, are
    added to its scores. That is a product of experts (Hinton 2002), trained as one as in Mikolov et al. 2011, "Strategies for
    training large scale neural network language models", whose n-grams however are weights of the network.
    """

    def __init__(
        self,
        num_tokens: int,
        cell: CellName,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        tie_weights: bool = False,
        layer_norm: bool = False,
        ngrams: NgramRows | None = None,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5 if tie_weights else 1.0)
        sizes = [embedding_dim] + [hidden_size] * num_layers
        self.layers = nn.ModuleList(CELLS[cell](inputs, hidden_size, weight_dropout) for inputs in sizes[:-1])
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) if layer_norm else nn.Identity() for _ in range(num_layers))
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(hidden_size, num_tokens)
        nn.init.zeros_(self.output.bias)
        if tie_weights:
            self.output.weight = self.embedding.weight
        self.ngrams = ngrams
        self.trust = nn.Linear(hidden_size, 1) if ngrams is not None else None
        if self.trust is not None:  # training begins with n-grams alone, nearly
            nn.init.zeros_(self.trust.weight)
            nn.init.ones_(self.trust.bias)
        self.hidden_size = hidden_size
        self.num_states = CELLS[cell].num_states

    def start(self, batch: int) -> list[Tensor]:
        """The state before anything is read: `num_layers * num_states` zeros of (batch, hidden_size), float32.

        With n-grams there are zeros of (batch, order - 1) behind them, for the last tokens: 1 + a token's number, or 0.
        """
        weight = self.embedding.weight
        state = [weight.new_zeros(batch, self.hidden_size) for _ in range(len(self.layers) * self.num_states)]
        return state if self.ngrams is None else [*state, weight.new_zeros(batch, self.ngrams.order - 1)]

    def forward(self, tokens: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Read a chunk.

        Args:
            tokens: (batch, length), int64.
            state: As `start` gives it, or as the chunk before left it.

        Returns: Logits of the token after each, (batch, length, num_tokens), and the state after the last.
        """
        hidden, after = self.remember(tokens, state)
        known = None if self.ngrams is None else self.ngrams(_with_last(state, tokens), tokens.shape[1])
        return self.score(hidden, known), after

    def remember(self, tokens: Tensor, state: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """What the last layer hands on after each token, (batch, length, hidden_size), and the state after the last."""
        hidden: Tensor | None = None
        after: list[Tensor] = []
        for layer, norm in zip(self.layers, self.norms, strict=True):
            assert isinstance(layer, Recurrent)
            own: State = tuple(state[len(after) : len(after) + self.num_states])
            hidden, left = self._read(tokens, layer, own) if hidden is None else layer(hidden, own)
            hidden = self.dropout(norm(hidden))
            after += left
        assert hidden is not None, "there is a layer"
        if self.ngrams is not None:
            after.append((_with_last(state, tokens)[:, tokens.shape[1] :] + 1).to(state[-1].dtype))
        return hidden, after

    def score(self, hidden: Tensor, known: Tensor | None) -> Tensor:
        """The last step of `forward`.

        Args:
            hidden: What `remember` hands on.
            known: Log-probabilities of n-grams after each token, (batch, length, num_tokens), None without any. While training
                they are not the network's own, which have seen the training text.

        Returns: Logits, (batch, length, num_tokens).
        """
        # Time first, as the steps left it: nothing is copied.
        logits: Tensor = self.output(hidden.transpose(0, 1)).transpose(0, 1)
        if self.trust is None or known is None:
            return logits
        # In f32: what is unlikely has large logarithms, and half a per cent of those would show.
        trust: Tensor = self.trust(hidden)
        return logits.float() + trust.float() * known

    def _read(self, tokens: Tensor, first: Recurrent, state: State) -> tuple[Tensor, State]:
        """The first layer's outputs: on a CPU and with few tokens, their weighted inputs are a row of a small product each."""
        table, few = self.embedding.weight, self.embedding.num_embeddings <= TABLE_TOKENS
        if few and isinstance(first, Split) and tokens.device.type == "cpu":
            return first.follow_tokens(first.enter(table), tokens, state)
        embedded: Tensor = self.embedding(tokens)
        outputs: tuple[Tensor, State] = first(embedded if few else self.dropout(embedded), state)
        return outputs


@contextmanager
def building_on(network: LanguageNetwork, ngrams: NgramRows | None) -> Iterator[None]:
    """The same network on other n-grams for a while: on those that have not read the text it is to be scored on."""
    own = network.ngrams
    network.ngrams = ngrams or own
    try:
        yield
    finally:
        network.ngrams = own


def _with_last(state: Sequence[Tensor], tokens: Tensor) -> Tensor:
    """A chunk behind the last tokens before it, (batch, order - 1 + length), NONE where nothing was read."""
    return torch.cat([state[-1].long() - 1, tokens], 1)


def build_network(settings: LanguageSettings, num_tokens: int, ngrams: NgramRows | None = None) -> LanguageNetwork:
    """The network that resolved settings ask for, on top of n-grams if there are any."""
    model = settings.model
    assert model.embedding_dim is not None and model.hidden_size is not None
    assert model.dropout is not None and model.tie_weights is not None
    return LanguageNetwork(
        num_tokens,
        model.model,
        model.embedding_dim,
        model.hidden_size,
        model.num_layers,
        model.dropout,
        model.weight_dropout,
        model.tie_weights,
        model.layer_norm,
        ngrams,
    )
