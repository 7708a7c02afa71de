"""Rows per second of calls that wait or burn, side by side; `--kind` is threads, processes, async or memo."""

from timing import emit, parse, timed

import pixeltable as pxt

args = parse(2_000, kind="threads")
n = args.n
distinct = 10 if args.kind == "memo" else n

if args.kind == "processes":
    from parallel_udfs import burn_in_process as function
elif args.kind == "async":
    from async_20ms import wait_async as function
elif args.kind == "memo":
    from parallel_udfs import remembered as function
else:
    from parallel_udfs import wait_in_thread as function

t = pxt.create_table("bench_parallel", {"a": pxt.Int})
t.insert([{"a": i % distinct} for i in range(n)])
t.where(t.a == 0).select(function(t.a)).collect()  # what starts once is not what this is about
seconds, _ = timed(lambda: t.add_computed_column(c=function(t.a)))
emit(f"parallel_{args.kind}", n, seconds, value=n / seconds, unit="1/s")
if args.kind == "memo":
    seconds, _ = timed(lambda: t.add_computed_column(again=function(t.a)))
    emit("memo_again", n, seconds, value=n / seconds, unit="1/s")
