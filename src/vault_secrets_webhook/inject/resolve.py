"""Plan, fetch, render: from environment variables with references to their values.

`make_plan` parses everything and collects the distinct requests; `fetch` makes those of one scheme, through its client
and a function that runs jobs (threads in vault-env, a pool in the webhook, one after the other in a test); `render` puts
the answers of all schemes in. Only `fetch` does I/O, and only through what it is given. One request serves every
reference that has the same source, so that username and password of a dynamic secret belong together.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import (
    ConfigurationError,
    Error,
    InvalidReference,
    MissingValue,
    RequestRejected,
    SecretError,
    SecretMissing,
    TemplateError,
    Unreachable,
)
from vault_secrets_webhook.vault.client import DENIED, is_passing
from vault_secrets_webhook.wire.jsontext import dumps

from .reference import SCHEME, Ciphertext, Login, Read, Reference, Write, has_reference, parse, parse_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias, TypeGuard

    from vault_secrets_webhook.gotemplate import Template
    from vault_secrets_webhook.gotemplate.functions import FunctionSet
    from vault_secrets_webhook.vault.api import Secret
    from vault_secrets_webhook.vault.client import Client
    from vault_secrets_webhook.wire.jsontext import JSON

    from .reference import Part

    Job: TypeAlias = Callable[[], None]
    RunJobs: TypeAlias = Callable[[list[Job]], None]

# Said by what stands before Vault, or by a Vault that is sealed or overrun: of every path alike.
AWAY = frozenset((429, 502, 503, 504))
MAX_KEYS_NAMED = 10
NO_VALUE = b"<no value>"


class Plan:
    """What has to be fetched, in the order in which it was first named, and for whom.

    `variables` are (name, parts); `from_path` are (name of the list, read), whose keys become variables themselves;
    `templates` those of the references, by their text; `logins` the schemes whose token somebody gets; `faults` what
    cannot even be planned. `functions` are what templates may call, by default all that vault-env has.
    """

    def __init__(self, schemes: tuple[str, ...] = (SCHEME,), functions: FunctionSet | None = None) -> None:
        self.schemes = schemes
        self.functions = functions
        self.variables: list[tuple[str, tuple[Part, ...]]] = []
        self.from_path: list[tuple[str, Read]] = []
        self.sources: dict[Read | Write, None] = {}
        self.ciphertexts: dict[str, str] = {}  # and their schemes
        self.templates: dict[str, Template] = {}
        self.logins: dict[str, None] = {}
        self.faults: list[SecretError] = []

    def add(self, name: str, text: str) -> None:
        """Take a variable whose value has a reference."""
        try:
            parts = parse(text, self.schemes)
        except InvalidReference as error:
            self.faults.append(SecretError(name, error.reason, error))
            return
        for part in parts:
            if isinstance(part, Reference) and part.is_template:
                try:
                    self.add_template(part.selector)
                except TemplateError as error:
                    self.faults.append(SecretError(name, f"{part.source.path}: {error.shown}"))
                    return
        self.variables.append((name, parts))
        for part in parts:
            if isinstance(part, Reference):
                self.sources[part.source] = None
            elif isinstance(part, Ciphertext):
                self.ciphertexts[part.ciphertext] = part.scheme
            elif isinstance(part, Login):
                self.logins[part.scheme] = None

    def add_paths(self, name: str, text: str, scheme: str) -> None:
        """Take the list that a variable like VAULT_ENV_FROM_PATH has."""
        try:
            reads = parse_paths(text, scheme)
        except InvalidReference as error:
            self.faults.append(SecretError(name, error.reason, error))
            return
        self.from_path.extend((name, read) for read in reads)
        self.sources.update(dict.fromkeys(reads))

    def asked(self) -> frozenset[str]:
        """Give the schemes of which anything is wanted."""
        return frozenset((*[source.scheme for source in self.sources], *self.ciphertexts.values(), *self.logins))

    def add_template(self, text: str) -> None:
        """Parse the template of a reference. Raises TemplateError."""
        from .template import parse_template

        if text not in self.templates:
            self.templates[text] = parse_template(text, self.functions)


class Fetched:
    """What the requests of a scheme gave: a value or the error that came instead, by source and by ciphertext.

    `token` is whose requests these were, `ignores_missing` whether what does not exist is forgiven.
    """

    def __init__(self, scheme: str = SCHEME, token: str = "", *, ignores_missing: bool = False) -> None:
        self.scheme = scheme
        self.token = token
        self.ignores_missing = ignores_missing
        self.secrets: dict[Read | Write, Secret | Error] = {}
        self.plaintexts: dict[str, bytes | Error] = {}
        self.gave_up: Error | None = None
        self.has_waited = False

    def choose_client(self, client: Client) -> Client:
        """Give the client for the next request: once one was retried in vain, the others get one try each."""
        return client.with_one_try(client.timeout) if self.has_waited else client

    def notice_outage(self, result: Secret | Error) -> None:
        """Remember that Vault cannot be used at all, or not so, that the requests still waiting fail at once.

        Each has a deadline of its own, and fifty of them would otherwise run out one after the other.
        """
        if self.gave_up is None and isinstance(result, Error) and is_outage(result):
            self.gave_up = result
        if isinstance(result, RequestRejected) and is_passing(result.status):
            self.has_waited = True

    def has_leases(self) -> bool:
        """Tell whether a lease, or another token, hangs on the token that fetched."""
        return any(not isinstance(secret, Error) and secret.hangs_on_token for secret in self.secrets.values())


class Rendered:
    """The values by name (bytes), what was dropped because ignore-missing forgave it, and the faults.

    `doubtful` are the names of values whose template met a key that is not there.
    """

    def __init__(self) -> None:
        self.doubtful: list[str] = []
        self.values: dict[str, bytes] = {}
        self.from_path: dict[str, bytes] = {}
        self.dropped: list[MissingValue] = []
        self.faults: list[SecretError] = []


def is_outage(error: object) -> bool:
    """Tell whether this says that Vault cannot be used at all, whatever it is asked for."""
    is_away = isinstance(error, RequestRejected) and error.status in AWAY
    return is_away or isinstance(error, Unreachable | ConfigurationError)


def make_plan(
    variables: Iterable[tuple[str, str]], schemes: tuple[str, ...] = (SCHEME,), functions: FunctionSet | None = None
) -> Plan:
    """Plan for (name, value) pairs; values without references are passed over."""
    plan = Plan(schemes, functions)
    for name, text in variables:
        if has_reference(text, schemes):
            plan.add(name, text)
    return plan


def fetch(plan: Plan, client: Client, run: RunJobs, scheme: str = SCHEME, *, ignores_missing: bool = False) -> Fetched:
    """Make every request of a scheme in the plan. An error of one becomes its result; none is raised."""
    transit = client.settings.transit
    fetched = Fetched(scheme, client.token, ignores_missing=ignores_missing)
    jobs = [make_fetch_job(client, source, fetched) for source in plan.sources if source.scheme == scheme]
    ciphertexts = [text for text, whose in plan.ciphertexts.items() if whose == scheme]
    if ciphertexts and not transit.key:
        fault = ConfigurationError(
            f"a transit ciphertext needs {client.settings.prefix}TRANSIT_KEY_ID, the name of its key"
        )
        fetched.plaintexts = dict.fromkeys(ciphertexts, fault)
    else:
        for start in range(0, len(ciphertexts), transit.batch_size):
            batch = ciphertexts[start : start + transit.batch_size]
            jobs.append(make_decrypt_job(client, batch, fetched))
    run(jobs)
    return fetched


def explain_faults(fetched: Fetched, client: Client) -> None:
    """Put into the errors what a few look-ups can tell of their causes. To be called while the token is good.

    Only for errors that will be told, so not for those that ignore-missing forgives, and not in an outage.
    """
    if fetched.gave_up is not None:
        return
    doubtful: list[RequestRejected] = [
        result
        for result in (*fetched.secrets.values(), *fetched.plaintexts.values())
        if isinstance(result, RequestRejected) and is_doubtful(result, ignores_missing=fetched.ignores_missing)
    ]
    if not doubtful:
        return
    from vault_secrets_webhook.vault.diagnosis import Diagnosis

    diagnosis = Diagnosis(client)
    explained: dict[Error, Error] = {error: error.explained(diagnosis.explain(error)) for error in doubtful}
    for source, secret in fetched.secrets.items():
        if isinstance(secret, Error):
            fetched.secrets[source] = explained.get(secret, secret)
    for ciphertext, plaintext in fetched.plaintexts.items():
        if isinstance(plaintext, Error):
            fetched.plaintexts[ciphertext] = explained.get(plaintext, plaintext)


def is_doubtful(error: RequestRejected, *, ignores_missing: bool) -> bool:
    """Tell whether an error will be told, and may have another cause than it says."""
    return not ignores_missing if isinstance(error, SecretMissing) else error.status == DENIED


def make_fetch_job(client: Client, source: Read | Write, fetched: Fetched) -> Job:
    from vault_secrets_webhook.vault import api

    def fetch_source() -> None:
        if fetched.gave_up is not None:
            fetched.secrets[source] = Unreachable(f"{source.path}: not asked for any more, because {fetched.gave_up}")
            return
        try:
            if isinstance(source, Read):
                fetched.secrets[source] = api.read_secret(fetched.choose_client(client), source.path, source.version)
            else:
                fetched.secrets[source] = api.write_secret(fetched.choose_client(client), source.path, source.body)
        except Error as error:
            fetched.secrets[source] = error
        fetched.notice_outage(fetched.secrets[source])

    return fetch_source


def make_decrypt_job(client: Client, batch: list[str], fetched: Fetched) -> Job:
    transit = client.settings.transit
    from vault_secrets_webhook.vault import api

    def decrypt() -> None:
        results: list[bytes | Error]
        try:
            if fetched.gave_up is not None:
                raise Unreachable(f"{transit.mount}: not asked any more, because {fetched.gave_up}")
            sent = [SCHEME + text.removeprefix(fetched.scheme) for text in batch]  # OpenBao's own begin like Vault's
            results = [*api.decrypt_batch(fetched.choose_client(client), transit.mount, transit.key, sent)]
        except Error as error:
            fetched.notice_outage(error)
            results = [error] * len(batch)
        fetched.plaintexts.update(zip(batch, results, strict=True))

    return decrypt


def render(plan: Plan, *fetched: Fetched) -> Rendered:
    """Give every variable its value, by what was fetched of each scheme. All faults are collected, to be told at once."""
    rendered = Rendered()
    rendered.faults.extend(plan.faults)
    answers = {one.scheme: one for one in fetched}
    for name, parts in plan.variables:
        render_variable(name, parts, plan, answers, rendered)
    for name, read in plan.from_path:
        try:
            rendered.from_path.update(render_path(name, read, answers[read.scheme]))
        except SecretError as error:
            if is_forgiven(error, answers[read.scheme]):
                rendered.dropped.append(error)
            else:
                rendered.faults.append(error)
    return rendered


def render_variable(name: str, parts: tuple[Part, ...], plan: Plan, answers: dict[str, Fetched], to: Rendered) -> None:
    """Put the parts of a value together. What is missing and forgiven does not hide what is not."""
    values: list[bytes] = []
    missing: MissingValue | None = None
    for part in parts:
        if isinstance(part, str):
            values.append(part.encode("utf-8", "surrogateescape"))
            continue
        try:
            values.append(render_part(name, part, plan, answers[part.scheme]))
        except SecretError as error:
            if not is_forgiven(error, answers[part.scheme]):
                to.faults.append(error)
                return
            missing = missing or error
    if missing is not None:
        to.dropped.append(missing)
        return
    to.values[name] = b"".join(values)
    if plan.templates and is_doubtful_text(parts, to.values[name]):
        to.doubtful.append(name)


def is_forgiven(error: SecretError, fetched: Fetched) -> TypeGuard[MissingValue]:
    return fetched.ignores_missing and isinstance(error, MissingValue)


def is_doubtful_text(parts: Iterable[Part], value: bytes) -> bool:
    """Tell whether a template wrote what Go's templates write for a key that is not there."""
    return NO_VALUE in value and any(isinstance(part, Reference) and part.is_template for part in parts)


