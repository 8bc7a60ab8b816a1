"""The command line as a process of its own: signals, pipes, terminals, and how fast help is there."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import toy

TOY = [sys.executable, toy.__file__]
HELP_SECONDS = 0.2  # median, on a machine that does nothing else
HEAVY = {"torch", "sklearn", "matplotlib", "rich", "numpy"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with some rows to learn from."""
    (tmp_path / "rows.txt").write_text("".join(f"row number {number}\n" for number in range(400)), encoding="utf-8")
    return tmp_path


def start(folder: Path, environment: dict[str, str], *words: str, **options: Any) -> subprocess.Popen[str]:
    """Start `seodang` with the stand-in family."""
    return subprocess.Popen(
        [*TOY, *words], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


TRAIN = ("train", "toy", "rows.txt", "--step-seconds", "0.005")


@pytest.mark.parametrize(
    ("number", "code", "going_on"),
    [(signal.SIGINT, 130, ("resume", "runs/toy-1")), (signal.SIGTERM, 143, (*TRAIN, "--resume"))],
)
def test_a_signal_saves_the_training_and_both_ways_to_go_on_end_it(
    folder: Path, environment: dict[str, str], number: signal.Signals, code: int, going_on: tuple[str, ...]
) -> None:
    process = start(folder, environment, *TRAIN, "--json")
    assert process.stdout is not None
    while json.loads(process.stdout.readline())["event"] != "stepped":
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err == "stopped; go on with: seodang resume runs/toy-1\n"
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["complete"]) == ("finished", False)
    assert (folder / f"runs/toy-1/checkpoints/train-step-{last['step']:08}.safetensors").exists()  # not a step is lost
    resumed = start(folder, environment, *going_on, "--quiet")
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert out.startswith("runs/toy-1: accuracy")
    assert [path.name for path in (folder / "runs").iterdir()] == ["toy-1"]


def test_a_closed_pipe_ends_quietly(environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*TOY, "data", "list", "--json"], stdout=writer, stderr=subprocess.PIPE, env=environment, check=False)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 141


def test_a_resumed_run_does_not_say_that_the_device_was_asked_for(folder: Path, environment: dict[str, str]) -> None:
    process = start(folder, environment, *TRAIN, "--json")
    assert process.stdout is not None
    while json.loads(process.stdout.readline())["event"] != "stepped":
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    _, err = start(folder, environment, "resume", "runs/toy-1").communicate(timeout=120)
    assert re.search(r"^device: cpu, \w+, \d+ threads? \(device and precision as the run began\)$", err, re.MULTILINE)


def test_a_home_that_cannot_be_written_to_is_no_matter(folder: Path, environment: dict[str, str]) -> None:
    """Matplotlib has a folder there; that it makes another for itself is nothing to report, all else is."""
    start(folder, environment, "train", "toy", "rows.txt", "--preset", "smoke", "--quiet").communicate(timeout=60)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import toy; toy.install()\n"
        "from seodang.cli.main import main\n"
        "main(['explain', 'runs/toy-1'])\n"
        "import logging, matplotlib\n"
        "matplotlib.get_configdir(); matplotlib.get_cachedir(); logging.getLogger('matplotlib').warning('something else')"
    )
    hidden = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    homeless = {**{name: value for name, value in environment.items() if name not in hidden}, "HOME": os.devnull}
    command = [sys.executable, "-c", code, str(Path(toy.__file__).parent)]
    done = subprocess.run(command, cwd=folder, env=homeless, capture_output=True, text=True, check=True)
    assert done.stderr == "something else\n"


def test_no_escape_codes_reach_a_pipe(folder: Path, environment: dict[str, str]) -> None:
    out, err = start(folder, environment, "train", "toy", "rows.txt").communicate(timeout=60)
    assert "\x1b" not in out + err


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
@pytest.mark.parametrize(("columns", "no_color"), [(60, True), (120, False)])
def test_the_bar_fits_the_terminal_and_honours_no_color(
    folder: Path, environment: dict[str, str], columns: int, no_color: bool
) -> None:
    shown = _in_terminal(folder, {**environment, "COLUMNS": str(columns), "NO_COLOR": "1" if no_color else ""})
    colors = re.findall(r"\x1b\[[0-9;]*m", shown)
    assert bool(colors) is not no_color
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "epoch 1 of 2" in text
    bars = [line for line in re.split(r"[\r\n]+", text) if "━" in line]
    assert bars
    assert max(map(len, bars)) <= columns
    assert any(re.search(r"epoch \d\.\d/2, loss [\d.e-]+.* \d+:\d\d left", bar) for bar in bars)
    assert any("rows/s" in bar for bar in bars) is (columns == 120)
    assert any("accuracy 0.7500" in bar for bar in bars) is (columns == 120)


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["--version"], ["train", "--help"], ["train", "text", "--help"], ["check", "text", "--help"],
              *[[command, "--help"] for command in ("resume", "evaluate", "predict", "explain", "export", "runs", "data")]]
)  # fmt: skip
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from seodang.cli.main import main; code = main(sys.argv[1:]); "
        "print('loaded', *{name.partition('.')[0] for name in sys.modules}); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    *shown, loaded = done.stdout.splitlines()
    assert "seodang" in "\n".join(shown)
    names = set(loaded.split())
    assert not names & HEAVY


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["train", "text", "--help"]])
def test_help_is_there_at_once(words: list[str]) -> None:
    """CPU seconds, since a busy machine stretches wall time; and the best of several goes beside the median."""
    seconds = sorted(_cpu_seconds([sys.executable, "-m", "seodang", *words]) for _ in range(7))
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    if statistics.median(seconds) > HELP_SECONDS and busy > 0.6:
        pytest.skip(f"other work keeps this machine {busy:.1f} times busy: {seconds[0]:.2f} to {seconds[-1]:.2f} s")
    assert statistics.median(seconds) < HELP_SECONDS


def test_python_m_seodang_is_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "seodang", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"seodang \d+\.\d+\.\d+\n", done.stdout)


def _cpu_seconds(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _in_terminal(folder: Path, environment: dict[str, str]) -> str:
    """All that a training writes to a terminal of its own."""
    master, slave = os.openpty()
    words = ("train", "toy", "rows.txt", "--step-seconds", "0.004")
    command = {
        "cwd": folder,
        "env": {**environment, "TERM": "xterm-256color"},
        "stdout": slave,
        "stderr": slave,
        "stdin": slave,
    }
    with subprocess.Popen([*TOY, *words], **command) as process:  # type: ignore[call-overload]
        os.close(slave)
        shown = b""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                block = os.read(master, 65536)
            except OSError:  # Linux ends a terminal that nobody writes to with an error
                break
            if not block:
                break
            shown += block
        assert process.wait(timeout=60) == 0
    os.close(master)
    return shown.decode()
