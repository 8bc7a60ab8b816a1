"""The tracer follows what real networks do, every weight is counted once, and the layouts draw what was traced."""

from __future__ import annotations

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_padded_sequence

from seodang.draw.layout import arms_of_u, arrange_in_ranks
from seodang.draw.network import Network, network_picture, trace

TOKENS = torch.zeros(2, 400, dtype=torch.long)
IMAGES = torch.zeros(2, 3, 64, 64)


class ConvolutionalText(nn.Module):
    """Embedding, convolution, global maximum, two dense layers; the activations are functions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 64)
        self.dropout = nn.Dropout(0.2)
        self.convolution = nn.Conv1d(64, 250, 3)
        self.hidden = nn.Linear(250, 250)
        self.output = nn.Linear(250, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = self.dropout(self.embedding(tokens)).transpose(1, 2)
        features = functional.relu(self.convolution(vectors)).amax(dim=2)
        return self.output(functional.relu(self.hidden(features))).squeeze(1)


class RecurrentText(nn.Module):
    """A bidirectional LSTM read at its last states, with a mask that is arithmetic and no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 64)
        self.dropout = nn.Dropout(0.2)
        self.lstm = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
        self.hidden = nn.Linear(128, 250)
        self.output = nn.Linear(250, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        mask = (tokens != 0).unsqueeze(2).float()
        vectors = self.dropout(self.embedding(tokens)) * mask
        _, (state, _) = self.lstm(vectors)
        return self.output(self.hidden(torch.cat([state[-2], state[-1]], dim=1)))


class DoubleConvolution(nn.Sequential):
    """Two 3x3 convolutions with batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """A U-Net; one pooling layer serves all levels."""

    def __init__(self, channels: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        pairs = list(zip((3, *channels), channels, strict=False))
        self.down = nn.ModuleList(DoubleConvolution(before, after) for before, after in pairs)
        self.pool = nn.MaxPool2d(2)
        steps = list(zip(channels[::-1], channels[-2::-1], strict=False))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(deep, shallow, 2, stride=2) for deep, shallow in steps)
        self.up = nn.ModuleList(DoubleConvolution(2 * shallow, shallow) for _, shallow in steps)
        self.output = nn.Conv2d(channels[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        skips = []
        features = images
        for number, block in enumerate(self.down):
            features = block(self.pool(features) if number else features)
            skips.append(features)
        for rise, block, skip in zip(self.rise, self.up, skips[-2::-1], strict=True):
            features = block(torch.cat([skip, rise(features)], dim=1))
        return self.output(features)


class Residual(nn.Module):
    """Two branches summed: a stack and a 1x1 convolution beside it."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1, stride)

    def forward(self, images: Tensor) -> Tensor:
        branch = self.second(functional.relu(self.norm(self.first(images))))
        return functional.relu(branch + self.shortcut(images))


class ResidualNetwork(nn.Module):
    """Residual blocks and a global mean."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        self.start = nn.Conv2d(3, 16, 3, padding=1)
        self.blocks = nn.Sequential(*(Residual(16, 16) for _ in range(blocks)))
        self.shrink = Residual(16, 32, stride=2)
        self.output = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.output(self.shrink(self.blocks(self.start(images))).mean(dim=(2, 3)))


class Siamese(nn.Module):
    """One encoder for two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.output = nn.Linear(4, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.output((self.encoder(left) - self.encoder(right)).abs())


class SteppedCell(nn.Module):
    """A cell run step by step with a dropout inside the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 6)
        self.cell = nn.GRUCell(6, 12)
        self.output = nn.Linear(12, 50)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = self.embedding(tokens)
        state = vectors.new_zeros(len(tokens), 12)
        outputs = []
        for step in range(vectors.shape[1]):
            state = self.cell(vectors[:, step], state)
            outputs.append(functional.dropout(torch.tanh(state), 0.1, self.training))
        return self.output(torch.stack(outputs, dim=1))


class TiedTransformer(nn.Module):
    """Attention with a learned place, a skip, and the embedding's weights used again at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.places = nn.Parameter(torch.zeros(20, 16))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.spare = nn.Linear(3, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        vectors = self.embedding(tokens) + self.places[: tokens.shape[1]]
        return functional.linear(self.layer(vectors), self.embedding.weight)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def labels(network: Network) -> list[str]:
    return [layer.title for layer in network.layers]


@pytest.mark.parametrize(
    ("module", "inputs"),
    [
        (ConvolutionalText(), (TOKENS,)),
        (RecurrentText(), (TOKENS,)),
        (UNet(), (IMAGES,)),
        (ResidualNetwork(), (IMAGES,)),
        (Siamese(), (torch.zeros(2, 8), torch.zeros(2, 8))),
        (SteppedCell(), (TOKENS[:, :30],)),
        (TiedTransformer(), (TOKENS[:, :20],)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_parameters_add_up_and_the_picture_draws(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    network = trace(module, inputs)
    assert network.parameters == count(module)
    assert all(source < position for position, layer in enumerate(network.layers) for source in layer.inputs)
    picture = network_picture(network, "네트워크")
    assert picture.png(dpi=40).startswith(b"\x89PNG")
    assert picture.table is not None and picture.table.rows[-1][4] == count(module)


def test_recurrent_text_model_in_one_line() -> None:
    assert trace(RecurrentText(), (TOKENS,)).line() == (
        "input (400) -> embedding (400, 64) -> dropout 0.2 -> bidirectional LSTM (128) -> dense (250) -> dense (1)"
    )


def test_functional_activations_and_maximum_are_layers_too() -> None:
    assert trace(ConvolutionalText(), (TOKENS,)).line() == (
        "input (400) -> embedding (400, 64) -> dropout 0.2 -> convolution 3 (250, 398) -> ReLU -> maximum (250)"
        " -> dense (250) -> ReLU -> dense (1)"
    )


def test_unet_skips_reach_the_concatenations() -> None:
    network = trace(UNet(), (IMAGES,))
    joins = [layer for layer in network.layers if layer.label == "concatenate"]
    assert [layer.shape for layer in joins] == [(32, 32, 32), (16, 64, 64)]
    for join in joins:
        skip, rise = (network.layers[source] for source in join.inputs)
        assert skip.label == "ReLU" and rise.label == "transposed convolution 2x2, stride 2"
        assert skip.shape == rise.shape
    assert labels(network).count("max pooling 2x2") == 2


def test_residual_sum_reads_the_branch_and_the_input_of_the_block() -> None:
    network = trace(Residual(3, 3), (IMAGES,))
    assert labels(network) == ["input", "convolution 3x3", "batch norm", "ReLU", "convolution 3x3", "add", "ReLU"]
    assert network.layers[5].inputs == (0, 4)
    assert network.line().endswith("convolution 3x3 (3, 64, 64) -> add with #1 -> ReLU")


def test_dropout_that_hands_back_its_input_does_not_swallow_the_skip_around_it() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(4, 4)
            self.dropout = nn.Dropout(0.5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.dense(x)
            return x + self.dropout(x)

    assert trace(Skip(), (torch.zeros(2, 4),)).layers[3].inputs == (1, 2)


def test_shared_weights_are_counted_where_first_used() -> None:
    network = trace(Siamese(), (torch.zeros(2, 8), torch.zeros(2, 8)))
    assert labels(network) == ["input: left", "input: right", "dense", "dense (shared)", "subtract", "dense"]
    assert [layer.parameters for layer in network.layers] == [0, 0, 36, 0, 0, 5]
    assert network.layers[3].shared_with == 2


def test_a_loop_over_one_cell_is_one_box() -> None:
    network = trace(SteppedCell(), (TOKENS[:, :30],))
    assert labels(network) == ["input", "embedding", "GRU cell ×30", "tanh ×30", "dropout ×30", "stack", "dense"]
    assert network.layers[5].inputs == (4,)


def test_weights_used_by_functions_and_weights_not_used_are_found() -> None:
    network = trace(TiedTransformer(), (TOKENS[:, :20],))
    assert network.layers[2].label == "add weights" and network.layers[2].parameters == 20 * 16
    assert network.layers[-1].title == "dense (shared)"
    assert network.unused_parameters == 20
    assert "not used in this run" in [row[1] for row in network.table().rows]


def test_packed_sequences_weight_norm_and_named_outputs() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10, 4)
            self.gru = nn.GRU(4, 6, batch_first=True)
            self.output = weight_norm(nn.Linear(6, 3))

        def forward(self, tokens: Tensor, lengths: Tensor) -> dict[str, Tensor]:
            packed = pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
            _, state = self.gru(packed)
            return {"logits": self.output(state[-1]), "state": state[-1]}

    module = Packed()
    network = trace(module, (torch.ones(2, 5, dtype=torch.long), torch.tensor([5, 3])))
    chain = [layer.label for layer in network.layers if layer.kind != "input"]
    assert chain == ["embedding", "GRU", "dense"]
    assert network.layers[-2].shape == (6,)
    assert network.outputs == (len(network.layers) - 2, len(network.layers) - 1)
    assert network.parameters == count(module)


def test_a_module_may_say_what_it_is_drawn_as() -> None:
    class Encoder(nn.Module):
        drawn_as = "bidirectional LSTM"

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 8)

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(self.inner(x))

    network = trace(nn.Sequential(Encoder(), nn.Linear(8, 1)), (torch.zeros(2, 4),))
    assert network.line() == "input (4) -> bidirectional LSTM (8) -> dense (1)"
    assert network.layers[1].parameters == 40


def test_control_flow_that_depends_on_data_is_followed() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(2, 3), nn.Linear(2, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.left(x) if float(x.sum()) > 0 else self.right(x)

    network = trace(Branching(), (torch.ones(2, 2),))
    assert network.line() == "input (2) -> dense (3)" and network.unused_parameters == 15


def test_tracing_leaves_no_mark() -> None:
    module = ResidualNetwork().train()
    module.blocks[0].norm.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [child.training for child in module.modules()]
    state = torch.get_rng_state()
    trace(module, (torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)),))
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert [child.training for child in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())


def test_a_module_that_fails_is_left_without_hooks() -> None:
    module = nn.Linear(3, 2)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        trace(module, (torch.zeros(2, 7),))
    assert not module._forward_hooks and not module._forward_pre_hooks and module.training


class TwoHeads(nn.Module):
    """Two outputs beside each other."""

    def __init__(self) -> None:
        super().__init__()
        self.policy, self.value = nn.Linear(4, 2), nn.Linear(4, 1)

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        return self.policy(vectors), self.value(vectors)


def test_no_box_hides_that_its_neighbour_is_an_output() -> None:
    figure = network_picture(trace(TwoHeads(), (torch.zeros(2, 4),)))._figure
    words = {text.get_text(): text for text in figure.axes[0].texts if "output" in text.get_text()}
    assert set(words) == {"↓ output", "→ output"}
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [patch.get_window_extent() for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    for text in words.values():
        extent = text.get_window_extent()
        assert not any(extent.overlaps(box) for box in boxes) and figure.bbox.contains(extent.x1, extent.y0)


def test_ranks_keep_boxes_apart_and_below_what_they_read() -> None:
    inputs = [[], [0], [0], [1], [3, 2], [4, 0]]
    places, routes = arrange_in_ranks(inputs, [2.0] * 6, [0.4] * 6)
    for box, sources in enumerate(inputs):
        assert all(places[box].y > places[source].bottom for source in sources)
    for one in range(6):
        for other in range(one):
            a, b = places[one], places[other]
            apart_across = a.x >= b.x + b.width or b.x >= a.x + a.width
            assert apart_across or a.y >= b.bottom or b.y >= a.bottom
    assert len(routes) == 7


def test_long_chains_wrap_into_columns() -> None:
    places, _ = arrange_in_ranks([[], *([box] for box in range(49))], [2.0] * 50, [0.4] * 50)
    assert len({place.x for place in places}) > 2
    assert max(place.bottom for place in places) < 12


def test_arms_of_a_u() -> None:
    assert arms_of_u([0, 0, 1, 2, 1, 0]) == ["left", "left", "left", "bottom", "right", "right"]
