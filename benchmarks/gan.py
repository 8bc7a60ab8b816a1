"""GANs beside the usual DCGAN, on the real MNIST digits, two cores, nothing else running.

    make benchmark-gan                                    # everything, an hour and a half
    python benchmarks/gan.py judges                       # rebuild the networks that measure, and compare their bytes
    python benchmarks/gan.py speed                        # images a second beside the usual eager f32 DCGAN of the same size
    python benchmarks/gan.py quality --seeds 3            # ten minutes each: ours and the usual DCGAN, by the same judge
    python benchmarks/gan.py unconditional                # ten minutes each: ours without being told the classes

Every part prints a table and writes its figures to benchmarks/results/gan-<part>.json with the machine they were measured on.
Needs the data set `mnist` (SEODANG_MIRROR or a download).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.core.family import StageContext
from seodang.core.files import sha256, write_bytes
from seodang.core.learner import Work
from seodang.core.run import RunFolder
from seodang.core.trainer import fit
from seodang.families.gan import judging
from seodang.families.gan.comparing import Reference
from seodang.families.gan.data import GanData, read_data
from seodang.families.gan.derive import prepare
from seodang.families.gan.making import as_bytes
from seodang.families.gan.model import build_networks
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import chosen, train_networks

LATENT_DIM = 100
BATCH_SIZE = 128
TURNS, STEPS_OF_A_TURN = 6, 16  # a penalty falls due once in as many steps
SAMPLES = 10_000
CPU = torch.device("cpu")
PREPROCESSING = {"size": 28, "channels": 1, "class_names": list("0123456789")}
OURS = (("r3gan", "r3gan", "auto"), ("r3gan in f32", "r3gan", "f32"), ("dcgan", "dcgan", "auto"))


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["judges", "speed", "quality", "unconditional", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--write", action="store_true", help="`judges`: put the rebuilt networks into the package")
    options = parser.parse_args()
    parts = {"judges": judges, "speed": speed, "quality": quality, "unconditional": unconditional}
    for name, part in parts.items():
        if options.part in (name, "all"):
            save(f"gan-{name}", part(options))


def judges(options: argparse.Namespace) -> dict[str, Any]:
    """Train both judges on MNIST as they were trained for the package, on one thread in f32; how many digits they get right."""
    device, data = choose_device("cpu", "f32", 1), digits()
    prepared = prepare(data, GanSettings())
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for role, checksum in judging.CHECKSUMS.items():
            parts = (data.train, data.test)
            work = judging.train_judge(
                role, prepared.preprocessing, *parts, device, judging.SHIPPED_STEPS, judging.SHIPPED_EPOCHS
            )
            run = RunFolder.create(Path(folder), "judge")
            for _ in fit(role, work, run, checkpoint_seconds=1e9):
                pass
            weights = {name.removeprefix("modules/network/"): value for name, value in run.stage_weights(role).items()}
            path = Path(folder) / f"mnist-{role}.safetensors"
            write_bytes(path, safetensors_bytes(weights))
            if options.write:
                write_bytes(judging.SHIPPED / path.name, path.read_bytes())
            accuracy = max(row["accuracy"] for row in run.rows("metrics.jsonl") if "accuracy" in row)
            found[role] = {"accuracy": accuracy, "sha256": sha256(path), "as in the package": sha256(path) == checksum}
    rows = [[role, f"{one['accuracy']:.4f}", one["sha256"], one["as in the package"]] for role, one in found.items()]
    table(["judge", "test digits right", "sha256", "as in the package"], rows)
    return found


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Images a second of whole training steps, in turns, so that a machine that slows down slows all of them."""
    data = digits()
    ours = {name: our_steps(data, {"model": model}, precision) for name, model, precision in OURS}
    sizes = {name: count(work.learner.generator, work.learner.discriminator) for name, (work, _) in ours.items()}
    usual = {name: UsualDcgan(size) for name, size in sizes.items()}
    steps: dict[str, Callable[[], None]] = {}
    for name, (_, step) in ours.items():
        steps[name] = step
        steps[f"usual DCGAN as large as {name}"] = usual_step(usual[name], data)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS):
        for name, step in steps.items():
            started = time.perf_counter()
            for _ in range(STEPS_OF_A_TURN):
                step()
            if turn:  # the first finds its memory
                seconds[name].append(time.perf_counter() - started)
    images = BATCH_SIZE * STEPS_OF_A_TURN
    rates = {name: images / statistics.median(found) for name, found in seconds.items()}
    result = {}
    for name, size in sizes.items():
        peer = usual[name]
        usual_rate = rates[f"usual DCGAN as large as {name}"]
        result[name] = {
            "parameters": size,
            "images/s": rates[name],
            "usual parameters": count(peer.generator, peer.discriminator),
            "usual images/s": usual_rate,
            "times": rates[name] / usual_rate,
        }
    names = ("parameters", "images/s", "usual parameters", "usual images/s")
    rows = [[name, *(f"{one[key]:,.0f}" for key in names), f"{one['times']:.2f}"] for name, one in result.items()]
    table(["ours", *names, "times"], rows)
    return result


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Ours and the usual DCGAN after as many minutes, measured by the same judge on the same images."""
    result: dict[str, Any] = {"minutes": options.minutes, "ours": [], "usual": [], "scale": {}}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            run = seodang.train("gan", "mnist", runs=folder, minutes=options.minutes, seed=seed)
            minutes = (time.monotonic() - started) / 60
            found = run.evaluation
            alarms = sum(len(row.get("alarms", ())) for row in run.folder.rows("metrics.jsonl"))
            measured = {name: one["value"] for name, one in found["measures"].items()}
        result["ours"].append({**measured, "minutes": minutes, "alarms": alarms})
        result["scale"] = {row[0]: row[1] for row in found["tables"]["distances"]["rows"][1:]}
        result["usual"].append(train_usual(options.minutes, seed))
        print(f"seed {seed}: {result['ours'][-1]}, usual {result['usual'][-1]}", flush=True)
        save("gan-quality", result)
    names = ("fid", "precision", "recall", "variety")
    table(["measure", "ours"], [[name, spread([one[name] for one in result["ours"]])] for name in result["ours"][0]])
    table(["", *names], [[who, *(spread([one[name] for one in result[who]]) for name in names)] for who in ("ours", "usual")])
    table(["images", "FID"], [[name, f"{value:.2f}"] for name, value in result["scale"].items()])
    return result


def unconditional(options: argparse.Namespace) -> dict[str, Any]:
    """The same without being told the classes, as the usual DCGAN is not."""
    found = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            run = seodang.train("gan", "mnist", runs=folder, minutes=options.minutes, seed=seed, conditional=False)
            found.append({name: one["value"] for name, one in run.evaluation["measures"].items()})
            print(f"unconditional, seed {seed}: {found[-1]}", flush=True)
            save("gan-unconditional", {"minutes": options.minutes, "runs": found})
    table(["measure", "mean"], [[name, spread([one[name] for one in found])] for name in found[0]])
    return {"minutes": options.minutes, "runs": found}


class UsualDcgan:
    """The DCGAN that everyone begins with: PyTorch as it comes, f32, batch normalisation, Adam at 0.0002, binary cross-entropy.

    Radford et al. 2016, arXiv:1511.06434, at 28 x 28 pixels: 7 x 7, 14 x 14, 28 x 28.

    Args: parameters: About how many both networks together shall have.
    """

    def __init__(self, parameters: int) -> None:
        base = min(range(8, 129, 4), key=lambda base: abs(count(*usual_networks(base)) - parameters))
        self.generator, self.discriminator = usual_networks(base)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.discriminator, self.generator)
        ]
        self.cross_entropy = nn.BCEWithLogitsLoss()

    def step(self, images: Tensor) -> None:
        """One step of each network, as in PyTorch's own tutorial."""
        ones, zeros = torch.ones(len(images)), torch.zeros(len(images))
        self.optimizers[0].zero_grad()
        self.cross_entropy(self.discriminator(images).flatten(), ones).backward()
        fakes = self.generator(torch.randn(len(images), LATENT_DIM, 1, 1))
        self.cross_entropy(self.discriminator(fakes.detach()).flatten(), zeros).backward()
        self.optimizers[0].step()
        self.optimizers[1].zero_grad()
        self.cross_entropy(self.discriminator(fakes).flatten(), ones).backward()
        self.optimizers[1].step()


