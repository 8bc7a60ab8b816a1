"""What each command does. PyTorch is imported inside the functions that compute, never to print help."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seodang import families
from seodang.cli.drawing import check_target, write_made
from seodang.cli.flags import PREFIX, given, merged, spell
from seodang.cli.pictures import predict_files
from seodang.cli.tables import interval, main_result, number, tell, write, write_evaluation, write_measures, write_table
from seodang.cli.tools import asked, working, write_tool_values
from seodang.cli.values import write_value, write_values
from seodang.core.errors import DataError, RunError, SeodangError, SettingsError
from seodang.core.values import Refused, Table
from seodang.data.records import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from seodang.api import Observer, Run
    from seodang.core.settings import Leaf

ROWS_NAMED = 5  # of those that get no prediction


def train(args: Namespace) -> int:
    """Train a model, and print how good it is."""
    earlier = _earlier_run(args.settings, args.family) if args.settings else {}
    source = args.source or earlier.get("source", "")
    base = {**_preset(args.family, args.preset), **earlier.get("given", {})}
    settings_type = families.settings_type(args.family)
    leaves = settings_type.leaves()
    flags = given(args, leaves)
    if args.settings:
        _refuse_unread_edits(args.settings, earlier, flags, leaves)
    if args.settings and not args.quiet and not args.json:
        tell(f"settings: what stands under 'given' in {args.settings}; all others are chosen anew")
    settings = merged(base, flags, leaves)
    settings_type.from_flat(settings)  # refuses at once, before anything heavy is imported

    from seodang import api

    def start(observers: Sequence[Observer], should_stop: Callable[[], bool]) -> Run:
        place = {"device": args.device, "precision": args.precision, "threads": args.threads}
        run = {"runs": args.runs, "checkpoint_seconds": args.checkpoint_seconds, "resume": args.resume}
        return api.train(args.family, source, **place, **run, observers=observers, should_stop=should_stop, **settings)

    return _watch(args, start)


def resume(args: Namespace) -> int:
    """Go on with an interrupted training."""
    from seodang import api

    def start(observers: Sequence[Observer], should_stop: Callable[[], bool]) -> Run:
        options = {"threads": args.threads, "checkpoint_seconds": args.checkpoint_seconds}
        return api.resume(args.run, **options, observers=observers, should_stop=should_stop)

    return _watch(args, start)


def evaluate(args: Namespace) -> int:
    """Measure a run on its own test part or on other labelled data."""
    run = _load(args)
    evaluation = asdict(run.evaluate(args.source, **_reading(args)))
    if args.json:
        write(_json(evaluation))
    else:
        write_evaluation(evaluation, run.metrics)
    return 0


def predict(args: Namespace) -> int:
    """Predict texts from the command line, a file or a pipe, or files where the run's family reads such: one line for each.

    Raises: DataError: A text on the command line gets no answer; or a row does not, told after all others are predicted.
    """
    if args.file is not None and args.text:
        raise SeodangError("Give either texts or --file, not both.")
    run = _load(args)
    files = families.from_files(run.family)
    if args.file is None and not args.text and sys.stdin.isatty():
        own = "name files or folders, or pipe one file a line"
        ways = own if files else "give a text in quotes, --file FILE, or pipe one text a line"
        raise SeodangError(f"Nothing to predict: {ways}.")
    if files:
        wanted = {name: getattr(args, name) for name in families.drawings(run.family) if getattr(args, name, None)}
        sources = args.text or ([args.file] if args.file is not None else _piped_lines("file"))
        refused, count = predict_files(run, sources, wanted, as_json=args.json)
        _refuse(refused, counted(count, "file"))
        return 0
    inputs = args.text or (_piped_lines("text") if args.file is None else run.inputs(args.file, **_reading(args)))
    target = check_target(args.out) if families.drawings(run.family) else None
    outputs = run.predict(inputs) if args.text else run.predict_each(inputs)
    if target is not None:
        good = [output for output in outputs if not isinstance(output, Refused)]
        _tell_files(write_made(good if len(inputs) > 1 else good[0], target) if good else [], as_json=args.json)
        _refuse_rows(args.file or "standard input", inputs, outputs)
        return 0
    for one, output in zip(inputs, outputs, strict=True):
        if args.json or isinstance(output, Table):
            write_value(output, as_json=args.json)
        else:
            write(_prediction(one, output))
    _refuse_rows(args.file or "standard input", inputs, outputs)
    return 0


def perform(args: Namespace) -> int:
    """A verb of the run's own family: print what it gives, pieces of text as they come."""
    target = check_target(args.out, args.verb.suffixes) if args.verb.out else None
    run = _load(args)
    options = given(args, args.verb.options.leaves())
    result = run.perform(args.verb.name, *getattr(args, "words", ()), **options)
    if target is not None:
        _tell_files(write_made(result, target), as_json=args.json)
        return 0
    write_values(result if isinstance(result, list | Iterator) else [result], as_json=args.json)
    return 0


