"""Layers against PyTorch's and against their formulas; a state that is carried; one step at a time equal to all at once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from small_networks import CELLS, network
from torch import Tensor, nn
from torch.nn import functional

from seodang.families.language import model as model_module
from seodang.families.language.cells import CELLS as LAYERS
from seodang.families.language.cells import Gru, Lstm, MinLstm, Rnn, linear_scan
from seodang.families.language.lstm_steps import lstm_steps
from seodang.families.language.stepping import StepNetwork, read_prompt

BATCH, LENGTH, INPUTS, HIDDEN = 3, 9, 4, 5


def inputs_and_state(parts: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    torch.manual_seed(1)
    return torch.randn(BATCH, LENGTH, INPUTS), tuple(torch.randn(BATCH, HIDDEN) for _ in range(parts))


@pytest.mark.parametrize(("cell", "reference"), [("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM)])
def test_a_layer_is_the_one_of_pytorch(cell: str, reference: type[nn.RNNBase]) -> None:
    layer = LAYERS[cell](INPUTS, HIDDEN)
    inputs, state = inputs_and_state(layer.num_states)
    theirs = reference(INPUTS, HIDDEN)
    assert isinstance(layer, Rnn | Gru | Lstm)
    theirs.load_state_dict(layer.layer.state_dict())
    given = tuple(part.unsqueeze(0) for part in state)
    expected, after = theirs(inputs.transpose(0, 1), given if cell == "lstm" else given[0])
    outputs, left = layer(inputs, state)
    torch.testing.assert_close(outputs, expected.transpose(0, 1))
    for ours, other in zip(left, after if cell == "lstm" else (after,), strict=True):
        torch.testing.assert_close(ours, other[0])


def test_gradients_of_the_lstm_steps_are_those_of_pytorch() -> None:
    inputs, (hidden, cell) = inputs_and_state(2)
    inputs.requires_grad_()
    layer = nn.LSTM(INPUTS, HIDDEN)
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [layer.get_parameter(name) for name in names]
    wanted = torch.randn(LENGTH, BATCH, HIDDEN)
    expected, _ = layer(inputs.transpose(0, 1), (hidden[None], cell[None]))
    theirs = torch.autograd.grad((expected * wanted).sum(), [inputs, *weights])
    entering = functional.linear(inputs.transpose(0, 1), weights[0], weights[2] + weights[3])
    outputs, _ = lstm_steps(entering, weights[1], hidden, cell)
    ours = torch.autograd.grad((outputs * wanted).sum(), [inputs, *weights])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)  # tanh is made of a sigmoid here


def test_the_lstm_steps_in_bf16_stay_near() -> None:
    inputs, (hidden, cell) = inputs_and_state(2)
    layer = Lstm(INPUTS, HIDDEN)
    exact, _ = layer(inputs, (hidden, cell))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough, after = layer(inputs, (hidden, cell))
    assert rough.dtype is torch.bfloat16 and all(part.dtype is torch.float32 for part in after)
    torch.testing.assert_close(rough.float(), exact, rtol=0, atol=0.05)


def test_the_forget_gate_starts_open() -> None:
    gate = slice(HIDDEN, 2 * HIDDEN)
    layer = Lstm(INPUTS, HIDDEN).layer
    bias = layer.get_parameter("bias_ih_l0") + layer.get_parameter("bias_hh_l0")
    assert bias[gate].tolist() == [1] * HIDDEN and bias.sum() == HIDDEN


def test_minlstm_follows_the_formulas_of_the_paper_step_by_step() -> None:
    """Feng et al. 2024, algorithm 6 without logarithms: f' = f / (f + i), h = f' h + i' g(h~)."""
    layer = MinLstm(INPUTS, HIDDEN)
    inputs, (state,) = inputs_and_state(1)
    weight, bias = layer.gates.weight, layer.gates.bias
    hidden, expected = state, []
    for step in range(LENGTH):
        parts = (inputs[:, step] @ weight.T + bias).chunk(3, 1)
        forget, enter, candidate = torch.sigmoid(parts[0]), torch.sigmoid(parts[1]), parts[2]
        positive = torch.where(candidate >= 0, candidate + 0.5, torch.sigmoid(candidate))
        hidden = forget / (forget + enter) * hidden + enter / (forget + enter) * positive
        expected.append(hidden)
    outputs, (after,) = layer(inputs, (state,))
    torch.testing.assert_close(outputs, torch.stack(expected, 1))
    torch.testing.assert_close(after, hidden)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 33])
