"""Upper and lower case, and Unicode's normal forms."""

import unicodedata
from typing import Literal

from pixeltable.functions.string.declaring import text_method


@text_method
def capitalize(self: str) -> str:
    """The first character in upper case, the others in lower case.

    >>> capitalize.body("élan VITAL")
    'Élan vital'
    """
    return self.capitalize()


@text_method
def casefold(self: str) -> str:
    """The text in a form in which texts that differ by case alone are equal.

    >>> casefold.body("Straße")
    'strasse'
    """
    return self.casefold()


@text_method
def lower(self: str) -> str:
    """All characters in lower case.

    >>> lower.body("ÀB")
    'àb'
    """
    return self.lower()


@text_method
def swapcase(self: str) -> str:
    """Upper case as lower case, and the other way round.

    >>> swapcase.body("Ab")
    'aB'
    """
    return self.swapcase()


@text_method
def title(self: str) -> str:
    """Each word with its first character in title case and the others in lower case.

    >>> title.body("hello wORLD")
    'Hello World'
    """
    return self.title()


@text_method
def upper(self: str) -> str:
    """All characters in upper case; `ß` becomes `SS`.

    >>> upper.body("straße")
    'STRASSE'
    """
    return self.upper()


@text_method
def normalize(self: str, form: Literal["NFC", "NFKC", "NFD", "NFKD"]) -> str:
    r"""The text in a normal form of Unicode.

    Args:
        form: NFC and NFKC compose characters, NFD and NFKD decompose them; those with K replace variants, such as `ﬁ`.

    Raises:
        ValueError: there is no such form.

    >>> ascii(normalize.body("é", "NFD")), normalize.body("ﬁ", "NFKC")
    ("'e\\u0301'", 'fi')
    """
    return unicodedata.normalize(form, self)
