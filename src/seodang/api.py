"""The verbs, written once for all families: train, resume, load, check; and of a run: evaluate, predict, explain, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from seodang import families
from seodang.core.device import Device, choose_device, environment
from seodang.core.errors import DataError, RunError, SettingsError
from seodang.core.family import Evaluation, Family, Metric, Prepared, StageContext, Trained
from seodang.core.run import FORMAT, RunFolder, list_runs
from seodang.core.seeds import mix
from seodang.core.settings import Settings, alternatives, whole_path
from seodang.core.tensorboard import TensorBoardLog
from seodang.core.trainer import Event, Finished, Warned, fit
from seodang.core.values import Finding, Refused

AnyFamily = Family[Any, Any, Any]


@dataclass(frozen=True)
class Began:
    """A run has its folder and is about to train."""

    path: Path
    family: str
    device: Device
    facts: Mapping[str, Any]
    reasons: Mapping[str, str]
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Ended:
    """A run is finished and evaluated."""

    path: Path
    evaluation: Mapping[str, Any]


RunEvent = Event | Began | Ended
Observer = Callable[[RunEvent], None]


def train(
    family: str,
    source: str | Path = "",
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    runs: str | Path = "runs",
    checkpoint_seconds: float = 60.0,
    resume: bool = False,
    observers: Sequence[Observer] = (),
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Run:
    """Train a model on a file, a folder or a named data set.

    Args:
        family: Name of the family, e.g. "text".
        source: Path or name of the data; left out where a setting brings the data itself.
        device, precision, threads: Where and how to compute; chosen by themselves when left alone.
        runs: Folder in which the run folder `<family>-<n>` is made.
        checkpoint_seconds: Least time between two checkpoints within an epoch.
        resume: Go on with the unfinished run of equal settings and data, if one stands there.
        observers: Called with every event (see `seodang.core.trainer`).
        should_stop: Asked after every step; True saves and returns the unfinished run.
        **settings: Settings of the family.

    Raises:
        SettingsError: A setting is unknown or out of bounds. DataError: There are no data, or they cannot be used.
        DivergedError: Training stays non-finite. MachineError: The machine refuses.
    """
    answers = families.load(family)
    settings = answers.settings_type.with_whole_paths(settings)
    given = answers.settings_type.from_flat(settings)
    place = choose_device(device, precision, threads)
    _refuse_no_source(family, source, given)
    source = whole_path(str(source))
    data = answers.read(source, given)
    prepared = answers.prepare(data, given)
    record = _settings_record(family, source, settings, prepared)
    unfinished = _unfinished(Path(runs), record, answers.checksum(data))
    if resume and unfinished is not None:
        return resume_run(unfinished.path, checkpoint_seconds=checkpoint_seconds, observers=observers, should_stop=should_stop)
    prepared = answers.pace(prepared, data, place)
    record = _settings_record(family, source, settings, prepared)
    folder = RunFolder.create(Path(runs), family)
    facts = {"checksum": answers.checksum(data), **answers.describe(data)}
    messages = [] if unfinished is None else [_unfinished_message(unfinished)]
    with folder.locked():  # from the first file on: an unlocked folder with settings.json is an interrupted run
        folder.write_json("environment.json", {**_environment(answers, place), "data": facts})
        folder.write_json("preprocessing.json", dict(prepared.preprocessing))
        folder.write_json("settings.json", record)
        return _Training(folder, answers, prepared, data, place, observers).run(messages, checkpoint_seconds, should_stop)


def resume(
    path: str | Path,
    *,
    threads: int | None = None,
    checkpoint_seconds: float = 60.0,
    observers: Sequence[Observer] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Go on with an interrupted run, from its newest checkpoint; ends byte for byte as if never interrupted.

    Raises: RunError: No such run, it is finished, another process holds it, or the data has changed.
    """
    folder = RunFolder.open(path)
    if folder.finished:
        raise RunError(f"{path} is finished; there is nothing to resume.")
    record, before = _record(folder), folder.read_json("environment.json")
    family = families.load(record["family"])
    settings = _settings_from(family, folder, record)
    available = torch.cuda.is_available() if before["device"] == "cuda" else True
    place = choose_device(before["device"] if available else "auto", before["precision"], threads or before["threads"])
    why = "device and precision as the run began" if available else f"{before['device']}, where the run began, is gone"
    data = family.read(record["source"], family.settings_type.from_flat(record["given"]))
    if family.checksum(data) != before["data"]["checksum"]:
        raise RunError(f"{record['source']} has changed since {path} began; train anew, or bring the old data back.")
    prepared = Prepared(settings, record["reasons"], folder.read_json("preprocessing.json"))
    place = replace(place, reason=why)
    changes = _changes(before, _environment(family, place))
    messages = [f"Exactness ends: {changes}; the run goes on but will not equal an uninterrupted one."] if changes else []
    with folder.locked():
        return _Training(folder, family, prepared, data, place, observers).run(messages, checkpoint_seconds, should_stop)


