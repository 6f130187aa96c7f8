"""Sprig's functions of regular expressions.

Those without `must` panic about a pattern that is none, with the words of `regexp.MustCompile`; only `regexMatch` says
nothing then. What is found is a nil slice if there is nothing.

Source: Sprig v3.3.0, regex.go.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.regexp import PatternError, Regexp, compile_pattern, quote_meta
from vault_secrets_webhook.gotemplate.values import Slice, decode, find_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.gotemplate.limits import Budget
    from vault_secrets_webhook.gotemplate.sprig import Entry

    # How a pattern is compiled: by `compile_pattern`, or as a function that panics does it.
    Compile = Callable[[Budget, bytes], Regexp]

STRINGS = find_type("[]string")


def compile_or_fail(budget: Budget, pattern: bytes) -> Regexp:
    return compile_pattern(pattern, budget)


def compile_or_panic(budget: Budget, pattern: bytes) -> Regexp:
    try:
        return compile_pattern(pattern, budget)
    except PatternError as error:
        raise FunctionError(f"regexp: Compile({quote_pattern(pattern)}): {error}") from None


def quote_pattern(pattern: bytes) -> str:
    """Put a pattern in back quotes if Go could write it so, else in double ones."""
    from vault_secrets_webhook.gotemplate.quote import can_backquote, quote

    return decode(b"`%s`" % pattern if can_backquote(pattern) else quote(pattern))


def make_strings(found: list[bytes] | None) -> Slice:
    return Slice(STRINGS, found or (), is_nil=found is None)


def match(budget: Budget, pattern: bytes, text: bytes) -> bool:
    return compile_pattern(pattern, budget).match(budget, text)


def match_or_not(budget: Budget, pattern: bytes, text: bytes) -> bool:
    """Tell whether a text has a match; in a pattern that is none, it has not."""
    try:
        return match(budget, pattern, text)
    except PatternError:
        return False


def find(compiled: Compile) -> Callable[[Budget, bytes, bytes], bytes]:
    def run(budget: Budget, pattern: bytes, text: bytes) -> bytes:
        return compiled(budget, pattern).find(budget, text) or b""

    return run


def find_all(compiled: Compile) -> Callable[[Budget, bytes, bytes, int], Slice]:
    def run(budget: Budget, pattern: bytes, text: bytes, limit: int) -> Slice:
        return make_strings(compiled(budget, pattern).find_all(budget, text, limit) or None)

    return run


def replace_all(compiled: Compile) -> Callable[[Budget, bytes, bytes, bytes], bytes]:
    def run(budget: Budget, pattern: bytes, text: bytes, replacement: bytes) -> bytes:
        return compiled(budget, pattern).replace_all(budget, text, replacement)

    return run


def replace_all_literal(compiled: Compile) -> Callable[[Budget, bytes, bytes, bytes], bytes]:
    def run(budget: Budget, pattern: bytes, text: bytes, replacement: bytes) -> bytes:
        return compiled(budget, pattern).replace_all_literal(budget, text, replacement)

    return run


def split(compiled: Compile) -> Callable[[Budget, bytes, bytes, int], Slice]:
    def run(budget: Budget, pattern: bytes, text: bytes, limit: int) -> Slice:
        return make_strings(compiled(budget, pattern).split(budget, text, limit))

    return run


def quote_text(budget: Budget, text: bytes) -> bytes:
    budget.reserve(2 * len(text))
    return quote_meta(text)


FIND = "budget, string, string -> string"
LIST = "budget, string, string, int -> []string"
REPLACE = "budget, string, string, string -> string"
FUNCTIONS: dict[str, Entry] = {
    "mustRegexFind": (FIND, find(compile_or_fail)),
    "mustRegexFindAll": (LIST, find_all(compile_or_fail)),
    "mustRegexMatch": ("budget, string, string -> bool", match),
    "mustRegexReplaceAll": (REPLACE, replace_all(compile_or_fail)),
    "mustRegexReplaceAllLiteral": (REPLACE, replace_all_literal(compile_or_fail)),
    "mustRegexSplit": (LIST, split(compile_or_fail)),
    "regexFind": (FIND, find(compile_or_panic)),
    "regexFindAll": (LIST, find_all(compile_or_panic)),
    "regexMatch": ("budget, string, string -> bool", match_or_not),
    "regexQuoteMeta": ("budget, string -> string", quote_text),
    "regexReplaceAll": (REPLACE, replace_all(compile_or_panic)),
    "regexReplaceAllLiteral": (REPLACE, replace_all_literal(compile_or_panic)),
    "regexSplit": (LIST, split(compile_or_panic)),
}
