"""The annotation with variables for agents."""

from __future__ import annotations

from typing import Any

import pytest

from vault_secrets_webhook.webhook.agent_variables import parse_agent_variables

SOURCE = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}
READ: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("nothing", "", []),
    ("white space", " \n", []),
    ("empty array", "[]", []),
    ("usual", '[{"name": "A", "value": "b"}]', [{"name": "A", "value": "b"}]),
    ("as Go reads it", '[{"Name": "A", "VALUE": "b"}]', [{"name": "A", "value": "b"}]),
    ("without a value", '[{"name": "A"}]', [{"name": "A"}]),
    ("null", '[{"name": "A", "value": null}]', [{"name": "A"}]),
    (
        "source",
        '[{"name": "A", "valuefrom": {"SecretKeyRef": {"Name": "s", "KEY": "k", "optional": true}}}]',
        [{"name": "A", "valueFrom": SOURCE}],
    ),
    (
        "field",
        '[{"name": "A", "valueFrom": {"fieldRef": {"fieldpath": "spec.nodeName"}}}]',
        [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
    ),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_read(text: str, expected: list[dict[str, Any]]) -> None:
    assert parse_agent_variables(text) == tuple(expected)


WRONG = [
    ("no JSON", "A=canary", "not JSON"),
    ("half", '[{"name": "A", "value": "canary"', "not JSON"),
    ("nested too deep", "[" * 100_000, "not JSON"),
    ("object", '{"name": "A", "value": "canary"}', "Expected `array`"),
    ("texts", '["A=canary"]', "Expected `object`"),
    ("no name", '[{"value": "canary"}]', "`name`"),
    ("empty name", '[{"name": "", "value": "canary"}]', "element 0"),
    ("name with =", '[{"name": "A"}, {"name": "A=", "value": "canary"}]', "element 1"),
    ("number", '[{"name": "A", "value": 1}]', "Expected `str"),
    ("unknown member", '[{"name": "A", "text": "canary"}]', "unknown field `text`"),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_wrong_is_said_without_the_values(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        parse_agent_variables(text)
    assert "write a JSON array like" in str(error.value)
    assert "canary" not in str(error.value)