resume_run = resume  # `train` has a flag of the same name


def load(
    path: str | Path,
    *,
    device: str = "auto",
    precision: str = "f32",
    threads: int | None = None,
    engine: str = "torch",
    **predicting: Any,
) -> Run:
    """A run on disk, ready to evaluate, predict, explain and export.

    Args:
        path: The run folder.
        device, precision, threads: Where and how to compute; f32 unless asked otherwise, so that answers repeat everywhere.
        engine: "torch", or what the family can compute an exported model with ("onnx").
        **predicting: Settings of prediction, where they are to differ from those of the training (`mirror=False`).

    Raises:
        RunError: The folder is missing or is not a run.
        SettingsError: The family has no such engine, or no such setting of prediction.
    """
    return Run(RunFolder.open(path), choose_device(device, precision, threads), engine, predicting)


def check(family: str, source: str | Path = "", **settings: Any) -> list[Finding]:
    """Everything noticeable about data before training, errors first."""
    answers = families.load(family)
    given = answers.settings_type.from_flat(settings)
    _refuse_no_source(family, source, given)
    return answers.check(str(source), given)


def use(family: str, tool: str, *words: str | Path, **options: Any) -> Any:
    """What a family does without a run: `seodang.use("faces", "detect", "photo.jpg")`.

    Args:
        family: Name of the family.
        tool: Name of the tool (`seodang.families.tools`).
        *words: What it works on.
        **options: Its options.

    Returns: A value, a list of values, or an iterator of them.
    Raises: SettingsError: The family has no such tool, or an option is unknown, missing or out of bounds.
    """
    known = {one.name: one for one in families.tools(family)}
    if tool not in known:
        have = f"has only {alternatives(tuple(known))}" if known else "has none"
        raise SettingsError(f"No tool {tool!r}: family {family} {have}.", value=tool)
    chosen = known[tool]
    if words and not chosen.words:
        raise SettingsError(f"{tool} takes no words, got {str(words[0])!r}.", value=words)
    wrong = next((word for word in words if not isinstance(word, str | Path)), None)
    if wrong is not None:
        raise SettingsError(f"{tool} works on texts and paths, got {type(wrong).__name__}.", value=wrong)
    given = {**options, **({chosen.words: tuple(map(str, words))} if words else {})}
    return chosen.action(chosen.options.from_flat(given))


