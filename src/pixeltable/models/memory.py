"""How much memory is left, of the machine's or of the container's, and giving back what is not needed any more."""

import ctypes
import gc
import sys
from pathlib import Path

from pixeltable.lazy import psutil

_CGROUP = Path("/sys/fs/cgroup")


def free_share(cgroup: Path = _CGROUP) -> float:
    """The share of memory that new data may take, from 0 to 1; the smaller one of machine and container.

    Source:
        `memory.max`, `memory.current` and `memory.stat` in the Linux kernel's Documentation/admin-guide/cgroup-v2.rst.
    """
    machine = psutil.virtual_memory()
    shares = [machine.available / machine.total]
    container = _container_share(cgroup)
    if container is not None:
        shares.append(container)
    return max(0.0, min(shares))


def _container_share(cgroup: Path) -> float | None:
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        stat = (cgroup / "memory.stat").read_text().split()
    except (OSError, ValueError):
        return None  # no such control group, or one without a limit, which says "max"
    # Pages of files that nobody uses are counted, though the kernel gives them up at once.
    reclaimable = int(stat[stat.index("inactive_file") + 1]) if "inactive_file" in stat else 0
    return (limit - used + reclaimable) / limit if limit else None


def give_back() -> None:
    """Return to the system, and to the GPU, what unloaded models took.

    Without it, the C library keeps about half of that for itself, and torch all that was on the GPU.
    """
    gc.collect()  # models refer to themselves
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl has not
        if trim is not None:
            trim(0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
