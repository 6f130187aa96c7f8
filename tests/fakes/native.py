"""Stand-ins for the modules in C that only the static executable has."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from vault_secrets_webhook.gotemplate.crypto import libcrypto

if TYPE_CHECKING:
    from collections.abc import Sequence


class Execution(NamedTuple):
    """What was asked of execve(2)."""

    path: bytes
    argv: list[bytes]
    entries: list[bytes]


class Executed(Exception):
    """In the place of a call that does not come back."""


class FakeProcess:
    """`_vaultenv_process` of a process that was started like this. `failure` is what execve(2) raises."""

    def __init__(
        self, entries: Sequence[bytes] = (), ignored: Sequence[int] = (), failure: OSError | None = None
    ) -> None:
        self.started_with = list(entries)
        self.ignored = tuple(ignored)
        self.failure = failure
        self.executed: list[Execution] = []

    def entries(self) -> list[bytes]:
        return list(self.started_with)

    def execve(self, path: bytes, argv: list[bytes], entries: list[bytes], /) -> NoReturn:
        self.executed.append(Execution(path, argv, entries))
        raise self.failure or Executed

    def ignored_signals(self) -> tuple[int, ...]:
        return self.ignored


class FakeOpenSSL(ModuleType):
    """`_vaultenv_openssl` on top of the library that this interpreter has; `asked` are the functions that were called."""

    def __init__(self) -> None:
        super().__init__("_vaultenv_openssl")
        self.asked: list[str] = []
        self.library = libcrypto.bind_once()

    def aes_cbc(self, key: bytes, start: bytes, blocks: bytes, is_encryption: bool, /) -> bytes:
        self.asked.append("aes_cbc")
        return self.library.aes_cbc(key, start, blocks, is_encryption)

    def generate_key(
        self, kind: str, parameter_options: list[tuple[str, str]] | None, options: list[tuple[str, str]], /
    ) -> bytes:
        self.asked.append("generate_key")
        return self.library.generate_key(kind, parameter_options, options)

    def derive_public_key(self, private_key: bytes, /) -> bytes:
        self.asked.append("derive_public_key")
        return self.library.derive_public_key(private_key)

    def sign(self, private_key: bytes, digest: str, data: bytes, /) -> bytes:
        self.asked.append("sign")
        return self.library.sign(private_key, digest, data)

    def crypt(self, password: bytes, setting: bytes, /) -> bytes | None:
        """Give what no real one would, but of the right form."""
        self.asked.append("crypt")
        return setting[:29] + bytes(31).replace(b"\0", b"x") if b"\0" not in password else None
