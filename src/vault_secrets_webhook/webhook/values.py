"""The textual forms of settings: what an annotation or an environment variable may say.

Every parser takes the text and gives the value; ValueError says what is accepted. Names of settings are not known
here: who asks adds them.
"""

from __future__ import annotations

import re

from vault_secrets_webhook.errors import ConfigurationError, TemplateError
from vault_secrets_webhook.textlog import parse_level
from vault_secrets_webhook.vault.auth import LATER, METHODS

from .message import show
from .role import is_template, parse_role_template

# Names of objects and of their parts: RFC 1123 subdomain and label, by `validation` of k8s.io/apimachinery.
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:]+\](:[0-9]+)?")
SUBDOMAIN_LENGTH = 253
LABEL_LENGTH = 63
# `resource.Quantity`, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/, without sign.
QUANTITY = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")
LONGEST_QUANTITY = 32
PULL_POLICIES = {
    "Always": "Always",
    "always": "Always",
    "IfNotPresent": "IfNotPresent",
    "ifnotpresent": "IfNotPresent",
    "Never": "Never",
    "never": "Never",
}
MEMORY, DISK, IMAGE, AUTO = "Memory", "", "Image", "Auto"  # the first two as `medium` of an emptyDir has them
MEDIA = {
    "Memory": MEMORY,
    "memory": MEMORY,
    "Disk": DISK,
    "disk": DISK,
    "Image": IMAGE,
    "image": IMAGE,
    "Auto": AUTO,
    "auto": AUTO,
}
BY_SHELL, BY_ITSELF = "shell", "self"
COPYING = {BY_SHELL: BY_SHELL, BY_ITSELF: BY_ITSELF}
OFF, WARN, ENFORCE = "off", "warn", "enforce"
LEVELS = {OFF: OFF, WARN: WARN, ENFORCE: ENFORCE}
AUTO_SIDECAR, NATIVE_SIDECAR, CLASSIC_SIDECAR = "auto", "native", "classic"
SIDECARS = {name: name for name in (AUTO_SIDECAR, NATIVE_SIDECAR, CLASSIC_SIDECAR)}
MOST_WORKERS = 64
PROVIDERS = ("vault", "bao", "aws")
ANNOTATIONS_SOURCE, CONFIG_MAP_SOURCE = "annotations", "configmap:"
LARGEST_ID = (1 << 31) - 1  # `validation.IsValidUserID` of Kubernetes


def parse_text(text: str) -> str:
    """Take the text as it is."""
    return text


def split_list(text: str) -> tuple[str, ...]:
    """Split a list at its commas; white space around entries and empty ones do not count."""
    return tuple(entry for part in text.split(",") if (entry := part.strip()))


def parse_hosts(text: str) -> frozenset[str]:
    """Read a list of hosts, each with its port if it has one, separated by commas."""
    hosts = frozenset(split_list(text))
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ValueError(f"{show(host)} is not HOST or HOST:PORT: write it as in names of images, without http://")
    return hosts


def parse_pull_policy(text: str) -> str:
    """Read an image pull policy; only the two spellings of each that the existing webhook knows."""
    return choose(PULL_POLICIES, text, "a pull policy: write Always, IfNotPresent or Never")


def parse_medium(text: str) -> str:
    """Read where the volume with vault-env is kept; the node's disk is the empty string, as in the API."""
    return choose(MEDIA, text, "a volume medium: write Memory, Disk, Image or Auto")


def parse_copying(text: str) -> str:
    """Read how vault-env is copied."""
    return choose(COPYING, text, "a way to copy vault-env: write shell or self")


def parse_check_level(text: str) -> str:
    """Read what becomes of an object that fails a check."""
    return choose(LEVELS, text, "a level of a check: write off, warn or enforce")


def parse_sidecar(text: str) -> str:
    """Read how agents run beside an application."""
    return choose(SIDECARS, text, "a kind of sidecar: write auto, native or classic")


def parse_auth_method(text: str) -> str:
    """Read the name of a login method. Those that only another vault-env knows pass: its image is a setting too."""
    if text not in METHODS and text not in LATER:
        raise ValueError(f"{show(text)} is not an auth method: write kubernetes or jwt")
    return text


