"""Reads the annotations of an object, and the defaults that stand in the environment of the webhook.

Both families of `annotation_table` come to the same `Options`. What an annotation chooses is checked against the
operator's policy; what the operator himself chose is not. Nothing here knows about pods.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from vault_secrets_webhook.errors import ConfigurationError, Refused

from .annotation_table import FAMILIES, MARK, NEW_PREFIX, PREFIX, TABLE, Annotation, swap_start
from .message import show
from .options import Options
from .policy import CHECKS, ROLE, SKIP_VERIFY
from .refusals import Refusals
from .role import find_role
from .values import parse_provider

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .annotation_table import Family, Setting
    from .policy import Policies, Policy
    from .role import Owner

__all__ = ["NEW_PREFIX", "PREFIX"]

MUTATE = PREFIX + "mutate"
NEW_MUTATE = NEW_PREFIX + "mutate"
PROVIDER = NEW_PREFIX + "provider"
SKIP, CHANGE = "skip", "true"
# Written by us: the names of the containers whose command starts vault-env, in the order of the pod.
INJECTED = PREFIX + MARK
NO_PROVIDER = f"annotations {NEW_PREFIX}... have no effect without {PROVIDER}: write vault, bao or aws there"
# Manifests for Bank-Vaults' webhook have it without an effect, and go on working.
STAYS_CHECKED = (
    "the certificate is checked all the same, because the operator has not set VAULT_ALLOW_OBJECT_SKIP_VERIFY"
)
WANTS_MUTATION = frozenset(("", CHANGE))
MOST_WARNINGS = 10
LONGEST_KEY = 317  # a DNS subdomain, `/` and 63 characters: `validation.IsQualifiedName`
LONGEST_MESSAGE = 1000
# A key of either family -> what it decides, for defaults that another key of the same question takes the place of.
QUESTIONS = {
    key: row.field or row.new or row.suffix
    for family in FAMILIES.values()
    for key, row in (*family.predecessors.items(), *family.keys.items())
}

# What one family calls a question, and what the other one does -> the question, for authors who mix them up.
ROWS = {name: row for row in TABLE for name in (row.suffix, row.new) if name}


class Defaults(NamedTuple):
    """What holds for objects without annotations: the provider, and the options of each provider."""

    provider: str
    options: Mapping[str, Options]

    def of(self, provider: str) -> Options:
        """Give the options of a provider, of vault-env where it is empty."""
        return self.options[provider]


class Choice(NamedTuple):
    """What an annotation says, and how messages name it."""

    key: str
    value: Any


class Reading(msgspec.Struct):
    """What an object's annotations come to: options, sentences for its author, and what is wrong.

    `role_key` is the annotation that chose the role, empty when the operator did; `policy` is what it is held against.
    """

    options: Options
    warnings: list[str]
    refusals: Refusals
    policy: Policy
    namespace: str = ""
    role_key: str = ""

    def find_role(self, owner: Owner, method: str, default: str) -> str:
        """Give the role to log in with, `default` where none is said.

        Raises Refused when a template makes none, and when an annotation chose one, by name or by template, that it
        must not.
        """
        role = find_role(self.options, owner, method, default)
        if self.role_key:
            self.policy.check_choice(ROLE, self.role_key, role, self.namespace)
        return role


def read_defaults(environ: Mapping[str, str]) -> Defaults:
    """Read what holds for objects without annotations. An empty variable counts as absent.

    Raises ConfigurationError naming the variable.
    """
    options = {name: Options(provider=name, **read_family(family, environ)) for name, family in FAMILIES.items()}
    try:
        return Defaults(parse_provider(environ.get("PROVIDER", "")), options)
    except ValueError as error:
        raise ConfigurationError(f"PROVIDER: {error}") from None


def read_family(family: Family, environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the fields of Options as the environment has them for a provider."""
    return {one.row.field: read_default(one, environ) for one in family.settings if one.row.field}


def read_default(setting: Setting, environ: Mapping[str, str]) -> Any:
    variable = next((name for name in setting.variables if environ.get(name)), "")
    try:
        return setting.row.parse(environ[variable] if variable else setting.default)
    except ValueError as error:
        raise ConfigurationError(f"{variable}: {error}") from None


def find_reason_to_skip(annotations: Mapping[str, str], *, opt_in: bool, needs_provider: bool) -> str:
    """Tell why an object is none of our business, by a word for metrics; empty when it is.

    `opt_in` and `needs_provider` are the operator's: only objects that ask for it are changed, and only those with a
    provider (as Bank-Vaults' second webhook does).
    """
    wish = annotations.get(MUTATE)
    new_wish = annotations.get(NEW_MUTATE)
    if SKIP in (wish, new_wish):
        return "skipped"
    if opt_in and CHANGE not in {wish, new_wish}:
        return "not-opted-in"
    return "no-provider" if needs_provider and not annotations.get(PROVIDER) else ""


def merge_defaults(defaults: Mapping[str, str], annotations: Mapping[str, str]) -> Mapping[str, str]:
    """Give an object's annotations with the defaults of its namespace for questions that it does not answer itself."""
    answered = {QUESTIONS.get(key, key) for key in annotations}
    added = {key: text for key, text in defaults.items() if QUESTIONS.get(key, key) not in answered}
    added.pop(INJECTED, None)  # a fact about one pod
    return {**added, **annotations}


