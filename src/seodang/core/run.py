"""The run folder: everything a training leaves behind, its lock, and the only code that writes into it.

settings.json       family, source, settings given, resolved, and why
environment.json    versions, device, precision, threads, CPU features, checksum of the data
preprocessing.json  what was fitted to the data: vocabulary, label names
metrics.jsonl       deterministic values only, a row each; wall-clock times go to timings.jsonl
checkpoints/        <stage>-step-<n>.safetensors (the last two of each stage), <stage>-best.safetensors
evaluation.json     written last: a run that has it is finished
progress/           pictures of what the model made after each epoch, where a family draws some
report/  export/  tensorboard/  lock
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from torch import Tensor

from seodang.core.checkpoint import read_checkpoint, write_checkpoint
from seodang.core.errors import RunError
from seodang.core.files import PART_SUFFIX, machine_errors, sync_folder, write_bytes, write_json

FORMAT = 1
KEPT_CHECKPOINTS = 2  # the newest, and the one before it in case the newest is damaged
STEP_NAME = re.compile(r"(?P<stage>.+)-step-(?P<step>\d+)\.safetensors")


class Record(dict[str, Any]):
    """The content of one of a run's JSON files; asked for something that it lacks, it says which file was changed."""

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        super().__init__(content)
        self._name = name

    def __missing__(self, key: str) -> Any:
        raise RunError(f"{self._name}: {key!r} is missing; bring the original file back.")


