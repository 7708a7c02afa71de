"""`transaction`: several writes that become durable together, or not at all."""

from contextlib import AbstractContextManager

from pixeltable.session.current import current_session
from pixeltable.session.transactions import Block


def transaction() -> AbstractContextManager[None]:
    """Make the writes of a block durable at its end, all at once; if an error leaves the block, none of them.

    ```
    with pxt.transaction():
        orders.insert(id=7, item="lamp")
        stock.update({"left": stock.left - 1}, where=stock.item == "lamp")
    ```

    Each write makes a version of its table at the end. Others see all of them from then on, and nothing before; what is
    read in the block has them. Values are computed where they are called for, and nothing is locked meanwhile. It is
    about rows: `insert`, `update`, `batch_update`, `delete` and `recompute_columns`, of any number of tables. A
    transaction within another is part of it, which an error that leaves it undoes alone.

    Each write, and each query of tables that the block has written, tries the writes before it again, so that a block
    is for some dozens of them. There is no `yield` in a block, but that of a context manager.

    Raises:
        ConcurrencyError: at the end, or at a call in the block: others changed rows that the block writes, or what
            their new values are made of, since the block began. Nothing was kept; run the block again.
    """
    return Block(current_session())
