"""How references are told from other texts, for each provider.

References to Vault and OpenBao have one grammar, which is `inject.reference`, with different schemes. Those to AWS are
names of AWS itself (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html) and always a value as a
whole: what is behind their beginning, secret-init in the container finds out.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vault_secrets_webhook.inject.reference import BAO_SCHEME, SCHEME, has_reference, parse

from .flavour import AWS, BAO, VAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.webhook.options import Options

ARNS = ("arn:aws:secretsmanager:", "arn:aws:ssm:")
# What nearly all references look like, `vault:path#key`. Whatever this matches, `parse` takes (a property test proves
# it), and a match costs a tenth of it.
PLAIN_REST = r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)+#[A-Za-z0-9_.-]+"


class Grammar(NamedTuple):
    """What a reference is. `mark` is a text that every reference has in it: looking for it is the fastest first look.

    `plain` matches the usual ones as a whole, `has_reference` tells of any text whether one is in it, right or wrong,
    and `parse` reads it, where there is something to be read. `other` is a scheme that its author may have meant.
    `before_colon` are the letters before the first colon of what may be meant as a reference: one look tells most texts
    from those. `example` is what to write.
    """

    mark: str
    plain: re.Pattern[str]
    has_reference: Callable[[str], bool]
    parse: Callable[[str], tuple[Part, ...]] | None
    other: str | None
    before_colon: str
    example: str


def build_grammar(scheme: str, other: str) -> Grammar:
    """Make the grammar of references with a scheme, `vault:` or `bao:`."""
    schemes = (scheme,)
    return Grammar(
        scheme,
        re.compile(scheme + PLAIN_REST),
        partial(has_reference, schemes=schemes),
        partial(parse, schemes=schemes),
        other,
        scheme[-2] + scheme[-2].upper(),
        scheme + "PATH#KEY",
    )


def is_arn(text: str) -> bool:
    """Tell whether a value is the name of a secret or a parameter of AWS."""
    return text.startswith(ARNS)


OF_VAULT = build_grammar(SCHEME, BAO_SCHEME)._replace(has_reference=has_reference, parse=parse)  # the usual case
OF_BAO = build_grammar(BAO_SCHEME, SCHEME)
OF_AWS = Grammar(
    mark="arn:aws:s",
    plain=re.compile(r"arn:aws:(secretsmanager|ssm):.*", re.DOTALL),
    has_reference=is_arn,
    parse=None,
    other=None,
    before_colon="",  # an ARN may be meant for the application
    example=ARNS[0] + "...",
)
GRAMMARS = {"": OF_VAULT, VAULT: OF_VAULT, BAO: OF_BAO, AWS: OF_AWS}


def find_grammar(options: Options) -> Grammar:
    """Find the grammar of a pod's references by its options."""
    return GRAMMARS[options.provider]


def has_scheme(text: str, scheme: str) -> bool:
    """Tell whether a text would have a reference if this scheme was the right one."""
    return scheme in text and has_reference(text, (scheme,))
