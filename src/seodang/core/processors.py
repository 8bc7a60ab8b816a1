"""How many CPU threads this process may keep busy; without PyTorch, which takes a second to import."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_threads() -> int:
    """CPU threads that this process may keep busy: its affinity, cut to the cgroup's quota of CPU time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        membership = Path("/proc/self/cgroup").read_text()
    except OSError:  # not Linux
        membership = ""
    quota = cgroup_cpus(Path("/sys/fs/cgroup"), membership)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def cgroup_cpus(root: Path, membership: str) -> float | None:
    """CPUs' worth of time that the control groups of this process grant, or None without a limit.

    Args:
        root: Where control groups are mounted.
        membership: Text of /proc/self/cgroup: a line for version 2 ("0::/path"), one for each controller of version 1.
    """
    limits = []
    for line in membership.splitlines():
        number, controllers, path = line.split(":", 2)
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        mount = root if number == "0" else root / "cpu"
        inner = mount / path.lstrip("/")
        groups = (group for group in (inner, *inner.parents) if group.is_relative_to(mount))
        limits += [limit for group in groups if (limit := _cpu_limit(group)) is not None]
    return min(limits, default=None)


def _cpu_limit(group: Path) -> float | None:
    """What one control group grants: `cpu.max` in version 2, two files in version 1."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period"))
        except OSError:
            return None
    return None if quota in ("max", "-1") else int(quota) / int(period)
