"""URLs and paths: random text raises Go's errors alone, and what was joined is read again."""

from __future__ import annotations

import ipaddress
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.limits import Budget, LimitError
from vault_secrets_webhook.gotemplate.sprig import paths, url
from vault_secrets_webhook.gotemplate.sprig.addresses import AddressError, check_address

PART = st.text(max_size=6).map(str.encode)
GROUPS = st.lists(st.sampled_from(["1", "ffff", "0", "", "12345", "g", "1.2.3.4", "1.2.3", "01.2.3.4"]), max_size=9)


@given(st.binary(max_size=30), st.sampled_from([b"", b"http://", b"//", b"db://u:p@h:1/", b"http://["]))
def test_any_text_gives_parts_or_an_error(text: bytes, start: bytes) -> None:
    try:
        parts = url.url_parse(Budget(), start + text)
    except FunctionError as error:
        assert str(error).startswith("unable to parse url: parse ")  # noqa: PT017 # an error is one of two good ends
    else:
        assert len(parts) == 8


@given(st.binary(max_size=8), st.binary(max_size=8), st.binary(max_size=8))
def test_what_was_joined_is_read_again(path: bytes, fragment: bytes, user: bytes) -> None:
    quoted = b"".join(b"%%%02x" % byte for byte in user) or b"u"
    parts: dict[bytes, object] = {
        b"scheme": b"https",
        b"host": b"h:1",
        b"path": b"/" + path,
        b"fragment": fragment,
        b"userinfo": quoted,
    }
    read = url.url_parse(Budget(), url.url_join(Budget(), parts))
    assert (read[b"path"], read[b"fragment"], read[b"host"]) == (b"/" + path, fragment, b"h:1")


@given(GROUPS)
def test_addresses_are_those_of_python(groups: list[str]) -> None:
    text = ":".join(groups)
    try:
        expected: int | None = ipaddress.ip_address(text).version
    except ValueError:
        expected = None
    try:
        found: int | None = 6 if check_address(text.encode()) else 4
    except AddressError:
        found = None
    assert found == expected


def test_long_texts_cost_steps() -> None:
    with pytest.raises(LimitError, match="steps"):
        url.url_parse(Budget(steps=1), b"/" + b"%41" * 100)
    with pytest.raises(LimitError, match="steps"):
        url.url_join(Budget(steps=1), {b"path": b"a" * 100})


def test_results_count() -> None:
    with pytest.raises(LimitError, match="of values"):
        url.url_join(Budget(memory=10), {b"path": b"/" * 11})
    with pytest.raises(LimitError, match="of values"):
        url.url_parse(Budget(memory=100), b"/")


@given(st.text("/.ab", max_size=12))
def test_paths_as_python_has_them(path: str) -> None:
    """Python keeps two slashes at the start, as POSIX allows."""
    normal = posixpath.normpath(path)
    cleaned = paths.clean(Budget(), path.encode())
    assert cleaned.decode() == (normal[1:] if normal.startswith("//") else normal)
    assert paths.clean(Budget(), cleaned) == cleaned
