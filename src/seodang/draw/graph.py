"""A network as data: its layers in the order they run, and how they are joined. Knows no torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from seodang.draw.table import Cell, Table

Kind = Literal[
    "input",
    "embedding",
    "dense",
    "convolution",
    "recurrent",
    "attention",
    "normalisation",
    "activation",
    "dropout",
    "pooling",
    "resampling",
    "reshape",
    "join",
    "other",
]
SMALL_KINDS: frozenset[Kind] = frozenset({"activation", "dropout", "normalisation", "reshape"})


@dataclass(frozen=True)
class Layer:
    """One box of the picture.

    Attributes:
        name: Where it stands in the module, "encoder.0"; for a functional call, where it was made and what.
        kind: What it is, for its colour.
        label: What it is, in plain words: "dense", "convolution 3x3", "bidirectional LSTM".
        shape: Shape of what it puts out, without the batch axis.
        parameters: Weights first used here; a layer that uses another's weights again counts 0.
        inputs: Positions of the layers it reads, all smaller than its own.
        repeats: How many times it ran in a loop drawn as one box.
        shared_with: Position of the layer whose weights it uses again, or None.
    """

    name: str
    kind: Kind
    label: str
    shape: tuple[int, ...]
    parameters: int
    inputs: tuple[int, ...]
    repeats: int = 1
    shared_with: int | None = None

    @property
    def title(self) -> str:
        """The label with how often it runs and whether its weights are another's."""
        times = f" ×{self.repeats}" if self.repeats > 1 else ""
        return self.label + times + (" (shared)" if self.shared_with is not None else "")

    @property
    def shape_text(self) -> str:
        """The shape as Python writes it, but without the comma of a single axis: (400, 64), (128)."""
        return f"({', '.join(map(str, self.shape))})"


@dataclass(frozen=True)
class Network:
    """All layers, every one after those it reads, and the positions of those whose values the module returns."""

    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    unused_parameters: int = 0

    @property
    def parameters(self) -> int:
        """Every weight of the module once, those that the traced run did not touch included."""
        return sum(layer.parameters for layer in self.layers) + self.unused_parameters

    def consumers(self) -> list[list[int]]:
        """For every layer the positions of the layers that read it."""
        readers: list[list[int]] = [[] for _ in self.layers]
        for position, layer in enumerate(self.layers):
            for source in layer.inputs:
                readers[source].append(position)
        return readers

    def line(self) -> str:
        """The network in one line: `input (400) -> embedding (400, 64) -> dropout 0.2 -> dense (1)`.

        A shape is written where it changes or a layer with weights, other than a normalisation, made it. What is not a
        plain chain names the other layers by their number in `table()`: `add with #3`, or a new start `from #2 -> ...`.
        """
        words = ""
        for position, layer in enumerate(self.layers):
            text = f"{layer.title} {layer.shape_text}" if self._shape_is_news(layer) else layer.title
            others = [f"#{source + 1}" for source in layer.inputs if source != position - 1]
            continues = position - 1 in layer.inputs
            if continues:
                words += f" -> {text}" + (f" with {', '.join(others)}" if others else "")
            else:
                start = f"from {', '.join(others)} -> " if others else ""
                words += ("; " if words else "") + start + text
        return words

    def _shape_is_news(self, layer: Layer) -> bool:
        changes = not layer.inputs or any(self.layers[source].shape != layer.shape for source in layer.inputs)
        return changes or (layer.parameters > 0 and layer.kind != "normalisation")

    def table(self) -> Table:
        """One row a layer: number, layer, name in the module, output shape, parameters, the numbers of what it reads."""
        rows: list[list[Cell]] = [
            [
                str(position),
                layer.title,
                layer.name,
                layer.shape_text,
                layer.parameters,
                ", ".join(str(source + 1) for source in layer.inputs) or "–",
            ]
            for position, layer in enumerate(self.layers, start=1)
        ]
        if self.unused_parameters:
            rows.append(["", "not used in this run", "", "", self.unused_parameters, ""])
        rows.append(["", "all together", "", "", self.parameters, ""])
        headers = ["#", "layer", "name in the module", "output shape", "parameters", "reads #"]
        return Table(headers, rows, "Layers of the network")

    def summary(self) -> str:
        """The network in a sentence, for readers who cannot see its picture."""
        kinds = Counter(layer.kind for layer in self.layers if layer.kind not in ("input", "join"))
        parts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return f"Network of {len(self.layers)} boxes with {self.parameters:,} parameters: {parts}."
