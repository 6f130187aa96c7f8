"""What pods see of OpenBao: a TLS server with a name of its own, which passes everything on to the real one behind it.

So a pod has to resolve a host name, and to verify a certificate against it. It changes nothing, and notes the tokens
that it sees, so that a test knows what to search for.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING

from tests.fakes.certificates import Authority
from tests.fakes.server import carry, close

if TYPE_CHECKING:
    import ssl
    from pathlib import Path
    from typing import Self

DOMAIN = "e2e.invalid"
SHORT_HOST = "vault"
HOST = f"{SHORT_HOST}.{DOMAIN}"


class Front:
    """Listens on a free port of `address` for `HOST` and `SHORT_HOST`; also a context manager.

    Attributes: `url` and `short_url`; `ca`, which verifies it (PEM); `tokens`, every token that a pod has shown.
    """

    def __init__(self, folder: Path, address: str, port_behind: int) -> None:
        authority = Authority(folder)
        self.ca = authority.ca_file.read_text()
        self.tokens: set[bytes] = set()
        self._context = authority.server_context(HOST, SHORT_HOST)
        self._port_behind = port_behind
        self._listener = socket.create_server((address, 0))
        port = self._listener.getsockname()[1]
        self.url, self.short_url = f"https://{HOST}:{port}", f"https://{SHORT_HOST}:{port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed by `__exit__`
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that does not trust the certificate ends the connection; that is the client's to tell.
        with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as client:
            self._join(client)

    def _join(self, client: ssl.SSLSocket) -> None:
        with socket.create_connection(("127.0.0.1", self._port_behind)) as server:
            threading.Thread(target=carry, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                self.tokens.update(re.findall(rb"(?i)\r\nx-vault-token: *(\S+)\r\n", data))
                server.sendall(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        close(self._listener)
