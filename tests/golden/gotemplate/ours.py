"""What our renderer makes of a case, in the form of Go's answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from vault_secrets_webhook.gotemplate import BUILTINS, TemplateError, render_bytes
from vault_secrets_webhook.gotemplate.functions import Function
from vault_secrets_webhook.gotemplate.parse import parse
from vault_secrets_webhook.gotemplate.sprig import SPRIG
from vault_secrets_webhook.gotemplate.sprig.environment import ACCESSOR

if TYPE_CHECKING:
    from tests.servers.template_oracle import Answer, Case


class OracleFunctions:
    """What the program in Go offers: Sprig and `accessor`."""

    def get(self, name: str) -> Function | None:
        return Function(name, *ACCESSOR[name]) if name in ACCESSOR else SPRIG.get(name)


def render_case(case: Case) -> Answer:
    """What we make of a case, in the form of Go's answer."""
    raw = base64.b64decode(case["text_base64"]) if case.get("text_base64") else case.get("text", "").encode()
    text = raw.decode("utf-8", "surrogateescape")
    delims = case.get("left", ""), case.get("right", "")
    name = case.get("name") or "template"
    try:
        if case.get("parse_only"):
            left, right = delims[0] or "{{", delims[1] or "}}"
            templates = parse(name, text, left, right, lambda name: name in BUILTINS or name in SPRIG)
            return carry(case["id"], "output", str(templates[name]) if name in templates else "")
        missingkey = case.get("missingkey") or "default"
        output = render_bytes(
            text, case.get("data"), name=name, delims=delims, missingkey=missingkey, functions=OracleFunctions()
        )
    except TemplateError as error:
        return carry(case["id"], "error", str(error))
    return carry(case["id"], "output", output.decode("utf-8", "surrogateescape"))


def carry(identity: str, member: str, text: str) -> Answer:
    raw = text.encode("utf-8", "surrogateescape")
    answer: dict[str, str] = {"id": identity, "output": ""}
    try:
        answer[member] = raw.decode()
    except UnicodeDecodeError:
        answer[f"{member}_base64"] = base64.b64encode(raw).decode()
    return answer  # type: ignore[return-value] # the members are those of Answer
