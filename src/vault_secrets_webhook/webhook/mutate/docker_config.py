"""Credentials for image registries, `.dockerconfigjson` and the older `.dockercfg`: references in their entries.

    {"auths": {"registry.example": {"username": "app", "password": "vault:...", "auth": "...", "email": "..."}}}

The second form is the inner object alone. A reference may be a `username`, a `password`, or in `auth`, which is base64
of USER:PASSWORD: there a reference as a whole may stand on either side of the colon, or be all of it. `auth` wins over
the other two, as it does with kubelet, and what is rewritten agrees with each other.

Only these three values are replaced in the text; every other byte stays. An entry whose credentials do not exist, which
is forgiven, goes as a whole. Sources: Kubernetes, pkg/credentialprovider/config.go (`DockerConfigEntry`), and
https://kubernetes.io/docs/concepts/containers/images/
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from vault_secrets_webhook.errors import InvalidReference, Refused
from vault_secrets_webhook.inject.reference import WRITE
from vault_secrets_webhook.webhook.message import escape
from vault_secrets_webhook.wire.jsontext import read_value

from .document import LOOKS_LIKE_REFERENCE, Text
from .jsonspan import list_members, splice, without_members
from .registry_auth import decode_auth, encode_auth, read_credential

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vault_secrets_webhook.webhook.refusals import Refusals

    from .document import Values
    from .grammar import Grammar
    from .jsonspan import Edit, Member

# The key of a Secret, and in which member of the object the entries are.
FORMS = {".dockerconfigjson": "auths", ".dockercfg": ""}
USER, PASSWORD, AUTH = "username", "password", "auth"
# The texts of an `auth`: its sides, or all of it.
AUTH_USER, AUTH_PASSWORD, AUTH_WHOLE = "auth-user", "auth-password", "auth-whole"
LONGEST_HOST = 100
MOST_COLONS = 20  # that are tried; a template as a whole may have some in it


class Entry(NamedTuple):
    """An entry with references: its member of the file, its own members, its texts by what they are.

    `kinds` are those of the texts that have references.
    """

    place: str
    member: Member
    members: dict[str, Member]
    texts: dict[str, str]
    kinds: list[str]

    def name(self, kind: str) -> str:
        """Name a text so that it is unique in the object."""
        return f"{self.place}\n{self.member.start}\n{kind}"


class DockerConfig:
    """The text of one such file. `place` is what messages call it."""

    def __init__(self, place: str, text: str, form: str, grammar: Grammar) -> None:
        """Find the entries. Raises ValueError for what is not JSON."""
        self.place = place
        self.text = text
        self.form = form
        self.grammar = grammar
        self.members = list(self.list_entries())
        self.entries: list[Entry] = []

    def find(self) -> list[Text]:
        """Give the texts with references. Raises Refused for an entry that cannot be read."""
        found = []
        for member in self.members:
            if self.text[member.value_start] == "{":
                found += self.find_in_entry(member)
        return found

    def list_entries(self) -> Iterator[Member]:
        """Give the members that are entries. Raises ValueError."""
        start = len(self.text) - len(self.text.lstrip())
        if not self.form:
            yield from list_members(self.text, start)
            return
        for member in list_members(self.text, start):
            if member.name == self.form and self.text[member.value_start] == "{":
                yield from list_members(self.text, member.value_start)

    def find_in_entry(self, member: Member) -> list[Text]:
        """Give the texts with references of an entry, and remember it if it has any. Raises Refused."""
        members = {one.name: one for one in list_members(self.text, member.value_start)}
        texts = {}
        for name in (USER, PASSWORD, AUTH):
            value = read_value(self.text, members[name].value_start)[0] if name in members else None
            if type(value) is str:  # numbers are texts, too
                texts[name] = value
        place = f"{self.place}[{escape(member.name)[:LONGEST_HOST]}]"
        sides = {} if is_repeated(texts) else split_auth(texts.get(AUTH, ""), self.grammar)
        if any(map(self.grammar.has_reference, sides.values())):
            if USER in texts and PASSWORD in texts:  # they will be what `auth` comes to
                texts = {AUTH: texts[AUTH], USER: "", PASSWORD: ""}
            texts |= sides
        kinds = [kind for kind, text in texts.items() if kind != AUTH and self.grammar.has_reference(text)]
        entry = Entry(place, member, members, texts, kinds)
        if kinds:
            check_text(place, "".join(texts.values()), "surrogateescape")
            self.entries.append(entry)
        return [Text(entry.name(kind), f"{place}.{kind.partition('-')[0]}", texts[kind]) for kind in kinds]

    def fill(self, values: Values, refusals: Refusals) -> bytes | None:
        """Give the text with the values in it; None when it stays as it is."""
        edits: list[Edit] = []
        gone: list[Member] = []
        for entry in self.entries:
            names = [entry.name(kind) for kind in entry.kinds]
            if any(name in values.missing for name in names):
                gone.append(entry.member)
            elif all(name in values.found for name in names):
                new = refusals.attempt(fill_entry, entry, values, self.grammar) or {}
                edits += [self.replace(entry.members[name], text) for name, text in new.items()]
        if not edits and not gone:
            return None
        text = splice(self.text, [*edits, *without_members(self.members, gone)])
        return text.encode("utf-8", "surrogateescape")

    def replace(self, member: Member, text: str) -> Edit:
        """Give the edit that puts a string in the place of a member's value."""
        return member.value_start, member.end, msgspec.json.encode(text).decode()


