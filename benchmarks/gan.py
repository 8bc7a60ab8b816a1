"""GANs beside the usual DCGAN, on the real MNIST digits, two cores, nothing else running.

    make benchmark-gan                                    # everything, an hour and a half
    python benchmarks/gan.py judges                       # rebuild the networks that measure, and compare their bytes
    python benchmarks/gan.py speed                        # images a second beside the usual eager f32 DCGAN of the same size
    python benchmarks/gan.py quality --seeds 3            # ten minutes each: ours and the usual DCGAN, by the same judge
    python benchmarks/gan.py conditional                  # ten minutes: digits as they were asked for

Every part prints a table and writes its figures to benchmarks/results/gan-<part>.json with the machine they were measured on.
Needs the data set `mnist` (SEODANG_MIRROR or a download).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn
from torch.nn import functional

import seodang
from figures import save, spread, table
from seodang.core.device import choose_device
from seodang.core.family import StageContext
from seodang.core.files import sha256, write_bytes
from seodang.core.run import RunFolder
from seodang.core.trainer import fit
from seodang.families.gan import judging
from seodang.families.gan.comparing import Distances, Reference
from seodang.families.gan.data import GanData, read_data
from seodang.families.gan.derive import prepare
from seodang.families.gan.family import FAMILY
from seodang.families.gan.making import as_bytes
from seodang.families.gan.settings import GanSettings
from seodang.families.gan.training import chosen, train_networks

LATENT_DIM = 100
BATCH_SIZE = 128
TIMED_STEPS = 30
SAMPLES = 10_000


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["judges", "speed", "quality", "conditional", "all"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--write", action="store_true", help="`judges`: put the rebuilt networks into the package")
    options = parser.parse_args()
    parts = {"judges": judges}
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
            work = judging.train_judge(role, prepared.preprocessing, *parts, device, judging.SHIPPED_EPOCHS)
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


def digits() -> GanData:
    """MNIST."""
    return read_data("mnist", GanSettings())


if __name__ == "__main__":
    main()
