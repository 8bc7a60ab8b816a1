"""Kill a training with SIGKILL at random moments, resume it, and compare every byte with a training that was never touched.

    python tests/kills.py --kills 50                              # the whole proof, some minutes
    python tests/kills.py --kills 50 --model lstm
    python tests/kills.py --kills 50 --family segmentation
    python tests/kills.py --kills 50 --family translation --model unpaired

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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

WORDS = {
    "good": ("lovely", "warm", "quiet", "clever", "moving", "bright"),
    "bad": ("dull", "loud", "clumsy", "tired", "stale", "empty"),
}
FILLER = ("the", "film", "a", "story", "of", "people", "in", "town", "with", "music", "and", "some", "light", "that", "is")
ROWS = 600
PICTURES, SIDE = 30, 64
STRIPS, SMALL_SIDE = 40, 32
SEODANG = [sys.executable, "-m", "seodang"]
OFTEN = ["--checkpoint-seconds", "0", "--quiet"]  # a resumed run too, so that both end with the same two checkpoints


def main() -> int:
    """Run the proof; the exit code is 0 when all bytes agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--family", default="text", choices=sorted(MODELS))
    parser.add_argument("--model", help="the first of the family's otherwise")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return prove(Path(name), options.kills, options.family, options.model or MODELS[options.family], options.seed)


@dataclass(frozen=True)
class Job:
    """A training to be killed: `seodang train FAMILY SOURCE FLAGS`."""

    family: str
    source: Path
    flags: list[str]

    @classmethod
    def written(cls, family: str, folder: Path, model: str, chance: random.Random) -> Job:
        """A training that takes some seconds, with its data."""
        if family == "agents":  # an environment is named, not written, and an epoch is a part of the training
            source, flags = WORLDS[model]
            return cls(family, Path(source), ["--model", model, "--episodes", "4", "--watched-episodes", "2", *flags.split()])
        chosen = WAYS[family][model] if family in WAYS else ["--model", model]
        flags = ["--preset", "smoke", *chosen, "--epochs", "4", "--batch-size", "8", "--patience", "none"]
        return cls(family, WRITERS[family](folder / family, chance), flags)


def prove(folder: Path, kills: int, family: str, model: str, seed: int) -> int:
    """Train once undisturbed, then `kills` times disturbed; returns the number of runs that differ."""
    chance = random.Random(seed)
    job = Job.written(family, folder, model, chance)
    process, run = start(job, folder / "reference")
    started = time.monotonic()
    finish(process)
    seconds = time.monotonic() - started
    expected = contents(run)
    wrong = 0
    for kill in range(1, kills + 1):
        run, moment = disturb(job, folder / f"killed-{kill}", seconds, chance)
        found = contents(run)
        differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        wrong += bool(differing)
        verdict = "differs in " + ", ".join(differing) if differing else f"{len(expected)} files equal, byte for byte"
        print(f"kill {kill:2d} of {kills}, {moment:.2f} s into the run: {verdict}", flush=True)
    print(f"{kills - wrong} of {kills} killed and resumed trainings equal the undisturbed one")
    return wrong


def disturb(job: Job, runs: Path, seconds: float, chance: random.Random) -> tuple[Path, float]:
    """Kill a training at a random moment and resume it to its end; gives the run and the moment.

    A training that was faster than the kill proves nothing, so another is started and killed earlier.
    """
    while True:
        process, run = start(job, runs)
        delay = chance.uniform(0, seconds)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if not (run / "evaluation.json").exists():
            resume = subprocess.Popen([*SEODANG, "resume", str(run), *OFTEN], stdout=subprocess.DEVNULL)
            finish(resume)
            return run, delay
        shutil.rmtree(runs)
        seconds = max(0.7 * delay, 0.05)


