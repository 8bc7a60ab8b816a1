"""Translation: facades from label maps to photos, and a step beside the usual pix2pix, on two cores, nothing else running.

    make benchmark-translation                            # everything, half an hour a seed
    python benchmarks/translation.py quality --seeds 1    # facades, label map to photo, 128 x 128, trained within 20 minutes
    python benchmarks/translation.py speed                # iterations a second beside the usual pix2pix of the same size

Every part prints a table and writes its figures to benchmarks/results/translation-<part>.json with the machine they were
measured on. `quality` needs the data set `facades` in SEODANG_MIRROR.
"""

from __future__ import annotations

import argparse
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
from seodang.core.trainer import Finished
from seodang.families.translation.adversarial import Rates
from seodang.families.translation.batches import ImageBatch
from seodang.families.translation.discriminator import PatchDiscriminator
from seodang.families.translation.paired import PairedLearner
from seodang.families.translation.training import on_device
from seodang.families.translation.unet import TranslationUNet, level_channels

SIDE = 128
STEPS, WARM_UP = 40, 5
MEASURES = ("l1", "psnr", "ssim", "perceptual", "kid")


def main() -> None:
    """Run one part, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["quality", "speed", "all"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=19.0, help="of training in `quality`; reading and measuring come on top"
    )
    parser.add_argument("--batch-size", type=int, default=1, help="of both sides in `speed`; the paper has 1")
    parser.add_argument("--base-channels", type=int, default=64, help="of both sides in `speed`; the paper has 64")
    options = parser.parse_args()
    parts = {"speed": speed, "quality": quality}
    for name, part in parts.items():
        if options.part in (name, "all"):
            save(f"translation-{name}", part(options))


class PlainDown(nn.Sequential):
    """A step down as people write it."""

    def __init__(self, before: int, after: int, *, first: bool = False, last: bool = False) -> None:
        layers: list[nn.Module] = [] if first else [nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=first or last))
        super().__init__(*layers, *([] if first or last else [nn.InstanceNorm2d(after)]))


class PlainUp(nn.Sequential):
    """A step up as people write it: a transposed convolution."""

    def __init__(self, before: int, after: int, *, dropout: bool) -> None:
        layers = [nn.ReLU(), nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.InstanceNorm2d(after)]
        super().__init__(*layers, *([nn.Dropout(0.5)] if dropout else []))


class PlainUNet(nn.Module):
    """pix2pix's generator with as many levels and channels as ours."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        last = len(channels) - 1
        ins = (3, *channels)
        self.down = nn.ModuleList(
            PlainDown(before, after, first=level == 0, last=level == last)
            for level, (before, after) in enumerate(zip(ins, channels, strict=False))
        )
        self.up = nn.ModuleList(
            PlainUp(channels[level] * (1 if level == last else 2), channels[level - 1], dropout=last - level < 3)
            for level in range(last, 0, -1)
        )
        self.draw = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * channels[0], 3, 4, 2, 1), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Answers."""
        skips = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.up:
            x = torch.cat([up(x), skips.pop()], 1)
        answer: Tensor = self.draw(x)
        return answer


def plain_discriminator(base: int) -> nn.Sequential:
    """pix2pix's discriminator of 70 x 70 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(6, base, 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after, stride in ((base, 2 * base, 2), (2 * base, 4 * base, 2), (4 * base, 8 * base, 1)):
        layers += [nn.Conv2d(before, after, 4, stride, 1, bias=False), nn.InstanceNorm2d(after), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * base, 1, 4, 1, 1))


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Iterations a second, in turns, so that a machine that slows down slows both."""
    torch.manual_seed(0)
    sources, targets = (torch.rand(2, options.batch_size, 3, SIDE, SIDE) * 2 - 1).unbind()
    sides = {
        "eager f32": eager_step(sources, targets, options.base_channels),
        "ours, f32": our_step(sources, targets, options.base_channels, "f32"),
        "ours, as shipped": our_step(sources, targets, options.base_channels, "auto"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(WARM_UP + STEPS):
        for name, step in sides.items():
            started = time.perf_counter()
            step()
            if number >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    found = {name: 1 / statistics.median(some) for name, some in seconds.items()}
    rows = [[name, f"{rate:.2f}", f"{rate / found['eager f32']:.2f}"] for name, rate in found.items()]
    table(["side", "iterations/s", "times eager f32"], rows)
    return {"batch_size": options.batch_size, "base_channels": options.base_channels, "iterations_per_second": found}


def eager_step(sources: Tensor, targets: Tensor, base: int) -> Callable[[], None]:
    """A step of the usual loop: f32, as layers and optimizers come out of the box."""
    generator, discriminator = PlainUNet(level_channels(base, 5)), plain_discriminator(base)
    entropy = functional.binary_cross_entropy_with_logits
    optimizers = [torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, discriminator)]

    def step() -> None:
        made = generator(sources)
        discriminator.requires_grad_(True)
        optimizers[1].zero_grad()
        of_made = discriminator(torch.cat([sources, made.detach()], 1))
        of_real = discriminator(torch.cat([sources, targets], 1))
        wrong = entropy(of_made, torch.zeros_like(of_made)) + entropy(of_real, torch.ones_like(of_real))
        (wrong / 2).backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        optimizers[0].zero_grad()
        judged = discriminator(torch.cat([sources, made], 1))
        loss = entropy(judged, torch.ones_like(judged)) + 100 * functional.l1_loss(made, targets)
        loss.backward()
        optimizers[0].step()
        loss.item()

    return step


def our_step(sources: Tensor, targets: Tensor, base: int, precision: str) -> Callable[[], None]:
    """A step as `seodang train` takes it, with everything it checks and averages."""
    device = choose_device("cpu", precision)
    generator = on_device(TranslationUNet(3, 3, level_channels(base, 5), 0.5), device)
    learner = PairedLearner(
        generator,
        on_device(PatchDiscriminator(6, base, 3), device),
        torch.zeros(3, SIDE, SIDE),
        Rates(learning_rate=2e-4, weight_decay=0.0, clip_norm=None, adversarial_weight=1.0),
        device,
        l1_weight=100.0,
    )
    batch = ImageBatch(*(one.contiguous(memory_format=torch.channels_last) for one in (sources, targets)))

    def step() -> None:
        learner.update(batch)["generator_loss"].item()

    return step


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Test measures on facades beside both yardsticks, and wall-clock minutes from the start to the trained model."""
    found: dict[str, list[Any]] = {name: [] for name in (*MEASURES, "minutes_to_the_model", "minutes_all_told", "yardsticks")}
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch()
            settings = {"direction": "b-to-a", "resize": SIDE, "minutes": options.minutes, "seed": seed}
            run = seodang.train("translation", "facades", runs=folder, observers=[watch], **settings)
            found["minutes_to_the_model"].append(watch.trained / 60)
            found["minutes_all_told"].append((time.monotonic() - watch.started) / 60)
            evaluation = run.evaluation
        for name in MEASURES:
            found[name].append(evaluation["measures"][name]["value"])
        beside = evaluation["tables"]["yardsticks"]
        found["yardsticks"].append({row[0]: dict(zip(beside["headers"][1:], row[1:], strict=True)) for row in beside["rows"]})
        print(f"seed {seed}, {watch.steps:,} steps")
        table(
            ["", *MEASURES],
            [[what, *(f"{row[name]:.4f}" for name in MEASURES)] for what, row in found["yardsticks"][-1].items()],
        )
        save("translation-quality", found)
    rows = [[name, spread(values)] for name, values in found.items() if name != "yardsticks"]
    table(["measure", f"{options.seeds} seeds"], rows)
    for name in ("l1", "kid"):
        bars = [min(row["input itself"][name], row["mean target"][name]) for row in found["yardsticks"]]
        ahead = sum(value < bar for value, bar in zip(found[name], bars, strict=True))
        print(f"{name}: ahead of both yardsticks in {ahead} of {options.seeds} seeds")
    return found


class Watch:
    """Notes when training has ended and measuring begins, and after how many steps."""

    def __init__(self) -> None:
        self.started, self.trained, self.steps = time.monotonic(), 0.0, 0

    def __call__(self, event: object) -> None:
        if isinstance(event, Finished):
            self.trained, self.steps = time.monotonic() - self.started, event.step


if __name__ == "__main__":
    main()
