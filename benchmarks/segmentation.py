"""Segmentation beside an eager PyTorch U-Net, on two cores, nothing else running.

    make benchmark-segmentation                           # everything, an hour
    python benchmarks/segmentation.py speed               # training images a second of the U-Net with 64 to 512 channels
    python benchmarks/segmentation.py quality --seeds 3   # dsb2018: Dice and IoU of unet-small in ten minutes all told
    python benchmarks/segmentation.py predict             # megapixels a second: PyTorch, ONNX Runtime, OpenVINO

Every part prints a table and writes its figures to benchmarks/results/segmentation-<part>.json with the machine they were
measured on. Needs the data set `dsb2018` (SEODANG_MIRROR or a download) but for `speed`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.families.segmentation.data import read_data
from seodang.families.segmentation.learner import SegmentationLearner
from seodang.families.segmentation.patches import PatchBatch
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.training import fast_network
from seodang.families.segmentation.unet import UNet, level_channels

SIDE, CHANNELS = 256, (64, 128, 256, 512)
STEPS, WARM_UP = 8, 2


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "quality", "predict", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--minutes", type=float, default=7.5, help="of training in `quality`; reading and measuring come on top"
    )
    parser.add_argument("--batch-size", type=int, default=4, help="of both sides in `speed`")
    options = parser.parse_args()
    parts = {"speed": speed, "quality": quality, "predict": predict}
    for name, part in parts.items():
        if options.part in (name, "all"):
            save(f"segmentation-{name}", part(options))


class PlainUNet(nn.Module):
    """The same network as people write it: modules of two convolutions, pooling, transposed convolutions, concatenation."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        ins, bottom = (in_channels, *CHANNELS), CHANNELS[-1]
        self.down = nn.ModuleList(self.double(before, after) for before, after in itertools.pairwise(ins))
        self.pool = nn.MaxPool2d(2)
        self.bottom = self.double(bottom, bottom)
        below = (*CHANNELS[1:], bottom)
        self.lift = nn.ModuleList(nn.ConvTranspose2d(b, c, 2, stride=2) for b, c in zip(below, CHANNELS, strict=True))
        self.up = nn.ModuleList(self.double(2 * c, c) for c in CHANNELS)
        self.out = nn.Conv2d(CHANNELS[0], out_channels, 1)

    @staticmethod
    def double(before: int, after: int) -> nn.Sequential:
        """Convolution, normalisation, ReLU; twice."""
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for lift, block, skip in zip(reversed(self.lift), reversed(self.up), reversed(skips), strict=True):
            x = block(torch.cat([skip, lift(x)], 1))
        return self.out(x)


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Training images a second, in turns, so that a machine that slows down slows both."""
    torch.manual_seed(0)
    images = torch.randn(options.batch_size, 3, SIDE, SIDE)
    classes = torch.randint(0, 2, (options.batch_size, SIDE, SIDE))
    sides = {
        "eager f32": eager_step(images, classes),
        "ours, f32": our_step(images, classes, "f32"),
        "ours, as shipped": our_step(images, classes, "auto"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(WARM_UP + STEPS):
        for name, step in sides.items():
            started = time.perf_counter()
            step()
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    found = {name: options.batch_size / statistics.median(some) for name, some in seconds.items()}
    table(
        ["side", "images/s", "times eager f32"],
        [[name, f"{rate:.2f}", f"{rate / found['eager f32']:.2f}"] for name, rate in found.items()],
    )
    return {"batch_size": options.batch_size, "images_per_second": found}


def eager_step(images: Tensor, classes: Tensor) -> Callable[[], None]:
    """A step of the usual loop: f32, as layers and optimizer come out of the box."""
    network = PlainUNet(3, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    targets = classes.float().unsqueeze(1)

    def step() -> None:
        optimizer.zero_grad()
        logits = network(images)
        chances = torch.sigmoid(logits)
        dice = 1 - 2 * (chances * targets).sum() / (chances.sum() + targets.sum() + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, targets) + dice
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def our_step(images: Tensor, classes: Tensor, precision: str) -> Callable[[], None]:
    """A step as `seodang train` takes it, with everything it checks."""
    device = choose_device("cpu", precision)
    network = fast_network(UNet(3, 1, level_channels(CHANNELS[0], len(CHANNELS))), device)
    learner = SegmentationLearner(network, 1e-3, 1e-4, device, 1.0, None)
    batch = PatchBatch(images.to(memory_format=torch.channels_last), classes.to(torch.uint8))

    def step() -> None:
        learner.update(batch)["loss"].item()

    return step


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Test measures on dsb2018 and wall-clock minutes all told: reading, training, measuring."""
    found: dict[str, list[float]] = {name: [] for name in ("dice", "iou", "boundary_f", "minutes", "yardstick_dice")}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            run = seodang.train("segmentation", "dsb2018", runs=folder, model="unet-small", minutes=options.minutes, seed=seed)
            found["minutes"].append((time.monotonic() - started) / 60)
            evaluation = run.evaluation
        for name in ("dice", "iou", "boundary_f"):
            found[name].append(evaluation["measures"][name]["value"])
        found["yardstick_dice"].append(evaluation["yardstick"]["dice"]["value"])
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.4f}" for name, values in found.items()), flush=True)
        save("segmentation-quality", found)
    table(["measure", f"{options.seeds} seeds"], [[name, spread(values)] for name, values in found.items()])
    return found


def predict(options: argparse.Namespace) -> dict[str, Any]:
    """Megapixels a second of unet-small on every fourth test image of dsb2018, one reading and four mirrored ones."""
    images = read_data("dsb2018", SegmentationSettings())
    pictures = [images.picture(seen)[0] for seen in images.parts["test"][::4]]
    megapixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures) / 1e6
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = seodang.train("segmentation", "dsb2018", runs=folder, model="unet-small", steps=4)
        run.export()
        for name, engine, precision in (
            ("torch f32", "torch", "f32"),
            ("torch bf16", "torch", "bf16"),
            ("onnx", "onnx", "f32"),
            ("openvino", "openvino", "f32"),
        ):
            found[name] = {}
            for mirror in (False, True):
                predictor = seodang.load(run.path, engine=engine, precision=precision, mirror=mirror).predictor
                predictor.segmenter.classes(pictures[0])
                started = time.perf_counter()
                for picture in pictures:
                    predictor.segmenter.classes(picture)
                found[name]["mirrored four ways" if mirror else "one reading"] = megapixels / (time.perf_counter() - started)
    columns = ["one reading", "mirrored four ways"]
    table(["engine", *columns], [[name, *(f"{row[column]:.2f} MP/s" for column in columns)] for name, row in found.items()])
    return {"megapixels": megapixels, "megapixels_per_second": found}


if __name__ == "__main__":
    main()
