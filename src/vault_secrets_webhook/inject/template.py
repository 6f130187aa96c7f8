"""The templates of references: Go's, with the delimiters `${` and `}`, over the data of a secret.

Imported only where a reference has one.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError
from vault_secrets_webhook.gotemplate import Template
from vault_secrets_webhook.gotemplate.values import JsonNumber
from vault_secrets_webhook.wire.jsontext import Number

from .resolve import encode_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.functions import FunctionSet
    from vault_secrets_webhook.wire.jsontext import JSON

DELIMITERS = ("${", "}")
# What errors call it: `template: config:1:5: ...`, as those that people look for do.
NAME = "config"


def parse_template(text: str, functions: FunctionSet | None = None) -> Template:
    """Parse the template of a reference. Raises TemplateError. Without `functions` it may call all that vault-env has."""
    if functions is None:
        from vault_secrets_webhook.gotemplate.functionsets import IN_POD

        functions = IN_POD
    return Template(text, name=NAME, delims=DELIMITERS, functions=functions)


def fill(template: Template, data: JSON) -> bytes:
    """Render a template over the data of a secret. Raises TemplateError."""
    try:
        values = encode_data(data)
    except RecursionError:
        raise TemplateError(f"template: {NAME}: the secret is nested too deep") from None
    return template.execute_value(values)


def encode_data(value: JSON) -> object:
    """Give the Go value of JSON; numbers stay as they are written."""
    match value:
        case Number():
            return JsonNumber(value.encode())
        case str():
            return encode_text(value)
        case list():
            return [encode_data(item) for item in value]
        case dict():
            return {encode_text(key): encode_data(item) for key, item in value.items()}
    return value
