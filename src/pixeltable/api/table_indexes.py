"""The indexes of a table: adding and dropping them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from pixeltable.api.arguments import name_of, one_of
from pixeltable.api.job import Job, started
from pixeltable.api.progress import watched
from pixeltable.api.query_start import QueryStart
from pixeltable.api.receipts import announce
from pixeltable.catalog.records import TableRecord
from pixeltable.exceptions import InvalidArgument
from pixeltable.exprs.expr import Expr
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session import btrees, indexes
from pixeltable.session.tasks import AddEmbeddingIndex
from pixeltable.types.column_type import AudioType, DocumentType, ImageType, StringType, VideoType
from pixeltable.types.status import UpdateStatus
from pixeltable.udfs.function import BoundFunction, Function

_MODALITY = {
    StringType: "string", ImageType: "image", AudioType: "audio", VideoType: "video", DocumentType: "document",
}  # fmt: skip


def embeddings_of(record: TableRecord, name: str, function: Any) -> Mapping[str, Expr]:
    """What embeds a column, by its modality; nothing where the function is None.

    Raises:
        UnknownColumn, InvalidArgument: the column is not there, or the function cannot embed it.
    """
    found = record.column(name)
    if function is None:
        return {}
    modality = _MODALITY.get(type(found.type))
    if modality is None:
        raise InvalidArgument(f"column {name!r} has type `{found.type}`, which no embedding function takes")
    if not isinstance(function, Function | BoundFunction):
        raise InvalidArgument(f"the embedding function must be a @pxt.udf, got {type(function).__name__}")
    return {modality: function(record.ref(found))}


class TableIndexes(QueryStart):
    """Something that can have indexes: a table, known by its id."""

    @overload
    def add_embedding_index(
        self,
        column: str | ColumnRef,
        *,
        idx_name: str | None = None,
        embedding: Any = None,
        string_embed: Any = None,
        metric: str = "cosine",
        precision: str = "fp16",
        if_exists: str = "error",
        background: Literal[True],
    ) -> Job: ...

    @overload
    def add_embedding_index(
        self,
        column: str | ColumnRef,
        *,
        idx_name: str | None = None,
        embedding: Any = None,
        string_embed: Any = None,
        metric: str = "cosine",
        precision: str = "fp16",
        if_exists: str = "error",
        background: Literal[False] = False,
    ) -> UpdateStatus: ...

    def add_embedding_index(
        self,
        column: str | ColumnRef,
        *,
        idx_name: str | None = None,
        embedding: Any = None,
        string_embed: Any = None,
        metric: str = "cosine",
        precision: str = "fp16",
        if_exists: str = "error",
        background: bool = False,
    ) -> UpdateStatus | Job:
        """Index a column by the vectors of its values, for `t.column.similarity(string=...)`.

        `embedding` or `string_embed` is a function of one text that returns a vector of fixed length, such as
        `wordllama.embed`; bind further parameters with `.using(...)`. A column of type `pxt.Array[(n,), pxt.Float]`
        needs none. `metric` is cosine, ip or l2; `precision` fp16 (at most 4000 dimensions) or fp32 (at most 2000).
        The index is kept in step with every insert, update and delete. With `background=True` it returns a `Job` as
        soon as the call is checked, and the index is there when that is done.

        Raises:
            AlreadyExistsError: the index exists and `if_exists` is 'error'.
            RequestError: the column or the function cannot be used.
        """
        record = self._session.refresh().table(self._id, name=self._path)
        name = name_of(column, record)
        function = string_embed if string_embed is not None else embedding
        embeddings = embeddings_of(record, name, function)
        new = indexes.NewIndex(idx_name, name, embeddings, metric, precision)
        choices = ("error", "ignore", "replace", "replace_force")
        choice = one_of("if_exists", if_exists, choices)
        if background:
            column_id = record.column(name).id
            return started(self._session, AddEmbeddingIndex(self._id, self._path, column_id, new, choice))
        with watched(self._session, f"Indexing {self._path}.{name}") as tally:
            status = indexes.add_index(self._session, self._id, self._path, new, if_exists=choice, tally=tally)
        announce(self._session, status)
        return status

    def add_btree_index(
        self,
        column: str | Expr | Sequence[str | Expr],
        *,
        idx_name: str | None = None,
        unique: bool = False,
        if_exists: str = "error",
    ) -> None:
        """Keep the rows findable by a key: what filters, sorts and looks up by it need not read all rows then.

        The key is a column (String, Int, Float, Timestamp, Date or UUID, computed ones too), a path into Json
        (`t.meta.year`), a function of the library that runs in SQL (`t.name.strip()`), or up to four of these, in
        order. Strings count whole, however long. Readers and writers of the table go on while the index is built;
        queries use it where it helps.

        Args:
            unique: no two rows may have the same values; rows with a null in them are not compared. For columns only.
            if_exists: 'error' or 'ignore', for an index of that name or, without a name, over the same key.

        Raises:
            AlreadyExistsError: the index exists and `if_exists` is 'error'.
            RequestError: the key cannot be indexed, or rows there are repeat a value that is to be unique.
        """
        record = self._session.refresh().table(self._id, name=self._path)
        given = [column] if isinstance(column, str | Expr) else list(column)
        keys = tuple(key if isinstance(key, Expr) else record.ref(record.column(name_of(key, record))) for key in given)
        choice = one_of("if_exists", if_exists, ("error", "ignore"))
        new = btrees.NewBtree(idx_name, keys, unique)
        btrees.add_btree(self._session, self._id, self._path, new, if_exists=choice)

    def drop_index(
        self, *, column: str | ColumnRef | None = None, idx_name: str | None = None, if_not_exists: str = "error"
    ) -> None:
        """Drop an index of either kind, named by its column or its own name.

        Raises:
            NotFoundError: there is none.
            RequestError: the column has several.
        """
        self._drop_index(column, idx_name, if_not_exists, kind=None)

    def drop_embedding_index(
        self, *, column: str | ColumnRef | None = None, idx_name: str | None = None, if_not_exists: str = "error"
    ) -> None:
        """As `drop_index`, of embedding indexes only."""
        self._drop_index(column, idx_name, if_not_exists, kind="embedding")

    def _drop_index(
        self, column: str | ColumnRef | None, idx_name: str | None, if_not_exists: str, *, kind: str | None
    ) -> None:
        indexes.drop_index(
            self._session, self._id, self._path,
            column=None if column is None else name_of(column, self._record), index_name=idx_name, kind=kind,
            if_not_exists=one_of("if_not_exists", if_not_exists, ("error", "ignore")),
        )  # fmt: skip