def is_repeated(texts: Mapping[str, str]) -> bool:
    """Tell whether `auth` is what the other two say, and they are enough to look at.

    That of a user who is called `vault` begins like a reference.
    """
    sides = texts.get(USER), texts.get(PASSWORD)
    return None not in sides and decode_auth(texts.get(AUTH, "")) == "{}:{}".format(*sides)


def split_auth(encoded: str, grammar: Grammar) -> dict[str, str]:
    """Give the sides of an `auth`, or the whole of it when no colon parts it; empty without one.

    A value that is not base64 may be a reference by itself.
    """
    text = decode_auth(encoded)
    if text is None:
        return {AUTH_WHOLE: encoded} if encoded else {}
    at = find_colon(text, grammar)
    return {AUTH_WHOLE: text} if at < 0 else {AUTH_USER: text[:at], AUTH_PASSWORD: text[at + 1 :]}


def find_colon(text: str, grammar: Grammar) -> int:
    """Find the colon between user and password; -1 when there is none.

    Behind a reference as a whole it is the one before another reference; else the first one outside of references.
    """
    schemes = (grammar.mark, WRITE + grammar.mark)
    if text.startswith(schemes):
        ends = (match.start() for match in re.finditer(":(?=(?:>>)?" + re.escape(grammar.mark) + ")", text))
        return next((at for at in islice(ends, MOST_COLONS) if parses(text[:at], grammar)), -1)
    if grammar.parse is None:
        return text.find(":")
    offset = 0
    try:
        parts = grammar.parse(text)
    except InvalidReference:  # which is told where its value is asked for
        return -1
    for part in parts:
        if isinstance(part, str) and ":" in part:
            return offset + part.index(":")
        offset += len(str(part))
    return -1


def parses(text: str, grammar: Grammar) -> bool:
    """Tell whether a text is a right reference."""
    try:
        return grammar.parse is not None and bool(grammar.parse(text))
    except InvalidReference:
        return False


def fill_entry(entry: Entry, values: Values, grammar: Grammar) -> dict[str, str]:
    """Give the new values of an entry's members. Raises Refused for values that cannot be credentials."""
    texts = dict(entry.texts)
    for kind in entry.kinds:
        try:
            texts[kind] = values.found[entry.name(kind)].decode()
        except UnicodeDecodeError:
            raise Refused(f"{entry.place}.{kind.partition('-')[0]}: the value is not UTF-8") from None
    new = {kind: texts[kind] for kind in (USER, PASSWORD) if kind in entry.kinds}
    user, password = texts.get(USER), texts.get(PASSWORD)
    if AUTH_USER in texts or AUTH_WHOLE in texts:
        user, password = read_auth(entry, texts)
        if USER in texts and PASSWORD in texts:
            new = {USER: user, PASSWORD: password}
    if user is not None and password is not None and texts.get(AUTH):
        if ":" in user:
            raise Refused(f"{entry.place}.auth: a user name with a colon in it cannot be written there")
        new[AUTH] = encode_auth(user, password)
    check_text(entry.place, "".join(new.values()), "strict")
    sides = {} if is_repeated(texts | new) else split_auth(new.get(AUTH, ""), grammar)
    if any(map(grammar.has_reference, (new.get(USER, ""), new.get(PASSWORD, ""), *sides.values()))):
        raise Refused(f"{entry.place}: {LOOKS_LIKE_REFERENCE}")
    return new


def check_text(place: str, text: str, errors: str) -> None:
    """Raise Refused for text that has no UTF-8: JSON may hold half of a surrogate pair, and `auth` any bytes."""
    try:
        text.encode(errors=errors)
    except UnicodeEncodeError:
        raise Refused(f"{place}: the credentials are not UTF-8") from None


def read_auth(entry: Entry, texts: dict[str, str]) -> tuple[str, str]:
    """Give user and password as `auth` has them. Raises Refused."""
    if AUTH_WHOLE not in texts:
        return texts[AUTH_USER], texts[AUTH_PASSWORD]
    credential = read_credential(texts[AUTH_WHOLE])
    if credential is None:
        raise Refused(f"{entry.place}.auth: what the reference gives is not USER:PASSWORD, nor base64 of that")
    return credential
