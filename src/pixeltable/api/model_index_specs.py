"""Reading `__indexes__` of a model."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pixeltable.api.model_definition import ModelDefinition
from pixeltable.api.model_specs import BtreeIndex, EmbeddingIndex
from pixeltable.api.table_indexes import embeddings_of
from pixeltable.exceptions import InvalidSchema, Unsupported
from pixeltable.exprs.expr import Expr, nodes_in, structure
from pixeltable.exprs.leaves import ColumnRef
from pixeltable.session.btrees import NewBtree, bound_keys
from pixeltable.session.indexes import NewIndex, space_of

_OTHER_MODALITIES = ("image_embed", "audio_embed", "video_embed", "document_embed")


def declared_indexes(
    definition: ModelDefinition, given: Any, localise: Callable[[Expr], Expr]
) -> tuple[NewIndex | NewBtree, ...]:
    """The indexes of a model, checked, over its columns.

    Raises:
        InvalidSchema, InvalidArgument, TypeMismatch, Unsupported: one cannot be made.
    """
    subject = f"model `{definition.class_name}`"
    if not isinstance(given, list | tuple) or not all(isinstance(one, EmbeddingIndex | BtreeIndex) for one in given):
        raise InvalidSchema(f"{subject}: `__indexes__` is a list of pxt.EmbeddingIndex and pxt.BtreeIndex")
    found = tuple(_read(definition, index, localise) for index in given)
    names = [index.name for index in found if index.name is not None]
    for name in names:
        if names.count(name) > 1:
            raise InvalidSchema(f"{subject}: two indexes have the name {name!r}", hint="Choose another.")
    _refuse_repeated_keys(subject, [index for index in found if isinstance(index, NewBtree)])
    over = [index.column for index in found if isinstance(index, NewIndex)]
    for index in found:
        if isinstance(index, NewIndex) and index.name is None and over.count(index.column) > 1:
            raise InvalidSchema(
                f"{subject}: column {index.column!r} has several embedding indexes", hint="Give each a `name`."
            )
        if isinstance(index, NewBtree) and definition.default_indexes:
            raise InvalidSchema(
                f"{subject} has a pxt.BtreeIndex beside has_default_idxs=True, which indexes its columns",
                hint="Leave one of both out.",
            )
    return found


def _refuse_repeated_keys(subject: str, indexes: Sequence[NewBtree]) -> None:
    known = set()
    for index in indexes:
        key = structure(index.keys), index.unique
        if key in known:
            over = ", ".join(map(str, index.keys))
            raise InvalidSchema(f"{subject}: two b-tree indexes are over {over}", hint="Leave one of them out.")
        known.add(key)


def _read(
    definition: ModelDefinition, index: EmbeddingIndex | BtreeIndex, localise: Callable[[Expr], Expr]
) -> NewIndex | NewBtree:
    if isinstance(index, EmbeddingIndex):
        return _embedding(definition, index, localise)
    several = isinstance(index.column, list | tuple)
    keys = tuple(_keys(definition, index.column if several else [index.column], localise))
    new = NewBtree(index.name, keys, index.unique)
    bound_keys(new, definition.record)
    return new


def _keys(definition: ModelDefinition, given: Any, localise: Callable[[Expr], Expr]) -> Iterator[Expr]:
    record = definition.record
    for key in given:
        expr = localise(key) if isinstance(key, Expr) else record.ref(record.column(key))
        for node in nodes_in(expr):
            if isinstance(node, ColumnRef):
                _check_own(definition, node)
        yield expr


def _embedding(definition: ModelDefinition, index: EmbeddingIndex, localise: Callable[[Expr], Expr]) -> NewIndex:
    for modality in _OTHER_MODALITIES:
        if getattr(index, modality) is not None:
            raise Unsupported(f"pxt.EmbeddingIndex({modality}=...) is not supported yet")
    (ref,) = _keys(definition, [index.column], localise)
    if not isinstance(ref, ColumnRef):
        raise InvalidSchema(
            f"model `{definition.class_name}`: an embedding index is over a column, not over `{ref}`",
            hint="Declare it as a computed column, and index that.",
        )
    record = definition.record
    function = index.string_embed if index.string_embed is not None else index.embedding
    embeddings = embeddings_of(record, ref.ref_name, function)
    new = NewIndex(index.name, ref.ref_name, embeddings, index.metric, index.precision)
    space_of(record.column(ref.ref_name), new)
    return new


def _check_own(definition: ModelDefinition, ref: ColumnRef) -> None:
    if ref.ref_table != definition.record.id:
        raise InvalidSchema(
            f"model `{definition.class_name}`: an index is over a column of the base, `{ref}`",
            hint="Declare it in the model of the base.",
        )
