"""Which certificate authorities are trusted where no file of them is named: directories, the container's, our own.

The container's are looked for where Go's programs look for them, because people put them there for such programs.
Imported only then. This module knows OpenSSL by `tls` alone.

Source: Go package crypto/x509, `loadSystemRoots` on Unix; names in root_linux.go.
"""

from __future__ import annotations

import os

from vault_secrets_webhook.errors import ConfigurationError

from .tls import NO_AUTHORITY, SSLError, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _ssl import _SSLContext
    from collections.abc import Iterable

# Where the distributions keep their authorities: all of them in one file (the first that is there counts), and one by
# one in directories.
SYSTEM_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
SYSTEM_DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")
# What links in these directories point to, as far as it is in the file as well.
DISTRIBUTED = ("/usr/share/ca-certificates/", "/etc/pki/ca-trust/")


def load_named_directory(context: _SSLContext, directory: str, name: str) -> None:
    """Load every file of the directory that holds a certificate (no hashed names are needed).

    Raises ConfigurationError if there is none; `name` is the variable that names it.
    """
    try:
        loaded = load_directory(context, directory)
    except OSError as error:
        raise ConfigurationError(f"{name} {directory} cannot be read: {error.strerror}") from None
    if not loaded:
        raise ConfigurationError(f"{name} {directory} has no certificate in it")


def load_system_authorities(context: _SSLContext, environ: dict[str, str]) -> None:
    """Load what SSL_CERT_FILE and SSL_CERT_DIR name, else the container's; if it has none, those built into vault-env.

    Raises ConfigurationError for a file that is named and cannot be used, while Go trusts nobody, or others.
    """
    named_file, named_directories = environ.get("SSL_CERT_FILE", ""), environ.get("SSL_CERT_DIR", "")
    if named_file:
        load(f"SSL_CERT_FILE {named_file}", NO_AUTHORITY, lambda: context.load_verify_locations(named_file, None, None))
        is_loaded = True
    else:
        is_loaded = any(load_file(context, path) for path in SYSTEM_FILES)
    if named_directories:
        is_loaded |= load_directories(context, named_directories.split(":"))
        if not is_loaded:
            raise ConfigurationError(f"SSL_CERT_DIR {named_directories} has no certificate in it: correct or unset it")
    else:
        is_loaded |= load_directories(context, SYSTEM_DIRECTORIES, DISTRIBUTED if is_loaded else ())
    if not is_loaded:
        load_own_authorities(context)


def load_directories(context: _SSLContext, directories: Iterable[str], skipped: tuple[str, ...] = ()) -> bool:
    """Load those of the directories that are there; whether there was anything in them."""
    is_loaded = False
    for directory in directories:
        try:
            is_loaded |= load_directory(context, directory, skipped) > 0
        except OSError:
            continue
    return is_loaded


def load_directory(context: _SSLContext, directory: str, skipped: tuple[str, ...] = ()) -> int:
    """Load the directory's files, but not links within it; how many. Raises OSError.

    With `skipped`, the distribution's are loaded already: its files, and links to what begins like that, are left out.
    """
    loaded = 0
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if not ((skipped and path in SYSTEM_FILES) or is_repeated(path, skipped)):
            loaded += load_file(context, path)
    return loaded


def is_repeated(path: str, skipped: tuple[str, ...]) -> bool:
    """Tell whether this is a link to what is read by another name."""
    try:
        target = os.readlink(path)
    except OSError:  # no link
        return False
    return "/" not in target or target.startswith(skipped)


def load_file(context: _SSLContext, path: str) -> bool:
    """Load a file of certificates; whether that could be done."""
    try:
        context.load_verify_locations(path, None, None)
    except (OSError, SSLError):  # not there, or a README, a key, a directory
        return False
    return True


def load_own_authorities(context: _SSLContext) -> None:
    """Load the set that is built into the static executable; where there is none, what OpenSSL takes by itself."""
    try:
        from _vaultenv_roots import CERTIFICATES  # type: ignore[import-not-found]
    except ImportError:
        context.set_default_verify_paths()
    else:
        context.load_verify_locations(None, None, CERTIFICATES)