def usual_networks(base: int) -> tuple[nn.Module, nn.Module]:
    """Generator and discriminator, with weights drawn as in the paper."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(LATENT_DIM, 2 * base, 7, bias=False), nn.BatchNorm2d(2 * base), nn.ReLU(True),
        nn.ConvTranspose2d(2 * base, base, 4, 2, 1, bias=False), nn.BatchNorm2d(base), nn.ReLU(True),
        nn.ConvTranspose2d(base, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Conv2d(1, base, 4, 2, 1), nn.LeakyReLU(0.2, True),
        nn.Conv2d(base, 2 * base, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * base), nn.LeakyReLU(0.2, True),
        nn.Conv2d(2 * base, 1, 7),
    )  # fmt: skip
    for layer in (*generator, *discriminator):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return generator, discriminator


def train_usual(minutes: float, seed: int) -> dict[str, float]:
    """The usual DCGAN of our size for as many minutes, then measured as ours is."""
    device, data = choose_device("cpu", "f32"), digits()
    settings = prepare(data, GanSettings()).settings
    torch.manual_seed(seed)
    usual = UsualDcgan(count(*build_networks(settings, PREPROCESSING, CPU)))
    step, until, steps = usual_step(usual, data), time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until:
        step()
        steps += 1
    reporting = judging.load_judges(settings, PREPROCESSING, {}, device).reporting
    reference = Reference(reporting, chosen(data.train.images, 2 * SAMPLES, "halves")[:SAMPLES], device)
    usual.generator.eval()
    with torch.inference_mode():
        made = torch.cat([as_bytes(usual.generator(torch.randn(250, LATENT_DIM, 1, 1))) for _ in range(SAMPLES // 250)])
    distances = reference.distances(reference.see(made).features)
    return {**{name: float(value) for name, value in vars(distances).items()}, "steps": steps}


def usual_step(usual: UsualDcgan, data: GanData) -> Callable[[], None]:
    """A step on images drawn at random."""

    def step() -> None:
        rows = torch.randint(len(data.train.images), (BATCH_SIZE,))
        usual.step(data.train.images[rows].float() / 127.5 - 1)

    return step


def our_steps(data: GanData, settings: dict[str, Any], precision: str) -> tuple[Work, Callable[[], None]]:
    """Our own training, as the family builds it, and a step of it."""
    given = GanSettings.from_flat({**settings, "epochs": 1, "batch_size": BATCH_SIZE, "watched_samples": 50})
    prepared, device = prepare(data, given), choose_device("cpu", precision)
    work = train_networks(StageContext(prepared.settings, prepared.preprocessing, data, device, {}))
    plan = iter(cycle(work.source.plan(0, 0)))

    def step() -> None:
        work.learner.update(work.source.batch(next(plan)))

    return work, step


def count(*networks: nn.Module) -> int:
    """Parameters of all of them."""
    return sum(parameter.numel() for network in networks for parameter in network.parameters())


def digits() -> GanData:
    """MNIST."""
    return read_data("mnist", GanSettings())


if __name__ == "__main__":
    main()
