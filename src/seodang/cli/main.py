"""`seodang`: one parser for all commands, and the door where every foreseen error becomes one line and an exit code."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import seodang
from seodang import families
from seodang.cli import commands
from seodang.cli.flags import Parser, add_settings, spell
from seodang.cli.tables import tell
from seodang.core.errors import SeodangError
from seodang.core.settings import alternatives

INTERRUPTED = 130
BROKEN_PIPE = 141  # what a shell reports of a program that wrote to a closed pipe
OUT_OF_MEMORY = 3
MEMORY_LINE = "seodang: out of memory; give smaller batches or less data, or close other programs."
READ_BY_CHECK = ("data", "environment")  # groups of settings that say what is looked at
CPU_ALLOCATOR = "DefaultCPUAllocator"  # named by the plain RuntimeError that PyTorch raises when the CPU's memory is used up


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:    argv: The words after `seodang`; those of this process when left out.
    Returns: The exit code: 0, 2 the user's input, 3 the machine, 4 training diverged, 130 or 143 stopped by a signal.
    """
    try:
        code = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code
    except SeodangError as error:
        tell(f"seodang: {error.render(spell)}")
        return error.exit_code
    except MemoryError:
        tell(MEMORY_LINE)
        return OUT_OF_MEMORY
    except RuntimeError as error:
        if CPU_ALLOCATOR not in str(error):
            raise
        tell(MEMORY_LINE)
        return OUT_OF_MEMORY
    except KeyboardInterrupt:
        tell("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # `seodang runs | head`: whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(argv: list[str]) -> int:
    parsers = build(argv)
    if not argv:
        parsers[""].print_help()
        return 0
    if argv[0] not in parsers and not argv[0].startswith("-"):
        near = difflib.get_close_matches(argv[0], parsers, n=1)
        hint = f"Did you mean {near[0]}?" if near else "`seodang --help` lists the commands."
        raise SeodangError(f"No command {argv[0]!r}. {hint}")
    try:
        if argv[0] in parsers:  # flags may stand before, between and behind the words
            args, unknown = parsers[argv[0]].parse_known_intermixed_args(argv[1:])
        else:
            args, unknown = parsers[""].parse_known_args(argv)
    except SystemExit as done:  # --help and --version have printed what was asked
        return int(done.code or 0)
    if "family" in args:
        families.settings_type(args.family)  # a wrong family explains why none of its flags is known
    if unknown:
        parsers[argv[0]].refuse(unknown)
    command: Command = args.command
    return command(args)


def build(argv: Sequence[str]) -> dict[str, Parser]:
    """The parser of each command by its name, and under "" the one of all.

    Args: argv: The words to be parsed. Only their command gets its arguments, and only their family's settings become flags.
    """
    top = Parser(prog="seodang", description="From your own data to a trained, measured, explained and exported model.")
    top.add_argument("--version", action="version", version=f"seodang {seodang.__version__}")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True, title="commands")
    parsers = {"": top}
    for name, (command, summary, add_arguments) in {**COMMANDS, **_verbs(), **_tools()}.items():
        parser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name in argv[:1]:
            parser.set_defaults(command=command)
            add_arguments(parser, argv[1:])
        parsers[name] = parser
    return parsers


def _add_train(parser: Parser, words: Sequence[str]) -> None:
    family = _add_family(parser, words)
    if family is None and words and words[0].startswith("-"):
        _refuse_missing_family(words)
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="file, folder or name of a data set")
    options = parser.add_argument_group("options of the run")
    known = f": {', '.join(families.presets(family))}" if family else ""
    options.add_argument("--preset", metavar="NAME", help=f"start from named settings{known}; flags go before them")
    options.add_argument(
        "--settings",
        metavar="FILE",
        help="repeat a run by its settings.json: its source and what is under 'given'; flags and SOURCE go before",
    )
    _add_place(options)
    options.add_argument("--runs", metavar="DIR", default="runs", help="folder of the run folders (default runs)")
    _add_training(options)
    options.add_argument("--resume", action="store_true", help="go on with the unfinished run of equal settings and data")
    if family:
        add_settings(parser, families.settings_type(family).leaves())


def _refuse_missing_family(words: Sequence[str]) -> None:
    """Without the family its flags are not known, and what stands behind them would be taken for it.

    Raises: SeodangError: A run is to be repeated by its settings, but no family is named; says which it is.
    """
    reader = Parser(prog="seodang train", add_help=False)
    reader.add_argument("--settings")
    path = reader.parse_known_args(words)[0].settings
    if path is not None and not {"-h", "--help"} & set(words):
        family = family_of_run(path) or family_of_run(str(Path(path).parent)) or "FAMILY"
        raise SeodangError(f"FAMILY is missing: write `seodang train {family} --settings {path}`.")


def _add_resume(parser: Parser, words: Sequence[str]) -> None:
    parser.add_argument("run", metavar="RUN", help="run folder, e.g. runs/text-1")
    _add_threads(parser)
    _add_training(parser)


