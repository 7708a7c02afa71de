"""Keys of calls: hashes that are equal, in any process, just for the same code called with the same arguments."""

import datetime
import enum
import hashlib
import json
import os
import stat
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pixeltable.exprs.call import FunctionSpec, Parameter
from pixeltable.lazy import np
from pixeltable.types.column_type import ColumnType, MediaType

_FORMAT = "pixeltable memo 1"
"""To be raised with any change of the encodings below: what was remembered before is then not found any more."""

_LONG_BYTES = 4096
"""Longer payloads count by their hash, so that the encodings of a column of images do not fill the memory."""

_KNOWN_FILES = 10_000
_RACY_NS = 2_000_000_000
"""A file changed this recently could change again without its times showing it; its hash is not kept."""

Keys = list[bytes | None]


class _NoKey(Exception):
    """An argument has no encoding: its call is not remembered."""


class FileDigests:
    """Hashes of files' contents, kept as long as a file looks the same. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, int, int, int, int], bytes] = OrderedDict()

    def digest(self, path: str) -> bytes:
        """The SHA-256 of a file's content.

        Raises:
            OSError: it cannot be read, or is no file.
        """
        found_at = os.stat(path)
        if not stat.S_ISREG(found_at.st_mode):
            raise OSError(f"{path!r} is no file")
        # Beside time and size the inode and when that was changed: tools that copy files set the time of another file.
        identity = (path, found_at.st_mtime_ns, found_at.st_size, found_at.st_ino, found_at.st_ctime_ns)
        with self._lock:
            found = self._known.get(identity)
            if found is not None:
                self._known.move_to_end(identity)
                return found
        with open(path, "rb") as file:
            computed = hashlib.file_digest(file, "sha256").digest()
        if time.time_ns() - max(found_at.st_mtime_ns, found_at.st_ctime_ns) > _RACY_NS:
            with self._lock:
                self._known[identity] = computed
                if len(self._known) > _KNOWN_FILES:
                    self._known.popitem(last=False)
        return computed


def call_keys(
    function: FunctionSpec,
    parameters: Sequence[Parameter],
    columns: Sequence[Sequence[Any]],
    count: int,
    *,
    result: ColumnType,
    files: FileDigests,
    job: str | None = None,
) -> Keys:
    """The keys of `count` calls, whose arguments are in `columns`, one for each of `parameters`.

    `function` is the function as it is now: its path and code are part of the key, as are the names of the parameters
    and the type of the result. None where a call is not to be remembered: an argument is of a type without an encoding,
    or a file that cannot be read. Calls of a function that is not deterministic are remembered only within the job that
    `job` names; without one, not at all.

    Arguments are the same if they are of the same type and value; 1, 1.0 and True are three arguments, 0.0 and -0.0 are
    two, NaN is one. The order of a dict's keys does not matter. Of a time, the instant and the offset from UTC count
    (what the clock shows), not the zone's name; of an image mode, size, pixels and palette, nothing of its file; of a
    media file its content and the suffix of its name, since readers go by it.
    """
    if not function.deterministic and job is None:
        return [None] * count
    names = [parameter.name for parameter in parameters]
    identity = [_FORMAT, function.path, function.code, str(result), names, None if function.deterministic else job]
    head = hashlib.sha256(json.dumps(identity).encode()).digest()
    if not columns:
        return [head] * count
    encoded = [_encode_column(column, parameter, files) for column, parameter in zip(columns, parameters, strict=True)]
    return _hash_rows(head, encoded, [None in column for column in encoded])


def _hash_rows(head: bytes, encoded: list[Keys], lacking: list[bool]) -> Keys:
    sha256 = hashlib.sha256
    if any(lacking):
        return [None if None in row else sha256(head + b"".join(row)).digest() for row in zip(*encoded, strict=True)]
    if len(encoded) == 1:
        return [sha256(head + row).digest() for row in encoded[0]]  # type: ignore[operator]  # none is lacking
    return [sha256(head + b"".join(row)).digest() for row in zip(*encoded, strict=True)]


def _encode_column(column: Sequence[Any], parameter: Parameter, files: FileDigests) -> Keys:
    """Each value's encoding, which says where it ends, so that rows of them are different when one value is."""
    if len(column) > 1 and all(map(_is(column[0]), column)):  # a constant, most often
        return list(repeat(_encode_column(column[:1], parameter, files)[0], len(column)))
    kinds = set(map(type, column))
    if isinstance(parameter.type, MediaType) and kinds & {str}:
        return [_encode_media(value, files) for value in column]
    if len(kinds) == 1:
        fast = _FAST.get(next(iter(kinds)))
        if fast is not None:
            return fast(column)
    return list(map(_encode_or_none, column))


def _is(first: Any) -> Callable[[Any], bool]:
    return lambda value: value is first


