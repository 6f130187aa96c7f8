"""Little that would become much, in functions that templates call: each ends in words about a limit."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.gotemplate import Template, TemplateError
from vault_secrets_webhook.gotemplate.limits import Budget

STEPS = r"the template takes more than 20000 steps$"
MEMORY = r"the template makes more than 1 MiB of values$"

# Fourteen maps, each of which holds the one before twice, so that the last of them prints as a megabyte; and a map that
# holds itself.
SHARED = '{{ $v := dict "a" 1 }}{{ range 14 }}{{ $v = dict "a" $v "b" $v }}{{ end }}'
CYCLE = '{{ $v := dict }}{{ $_ := set $v "a" $v }}{{ $w := dict }}{{ $_ := set $w "a" $w }}'


def execute(text: str) -> bytes:
    """Render with as little as the webhook grants to the template of a role."""
    return Template(text).execute({}, Budget(20_000, 1 << 20))


def check_refusal(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        execute(text)


@pytest.mark.parametrize(
    "call",
    [
        *("cat $v", "quote $v", "squote $v", "toString $v", 'join "" $v', "sortAlpha $v", "toStrings $v", "dict $v 1"),
        *("toDecimal $v", "eq $v $v", "print $v", 'printf "%d" $v', "html $v", "js $v", "urlquery $v", "toJson $v"),
        *("list $v | sortAlpha", "deepCopy $v", "mergeOverwrite $v $v", "merge $v $v"),
        *('genSelfSignedCert "a" (list $v) nil 1', 'genSelfSignedCert "a" nil (list $v) 1'),
    ],
)
def test_what_is_shared_is_written_or_walked_through_each_time(call: str) -> None:
    check_refusal(f"{SHARED}{{{{ {call} }}}}", f"error calling .*({STEPS}|{MEMORY})")


@pytest.mark.parametrize(
    "call",
    [
        *("$v", "print $v", 'printf "%#v" $v', "quote $v", "toString $v", "cat $v", "dict $v 1", "eq $v $v", "html $v"),
        *("toDecimal $v", "deepCopy $v", "merge $v $w", "mergeOverwrite $v $w", "list $v | sortAlpha", "mustToJson $v"),
    ],
)
def test_what_holds_itself_has_an_end(call: str) -> None:
    words = f"nested too deep$|encountered a cycle via map|{STEPS}|{MEMORY}"
    check_refusal(f"{CYCLE}{{{{ {call} }}}}", words)


@pytest.mark.parametrize("call", ["deepEqual $v $w", "uniq (list $v $w) | len | eq 1", "has $v (list $w)"])
def test_what_holds_itself_compares(call: str) -> None:
    assert execute(f"{CYCLE}{{{{ {call} }}}}") == b"true"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{{ shuffle (repeat 30000 "a") }}', STEPS, id="runes-are-steps"),
        pytest.param('{{ repeat 9000 "a" | shuffle | shuffle }}', MEMORY, id="runes-are-elements"),
        pytest.param('{{ regexReplaceAll "a" "a" (repeat 40000 "$1") }}', STEPS, id="bytes-of-a-replacement"),
        pytest.param('{{ regexReplaceAll "a" "a" (repeat 20000 "$1") }}', MEMORY, id="parts-of-a-replacement"),
        pytest.param('{{ initials (repeat 40000 "a ") }}', MEMORY, id="words-are-elements"),
        pytest.param('{{ clean (repeat 40000 "a/") }}', MEMORY, id="parts-of-paths-are-elements"),
        pytest.param('{{ dir (repeat 40000 "a/") }}', MEMORY, id="parts-of-directories-are-elements"),
        pytest.param("{{ dict (until 12000) 1 (until 12000) 2 }}", MEMORY, id="keys-that-are-written"),
        pytest.param('{{ semverCompare (repeat 10000 "1||") "1" }}', f"{STEPS}|{MEMORY}", id="constraints"),
        pytest.param('{{ range 10000 }}{{ bcrypt "a" }}{{ end }}', STEPS, id="bcrypt"),
        pytest.param('{{ bcrypt "a\\x00" }}', STEPS, id="bcrypt-that-is-computed-here"),
        pytest.param(
            '{{ $l := fromJson (print "[" (repeat 6000 "1,") "1]") }}{{ genSelfSignedCert "a" $l $l 1 }}',
            STEPS,
            id="names-of-certificates",
        ),
    ],
)
def test_much_is_refused(text: str, words: str) -> None:
    check_refusal(text, words)


def test_long_versions() -> None:
    """Their words are compared one by one, and no step would be taken for those of a receiver."""
    version = '{{ $v := semver (print "1.2.3-" (repeat 20000 "1.") "%d") }}'
    check_refusal(version % 1 + "{{ range 100 }}{{ $_ := $v.Compare $v }}{{ end }}", STEPS)
    too_long = "a version may not have more than 65536 bytes$"
    check_refusal('{{ semver (print "1.2.3-" (repeat 65531 "1")) }}', too_long)
    check_refusal('{{ (semver "1.2.3").SetPrerelease (repeat 65537 "1") }}', too_long)
    check_refusal('{{ semverCompare (print "1.2.3-" (repeat 65531 "1")) "1.2.3" }}', too_long)


def test_many_comparisons_of_a_long_version() -> None:
    text = (
        '{{ $p := print (repeat 8000 "a.") "a" }}{{ semverCompare (print (repeat 300 ">1-b||") ">2") (print "1-" $p) }}'
    )
    check_refusal(text, STEPS)


def test_names_of_a_certificate_are_measured_before_it_is_made() -> None:
    text = '{{ $k := genPrivateKey "ecdsa" }}{{ genCAWithKey (repeat 7000000 "a") 1 $k }}'
    with pytest.raises(TemplateError, match=r"the result would be larger than 16 MiB$"):
        Template(text).execute({})


@pytest.mark.parametrize("call", ['js (repeat 3000000 "<")', 'html (repeat 4200000 "<")'])
def test_escapes_are_measured(call: str) -> None:
    with pytest.raises(TemplateError, match=r"the result would be larger than 16 MiB$"):
        Template(f"{{{{ {call} }}}}").execute({})


def test_the_whole_output_may_be_one_string() -> None:
    assert len(Template('{{ repeat 16777216 "x" }}').execute({})) == 16 << 20