class Run:
    """A run folder and the model in it, loaded on first use."""

    def __init__(
        self, folder: RunFolder, device: Device, engine: str = "torch", predicting: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.device = device
        self.engine = engine
        self.predicting = dict(predicting or {})
        self._record = _record(folder)
        self._family = families.load(self._record["family"])
        if engine not in self._family.engines:
            known = alternatives(self._family.engines)
            raise SettingsError(f"{{engine}} must be {known}, got {engine!r}.", settings=("engine",), value=engine)
        for name in self.predicting.keys() - set(families.predicting(self.family)):
            raise SettingsError(f"{name} is no setting of prediction with a run of family {self.family}.", value=name)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, family={self.family!r})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def family(self) -> str:
        """Name of the family."""
        return self._family.name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What runs of this family are judged by."""
        return self._family.metrics

    @property
    def finished(self) -> bool:
        """Whether training ran to its end."""
        return self.folder.finished

    @property
    def settings(self) -> Settings:
        """The settings as resolved, those of prediction as they were asked for since."""
        settings: Settings = _settings_from(self._family, self.folder, self._record)
        return settings.replaced(**self.predicting)

    @property
    def evaluation(self) -> dict[str, Any]:
        """What evaluation.json says: measures with intervals, yardstick, tables."""
        return dict(self.folder.read_json("evaluation.json"))

    @cached_property
    def trained(self) -> Trained[Any]:
        """Settings, preprocessing and weights, read and checked."""
        settings = self.settings
        weights = {stage.name: self.folder.stage_weights(stage.name) for stage in self._family.stages(settings)}
        return Trained(self.folder, settings, self.folder.read_json("preprocessing.json"), weights, self.device)

    @cached_property
    def predictor(self) -> Any:
        """The family's model, ready to predict."""
        if not self.finished:
            raise RunError(f"{self.path} is unfinished; go on with `seodang resume {self.path}`.")
        if self.engine != "torch":
            return self._family.exported_predictor(self.engine, self.path / "export", self.settings, self.device)
        trained = self.trained
        try:
            return self._family.predictor(trained)
        except RunError as error:  # the family knows what is wrong, but not where
            raise RunError(f"{self.path}: {error}") from error

    def predict(self, inputs: Any) -> Any:
        """One output for one input, a list for a list (for text: `Scores` for each text).

        Raises: DataError: An input gets no answer; says which. `predict_each` answers the others.
        """
        if not isinstance(inputs, list | tuple):
            return self.predict([inputs])[0]
        outputs = self.predict_each(inputs)
        for number, (one, output) in enumerate(zip(inputs, outputs, strict=True), start=1):
            if isinstance(output, Refused):
                where = (
                    getattr(self._typed(one), "where", "")
                    or f"{self._family.input_type.__name__.lower()} {number} of {len(inputs)}"
                )
                raise DataError(f"{where}: {output.error}.")
        return outputs

    def predict_each(self, inputs: Sequence[Any]) -> list[Any]:
        """One output for each input; in place of one that cannot be given stands a `Refused`, which says why."""
        return self._family.predict(self.predictor, [self._typed(one) for one in inputs])

    def _typed(self, one: Any) -> Any:
        kind = self._family.input_type
        return one if isinstance(one, kind) else kind(one)

    def inputs(self, source: str | Path, **reading: Any) -> list[Any]:
        """The inputs in a file, read as in training unless told otherwise (`text_column=...`); no labels are needed."""
        return self._family.inputs(Path(source), self.settings.replaced(**reading))

    def evaluate(self, source: str | Path | None = None, **reading: Any) -> Evaluation:
        """Measure on other labelled data, or anew on the part of the training data held out for the end.

        Args:
            source: A file, a folder or a named data set; None for the run's own test part.
            **reading: Settings of how it is read, where that differs from the training data (`label_column=...`), and which
                files lie beside it (`masks=...`), which are never those of the training.
        """
        if source is not None:
            return self._family.evaluate_source(self.predictor, str(source), self._settings_for_others(reading))
        return self._family.evaluate(self.predictor, self._data())

    def _settings_for_others(self, reading: Mapping[str, Any]) -> Settings:
        """The settings for another source, which has nothing to do with the files that the training's had beside it."""
        wanted = families.reading(self.family)
        beside = {leaf.name: leaf.default for leaf in self._family.settings_type.leaves() if leaf.is_path}
        others = {name: default for name, default in beside.items() if name in wanted}
        return self.settings.replaced(**{**others, **reading})

    def explain(self) -> Path:
        """Write the report into the run's `report/` and return its page."""
        return self._family.explain(self.trained, self.predictor, self._data_if_there(), self.folder.folder("report"))

    def export(self) -> Path:
        """Write an ONNX model and the proof that it is equal into the run's `export/`."""
        return self._family.export(self.trained, self.predictor, self.folder.folder("export"))

    def perform(self, verb: str, *words: str, **options: Any) -> Any:
        """A verb of the run's own family: `run.perform("odd-one-out", "cat", "dog", "car")`, or `run.odd_one_out(...)`.

        Args:
            verb: Its name (`seodang.families.verbs`).
            *words: What it is asked about.
            **options: Its options.

        Returns: A value, a list of values, or an iterator of values and pieces of text.
        Raises: SettingsError: The family has no such verb, or an option is unknown or out of bounds.
        """
        known = {one.name: one for one in families.verbs(self.family)}
        if verb not in known:
            have = f"only {alternatives(tuple(known))}" if known else "none of its own"
            beside = "beside predict, evaluate, explain and export"
            message = f"No verb {verb!r} for a run of family {self.family}, which has {have} {beside}."
            raise SettingsError(message, value=verb)
        chosen = known[verb]
        if words and not chosen.words:
            raise SettingsError(f"{verb} takes no words, got {words[0]!r}.", value=words)
        given = {**options, **({chosen.words: words} if words else {})}
        return self._family.actions[verb](self.predictor, self._data_if_there, chosen.options.from_flat(given))

    def __getattr__(self, name: str) -> Any:
        """The family's own verbs as methods."""
        if not name.startswith("_"):
            for verb in families.verbs(self._family.name):
                if verb.method == name:
                    return partial(self.perform, verb.name)
        raise AttributeError(f"a run of family {self._record['family']!r} has no {name!r}" if "_record" in vars(self) else name)

    def _data_if_there(self) -> Any:
        """The training data, or None where they are gone or have changed."""
        try:
            return self._data()
        except (RunError, ValueError, OSError):
            return None

    def _data(self) -> Any:
        """The training data, read again. Raises: RunError: It has changed."""
        data = self._family.read(self._record["source"], self._family.settings_type.from_flat(self._record["given"]))
        if self._family.checksum(data) != self.folder.read_json("environment.json")["data"]["checksum"]:
            source = self._record["source"]
            raise RunError(f"{source} has changed since {self.path} was trained; bring the old data back, or train anew.")
        return data


