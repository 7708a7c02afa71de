"""Links that are signed without a network, with credentials that are none."""

import importlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import pixeltable as pxt
from pixeltable.exceptions import InvalidArgument, InvalidConfiguration, MissingPackage
from pixeltable.functions import net
from pixeltable.types.column_type import StringType
from tests.udfs.columns import column


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of AWS' documentation, and of an account that nobody has."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def signed(uri: str, seconds: int = 60) -> str:
    (found,) = net.presigned_url.body([uri], seconds)
    return found


def test_s3() -> None:
    parts = urlsplit(signed("s3://bucket/folder/cat.jpg", 90))
    query = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc) == ("https", "s3.eu-central-1.amazonaws.com")
    assert parts.path == "/bucket/folder/cat.jpg"
    assert query["X-Amz-Expires"] == ["90"]
    assert query["X-Amz-Credential"][0].startswith("AKIAIOSFODNN7EXAMPLE/")
    assert len(query["X-Amz-Signature"][0]) == 64


def test_a_store_that_speaks_the_protocol_of_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://account.r2.cloudflarestorage.com")
    assert signed("s3://bucket/cat.jpg").startswith("https://account.r2.cloudflarestorage.com/bucket/cat.jpg?X-Amz-")


@pytest.mark.parametrize("uri", ["az://container/cat.jpg", "abfss://container@account.dfs.core.windows.net/cat.jpg"])
def test_azure(uri: str) -> None:
    parts = urlsplit(signed(uri))
    assert (parts.netloc, parts.path) == ("account.blob.core.windows.net", "/container/cat.jpg")
    assert parse_qs(parts.query)["sp"] == ["r"]


def test_a_key_is_taken_as_it_stands() -> None:
    assert urlsplit(signed("s3://bucket/a b%20#?é.txt")).path == "/bucket/a%20b%2520%23%3F%C3%A9.txt"


@pytest.mark.parametrize("uri", ["http://example.com/a?b=c", "https://example.com"])
def test_addresses_of_the_web_stay_as_they_are(uri: str) -> None:
    assert signed(uri) == uri


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("/tmp/cat.jpg", "is a local path"), ("cat.jpg", "is a local path"), ("file:///tmp/cat.jpg", "is a local path"),
        ("ftp://host/cat.jpg", "is in no store"), ("s3://bucket", "names no object"),
        ("s3:///cat.jpg", "names no object"),
        ("s3://bucket/", "names no object"), ("s3://bucket/a//b", "names no object"),
        ("s3://bucket/../b", "names no object"),
    ],
)  # fmt: skip
def test_what_cannot_be_linked_to_is_refused(uri: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        signed(uri)


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_a_duration_that_no_store_grants_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidArgument, match="expiration_seconds"):
        signed("s3://bucket/cat.jpg", seconds)


def test_a_store_without_an_account_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(InvalidConfiguration, match="Account must be specified") as caught:
        signed("az://container/cat.jpg")
    assert "\n" not in caught.value.message
    assert "c2VjcmV0" not in str(caught.value)


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingPackage, match=r"pixeltable\[objects\]"):
        signed("s3://bucket/cat.jpg")


def test_a_row_fails_alone_and_null_is_null(ns: str) -> None:
    t = pxt.create_table(f"{ns}/t", {"uri": pxt.String | None})
    t.insert([{"uri": "s3://bucket/cat.jpg"}, {"uri": "/tmp/cat.jpg"}, {"uri": None}, {"uri": "https://example.com/"}])
    t.add_computed_column(url=net.presigned_url(t.uri, 60), on_error="ignore")
    first, *others = t.select(t.url).collect()["url"]
    assert first.startswith("https://s3.eu-central-1.amazonaws.com/bucket/cat.jpg?")
    assert others == [None, None, "https://example.com/"]
    assert t.select(e=t.url.errortype).collect()["e"] == [None, "InvalidArgument", None, None]


def test_a_link_is_text_and_never_the_same_for_long() -> None:
    call = net.presigned_url(column("s", StringType(True)), 60)
    assert call.col_type == StringType(True)
    assert not net.presigned_url.spec.deterministic