def test_the_scan_is_the_loop(length: int) -> None:
    torch.manual_seed(0)
    kept, added, start = torch.rand(2, length, 3), torch.randn(2, length, 3), torch.randn(2, 3)
    state, expected = start, []
    for step in range(length):
        state = kept[:, step] * state + added[:, step]
        expected.append(state)
    torch.testing.assert_close(linear_scan(kept, added, start), torch.stack(expected, 1))


@pytest.mark.parametrize("cell", CELLS)
def test_a_carried_state_is_the_whole_text_at_once(cell: str) -> None:
    made = network(cell, num_layers=2, layer_norm=True)
    tokens = torch.randint(11, (4, 30))
    whole, last = made(tokens, made.start(4))
    state, pieces = made.start(4), []
    for begin, end in itertools.pairwise((0, 1, 8, 21, 30)):
        logits, state = made(tokens[:, begin:end], state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(state, last, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_table_of_products_changes_nothing(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = network(cell, num_layers=2)
    tokens = torch.randint(11, (4, 12))
    with_table, _ = made(tokens, made.start(4))
    monkeypatch.setattr(model_module, "TABLE_TOKENS", 0)
    without, _ = made(tokens, made.start(4))
    torch.testing.assert_close(with_table, without)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_weight_dropout_thins_the_state_and_only_while_training(cell: str) -> None:
    made = network(cell, weight_dropout=0.5)
    tokens = torch.randint(11, (2, 12))
    exact, _ = made(tokens, made.start(2))
    made.train()
    one, _ = made(tokens, made.start(2))
    other, _ = made(tokens, made.start(2))
    assert not torch.allclose(one, other) and not torch.allclose(one, exact)
    torch.testing.assert_close(one[:, 0], exact[:, 0])  # the first step has no state to multiply
    one.sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in made.parameters())
    torch.testing.assert_close(made.eval()(tokens, made.start(2))[0], exact)


def test_tied_weights_are_one_table() -> None:
    made = network("lstm", embedding_dim=7, tie_weights=True)
    assert made.output.weight is made.embedding.weight


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", [{}, {"num_layers": 3}, {"num_layers": 2, "layer_norm": True}], ids=["one", "three", "norm"])
@pytest.mark.parametrize("table", [True, False])
def test_steps_in_numpy_are_the_network(cell: str, shape: dict[str, int], table: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not table:
        monkeypatch.setattr("seodang.families.language.stepping.TABLE_SIZE", 0)
    made = network(cell, **shape)
    tokens = torch.randint(11, (3, 20))
    expected, last = made(tokens, made.start(3))
    steps = StepNetwork(made)
    assert steps.num_tokens == 11 and (steps.table is not None) == table
    state = steps.start(3)
    for step in range(20):
        logits, state = steps.step(tokens[:, step].numpy(), state)
        np.testing.assert_allclose(logits, expected[:, step].detach().numpy(), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(state, last, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_a_prompt_is_read_in_one_stream_and_an_empty_one_favours_nothing() -> None:
    made = network("gru")
    steps = StepNetwork(made)
    logits, _ = read_prompt(steps, np.array([1, 2, 3]))
    expected, _ = made(torch.tensor([[1, 2, 3]]), made.start(1))
    np.testing.assert_allclose(logits[0], expected[0, -1].detach().numpy(), rtol=1e-4, atol=1e-5)
    assert not read_prompt(steps, np.array([], np.int64))[0].any()
