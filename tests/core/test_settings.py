"""Settings refuse what they do not understand, in the user's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from seodang.core.errors import SettingsError
from seodang.core.settings import Field, Settings, TrainingSettings, markdown_table, nearest_name


class Network(Settings):
    """The network."""

    model: Literal["cnn", "lstm"] = Field("cnn", description="which network")
    depth: int = Field(4, ge=1, le=6, description="times height and width are halved")
    hidden_size: int = Field(64, ge=1, description="state", read_by={"model": ("lstm",)})
    widths: tuple[int, ...] = Field((8, 16), description="channels of each level")
    dropout: float | None = Field(None, ge=0, lt=1, description="part switched off")
    mirrored: bool = Field(False, description="flip | mirror images")
    title: str = Field("none", description="a name")


class Example(Settings):
    """Everything."""

    network: Network = Network()
    training: TrainingSettings = TrainingSettings()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"depth": 9}, r"^depth must be between 1 and 6, got 9\.$"),
        ({"depth": "3"}, r"^depth must be a whole number between 1 and 6, got '3'\.$"),
        ({"depth": True}, r"^depth must be a whole number between 1 and 6, got True\.$"),
        ({"depth": 3.0}, r"^depth must be a whole number between 1 and 6, got 3\.0\.$"),
        ({"depth": None}, r"^depth must be a whole number between 1 and 6, got None\.$"),
        ({"depth": np.int64(3)}, r"got 3 \(int64 of NumPy; give depth a plain Python value, e\.g\. by \.item\(\)\)\.$"),
        ({"dropout": 1.0}, r"^dropout must be at least 0 and below 1, got 1\.0\.$"),
        ({"dropout": float("nan")}, r"^dropout must be .*, got nan\.$"),
        ({"dropout": float("inf")}, r"^dropout must be .*, got inf\.$"),
        ({"mirrored": 1}, r"^mirrored must be true or false, got 1\.$"),
        ({"title": 3}, r"^title must be a text, got 3\.$"),
        ({"widths": 3}, r"^widths must be a list of whole numbers, got 3\.$"),
        ({"widths": (8, "x")}, r"^widths must be a list of whole numbers, got 'x'\.$"),
        ({"model": "ltsm"}, r"^model must be one of cnn or lstm, got 'ltsm'\. Did you mean lstm\?$"),
        ({"learning_rate": 0}, r"^learning_rate must be above 0 and at most 10, got 0\.$"),
        ({"dept": 3}, r"^No setting dept\. Did you mean depth\?$"),
        ({"zzz": 3}, r"^No setting zzz\. The settings are model, depth, "),
        ({"network": {"depth": 3}}, r"^No setting network\."),
    ],
)
def test_refusals(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Example.from_flat(given)


def test_an_error_carries_setting_bound_and_value_and_each_front_door_spells_it() -> None:
    with pytest.raises(SettingsError) as caught:
        Example.from_flat({"hidden_size": 0})
    error = caught.value
    assert (error.settings, error.bound, error.value, error.exit_code) == (("hidden_size",), "at least 1", 0, 2)
    assert error.render(lambda name: "--" + name.replace("_", "-")) == "--hidden-size must be at least 1, got 0."


def test_a_setting_that_the_variant_does_not_read_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="hidden_size is read only when model is lstm, but model is cnn; leave hidden_size out"
    ):
        Example.from_flat({"hidden_size": 32})
    with pytest.raises(SettingsError, match="hidden_size is read only when model is lstm"):
        Example.from_flat({"hidden_size": 64})  # its default: given all the same, and read by nothing
    assert Example.from_flat({"hidden_size": 32, "model": "lstm"}).network.hidden_size == 32


def test_values_are_kept_as_given() -> None:
    settings = Example.from_flat({"widths": [1, 2], "dropout": None, "learning_rate": 1, "epochs": 3})
    assert settings.network.widths == (1, 2)
    assert settings.network.dropout is None
    assert settings.training.learning_rate == 1.0 and isinstance(settings.training.learning_rate, float)


def test_flat_and_back() -> None:
    settings = Example.from_flat({"depth": 2, "widths": (4,), "seed": 5})
    assert Example.from_resolved(settings.to_flat()) == settings
    assert Example.from_resolved(json.loads(json.dumps(settings.to_flat()))) == settings
    assert settings.replaced(depth=3).network.depth == 3
    with pytest.raises(SettingsError, match="depth must be between 1 and 6, got 7"):
        settings.replaced(depth=7)


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError, match="depth"):
        Example().network.depth = 3


def test_leaves_tell_all_that_a_flag_needs() -> None:
    leaves = {leaf.name: leaf for leaf in Example.leaves()}
    assert leaves["widths"].many and leaves["widths"].type is int and leaves["widths"].default == (8, 16)
    assert leaves["dropout"].optional and leaves["dropout"].type is float
    assert leaves["model"].choices == ("cnn", "lstm") and leaves["model"].path == ("network", "model")
    assert leaves["hidden_size"].read_by == {"model": ("lstm",)}
    assert leaves["depth"].group == "The network." and leaves["seed"].group == "How long and how fast to learn."


def test_markdown_table() -> None:
    table = markdown_table(Example).splitlines()
    assert table[0] == "**The network.**"
    assert "| `--model` | cnn | `cnn`, `lstm` | which network |" in table
    assert "| `--hidden-size` | 64 | at least 1 | state; only with `--model` lstm |" in table
    assert "| `--widths` | 8 16 | a whole number | channels of each level |" in table
    assert "| `--dropout` | derived | at least 0 and below 1 | part switched off |" in table
    assert r"| `--mirrored` | false | `--mirrored` or `--no-mirrored` | flip \| mirror images |" in table
    assert [line for line in table if line.startswith("| `--patience` | none |")]


class Files(Settings):
    """What is read."""

    extra: str | None = Field(None, description="a file", is_path=True, words=("own",))
    title: str = Field("none", description="a name")


def test_files_that_are_there_are_named_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "own"):
        Path(name).touch()
    whole = str(tmp_path.resolve() / "a.txt")
    assert Files.with_whole_paths({"extra": "a.txt", "title": "a.txt"}) == {"extra": whole, "title": "a.txt"}
    for value in ("own", "missing.txt", "", None, 3):
        assert Files.with_whole_paths({"extra": value}) == {"extra": value}
    assert Files.with_whole_paths({"unknown": "a.txt"}) == {"unknown": "a.txt"}  # refused later


def test_letters_that_changed_places_are_most_like() -> None:
    assert nearest_name("rezise", ["resume", "resize", "seed"]) == "resize"
    assert nearest_name("xyz", ["resume", "resize", "seed"]) is None
