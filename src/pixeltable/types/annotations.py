"""How an annotation carries a column type: `Annotated` with one, or a class that stands for one."""

from typing import Annotated, Any, get_args, get_origin

from pixeltable.types.column_type import ColumnType


class Form:
    """Base of the forms that take brackets, such as `pxt.Array`; `bare` is what the form means without them."""

    bare: ColumnType


def annotated_type(form: Any) -> ColumnType | None:
    """The column type an annotation carries, or None if it carries none."""
    if get_origin(form) is Annotated:
        return next((item for item in get_args(form)[1:] if isinstance(item, ColumnType)), None)
    return form.bare if isinstance(form, type) and issubclass(form, Form) else None