def _add_evaluate(parser: Parser, words: Sequence[str]) -> None:
    _add_run(parser, words)
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="labelled data; left out: the run's own test part")
    _add_reading(parser, words)
    _add_predicting(parser, words)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_predict(parser: Parser, words: Sequence[str]) -> None:
    _add_run(parser, words)
    family = _family_among(words)
    if family and families.from_files(family):
        parser.add_argument("text", metavar="PATH", nargs="*", default=[], help="files and folders; left out: from a pipe")
        parser.set_defaults(file=None)
        for name, about in families.drawings(family).items():
            parser.add_argument(spell(name), metavar="PNG", help=f"{about}; a folder where there are several files")
        _add_predicting(parser, words)
    else:
        parser.add_argument("text", metavar="TEXT", nargs="*", default=[], help="left out: one text a line from a pipe")
        for name, about in (families.drawings(family) if family else {}).items():
            parser.add_argument(spell(name), metavar="PATH", help=f"{about}; a folder where there are several")
        parser.add_argument("--file", metavar="FILE", help="file to predict, read as in training; labels are not needed")
        _add_reading(parser, words)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--engine", metavar="NAME", default="torch", help="torch; after `seodang export` also onnx, or what the family has more"
    )


def _verbs() -> dict[str, tuple[Command, str, AddArguments]]:
    """The verbs that only some families have; families may share one, such as `generate`."""
    declared = [(family, verb) for family in families.names() for verb in families.verbs(family)]
    found: dict[str, tuple[Command, str, AddArguments]] = {}
    for family, verb in declared:
        shared = [other for other, one in declared if one.name == verb.name]
        summary = f"{', '.join(shared)}: {verb.summary}" if family == shared[0] else found[verb.name][1]
        found[verb.name] = (commands.perform, summary, partial(_add_verb, verb.name))
    return found


def _add_verb(name: str, parser: Parser, words: Sequence[str]) -> None:
    """The arguments of a verb, as the family of the run on the command line has it."""
    by_family = {family: verb for family in families.names() for verb in families.verbs(family) if verb.name == name}
    family = next((found for word in words if (found := family_of_run(word)) in by_family), next(iter(by_family)))
    verb = by_family[family]
    parser.set_defaults(verb=verb)
    _add_run(parser, words)
    leaves = {leaf.name: leaf for leaf in verb.options.leaves()}
    if verb.words:
        about = leaves.pop(verb.words).description
        parser.add_argument("words", metavar="WORD", nargs="*", help=about)
    add_settings(parser, leaves.values())
    if verb.out:
        parser.add_argument("--out", metavar="PATH", help=verb.out)
    parser.add_argument("--json", action="store_true", help="print one JSON object a value")


def _tools() -> dict[str, tuple[Command, str, AddArguments]]:
    """The families that do something without a run, each a command of its own with its tools behind it."""
    found: dict[str, tuple[Command, str, AddArguments]] = {}
    for family in families.names():
        if tools := families.tools(family):
            summary = f"without training: {', '.join(tool.name for tool in tools)}"
            found[family] = (commands.use, summary, partial(_add_tools, family))
    return found


