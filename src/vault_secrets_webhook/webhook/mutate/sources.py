"""Where a container's variables come from, and whether a value holds a reference.

Literal values are looked at first. Secrets and ConfigMaps are read only for containers that are not chosen by then,
each object once for a pod, all of them at the same time. Nothing that was read goes into the pod: kubelet reads it
again, and vault-env finds the reference in its environment.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeAlias

from vault_secrets_webhook.errors import InvalidReference, Refused, TemplateError
from vault_secrets_webhook.inject.reference import WRITE, Reference
from vault_secrets_webhook.inject.template import parse_template
from vault_secrets_webhook.webhook.annotations import PROVIDER
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.lookup import CONFIG_MAP, SECRET
from vault_secrets_webhook.webhook.message import escape, show
from vault_secrets_webhook.webhook.values import ENFORCE, OFF, is_object_name

from .grammar import OF_VAULT, has_scheme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from vault_secrets_webhook.inject.reference import Part
    from vault_secrets_webhook.webhook.lookup import ObjectLookup
    from vault_secrets_webhook.webhook.refusals import Refusals

    from .grammar import Grammar
    from .spec import Container, KeySelector, ObjectSelector

    Answer: TypeAlias = Mapping[str, bytes] | Mapping[str, str] | BaseException | None

OTHER_ADVICE = (
    "{} references have no effect with the provider of this pod: write {}, or choose the provider by annotation {}"
)
LOOKALIKE_ADVICE = (
    "the value looks like a reference and is none: write {0} or {1}{0} in small letters, with no white space before or"
    " in it"
)
BLANK_KEY_ADVICE = "the key of the reference includes the white space beside it: take that out of the value"
MOST_WARNINGS = 10
LONGEST_TEMPLATE = 10_000
EXPANSION = "$("  # which kubelet replaces

Arguments = ParamSpec("Arguments")


class Object(NamedTuple):
    """A Secret or ConfigMap of the pod's namespace."""

    kind: str
    name: str


class Source(NamedTuple):
    """Values that a container takes from an object: one key, or with `key` None all of them.

    `asker` says for messages which part of the container takes them.
    """

    asker: str
    object: Object
    key: str | None
    optional: bool

    def forgives(self, answer: Answer) -> bool:
        """Tell whether the container can do without the object, and this is why it could not be read.

        What kubelet makes of an object that exists, and that we could not read, is not known: only of a whole object
        (`envFrom`) may it go unseen, because it always did, and not without a warning.
        """
        return isinstance(answer, KubernetesError) and self.optional and self.key is None


