"""Templates: what is parsed prints to a template that prints the same, and arbitrary text raises only TemplateError."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from vault_secrets_webhook.errors import TemplateError
from vault_secrets_webhook.gotemplate.parse import locate, parse
from vault_secrets_webhook.gotemplate.values import decode, encode

FUNCTIONS = frozenset(("print", "len", "and"))

# A template by its grammar, without braces outside of actions: Go too prints `{` before `{{.a}}` to something else.
TEXTS = st.text(st.sampled_from('ab \n-é$}/*"`\udcff'), max_size=4)
CONSTANTS = st.sampled_from(
    [
        *(
            "1",
            "-1",
            "0x1F",
            "1_0",
            "1.5e3",
            "2i",
            "1+2i",
            "'a'",
            r"'\n'",
            "true",
            "nil",
            '""',
            r'"\"}}\xff"',
            "`}}\n`",
        ),
        *(".", "$", ".a", ".a.b", "$.a", ".é", "len"),
    ]
)
SPACED = st.sampled_from(["", " ", "\n", " \t "])
OPENINGS = st.sampled_from(["{{", "{{ ", "{{- ", "{{-\n"])
ENDINGS = st.sampled_from(["}}", " }}", " -}}", "\n-}}"])


def join(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


def act(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return join(OPENINGS, *parts, ENDINGS)


def extend_operand(operand: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return join("(", SPACED, chain(operand), ")", st.sampled_from(["", ".f", ".f.g"]))


def chain(operand: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A pipeline of functions behind an operand."""
    stage = join(st.sampled_from([" | ", "|"]), st.sampled_from(["print", ".m"]), SPACED)
    called = join(st.sampled_from(["print ", "and "]), operand, st.sampled_from([" ", "\n"]), operand)
    return join(operand | called, st.lists(stage, max_size=2).map("".join))


PIPELINES = chain(st.recursive(CONSTANTS, extend_operand, max_leaves=4))


def extend_items(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    named = st.sampled_from(['"b"', "`c`", r'"\xff"'])
    declared = st.sampled_from(["", "$x := ", "$i, $x := "])
    return st.lists(
        st.one_of(
            *(join(act(word, " ", PIPELINES), items, act("end")) for word in ("if", "with")),
            join(act("if ", PIPELINES), items, act("else if ", PIPELINES), items, act("else"), items, act("end")),
            join(act("with $x := ", PIPELINES), items, act("$x"), act("else with $x"), items, act("end")),
            join(act("range ", declared, PIPELINES), items, act(st.sampled_from(["break", "continue"])), act("end")),
            join(act("$y := ", PIPELINES), items, act("$y = ", PIPELINES)),
            act("template ", named, " ", PIPELINES | st.just("")),
            join("{{/* ", st.sampled_from(["", "}}", "\n"]), " */", st.sampled_from(["}}", " -}}"])),
        ),
        min_size=1,
        max_size=3,
    ).map("".join)


ITEMS = st.recursive(TEXTS | act(PIPELINES), extend_items, max_leaves=6)
DEFINITIONS = join(act('define "d"'), ITEMS, act("end")) | join(act('block "e" .'), ITEMS, act("end")) | st.just("")
TEMPLATES = join(ITEMS, DEFINITIONS, ITEMS)

# Pieces that the grammar knows, in any order: chance comes near to templates, and past every error.
PIECES = st.sampled_from(
    [
        *("{{", "}}", "${", "}", "{", "- ", " -", "/*", "*/", " ", "\n", "(", ")", "|", ":=", "=", ",", ".", "$", "$x"),
        *(
            "if ",
            "else ",
            "end",
            "range ",
            "with ",
            "define ",
            "block ",
            "template ",
            "break",
            "continue",
            "nil",
            "true",
        ),
        *(
            '"a"',
            "`",
            '"',
            "'",
            "\\",
            "\\x",
            "1",
            "0x",
            "e",
            "_",
            "+",
            "i",
            ".a",
            "print",
            "é",
            "²",
            "\0",
            "\udcff",
            "!",
        ),
    ]
)
NEARLY = st.lists(PIECES, max_size=16).map("".join)
DELIMITERS = st.sampled_from(["", "{{", "}}", "${", "}", "«", "(", ")", "a", "1", ".", "$", "|", '"', "-", "\n", "é"])


def print_all(text: str) -> dict[str, str]:
    return {name: str(tree) for name, tree in parse("main", text, "", "", FUNCTIONS.__contains__).items()}


@given(TEMPLATES)
def test_print_is_stable(text: str) -> None:
    for printed in print_all(text).values():
        assert print_all(printed)["main"] == printed


@given(NEARLY, DELIMITERS, DELIMITERS)
@example("{{if .}}{{else if .}}", "", "")
@example("{{/*", "", "")
@example("{{'\\", "", "")
@example("-", "-", "-")
def test_arbitrary_text_raises_only_template_errors(text: str, left: str, right: str) -> None:
    with suppress(TemplateError):
        for tree in parse("main", text, left, right, FUNCTIONS.__contains__).values():
            assert encode(str(tree)) is not None


@given(st.binary(max_size=40), st.binary(max_size=2), st.binary(max_size=2))
def test_arbitrary_bytes_raise_only_template_errors(raw: bytes, left: bytes, right: bytes) -> None:
    """The error names a line that exists."""
    text = decode(raw)
    try:
        parse("main", text, decode(left), decode(right), FUNCTIONS.__contains__)
    except TemplateError as error:
        line = int(str(error).split(":")[2])
        assert 1 <= line <= 1 + text.count("\n")


@given(st.text(st.sampled_from("a\né\udcff")), st.data())
def test_places_count_bytes(text: str, data: st.DataObject) -> None:
    pos = data.draw(st.integers(0, len(text)))
    line, column = locate(text, pos)
    lines = encode(text).split(b"\n")
    assert sum(len(before) + 1 for before in lines[: line - 1]) + column == len(encode(text[:pos]))
