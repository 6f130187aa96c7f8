"""The grammar of references, and the parser for it.

A value of an environment variable is either one reference as a whole, or text with references inside `${ }`:

    value     = reference | { text | "${" reference "}" }
    reference = "vault:login"                                  the token itself; only as a whole value
              | "vault:v" digits ":" ciphertext                transit: decrypt
              | "vault:" path "#" selector [ "#" version ]     read
              | ">>vault:" path "#" selector [ "#" body ]      write, then take the value from the answer
    path      = one or more segments without "#", "{", "}", and none of them "." or ".."
    selector  = key | template
    key       = one or more characters other than "#"
    template  = text with at least one action "${" ... "}"  (Go's text/template; "#" may stand in it)
    version   = digits
    body      = a JSON object; `{}` when left out

A value is a reference as a whole when it starts with `vault:` or `>>vault:`; then everything up to its end belongs
to it. Inside `${ }` a reference ends at the brace that balances its opening one, so that it may stand in JSON:
`{"pw":${vault:a#b}}`. Braces in the strings of an action (`"}"`, `` `}` ``, `'}'`) and of a body do not count.

What `#` means behind a template: the last `#` outside of actions starts the version when only digits follow it, and
the first one starts the body when `{` follows it (after `>>` only). Any other `#` is part of the template.

`vault:` is the scheme of Vault, and `bao:`, which stands in its place in all of this, that of OpenBao. Who parses says
which of them are schemes; the text of another one is text.

Every part prints as it was written: `"".join(map(str, parse(text))) == text`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import InvalidReference
from vault_secrets_webhook.goparse import is_digits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Never, TypeAlias

SCHEME, BAO_SCHEME = "vault:", "bao:"
WRITE = ">>"
LOGIN = "login"  # behind a scheme
OPEN = "${"
DEFAULT_BODY = "{}"
QUOTES = frozenset("\"'`")
TRIM_SPACE = frozenset(" \t\r\n")  # behind the `-` that trims, as Go's lexer has it
MAX_VERSION_SPAN = 42  # `v`, the digits that `is_digits` takes, and `:`
HIDDEN = "\N{HORIZONTAL ELLIPSIS}"


class Source:
    """One request, of which `key` is all there is: equal ones are made once."""

    __slots__ = ("key", "path", "scheme")

    def __init__(self, path: str, detail: str | int | None, scheme: str) -> None:
        self.path = path
        self.scheme = scheme
        self.key = (type(self), scheme, path, detail)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class Read(Source):
    """One read request: API path as written, the version (None for the current one), and the scheme: who is asked."""

    __slots__ = ("version",)

    def __init__(self, path: str, version: int | None = None, scheme: str = SCHEME) -> None:
        super().__init__(path, version, scheme)
        self.version = version

    def __repr__(self) -> str:
        return f"Read({self.path!r}, {self.version!r}, {self.scheme!r})"


class Write(Source):
    """One write request: API path, the text of the JSON object that is sent, and the scheme: who is asked."""

    __slots__ = ("body",)

    def __init__(self, path: str, body: str = DEFAULT_BODY, scheme: str = SCHEME) -> None:
        super().__init__(path, body, scheme)
        self.body = body


class Reference:
    """A value in an answer of Vault: which request, and which key (or template over the whole answer)."""

    __slots__ = ("is_template", "scheme", "selector", "source", "text")

    def __init__(self, text: str, source: Read | Write, selector: str, *, is_template: bool) -> None:
        self.text = text
        self.source = source
        self.scheme = source.scheme
        self.selector = selector
        self.is_template = is_template

    def __str__(self) -> str:
        return self.text


class Ciphertext:
    """A transit ciphertext, `vault:v1:...`, as `text` holds it without `${ }`; the scheme says who decrypts it."""

    __slots__ = ("ciphertext", "scheme", "text")

    def __init__(self, text: str, ciphertext: str, scheme: str = SCHEME) -> None:
        self.text = text
        self.ciphertext = ciphertext
        self.scheme = scheme

    def __str__(self) -> str:
        return self.text


class Login:
    """`vault:login`: the token of vault-env's own login."""

    __slots__ = ("scheme",)

    def __init__(self, scheme: str = SCHEME) -> None:
        self.scheme = scheme

    def __str__(self) -> str:
        return self.scheme + LOGIN


