"""Settings, declared once in typed Python: flags, help, bounds, JSON and README tables are read off the declaration.

A family's settings are groups (data, model, training) of leaves. Leaf names are unique in a family, so the outside world sees
one flat list: `seodang.train("text", source, batch_size=64)`, `--batch-size 64`, `{"batch_size": 64}`.

They are frozen dataclasses that check themselves. pydantic would do, but importing it alone takes 0.15 to 0.25 CPU seconds, and
`--help` has 0.2.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, Union, cast, get_args, get_origin, get_type_hints

from seodang.core.errors import SettingsError

__all__ = ["Field", "Leaf", "Settings", "TrainingSettings", "markdown_table"]

MOST_EPOCHS = 10_000
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
LISTS = {int: "a list of whole numbers", float: "a list of numbers", bool: "a list of true or false", str: "a list of texts"}
LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def Field(  # noqa: N802 - it stands where the field's type would, as in dataclasses and pydantic
    default: Any,
    *,
    description: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    read_by: Mapping[str, tuple[str, ...]] | None = None,
    is_path: bool = False,
    words: tuple[str, ...] = (),
    question: str = "",
) -> Any:
    """Declare one setting.

    Args:
        default:     Its value when none is given; None with `| None` in the type means "derived from the data" or "off".
        description: What it does, in a line.
        ge, gt:      Least value, and the value it must be above.
        le, lt:      Greatest value, and the value it must be below.
        read_by:     Values of other settings with which alone it is read: given with others, it is refused.
        is_path:     Whether it names a file or a folder.
        words:       Values of such a setting that name none.
        question:    What a person at a terminal is asked where it is not given; nothing where it may be left out.
    """
    limits = {name: value for name, value in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt)) if value is not None}
    metadata = {
        "description": description,
        "limits": limits,
        "read_by": dict(read_by or {}),
        "is_path": is_path,
        "words": words,
        "question": question,
    }
    return dataclasses.field(default=default, metadata=metadata)


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
    limits: Mapping[str, float]
    description: str
    read_by: Mapping[str, tuple[str, ...]]
    is_path: bool
    """Whether it names a file or a folder."""
    words: tuple[str, ...]
    """Values of such a setting that name none."""
    question: str
    """What a person at a terminal is asked where it is not given."""

    @classmethod
    def of(cls, field: dataclasses.Field[Any], hint: Any, group: str) -> Leaf:
        """The setting that a field of type `hint` declares in a group."""
        optional = get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
        if optional:
            (hint,) = (part for part in get_args(hint) if part is not type(None))
        many = get_origin(hint) is tuple
        if many:
            hint = get_args(hint)[0]
        choices = tuple(get_args(hint)) if get_origin(hint) is Literal else ()
        return cls(
            name=field.name,
            path=(field.name,),
            group=group,
            type=str if choices else hint,
            optional=optional,
            choices=choices,
            many=many,
            default=field.default,
            **field.metadata,
        )

    @property
    def bounds(self) -> str:
        """The limits in words: "between 1 and 6", "above 0"; empty where there are none."""
        if "ge" in self.limits and "le" in self.limits:
            return f"between {self.limits['ge']} and {self.limits['le']}"
        return " and ".join(f"{words} {self.limits[key]}" for key, words in LIMITS.items() if key in self.limits)

    def expected(self) -> str:
        """What the setting takes, in words: "between 1 and 6", "one of cnn or lstm", "a whole number"."""
        if self.choices:
            return "one of " + alternatives(self.choices)
        return self.bounds or KINDS[self.type]

    def checked(self, value: Any) -> Any:
        """The value as the settings keep it: a list becomes a tuple, a whole number where a float is wanted becomes one.

        Raises: SettingsError: It is of another type, out of bounds, not finite, or none of the choices.
        """
        if value is None and self.optional:
            return None
        if not self.many:
            return self._one(value)
        if not isinstance(value, tuple | list):
            raise self._refusal(value, self._kind())
        return tuple(self._one(item) for item in value)

    def _one(self, value: Any) -> Any:
        if self.choices:
            if isinstance(value, str) and value in self.choices:
                return value
            raise self._refusal(value, self.expected())
        # Types are compared, not asked for isinstance: True is an int, and NumPy's float64 a float, to isinstance.
        if type(value) is not self.type and not (self.type is float and type(value) is int):
            raise self._refusal(value, self._kind())
        if self.type in (int, float) and not self._within(value):
            raise self._refusal(value, self.expected())
        return self.type(value)

    def _within(self, value: float) -> bool:
        limit = self.limits
        return (
            math.isfinite(value)
            and limit.get("ge", value) <= value <= limit.get("le", value)
            and ("gt" not in limit or value > limit["gt"])
            and ("lt" not in limit or value < limit["lt"])
        )

    def _kind(self) -> str:
        return (LISTS if self.many else KINDS)[self.type] + (f" {self.bounds}" if self.bounds else "")

    def _refusal(self, value: Any, expected: str) -> SettingsError:
        shown = repr(value) if isinstance(value, str) else str(value)
        if type(value).__module__ == "numpy":
            shown += f" ({type(value).__name__} of NumPy; give {{{self.name}}} a plain Python value, e.g. by .item())"
        near = difflib.get_close_matches(str(value), self.choices, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        message = f"{{{self.name}}} must be {expected}, got {shown}.{hint}"
        return SettingsError(message, settings=(self.name,), bound=expected, value=value)


class Settings:
    """Base of all settings: strictly typed, frozen, nothing unknown, nothing infinite."""

    if TYPE_CHECKING:  # dataclass_transform knows a default only as a keyword

        def __init__(self, **values: Any) -> None: ...

    _leaves: ClassVar[tuple[Leaf, ...]] = ()
    _groups: ClassVar[Mapping[str, type[Settings]]] = {}

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)
        hints = get_type_hints(cls)
        cls._groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Settings)}
        cls._leaves = tuple(cls._declared(hints))

    @classmethod
    def _declared(cls, hints: Mapping[str, Any]) -> Iterator[Leaf]:
        for field in dataclasses.fields(cast("Any", cls)):
            if field.name in cls._groups:
                for leaf in cls._groups[field.name].leaves():
                    yield dataclasses.replace(leaf, path=(field.name, *leaf.path))
            else:
                yield Leaf.of(field, hints[field.name], (cls.__doc__ or "").strip().splitlines()[0])

    def __post_init__(self) -> None:
        for leaf in self.leaves():
            if len(leaf.path) == 1:  # a group has checked its own
                object.__setattr__(self, leaf.name, leaf.checked(getattr(self, leaf.name)))

    @classmethod
    def leaves(cls) -> tuple[Leaf, ...]:
        """Every setting in the order of declaration."""
        return cls._leaves

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
        settings = cls._built(given)
        settings._refuse_unread(given, leaves)
        return settings

    @classmethod
    def with_whole_paths(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Given values in which files and folders that are there are named from the root: a run needs them again elsewhere."""
        paths = {leaf.name: leaf.words for leaf in cls.leaves() if leaf.is_path}
        return {
            name: whole_path(value) if isinstance(value, str) and name in paths and value not in paths[name] else value
            for name, value in given.items()
        }

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
        return cls._built({leaf.name: flat[leaf.name] for leaf in cls.leaves()})

    @classmethod
    def _built(cls, flat: Mapping[str, Any]) -> Self:
        """The groups made first, each with its own values; what is not given keeps its default."""
        values: dict[str, Any] = {
            name: group._built({leaf.name: flat[leaf.name] for leaf in group.leaves() if leaf.name in flat})
            for name, group in cls._groups.items()
        }
        own = (leaf.name for leaf in cls.leaves() if len(leaf.path) == 1)
        return cls(**values, **{name: flat[name] for name in own if name in flat})

    def _refuse_unread(self, given: Mapping[str, Any], leaves: Mapping[str, Leaf]) -> None:
        flat = self.to_flat()
        for name in given:
            for selector, values in leaves[name].read_by.items():
                if flat[selector] not in (None, *values):
                    raise SettingsError(
                        f"{{{name}}} is read only when {{{selector}}} is {alternatives(values)}, but {{{selector}}} is "
                        f"{flat[selector]}; leave {{{name}}} out or change {{{selector}}}.",
                        settings=(name, selector),
                        value=given[name],
                    )


