"""Every error that this project raises on purpose.

    Error
    ├── ConfigurationError     a setting (variable, option, annotation) that cannot be used
    ├── InvalidReference       text that starts like a reference and is none; marks the bad span
    ├── VaultError             a request to Vault or OpenBao that did not give what was asked for
    │   ├── Unreachable        no whole answer: DNS, connection, TLS, timeout, connection cut
    │   ├── MalformedResponse  an answer that is not Vault's: HTML, half a JSON document, wrong types
    │   └── RequestRejected    an answer with an error status
    │       └── SecretMissing  nothing at the path, or a deleted or destroyed version of it
    ├── SecretError            what an environment variable asks for cannot be given
    │   └── MissingValue       ... because the path, key or version does not exist (may be ignored)
    ├── TemplateError          a Go template that does not parse or cannot be executed; its text is Go's own
    ├── FunctionError          what a function of a template could not do; it becomes a TemplateError
    ├── LaunchError            the command cannot be started; carries the exit code
    └── Refused                an admission request answered with `allowed: false`; carries code and reason

No message of these holds a secret value, a token or a ciphertext.
"""

from __future__ import annotations

SHOWN_BEFORE, SHOWN_BEHIND = 100, 60
CUT = "\N{HORIZONTAL ELLIPSIS}"


class Error(Exception):
    """Base of all errors of this project: its text is written for the person who has to act on it."""


class ConfigurationError(Error):
    """A setting that cannot be used. The text names the setting, what was given and what is accepted."""


class InvalidReference(Error):
    """Text that starts like a reference but does not follow the grammar of `inject.reference`.

    `shown` is the reference without bodies and ciphertexts, and of a long one what is around the bad span; `start`
    and `end` are that span in it (character offsets, `end` exclusive), `offset` is where it begins in the whole
    reference. `reason` says what is wrong and what to write.
    """

    def __init__(self, reason: str, shown: str, start: int, end: int) -> None:
        super().__init__(reason, shown, start, end)
        self.reason = reason
        self.offset = min(start, len(shown))
        first = max(0, self.offset - SHOWN_BEFORE)
        window = shown[first : self.offset + SHOWN_BEHIND]
        before, behind = CUT * (first > 0), CUT * (first + len(window) < len(shown))
        printable = (char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in window)
        self.shown = before + "".join(printable) + behind
        self.start = self.offset - first + len(before)
        self.end = max(self.start + 1, min(end - first + len(before), len(self.shown)))

    def marker(self) -> str:
        """Two lines: the reference, and `~~~^` under its bad span."""
        under = " " * self.start + "~" * (self.end - self.start - 1) + "^"
        return f"{self.shown}\n{under}"

    def __str__(self) -> str:
        return f"{self.reason}\n  " + self.marker().replace("\n", "\n  ")


class VaultError(Error):
    """A request to Vault or OpenBao that failed. `path` is the API path without `/v1/`."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class Unreachable(VaultError):
    """No whole answer came: name look-up, connection, TLS handshake, timeout or a cut connection.

    `may_pass` tells whether trying again can help; a certificate that is not trusted stays so. `timed_out` tells
    that the time was over.
    """

    def __init__(self, message: str, *, path: str = "", may_pass: bool = True, timed_out: bool = False) -> None:
        super().__init__(message, path=path)
        self.may_pass = may_pass
        self.timed_out = timed_out


class MalformedResponse(VaultError):
    """An answer that no Vault gives: not JSON, not an object, a field of the wrong type."""


class RequestRejected(VaultError):
    """An answer with an error status. `details` are the sentences that Vault gave."""

    def __init__(self, message: str, *, path: str, status: int, details: tuple[str, ...] = ()) -> None:
        super().__init__(message, path=path)
        self.status = status
        self.details = details

    def explained(self, why: str) -> RequestRejected:
        """Make the same error with a clause more."""
        return type(self)(f"{self}{why}", path=self.path, status=self.status, details=self.details)


class SecretMissing(RequestRejected):
    """Nothing at the path (404), or a version of it that was deleted or destroyed."""


class SecretError(Error):
    """What `name` (an environment variable, or a from-path entry) asks for cannot be given.

    `cause` says why; `reference` is the error with the marked text when the reference itself is wrong.
    """

    def __init__(self, name: str, cause: str, reference: InvalidReference | None = None) -> None:
        super().__init__(name, cause)
        self.name = name
        self.cause = cause
        self.reference = reference

    def __str__(self) -> str:
        return f"{self.name}: {self.reference or self.cause}"


class MissingValue(SecretError):
    """The path, key or version does not exist. Only this one is forgiven by ignore-missing."""


class TemplateError(Error):
    """A Go template that cannot be rendered.

    The text is Go's own, `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: ...`, because people search for it.
    It may quote what the template was given or has computed; `shown` leaves that out, for logs.
    """

    def __init__(self, text: str, shown: str | None = None) -> None:
        super().__init__(text)
        self.shown = text if shown is None else shown


class FunctionError(Error):
    """What went wrong in a function of a template, in Go's words; a TemplateError tells it.

    `is_constant` tells that the words say nothing of the arguments, so that they may be logged whatever these were.
    """

    def __init__(self, text: str, *, is_constant: bool = False) -> None:
        super().__init__(text)
        self.is_constant = is_constant


class LaunchError(Error):
    """The command cannot be started. `exit_code` is the shell's: 127 not found, 126 not executable."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Refused(Error):
    """An object that is not admitted.

    `code` is the HTTP status of the answer (403, 422), `reason` the `metav1.StatusReason` that goes with it
    (`Forbidden`, `Invalid`).
    """

    def __init__(self, message: str, *, code: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.reason = {403: "Forbidden", 422: "Invalid"}[code]
