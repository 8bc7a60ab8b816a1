"""Plain words for torch's layers and functions: Conv2d(1, 8, 3) is a "convolution 3x3"."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from torch import nn

from seodang.draw.graph import Kind

_ACTIVATIONS = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "leaky_relu": "leaky ReLU",
    "prelu": "PReLU",
    "elu": "ELU",
    "selu": "SELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "mish": "Mish",
    "sigmoid": "sigmoid",
    "logsigmoid": "log sigmoid",
    "hardtanh": "hard tanh",
    "hardsigmoid": "hard sigmoid",
    "hardswish": "hard swish",
    "tanh": "tanh",
    "softplus": "softplus",
    "softmax": "softmax",
    "log_softmax": "log softmax",
    "glu": "gated linear unit",
}
_ACTIVATION_CLASSES = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "logsigmoid",
    "Hardtanh": "hardtanh",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softmax": "softmax",
    "Softmax2d": "softmax",
    "LogSoftmax": "log_softmax",
    "GLU": "glu",
}
# Functions drawn even when they read one layer only; every other function with one source is passed over.
_SHOWN_ALONE: dict[str, tuple[Kind, str]] = {
    **{name: ("activation", label) for name, label in _ACTIVATIONS.items()},
    "dropout": ("dropout", "dropout"),
    "alpha_dropout": ("dropout", "dropout"),
    "layer_norm": ("normalisation", "layer norm"),
    "group_norm": ("normalisation", "group norm"),
    "batch_norm": ("normalisation", "batch norm"),
    "instance_norm": ("normalisation", "instance norm"),
    "rms_norm": ("normalisation", "RMS norm"),
    "normalize": ("normalisation", "unit length"),
    "interpolate": ("resampling", "resize"),
    "pixel_shuffle": ("resampling", "pixel shuffle"),
    "pixel_unshuffle": ("resampling", "pixel unshuffle"),
    "grid_sample": ("resampling", "warp"),
    "mean": ("pooling", "mean"),
    "sum": ("pooling", "sum"),
    "amax": ("pooling", "maximum"),
    "max": ("pooling", "maximum"),
    "amin": ("pooling", "minimum"),
    "logsumexp": ("pooling", "log-sum-exp"),
    "linear": ("dense", "dense"),
    "matmul": ("dense", "matrix product"),
    "embedding": ("embedding", "embedding"),
    "scaled_dot_product_attention": ("attention", "attention"),
    "multi_head_attention_forward": ("attention", "attention"),
}
_JOINS = {
    "cat": "concatenate",
    "concat": "concatenate",
    "concatenate": "concatenate",
    "hstack": "concatenate",
    "stack": "stack",
    "add": "add",
    "sub": "subtract",
    "rsub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "truediv": "divide",
    "matmul": "matrix product",
    "mm": "matrix product",
    "bmm": "matrix product",
    "einsum": "einsum",
    "maximum": "maximum",
    "minimum": "minimum",
    "where": "choose",
    "lerp": "blend",
}


def describe_module(module: nn.Module) -> tuple[Kind, str]:
    """Kind and label of a layer; a class of the user's own gets its name in words.

    A module may say itself what it is drawn as, in an attribute `drawn_as`, and is then one box whatever it holds.
    """
    label = getattr(module, "drawn_as", None)
    for kind, types, words in _MODULES:
        if isinstance(module, types):
            return kind, str(label) if label else words(module)
    name = type(module).__name__.removeprefix("Parametrized")
    if name in _ACTIVATION_CLASSES:
        return "activation", _ACTIVATIONS[_ACTIVATION_CLASSES[name]]
    words_of_name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    plain = " ".join(word if word.isupper() else word.lower() for word in words_of_name.split())
    return _kind_by_name(str(label or plain)), str(label or plain)


def describe_function(name: str) -> tuple[Kind, str] | None:
    """Kind and label of a function that is drawn though it reads one layer only, or None."""
    base = _base_name(name)
    if base.startswith("conv"):
        transposed = "transposed convolution" if "transpose" in base else "convolution"
        return ("resampling" if "transpose" in base else "convolution"), transposed
    if "pool" in base:
        average = "average pooling" if "avg" in base else "max pooling"
        return "pooling", average
    if _kind_by_name(base) == "recurrent":
        return "recurrent", "LSTM" if "lstm" in base else "GRU" if "gru" in base else "recurrent layer"
    return _SHOWN_ALONE.get(base)


def describe_join(name: str) -> tuple[Kind, str]:
    """Kind and label of a function that reads several layers."""
    known = describe_function(name)
    base = _base_name(name)
    if base in _JOINS:
        return "join", _JOINS[base]
    return known or ("join", base.replace("_", " "))


def _base_name(name: str) -> str:
    """`__iadd__`, `add_` and `add` are one function."""
    base = name.strip("_") if name.startswith("__") else name.rstrip("_")
    if name.startswith("__") and base[:1] in "ri" and base[1:] in ("add", "sub", "mul", "truediv", "matmul"):
        base = base[1:]
    return base


def _kind_by_name(label: str) -> Kind:
    hints: tuple[tuple[str, Kind], ...] = (
        ("embedding", "embedding"),
        ("attention", "attention"),
        ("lstm", "recurrent"),
        ("gru", "recurrent"),
        ("rnn", "recurrent"),
        ("conv", "convolution"),
        ("norm", "normalisation"),
        ("pool", "pooling"),
        ("dropout", "dropout"),
        ("dense", "dense"),
        ("linear", "dense"),
    )
    return next((kind for hint, kind in hints if hint in label.lower()), "other")


def _sizes(value: object) -> str:
    """3x3 for (3, 3), 3 for (3,) and for 3."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _only_if(value: object, word: str) -> str:
    """ ", stride 2" unless every number is 1."""
    numbers = value if isinstance(value, tuple) else (value,)
    if all(number == 1 for number in numbers):
        return ""
    return f", {word} {numbers[0]}" if len(set(numbers)) == 1 else f", {word} {_sizes(value)}"


