"""The URL of a store as it may be shown: keys and passwords in it, or in what a library says of it, are never told."""

from __future__ import annotations

import os
import re
import urllib.parse

from npf_engine.bundle.cleaning import clean_text
from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_TEXT

VARIABLE = "NPF_ARTIFACTS"
HIDDEN = "***"
_SECRET = re.compile(r"^(AWS|FSSPEC|AZURE|GOOGLE|NPF)_.*(KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|SAS)", re.IGNORECASE)
_SHORTEST = 4  # characters of a secret that is looked for in what others say


def checked(url: str) -> str:
    """The URL. Raises InputError, which does not quote it, for what is none."""
    parts = _parts(url)
    if "://" not in url or not parts.scheme or len(url) > MAX_TEXT or "::" in url:
        raise InputError(
            f"{VARIABLE} must be one URL such as s3://bucket/runs or file:///mnt/runs (three slashes before a path of "
            "this machine)"
        )
    if parts.scheme in ("s3", "s3a") and "@" in parts.netloc:
        raise InputError(
            f"{VARIABLE} has a key in the place of a bucket; name s3://bucket/runs, and give the keys as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return url.rstrip("/") if parts.path.strip("/") or parts.netloc else url


def shown(url: str) -> str:
    """The URL without user, password, query and fragment."""
    parts = _parts(url)
    host = parts.netloc.rpartition("@")[2]
    return clean_text(f"{parts.scheme}://{host}{parts.path}".rstrip("/"), MAX_TEXT)


def reason(error: Exception, url: str) -> str:
    """What a library says went wrong, in one line, with every secret that we know of taken out."""
    text = f"{error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    text = text or type(error).__name__
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return clean_text(" ".join(text.split()), 200)


def _secrets(url: str) -> set[str]:
    parts = _parts(url)
    user = parts.netloc.rpartition("@")[0]
    found = {user, *user.split(":"), parts.query, *(value for _, value in urllib.parse.parse_qsl(parts.query))}
    found |= {urllib.parse.unquote(item) for item in found}
    found |= {value for name, value in os.environ.items() if _SECRET.match(name)}
    return {item for item in found if len(item) >= _SHORTEST}


def _parts(url: str) -> urllib.parse.SplitResult:
    try:
        return urllib.parse.urlsplit(url)
    except ValueError:
        raise InputError(f"{VARIABLE} is not a URL; write one such as s3://bucket/runs or file:///mnt/runs") from None
