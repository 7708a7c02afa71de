"""`import pixeltable` is cheap: it loads little, and nothing large before something needs it."""

import json
import subprocess
import sys
from dataclasses import dataclass

MAX_NEW_MODULES = 120
MAX_CPU_S = 0.6
HEAVY = {"av", "fastapi", "openai", "pandas", "pyarrow", "sqlglot", "torch", "transformers"}

MEASURE = """
import json, sys, time
before = set(sys.modules)
started_s = time.process_time()
{statements}
cpu_s = time.process_time() - started_s
print(json.dumps({{"loaded": sorted(set(sys.modules) - before), "cpu_s": cpu_s}}))
"""


@dataclass(frozen=True)
class ImportCost:
    """What running some statements in a fresh interpreter loaded, and the CPU seconds it took."""

    loaded: frozenset[str]
    cpu_s: float

    @property
    def top_level(self) -> set[str]:
        return {name.partition(".")[0] for name in self.loaded}


def measured(statements: str) -> ImportCost:
    # -I: neither the environment nor the working directory takes part.
    command = [sys.executable, "-I", "-c", MEASURE.format(statements=statements)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout)
    return ImportCost(frozenset(answer["loaded"]), answer["cpu_s"])


def test_import_loads_nothing_large() -> None:
    cost = measured("import pixeltable as pxt")
    assert not cost.top_level & (HEAVY | {"PIL", "sqlalchemy"})


def test_import_loads_few_modules() -> None:
    cost = measured("import pixeltable as pxt")
    assert len(cost.loaded) <= MAX_NEW_MODULES


def test_import_takes_little_time() -> None:
    best_s = min(measured("import pixeltable as pxt").cpu_s for _ in range(3))
    assert best_s <= MAX_CPU_S


def test_what_a_server_start_has_time_for_is_not_loaded_before_it() -> None:
    cost = measured("import pixeltable as pxt; pxt.create_table, pxt.list_tables, pxt.udf")
    assert not cost.top_level & {"asyncio", "numpy", "psutil", "psycopg", "pydantic", "pydantic_settings"}


def test_common_names_load_nothing_large() -> None:
    cost = measured("import pixeltable as pxt; pxt.udf, pxt.create_table")
    assert not cost.top_level & HEAVY
