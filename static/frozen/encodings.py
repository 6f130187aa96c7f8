"""What the interpreter has instead of its package of codecs: one entry, UTF-8.

It asks for the codec of the file system at its start. `str.encode` and `bytes.decode` know UTF-8, Latin-1 and ASCII by
themselves, and vault-env uses no others.
"""

from _codecs import register, utf_8_decode, utf_8_encode


class Codec(tuple):  # noqa: SLOT001 - there is one
    """The four functions of a codec (PEP 100), with its name."""

    name = "utf-8"


UTF_8 = Codec((utf_8_encode, utf_8_decode, None, None))


def search(name):
    """Give a codec, None where it is not known."""
    return UTF_8 if name in {"utf_8", "utf-8"} else None


register(search)
