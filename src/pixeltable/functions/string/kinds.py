"""What kinds of characters a text is made of. The empty text is of no kind, but of ASCII."""

from typing import Any

from pixeltable.functions.string.declaring import text_method
from pixeltable.functions.string.rules import length, sqlalchemy


@text_method
def isalnum(self: str) -> bool:
    """Whether all characters are letters or numbers, and there is one.

    >>> isalnum.body("a1"), isalnum.body("a 1")
    (True, False)
    """
    return self.isalnum()


@text_method
def isalpha(self: str) -> bool:
    """Whether all characters are letters, and there is one.

    >>> isalpha.body("né"), isalpha.body("n1")
    (True, False)
    """
    return self.isalpha()


@text_method
def isascii(self: str) -> bool:
    """Whether all characters are of ASCII; true of the empty text.

    >>> isascii.body("a"), isascii.body("é"), isascii.body("")
    (True, False, True)
    """
    return self.isascii()


@isascii.to_sql
def _isascii_sql(self: Any) -> Any:
    sa = sqlalchemy()
    return sa.func.octet_length(self, type_=sa.Integer) == length(self)


@text_method
def isdecimal(self: str) -> bool:
    """Whether all characters are decimal digits of some script, and there is one.

    >>> isdecimal.body("12"), isdecimal.body("1²")
    (True, False)
    """
    return self.isdecimal()


@text_method
def isdigit(self: str) -> bool:
    """Whether all characters are digits, such as `²`, and there is one.

    >>> isdigit.body("1²"), isdigit.body("½")
    (True, False)
    """
    return self.isdigit()


@text_method
def isidentifier(self: str) -> bool:
    """Whether the text is a name in Python; keywords are too.

    >>> isidentifier.body("a_1"), isidentifier.body("1a")
    (True, False)
    """
    return self.isidentifier()


@text_method
def islower(self: str) -> bool:
    """Whether all characters that have a case are in lower case, and there is one.

    >>> islower.body("a1"), islower.body("1")
    (True, False)
    """
    return self.islower()


@text_method
def isnumeric(self: str) -> bool:
    """Whether all characters are numbers, such as `½`, and there is one.

    >>> isnumeric.body("½"), isnumeric.body("1.5")
    (True, False)
    """
    return self.isnumeric()


@text_method
def isspace(self: str) -> bool:
    r"""Whether all characters are whitespace, and there is one.

    >>> isspace.body(" \t"), isspace.body("")
    (True, False)
    """
    return self.isspace()


@text_method
def istitle(self: str) -> bool:
    """Whether the text is one that `title` could have made, with a character that has a case.

    >>> istitle.body("Ab Cd"), istitle.body("AB")
    (True, False)
    """
    return self.istitle()


@text_method
def isupper(self: str) -> bool:
    """Whether all characters that have a case are in upper case, and there is one.

    >>> isupper.body("A1"), isupper.body("1")
    (True, False)
    """
    return self.isupper()