def _convolution(module: Any) -> str:
    depthwise = module.groups > 1 and module.groups == module.in_channels
    groups = f", {module.groups} groups" if module.groups > 1 and not depthwise else ""
    words = ("depthwise " if depthwise else "") + ("transposed " if getattr(module, "transposed", False) else "")
    tail = _only_if(module.stride, "stride") + _only_if(module.dilation, "dilation") + groups
    return f"{words}convolution {_sizes(module.kernel_size)}{tail}"


def _recurrent(module: Any) -> str:
    layers = f"{module.num_layers}-layer " if module.num_layers != 1 else ""
    word = {"RNN_TANH": "RNN", "RNN_RELU": "ReLU RNN"}.get(str(module.mode), str(module.mode))
    return f"{'bidirectional ' if module.bidirectional else ''}{layers}{word}"


def _dropout(module: Any) -> str:
    return f"dropout {module.p:g}"


def _pooling(module: Any) -> str:
    name = type(module).__name__
    word = "max pooling" if "Max" in name else "average pooling" if "Avg" in name else "pooling"
    if "Adaptive" in name:
        size = module.output_size
        whole = all(number == 1 for number in (size if isinstance(size, tuple) else (size,)))
        return f"global {word}" if whole else f"{word} to {_sizes(size)}"
    size, axes = module.kernel_size, int(name[-2])
    return f"{word} {_sizes(size if isinstance(size, tuple) else (size,) * axes)}"


def _upsampling(module: Any) -> str:
    factor = module.scale_factor
    return f"resize to {_sizes(module.size)}" if factor is None else f"upsampling x{_sizes(factor).replace('.0', '')}"


def _normalisation(module: nn.Module) -> str:
    name = type(module).__name__
    if isinstance(module, nn.GroupNorm):
        return f"group norm, {module.num_groups} groups"
    words = {"Batch": "batch norm", "Layer": "layer norm", "Instance": "instance norm", "RMS": "RMS norm", "Sync": "batch norm"}
    return next((word for start, word in words.items() if start in name), "normalisation")


def _attention(module: Any) -> str:
    return f"attention, {module.num_heads} heads"


def _cell(module: nn.Module) -> str:
    return type(module).__name__.removesuffix("Cell") + " cell"


_POOLING = tuple(vars(nn)[name] for name in dir(nn) if re.fullmatch(r"(Adaptive|Fractional)?(Max|Avg|LP)Pool\dd", name))
_MODULES: tuple[tuple[Kind, tuple[type[nn.Module], ...], Callable[..., str]], ...] = (
    ("embedding", (nn.Embedding,), lambda _: "embedding"),
    ("embedding", (nn.EmbeddingBag,), lambda module: f"embedding bag, {module.mode}"),
    ("dense", (nn.Linear,), lambda _: "dense"),
    ("dense", (nn.Bilinear,), lambda _: "bilinear"),
    ("resampling", (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _convolution),
    ("convolution", (nn.modules.conv._ConvNd,), _convolution),
    ("recurrent", (nn.RNNBase,), _recurrent),
    ("recurrent", (nn.RNNCellBase,), _cell),
    ("attention", (nn.MultiheadAttention,), _attention),
    ("dropout", (nn.modules.dropout._DropoutNd,), _dropout),
    ("normalisation", (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm), _normalisation),
    ("pooling", _POOLING, _pooling),
    ("resampling", (nn.Upsample,), _upsampling),
    ("resampling", (nn.PixelShuffle,), lambda module: f"pixel shuffle x{module.upscale_factor}"),
    ("reshape", (nn.Flatten,), lambda _: "flatten"),
    ("reshape", (nn.Unflatten,), lambda _: "unflatten"),
    ("reshape", (nn.modules.padding._ConstantPadNd, nn.modules.padding._ReflectionPadNd), lambda _: "padding"),
)