def _encode_strings(column: Sequence[str]) -> Keys:
    try:
        payloads = list(map(str.encode, column))
    except UnicodeEncodeError:  # a lone surrogate
        return list(map(_encode_or_none, column))
    return [
        b"s%d:%b" % (len(payload), payload) if len(payload) <= _LONG_BYTES else _blob(b"s", payload)
        for payload in payloads
    ]


_FAST: dict[type, Callable[[Sequence[Any]], Keys]] = {
    str: _encode_strings,
    int: lambda column: [b"i%d;" % value for value in column],
}


def _encode_or_none(value: Any) -> bytes | None:
    try:
        return _encode(value)
    except (_NoKey, RecursionError):  # RecursionError: it contains itself
        return None


def _encode_media(value: Any, files: FileDigests) -> bytes | None:
    if type(value) is not str:
        return _encode_or_none(value)
    path = _local_path(value)
    if path is None:
        return None
    try:
        return b"@" + files.digest(path) + _encode(Path(path).suffix.lower())
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def _local_path(url: str) -> str | None:
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in ("", "localhost") else None


def _encode(value: Any) -> bytes:
    """The encoding of one value: a letter for its type, then something that says where it ends.

    Raises:
        _NoKey: there is none for its type.
    """
    rule = _RULES.get(type(value))
    return rule(value) if rule is not None else _encode_other(value)


def _blob(tag: bytes, payload: bytes) -> bytes:
    """A payload with its length before it; of a long one the hash, marked by another sign than the colon."""
    if len(payload) <= _LONG_BYTES:
        return b"%b%d:%b" % (tag, len(payload), payload)
    return b"%b%d#%b" % (tag, len(payload), hashlib.sha256(payload).digest())


def _encode_float(value: float) -> bytes:
    return f"f{value.hex()};".encode()  # every NaN is "nan"


def _encode_sequence(tag: bytes, values: Sequence[Any]) -> bytes:
    return b"%b%d:%b" % (tag, len(values), b"".join(map(_encode, values)))


def _encode_dict(value: dict[Any, Any]) -> bytes:
    items = sorted(_encode(key) + _encode(item) for key, item in value.items())
    return b"d%d:%b" % (len(items), b"".join(items))


def _encode_array(value: "np.ndarray") -> bytes:
    """dtype and shape, then the elements in C order, little-endian as the database holds them."""
    if value.dtype.kind not in "biufcSUMm":
        raise _NoKey
    dtype = value.dtype.newbyteorder("<")
    shape = ",".join(map(str, value.shape))
    elements = np.ascontiguousarray(value, dtype=dtype).tobytes()
    return _blob(b"a", dtype.str.encode()) + _blob(b"", shape.encode()) + _blob(b"", elements)


def _encode_other(value: Any) -> bytes:
    """Arrays, and values whose type is a subclass of something, or made by the user."""
    if type(value) is np.ndarray:
        return _encode_array(value)
    if isinstance(value, enum.Enum):
        return b"E" + _encode(_name_of(type(value))) + _encode(value.name) + _encode(value.value)
    if isinstance(value, np.generic):
        return b"g" + _encode_array(np.asarray(value))
    # Looked up, not imported: without them no value is a model or an image.
    pydantic, pillow = sys.modules.get("pydantic"), sys.modules.get("PIL.Image")
    if pydantic is not None and isinstance(value, pydantic.BaseModel):
        return b"M" + _encode(_name_of(type(value))) + _encode_dict(dict(value))
    if pillow is not None and isinstance(value, pillow.Image):
        return _encode_image(value)
    raise _NoKey


def _name_of(kind: type) -> str:
    """A class defined in a function or a script is another one in each program, though it may have the same name."""
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise _NoKey
    return f"{kind.__module__}.{kind.__qualname__}"


def _encode_image(image: Any) -> bytes:
    try:
        pixels = image.tobytes()
    except (OSError, SyntaxError, ValueError):  # its file is gone, damaged or closed
        raise _NoKey from None
    palette = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    # What is transparent is part of what the image shows, though Pillow keeps it beside the pixels.
    look = (image.mode, *image.size, palette, image.info.get("transparency"))
    return b"P" + _encode(look) + _blob(b"", pixels)


_RULES: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"n",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: b"i%d;" % value,
    float: _encode_float,
    str: lambda value: _blob(b"s", value.encode(errors="surrogatepass")),
    bytes: lambda value: _blob(b"b", value),
    list: lambda value: _encode_sequence(b"l", value),
    tuple: lambda value: _encode_sequence(b"t", value),
    dict: _encode_dict,
    datetime.datetime: lambda value: _blob(b"w", value.isoformat().encode()),
    datetime.date: lambda value: _blob(b"y", value.isoformat().encode()),
    datetime.time: lambda value: _blob(b"c", value.isoformat().encode()),
    datetime.timedelta: lambda value: b"D%d,%d,%d;" % (value.days, value.seconds, value.microseconds),
    uuid.UUID: lambda value: b"u" + value.bytes,
}