class _Training:
    """All stages of one run, one after another."""

    def __init__(
        self,
        folder: RunFolder,
        family: AnyFamily,
        prepared: Prepared[Any],
        data: Any,
        device: Device,
        observers: Sequence[Observer],
    ) -> None:
        self.folder, self.family, self.prepared, self.data, self.device = folder, family, prepared, data, device
        self.observers = [TensorBoardLog(folder.path / "tensorboard"), *observers]

    def run(self, messages: Sequence[str], checkpoint_seconds: float, should_stop: Callable[[], bool]) -> Run:
        stages = self.family.stages(self.prepared.settings)
        self._tell(
            Began(
                self.folder.path,
                self.family.name,
                self.device,
                self.family.describe(self.data),
                self.prepared.reasons,
                tuple(stage.name for stage in stages),
            )
        )
        for message in messages:
            self._tell(Warned(stages[0].name, message))
        if self._stages(checkpoint_seconds, should_stop):
            self._evaluate()
        return Run(self.folder, self.device.exact())

    def _stages(self, checkpoint_seconds: float, should_stop: Callable[[], bool]) -> bool:
        settings, preprocessing = self.prepared.settings, self.prepared.preprocessing
        finished: dict[str, Mapping[str, torch.Tensor]] = {}
        for stage in self.family.stages(settings):
            torch.manual_seed(mix(settings.to_flat()["seed"], stage.name))  # initial weights
            work = stage.build(StageContext(settings, preprocessing, self.data, self.device, finished))
            for event in fit(stage.name, work, self.folder, checkpoint_seconds=checkpoint_seconds, should_stop=should_stop):
                self._tell(event)
                if isinstance(event, Finished) and not event.complete:
                    return False
            finished[stage.name] = self.folder.stage_weights(stage.name)
        self.finished = finished
        return True

    def _evaluate(self) -> None:
        trained = Trained(self.folder, self.prepared.settings, self.prepared.preprocessing, self.finished, self.device.exact())
        evaluation = asdict(self.family.evaluate(self.family.predictor(trained), self.data))
        self.folder.write_json("evaluation.json", evaluation)
        self._tell(Ended(self.folder.path, evaluation))

    def _tell(self, event: RunEvent) -> None:
        for observer in self.observers:
            observer(event)  # type: ignore[operator]


