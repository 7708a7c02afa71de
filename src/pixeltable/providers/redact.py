"""Taking out of a text what looks like a secret, before the text becomes part of an error."""

import re

HIDDEN = "[redacted]"

_PATTERNS = (
    # A user and a password in an address.
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),
    # "api_key=...", "Authorization: Bearer ...", "token: ...", also with quotes as in JSON.
    re.compile(
        r"(?i)(?<=[^a-z])(?P<name>(?:(?:[a-z]+[-_])*(?:api[-_]?key|key|secret|token|password|signature)|authorization)"
        r"[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?)(?P<value>[^\s\"',;&)}\]]{4,})"
    ),
    re.compile(r"(?i)(?<=[^a-z])(?P<name>(?:bearer|basic)\s+)(?P<value>[\w.~+/=*-]{8,})"),
    # The beginnings by which providers mark their keys.
    re.compile(r"\b(?:sk|pk|rk|gsk|xai|r8|hf|fw|pa|ghp|nvapi|pplx|tgp|tlk|jina|key)[-_][\w*.-]{6,}"),
    re.compile(r"\b(?:AIza|AKIA|ASIA)[\w-]{12,}"),
    # Anything long of letters and digits mixed; the ids by which providers find a request again may stay.
    re.compile(
        r"(?<![\w-])(?!(?:req|msg|resp|chatcmpl|batch|run)[_-])(?:\w+-)*(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9_]{24,}"
    ),
)


def redact(text: str) -> str:
    """`text` with all that looks like a key, a password or a token replaced.

    >>> redact("Incorrect API key provided: sk-proj-abcdef123456. Model claude-3-5-sonnet-20241022")
    'Incorrect API key provided: [redacted] Model claude-3-5-sonnet-20241022'
    >>> redact("{'Authorization': 'Bearer abcdefgh12345678'}")
    "{'Authorization': 'Bearer [redacted]'}"
    >>> redact("postgresql://me:secret@host/db, request req_011CSHoEeqs5C35K2UUqR7Fy")
    'postgresql://[redacted]@host/db, request req_011CSHoEeqs5C35K2UUqR7Fy'
    """
    padded = f" {text}"
    for pattern in _PATTERNS:
        padded = pattern.sub(_hide, padded)
    return padded[1:]


def _hide(found: re.Match[str]) -> str:
    name = found.groupdict().get("name") or ""
    return f"{name}{HIDDEN}"
