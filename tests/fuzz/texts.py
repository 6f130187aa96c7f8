"""Random texts in the small languages that functions of templates read: patterns, formats, layouts, JSON, versions, URLs.

Most are well formed; a character of some is wrong. Each maker takes the generator of random numbers and gives a text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

ATOMS = (
    *("a", "b", "c", "ab", "é", "日", ".", "x", " ", ",", "1", "[a-c]", "[^a]", "[^,\\s]", "[éa-z]", "[[:digit:]a]", r"\d", r"\D"),
    *(r"\w", r"\W", r"\s", r"\S", r"\pL", r"\PL", r"\p{Lu}", r"[\pN_]", r"\x41", r"\x{e9}", r"\.", r"\Qa.b\E", r"\t", r"\n", r"\C"),
    *("^", "$", r"\A", r"\z", r"\b", r"\B", "", "[[:^alpha:]]", "[\\d-z]", "k", "K", "\u017f", "[a-zA-Z]"),
)  # fmt: skip
GROUPS = ("(", "(", "(?:", "(?P<n>", "(?<m>", "(?i:", "(?s:", "(?m:", "(?U:", "(?-s:", "(?i-s:")
REPEATS = ("*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,}", "{2,}?", "{0}", "{1}?", "{,2}")
FLAGS = ("", "", "", "(?i)", "(?s)", "(?m)", "(?U)", "(?im)")
REPLACEMENTS = ("", "x", "$0", "[$1]", "${1}a", "$1a", "${n}", "$n$m", "$$", "$", "${", "<${0}>", "$2|$1", "é")
VERBS = "vdsqxXTtcUeEfFgGbowOz%!"
ELEMENTS = (
    *("2006", "06", "01", "1", "Jan", "January", "02", "2", "_2", "002", "__2", "15", "03", "3", "04", "4", "05", "5", ".000"),
    *(".999", ",00", ".9", "PM", "pm", "MST", "Z07:00", "-07", "-0700", "Mon", "Monday", " ", "-", ":", "T", "/", "x", "é", "Z0700"),
)  # fmt: skip
HOSTS = ("h", "host.example", "[::1]", "[fe80::1%25en0]", "1.2.3.4", "a b", "é", "%41", "h:80", "h:", "[::1", "h:x", "")


def spoil(chance: random.Random, text: str, odds: float = 0.05) -> str:
    """Put another character into some of the texts, or leave one out."""
    if chance.random() >= odds:
        return text
    at = chance.randrange(len(text) + 1)
    return (
        text[:at]
        + chance.choice(["", "(", ")", "[", "]", "\\", "%", '"', "{", "*", "-", "0", "é", " "])
        + text[at + 1 :]
    )


def make_pattern(chance: random.Random, depth: int = 3) -> str:
    """Make a regular expression."""
    return spoil(chance, chance.choice(FLAGS) + make_alternatives(chance, depth))


def make_alternatives(chance: random.Random, depth: int) -> str:
    return "|".join(make_sequence(chance, depth) for _ in range(chance.choice([1, 1, 1, 2, 3])))


def make_sequence(chance: random.Random, depth: int) -> str:
    return "".join(make_repeated(chance, depth) for _ in range(chance.choice([1, 1, 2, 3, 4])))


def make_repeated(chance: random.Random, depth: int) -> str:
    is_group = depth > 0 and chance.random() < 0.3
    text = f"{chance.choice(GROUPS)}{make_alternatives(chance, depth - 1)})" if is_group else chance.choice(ATOMS)
    return text + chance.choice(REPEATS) if chance.random() < 0.35 else text


def make_replacement(chance: random.Random) -> str:
    return chance.choice(REPLACEMENTS) + chance.choice(["", "", *REPLACEMENTS])


def make_format(chance: random.Random) -> str:
    """Make a format of `printf`."""
    return "".join(
        make_directive(chance) + chance.choice(["", "|", " ", "é"]) for _ in range(chance.choice([1, 1, 2, 3]))
    )


def make_directive(chance: random.Random) -> str:
    flags = "".join(chance.choice("+-# 0") for _ in range(chance.choice([0, 0, 0, 1, 2])))
    width = chance.choice(["", "", "", "6", "20", "*", "[1]*", "[2]"])
    precision = chance.choice(["", "", "", ".", ".0", ".1", ".3", ".10", ".*", ".[1]*"])
    index = chance.choice(["", "", "", "", "", "[1]", "[2]", "[3]", "[0]", "[x]", "[1"])
    return f"%{flags}{width}{precision}{index}{chance.choice(VERBS)}"


def make_layout(chance: random.Random) -> str:
    """Make a layout of dates."""
    return "".join(chance.choice(ELEMENTS) for _ in range(chance.choice([1, 2, 3, 5, 8])))


def make_json(chance: random.Random, depth: int = 3) -> str:
    """Make JSON text."""
    text = make_json_value(chance, depth)
    return spoil(
        chance,
        chance.choice(["", "", " ", "\n"]) + text + chance.choice(["", "", " ", "x"][: 3 + (chance.random() < 0.1)]),
    )


def make_json_value(chance: random.Random, depth: int) -> str:
    if depth > 0 and chance.random() < 0.5:
        items = [make_json_value(chance, depth - 1) for _ in range(chance.choice([0, 1, 2, 3]))]
        if chance.random() < 0.5:
            return f"[{','.join(items)}]"
        return f"{{{', '.join(f'{json.dumps(chance.choice(KEYS))}: {item}' for item in items)}}}"
    return chance.choice(SCALARS)


KEYS = ("a", "b", "", "é", "a-b", "A", "<k>", "\u2028", "z\x01")
SCALARS = (
    *("null", "true", "false", "0", "-0", "1", "-1.50", "1e3", "1E-7", "1e21", "123456789012345678901", "0.1", "5e-324", "1e400"),
    *('""', '"a"', '"<é&>"', r'"\u00e9\n"', r'"\ud83d\ude00"', r'"\ud800x"', r'"\/\b"', '"\u2028"', r'"\u0000"', '"\x7f"'),
)  # fmt: skip


def make_version(chance: random.Random) -> str:
    """Make a version, mostly with all of its parts."""
    core = ".".join(
        chance.choice(["0", "1", "2", "10", "x", "*"][: 4 + 2 * (chance.random() < 0.2)])
        for _ in range(chance.choice([1, 2, 3, 3, 3]))
    )
    tail = chance.choice(["", "", "", "-a", "-alpha.1", "-0", "-1.2", "-rc1"]) + chance.choice(
        ["", "", "", "+b", "+1.2"]
    )
    return spoil(chance, chance.choice(["", "", "", "v"]) + core + tail)


def make_constraint(chance: random.Random) -> str:
    """Make what versions are compared with."""
    operators = ("", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^")
    text = chance.choice(operators) + chance.choice(["", "", " "]) + make_version(chance)
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        text += chance.choice([", ", ",", " ", " || ", "||", " - "]) + chance.choice(operators) + make_version(chance)
    return text


def make_url(chance: random.Random) -> str:
    """Make a URL or a part of one."""
    pick = chance.choice
    user = pick(["", "", "", "u@", "u:p@", "u%40:p%3a@", ":p@", "u:p:q@", "é@", "@"])
    path = pick(["", "/", "/a/b", "/a%20b", "/a b", "//x", "/é", "/%2f", "/a;b=c", "a/b", "/*"])
    query = pick(["", "", "?", "?a=1&b=2", "?é", "?%zz", "? x"])
    fragment = pick(["", "", "#", "#f", "#é%41", "#a#b"])
    scheme = pick(["http://", "https://", "HTTP://", "//", "", "x:", "mailto:", "1x://", "a+b-c.d://"])
    return spoil(chance, scheme + user + pick(HOSTS) + path + query + fragment)


def make_duration(chance: random.Random) -> str:
    """Make a duration such as `1h-30m`."""
    parts = (chance.choice(["1", "1.5", ".5", "0", "90", "1e3", "9999999999"]) + chance.choice(["h", "m", "s", "ms", "µs", "ns", "us", "d"]) for _ in range(chance.choice([1, 1, 2])))  # fmt: skip
    return spoil(chance, chance.choice(["", "", "-", "+"]) + "".join(parts))


def make_number(chance: random.Random) -> str:
    """Make a number as people write it, or nearly."""
    pick = chance.choice
    digits = "".join(
        pick("0123456789_") if chance.random() < 0.1 else pick("0123456789") for _ in range(pick([1, 1, 2, 5, 19, 25]))
    )
    tail = pick(["", "", "", ".", ".0", ".50", "e3", "E-2", "e", ".5e+10", "p1", "i"])
    return spoil(chance, pick(["", "", "", "-", "+", "0x", "0b", "0o", "0", " "]) + digits + tail)
