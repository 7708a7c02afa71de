"""SQLAlchemy, loaded by the first query: importing it takes a third of the time in which a program starts."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

from pixeltable.lazy import load


class _Deferred(ModuleType):
    """A module that is imported when something of it is first used; the import lock makes that safe between threads."""

    def __getattr__(self, name: str) -> Any:
        module = load(self.__name__)
        self.__dict__.update({key: value for key, value in vars(module).items() if not key.startswith("__")})
        return getattr(module, name)


if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql

    Sql = sa.ColumnElement[Any]
else:
    sa = _Deferred("sqlalchemy")
    postgresql = _Deferred("sqlalchemy.dialects.postgresql")
    Sql = Any

__all__ = ["Sql", "postgresql", "sa"]