def render_part(name: str, part: Reference | Ciphertext | Login, plan: Plan, fetched: Fetched) -> bytes:
    match part:
        case Login():
            return fetched.token.encode()
        case Ciphertext():
            plaintext = fetched.plaintexts[part.ciphertext]
            if isinstance(plaintext, Error):
                raise SecretError(name, str(plaintext))
            return plaintext
        case Reference():
            secret = expect_secret(name, part.source, fetched)
            if part.is_template:
                return fill_template(name, part, plan.templates[part.selector], secret)
            return write_value(name, part.source.path, part.selector, pick_key(name, part, secret))
    raise TypeError(type(part).__name__)


def fill_template(name: str, reference: Reference, template: Template, secret: Secret) -> bytes:
    """Render a template over a secret. Raises SecretError, whose text quotes nothing that came out of the secret."""
    from .template import fill

    try:
        return fill(template, secret.data)
    except TemplateError as error:
        raise SecretError(name, f"{reference.source.path}: {error.shown}") from None


def render_path(name: str, read: Read, fetched: Fetched) -> dict[str, bytes]:
    """Turn each key of a secret into a variable; `name` is the variable that lists the secret."""
    secret = expect_secret(name, read, fetched)
    values = {}
    for key, value in secret.data.items():
        if not is_name(key):
            raise SecretError(name, f"{read.path}: the key {key!r} cannot be the name of a variable")
        values[key] = write_value(name, read.path, key, value)
    return values


