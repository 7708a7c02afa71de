"""What there is to run: one record per case. What a case does is in `workloads/`, its floor in `floor/`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A workload with its options; `rows` is the size `--n` replaces, None where the size is no number of rows."""

    name: str
    workload: str
    rows: int | None = None
    options: tuple[str, ...] = ()

    def arguments(self, n: int | None) -> list[str]:
        """Command-line arguments of the workload, and of its floor."""
        if self.rows is None:
            return list(self.options)
        return ["--n", str(n or self.rows), *self.options]


STAGE = (
    Case("start", "start"),
    Case("insert", "insert", 100_000),
    Case("insert_single", "insert_single"),
    Case("udf", "udf", 100_000, ("--kind", "udf")),
    Case("udf_expr", "udf", 100_000, ("--kind", "expr")),
    Case("udf_batch", "udf", 100_000, ("--kind", "batch")),
    Case("chain", "chain", 10_000),
    Case("threads", "parallel", 2_000, ("--kind", "threads")),
    Case("processes", "parallel", 2_000, ("--kind", "processes")),
    Case("async", "parallel", 10_000, ("--kind", "async")),
    Case("memo", "parallel", 100, ("--kind", "memo")),
    Case("provider", "provider", 2_000),
    Case("provider_shared", "provider", 2_000, ("--processes", "2")),
    Case("memory_backfill", "memory", 1_000_000, ("--what", "backfill")),
    Case("lookup", "lookup", 100_000),
)
EXTRA = (
    Case("memory_insert", "memory", 100_000, ("--what", "insert")),
    Case("memory_collect", "memory", 100_000, ("--what", "collect")),
    Case("udf_async", "udf", 10_000, ("--kind", "async")),
    Case("query", "query", 100_000),
    Case("lookup_btree", "lookup_btree", 100_000),
    Case("large_values", "large_values", 100_000_000),
    Case("load_files", "load_files", 100_000),
    Case("mutate", "mutate", 10_000),
    Case("indexed_update", "indexed_update", 20_000),
    Case("resume", "resume", 400),
    Case("views", "views", 100_000),
    Case("embedding", "embedding", 10_000),
    Case("array_index", "array_index", 10_000),
    Case("images", "images", 2_000),
    Case("video", "video"),
    Case("http", "http_load"),
    Case("many_processes", "processes"),
    Case("backfill_readers", "backfill_readers", 5_000),
    Case("crash", "crash", 100_000),
)