class TrainingSettings(Settings):
    """How long and how fast to learn."""

    epochs: int | None = Field(None, ge=1, le=MOST_EPOCHS, description="passes over the training rows")
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


def whole_path(named: str) -> str:
    """A file or folder as it is found from any other; what names none that is there stays as it is."""
    return str(Path(named).resolve()) if named and Path(named).exists() else named


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
        flag = leaf.name.replace("_", "-")
        expected = ", ".join(f"`{choice}`" for choice in leaf.choices) or leaf.expected()
        if leaf.type is bool:
            expected = f"`--{flag}` or `--no-{flag}`"
        only = "".join(f"; only with `--{s.replace('_', '-')}` {alternatives(v)}" for s, v in leaf.read_by.items())
        default = _default_words(leaf)
        cells = (f"`--{flag}`", default, expected, leaf.description + only)
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
    near = nearest_name(name, known)
    hint = f" Did you mean {{{near}}}?" if near else " The settings are " + ", ".join(f"{{{n}}}" for n in known) + "."
    return SettingsError(f"No setting {{{name}}}.{hint}", settings=(name, *((near,) if near else known)))


def nearest_name(typed: str, known: Iterable[str]) -> str | None:
    """The name that a mistyped one is most like, if any is; of equally like ones that with the same letters."""

    def likeness(name: str) -> float:
        letters = difflib.SequenceMatcher(None, sorted(typed), sorted(name)).ratio()
        return letters + difflib.SequenceMatcher(None, typed, name).ratio()

    return max(difflib.get_close_matches(typed, known, n=3, cutoff=0.6), key=likeness, default=None)
