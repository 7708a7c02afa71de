"""Reading heaps as of a version: the entries that were live then, of those that still are and those closed since."""

from pixeltable.storage.heaps import AsOf, Heap


def later_ops(as_of: AsOf) -> str:
    """A query for the operations that came after a version.

    An entry was there at that version if none of them wrote it, and it is live or one of them closed it. Told by those
    that came after, since entries of a backfill that was taken up by other code name operations without a version.
    """
    return f"SELECT op FROM pixeltable.versions WHERE table_id = {as_of.table_id} AND version > {as_of.version}"


def entries_sql(heap: Heap) -> str:
    """What a FROM reads the entries of a heap from: its current table, or a query in brackets for those of a version.

    The history has to be there in the second case.
    """
    if heap.as_of is None:
        return heap.current
    names = ", ".join(("row", "op_in", *(column.name for column in heap.columns), "errors"))
    later = later_ops(heap.as_of)
    return (
        f"(SELECT {names} FROM {heap.current} WHERE op_in NOT IN ({later}) "
        f"UNION ALL SELECT {names} FROM {heap.history} WHERE op_out IN ({later}) AND op_in NOT IN ({later}))"
    )
