"""Declarative, multimodal data infrastructure for AI applications: `import pixeltable as pxt`.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from pixeltable.lazy import load

if TYPE_CHECKING:
    from pixeltable import exceptions, functions, iterators, types
    from pixeltable.api.catalog import (
        create_dir,
        create_table,
        drop_dir,
        drop_table,
        get_dir_contents,
        get_dir_tree,
        get_table,
        home,
        init,
        list_dirs,
        list_tables,
        ls,
        move,
    )
    from pixeltable.api.cursor import ResultCursor
    from pixeltable.api.job import Job, job, jobs
    from pixeltable.api.mcp_functions import mcp_udfs
    from pixeltable.api.memo import clear_memo, memo_stats
    from pixeltable.api.model_specs import BtreeIndex, Column, EmbeddingIndex
    from pixeltable.api.models import model_base
    from pixeltable.api.query import Query
    from pixeltable.api.query_functions import query, retrieval_udf
    from pixeltable.api.results import ResultSet
    from pixeltable.api.row import Row, RowBatch
    from pixeltable.api.sql import sql
    from pixeltable.api.table import InsertableTable, Table
    from pixeltable.api.transactions import transaction
    from pixeltable.api.view import View, create_snapshot, create_view
    from pixeltable.exceptions import (
        AlreadyExistsError,
        AuthorizationError,
        ConcurrencyError,
        Error,
        ErrorCode,
        ExternalServiceError,
        NotFoundError,
        PixeltableWarning,
        RequestError,
        ServiceUnavailableError,
        UserError,
    )
    from pixeltable.exprs.arrays import array
    from pixeltable.types.cell_error import CellError
    from pixeltable.types.forms import (
        UUID,
        Array,
        Audio,
        Binary,
        Bool,
        Date,
        Document,
        Float,
        Image,
        Int,
        Json,
        Required,
        String,
        Timestamp,
        Video,
    )
    from pixeltable.types.status import UpdateStatus
    from pixeltable.types.tree import DirContents, DirectoryNode, TableKind, TableNode, TreeNode
    from pixeltable.udfs.aggregate import Aggregator, uda
    from pixeltable.udfs.decorator import udf
    from pixeltable.udfs.expressions import expr_udf
    from pixeltable.udfs.function import Function
    from pixeltable.udfs.iterator_classes import PxtIterator
    from pixeltable.udfs.iterators import iterator
    from pixeltable.udfs.retry import Retry
    from pixeltable.udfs.tools import Tool, ToolChoice, Tools, tool, tools

_HOMES = {
    "api.catalog": (
        "create_dir create_table drop_dir drop_table get_dir_contents get_dir_tree get_table home init list_dirs "
        "list_tables ls move"
    ),
    "api.job": "Job job jobs",
    "api.mcp_functions": "mcp_udfs",
    "api.memo": "clear_memo memo_stats",
    "api.model_specs": "BtreeIndex Column EmbeddingIndex",
    "api.models": "model_base",
    "api.query": "Query",
    "api.query_functions": "query retrieval_udf",
    "api.results": "ResultSet",
    "api.cursor": "ResultCursor",
    "api.row": "Row RowBatch",
    "api.sql": "sql",
    "api.table": "InsertableTable Table",
    "api.transactions": "transaction",
    "api.view": "View create_snapshot create_view",
    "exceptions": (
        "AlreadyExistsError AuthorizationError ConcurrencyError Error ErrorCode ExternalServiceError NotFoundError "
        "PixeltableWarning RequestError ServiceUnavailableError UserError"
    ),
    "exprs.arrays": "array",
    "types.cell_error": "CellError",
    "types.forms": ("Array Audio Binary Bool Date Document Float Image Int Json Required String Timestamp UUID Video"),
    "types.status": "UpdateStatus",
    "types.tree": "DirContents DirectoryNode TableKind TableNode TreeNode",
    "udfs.aggregate": "Aggregator uda",
    "udfs.decorator": "udf",
    "udfs.expressions": "expr_udf",
    "udfs.function": "Function",
    "udfs.iterator_classes": "PxtIterator",
    "udfs.iterators": "iterator",
    "udfs.retry": "Retry",
    "udfs.tools": "Tool ToolChoice Tools tool tools",
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}
_SUBMODULES = ("exceptions", "functions", "iterators", "types")

__all__ = [
    "UUID",
    "Aggregator",
    "AlreadyExistsError",
    "Array",
    "Audio",
    "AuthorizationError",
    "Binary",
    "Bool",
    "BtreeIndex",
    "CellError",
    "Column",
    "ConcurrencyError",
    "Date",
    "DirContents",
    "DirectoryNode",
    "Document",
    "EmbeddingIndex",
    "Error",
    "ErrorCode",
    "ExternalServiceError",
    "Float",
    "Function",
    "Image",
    "InsertableTable",
    "Int",
    "Job",
    "Json",
    "NotFoundError",
    "PixeltableWarning",
    "PxtIterator",
    "Query",
    "RequestError",
    "Required",
    "ResultCursor",
    "ResultSet",
    "Retry",
    "Row",
    "RowBatch",
    "ServiceUnavailableError",
    "String",
    "Table",
    "TableKind",
    "TableNode",
    "Timestamp",
    "Tool",
    "ToolChoice",
    "Tools",
    "TreeNode",
    "UpdateStatus",
    "UserError",
    "Video",
    "View",
    "array",
    "clear_memo",
    "create_dir",
    "create_snapshot",
    "create_table",
    "create_view",
    "drop_dir",
    "drop_table",
    "exceptions",
    "expr_udf",
    "functions",
    "get_dir_contents",
    "get_dir_tree",
    "get_table",
    "home",
    "init",
    "iterator",
    "iterators",
    "job",
    "jobs",
    "list_dirs",
    "list_tables",
    "ls",
    "mcp_udfs",
    "memo_stats",
    "model_base",
    "move",
    "query",
    "retrieval_udf",
    "sql",
    "tool",
    "tools",
    "transaction",
    "types",
    "uda",
    "udf",
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _load(name)
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'pixeltable' has no attribute {name!r}")
    found = getattr(_load(_MODULE_OF[name]), name)
    globals()[name] = found
    return found


def _load(module: str) -> ModuleType:
    return load(f"pixeltable.{module}")


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