def is_name(key: str) -> bool:
    """Tell whether an environment can have a variable of this name."""
    is_text = key == key.encode("utf-8", "replace").decode()  # JSON can write lone surrogates
    return is_text and key != "" and "=" not in key and "\0" not in key


def expect_secret(name: str, source: Read | Write, fetched: Fetched) -> Secret:
    """Give what a source gave. Raises MissingValue or SecretError with the request's own words."""
    secret = fetched.secrets[source]
    if isinstance(secret, SecretMissing):
        raise MissingValue(name, str(secret))
    if isinstance(secret, Error):
        raise SecretError(name, str(secret))
    return secret


def pick_key(name: str, reference: Reference, secret: Secret) -> JSON:
    """Take a key out of a secret. Raises MissingValue that names the keys there are."""
    key = reference.selector
    if key in secret.data:
        return secret.data[key]
    there = sorted(secret.data)
    names = ", ".join(there[:MAX_KEYS_NAMED]) + (", ..." if len(there) > MAX_KEYS_NAMED else "")
    raise MissingValue(name, f"{reference.source.path}: no key {key!r}; there are: {names or 'none'}")


def write_value(name: str, path: str, key: str, value: JSON) -> bytes:
    """Write a secret's value. Raises SecretError for one that cannot be written."""
    try:
        return encode_value(value)
    except RecursionError:
        raise SecretError(name, f"{path}: the value of {key!r} is nested too deep to be written") from None


def encode_value(value: JSON) -> bytes:
    """Write a value as an environment variable has it: text and numbers as they are, null empty, the rest as JSON."""
    if value is None:
        return b""
    return encode_text(value if isinstance(value, str) else dumps(value))


def encode_text(text: str) -> bytes:
    """Encode text out of JSON. Lone surrogates, which JSON can write and UTF-8 cannot, become U+FFFD, as in Go."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text).encode()
