"""What the cases that Go answered cannot show: limits, memory that is given back, large alphabets, laziness."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from vault_secrets_webhook.gotemplate.limits import STEP_LIMIT, Budget, LimitError
from vault_secrets_webhook.gotemplate.regexp import (
    PatternError,
    Regexp,
    compile_pattern,
    expression,
    forward,
    quote_meta,
)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param(rb"(a*)*b", b"a" * 200_000, id="nested-stars"),
        pytest.param(rb"(x+x+)+y", b"x" * 200_000, id="nested-pluses"),
        pytest.param(rb"(a|a)*b", b"a" * 200_000, id="same-alternatives"),
        pytest.param(rb"^(([a-z])+.)+[A-Z]([a-z])+$", b"a" * 200_000, id="java-classname"),
        pytest.param(rb"(.*)(.*)(.*)(.*)(.*)z", b"a" * 200_000, id="many-stars"),
        pytest.param(rb"(?:a?){300}a{300}b", b"a" * 100_000, id="many-options"),
    ],
)
def test_catastrophic_patterns_are_linear(pattern: bytes, text: bytes) -> None:
    budget = Budget()
    assert not compile_pattern(pattern, budget).match(budget, text)
    assert STEP_LIMIT - budget.steps < STEP_LIMIT / 4


@pytest.mark.parametrize(
    "pattern",
    [pytest.param(p, id=p.decode()) for p in (rb"\d+", rb"[a-z]+@[a-z]+", rb"(?i)fox", rb"^.*$", rb"(\w+) (\w+)$")],
)
def test_mebibyte_passes(pattern: bytes) -> None:
    text = (b"The quick brown fox, 12345 times; joe@example.com\n" * 21_000)[: 1 << 20]
    budget = Budget()
    regexp = compile_pattern(pattern, budget)
    regexp.match(budget, text)
    regexp.replace_all(budget, text, b"$1")
    regexp.find_all(budget, text)
    assert budget.steps > 0


def test_captures_of_a_long_match() -> None:
    text = b"k=" + b"v" * 1_000_000 + b";"
    assert Regexp(rb"(\w+)=(.*);").replace_all(Budget(), text, b"$1:$2") == b"k:" + text[2:-1]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param(rb"a(.*b)?", b"a" * 200_000, id="each-match-reads-to-the-end"),
        pytest.param(rb"(a|b)*a(a|b){14}c", bytes(Random(4).choices(b"ab", k=100_000)), id="many-states"),
    ],
)
def test_steps_are_limited(pattern: bytes, text: bytes) -> None:
    budget = Budget(steps=100_000)
    with pytest.raises(LimitError, match="steps"):
        compile_pattern(pattern, budget).find_all(budget, text)


def test_long_pattern_costs_steps() -> None:
    with pytest.raises(LimitError, match="steps"):
        compile_pattern(b"a" * 2_000_000, Budget())


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        pytest.param(b"a{1000}" * 101, "needs more than 100000 instructions", id="instructions"),
        pytest.param(b"[" + b"\\pL" * 200_000 + b"]", "too large", id="class"),
        pytest.param(b"(?i)[" + b"0-\\x{10FFFF}" * 10_000 + b"]", "too large", id="folded-class"),
        pytest.param(b"|".join(chr(0x4E00 + 2 * n).encode() for n in range(5_000)), "too large", id="alternatives"),
        pytest.param(b"(?:" * 5_000 + b"a*" + b"b*)" * 5_000, "too large", id="flattened-groups"),
        pytest.param(b"".join(b"[^\\x{%x}]" % n for n in range(0x4E00, 0x5200)), "overlap too much", id="overlap"),
    ],
)
def test_large_pattern_is_refused(pattern: bytes, words: str) -> None:
    with pytest.raises(LimitError, match=words):
        Regexp(pattern)


def test_long_literal() -> None:
    text = b"ab" * 45_000
    assert Regexp(text).find(Budget(), b"a" + text + b"c") == text


def test_go_refuses_larger_ones_itself() -> None:
    with pytest.raises(PatternError, match="expression too large"):
        Regexp(b"a{1000}" * 3_400)


@pytest.mark.parametrize(
    ("pattern", "size", "replacement"),
    [
        pytest.param(b"a+", 60_000, b"$0" * 20, id="whole-match"),
        pytest.param(b"(a+)", 60_000, b"${1}$1" * 10, id="capture"),
        pytest.param(b"a", 200, b"x" * 100_000, id="text"),
        pytest.param(b"a", 5_000, b"$0" * 500, id="many-matches"),
    ],
)
def test_size_of_a_replacement_is_limited(pattern: bytes, size: int, replacement: bytes) -> None:
    with pytest.raises(LimitError, match=r"more than 1 MiB of values|16 MiB"):
        compile_pattern(pattern).replace_all(Budget(memory=1 << 20), b"a" * size, replacement)


def test_replacement_of_many_pieces() -> None:
    assert compile_pattern(b"a").replace_all(Budget(), b"ab" * 5_000, b"<$0>") == b"<a>b" * 5_000


def test_list_of_matches_is_limited() -> None:
    regexp = compile_pattern(b"a")
    for list_parts in (regexp.find_all, regexp.split):
        assert list_parts(Budget(memory=1 << 20), b"a" * 2_000)
        with pytest.raises(LimitError, match="of values"):
            list_parts(Budget(memory=1 << 16), b"a" * 2_000)


@pytest.mark.parametrize("depth", [pytest.param(depth, id=str(depth)) for depth in (500, 998)])
def test_nesting_needs_no_recursion(depth: int) -> None:
    regexp = Regexp(b"(?:" * depth + b"a|bc" + b")*" * depth)
    assert regexp.find(Budget(), b"xabcabcd") == b""
    assert regexp.find_all(Budget(), b"xabcabcd") == [b"", b"abcabc", b""]


def test_alphabet_larger_than_a_byte() -> None:
    text = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 400))
    regexp = Regexp(("(" + ")?(".join(text) + ")?(.)").encode())
    assert regexp.replace_all(Budget(), f"{text}é".encode(), b"$401|$400|$0") == f"é|{text[-1]}|{text}é".encode()
    assert regexp.find_all(Budget(), "\u4e01x\u4e00".encode()) == ["\u4e01x".encode(), "\u4e00".encode()]


def test_more_runes_than_are_remembered() -> None:
    text = "".join(chr(code) for code in range(0x10000, 0x18000))
    regexp = Regexp(rb"\PL+")
    assert b"".join(regexp.find_all(Budget(), (text + "-").encode())).endswith(b"-")
    assert len(regexp.forward.graph.alphabet) == 0
    assert regexp.find(Budget(), b"a-b") == b"-"


def test_machines_that_forget_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern, text = rb"(\w+?)(\d*)(?:x|\b)", b"abc12 x1y22x _3 aaa bbb99x " * 5
    usual = Regexp(pattern)
    expected = usual.replace_all(Budget(), text, b"<$1|$2>")
    monkeypatch.setattr(forward, "WEIGHT_LIMIT", 50)
    monkeypatch.setattr("vault_secrets_webhook.gotemplate.regexp.backward.WEIGHT_LIMIT", 50)
    forgetful = Regexp(pattern)
    assert forgetful.replace_all(Budget(), text, b"<$1|$2>") == expected
    assert len(forgetful.forward.states) < len(usual.forward.states)
    assert len(forgetful.backward.states) < len(usual.backward.states)


def test_patterns_are_kept() -> None:
    assert compile_pattern(b"kept") is compile_pattern(b"kept")


def test_cache_is_bounded() -> None:
    for number in range(3 * expression.CACHE_SIZE):
        compile_pattern(b"p%d" % number)
    compile_pattern(b"a" * (expression.CACHED_PATTERN_LIMIT + 1))
    assert len(expression.CACHE) == expression.CACHE_SIZE
    assert max(map(len, expression.CACHE)) <= expression.CACHED_PATTERN_LIMIT


def test_no_match() -> None:
    regexp = Regexp(b"a(b)?")
    assert regexp.find(Budget(), b"x") is None
    assert regexp.replace_all(Budget(), b"x", b"<$0|$1>") == b"x"
    assert regexp.replace_all(Budget(), b"xa", b"<$0|$1>") == b"x<a|>"
    assert regexp.find_all(Budget(), b"x") == []
    assert regexp.split(Budget(), b"x", 0) is None


def test_error_keeps_the_bytes_of_the_pattern() -> None:
    with pytest.raises(PatternError) as caught:
        compile_pattern(b"[a\xff")
    assert str(caught.value) == "error parsing regexp: invalid UTF-8: `\udcff`"
    assert not caught.value.is_constant


def test_quote_meta() -> None:
    assert quote_meta(b"a.b\xff[c]") == b"a\\.b\xff\\[c\\]"


@pytest.mark.parametrize(
    ("pattern", "loaded"),
    [
        pytest.param(r"(?i)^[a-z]+\d@(\w*)$", [], id="ascii"),
        pytest.param(r"(?i)é", ["folds"], id="folding"),
        pytest.param(r"\pL", ["categories"], id="category"),
        pytest.param(r"\p{Greek}", ["categories", "scripts"], id="script"),
    ],
)
def test_tables_are_loaded_when_needed(pattern: str, loaded: list[str]) -> None:
    program = (
        "import sys\n"
        "from vault_secrets_webhook.gotemplate.regexp import compile_pattern\n"
        "compile_pattern(sys.argv[1].encode())\n"
        "print(*(name for name in ('folds', 'categories', 'scripts', 'typing', 're') if name in sys.modules"
        " or 'vault_secrets_webhook.gotemplate.regexp.' + name in sys.modules))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-S", "-c", program, pattern],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "src"},
    )
    assert answer.stdout.split() == loaded
