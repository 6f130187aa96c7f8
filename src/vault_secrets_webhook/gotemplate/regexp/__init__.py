"""Regular expressions with RE2's syntax, as Go's package regexp has them, in time linear in the text.

Imported when a template first uses one.
"""

from __future__ import annotations

from .expression import Regexp, compile_pattern, quote_meta
from .scanner import PatternError

__all__ = ["PatternError", "Regexp", "compile_pattern", "quote_meta"]
