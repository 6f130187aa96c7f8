"""Roles that are Go templates, over the facts of a pod."""

from __future__ import annotations

import pytest

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.role import is_template, parse_role_template, render_role

FACTS = {"authmethod": "jwt", "name": "shop-0", "namespace": "till", "path": "kubernetes", "serviceaccount": ""}


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("{{ .namespace }}-{{ .name }}", "till-shop-0"),
        ("{{ .authmethod }}/{{ .path }}", "jwt/kubernetes"),
        ('{{ .namespace | upper | replace "L" "x" }}', "TIxx"),
        ('{{ .serviceaccount | default "none" }}', "none"),
        ('{{ if eq .namespace "till" }}cash{{ else }}other{{ end }}', "cash"),
        ('{{ regexReplaceAll "-[0-9]+$" .name "" }}', "shop"),
    ],
)
def test_role(text: str, role: str) -> None:
    assert is_template(text)
    parse_role_template(text)
    assert render_role(text, FACTS) == role


REFUSED = [
    pytest.param("{{ .cluster }}", '<.cluster>: map has no entry for key "cluster"', id="unknown-key"),
    pytest.param("{{ .name.first }}", "can't evaluate field first", id="no-map"),
    pytest.param("{{ .serviceaccount }} ", "empty name; it was given authmethod='jwt', name='shop-0',", id="empty"),
    pytest.param('{{ fail "no" }}', "error calling fail: no", id="fails"),
    pytest.param('{{ "/w==" | b64dec }}', "not UTF-8", id="bytes"),
    pytest.param("{{ range until 1000000 }}x{{ end }}", "the template makes more than 1 MiB of values", id="memory"),
    pytest.param("{{ range 1000000 }}{{ end }}x", "the template takes more than 20000 steps", id="steps"),
    pytest.param("{{ genPrivateKey `rsa` }}", "the template takes more than 20000 steps", id="slow-function"),
    pytest.param('{{ env "HOME" }}', 'function "env" not defined: it reads environment variables', id="environment"),
    pytest.param('{{ file "/etc/passwd" }}', 'function "file" not defined: it reads files', id="file"),
    pytest.param('{{ getHostByName "x" }}', 'function "getHostByName" not defined: it asks the name', id="network"),
    pytest.param("{{ .name }}\n", r"makes 'shop-0\n', which is no name of a role; it was given", id="line-break"),
    pytest.param('{{ "a\\x00b" }}', r"makes 'a\x00b', which is no name", id="NUL"),
    pytest.param('{{ index . "x" }}', "makes '<no value>', which is no name", id="no-value"),
    pytest.param('{{ fail "\\xff\\n" }}', r"error calling fail: \udcff\n", id="unprintable-words"),
    pytest.param("{{ .name", "unclosed action", id="syntax"),
    pytest.param("{{ .name }}" * 1000, "too long", id="long"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        render_role(text, FACTS)
    assert str(caught.value).startswith("the template of the role (annotation vault-role, or VAULT_ROLE)")
    assert words in str(caught.value)


def test_message_of_a_template_is_cut() -> None:
    with pytest.raises(Refused) as caught:
        render_role('{{ fail (repeat 100000 "x") }}', FACTS)
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("text", ["", "shop", "{.name}", "}}"])
def test_what_is_no_template(text: str) -> None:
    assert not is_template(text)
