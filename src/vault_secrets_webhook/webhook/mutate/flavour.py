"""What a wrapped pod looks like: the names and places that depend on who starts the application in it.

`VAULT_ENV` is Bank-Vaults' first webhook with vault-env, the `SECRET_INIT_...` ones are its second webhook, whose
secret-init has a flavour for each provider. Names and places are theirs, so that manifests and
policies that know them go on working; secret-init of our image is vault-env under another name. Nothing here knows about references (`grammar`) or variables (`environment`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from vault_secrets_webhook.webhook.options import Options

IMAGE_FOLDER = "/usr/local/bin"  # of the executable, in its image
VAULT, BAO, AWS = "vault", "bao", "aws"


class Flavour(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The names and places of one flavour. `provider` is that of the options, empty for vault-env.

    `name` is the executable's, `executable` its path in containers, in whose `folder` its volume is mounted.
    `certificate_*` is where the authorities for the server's certificate are, `other_certificate_*` the same for a pod
    whose author has a volume of that name. `image_points` are the folders that the image has beside the executable, as
    containers see them: for the certificate, and where agents of all kinds write. `copying` and `copying_with_points`
    are the scripts that copy the executable, `copying_itself` the command with which it does that alone,
    `copying_token` the script that copies a token.
    """

    provider: str
    name: str
    folder: str
    executable: str
    volume: str
    copier: str
    token_copier: str
    token_file: str
    certificate_volume: str
    certificate_folder: str
    other_certificate_volume: str
    other_certificate_folder: str
    image_points: frozenset[str]
    copying: str
    copying_with_points: str
    copying_itself: tuple[str, ...]
    copying_token: str


def build_flavour(provider: str, name: str, kind: str) -> Flavour:
    """Derive a flavour from the executable's name and the kind of server that folders and tokens are called after."""
    folder = "/" + kind
    token_file = f"{folder}/.{kind}-token"
    copying = f"cp {IMAGE_FOLDER}/{name} {folder}/"
    return Flavour(
        provider=provider,
        name=name,
        folder=folder,
        executable=f"{folder}/{name}",
        volume=name,
        copier=f"copy-{name}",
        token_copier=f"copy-{kind}-token",
        token_file=token_file,
        certificate_volume=f"{kind}-tls",
        certificate_folder=folder + "/tls",
        other_certificate_volume=f"{name}-tls",
        other_certificate_folder=f"/{name}/tls",
        image_points=frozenset((folder + "/tls", folder + "/secrets")),
        copying=copying,
        copying_with_points=copying + ' && mkdir -p "$@"',
        copying_itself=(f"{IMAGE_FOLDER}/{name}", "copy", folder + "/"),
        copying_token=f'cp "/token/$1" {token_file}',
    )


VAULT_ENV = build_flavour("", "vault-env", VAULT)
SECRET_INIT_VAULT = build_flavour(VAULT, "secret-init", VAULT)
SECRET_INIT_BAO = build_flavour(BAO, "secret-init", BAO)
SECRET_INIT_AWS = build_flavour(AWS, "secret-init", AWS)
FLAVOURS = {one.provider: one for one in (VAULT_ENV, SECRET_INIT_VAULT, SECRET_INIT_BAO, SECRET_INIT_AWS)}
# A container that starts one of these is wrapped, whichever webhook did it.
EXECUTABLES = frozenset(one.executable for one in FLAVOURS.values())


def find_flavour(options: Options) -> Flavour:
    """Find the flavour of a pod by its options."""
    return FLAVOURS[options.provider]