def _refuse_no_source(family: str, source: str | Path, given: Settings) -> None:
    """Raises: SettingsError: There is neither a source nor a setting that brings the data, or there are both."""
    own = families.own_data(family)
    bringing = next((name for name in own if given.to_flat()[name] is not None), None)
    if bringing and str(source):
        raise SettingsError(f"{{{bringing}}} brings the data itself; leave it out, or leave out {source}.", settings=own)
    if not bringing and not str(source):
        more = "".join(f", or give {{{name}}}" for name in own)
        raise SettingsError(f"SOURCE is missing: name {families.sources(family)}{more}.", settings=own)


def _environment(family: AnyFamily, device: Device) -> dict[str, Any]:
    return {**environment(device), "kernels": family.kernels()}


def _settings_record(family: str, source: str, given: Mapping[str, Any], prepared: Prepared[Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "family": family,
        "source": source,
        "given": {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()},
        "resolved": {name: list(v) if isinstance(v, tuple) else v for name, v in prepared.settings.to_flat().items()},
        "reasons": dict(prepared.reasons),
    }


def _record(folder: RunFolder) -> dict[str, Any]:
    """What settings.json says.

    Raises: RunError: It lacks something.
    """
    record = folder.settings()
    for name in ("family", "source", "given", "resolved", "reasons"):
        if name not in record:
            raise RunError(f"{folder.path / 'settings.json'}: {name!r} is missing; bring the original file back.")
    return record


def _settings_from(family: AnyFamily, folder: RunFolder, record: Mapping[str, Any]) -> Any:
    """The settings as resolved.

    Raises: RunError: The file was changed: a setting is missing or out of bounds.
    """
    try:
        return family.settings_type.from_resolved(record["resolved"])
    except KeyError as error:
        reason = f"the setting {error} is missing"
    except SettingsError as error:
        reason = str(error).rstrip(".")
    raise RunError(f"{folder.path / 'settings.json'}: {reason}; bring the original file back.")


def _unfinished(parent: Path, record: Mapping[str, Any], checksum: str) -> RunFolder | None:
    """The newest run that was interrupted with the same settings and data, and that no process holds.

    What the record leaves open, that run has measured on this machine.
    """
    measured = {name for name, value in record["resolved"].items() if value is None}

    def asked(one: Mapping[str, Any]) -> dict[str, Any]:
        kept = {part: {n: v for n, v in one[part].items() if n not in measured} for part in ("resolved", "reasons")}
        return {**one, **kept, "source": ""}

    for folder in reversed(list_runs(parent)):
        same = not folder.finished and asked(folder.settings()) == asked(record)
        if same and folder.read_json("environment.json")["data"]["checksum"] == checksum and not folder.is_locked():
            return folder
    return None


def _unfinished_message(folder: RunFolder) -> str:
    epochs = folder.settings()["resolved"].get("epochs")
    done = max((row["epoch"] for row in folder.rows("metrics.jsonl") if "epoch" in row), default=0)
    return f"{folder.path} is unfinished, epoch {int(done)} of {epochs}: seodang resume {folder.path}"


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two environments in a way that changes rounding."""
    names = [name for name in now if name != "device_reason" and before.get(name) != now[name]]
    return ", ".join(f"{name} was {before.get(name)} and is {now[name]}" for name in names)
