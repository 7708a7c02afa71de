"""`KnownStamp`: the stamp of the operations of one kind, as a session remembers it."""

from dataclasses import dataclass

from pixeltable.udfs import registry
from pixeltable.udfs.function import Function


@dataclass(frozen=True, slots=True)
class KnownStamp:
    """A stamp, the schema it was made for, and the functions whose code it names."""

    schema_version: int
    functions: tuple[tuple[str, Function], ...]
    stamp: int | None

    def holds(self, schema_version: int) -> bool:
        """Whether the schema is still that one, and no function was declared anew."""
        return self.schema_version == schema_version and all(
            registry.find(path) is function for path, function in self.functions
        )
