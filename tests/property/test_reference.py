"""References: what is parsed prints as it was written, and arbitrary text raises nothing but InvalidReference."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.inject.reference import Ciphertext, Read, Reference, Write, has_reference, parse, parse_paths
from vault_secrets_webhook.webhook.mutate.sources import PLAIN_REFERENCE

# Pieces that the grammar knows, so that chance comes near to references.
PIECES = st.sampled_from(
    [
        *(
            "vault:",
            ">>vault:",
            "${",
            "${vault:",
            "${>>vault:",
            "}",
            "{",
            "#",
            "a",
            "/",
            "..",
            ":",
            "v1:",
            '"',
            "'",
            "`",
            "\\",
        ),
        *("/*", "*/", "- ", " ", "\n", "1", '{"x":', "{}", "login", ",", "\0", "\ud800", "é"),
    ]
)
NEARLY = st.lists(PIECES, max_size=14).map("".join)
SEGMENTS = st.text("abcXYZ09-_.é ", min_size=1, max_size=5).filter(lambda segment: segment not in {".", ".."})
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
KEYS = st.text("abc.-_$/ é", min_size=1, max_size=8).filter(lambda key: "${" not in key)
BODIES = st.dictionaries(st.text(max_size=4), st.text('{}#"\\é', max_size=6) | st.integers() | st.none(), max_size=3)
TEXTS = st.text("abc $}{:", max_size=6).filter(lambda text: not text.endswith("$"))


def find_error(text: str) -> InvalidReference | None:
    """What is wrong with a text; None when nothing is. Any other exception is raised."""
    try:
        parse(text)
    except InvalidReference as error:
        return error
    return None


@st.composite
def references(draw: st.DrawFn) -> tuple[str, Read | Write, str]:
    """The text of a reference without `${ }`, its source and its key."""
    path, key = draw(PATHS), draw(KEYS)
    if draw(st.booleans()):
        version = draw(st.none() | st.integers(0, 10**6))
        suffix = "" if version is None else f"#{version}"
        return f"vault:{path}#{key}{suffix}", Read(path, version), key
    if draw(st.booleans()):
        return f">>vault:{path}#{key}", Write(path), key
    body = json.dumps(draw(BODIES), ensure_ascii=draw(st.booleans()))
    return f">>vault:{path}#{key}#{body}", Write(path, body), key


@given(references())
def test_whole_reference_is_understood(reference: tuple[str, Read | Write, str]) -> None:
    text, source, key = reference
    (part,) = parse(text)
    assert isinstance(part, Reference)
    assert (part.source, part.selector, part.is_template, str(part)) == (source, key, False, text)


@given(st.lists(TEXTS | references(), max_size=5))
def test_inline_references_are_understood(pieces: list[str | tuple[str, Read | Write, str]]) -> None:
    text = "".join(piece if isinstance(piece, str) else f"${{{piece[0]}}}" for piece in pieces)
    if text.startswith(("vault:", ">>vault:")):
        return
    found = [(part.source, part.selector) for part in parse(text) if isinstance(part, Reference)]
    assert found == [piece[1:] for piece in pieces if not isinstance(piece, str)]


@given(NEARLY | st.text(max_size=60) | st.text(max_size=30).map(lambda text: "vault:" + text))
@example('>>vault:a#b#{"x":' + "1" * 5000 + "}")
@example('>>vault:a#b#{"x":NaN}')
@example(">>vault:a#b#" + '{"x":' * 100_000)
def test_parsed_text_prints_as_it_was_written(text: str) -> None:
    if (error := find_error(text)) is not None:
        first, marker = error.marker().split("\n")
        assert error.shown == first
        assert marker.strip(" ~") == "^"
        assert len(marker) <= len(first) + 1
        assert has_reference(text)
        return
    parts = parse(text)
    assert "".join(map(str, parts)) == text
    assert has_reference(text) == any(not isinstance(part, str) for part in parts)


@given(references(), st.text("abc #{}", max_size=10))
def test_error_shows_no_text_around_the_reference(reference: tuple[str, Read | Write, str], rubbish: str) -> None:
    text = f"hunter2 ${{{reference[0]}}} hunter2 ${{vault:x{rubbish}"
    assert "hunter2" not in str(find_error(text))


@given(st.text("abc+/=#", min_size=1, max_size=20))
def test_ciphertext_is_never_shown(ciphertext: str) -> None:
    secret = f"hunter2{ciphertext}"
    (part,) = parse(f"vault:v1:{secret}")
    assert isinstance(part, Ciphertext)
    assert part.ciphertext == f"vault:v1:{secret}"
    for wrong in (f">>vault:v1:{secret}", f"${{vault:v1:{secret}", f"${{>>vault:v1:{secret}}}"):
        error = find_error(wrong)
        assert error is not None
        assert "hunter2" not in str(error)


@given(
    BODIES, st.sampled_from([">>vault:a#{}", "vault:a#b#{}", ">>vault:a#b#c#{}", ">>vault:a{}#b", ">>vault:a#b#{}x"])
)
def test_body_is_never_shown(body: dict[str, str | int | None], pattern: str) -> None:
    error = find_error(pattern.replace("{}", json.dumps({**body, "password": "hunter2"})))
    assert error is not None
    assert "hunter2" not in str(error)


@given(st.lists(st.tuples(PATHS.filter(lambda path: path.strip() == path), st.none() | st.integers(0, 99)), max_size=4))
def test_paths_are_understood(entries: list[tuple[str, int | None]]) -> None:
    text = ", ".join(path if version is None else f"{path}#{version}" for path, version in entries)
    assert parse_paths(text) == tuple(Read(path, version) for path, version in entries)


@given(NEARLY | st.text(max_size=30))
def test_paths_raise_only_invalid_reference(text: str) -> None:
    with suppress(InvalidReference):
        assert all(read.path.strip("/") for read in parse_paths(text))


@given(st.from_regex(PLAIN_REFERENCE, fullmatch=True))
def test_what_the_webhook_takes_without_parsing_can_be_parsed(text: str) -> None:
    (part,) = parse(text)
    assert isinstance(part, Reference)
    assert str(part) == text
