"""Secrets, ConfigMaps and other objects: references in them are replaced by their values, on the way into the cluster.

Unlike a pod's, these values end in etcd, and it is the webhook that reads them. So who may have what is decided by the
role that it logs in with; whatever is wrong with an object is told by place, all of it at once; and nothing is done in
a dry run that could change anything: not even a read, because reading a database role makes a user.

A value that itself looks like a reference is refused: the next update of the object would follow it, and whoever may
write one secret in Vault could read another one through the webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.gotemplate.functionsets import IN_WEBHOOK
from vault_secrets_webhook.inject.reference import OPEN, WRITE
from vault_secrets_webhook.webhook.annotations import find_reason_to_skip, merge_defaults, read_annotations
from vault_secrets_webhook.webhook.message import escape
from vault_secrets_webhook.webhook.mutation import Mutation
from vault_secrets_webhook.webhook.refusals import FORBIDDEN, Refusals
from vault_secrets_webhook.webhook.role import Owner
from vault_secrets_webhook.webhook.vaultaccess.access import (
    DEFAULT_ROLE,
    describe_access,
    find_method,
    find_scheme,
)
from vault_secrets_webhook.webhook.vaultaccess.reader import Question

from .config_map import ConfigMapDocument
from .custom import CustomDocument
from .document import LOOKS_LIKE_REFERENCE, MOST_REFERENCES, Values, looks_like_reference
from .grammar import OF_BAO, OF_VAULT, find_grammar
from .metering import MeteredPlan, limit_templates
from .oversight import LEFT_ALONE
from .own_token import asks_for_token
from .secret import SecretDocument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from vault_secrets_webhook.errors import SecretError
    from vault_secrets_webhook.inject.resolve import Plan
    from vault_secrets_webhook.webhook.admission import AdmissionRequest
    from vault_secrets_webhook.webhook.annotations import Reading
    from vault_secrets_webhook.webhook.options import Options
    from vault_secrets_webhook.webhook.settings import Settings
    from vault_secrets_webhook.webhook.vaultaccess.reader import Findings

    from .document import Document, Text

    FindDefaults = Callable[[str], Awaitable[Mapping[str, str]]]

    class Reader(Protocol):
        """Who reads from Vault."""

        async def read(self, question: Question) -> Findings:
            """Give the values that a plan asks for."""


MOST_REQUESTS = 200  # of one object
LONGEST_CAUSE = 1000
MOST_WARNINGS = 10
NULL = b"null"
DRY_RUN = "references are checked but stay as they are: in a dry run nothing is asked of Vault"
FOR_CONTAINERS = (
    "{}login, and paths like auth/token/lookup-self at which a token deals with itself, are for the environment of"
    " containers only: no token of the webhook is given away or ended"
)
NO_AWS = (
    "references to AWS are resolved in pods only, this webhook is no client of AWS: take the value from a container's"
    " environment, or keep it in Vault and set the annotation provider to vault"
)


class Objects:
    """Mutates everything that is not a pod. `find_defaults` gives the annotations that a namespace has for all."""

    def __init__(self, settings: Settings, reader: Reader, find_defaults: FindDefaults | None = None) -> None:
        self.settings = settings
        self.reader = reader
        self.find_defaults = find_defaults

    async def mutate_secret(self, text: bytes, request: AdmissionRequest) -> Mutation:
        """Decide about a Secret. Raises Refused, VaultError and KubernetesError, as the other two do."""
        return await self.mutate(SecretDocument(text, find_stored(request)), request)

    async def mutate_config_map(self, text: bytes, request: AdmissionRequest) -> Mutation:
        """Decide about a ConfigMap."""
        return await self.mutate(ConfigMapDocument(text, find_stored(request)), request)

    async def mutate_custom(self, text: bytes, request: AdmissionRequest) -> Mutation:
        """Decide about an object of another kind."""
        return await self.mutate(CustomDocument(text), request)

    async def mutate(self, document: Document, request: AdmissionRequest) -> Mutation:
        """Decide about an object: nothing is read, and no annotation looked at, where there is no reference."""
        settings, own = self.settings, document.annotations
        reason = find_reason_to_skip(own, opt_in=False, needs_provider=False) or document.left_alone()
        if reason or not document.has_mark():
            return Mutation([], [], [], reason or "no-references")
        annotations = await self.find_annotations(own, request.namespace)
        if reason := find_reason_to_skip(annotations, opt_in=settings.opt_in, needs_provider=settings.needs_provider):
            return Mutation([], warn_of_left(document, reason), [], reason)
        reading = read_annotations(annotations, settings.families, settings.policies, request.namespace, own)
        texts = list(document.find(find_grammar(reading.options), reading.refusals))
        if not texts:
            reading.refusals.check()
            return Mutation([], [], [], "no-references")
        owner = Owner(namespace=request.namespace, name=document.object_name)
        job = Job(document, owner, reading, {text.name: text.place for text in texts})
        question = job.make_question(texts)
        if request.dry_run:
            return Mutation([], [DRY_RUN, *reading.warnings], [], "dry-run")
        findings = await self.reader.read(question)
        return job.conclude(findings)

    async def find_annotations(self, own: Mapping[str, str], namespace: str) -> Mapping[str, str]:
        """Give the annotations that hold for an object: its own, and those that its namespace has for all."""
        return own if self.find_defaults is None else merge_defaults(await self.find_defaults(namespace), own)


def warn_of_left(document: Document, reason: str) -> list[str]:
    """Warn of a reference in an object that is left alone for a reason which its author may not know."""
    grammars = (OF_VAULT, OF_BAO) if reason in LEFT_ALONE else ()
    places = (text.place for grammar in grammars for text in document.find(grammar, Refusals()))
    first = next(places, None)
    return [f"{first}: the reference stays as it is, because {LEFT_ALONE[reason]}"] if first else []


class Job(NamedTuple):
    """An object with references. `places` are those of its texts by their names."""

    document: Document
    owner: Owner
    reading: Reading
    places: Mapping[str, str]

    def make_question(self, texts: Sequence[Text]) -> Question:
        """Plan what is to be read. Raises Refused with everything that is wrong with references and annotations."""
        options, refusals = self.reading.options, self.reading.refusals
        if find_grammar(options).parse is None:
            raise Refused(f"{texts[0].place}: {NO_AWS}")
        check_amount(texts, find_scheme(options))
        plan = self.make_plan(texts)
        role = refusals.attempt(self.reading.find_role, self.owner, find_method(options), DEFAULT_ROLE) or ""
        refusals.attempt(describe_access, options, self.owner, role, "", "")  # for what is wrong with annotations
        check_transit(plan, options, refusals)
        check_requests(plan, refusals)
        refusals.check()
        limit_templates(plan)
        return Question(plan, options, self.owner, role)

    def make_plan(self, texts: Sequence[Text]) -> Plan:
        """Parse the references; what is wrong with them goes to the refusals. Raises Refused for templates too long."""
        refusals, scheme = self.reading.refusals, find_scheme(self.reading.options)
        plan = MeteredPlan((scheme,), IN_WEBHOOK)
        for text in texts:
            plan.add(text.name, text.text)
        for fault in plan.faults:
            refusals.add(Refused(f"{self.places[fault.name]}: {describe_fault(fault)}"))
        for name, parts in plan.variables:
            if any(map(asks_for_token, parts)):
                refusals.add(Refused(f"{self.places[name]}: {FOR_CONTAINERS.format(scheme)}", code=FORBIDDEN))
        return plan

    def conclude(self, findings: Findings) -> Mutation:
        """Put the values into the object. Raises Refused with everything that is wrong."""
        refusals = self.reading.refusals
        grammar = find_grammar(self.reading.options)
        for fault in findings.faults:
            cause = escape(fault.cause)[:LONGEST_CAUSE]
            refusals.add(Refused(f"{self.places[fault.name]}: {cause}", code=fault.code))
        for name, value in findings.values.items():
            if looks_like_reference(value, grammar):
                refusals.add(Refused(f"{self.places[name]}: {LOOKS_LIKE_REFERENCE}"))
        refusals.check()
        missing = {fault.name: fault.cause for fault in findings.missing}
        operations = self.document.change(Values(findings.values, missing), refusals)
        refusals.check()
        warnings = list(self.reading.warnings)
        warnings += list_warnings(self.places, missing.items(), "left out, because what it asks for does not exist: ")
        doubts = [(name, "") for name in findings.doubtful]
        warnings += list_warnings(self.places, doubts, "a template wrote <no value>: it names a key that is not there")
        return Mutation(operations, warnings, self.document.changed, "injected")


def find_stored(request: AdmissionRequest) -> bytes:
    """Give the object as it is in the cluster; nothing for a new one."""
    stored = bytes(request.old_object)
    return b"" if stored == NULL else stored


def describe_fault(fault: SecretError) -> str:
    """Say what is wrong with a reference, without its text: what only looks like one may be a password."""
    if fault.reference is None:
        return escape(fault.cause)[:LONGEST_CAUSE]
    return f"{fault.reference.reason} (at character {fault.reference.offset + 1} of the reference)"


def check_transit(plan: Plan, options: Options, refusals: Refusals) -> None:
    """Note what keeps ciphertexts from being decrypted."""
    if not plan.ciphertexts:
        return
    if not options.transit_key_id:
        refusals.add(Refused("a transit ciphertext needs the annotation transit-key-id, the name of its key"))
    steps = (*options.transit_path.split("/"), *options.transit_key_id.split("/"))
    if not {".", ".."}.isdisjoint(steps):
        refusals.add(Refused("transit-path and transit-key-id must not have . or .. in them"))


def check_amount(texts: Iterable[Text], scheme: str) -> None:
    """Raise Refused for more references than one review can answer. They are counted, because parsing takes longer."""
    marks = (OPEN + scheme, OPEN + WRITE + scheme)
    amount = sum(max(1, sum(map(text.text.count, marks))) for text in texts)
    if amount > MOST_REFERENCES:
        raise Refused(f"there are more references than one object may have: {MOST_REFERENCES} are allowed")


def check_requests(plan: Plan, refusals: Refusals) -> None:
    """Note that an object asks for more secrets than one review can read."""
    requests = len(plan.sources) + len(plan.ciphertexts)
    if requests > MOST_REQUESTS:
        refusals.add(Refused(f"{requests} different secrets are too many for one object: {MOST_REQUESTS} are allowed"))


def list_warnings(places: Mapping[str, str], causes: Iterable[tuple[str, str]], words: str) -> list[str]:
    """Make a warning for each place, for the first few."""
    return [f"{places[name]}: {words}{escape(cause)}" for name, cause in list(causes)[:MOST_WARNINGS]]