def parse_log_level(text: str) -> str:
    """Read the name of a log level."""
    try:
        parse_level(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return text


def parse_provider(text: str) -> str:
    """Read whose references an object has; nothing stands for those of vault-env."""
    if text and text not in PROVIDERS:
        raise ValueError(f"{show(text)} is not a provider: write vault, bao or aws")
    return text


def parse_names(text: str) -> frozenset[str]:
    """Read names of containers, separated by commas."""
    names = frozenset(split_list(text))
    for name in names:
        if not is_label(name):
            raise ValueError(
                f"{show(name)} is not the name of a container: lower case letters, digits and - are allowed"
            )
    return names


def parse_folder(text: str) -> str:
    """Read the absolute path of a folder in a container."""
    if not text.startswith("/") or not text.isprintable() or ":" in text or ".." in text.split("/"):
        raise ValueError(f"{show(text)} is not the path of a folder: write it like /vault/secrets, without : and ..")
    return text


def parse_defaults_sources(text: str) -> tuple[str, ...]:
    """Read where a namespace keeps defaults: `annotations`, the name of a ConfigMap after `configmap:`, or both."""
    sources = split_list(text)
    for source in sources:
        name = source.removeprefix(CONFIG_MAP_SOURCE)
        if source not in {ANNOTATIONS_SOURCE, OFF} and (name == source or not name or not is_object_name(name)):
            raise ValueError(f"{show(source)} is no place of defaults: write annotations, configmap:NAME or off")
    return tuple(source for source in sources if source != OFF)


def parse_quantity(text: str) -> str:
    """Read an amount of a resource that is not negative: `100m`, `64Mi`, `1e3`. It stays text."""
    if len(text) > LONGEST_QUANTITY or not QUANTITY.fullmatch(text):
        raise ValueError(f"{show(text)} is not a quantity: write it like 100m or 64Mi")
    return text


def parse_workers(text: str) -> int:
    """Read a number of worker processes."""
    if (
        not text.isascii()
        or not text.isdigit()
        or len(text) > len(str(MOST_WORKERS))
        or not 0 < int(text) <= MOST_WORKERS
    ):
        raise ValueError(f"{show(text)} is not a number from 1 to {MOST_WORKERS}")
    return int(text)


def parse_id(text: str) -> int:
    """Read a user or group id; 0 stands for none given."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST_ID)) or int(text) > LARGEST_ID:
        raise ValueError(f"{show(text)} is not a numeric id: write a whole number from 0 to {LARGEST_ID}")
    return int(text)


def parse_image(text: str) -> str:
    """Read the name of a container image. The API server checks the rest of it."""
    if not text or not text.isprintable() or " " in text:
        raise ValueError("the name of an image is needed, without spaces")
    return text


def parse_object_name(text: str) -> str:
    """Read the name of a Secret or ConfigMap, or nothing."""
    if text and not is_object_name(text):
        raise ValueError(f"{show(text)} is not the name of an object: lower case letters, digits, - and . are allowed")
    return text


def parse_role(text: str) -> str:
    """Read the name of a Vault role, a Go template of it, or nothing: then the pod's ServiceAccount names it."""
    if is_template(text):
        try:
            parse_role_template(text)
        except TemplateError as error:
            raise ValueError(str(error)) from None
    return text


def parse_mount(text: str) -> tuple[str, str] | None:
    """Read `volume:file`: a volume of the pod, and the name of a file in its root. Nothing gives None."""
    if not text:
        return None
    volume, colon, file = text.partition(":")
    if not colon or not is_label(volume) or not is_file_name(file):
        raise ValueError(
            f"{show(text)} is not VOLUME:FILE: the name of a volume of the pod, and of a file in it without folders"
        )
    return volume, file


def is_object_name(text: str) -> bool:
    """Tell whether an object of most kinds may have this name (RFC 1123 subdomain)."""
    return len(text) <= SUBDOMAIN_LENGTH and SUBDOMAIN.fullmatch(text) is not None


def is_label(text: str) -> bool:
    """Tell whether a volume or container may have this name (RFC 1123 label)."""
    return len(text) <= LABEL_LENGTH and LABEL.fullmatch(text) is not None


def is_file_name(text: str) -> bool:
    """Tell whether the text names a file of a folder, and cannot lead out of it."""
    return bool(text) and text not in {".", ".."} and "/" not in text and text.isprintable()


def choose(words: dict[str, str], text: str, wanted: str) -> str:
    try:
        return words[text]
    except KeyError:
        raise ValueError(f"{show(text)} is not {wanted}") from None
