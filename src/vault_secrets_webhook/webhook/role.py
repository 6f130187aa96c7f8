"""The role that a pod logs in with, when its annotation is a Go template.

A template is text that whoever may create a pod wrote, and it is rendered in the middle of a review: so it may call
pure functions only, may not be long, and may not compute for long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.errors import Refused, TemplateError
from vault_secrets_webhook.gotemplate import Template
from vault_secrets_webhook.gotemplate.functionsets import IN_WEBHOOK
from vault_secrets_webhook.gotemplate.limits import Budget

from .message import escape, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .options import Options

OPEN = "{{"
NO_VALUE = "<no value>"
NAME = "vault-role"
SOURCE = "the template of the role (annotation vault-role, or VAULT_ROLE)"
MOST_CHARACTERS = 2_000
LONGEST_MESSAGE = 1_000
MOST_STEPS = 20_000
MOST_MEMORY = 1 << 20


class Owner(NamedTuple):
    """The object that somebody logs in for. `name` is empty where the API server is to make one up."""

    namespace: str
    name: str


def is_template(text: str) -> bool:
    """Tell whether the text of a role is a template."""
    return OPEN in text


def parse_role_template(text: str) -> Template:
    """Parse a role's template. Raises TemplateError."""
    if len(text) > MOST_CHARACTERS:
        raise TemplateError(f"template: {NAME}: more than {MOST_CHARACTERS} characters are too long for a role")
    return Template(text, name=NAME, missingkey="error", functions=IN_WEBHOOK)


def execute_role_template(template: Template, data: object) -> bytes:
    """Give what a role's template writes. Raises TemplateError."""
    return template.execute(data, Budget(MOST_STEPS, MOST_MEMORY))


def find_role(options: Options, owner: Owner, method: str, default: str) -> str:
    """Give the role to log in with by an auth method, `default` where none is said. Raises Refused."""
    if not is_template(options.vault_role):
        return options.vault_role or default
    facts = {
        "authmethod": method,
        "name": owner.name,
        "namespace": owner.namespace,
        "path": options.vault_path,
        "serviceaccount": options.vault_serviceaccount,
    }
    return render_role(options.vault_role, facts)


def render_role(text: str, facts: Mapping[str, str]) -> str:
    """Give the role that a template makes of the facts of a pod.

    They are `authmethod`, `name`, `namespace`, `path` and `serviceaccount`. Raises Refused for a template that fails
    and for one that makes no role.
    """
    try:
        role = execute_role_template(parse_role_template(text), dict(facts)).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{SOURCE} makes a name that is not UTF-8") from None
    except TemplateError as error:
        raise Refused(f"{SOURCE}: {escape(str(error)[:LONGEST_MESSAGE])}") from None
    if not role.strip():
        raise Refused(f"{SOURCE} makes an empty name; it was given {describe(facts)}")
    if not role.isprintable() or NO_VALUE in role:
        raise Refused(f"{SOURCE} makes {show(role)}, which is no name of a role; it was given {describe(facts)}")
    return role


def describe(facts: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(facts.items()))