def use(args: Namespace) -> int:
    """A tool of a family: print what it gives, and write the pictures that are asked for.

    Raises: DataError: Something got no answer, told after all others have theirs.
    """
    tool, words = args.chosen, tuple(getattr(args, "words", ()))
    leaves = tool.options.leaves()
    flags = {**given(args, leaves), **({tool.words: words} if words else {})}
    options = tool.options.from_flat({**flags, **asked(leaves, flags)})
    with working(f"{args.tool}: {tool.summary}"):
        result = tool.action(options)
    values = result if isinstance(result, list | Iterator) else [result]
    write_tool_values(values, getattr(args, "out", None), words, as_json=args.json)
    return 0


def explain(args: Namespace) -> int:
    """Write the report of a run and print where it is."""
    import logging

    # Where the home folder is read-only, matplotlib makes a temporary one by itself, and needs no two lines to say so.
    logging.getLogger("matplotlib").addFilter(lambda record: record.funcName != "_get_config_or_cache_dir")
    write(str(_load(args).explain()))
    return 0


def export(args: Namespace) -> int:
    """Export a run and print where the model is."""
    write(str(_load(args).export()))
    return 0


def check(args: Namespace) -> int:
    """Print everything noticeable about data; exit code 2 when it cannot be trained on."""
    leaves = families.settings_type(args.family).leaves()
    settings = given(args, leaves)
    families.settings_type(args.family).from_flat(settings)

    from seodang import api

    findings = api.check(args.family, args.source, **settings)
    for finding in findings:
        if args.json:
            write(_json(asdict(finding)))
        else:
            fix = (" " if finding.what.endswith(".") else "; ") + finding.fix if finding.fix else ""
            line = SeodangError(f"{finding.what}{fix}", settings=tuple(leaf.name for leaf in leaves)).render(spell)
            write(f"{finding.severity}: {finding.where}: {line}")
    if not findings and not args.json:
        write(f"{args.source}: nothing to report.")
    return 2 if any(finding.severity == "error" for finding in findings) else 0


def runs(args: Namespace) -> int:
    """List the runs below a folder."""
    from seodang.cli.listing import RunRow, run_row
    from seodang.core.run import list_runs

    rows = [run_row(folder) for folder in list_runs(Path(args.runs))]
    if args.json:
        for row in rows:
            write(_json(asdict(row)))
    elif rows:
        write_table([column.name for column in fields(RunRow)], [tuple(asdict(row).values()) for row in rows])
    else:
        tell(f"No runs in {args.runs}/ yet: seodang train FAMILY SOURCE makes the first.")
    return 0


def data(args: Namespace) -> int:
    """List the named data sets or one of them, or fetch one."""
    if args.action == "get" and args.name is None:
        raise SeodangError("NAME is missing; `seodang data list` shows the names.")

    from seodang.cli.datasets import fetch, write_list

    if args.action == "get":
        fetch(args.name, as_json=args.json)
    else:
        write_list(args.name, as_json=args.json)
    return 0


def _tell_files(files: Sequence[Path], *, as_json: bool) -> None:
    """Where pictures were written: each file, or how many there are in a folder."""
    if as_json:
        for file in files:
            write(_json({"file": str(file)}))
    elif len(files) > 1:
        write(f"{files[0].parent}: {len(files):,} files")
    elif files:
        write(str(files[0]))


def _watch(args: Namespace, start: Callable[[Sequence[Observer], Callable[[], bool]], Run]) -> int:
    """Run a training under a view that shows it, until it ends or a signal stops it."""
    from seodang.cli.progress import choose_view
    from seodang.cli.stopping import Stopping

    run = None
    with Stopping() as stopping, closing(choose_view(quiet=args.quiet, as_json=args.json)) as view:
        try:
            run = start([stopping, view], stopping.requested)
        except KeyboardInterrupt:
            if stopping.path is None:  # nothing was begun
                tell("stopped")
                return stopping.exit_code
    if run is None or not run.finished:
        tell(f"stopped; go on with: seodang resume {stopping.path}")
        return stopping.exit_code
    if not args.json:
        _write_result(run, quiet=args.quiet)
    return 0


def _write_result(run: Run, *, quiet: bool) -> None:
    """The measures beside the yardstick, and what to do next; a single line when quiet."""
    evaluation = run.evaluation
    if quiet:
        name, measure, yardstick = main_result(evaluation)
        between = f" ({interval(measure)})" if interval(measure) else ""
        beside = f", {evaluation['yardstick_name'] or 'yardstick'} {number(yardstick)}" if yardstick is not None else ""
        write(f"{run.path}: {name} {number(measure['value'])}{between}{beside}")
        return
    write_measures(evaluation, run.metrics)
    for note in evaluation["notes"]:
        write(note)
    sys.stdout.flush()
    tell("next:")
    own = (
        f"{verb.name} {run.path}{' WORD ...' if verb.words else ''}{' --out FILE' if verb.out else ''}"
        for verb in families.verbs(run.family)
    )
    if families.from_files(run.family):
        inputs = "PATH ..." + (" --out FILE.png" if "out" in families.drawings(run.family) else "")
    else:
        inputs = "SEED --out FILE.png" if families.drawings(run.family) else "--file FILE"
    for words in (f"explain {run.path}", *own, f"predict {run.path} {inputs}", f"export {run.path}"):
        tell(f"  seodang {words}")


