"""Settings, declared once in typed Python: flags, help, bounds, JSON and README tables are read off the declaration.

A family's settings are groups (data, model, training) of leaves. Leaf names are unique in a family, so the outside world sees
one flat list: `seodang.train("text", source, batch_size=64)`, `--batch-size 64`, `{"batch_size": 64}`.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from seodang.core.errors import SettingsError

__all__ = ["Field", "Leaf", "Settings", "TrainingSettings", "markdown_table", "read_by"]

KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def read_by(**variants: tuple[str, ...]) -> dict[str, Any]:
    """Mark a setting as read only when another setting has one of the given values.

    `hidden_size: int = Field(64, json_schema_extra=read_by(model=("rnn", "lstm")))` is refused when given with `model="cnn"`.
    """
    return {"read_by": {selector: list(values) for selector, values in variants.items()}}


@dataclass(frozen=True)
class Leaf:
    """One setting: everything that a flag, a form field or a README row needs."""

    name: str
    path: tuple[str, ...]
    group: str
    type: type[Any]
    optional: bool
    choices: tuple[str, ...]
    many: bool
    default: Any
    bounds: str
    description: str
    read_by: Mapping[str, tuple[str, ...]]

    def expected(self) -> str:
        """What the setting takes, in words: "between 1 and 6", "one of cnn or lstm", "a whole number"."""
        if self.choices:
            return "one of " + alternatives(self.choices)
        return self.bounds or KINDS[self.type]


class Settings(BaseModel):
    """Base of all settings: strict, frozen, nothing unknown, nothing infinite."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def leaves(cls) -> tuple[Leaf, ...]:
        """Every setting in the order of declaration."""
        return tuple(_leaves(cls, ()))

    @classmethod
    def from_flat(cls, given: Mapping[str, Any]) -> Self:
        """Settings from a flat mapping of names to values.

        Raises:
            SettingsError: A name is unknown, a value is out of bounds, or the chosen variant does not read a setting given.
        """
        leaves = {leaf.name: leaf for leaf in cls.leaves()}
        for name in given:
            if name not in leaves:
                raise unknown_setting(name, leaves)
        settings = cls._validated(given, leaves)
        settings._refuse_unread(given, leaves)
        return settings

    def to_flat(self) -> dict[str, Any]:
        """Every setting by its name."""
        flat = {}
        for leaf in self.leaves():
            value: Any = self
            for part in leaf.path:
                value = getattr(value, part)
            flat[leaf.name] = value
        return flat

    def replaced(self, **values: Any) -> Self:
        """The same settings with some values changed, all bounds checked again."""
        return self.from_resolved({**self.to_flat(), **values})

    @classmethod
    def from_resolved(cls, flat: Mapping[str, Any]) -> Self:
        """Settings from a complete set of values, which also names those that the chosen variant does not read.

        Raises: SettingsError: A value is out of bounds.
        """
        leaves = {leaf.name: leaf for leaf in cls.leaves()}
        return cls._validated({name: flat[name] for name in leaves}, leaves)

    @classmethod
    def _validated(cls, flat: Mapping[str, Any], leaves: Mapping[str, Leaf]) -> Self:
        nested: dict[str, Any] = {}
        for name, value in flat.items():
            *groups, last = leaves[name].path
            group = nested
            for part in groups:
                group = group.setdefault(part, {})
            # JSON and most callers write several values as a list; settings are frozen and keep a tuple.
            group[last] = tuple(value) if leaves[name].many and isinstance(value, list) else value
        try:
            return cls.model_validate(nested)
        except ValidationError as error:
            raise _explain(error, leaves) from None

    def _refuse_unread(self, given: Mapping[str, Any], leaves: Mapping[str, Leaf]) -> None:
        flat = self.to_flat()
        for name in given:
            for selector, values in leaves[name].read_by.items():
                if flat[selector] not in (None, *values) and given[name] != leaves[name].default:
                    raise SettingsError(
                        f"{{{name}}} is read only when {{{selector}}} is {alternatives(values)}, but {{{selector}}} is "
                        f"{flat[selector]}; leave {{{name}}} out or change {{{selector}}}.",
                        settings=(name, selector),
                        value=given[name],
                    )