class RunFolder:
    """One run on disk. Reading needs no lock; writing is done inside `locked()`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, parent: Path, family: str) -> RunFolder:
        """Make the next free folder `<family>-<n>`; two processes at once get two folders.

        Raises: MachineError: The parent folder cannot be written to.
        """
        with machine_errors(parent):
            parent.mkdir(parents=True, exist_ok=True)
            taken = [int(m[1]) for p in parent.iterdir() if (m := re.fullmatch(rf"{re.escape(family)}-(\d+)", p.name))]
            number = max(taken, default=0) + 1
            while True:
                path = parent / f"{family}-{number}"
                try:
                    path.mkdir()
                except FileExistsError:  # another process was faster
                    number += 1
                    continue
                (path / "checkpoints").mkdir()
                sync_folder(parent)
                return cls(path)

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run.

        Raises: RunError: The folder is missing or is not a run.
        """
        folder = cls(Path(path))
        if not folder.path.exists():
            raise RunError(f"{path}: no such run folder; `seodang runs` lists those that exist.")
        if not (folder.path / "settings.json").is_file():
            raise RunError(f"{path}: not a run folder (it has no settings.json); `seodang runs` lists those that exist.")
        settings: Any = folder.settings()
        if not isinstance(settings, dict):
            raise RunError(f"{path}: not a run folder (its settings.json is of something else).")
        if settings.get("format") != FORMAT:
            raise RunError(f"{path}: written by another version of Seodang (format {settings.get('format')}).")
        return folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run, so that no second process writes to it.

        Raises: RunError: Another process holds it.
        """
        lock = FileLock(self.path / "lock")
        try:
            with machine_errors(self.path):
                lock.acquire(timeout=0)
        except Timeout:
            raise RunError(f"{self.path}: another process is training this run.") from None
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether a process is writing to this run now."""
        if not (self.path / "lock").exists():
            return False
        try:
            with self.locked():
                return False
        except RunError:
            return True

    def read_json(self, name: str) -> Any:
        """One of the run's JSON files.

        Raises: RunError: It is missing or damaged; or later, when something is read that it lacks.
        """
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
            return Record(content, name) if isinstance(content, dict) else content
        except FileNotFoundError:
            raise RunError(f"{self.path}: {name} is missing; the run did not get that far.") from None
        except (ValueError, OSError) as error:
            raise RunError(f"{self.path / name}: not readable ({error}).") from error

    def write_json(self, name: str, value: Any) -> None:
        """Write one of the run's JSON files, whole or not at all."""
        write_json(self.path / name, value)

    def settings(self) -> dict[str, Any]:
        """`settings.json`: family, source, settings given, resolved and why."""
        settings: dict[str, Any] = self.read_json("settings.json")
        return settings

    def folder(self, name: str) -> Path:
        """A sub-folder, made if it is not there."""
        path = self.path / name
        with machine_errors(path):
            path.mkdir(exist_ok=True)
        return path

    @property
    def finished(self) -> bool:
        """Whether training ran to its end and was evaluated."""
        return (self.path / "evaluation.json").is_file()

    def append(self, name: str, row: Mapping[str, Any]) -> None:
        """Add a row to metrics.jsonl or timings.jsonl."""
        path = self.path / name
        with machine_errors(path), path.open("ab") as file:
            file.write((json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode())

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of metrics.jsonl or timings.jsonl, without one that is just being written."""
        path = self.path / name
        whole, _, _ = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def metrics_bytes(self) -> int:
        """The length of metrics.jsonl."""
        path = self.path / "metrics.jsonl"
        return path.stat().st_size if path.exists() else 0

    def rewind(self, metrics_bytes: int) -> None:
        """Forget the rows written after a checkpoint.

        Raises: RunError: metrics.jsonl is shorter than it was when the checkpoint was made.
        """
        path = self.path / "metrics.jsonl"
        with machine_errors(path), path.open("ab") as file:
            if file.tell() < metrics_bytes:
                raise RunError(
                    f"{path}: shorter than its checkpoint says ({file.tell()} < {metrics_bytes} bytes); it was cut or replaced."
                )
            file.truncate(metrics_bytes)

    def clear_leftovers(self) -> None:
        """Remove what a killed process left half written: parts of files, half a row of timings."""
        for part in self.path.rglob(f".*{PART_SUFFIX}"):
            part.unlink(missing_ok=True)
        path = self.path / "timings.jsonl"
        if path.exists():
            with machine_errors(path), path.open("r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)

    def save_step(self, stage: str, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
        """Write the checkpoint of a step; keep only that and the one before it of its stage."""
        path = self.path / "checkpoints" / f"{stage}-step-{step:08d}.safetensors"
        self._sync_metrics()  # a checkpoint speaks of rows, which must be on the disk before it
        write_checkpoint(path, tensors, state)
        steps = sorted(self._steps(stage))
        kept = [old for number, old in steps if number <= step][-KEPT_CHECKPOINTS:]
        for _, old in steps:
            if old not in kept:  # a later step than this one was passed over as damaged
                old.unlink(missing_ok=True)
        return path

    def save_best(self, stage: str, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
        """Write the weights of the best epoch so far."""
        path = self.path / "checkpoints" / f"{stage}-best.safetensors"
        write_checkpoint(path, tensors, state)
        return path

    def save_progress(self, epoch: int, pictures: Mapping[str, bytes]) -> None:
        """Write the pictures of an epoch, as `progress/<name>-<epoch>.png`."""
        for name, data in pictures.items():
            write_bytes(self.folder("progress") / f"{name}-{epoch:05d}.png", data)

    def progress(self, name: str) -> list[tuple[int, Path]]:
        """The pictures of one name with their epochs, in order."""
        paths = sorted((self.path / "progress").glob(f"{name}-*.png"))
        return [(int(path.stem.rpartition("-")[2]), path) for path in paths]

    def last_checkpoint(self, stage: str) -> tuple[dict[str, Tensor], dict[str, Any], list[str]] | None:
        """The newest undamaged checkpoint of a stage, and a message for each damaged one that was passed over.

        Returns: Tensors, state and messages; None when the stage has no checkpoint at all.
        Raises:  RunError: All checkpoints of the stage are damaged.
        """
        messages: list[str] = []
        for _, path in sorted(self._steps(stage), reverse=True):
            try:
                return *read_checkpoint(path), messages
            except RunError as error:
                messages.append(f"{error} The one before it is used.")
        if messages:
            raise RunError(f"{self.path}: no undamaged checkpoint is left; train again.")
        return None

    def stage_weights(self, stage: str) -> dict[str, Tensor]:
        """The weights a finished stage is remembered by: its best epoch's, or its last when nothing chose among them.

        Raises: RunError: The stage is not finished, or its checkpoint is damaged or was deleted.
        """
        best = self.path / "checkpoints" / f"{stage}-best.safetensors"
        if best.exists():
            return read_checkpoint(best)[0]
        last = self.last_checkpoint(stage)
        if last is None and self.finished:
            raise RunError(
                f"{self.path}: stage {stage} has no checkpoint in {best.parent}, though the run is finished; bring the files "
                f"back, or train again with `seodang train {self.settings()['family']} --settings {self.path}`."
            )
        if last is None:
            raise RunError(f"{self.path}: stage {stage} has no checkpoint yet; finish it with `seodang resume {self.path}`.")
        if last[1].get("progress", {}).get("best_epoch"):
            raise RunError(f"{best} is missing, the weights of the best epoch; bring the file back, or train again.")
        return last[0]

    def _sync_metrics(self) -> None:
        path = self.path / "metrics.jsonl"
        with machine_errors(path), path.open("ab") as file:
            os.fsync(file.fileno())

    def _steps(self, stage: str) -> list[tuple[int, Path]]:
        matches = ((STEP_NAME.fullmatch(path.name), path) for path in (self.path / "checkpoints").glob("*.safetensors"))
        return [(int(match["step"]), path) for match, path in matches if match and match["stage"] == stage]


def list_runs(parent: Path) -> list[RunFolder]:
    """All runs below a folder, by family and number."""
    found = [path for path in parent.glob("*-*") if (path / "settings.json").is_file()] if parent.is_dir() else []

    def key(path: Path) -> tuple[str, int]:
        name, _, number = path.name.rpartition("-")
        return name, int(number) if number.isdigit() else 0

    return [RunFolder(path) for path in sorted(found, key=key)]
