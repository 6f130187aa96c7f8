"""Where a container's variables come from, and whether a value holds a reference.

Literal values are looked at first. Secrets and ConfigMaps are read only for containers that are not chosen by then,
each object once for a pod, all of them at the same time. Nothing that was read goes into the pod: kubelet reads it
again, and vault-env finds the reference in its environment.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vault_secrets_webhook.errors import InvalidReference, Refused
from vault_secrets_webhook.inject.reference import SCHEME, has_reference, parse
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.values import is_object_name, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vault_secrets_webhook.webhook.lookup import ObjectLookup

    from .spec import Container, KeySelector, ObjectSelector

    Answer: TypeAlias = Mapping[str, bytes] | Mapping[str, str] | BaseException | None

SECRET = "Secret"  # noqa: S105 - a kind of object
CONFIG_MAP = "ConfigMap"
SCHEME_BYTES = SCHEME.encode()
# What nearly all references look like, `vault:path#key`. Whatever this matches, `parse` takes (a property test proves
# it), and a match costs a tenth of it.
PLAIN_REFERENCE = re.compile(r"vault:[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)+#[A-Za-z0-9_.-]+")


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


async def find_references(containers: Sequence[Container], namespace: str, lookup: ObjectLookup) -> list[bool]:
    """Tell of each container whether one of its variables holds a reference.

    Raises Refused for a reference that cannot be parsed, KubernetesError when an object cannot be read.
    """
    found = [check_literals(container) for container in containers]
    sources = [[] if found[index] else list(list_sources(one)) for index, one in enumerate(containers)]
    objects = {source.object for several in sources for source in several}
    if objects:
        answers = await read_objects(objects, namespace, lookup)
        for index, several in enumerate(sources):
            for source in several:
                found[index] |= check_source(source, answers[source.object])
    return found


def check_literals(container: Container) -> bool:
    """Tell whether a literal value holds a reference. Raises Refused for one that cannot be parsed."""
    found = False
    for variable in container.env or ():
        text = variable.value
        # The first look is for speed: most values end here.
        if not text or SCHEME not in text:
            continue
        if PLAIN_REFERENCE.fullmatch(text):
            found = True
        elif has_reference(text):
            found = True
            # kubelet puts other variables in the place of $(NAME) before vault-env parses the text.
            if "$(" not in text:
                check_literal(container, variable.name, text)
    return found


def check_literal(container: Container, variable: str | None, text: str) -> None:
    try:
        parse(text)
    except InvalidReference as error:
        raise Refused(f"{name_variable(container, variable)}: {error}") from None


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


def check_source(source: Source, answer: Answer) -> bool:
    """Tell whether a value that is taken holds a reference.

    A missing object or key has none: kubelet says what is missing, or waits for it. Raises what `answer` is when it
    is an error, unless the container can do without the object; Refused for a reference that cannot be parsed.
    """
    if isinstance(answer, BaseException):
        if source.optional and isinstance(answer, KubernetesError):
            return False
        raise answer
    if answer is None:
        return False
    found = False
    for key in answer if source.key is None else (source.key,):
        # Not the first one only: every value is checked.
        if key in answer and check_value(source, key, answer[key]):
            found = True
    return found


def check_value(source: Source, key: str, value: bytes | str) -> bool:
    """Tell whether a value of an object holds a reference. Raises Refused for one that cannot be parsed.

    The message shows nothing of a Secret, not even what should have been a reference: it may be a password.
    """
    if isinstance(value, bytes):
        if SCHEME_BYTES not in value:
            return False
        value = value.decode(errors="replace")
    if not has_reference(value):
        return False
    try:
        parse(value)
    except InvalidReference as error:
        where = f"{source.asker}: key {show(key)} of {source.object.kind} {source.object.name}"
        if source.object.kind == SECRET:
            place = f"its character {error.start + 1}"
            raise Refused(f"{where} holds a reference that is wrong at {place}: write vault:PATH#KEY") from None
        raise Refused(f"{where}: {error}") from None
    return True


def name_variable(container: Container, variable: str | None) -> str:
    return f"container {show(container.name or '')}, variable {show(variable or '')}"
