"""What a model's class body is written with, beside types and expressions: columns with options, and indexes."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of a model with more than a type or an expression: `id: pxt.Int = pxt.Column(primary_key=True)`.

    Just one of `type` and `value` is given, but that the type may stand in the annotation. `default` is what a column
    that is not computed has in rows that name no value for it.
    """

    type: Any = None
    value: Any = None
    primary_key: bool | None = None
    stored: bool | None = None
    media_validation: str | None = None
    destination: Any = None
    custom_metadata: Any = None
    comment: str | None = None
    default: Any = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are given, as in the dict that a schema has for a column."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingIndex:
    """An embedding index of a model; see `Table.add_embedding_index`."""

    column: Any
    embedding: Any = None
    string_embed: Any = None
    image_embed: Any = None
    audio_embed: Any = None
    video_embed: Any = None
    document_embed: Any = None
    metric: str = "cosine"
    precision: str = "fp16"
    name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class BtreeIndex:
    """A b-tree index of a model, over a column, a path into Json, or several of these; see `Table.add_btree_index`."""

    column: Any
    name: str | None = None
    unique: bool = False