def read_annotations(
    annotations: Mapping[str, str],
    defaults: Defaults,
    policies: Policies,
    namespace: str = "",
    own: Mapping[str, str] | None = None,
) -> Reading:
    """Read the annotations of an object of a namespace; those of others are passed over.

    `own` are those that stand on the object itself, where these are not all: of others a message says where they are.
    What is wrong counts as absent and is among the refusals: 403 for what the operator does not allow, 422 for what
    cannot be read. Raises Refused when that is a lot.
    """
    refusals = Refusals()
    provider = defaults.provider
    if PROVIDER in annotations:
        provider = read_provider(annotations[PROVIDER], refusals) or provider
    policy = policies.of(provider, namespace)
    reading = Reading(defaults.of(provider), [], refusals, policy, namespace)
    inherited = frozenset() if own is None or own is annotations else annotations.keys() - own.keys()
    if choices := choose(annotations, FAMILIES[provider], inherited, reading):
        changes = apply_policy(choices, reading)
        reading.options = msgspec.structs.replace(reading.options, **changes)
    return reading


def read_provider(text: str, refusals: Refusals) -> str:
    try:
        return parse_provider(text)
    except ValueError as error:
        refusals.add(Refused(f"annotation {PROVIDER}: {error}"))
        return ""


def choose(
    annotations: Mapping[str, str], family: Family, inherited: Collection[str], reading: Reading
) -> dict[str, Choice]:
    """Read what annotations say about each field of Options; of several the one with the most weight."""
    found: dict[str, tuple[int, Choice]] = {}
    unknown: list[str] = []
    for key, text in annotations.items():
        if not key.startswith((PREFIX, NEW_PREFIX)):
            continue
        row, weight = family.keys.get(key), 2
        if row is None:
            row, weight = family.predecessors.get(key), 0
        if row is None:
            unknown.append(key)
        elif (choice := read_value(name_key(key, inherited), text, row, reading)) is not None:
            weight += row.is_older
            if row.field not in found or found[row.field][0] < weight:
                found[row.field] = weight, choice
    if unknown:
        warn_of_unknown(unknown, family, reading.warnings)
    return {field: choice for field, (_, choice) in found.items()}


def name_key(key: str, inherited: Collection[str]) -> str:
    """Name an annotation for messages; of one that its author may not know, say where it stands."""
    return f"{key} (a default of the namespace)" if key in inherited else key


def read_value(key: str, text: str, row: Annotation, reading: Reading) -> Choice | None:
    """Read one annotation; what is wrong goes to the refusals."""
    try:
        value = row.parse(text)
    except ValueError as error:
        reading.refusals.add(Refused(f"annotation {key}: {str(error)[:LONGEST_MESSAGE]}"))
        return None
    if row.suffix == "mutate" and text not in WANTS_MUTATION:
        reading.warnings.append(f"annotation {key}: {show(text)} has no effect; only {SKIP} leaves the object alone")
    return Choice(key, value) if row.field else None


def apply_policy(choices: dict[str, Choice], reading: Reading) -> dict[str, Any]:
    """Give the values that the operator's policy lets annotations choose; the others go to the refusals."""
    changes: dict[str, Any] = {}
    for field, (key, value) in choices.items():
        if field == SKIP_VERIFY and not reading.policy.lets_skip_verify(wanted=value):
            reading.warnings.append(f"annotation {key}: {STAYS_CHECKED}")
            continue
        check = CHECKS.get(field)
        if check is None:
            changes[field] = value
            continue
        if field == ROLE:
            reading.role_key = key
        allowed = reading.refusals.attempt(check, reading.policy, key, value, reading.namespace)
        if allowed is not None:
            changes[field] = allowed
    return changes


def warn_of_unknown(keys: list[str], family: Family, warnings: list[str]) -> None:
    """Warn of annotations without effect: those of the other family, and those that nobody knows."""
    if not family.provider and any(key.startswith(NEW_PREFIX) for key in keys):
        warnings.append(NO_PROVIDER)
        keys = [key for key in keys if key.startswith(PREFIX)]
    warnings.extend(describe_unknown(key, family) for key in keys[:MOST_WARNINGS])


def describe_unknown(key: str, family: Family) -> str:
    """Say that an annotation has no effect, with the nearest name that would have one."""
    if key in QUESTIONS:
        return f"annotation {key} has no effect with provider {family.provider}"
    meant = f"; did you mean {near}?" if (near := find_near(key, family)) else ""
    return f"annotation {show(key)} is unknown and has no effect{meant}"


def find_near(key: str, family: Family) -> str:
    """Find what the author of an unknown annotation may have meant; empty when that is nothing."""
    suffix = key.partition("/")[2]
    row = ROWS.get(suffix) or ROWS.get(swap_start(suffix, "bao-", "vault-"))
    renamed = [one for one in family.keys if family.keys[one] is row]
    # The key was not validated yet: a long one would cost the comparison dearly.
    near = renamed or (get_close_matches(key, family.keys, n=1) if len(key) <= LONGEST_KEY else [])
    return near[0] if near else ""


def list_variables() -> dict[str, tuple[str, str]]:
    """Give each variable that holds a default, with that of its own and what it is for."""
    listed = {row.variable: (row.default, row.help) for row in TABLE if row.variable}
    for family in FAMILIES.values():
        for setting in family.settings:
            for name in setting.variables:
                listed.setdefault(name, (setting.default, setting.row.help))
    return listed
