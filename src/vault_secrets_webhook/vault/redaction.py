"""Hides what must not be shown when a server's own words are: our tokens, and what we sent.

Servers repeat what they do not like: a field of the body, a ciphertext without its prefix, one part of a JWT, a token
that they cut. Imported only where there is an error to tell.
"""

from __future__ import annotations

from _json import encode_basestring, encode_basestring_ascii

from vault_secrets_webhook.wire.jsontext import Number, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vault_secrets_webhook.wire.jsontext import JSON

BLOT = "[hidden]"
HIDDEN_ANYWHERE = 8  # characters; a shorter secret is only hidden where it stands alone as a word
SHORTEST = 3  # what is shorter cannot be told from the words around it, and is no secret
TELLING_START = 12  # characters; behind so many of a secret its rest is looked for, however early it is cut
PART_OF_TOKEN = 16  # characters of a part between dots (JWT, `hvs.`) that has to be hidden by itself
PUBLIC_MEMBERS = frozenset(("role",))  # of a body: names, which errors are about
WORD_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_")


def hide_secrets(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret in the text, in all its spellings and whatever its case, the longest first."""
    spellings = {spelling for secret in secrets for spelling in spell(secret) if len(spelling) >= SHORTEST}
    data = text.encode("utf-8", "surrogatepass")
    for spelling in sorted(spellings, key=lambda spelling: (-len(spelling), spelling)):
        data = hide(data, spelling.encode("utf-8", "surrogatepass").lower())
    return data.decode("utf-8", "replace")


def hide(data: bytes, secret: bytes) -> bytes:
    """Replace a secret (in lower case), and what starts like it, in the data."""
    folded = data.lower()
    start = secret[:TELLING_START]
    position, kept = 0, []
    while (at := folded.find(start, position)) >= 0:
        end = at + common_length(secret, folded[at : at + len(secret)])
        is_hidden = len(secret) >= HIDDEN_ANYWHERE or is_word(folded, at, end)
        kept.append(data[position:at] + BLOT.encode() if is_hidden else data[position:end])
        position = end
    return b"".join(kept) + data[position:]


def common_length(one: bytes, other: bytes) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


def is_word(data: bytes, start: int, end: int) -> bool:
    """Tell whether no letter and no digit stands next to a span."""
    around = data[max(0, start - 1) : start] + data[end : end + 1]
    return WORD_CHARACTERS.isdisjoint(around)


def spell(secret: str) -> Iterator[str]:
    """Give the forms in which a server may write a secret."""
    yield secret
    yield " ".join(secret.split())
    yield from (line.strip() for line in secret.splitlines())
    yield encode_basestring(secret)[1:-1]
    yield encode_basestring_ascii(secret)[1:-1]
    if secret.startswith("vault:v"):
        yield secret.split(":", 2)[-1]
    yield from (part for part in secret.split(".") if len(part) >= PART_OF_TOKEN)


def list_texts(body: bytes) -> list[str]:
    """List what a JSON body carries: strings, and numbers that are long enough to be secrets."""
    try:
        waiting: list[JSON] = [loads(body)]
    except ValueError:
        return [body.decode("utf-8", "replace")]
    texts: list[str] = []
    while waiting:
        match waiting.pop():
            case Number() as number:
                texts.extend([number] if len(number) >= HIDDEN_ANYWHERE else [])
            case str() as text:
                texts.append(text)
            case list() as items:
                waiting.extend(items)
            case dict() as members:
                waiting.extend(value for name, value in members.items() if name not in PUBLIC_MEMBERS)
    return texts
