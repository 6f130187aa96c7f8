"""Sprig's functions that write names in the style of another language: `snakecase`, `kebabcase` and `camelcase`.

All three cut a name where its spaces, hyphens and underscores are (its connectors). Snake and kebab case also cut where
the kind of its runes changes. Each kind has a letter here, and a name is a string of these letters:

    s  a space                       U  a letter in upper case       n  a number
    d  a hyphen or underscore        a  any other letter, not CJK    o  anything else
    p  other punctuation            x  not UTF-8, or U+FFFD: it is of the kind of what is behind it, or before at the end

Source: huandu/xstrings 1.5.0, `ToSnakeCase`, `ToKebabCase`, `ToPascalCase`.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import decode, decode_runes

from .runes import (
    REPLACEMENT,
    SPACE_SET,
    is_letter,
    is_number,
    is_punctuation,
    is_upper,
    join_pieces,
    to_lower,
    to_upper,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault_secrets_webhook.gotemplate.limits import Budget

    from . import Entry

CONNECTORS = SPACE_SET | {"-", "_"}
CJK = (("\u3400", "\u4d85"), ("\u4e00", "\u9fcc"), ("\U00020000", "\U0002b81d"))

# What a word goes on with, by the kind that it starts with. One in upper case is `find_upper_end`'s.
CONTINUES = {"s": "sd", "d": "sd", "p": "pd", "a": "a", "n": "n", "o": "o", "x": ""}
CONNECTOR, PUNCTUATION, UPPER, ALPHABET, NUMBER, INVALID = "d", "p", "U", "a", "n", "x"
END = ("", "")  # the word behind the last one
STEPS_PER_RUNE = 2  # each is looked at, and most words are as short as one


def snakecase(budget: Budget, string: bytes) -> bytes:
    return connect_words(budget, string, "_")


def kebabcase(budget: Budget, string: bytes) -> bytes:
    return connect_words(budget, string, "-")


def connect_words(budget: Budget, string: bytes, connector: str) -> bytes:
    budget.spend_steps(len(string) * STEPS_PER_RUNE)
    return join_pieces(budget, write_words(split_words(decode(string)), connector))


def find_kind(char: str) -> str:
    if is_invalid(char):
        return INVALID
    if char in CONNECTORS:
        return "s" if char in SPACE_SET else "d"
    if is_punctuation(char):
        return "p"
    if is_upper(char):
        return "U"
    if is_letter(char):
        return "o" if any(first <= char <= last for first, last in CJK) else "a"
    return "n" if is_number(char) else "o"


def is_invalid(char: str) -> bool:
    """Tell whether a rune is U+FFFD, or a byte that is not UTF-8 (see `values.decode`)."""
    return char == REPLACEMENT or "\ud800" <= char <= "\udfff"


def split_words(text: str) -> Iterator[tuple[str, str]]:
    """Split a text into words, each with its kind."""
    line = text.translate({ord(char): find_kind(char) for char in set(text)})
    start = 0
    while start < len(line):
        first = skip_invalid(line, start)
        kind = line[first] if first < len(line) else INVALID
        end = find_upper_end(line, first + 1) if kind == UPPER else find_end(line, first + 1, CONTINUES[kind])
        yield CONNECTOR if kind == "s" else kind, text[start:end]
        start = end


def skip_invalid(line: str, start: int) -> int:
    while line[start : start + 1] == INVALID:
        start += 1
    return start


def find_end(line: str, start: int, kinds: str) -> int:
    """Give the first index from `start` on where another kind begins."""
    while start < len(line):
        end = skip_invalid(line, start)
        if end < len(line) and line[end] not in kinds:
            return start
        start = end + 1
    return len(line)


def find_upper_end(line: str, start: int) -> int:
    """Give where a word ends of which one letter is upper case: `HTTP` within HTTPServer, and then `Server`."""
    end = find_end(line, start, UPPER)
    behind = skip_invalid(line, end)
    if line[behind : behind + 1] != ALPHABET:
        return end
    if end == start:
        return find_end(line, start, ALPHABET)
    end -= 1  # the last one starts the next word, with what is invalid before it
    while line[end - 1] == INVALID:
        end -= 1
    return end


def write_words(words: Iterator[tuple[str, str]], connector: str) -> Iterator[str]:
    """Write words with connectors between: a number goes with the letters behind it, or else with those before it."""
    kind, word = next(words, END)
    while word:
        before = kind
        yield write_word(kind, word, connector)
        kind, word = next(words, END)
        if before == NUMBER:
            while kind in (ALPHABET, NUMBER):
                yield word
                kind, word = next(words, END)
        elif before not in (CONNECTOR, PUNCTUATION) and kind == NUMBER:
            number, (kind, word) = word, next(words, END)
            if kind == ALPHABET:
                yield connector
            yield number
            while kind in (ALPHABET, NUMBER):
                yield word
                kind, word = next(words, END)
        elif before in (CONNECTOR, PUNCTUATION):
            continue
        if word and kind not in (CONNECTOR, PUNCTUATION):
            yield connector


def write_word(kind: str, word: str, connector: str) -> str:
    """Write one word: letters become lower case where the word started in upper case, and are left alone elsewhere."""
    if kind not in (CONNECTOR, UPPER):
        return word
    return "".join(write_char(char, connector) for char in word)


def write_char(char: str, connector: str) -> str:
    if char in CONNECTORS:
        return connector
    if is_invalid(char):
        return REPLACEMENT
    return to_lower(char) if is_upper(char) else char


def camelcase(budget: Budget, string: bytes) -> bytes:
    """Put each word into upper camel case, without the connector before it.

    Connectors before the first word and behind the last stay, and of several between two words all but the last stay.
    If there is no word, the last connector is there twice.
    """
    budget.spend_steps(len(string) * STEPS_PER_RUNE)
    return join_pieces(budget, write_camel(decode_runes(string)))


def write_camel(text: str) -> Iterator[str]:
    start = skip_runes(text, 0, are_connectors=True)
    yield text[:start]
    if start == len(text):
        yield text[-1:]
    while start < len(text):
        end = skip_runes(text, start, are_connectors=False)
        yield capitalize(text[start:end])
        start = skip_runes(text, end, are_connectors=True)
        yield text[end : start - 1 if start < len(text) else start]


def skip_runes(text: str, start: int, *, are_connectors: bool) -> int:
    while start < len(text) and (text[start] in CONNECTORS) is are_connectors:
        start += 1
    return start


def capitalize(word: str) -> str:
    """Put the first rune into upper case; if it is, what is in upper case behind it becomes lower case."""
    if not is_upper(word[0]):
        return to_upper(word[0]) + word[1:]
    end = 1
    while end < len(word) and is_upper(word[end]):
        end += 1
    return to_upper(word[0]) + "".join(to_lower(char) for char in word[1:end]) + word[end:]


FUNCTIONS: dict[str, Entry] = {
    "camelcase": ("budget, string -> string", camelcase),
    "kebabcase": ("budget, string -> string", kebabcase),
    "snakecase": ("budget, string -> string", snakecase),
}