class Search:
    """A search for references in a pod's containers: what is wrong, and what its author and the operator should know.

    `grammar` is that of the pod's references, `level` says what becomes of one that is wrong (REFERENCE_CHECK).
    `unread` are the objects that were forgiven, each with the reason.
    """

    __slots__ = ("grammar", "level", "refusals", "told", "unread", "warnings")

    def __init__(self, refusals: Refusals, grammar: Grammar = OF_VAULT, level: str = ENFORCE) -> None:
        self.refusals = refusals
        self.grammar = grammar
        self.level = level
        self.warnings: list[str] = []
        self.unread: dict[str, None] = {}  # in order, each once
        self.told: set[str] = set()

    def warn_once(self, asker: str, advice: str) -> None:
        """Warn of the first place that an advice is for."""
        if advice not in self.told:
            self.told.add(advice)
            self.warnings.append(f"{asker}: {advice}")

    def check(self, step: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Take a step that raises Refused for a wrong reference, as far as the operator wants such checks."""
        if self.level == ENFORCE:
            self.refusals.attempt(step, *args, **kwargs)
        elif self.level != OFF:
            try:
                step(*args, **kwargs)
            except Refused as refusal:
                if len(self.warnings) < MOST_WARNINGS:
                    self.warnings.append(str(refusal).partition("\n")[0])  # a warning is a header's field

    def note_gap(self, source: Source, answer: Answer) -> None:
        """Warn when references may be where none could be looked for."""
        if not (gap := describe_gap(source, answer)):
            return
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append(gap)
        if isinstance(answer, BaseException):
            self.unread[f"{source.object.kind} {source.object.name}: {answer}"] = None


async def find_references(
    containers: Sequence[Container], namespace: str, lookup: ObjectLookup, search: Search
) -> list[bool]:
    """Tell of each container whether one of its variables holds a reference, right or wrong.

    Raises KubernetesError when an object cannot be read, unless the pod is to be refused anyway.
    """
    found = [check_literals(container, search) for container in containers]
    sources = [[] if found[index] else list(list_sources(one)) for index, one in enumerate(containers)]
    objects = {source.object for several in sources for source in several}
    if objects:
        answers = await read_objects(objects, namespace, lookup)
        for index, several in enumerate(sources):
            if several:
                found[index] = check_sources(several, answers, search)
        check_failures(sources, answers, search)
    return found


def check_literals(container: Container, search: Search) -> bool:
    """Tell whether a literal value holds a reference, right or wrong."""
    found = False
    grammar = search.grammar
    mark, plain, has_reference, other = grammar.mark, grammar.plain, grammar.has_reference, grammar.other
    before_colon = grammar.before_colon
    for variable in container.env or ():
        text = variable.value
        # The first looks are for speed: most values end here.
        if not text:
            continue
        if mark not in text:
            if ":" in text and (text[text.index(":") - 1] in before_colon or (other and other in text)):
                note_lookalike(container, variable.name, text, search)
        elif plain.fullmatch(text):
            found = True
        elif has_reference(text):
            found = True
            # kubelet puts other variables in the place of $(NAME) before vault-env parses the text.
            if EXPANSION not in text:
                search.check(check_literal, container, variable.name, text, search)
        else:
            note_lookalike(container, variable.name, text, search)
    return found


def note_lookalike(container: Container, variable: str | None, text: str, search: Search) -> None:
    """Warn of a value that has no reference, when its author meant one."""
    grammar = search.grammar
    if grammar.other and has_scheme(text, grammar.other):
        advice = OTHER_ADVICE.format(grammar.other, grammar.mark, PROVIDER)
        search.warn_once(name_variable(container, variable), advice)
    elif is_misspelt(text, grammar):
        search.warn_once(name_variable(container, variable), LOOKALIKE_ADVICE.format(grammar.mark, WRITE))


def is_misspelt(text: str, grammar: Grammar) -> bool:
    """Tell whether a value would be a reference without white space before and in its scheme, and capitals in it."""
    if grammar.parse is None:
        return False
    scheme = grammar.mark
    start = text.lstrip()
    target = start.removeprefix(WRITE).lstrip()
    if target[: len(scheme)].lower() != scheme:
        return False
    try:
        grammar.parse((WRITE if start.startswith(WRITE) else "") + scheme + target[len(scheme) :])
    except InvalidReference:  # a sentence may begin like this
        return False
    return True


def check_literal(container: Container, variable: str | None, text: str, search: Search) -> None:
    """Raise Refused for a value with a reference that cannot be parsed, and warn of one that nobody means."""
    parse = search.grammar.parse
    try:
        parts = parse(text) if parse else ()
    except InvalidReference as error:
        raise Refused(f"{name_variable(container, variable)}: {error}") from None
    if any(map(has_blank_key, parts)):
        search.warn_once(name_variable(container, variable), BLANK_KEY_ADVICE)
    for part in parts:
        check_template(container, variable, part)


def check_template(container: Container, variable: str | None, part: Part) -> None:
    """Raise Refused for a reference whose template does not parse.

    Of one that is very long, or that is not whole before kubelet has replaced something in it, vault-env is the judge.
    """
    if not isinstance(part, Reference) or not part.is_template:
        return
    if len(part.selector) <= LONGEST_TEMPLATE and EXPANSION not in part.selector:
        try:
            parse_template(part.selector)
        except TemplateError as error:
            raise Refused(f"{name_variable(container, variable)}: {part.source.path}: {escape(str(error))}") from None


def has_blank_key(part: Part) -> bool:
    """Tell whether the key of a reference begins or ends with white space; a block of YAML has a line break there."""
    return isinstance(part, Reference) and not part.is_template and part.selector != part.selector.strip()


def list_sources(container: Container) -> Iterator[Source]:
    """Give what the container takes from Secrets and ConfigMaps."""
    for variable in container.env or ():
        taken = variable.value_from
        if taken is not None:
            asker = name_variable(container, variable.name)
            yield from list_key(asker, SECRET, taken.secret_key_ref)
            yield from list_key(asker, CONFIG_MAP, taken.config_map_key_ref)
    for index, entry in enumerate(container.env_from or ()):
        asker = f"container {show(container.name or '')}, envFrom[{index}]"
        yield from list_whole(asker, SECRET, entry.secret_ref)
        yield from list_whole(asker, CONFIG_MAP, entry.config_map_ref)


def list_key(asker: str, kind: str, selector: KeySelector | None) -> Iterator[Source]:
    if selector is not None and is_object_name(selector.name or "") and selector.key:
        yield Source(asker, Object(kind, selector.name or ""), selector.key, bool(selector.optional))


def list_whole(asker: str, kind: str, selector: ObjectSelector | None) -> Iterator[Source]:
    # The pod was not validated yet: a name that no object can have must not become part of a request's path.
    if selector is not None and is_object_name(selector.name or ""):
        yield Source(asker, Object(kind, selector.name or ""), None, bool(selector.optional))


async def read_objects(objects: Iterable[Object], namespace: str, lookup: ObjectLookup) -> dict[Object, Answer]:
    """Read all objects at the same time. What went wrong takes the place of the object's data."""
    readers = {SECRET: lookup.secret, CONFIG_MAP: lookup.config_map}
    ordered = sorted(objects)
    answers = await asyncio.gather(*(readers[one.kind](namespace, one.name) for one in ordered), return_exceptions=True)
    return dict(zip(ordered, answers, strict=True))


def check_failures(sources: Iterable[Iterable[Source]], answers: Mapping[Object, Answer], search: Search) -> None:
    """Raise what went wrong with an object that a container cannot do without.

    A KubernetesError leaves it to the operator's failure policy what becomes of the pod: it must not be raised for
    one that is known to be wrong.
    """
    for source in (source for several in sources for source in several):
        answer = answers[source.object]
        if isinstance(answer, KubernetesError) and (source.forgives(answer) or search.refusals.found):
            continue
        if isinstance(answer, BaseException):
            raise answer


def check_sources(several: Sequence[Source], answers: Mapping[Object, Answer], search: Search) -> bool:
    """Tell whether one of the values that a container takes holds a reference, right or wrong."""
    found = False
    for source in several:  # every one of them: what is wrong behind the first is to be told too
        found |= check_source(source, answers[source.object], search)
    if not found:  # vault-env in the container would find the others
        for source in several:
            search.note_gap(source, answers[source.object])
    return found


def check_source(source: Source, answer: Answer, search: Search) -> bool:
    """Tell whether a value that is taken holds a reference, right or wrong. What could not be read has none."""
    if answer is None or isinstance(answer, BaseException):
        return False
    found = False
    for key in answer if source.key is None else (source.key,):
        # Not the first one only: every value is checked.
        if key in answer and check_value(source, key, answer[key], search):
            found = True
    return found


def describe_gap(source: Source, answer: Answer) -> str:
    """Say where a container takes values from that could not be looked at; empty when there is no such place.

    It is no error: kubelet waits for what is missing. But when it comes, nobody looks for references in it.
    """
    kind, name = source.object
    if source.forgives(answer):
        return f"{source.asker}: references in the optional {kind} {name} go unseen, it could not be read: {answer}"
    if source.optional or isinstance(answer, BaseException):
        return ""
    if answer is None:
        return f"{source.asker}: the {kind} {name} does not exist; a reference in it goes unseen if it is created later"
    if source.key is not None and source.key not in answer:
        key = show(source.key)
        return f"{source.asker}: the {kind} {name} has no key {key}; a reference in it goes unseen if it is added later"
    return ""


def check_value(source: Source, key: str, value: bytes | str, search: Search) -> bool:
    """Tell whether a value of an object holds a reference, right or wrong."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    grammar = search.grammar
    if grammar.has_reference(text):
        search.check(check_reference, source, key, text, grammar)
        return True
    if grammar.other and has_scheme(text, grammar.other):
        where = f"{source.asker}: key {show(key)} of {source.object.kind} {source.object.name}"
        search.warn_once(where, OTHER_ADVICE.format(grammar.other, grammar.mark, PROVIDER))
    return False


def check_reference(source: Source, key: str, text: str, grammar: Grammar) -> None:
    """Raise Refused for a value of an object with a reference that cannot be parsed.

    The message shows nothing of a Secret, not even what should have been a reference: it may be a password.
    """
    if grammar.parse is None:
        return
    try:
        grammar.parse(text)
    except InvalidReference as error:
        where = f"{source.asker}: key {show(key)} of {source.object.kind} {source.object.name}"
        if source.object.kind == SECRET:
            place = f"its character {error.offset + 1}"
            raise Refused(f"{where} holds a reference that is wrong at {place}: write {grammar.example}") from None
        raise Refused(f"{where}: {error}") from None


def name_variable(container: Container, variable: str | None) -> str:
    return f"container {show(container.name or '')}, variable {show(variable or '')}"