if TYPE_CHECKING:
    Part: TypeAlias = str | Reference | Ciphertext | Login


def has_reference(text: str, schemes: tuple[str, ...] = (SCHEME,)) -> bool:
    """Tell whether `parse` would find a reference, right or wrong, in the text."""
    for scheme in schemes:  # a loop, because most texts end with its first line
        if scheme in text and (text.startswith((scheme, WRITE + scheme)) or find_inline(text, 0, schemes)[0] >= 0):
            return True
    return False


def parse(text: str, schemes: tuple[str, ...] = (SCHEME,)) -> tuple[Part, ...]:
    """Split a value into literal text and references, in order. Raises InvalidReference.

    value = reference | { text | "${" reference "}" }
    """
    for scheme in schemes:
        if text.startswith((scheme, WRITE + scheme)):
            return (Login(scheme) if text == scheme + LOGIN else Parser(text, 0, scheme, inline=False).reference()[0],)
    parts: list[Part] = []
    position = 0
    while (found := find_inline(text, position, schemes))[0] >= 0:
        start, scheme = found
        if start > position:
            parts.append(text[position:start])
        part, position = Parser(text, start, scheme, inline=True).reference()
        parts.append(part)
    if position < len(text):
        parts.append(text[position:])
    return tuple(parts)


def parse_paths(text: str, scheme: str = SCHEME) -> tuple[Read, ...]:
    """Read the list of VAULT_ENV_FROM_PATH: `path[#version]`, separated by commas. Raises InvalidReference.

    Spaces around an entry and empty entries are dropped.
    """
    reads = []
    for entry in filter(None, map(str.strip, text.split(","))):
        path, mark, version = entry.partition("#")
        if start := next(filter(path.startswith, (scheme, WRITE + scheme, OPEN + scheme, OPEN + WRITE + scheme)), ""):
            raise InvalidReference(f"leave {start} out: an entry is PATH or PATH#VERSION", entry, 0, len(start))
        check_path(path, entry, 0)
        if mark and not is_digits(version):
            raise InvalidReference("a version is a whole number, as in path#2", entry, len(path) + 1, len(entry))
        reads.append(Read(path, int(version) if mark else None, scheme))
    return tuple(reads)


def find_inline(text: str, start: int, schemes: tuple[str, ...]) -> tuple[int, str]:
    """Find the next `${vault:` or `${>>vault:`, and which scheme that is; -1 when there is none."""
    while (start := text.find(OPEN, start)) >= 0:
        inner = start + len(OPEN)
        target = inner + len(WRITE) if text.startswith(WRITE, inner) else inner
        for scheme in schemes:
            if text.startswith(scheme, target):
                return start, scheme
        start = inner
    return -1, ""


def check_path(path: str, shown: str, start: int) -> None:
    """Raise InvalidReference for an empty path, and for one that could leave the place it names."""
    if not path.strip("/"):
        raise InvalidReference("the path is missing", shown, start, start + len(path))
    offset = start
    for segment in path.split("/"):
        if segment in {".", ".."}:
            raise InvalidReference("a path must not have . or .. in it", shown, offset, offset + len(segment))
        offset += len(segment) + 1


