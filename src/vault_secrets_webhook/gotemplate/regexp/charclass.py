r"""The classes of runes that have names: `\d`, `[:alpha:]`, `\pL`, `\p{Greek}`.

Names of categories and scripts are found as Go finds them: whatever their case, without underscores, hyphens and spaces.
Go 1.26 writes the name that way and then looks for it among its scripts, so that it finds none of those whose own name
has an underscore or a second capital (`\p{Old_Italic}`): here they are unknown as well.

Sources: package regexp/syntax, perl_groups.go and `unicodeTable` of parse.go.
"""

from __future__ import annotations

from .charset import ANY, LAST_ASCII, negate, read_table, unite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .charset import Charset

PERL: dict[str, Charset] = {
    "d": (0x30, 0x39),
    "s": (0x9, 0xA, 0xC, 0xD, 0x20, 0x20),
    "w": (0x30, 0x39, 0x41, 0x5A, 0x5F, 0x5F, 0x61, 0x7A),
}
POSIX: dict[str, Charset] = {
    "alnum": (0x30, 0x39, 0x41, 0x5A, 0x61, 0x7A),
    "alpha": (0x41, 0x5A, 0x61, 0x7A),
    "ascii": (0, LAST_ASCII),
    "blank": (0x9, 0x9, 0x20, 0x20),
    "cntrl": (0, 0x1F, 0x7F, 0x7F),
    "digit": (0x30, 0x39),
    "graph": (0x21, 0x7E),
    "lower": (0x61, 0x7A),
    "print": (0x20, 0x7E),
    "punct": (0x21, 0x2F, 0x3A, 0x40, 0x5B, 0x60, 0x7B, 0x7E),
    "space": (0x9, 0xD, 0x20, 0x20),
    "upper": (0x41, 0x5A),
    "word": PERL["w"],
    "xdigit": (0x30, 0x39, 0x41, 0x46, 0x61, 0x66),
}
UNICODE: dict[str, Charset] = {"Any": ANY, "Ascii": (0, LAST_ASCII)}


def find_unicode_class(name: str) -> Charset | None:
    """Give the category or script of a name as a pattern has it, or None."""
    name = "".join(char for char in name if char not in "_- ")
    name = name[:1].upper() + name[1:].lower() if name.isascii() else ""
    found = UNICODE.get(name)
    if found is None:
        found = read_unicode_class(name)
        if found is not None:
            UNICODE[name] = found
    return found


def read_unicode_class(name: str) -> Charset | None:
    from .categories import ALIASES, CATEGORIES, UNIONS

    if name == "Assigned":
        return negate(unite(read_table(CATEGORIES["Cn"])))
    if name in UNIONS:
        return unite(pair for part in UNIONS[name].split() for pair in read_table(CATEGORIES[part]))
    if name in CATEGORIES:
        return unite(read_table(CATEGORIES[name]))
    from .scripts import SCRIPTS

    if name in SCRIPTS:
        return unite(read_table(SCRIPTS[name]))
    return find_unicode_class(ALIASES[name]) if name in ALIASES else None
