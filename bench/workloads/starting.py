"""What it costs to begin: an import, the first start in an empty home, and the starts after it."""

import json
import subprocess
import sys

from timing import emit, timed

# Run by a fresh interpreter. ru_maxrss is in kB on Linux and in bytes on macOS (getrusage(2) of either).
IMPORT_PROBE = """
import json, resource, sys, time
wall, cpu = time.perf_counter(), time.process_time()
{code}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
unit = 2**20 if sys.platform == "darwin" else 2**10
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
print(json.dumps(dict(wall=wall, cpu=cpu, peak_mb=peak, modules=len(sys.modules))))
"""


def run(code: str) -> str:
    """Run code in a fresh process of this Python; its standard output."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def report_import(code: str) -> None:
    """Print wall and CPU seconds, peak memory and module count of an import; the files are in the page cache."""
    run(code)
    probe = json.loads(run(IMPORT_PROBE.format(code=code)).splitlines()[-1])
    emit("import", 1, probe["wall"])
    emit("import_cpu", 1, probe["cpu"])
    emit("import_memory", 1, probe["wall"], value=probe["peak_mb"], unit="MB")
    emit("import_modules", 1, probe["wall"], value=probe["modules"], unit="modules")


def report_starts(code: str) -> None:
    """Print how long a process takes that imports, connects, does one look-up and ends.

    `first_start` finds an empty home; `warm_start` what the first left, be that a running server or a stopped one;
    `start_beside_another` a process that is still connected.
    """
    emit("first_start", 1, timed(lambda: run(code))[0])
    emit("warm_start", 1, timed(lambda: run(code))[0])
    holder = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint('READY', flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        any("READY" in line for line in holder.stdout)
        emit("start_beside_another", 1, timed(lambda: run(code))[0])
    finally:
        holder.communicate("\n")
