"""Segmentation beside an eager PyTorch U-Net, on two cores, nothing else running.

    make benchmark-segmentation                           # everything, an hour
    python benchmarks/segmentation.py speed               # training images a second of the U-Net with 64 to 512 channels
    python benchmarks/segmentation.py quality --seeds 3   # dsb2018: Dice and IoU of unet-small, trained within ten minutes
    python benchmarks/segmentation.py predict             # megapixels a second: PyTorch, ONNX Runtime, OpenVINO
    python benchmarks/segmentation.py augmentation        # pieces a second beside kornia's, and whether cores wait for them

Every part prints a table and writes its figures to benchmarks/results/segmentation-<part>.json with the machine they were
measured on. Needs the data set `dsb2018` (SEODANG_MIRROR or a download) but for `speed`; `augmentation` needs kornia, as in
benchmarks/requirements.txt.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.core.family import StageContext
from seodang.core.learner import Work
from seodang.core.trainer import Finished
from seodang.families.segmentation.data import read_data
from seodang.families.segmentation.derive import prepare
from seodang.families.segmentation.difficulty import Difficulty
from seodang.families.segmentation.learner import SegmentationLearner
from seodang.families.segmentation.patches import Cut, PatchBatch, PatchSource
from seodang.families.segmentation.settings import SegmentationSettings
from seodang.families.segmentation.training import fast_network, train_network
from seodang.families.segmentation.unet import UNet, level_channels

SIDE, CHANNELS = 256, (64, 128, 256, 512)
STEPS, WARM_UP = 8, 2
MANY_STEPS = 60


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["speed", "quality", "predict", "augmentation", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--minutes", type=float, default=9.2, help="of training in `quality`; reading and measuring come on top"
    )
    parser.add_argument("--batch-size", type=int, default=4, help="of both sides in `speed`")
    options = parser.parse_args()
    parts = {"speed": speed, "quality": quality, "predict": predict, "augmentation": augmentation}
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
    difficulty = Difficulty(len(images), 1.0, device.torch)
    learner = SegmentationLearner(network, 1e-3, 1e-4, device, 1.0, None, difficulty)
    batch = PatchBatch(images.to(memory_format=torch.channels_last), classes.to(torch.uint8), torch.arange(len(images)))

    def step() -> None:
        learner.update(batch)["loss"].item()

    return step


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Test measures on dsb2018, and wall-clock minutes from the start to the trained model and to the measures."""
    names = ("dice", "iou", "boundary_f", "minutes_to_the_model", "minutes_all_told", "yardstick_dice")
    found: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch()
            settings = {"model": "unet-small", "minutes": options.minutes, "seed": seed}
            run = seodang.train("segmentation", "dsb2018", runs=folder, observers=[watch], **settings)
            found["minutes_to_the_model"].append(watch.trained / 60)
            found["minutes_all_told"].append((time.monotonic() - watch.started) / 60)
            evaluation = run.evaluation
        for name in ("dice", "iou", "boundary_f"):
            found[name].append(evaluation["measures"][name]["value"])
        found["yardstick_dice"].append(evaluation["yardstick"]["dice"]["value"])
        print(f"seed {seed}: " + ", ".join(f"{name} {values[-1]:.4f}" for name, values in found.items()), flush=True)
        save("segmentation-quality", found)
    table(["measure", f"{options.seeds} seeds"], [[name, spread(values)] for name, values in found.items()])
    return found


class Watch:
    """Notes when training has ended and measuring begins."""

    def __init__(self) -> None:
        self.started, self.trained = time.monotonic(), 0.0

    def __call__(self, event: object) -> None:
        if isinstance(event, Finished):
            self.trained = time.monotonic() - self.started


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


def augmentation(options: argparse.Namespace) -> dict[str, Any]:
    """Pieces a second of our augmentation and of kornia's, and training steps that wait for their pieces or do not."""
    work = training_work()
    source, learner = work.source, work.learner
    plan = source.plan(0, 0)
    for cut in plan[:WARM_UP]:
        learner.update(source.batch(cut))
    rates = {"ours": pieces_a_second(lambda number: source._cut(plan[number]), source.batch_size)}
    crops = [source._cut(cut) for cut in plan[:STEPS]]
    images = [torch.from_numpy(one).permute(0, 3, 1, 2).contiguous() for one, _ in crops]
    masks = [torch.from_numpy(one).unsqueeze(1).float() for _, one in crops]

    def changed(change: Callable[..., object], number: int) -> object:
        return change(images[number % STEPS], masks[number % STEPS])

    for name, bending in (("kornia", True), ("kornia, without bending", False)):
        rates[name] = pieces_a_second(partial(changed, kornia_augmentation(bending)), source.batch_size)
    table(["augmentation", "pieces/s"], [[name, f"{rate:.0f}"] for name, rate in rates.items()])
    ready = in_line(source, plan[0])
    ways: dict[str, Callable[[int], PatchBatch]] = {
        "the same pieces again": lambda number: ready,
        "cut before each step": lambda number: in_line(source, plan[number]),
        "cut while the step before is taken": lambda number: source.batch(plan[number]),
    }
    steps: dict[str, dict[str, float]] = {}
    for name, batch in ways.items():
        learner.update(batch(0))
        started, busy = time.perf_counter(), time.process_time()
        for number in range(1, MANY_STEPS + 1):
            learner.update(batch(number))["loss"].item()
        wall = time.perf_counter() - started
        share = (time.process_time() - busy) / wall / torch.get_num_threads()
        steps[name] = {"milliseconds": 1000 * wall / MANY_STEPS, "cores_busy": share}
    rows = [[name, f"{row['milliseconds']:.0f}", f"{row['cores_busy']:.0%}"] for name, row in steps.items()]
    table(["pieces", "ms a step", "cores busy"], rows)
    return {"pieces_per_second": rates, "steps": steps}


def training_work() -> Work:
    """What `seodang train segmentation dsb2018` would train."""
    settings = SegmentationSettings()
    images, device = read_data("dsb2018", settings), choose_device("cpu", "auto")
    prepared = prepare(images, settings)
    return train_network(StageContext(prepared.settings, prepared.preprocessing, images, device, {}))


def in_line(source: PatchSource, cut: Cut) -> PatchBatch:
    """A batch that was not cut ahead, and with nothing cut ahead behind it."""
    source.planned = []
    return source.batch(cut)


def pieces_a_second(make: Callable[[int], object], pieces: int) -> float:
    """Of batches made one after the other."""
    for number in range(WARM_UP):
        make(number)
    started = time.perf_counter()
    for number in range(MANY_STEPS):
        make(number)
    return MANY_STEPS * pieces / (time.perf_counter() - started)


def kornia_augmentation(bending: bool) -> Callable[..., object]:
    """The same changes, of images and masks together, on pieces that were cut already.

    Its bending blurs a field of random moves as it comes, which costs more than our splines.
    """
    from kornia import augmentation as changes

    elastic = [changes.RandomElasticTransform(p=1)] if bending else []
    return changes.AugmentationSequential(
        changes.RandomHorizontalFlip(),
        changes.RandomVerticalFlip(),
        changes.RandomAffine(degrees=180, scale=(1 / 1.4, 1.4), p=1),
        *elastic,
        changes.RandomBrightness((0.8, 1.2), p=1),
        changes.RandomContrast((0.8, 1.2), p=1),
        changes.RandomGaussianNoise(std=0.05, p=1),
        data_keys=["input", "mask"],
    )


if __name__ == "__main__":
    main()
