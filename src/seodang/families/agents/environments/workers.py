"""Environments stepped in several processes: this one steps a part of them while others step the rest.

Numbers travel through a file that all have mapped into memory; pipes say only that there is something to do. The processes are
programs of their own: a fork would copy the locks of PyTorch's threads, and what `multiprocessing` starts runs the user's
script once more. They import no PyTorch, and end when this process does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from seodang.core.errors import DataError, MachineError, SeodangError
from seodang.core.files import machine_errors
from seodang.families.agents.environments.opening import Opened
from seodang.families.agents.environments.spaces import Observations
from seodang.families.agents.environments.stepping import Environments, Group, Steps

STOP_SECONDS = 5.0  # that a process may take to end by itself
ALIGNMENT = 64  # bytes
STEP, NOTHING = b"s\n", b"\n"  # the messages of every step, without JSON
LOST = "A process that steps environments has ended by itself; is memory used up?"
IN_MEMORY = Path("/dev/shm")  # where Linux keeps files that never reach a disk


class Shared(NamedTuple):
    """Views of what all processes see."""

    observations: Observations
    actions: NDArray[Any]
    results: tuple[NDArray[Any], ...]


@final
class Workers(Environments):
    """Environments in this process and in others.

    Args:
        opened: Which environment.
        seeds: Where chance begins in each.
        frames: Images shown at once.
        processes: How many, this one among them.
    """

    def __init__(self, opened: Opened, seeds: Sequence[int], frames: int, processes: int) -> None:
        self.count = len(seeds)
        bounds = [round(place * self.count / processes) for place in range(processes + 1)]
        self.parts = [slice(start, end) for start, end in pairwise(bounds)]
        self.own = Group(opened, seeds[self.parts[0]], frames)
        self.reader, self.actions, self.restorable = self.own.reader, self.own.actions, True
        self.file = _new_file(_size(self.count, self.own))
        self.others: list[subprocess.Popen[bytes]] = []
        self.ending = weakref.finalize(self, _end, self.own, self.others, self.file)
        self.shared = _views(self.file, self.count, self.own)
        for part in self.parts[1:]:
            self.others.append(self._start(opened, list(seeds[part]), part, frames))
        self._answers()  # all have the memory now, and nobody else has to find it
        with suppress(OSError):  # Windows lets go of it only with the last that uses it
            self.file.unlink()

    def _start(self, opened: Opened, seeds: list[int], part: slice, frames: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_search_path()},
        )
        told = {
            "opened": asdict(opened), "seeds": seeds, "frames": frames, "file": str(self.file), "count": self.count,
            "part": [part.start, part.stop],
        }  # fmt: skip
        _send(process, json.dumps(told).encode() + b"\n")
        return process

    def reset(self, salt: int = 0) -> Observations:
        """Begin an episode in each."""
        self._ask({"wish": "reset", "salt": salt})
        self._put(self.own.reset(salt))
        self._answers()
        return self.shared.observations

    def step(self, actions: NDArray[Any]) -> Steps:
        """One step in each."""
        self.shared.actions[:] = actions
        for process in self.others:
            _send(process, STEP)
        result = self.own.step(actions[self.parts[0]])
        self._put(result.observations)
        for kept, own in zip(self.shared.results, result[1:], strict=True):
            kept[self.parts[0]] = own
        self._answers()
        return Steps(self.shared.observations, *self.shared.results)

    def state(self) -> list[Any]:
        """Of all, in their order."""
        self._ask({"wish": "state"})
        found = self.own.state()
        for answer in self._answers():
            found += answer
        return found

    def load_state(self, state: list[Any]) -> Observations:
        """Put all back."""
        for process, part in zip(self.others, self.parts[1:], strict=True):
            _send(process, json.dumps({"wish": "load", "state": state[part]}).encode() + b"\n")
        self._put(self.own.load_state(state[self.parts[0]]))
        self._answers()
        return self.shared.observations

    def close(self) -> None:
        """End the processes and give the memory back; done too when this is dropped, or the program ends."""
        self.ending()

    def _put(self, seen: Observations) -> None:
        self.shared.observations.vectors[self.parts[0]] = seen.vectors
        self.shared.observations.images[self.parts[0]] = seen.images

    def _ask(self, message: dict[str, Any]) -> None:
        for process in self.others:
            _send(process, json.dumps(message).encode() + b"\n")

    def _answers(self) -> list[Any]:
        found = []
        for process in self.others:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise MachineError(LOST)
            answer = json.loads(line) if line != NOTHING else {}
            if "problem" in answer:
                raise DataError(answer["problem"])
            found.append(answer.get("state"))
        return found


def _search_path() -> dict[str, str]:
    """Where the other processes find modules: where this one does."""
    return {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}


def _send(process: subprocess.Popen[bytes], message: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(message)
        process.stdin.flush()
    except OSError as error:
        raise MachineError(LOST) from error


def _end(own: Group, others: Sequence[subprocess.Popen[bytes]], file: Path) -> None:
    """End processes, and give memory back."""
    for process in others:
        assert process.stdin is not None
        with suppress(OSError):  # it has ended already
            process.stdin.close()  # its end is what tells it
    for process in others:
        assert process.stdout is not None
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
    own.close()
    file.unlink(missing_ok=True)


def _fields(count: int, group: Group) -> list[tuple[tuple[int, ...], Any]]:
    """Shape and kind of each array that is shared."""
    shape, width = group.reader.shape, group.actions.width
    chosen = np.float32 if group.actions.kind == "continuous" else np.int64
    seen = [((count, shape.numbers), np.float32), ((count, *shape.image), np.uint8)]
    return [*seen, ((count, width), chosen), ((count,), np.float32), *[((count,), np.bool_)] * 3]


def _places(count: int, group: Group) -> tuple[list[int], int]:
    """Where each array begins, and where the last ends."""
    places, end = [], 0
    for shape, kind in _fields(count, group):
        places.append(end)
        end += -(-int(np.prod(shape)) * np.dtype(kind).itemsize // ALIGNMENT) * ALIGNMENT
    return places, end


def _size(count: int, group: Group) -> int:
    return _places(count, group)[1]


def _new_file(size: int) -> Path:
    folder = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with machine_errors(folder or Path(tempfile.gettempdir())):
        number, path = tempfile.mkstemp(prefix="seodang-", dir=folder)
        os.truncate(number, size)
        os.close(number)
    return Path(path)


def _views(file: Path, count: int, group: Group) -> Shared:
    memory = np.memmap(file, np.uint8, "r+")
    parts = zip(_fields(count, group), _places(count, group)[0], strict=True)
    views = [np.ndarray(shape, kind, memory, place) for (shape, kind), place in parts]
    return Shared(Observations(views[0], views[1]), views[2], tuple(views[3:]))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """What a process does until nobody asks any more."""
    told = json.loads(requests.readline())
    part = slice(*told["part"])
    try:
        group = Group(Opened(**told["opened"]), told["seeds"], told["frames"])
    except Exception as problem:
        answers.write(_problem(problem))
        return
    shared = _views(Path(told["file"]), told["count"], group)
    answers.write(NOTHING)
    answers.flush()
    for line in requests:
        answers.write(_answer(group, shared, part, line))
        answers.flush()
    group.close()


def _answer(group: Group, shared: Shared, part: slice, line: bytes) -> bytes:
    try:
        if line == STEP:
            seen, *results = group.step(shared.actions[part])
            for kept, own in zip(shared.results, results, strict=True):
                kept[part] = own
        else:
            asked = json.loads(line)
            if asked["wish"] == "state":
                return json.dumps({"state": group.state()}).encode() + b"\n"
            seen = group.reset(asked["salt"]) if asked["wish"] == "reset" else group.load_state(asked["state"])
        shared.observations.vectors[part] = seen.vectors
        shared.observations.images[part] = seen.images
    except Exception as problem:  # told where somebody reads it
        return _problem(problem)
    return NOTHING


def _problem(problem: Exception) -> bytes:
    told = str(problem) if isinstance(problem, SeodangError) else f"{type(problem).__name__}: {problem}"
    return json.dumps({"problem": told}).encode() + b"\n"


def _main() -> None:
    """Answer on what was the standard output; whatever an environment prints goes to the standard error instead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains
    private = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(private, "wb") as answers:
        _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
