"""Kill a training with SIGKILL at random moments, resume it, and compare every byte with a training that was never touched.

    python tests/kills.py --kills 50            # the whole proof, some minutes
    python tests/kills.py --kills 50 --model lstm

Prints a line a kill and ends with exit code 1 if a single byte differs. `test_kills.py` runs it with a few kills.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORDS = {
    "good": ("lovely", "warm", "quiet", "clever", "moving", "bright"),
    "bad": ("dull", "loud", "clumsy", "tired", "stale", "empty"),
}
FILLER = ("the", "film", "a", "story", "of", "people", "in", "town", "with", "music", "and", "some", "light", "that", "is")
ROWS = 600
SEODANG = [sys.executable, "-m", "seodang"]
OFTEN = ["--checkpoint-seconds", "0", "--quiet"]  # a resumed run too, so that both end with the same two checkpoints


def main() -> int:
    """Run the proof; the exit code is 0 when all bytes agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return prove(Path(name), options.kills, options.model, options.seed)


def prove(folder: Path, kills: int, model: str, seed: int) -> int:
    """Train once undisturbed, then `kills` times disturbed; returns the number of runs that differ."""
    chance = random.Random(seed)
    data = write_reviews(folder / "reviews.csv", chance)
    process, run = start(data, folder / "reference", model)
    started = time.monotonic()
    finish(process)
    seconds = time.monotonic() - started
    expected = contents(run)
    wrong = 0
    for kill in range(1, kills + 1):
        run, moment = disturb(data, folder / f"killed-{kill}", model, seconds, chance)
        found = contents(run)
        differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        wrong += bool(differing)
        verdict = "differs in " + ", ".join(differing) if differing else f"{len(expected)} files equal, byte for byte"
        print(f"kill {kill:2d} of {kills}, {moment:.2f} s into the run: {verdict}", flush=True)
    print(f"{kills - wrong} of {kills} killed and resumed trainings equal the undisturbed one")
    return wrong


def disturb(data: Path, runs: Path, model: str, seconds: float, chance: random.Random) -> tuple[Path, float]:
    """Kill a training at a random moment and resume it to its end; gives the run and the moment.

    A training that was faster than the kill proves nothing, so another is started and killed earlier.
    """
    while True:
        process, run = start(data, runs, model)
        delay = chance.uniform(0, seconds)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if not (run / "evaluation.json").exists():
            resume = subprocess.Popen([*SEODANG, "resume", str(run), *OFTEN], env=environment(), stdout=subprocess.DEVNULL)
            finish(resume)
            return run, delay
        shutil.rmtree(runs)
        seconds = max(0.7 * delay, 0.05)


def start(data: Path, runs: Path, model: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Begin the training under test; returns once its run folder is there, which is when a run can be resumed."""
    flags = f"--preset smoke --model {model} --epochs 4 --batch-size 8 --patience none".split()
    words = [*SEODANG, "train", "text", str(data), "--runs", str(runs), *flags, *OFTEN]
    process = subprocess.Popen(words, env=environment(), start_new_session=True, stdout=subprocess.DEVNULL)
    run = runs / "text-1"
    while not (run / "settings.json").exists() and process.poll() is None:
        time.sleep(0.005)
    return process, run


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a training; it must succeed."""
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(map(str, process.args))} ended with exit code {process.returncode}")


def contents(run: Path) -> dict[str, bytes]:
    """Every file of a run that must not depend on when it was interrupted."""
    names = [run / "metrics.jsonl", run / "evaluation.json", run / "preprocessing.json", *(run / "checkpoints").glob("*")]
    return {str(path.relative_to(run)): path.read_bytes() for path in names}


def write_reviews(path: Path, chance: random.Random) -> Path:
    """A file of labelled sentences that a network can learn in seconds."""
    rows = ["text,label"]
    for _ in range(ROWS):
        label = chance.choice(sorted(WORDS))
        words = chance.choices(FILLER, k=chance.randint(4, 30)) + chance.choices(WORDS[label], k=2)
        chance.shuffle(words)
        rows.append(f"{' '.join(words)},{label}")
    path.write_text("\n".join(rows) + "\n")
    return path


def environment() -> dict[str, str]:
    """One thread: runs share the machine with the rest of the test suite."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


if __name__ == "__main__":
    sys.exit(min(main(), 1))
