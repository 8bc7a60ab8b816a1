"""Where to compute is chosen with a reason, and what the user asks for is given or refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from seodang.core import device, processors
from seodang.core.device import Device, choose_device, cpu_features, environment
from seodang.core.errors import SettingsError
from seodang.core.processors import cgroup_cpus, usable_threads
from seodang.core.seeds import mix


@pytest.fixture(autouse=True)
def threads_as_before() -> object:
    """Choosing a device sets the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_version_2_quota(tmp_path: Path) -> None:
    write(tmp_path / "cpu.max", "150000 100000\n")
    assert cgroup_cpus(tmp_path, "0::/\n") == 1.5
    write(tmp_path / "cpu.max", "max 100000\n")
    assert cgroup_cpus(tmp_path, "0::/\n") is None


def test_the_tightest_group_above_the_process_decides(tmp_path: Path) -> None:
    write(tmp_path / "user.slice/cpu.max", "200000 100000\n")
    write(tmp_path / "user.slice/job.scope/cpu.max", "400000 100000\n")
    write(tmp_path / "other.slice/cpu.max", "100000 100000\n")
    assert cgroup_cpus(tmp_path, "0::/user.slice/job.scope\n") == 2.0


def test_version_1_quota(tmp_path: Path) -> None:
    membership = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n"
    write(tmp_path / "cpu/cpu.cfs_quota_us", "50000\n")
    write(tmp_path / "cpu/cpu.cfs_period_us", "100000\n")
    assert cgroup_cpus(tmp_path, membership) == 0.5
    write(tmp_path / "cpu/cpu.cfs_quota_us", "-1\n")
    assert cgroup_cpus(tmp_path, membership) is None


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup_cpus(tmp_path, "") is None
    assert cgroup_cpus(tmp_path / "missing", "0::/a/b\n") is None


@pytest.mark.parametrize(("quota", "count"), [(None, 4), (1.5, 2), (0.5, 1), (64.0, 4)])
def test_threads_respect_affinity_and_quota(quota: float | None, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(processors, "cgroup_cpus", lambda root, membership: quota)
    assert usable_threads() == count


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_denormals_are_flushed_in_every_thread(threads: int) -> None:
    """Each takes a hundred cycles: a recurrent network's gradients are full of them."""

    def left(elements: int = 1_000_000) -> int:
        return int((torch.full((elements,), 1e-39) * 1.0).view(torch.int32).count_nonzero())

    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    assert left(100) == 100  # too few for a second thread: those may still flush, from a kernel that ran before
    place = choose_device("cpu", threads=threads)
    assert left() == 0

    counts: list[int] = []

    def elsewhere() -> None:
        torch.set_flush_denormal(False)  # a thread that did not inherit the flag, as on other systems
        with place.autocast():
            counts.append(left())

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert counts == [0]


@pytest.mark.parametrize(
    ("features", "precision", "why"),
    [
        (("avx2", "avx512_bf16", "amx_bf16"), "bf16", "the CPU has amx_bf16"),
        (("avx512f", "avx512_bf16"), "bf16", "the CPU has avx512_bf16"),
        (("avx2", "avx512f"), "f32", "the CPU has no fast bf16"),
        ((), "f32", "the CPU has no fast bf16"),
    ],
)
def test_bf16_where_the_cpu_is_fast_at_it(
    features: tuple[str, ...], precision: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "cpu_features", lambda: features)
    chosen = choose_device("cpu", threads=1)
    assert chosen.precision == precision and chosen.reason == f"as asked; {why}"
    assert str(chosen) == f"cpu, {precision}, 1 thread (as asked; {why})"
    assert choose_device("cpu", "f32", 2).precision == "f32"


def test_autocast_computes_in_the_precision() -> None:
    ones = torch.ones(4, 4)
    for precision, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        with Device("cpu", precision, 1, "").autocast():
            assert (ones @ ones).dtype == dtype


def test_what_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="device cuda is not there: PyTorch sees no such device on this machine"):
        choose_device("cuda")
    with pytest.raises(SettingsError, match="device must be auto, cpu, cuda or mps, got 'gpu'"):
        choose_device("gpu")
    with pytest.raises(SettingsError, match="precision must be auto, f32 or bf16, got 'f16'"):
        choose_device("cpu", "f16")
    for threads in (0, -1):
        with pytest.raises(SettingsError, match=f"threads must be at least 1, got {threads}"):
            choose_device("cpu", threads=threads)


def test_seeds_are_mixed_the_same_everywhere() -> None:
    assert mix(0, "train", 1) == mix(0, "train", 1) != mix(0, "train", 2)
    assert mix(1, 23) != mix(12, 3)
    assert 0 <= mix(5) < 2**63


def test_environment_says_what_decides_the_bytes() -> None:
    found = environment(Device("cpu", "f32", 2, "no GPU found"))
    assert found["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert (found["device"], found["precision"], found["threads"]) == ("cpu", "f32", 2)
    assert found["cpu_features"] == list(cpu_features())


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_freed_memory_stays_for_the_next_step() -> None:
    """In a process of its own, whose allocator has served nobody else: 20,000 pages, faulted in while its heap grows."""
    script = """
import resource, torch
from seodang.core.device import choose_device
choose_device("cpu", "f32", threads=1)
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(5_000_000) for _ in range(4)]
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert int(printed) < 1000
