"""JSON as Go's encoding/json writes and reads it, to the byte and to the word of its errors.

`marshal` writes a template's values; `unmarshal` reads documents to them, with every number a float64.
Source: package encoding/json of Go 1.26 (not its version 2).
"""

from __future__ import annotations

from .decode import decode, unmarshal
from .encode import marshal

__all__ = ["decode", "marshal", "unmarshal"]