def _add_tools(family: str, parser: Parser, words: Sequence[str]) -> None:
    """The arguments of a family's tool, once it is named."""
    known = {tool.name: tool for tool in families.tools(family)}
    parser.description = families.summary(family)
    if not words or words[0].startswith("-"):
        parser.add_argument("tool", metavar="TOOL", help="; ".join(f"{name}: {tool.summary}" for name, tool in known.items()))
        parser.epilog = f"seodang {family} TOOL --help shows what a tool takes."
        return
    tool = known.get(words[0])
    if tool is None:
        near = difflib.get_close_matches(words[0], known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is {alternatives(tuple(known))}."
        raise SeodangError(f"No tool {words[0]!r} of {family}. {hint}")
    parser.prog = f"seodang {family} {tool.name}"
    parser.description = tool.summary[0].upper() + tool.summary[1:] + "."
    parser.add_argument("tool", help=argparse.SUPPRESS)
    leaves = {leaf.name: leaf for leaf in tool.options.leaves()}
    if tool.words:
        parser.add_argument("words", metavar=tool.metavar, nargs="*", help=leaves.pop(tool.words).description)
    parser.usage = f"{parser.prog}{f' {tool.metavar} ...' if tool.words else ''} [options]"
    add_settings(parser, leaves.values())
    if tool.out:
        parser.add_argument("--out", metavar="PATH", help=tool.out)
    parser.add_argument("--json", action="store_true", help="print one JSON object a value")
    parser.set_defaults(chosen=tool)


def _add_run(parser: Parser, words: Sequence[str]) -> None:
    parser.of_a_run = True
    parser.add_argument("run", metavar="RUN", help="run folder, e.g. runs/text-1")
    _add_place(parser, precision="f32")


def _add_reading(parser: Parser, words: Sequence[str]) -> None:
    """The flags that say how a file is read, of the family that the run on the command line belongs to."""
    family = _family_among(words)
    if family:
        wanted = families.reading(family)
        add_settings(parser, (leaf for leaf in families.settings_type(family).leaves() if leaf.name in wanted))
        parser.set_defaults(reading=wanted)


def _add_predicting(parser: Parser, words: Sequence[str]) -> None:
    """The flags of what may differ from the training when a run is used, of the family that the run belongs to."""
    family = _family_among(words)
    if family:
        wanted = families.predicting(family)
        read = getattr(parser, "_defaults", {}).get("reading", ())
        leaves = families.settings_type(family).leaves()
        add_settings(parser, (leaf for leaf in leaves if leaf.name in wanted and leaf.name not in read))
        parser.set_defaults(predicting=wanted)


def _add_explain(parser: Parser, words: Sequence[str]) -> None:
    _add_run(parser, words)
    _add_predicting(parser, words)


def _family_among(words: Sequence[str]) -> str | None:
    """The family of the run on the command line, where there is one that is known."""
    found = next(filter(None, (family_of_run(word) for word in words)), None)
    return found if found in families.names() else None


def family_of_run(word: str) -> str:
    """The family that a run folder names, or nothing where the word is no run folder."""
    try:
        return str(json.loads((Path(word) / "settings.json").read_text(encoding="utf-8"))["family"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _add_check(parser: Parser, words: Sequence[str]) -> None:
    family = _add_family(parser, words)
    parser.add_argument("source", metavar="SOURCE", nargs="?", default="", help="file, folder or name of a data set")
    parser.add_argument("--json", action="store_true", help="print one JSON object a finding")
    if family:
        leaves = families.settings_type(family).leaves()
        add_settings(parser, (leaf for leaf in leaves if leaf.path[0] in READ_BY_CHECK))


def _add_runs(parser: Parser, words: Sequence[str]) -> None:
    parser.add_argument("--runs", metavar="DIR", default="runs", help="folder of the run folders (default runs)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a run")


def _add_data(parser: Parser, words: Sequence[str]) -> None:
    parser.add_argument("action", metavar="ACTION", type=_one_of("list", "get"), help="list or get")
    parser.add_argument("name", metavar="NAME", nargs="?", help="data set to list, or to fetch into the cache")
    parser.add_argument("--json", action="store_true", help="print one JSON object a data set")


def _add_family(parser: Parser, words: Sequence[str]) -> str | None:
    """The argument that names a family; gives the one that is named, if it is there."""
    family = next((word for word in words if word in families.names()), None)
    verb = parser.prog.split()[-1]
    known = "; ".join(f"{name}: {families.summary(name)}" for name in families.names())
    parser.add_argument("family", metavar="FAMILY", help=known.replace("%", "%%"))
    parser.usage = f"seodang {verb} {family or 'FAMILY'} SOURCE [options]"
    parser.prog = f"seodang {verb} {family}" if family else parser.prog  # errors point to the help that lists its settings
    if family is None:
        parser.epilog = f"seodang {verb} FAMILY --help shows the settings of a family, each a flag."
    return family


def _add_place(group: argparse._ActionsContainer, precision: str = "auto") -> None:
    group.add_argument("--device", metavar="NAME", default="auto", help="auto, cpu, cuda or mps (default auto)")
    group.add_argument("--precision", metavar="NAME", default=precision, help=f"auto, f32 or bf16 (default {precision})")
    _add_threads(group)


def _add_threads(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--threads", metavar="N", type=_number(int, 1), help="CPU threads (at least 1; default: all that this process may use)"
    )


def _add_training(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--checkpoint-seconds",
        metavar="X",
        type=_number(float, 0),
        default=60.0,
        help="least time between two checkpoints within an epoch (at least 0; default 60)",
    )
    group.add_argument("--quiet", action="store_true", help="print the final result only")
    group.add_argument("--json", action="store_true", help="print one JSON object for each event, and nothing else")


def _number(kind: type[int] | type[float], least: int) -> Callable[[str], float]:
    """A reader of numbers that are at least so much."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not least <= value < float("inf"):
            name = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {name} of at least {least}, got {text!r}")
        return value

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    """A reader of one word out of a few."""

    def read(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(words)}, got {text!r}")
        return text

    return read


Command = Callable[[argparse.Namespace], int]
AddArguments = Callable[[Parser, Sequence[str]], None]
COMMANDS: dict[str, tuple[Command, str, AddArguments]] = {
    "train": (commands.train, "train a model on a file, a folder or a named data set", _add_train),
    "resume": (commands.resume, "go on with an interrupted training, exactly", _add_resume),
    "evaluate": (commands.evaluate, "measure a run on its test part or on other labelled data", _add_evaluate),
    "predict": (commands.predict, "predict texts, files, or what is piped in", _add_predict),
    "explain": (commands.explain, "write the report of a run: pictures, tables, mistakes", _add_explain),
    "export": (commands.export, "write a run as ONNX, proven equal", _add_run),
    "check": (commands.check, "report everything noticeable about data before training", _add_check),
    "runs": (commands.runs, "list runs: status, main measure, yardstick", _add_runs),
    "data": (commands.data, "list the named data sets, or fetch one", _add_data),
}