def start(job: Job, runs: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Begin the training under test; returns once its run folder is there, which is when a run can be resumed."""
    words = [*SEODANG, "train", job.family, str(job.source), "--runs", str(runs), *job.flags, *OFTEN]
    process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.DEVNULL)
    run = runs / f"{job.family}-1"
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
    path = path.with_suffix(".csv")
    path.write_text("\n".join(rows) + "\n")
    return path


def write_discs(folder: Path, chance: random.Random) -> Path:
    """Bright discs on grey, and where they are."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(PICTURES):
        image, mask = Image.new("L", (SIDE, SIDE), chance.randint(20, 90)), Image.new("L", (SIDE, SIDE))
        for _ in range(chance.randint(1, 4)):
            x, y, radius = chance.randint(0, SIDE), chance.randint(0, SIDE), chance.randint(5, 12)
            place = (x - radius, y - radius, x + radius, y + radius)
            ImageDraw.Draw(image).ellipse(place, fill=chance.randint(120, 250))
            ImageDraw.Draw(mask).ellipse(place, fill=255)
        image.save(folder / "images" / f"{number}.png")
        mask.save(folder / "masks" / f"{number}.png")
    return folder


def write_bars(folder: Path, chance: random.Random) -> Path:
    """Small images of a bar, lying or standing."""
    for number in range(80):
        kind = "lying" if number % 2 else "standing"
        (folder / kind).mkdir(parents=True, exist_ok=True)
        image, place = Image.new("L", (28, 28)), chance.randint(4, 20)
        box = (4, place, 24, place + 3) if number % 2 else (place, 4, place + 3, 24)
        ImageDraw.Draw(image).rectangle(box, fill=chance.randint(150, 255))
        image.save(folder / kind / f"{number:02}.png")
    return folder


def write_strips(folder: Path, chance: random.Random) -> Path:
    """Boxes to the left, and the same boxes round and bright to the right."""
    folder.mkdir()
    for number in range(STRIPS):
        strip = Image.new("RGB", (2 * SMALL_SIDE, SMALL_SIDE), (chance.randint(0, 40),) * 3)
        for _ in range(2):
            x, y, radius = chance.randint(0, SMALL_SIDE), chance.randint(0, SMALL_SIDE), chance.randint(3, 8)
            ImageDraw.Draw(strip).rectangle((x - radius, y - radius, min(x + radius, SMALL_SIDE - 1), y + radius), fill="blue")
            right = max(x - radius, 0) + SMALL_SIDE, y - radius, x + radius + SMALL_SIDE, y + radius
            ImageDraw.Draw(strip).ellipse(right, fill=(chance.randint(150, 250), 200, 90))
        strip.save(folder / f"{number}.png")
    return folder


MODELS = {
    "text": "cnn",
    "segmentation": "unet-small",
    "gan": "r3gan",
    "translation": "pairs",
    "faces": "cut-out",
    "agents": "ppo",
}
WORLDS = {
    "ppo": ("LunarLander-v3", "--steps 24000 --epochs 6 --environments 4 --horizon 100 --updates 2"),
    "dqn": ("CartPole-v1", "--steps 9000 --epochs 3 --warmup-steps 500"),
    "sac": ("Pendulum-v1", "--steps 3000 --epochs 3 --warmup-steps 300 --hidden 32 32"),
    "q-learning": ("FrozenLake-v1", "--steps 60000 --epochs 6"),
}
WAYS: dict[str, dict[str, list[str]]] = {
    "translation": {"pairs": [], "unpaired": ["--unpaired"]},
    "faces": {"cut-out": ["--no-cut", "--model", "cnn", "--side", "32"]},
}
"""Families whose models are not chosen by --model, and the flags that choose them."""
WRITERS: dict[str, Callable[[Path, random.Random], Path]] = {
    "text": write_reviews,
    "segmentation": write_discs,
    "gan": write_bars,
    "translation": write_strips,
    "faces": write_bars,
}


if __name__ == "__main__":
    sys.exit(min(main(), 1))
