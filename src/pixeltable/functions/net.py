"""Links to objects in stores of others; null where a required argument is null."""

import datetime
import importlib
from typing import Any

from pixeltable.exceptions import InvalidArgument, InvalidConfiguration, MissingPackage
from pixeltable.udfs.batch import Batch
from pixeltable.udfs.decorator import udf

_SCHEMES = frozenset({"s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"})
_LONGEST_S = 7 * 24 * 3600
"""Signatures of S3 and Google Cloud Storage are valid for a week at most."""

PYTHON_ONLY = {"presigned_url": "links are signed by a package of Python's"}
"""Functions without SQL, and why."""


@udf(batch_size=1000, is_deterministic=False)  # a store is set up once a batch: that takes longer than signing
def presigned_url(uri: Batch[str], expiration_seconds: int) -> Batch[str]:
    """A link by which anyone can read an object for a while, signed with the credentials of this process.

    `http(s)` addresses stay as they are. With a key in the environment signing asks no server, so it does not tell
    whether the object exists: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION` for S3, with
    `AWS_ENDPOINT_URL` for what speaks its protocol (R2, B2, Tigris, MinIO); `GOOGLE_APPLICATION_CREDENTIALS`;
    `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`. Without one, the machine's own identity is asked for.

    Args:
        uri: `s3://bucket/key`, `gs://bucket/key`, `az://container/key` or `abfss://container@account.../key`. The key
            is taken as it stands, without percent-encoding.
        expiration_seconds: how long the link is valid, up to a week.

    Raises:
        InvalidArgument: `uri` is a local path or names no object, or the duration is out of range.
        InvalidConfiguration: there are no credentials for the store.
        MissingPackage: `obstore` is not installed.

    >>> presigned_url.body(["https://example.com/cat.jpg"], 60)
    ['https://example.com/cat.jpg']
    """
    if not 1 <= expiration_seconds <= _LONGEST_S:
        raise InvalidArgument(f"presigned_url(): expiration_seconds {expiration_seconds} is not in 1 to {_LONGEST_S}")
    duration = datetime.timedelta(seconds=expiration_seconds)
    stores: dict[str, Any] = {}
    return [one if one.startswith(("http://", "https://")) else _signed(one, duration, stores) for one in uri]


def _signed(uri: str, duration: datetime.timedelta, stores: dict[str, Any]) -> str:
    root, key = _split(uri)
    obstore = _obstore()
    try:
        if root not in stores:
            stores[root] = importlib.import_module("obstore.store").from_url(root)
        return str(obstore.sign(stores[root], "GET", key, duration))
    except obstore.exceptions.BaseError as error:
        # The first line: what follows is the state of the package.
        reason = str(error).partition("\n")[0]
        raise InvalidConfiguration(
            f"presigned_url(): {uri!r} cannot be signed: {reason}", hint="Set the credentials of the store."
        ) from None


def _split(uri: str) -> tuple[str, str]:
    """The URL of a bucket, and the key of an object in it."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme == "file":
        raise InvalidArgument(f"presigned_url(): {uri!r} is a local path, which no link can open")
    if scheme not in _SCHEMES:
        known = ", ".join(f"{known}://" for known in sorted({*_SCHEMES, "http", "https"}))
        raise InvalidArgument(
            f"presigned_url(): {uri!r} is in no store that can be signed for", hint=f"Known: {known}."
        )
    bucket, _, key = rest.partition("/")
    if not bucket or {"", ".", ".."} & set(key.split("/")):
        raise InvalidArgument(f"presigned_url(): {uri!r} names no object", hint="Write scheme://bucket/key.")
    return f"{scheme}://{bucket}", key


def _obstore() -> Any:
    try:
        return importlib.import_module("obstore")
    except ModuleNotFoundError as error:
        raise MissingPackage("obstore", extra="objects") from error