def _reading(args: Namespace) -> Mapping[str, Any]:
    """The flags that say how another file than the training's is read."""
    return _chosen(args, getattr(args, "reading", ()))


def _chosen(args: Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Those of some settings that are given as flags."""
    return {name: vars(args)[PREFIX + name] for name in names if PREFIX + name in vars(args)}


def _load(args: Namespace) -> Run:
    from seodang import api

    engine = getattr(args, "engine", "torch")
    place = {"device": args.device, "precision": args.precision, "threads": args.threads}
    return api.load(args.run, **place, engine=engine, **_chosen(args, getattr(args, "predicting", ())))


def _preset(family: str, name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    known = families.presets(family)
    if name not in known:
        raise SeodangError(f"--preset must be one of {', '.join(known)}, got {name!r}.")
    return known[name]()


def _earlier_run(path: str, family: str) -> dict[str, Any]:
    """The settings.json of an earlier run; its folder will do as well.

    Raises: RunError: It is not there, is no run's settings, or belongs to another family.
    """
    file = Path(path) / "settings.json" if Path(path).is_dir() else Path(path)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"--settings {file}: {(error.strerror or 'cannot be read').lower()}.") from None
    except ValueError as error:
        raise RunError(f"--settings {file}: not the settings.json of a run ({error}).") from None
    if not isinstance(record, dict) or not {"family", "source", "given"} <= record.keys():
        raise RunError(f"--settings {file}: not the settings.json of a run.")
    if record["family"] != family:
        raise RunError(f"--settings {file}: a run of family {record['family']}, not {family}.")
    return record


def _refuse_unread_edits(path: str, record: Mapping[str, Any], flags: Mapping[str, Any], leaves: Sequence[Leaf]) -> None:
    """Refuse settings whose `resolved` says otherwise than what was given and the defaults, from which it is made anew.

    What was derived from the data, and so has a reason, may well differ; flags go before all of it.

    Raises: SettingsError: Somebody edited the part that is not read, or a default is another one now.
    """
    resolved, reasons = record.get("resolved", {}), record.get("reasons", {})
    for leaf in leaves:
        if leaf.name not in resolved or leaf.name in (*reasons, *flags):
            continue
        said, read = resolved[leaf.name], record["given"].get(leaf.name, leaf.default)
        if leaf.checked(said) != leaf.checked(read):
            raise SettingsError(
                f"--settings {path}: {{{leaf.name}}} is {_json(said)} under 'resolved', which is not read, and "
                f"{_json(read)} by 'given' or by default; write it under 'given', or give {{{leaf.name}}} as a flag.",
                settings=(leaf.name,),
                value=said,
            )


def _piped_lines(what: str) -> list[str]:
    """One text or file a line from standard input.

    Raises: DataError: It is empty or not UTF-8.
    """
    lines = sys.stdin.buffer.read().splitlines()
    if not lines:
        raise DataError(f"standard input: empty; pipe one {what} a line.")
    texts = []
    for row, line in enumerate(lines, start=1):
        try:
            texts.append(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(f"standard input, line {row}: not UTF-8 ({error.reason}); convert it first.") from None
    return texts


def _refuse_rows(source: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Say which inputs got no answer.

    Raises: DataError: There is one at least; names the first with the reason, and the places of more.
    """
    refused = [
        (getattr(one, "where", "") or f"{source}, line {number}", output.error)
        for number, (one, output) in enumerate(zip(inputs, outputs, strict=True), start=1)
        if isinstance(output, Refused)
    ]
    _refuse(refused, counted(len(inputs), "row"))


def _refuse(refused: Sequence[tuple[str, str]], total: str) -> None:
    if refused:
        where, error = refused[0]
        places = "; ".join(place for place, _ in refused[:ROWS_NAMED]) + ("; ..." if len(refused) > ROWS_NAMED else "")
        sys.stdout.flush()  # the predictions stand before what is said of them
        raise DataError(f"{where}: {error} (no prediction for {len(refused):,} of {total}: {places}).")


def _prediction(one: Any, output: Any) -> str:
    """A prediction for people: label, its probability, the beginning of what was asked; anything else as JSON."""
    answer = asdict(output)
    question = " ".join(str(getattr(one, "text", one)).split())
    if isinstance(output, Refused):
        return f"-\t-\t{question}  [no prediction: {output.error}]"
    if "probabilities" not in answer:
        return _json(_without_none(answer))
    note = f"  [{answer['note']}]" if answer.get("note") else ""
    label = answer["label"] if answer["label"].strip() else json.dumps(answer["label"], ensure_ascii=False)
    return f"{label}\t{answer['probabilities'][answer['label']]:.4f}\t{question}{note}"


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
