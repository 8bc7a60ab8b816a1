"""Settings as flags: name, reader, bounds and help of every flag are read off the settings' declaration.

Values that cannot be read as their type are handed on as they came: the settings refuse them, with the bound and one wording.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from seodang.core.errors import SeodangError
from seodang.core.settings import Leaf, nearest_name

PREFIX = "setting "  # of a setting's place in the namespace, so that no setting can take the place of an option of the run
METAVARS = {int: "N", float: "X", str: "TEXT"}


class Parser(argparse.ArgumentParser):
    """An argument parser that raises one clear line instead of printing its usage and leaving."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", lambda prog: argparse.HelpFormatter(prog, max_help_position=28))
        super().__init__(allow_abbrev=False, **options)
        self.of_a_run = False  # its help tells more once it knows the run

    @property
    def help_at(self) -> str:
        """What shows all flags."""
        return f"{self.prog}{' RUN' if self.of_a_run else ''} --help"

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong.

        Raises: SeodangError: Always.
        """
        if missing := re.fullmatch(r"the following arguments are required: (.*)", message):
            raise SeodangError(f"{missing[1]} is missing; see {self.prog} --help.")
        if at_flag := re.fullmatch(r"argument (\S+?)(?:/\S+)?: (.*)", message):
            complaint = re.sub(r"expected (one|at least one) argument", r"needs \1 value", at_flag[2])
            raise SeodangError(f"{at_flag[1]} {complaint.rstrip('.')}.")
        raise SeodangError(f"{message}; see {self.prog} --help.")

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Raise the error for arguments that nothing took, naming the nearest flag.

        Raises: SeodangError: Always.
        """
        flag = next((word.partition("=")[0] for word in unknown if word.startswith("-")), None)
        if flag is None:
            raise SeodangError(f"Unexpected argument {unknown[0]!r}; see {self.help_at}.")
        known = {word.lstrip("-"): word for word in self._option_string_actions}  # dashes are no likeness
        near = nearest_name(flag.lstrip("-"), known)
        raise SeodangError(f"No setting {flag}. " + (f"Did you mean {known[near]}?" if near else f"See {self.help_at}."))


def spell(name: str) -> str:
    """A setting's name as a flag: batch_size becomes --batch-size."""
    return "--" + name.replace("_", "-")


def add_settings(parser: argparse.ArgumentParser, leaves: Iterable[Leaf]) -> None:
    """Give a parser a flag for each setting, under the heading of its group."""
    groups: dict[str, argparse._ArgumentGroup] = {}
    for leaf in leaves:
        if leaf.group not in groups:
            groups[leaf.group] = parser.add_argument_group(leaf.group.rstrip("."))
        add_flag(groups[leaf.group], leaf)


def add_flag(group: argparse._ArgumentGroup, leaf: Leaf) -> None:
    """Give a group the flag of one setting; it leaves no trace in the namespace when it is not given."""
    options: dict[str, Any] = {"dest": PREFIX + leaf.name, "default": argparse.SUPPRESS, "help": help_text(leaf)}
    if leaf.type is bool:
        options["action"] = argparse.BooleanOptionalAction
    else:
        options["type"] = reader(leaf)
        options["metavar"] = "NAME" if leaf.choices else METAVARS[leaf.type]
        if leaf.many:
            options["nargs"] = "+"
    group.add_argument(spell(leaf.name), **options)


def reader(leaf: Leaf) -> Callable[[str], Any]:
    """What turns the text of a flag into the value of a setting."""

    def read(text: str) -> Any:
        if leaf.optional and text.lower() == "none":
            return None
        try:
            return leaf.type(text)
        except ValueError:
            return text  # the settings say what was expected

    return read


def given(namespace: argparse.Namespace, leaves: Iterable[Leaf]) -> dict[str, Any]:
    """The settings that the user gave as flags, by name."""
    many = {leaf.name for leaf in leaves if leaf.many}
    flat = {key.removeprefix(PREFIX): value for key, value in vars(namespace).items() if key.startswith(PREFIX)}
    return {name: _tuple(value) if name in many else value for name, value in flat.items()}


def merged(base: Mapping[str, Any], flags: Mapping[str, Any], leaves: Sequence[Leaf]) -> dict[str, Any]:
    """Settings of a preset or of an earlier run, with flags put over them.

    A flag may choose another variant (`--preset smoke --model lstm`); what only the former variant reads is then left out.
    """
    by_name = {leaf.name: leaf for leaf in leaves}
    flat = {**base, **flags}
    chosen = {leaf.name: flat.get(leaf.name, leaf.default) for leaf in leaves}

    def is_read(name: str) -> bool:
        readers = by_name[name].read_by if name in by_name else {}
        return all(chosen[selector] in (None, *values) for selector, values in readers.items())

    return {name: value for name, value in flat.items() if name in flags or is_read(name)}


def help_text(leaf: Leaf) -> str:
    """Description, choices, default, bounds and the variants that read the setting, for `--help`."""
    facts = [
        f"one of {', '.join(leaf.choices)}" if leaf.choices else "",
        _default(leaf),
        leaf.bounds,
        *(f"for {spell(selector)} {', '.join(values)}" for selector, values in leaf.read_by.items()),
    ]
    shown = "; ".join(fact for fact in facts if fact)
    return f"{leaf.description} ({shown})".replace("%", "%%") if shown else leaf.description.replace("%", "%%")


def _default(leaf: Leaf) -> str:
    if leaf.default is not None:
        value = " ".join(map(str, leaf.default)) if leaf.many else str(leaf.default)
        if leaf.type is bool:
            value = "on" if leaf.default else "off"
        return f"default {value}" + (", or none" if leaf.optional else "")
    if leaf.type is str and not leaf.choices:
        return ""  # a column, a file: the description says what happens without one
    return "default: none" if "none:" in leaf.description else "default: derived"


def _tuple(value: Any) -> Any:
    """What argparse gathered in a list, as settings want it; a lone `none` stands for None."""
    return None if value == [None] else tuple(value)
