"""References: what is parsed prints as it was written, and arbitrary text raises nothing but InvalidReference."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.inject.reference import (
    BAO_SCHEME,
    SCHEME,
    Ciphertext,
    Read,
    Reference,
    Write,
    has_reference,
    parse,
    parse_paths,
)
from vault_secrets_webhook.webhook.mutate.grammar import OF_BAO, OF_VAULT

SCHEMES = (SCHEME, BAO_SCHEME)
ONE_OR_BOTH = st.sampled_from([(SCHEME,), (BAO_SCHEME,), SCHEMES, (BAO_SCHEME, SCHEME)])

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
        *(
            "bao:",
            ">>bao:",
            "${bao:",
            "${>>bao:",
            ">>",
            "/*",
            "*/",
            "- ",
            " ",
            "\n",
            "1",
            '{"x":',
            "{}",
            "login",
            ",",
            "\0",
            "\ud800",
            "é",
        ),
    ]
)
NEARLY = st.lists(PIECES, max_size=14).map("".join)
SEGMENTS = st.text("abcXYZ09-_.é ", min_size=1, max_size=5).filter(lambda segment: segment not in {".", ".."})
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
KEYS = st.text("abc.-_$/ é", min_size=1, max_size=8).filter(lambda key: "${" not in key)
BODIES = st.dictionaries(st.text(max_size=4), st.text('{}#"\\é', max_size=6) | st.integers() | st.none(), max_size=3)
TEXTS = st.text("abc $}{:", max_size=6).filter(lambda text: not text.endswith("$"))


def find_error(text: str, schemes: tuple[str, ...] = SCHEMES) -> InvalidReference | None:
    """What is wrong with a text; None when nothing is. Any other exception is raised."""
    try:
        parse(text, schemes)
    except InvalidReference as error:
        return error
    return None


@st.composite
def references(draw: st.DrawFn) -> tuple[str, Read | Write, str]:
    """The text of a reference without `${ }`, its source and its key."""
    path, key, scheme = draw(PATHS), draw(KEYS), draw(st.sampled_from(SCHEMES))
    if draw(st.booleans()):
        version = draw(st.none() | st.integers(0, 10**6))
        suffix = "" if version is None else f"#{version}"
        return f"{scheme}{path}#{key}{suffix}", Read(path, version, scheme), key
    if draw(st.booleans()):
        return f">>{scheme}{path}#{key}", Write(path, scheme=scheme), key
    body = json.dumps(draw(BODIES), ensure_ascii=draw(st.booleans()))
    return f">>{scheme}{path}#{key}#{body}", Write(path, body, scheme), key


@given(references())
def test_whole_reference_is_understood(reference: tuple[str, Read | Write, str]) -> None:
    text, source, key = reference
    (part,) = parse(text, SCHEMES)
    assert isinstance(part, Reference)
    assert (part.source, part.selector, part.is_template, str(part)) == (source, key, False, text)


@given(st.lists(TEXTS | references(), max_size=5), ONE_OR_BOTH)
def test_inline_references_are_understood(
    pieces: list[str | tuple[str, Read | Write, str]], schemes: tuple[str, ...]
) -> None:
    """Those of a scheme that is none of the given ones are text."""
    text = "".join(piece if isinstance(piece, str) else f"${{{piece[0]}}}" for piece in pieces)
    if text.startswith(("vault:", ">>vault:", "bao:", ">>bao:")):
        return
    found = [(part.source, part.selector) for part in parse(text, schemes) if isinstance(part, Reference)]
    assert found == [piece[1:] for piece in pieces if not isinstance(piece, str) and piece[1].scheme in schemes]


@given(
    NEARLY | st.text(max_size=60) | st.tuples(st.sampled_from(SCHEMES), st.text(max_size=30)).map("".join), ONE_OR_BOTH
)
@example('>>vault:a#b#{"x":' + "1" * 5000 + "}", (SCHEME,))
@example('>>bao:a#b#{"x":NaN}', SCHEMES)
@example(">>vault:a#b#" + '{"x":' * 100_000, SCHEMES)
def test_parsed_text_prints_as_it_was_written(text: str, schemes: tuple[str, ...]) -> None:
    if (error := find_error(text, schemes)) is not None:
        first, marker = error.marker().split("\n")
        assert error.shown == first
        assert marker.strip(" ~") == "^"
        assert len(marker) <= len(first) + 1
        assert has_reference(text, schemes)
        return
    parts = parse(text, schemes)
    assert "".join(map(str, parts)) == text
    found = [part.scheme for part in parts if not isinstance(part, str)]
    assert has_reference(text, schemes) is bool(found)
    assert set(found) <= set(schemes)


@given(references(), st.text("abc #{}", max_size=10))
def test_error_shows_no_text_around_the_reference(reference: tuple[str, Read | Write, str], rubbish: str) -> None:
    for scheme in SCHEMES:
        text = f"hunter2 ${{{reference[0]}}} hunter2 ${{{scheme}x{rubbish}"
        assert "hunter2" not in str(find_error(text))


@given(st.text("abc+/=#", min_size=1, max_size=20), st.sampled_from(SCHEMES))
def test_ciphertext_is_never_shown(ciphertext: str, scheme: str) -> None:
    secret = f"hunter2{ciphertext}"
    (part,) = parse(f"{scheme}v1:{secret}", SCHEMES)
    assert isinstance(part, Ciphertext)
    assert (part.ciphertext, part.scheme) == (f"{scheme}v1:{secret}", scheme)
    for wrong in (f">>{scheme}v1:{secret}", f"${{{scheme}v1:{secret}", f"${{>>{scheme}v1:{secret}}}"):
        error = find_error(wrong)
        assert error is not None
        assert "hunter2" not in str(error)


@given(
    BODIES,
    st.sampled_from([">>vault:a#{}", "vault:a#b#{}", ">>vault:a#b#c#{}", ">>vault:a{}#b", ">>vault:a#b#{}x"]),
    st.sampled_from(SCHEMES),
)
def test_body_is_never_shown(body: dict[str, str | int | None], pattern: str, scheme: str) -> None:
    text = pattern.replace(SCHEME, scheme).replace("{}", json.dumps({**body, "password": "hunter2"}))
    error = find_error(text)
    assert error is not None
    assert "hunter2" not in str(error)


@given(st.lists(st.tuples(PATHS.filter(lambda path: path.strip() == path), st.none() | st.integers(0, 99)), max_size=4))
def test_paths_are_understood(entries: list[tuple[str, int | None]]) -> None:
    text = ", ".join(path if version is None else f"{path}#{version}" for path, version in entries)
    for scheme in SCHEMES:
        assert parse_paths(text, scheme) == tuple(Read(path, version, scheme) for path, version in entries)


@given(NEARLY | st.text(max_size=30))
def test_paths_raise_only_invalid_reference(text: str) -> None:
    with suppress(InvalidReference):
        assert all(read.path.strip("/") for read in parse_paths(text))


@given(st.from_regex(OF_VAULT.plain, fullmatch=True) | st.from_regex(OF_BAO.plain, fullmatch=True))
def test_what_the_webhook_takes_without_parsing_can_be_parsed(text: str) -> None:
    (part,) = parse(text, SCHEMES)
    assert isinstance(part, Reference)
    assert str(part) == text