class Parser:
    """Reads one reference of `text`. Offsets are into `text`; `end` methods return the first one behind."""

    def __init__(self, text: str, start: int, scheme: str, *, inline: bool) -> None:
        self.text = text
        self.start = start
        self.scheme = scheme
        self.inline = inline
        inner = start + len(OPEN) if inline else start
        self.writes = text.startswith(WRITE, inner)
        self.target = inner + len(WRITE) * self.writes + len(scheme)
        self.shown_end: int | None = None
        self.hidden_from: int | None = None

    def reference(self) -> tuple[Reference | Ciphertext, int]:
        """Read the reference: the part, and the offset behind it.

        reference = "vault:v" digits ":" ciphertext | "vault:" path "#" selector [...]
        """
        if self.starts_ciphertext():
            return self.ciphertext()
        path_end = self.path_end()
        path = self.text[self.target : path_end]
        if self.text[path_end : path_end + 1] != "#":
            self.fail(f"no key: write {WRITE if self.writes else ''}{self.scheme}PATH#KEY", path_end, path_end + 1)
        check_path(path, self.shown(path_end), self.target - self.start)
        if self.starts_body(path_end + 1, "{" if self.writes else '{"'):  # it may hold a password
            self.hidden_from = path_end + 1
        end, marks, is_template = self.selector(path_end + 1)
        return self.build(path, path_end + 1, end, marks, is_template=is_template)

    def starts_ciphertext(self) -> bool:
        """Tell whether `v`, digits and `:` follow the scheme."""
        if self.text[self.target : self.target + 1] != "v":
            return False
        version_end = self.text.find(":", self.target, self.target + MAX_VERSION_SPAN)
        return version_end > 0 and is_digits(self.text[self.target + 1 : version_end])

    def ciphertext(self) -> tuple[Ciphertext, int]:
        self.shown_end = self.text.find(":", self.target) + 1
        if self.writes:
            self.fail("a ciphertext cannot be written: leave >> out", self.start, self.target)
        end = self.text.find("}", self.target) if self.inline else len(self.text)
        if end < 0:
            self.fail_unbalanced()
        if end == self.shown_end:
            self.fail("no ciphertext behind the version", end, end + 1)
        ciphertext = self.text[self.target - len(self.scheme) : end]
        end += self.inline
        return Ciphertext(self.text[self.start : end], ciphertext, self.scheme), end

    def path_end(self) -> int:
        end = min([at for stop in "#{}" if (at := self.text.find(stop, self.target)) >= 0], default=len(self.text))
        if self.inline and end == len(self.text):
            self.fail_unbalanced()
        if self.text[end : end + 1] == "{" or (self.text[end : end + 1] == "}" and not self.inline):
            self.fail(f"a brace in a path; a key must come first, as in {self.scheme}PATH#KEY", end, end + 1)
        return end

    def selector(self, start: int) -> tuple[int, list[int], bool]:
        """Scan from behind the first `#` to the end of the reference.

        Returns the end (of the closing brace when inline), the offsets of `#` outside of actions, and whether an
        action was seen. A body ends the scan, because its braces are JSON's.
        """
        if not (self.inline or self.writes or OPEN in self.text):  # a plain key: by far the most common
            mark = self.text.find("#", start)
            return len(self.text), [mark] if mark >= 0 else [], False
        at, depth, marks, is_template = start, 0, [], False
        while at < len(self.text):
            char = self.text[at]
            if self.text.startswith(OPEN, at):
                at, is_template = self.action_end(at), True
                continue
            if char == "#" and depth == 0:
                marks.append(at)
                if self.writes and self.starts_body(at + 1):
                    return self.body_end(at + 1), marks, is_template
            elif self.inline and char == "{":
                depth += 1
            elif self.inline and char == "}":
                if depth == 0:
                    return at, marks, is_template
                depth -= 1
            at += 1
        if self.inline:
            self.fail_unbalanced()
        return at, marks, is_template

    def action_end(self, start: int) -> int:
        """Find the end of a template's action as Go's lexer does: quoted braces and comments do not end it."""
        at = start + len(OPEN)
        trims = self.text.startswith("-", at) and self.text[at + 1 : at + 2] in TRIM_SPACE
        comment = at + 2 if trims else at
        if self.text.startswith("/*", comment):
            at = self.text.find("*/", comment)
            at = len(self.text) if at < 0 else at
        while at < len(self.text) and self.text[at] != "}":
            at = self.quoted_end(at) if self.text[at] in QUOTES else at + 1
        if at >= len(self.text):
            self.fail("this ${ has no }", start, start + len(OPEN))
        return at + 1

    def quoted_end(self, start: int) -> int:
        quote = self.text[start]
        at = start + 1
        while at < len(self.text) and self.text[at] != quote:
            at += 2 if self.text[at] == "\\" and quote != "`" else 1
        return at + 1

    def starts_body(self, start: int, opening: str = "{") -> bool:
        """Tell whether the characters of `opening` follow, with white space before them or not."""
        for char in opening:
            while self.text[start : start + 1].isspace():
                start += 1
            if self.text[start : start + 1] != char:
                return False
            start += 1
        return True

    def body_end(self, start: int) -> int:
        """Find the end of a body, which must be a JSON object."""
        from vault_secrets_webhook.wire.jsontext import read_value

        self.shown_end = start
        while self.text[start].isspace():
            start += 1
        try:
            _, end = read_value(self.text, start)
        except ValueError as error:  # `json`, where somebody has imported it, says more than we know
            self.fail(f"the body behind # is not JSON: {getattr(error, 'msg', error)}", start, start + 1)
        while end < len(self.text) and self.text[end].isspace():
            end += 1
        closing = self.text[end : end + 1]
        if closing != ("}" if self.inline else ""):
            self.fail("the body behind # must be one JSON object and nothing else", start, start + 1)
        return end

    def build(self, path: str, start: int, end: int, marks: list[int], *, is_template: bool) -> tuple[Reference, int]:
        """Make the reference of a path and what stands between `start` and `end`."""
        if self.hidden_from is not None and not is_template:
            self.fail(f"no key before the body: write >>{self.scheme}PATH#KEY#{{...}}", start, start + 1)
        split = self.split_at(start, end, marks, is_template=is_template)
        selector = self.text[start:split]
        if not selector:
            self.fail("the key is empty", start, start + 1)
        behind = end + self.inline
        text = self.text[self.start : behind]
        return Reference(text, self.source(path, split, end), selector, is_template=is_template), behind

    def split_at(self, start: int, end: int, marks: list[int], *, is_template: bool) -> int:
        """Find the `#` that separates the selector from the version or body; `end` when there is none."""
        if not marks:
            return end
        if self.shown_end is not None:
            if not is_template and marks[0] != marks[-1]:
                self.fail("a key must not have # in it", marks[0], marks[0] + 1)
            return marks[-1]
        if is_template:
            is_version = not self.writes and is_digits(self.text[marks[-1] + 1 : end])
            return marks[-1] if is_version else end
        if self.writes:
            self.fail("behind the second # a JSON object is needed, as in #{}", marks[0], marks[0] + 1)
        if self.starts_body(marks[0] + 1):
            self.shown_end = marks[0] + 1
            self.fail(f"only a write takes a body: put >> before {self.scheme}", self.start, self.target)
        if not is_digits(self.text[marks[0] + 1 : end]):
            self.fail(f"a version is a whole number, as in {self.scheme}PATH#KEY#2", marks[0] + 1, max(end, start + 1))
        return marks[0]

    def source(self, path: str, split: int, end: int) -> Read | Write:
        rest = self.text[split + 1 : end].strip() if split < end else ""
        if self.writes:
            return Write(path, rest or DEFAULT_BODY, self.scheme)
        return Read(path, int(rest) if rest else None, self.scheme)

    def shown(self, end: int) -> str:
        """Show the reference up to `end`, or up to where a body or ciphertext starts."""
        stops = [stop for stop in (self.hidden_from, self.shown_end) if stop is not None]
        return self.text[self.start : min(stops)] + HIDDEN if stops else self.text[self.start : end]

    def fail_unbalanced(self) -> Never:
        self.fail("this ${ has no } that closes it", self.start, self.start + len(OPEN), self.first_line_end())

    def fail(self, reason: str, start: int, end: int, shown_end: int | None = None) -> Never:
        shown = self.shown(max(end, shown_end or 0))
        raise InvalidReference(reason, shown, start - self.start, end - self.start)

    def first_line_end(self) -> int:
        """Where to stop showing a reference that has no end: what follows it may be anything."""
        end = self.target
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "-_./#"):
            end += 1
        return end