class TrainingSettings(Settings):
    """How long and how fast to learn."""

    epochs: int | None = Field(None, ge=1, le=10_000, description="passes over the training rows")
    batch_size: int | None = Field(None, ge=1, le=65_536, description="rows of one step")
    learning_rate: float | None = Field(None, gt=0, le=10, description="highest rate of the optimizer")
    schedule: Literal["cosine", "constant"] = Field("cosine", description="how the rate changes after the warm-up")
    warmup_fraction: float = Field(0.05, ge=0, le=0.5, description="part of all steps in which the rate rises from 0")
    weight_decay: float = Field(0.0, ge=0, le=1, description="decoupled weight decay (AdamW)")
    clip_norm: float | None = Field(1.0, gt=0, description="longest gradient; a longer one is scaled down")
    patience: int | None = Field(
        None, ge=1, description="epochs without a better validation score before stopping; none: never"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="start of every random choice")


def alternatives(words: Sequence[str]) -> str:
    """Words joined as a person would: "a, b or c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def markdown_table(settings_type: type[Settings]) -> str:
    """The settings as tables for a README, one a group: flag, default, what it takes, what it does."""
    lines: list[str] = []
    group = ""
    for leaf in settings_type.leaves():
        if leaf.group != group:
            group = leaf.group
            lines += ["", f"**{group}**", "", "| setting | default | takes | meaning |", "|---|---|---|---|"]
        expected = (", ".join(f"`{choice}`" for choice in leaf.choices)) or leaf.expected()
        only = "".join(f"; only with `--{s.replace('_', '-')}` {alternatives(v)}" for s, v in leaf.read_by.items())
        default = _default_words(leaf)
        cells = (f"`--{leaf.name.replace('_', '-')}`", default, expected, leaf.description + only)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines[1:]) + "\n"


def _default_words(leaf: Leaf) -> str:
    if leaf.default is None:
        return "none" if "none:" in leaf.description else "derived"
    if isinstance(leaf.default, bool):
        return str(leaf.default).lower()
    return " ".join(map(str, leaf.default)) if leaf.many else str(leaf.default)


def unknown_setting(name: str, known: Mapping[str, Leaf]) -> SettingsError:
    """The error for a name that no setting has, with the nearest one that exists."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f" Did you mean {{{near[0]}}}?" if near else " The settings are " + ", ".join(f"{{{n}}}" for n in known) + "."
    return SettingsError(f"No setting {{{name}}}.{hint}", settings=(name, *(near or known)))


def _leaves(settings: type[Settings], path: tuple[str, ...]) -> Iterator[Leaf]:
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from _leaves(field.annotation, (*path, name))
        else:
            yield _leaf(name, field, (*path, name), (settings.__doc__ or "").strip().splitlines()[0])


def _leaf(name: str, field: FieldInfo, path: tuple[str, ...], group: str) -> Leaf:
    annotation = field.annotation
    optional = get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)
    if optional:
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    many = get_origin(annotation) is tuple
    if many:
        annotation = get_args(annotation)[0]
    choices = tuple(get_args(annotation)) if get_origin(annotation) is Literal else ()
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    variants: Any = extra.get("read_by", {})
    return Leaf(
        name=name,
        path=path,
        group=group,
        type=str if choices else cast("type[Any]", annotation),
        optional=optional,
        choices=choices,
        many=many,
        default=field.get_default(call_default_factory=True, validated_data={}),
        bounds=_bounds(field.metadata),
        description=field.description or "",
        read_by={selector: tuple(values) for selector, values in variants.items()},
    )


def _bounds(metadata: Sequence[Any]) -> str:
    found = {key: getattr(item, key) for item in metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)}
    if "ge" in found and "le" in found:
        return f"between {found['ge']} and {found['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{words[key]} {found[key]}" for key in ("ge", "gt", "le", "lt") if key in found)


def _explain(error: ValidationError, leaves: Mapping[str, Leaf]) -> SettingsError:
    """The first complaint of pydantic, in the user's words."""
    first = error.errors()[0]
    by_path = {leaf.path: leaf for leaf in leaves.values()}
    location = tuple(str(part) for part in first["loc"])
    leaf = next((by_path[location[:n]] for n in range(len(location), 0, -1) if location[:n] in by_path), None)
    if leaf is None:
        return SettingsError(first["msg"].removeprefix("Value error, "))
    value = first["input"]
    expected = leaf.expected()
    if first["type"].endswith(("_type", "_parsing", "_from_float")) and not leaf.choices:
        expected = ("several of " if leaf.many else "") + KINDS[leaf.type] + (f" {leaf.bounds}" if leaf.bounds else "")
    shown = repr(value) if isinstance(value, str) else str(value)
    if type(value).__module__ == "numpy":
        shown += f" ({type(value).__name__} of NumPy; give {{{leaf.name}}} a plain Python value, e.g. by .item())"
    near = difflib.get_close_matches(str(value), leaf.choices, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return SettingsError(
        f"{{{leaf.name}}} must be {expected}, got {shown}.{hint}", settings=(leaf.name,), bound=expected, value=value
    )
