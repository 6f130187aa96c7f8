"""The demo from beginning to end, and what it shows.

Where VAULT_ADDR is set, the caller's server is used with the caller's token, and nothing of it is changed but for one
secret of a fresh name, which goes again. Otherwise everything is our own and ends with us.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec

from vault_secrets_webhook.errors import ConfigurationError, Error
from vault_secrets_webhook.manifest.difference import write_difference
from vault_secrets_webhook.manifest.patch import apply_patch
from vault_secrets_webhook.manifest.yamltext import read_yaml, write_yaml
from vault_secrets_webhook.vault import api
from vault_secrets_webhook.vaultenv.inject import make_client

from .container import run_container
from .identity import TokenSigner
from .openbao import running_openbao
from .preparation import AUTH_MOUNT, allow_login, passing_sample, write_sample
from .review import review_pod
from .sample import FILE, NAMESPACE, SERVICE_ACCOUNT, VARIABLE, Sample, make_unique_sample
from .screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from .container import Outcome
    from .review import Review

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
TEMPLATE = "/spec/template"
CONTEXT_LINES = 1
TIME = re.compile(r"^time=\S+ ")
# Of the caller's environment, what the webhook and what vault-env need to reach the caller's server.
FOR_WEBHOOK = ("VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_SKIP_VERIFY", "VAULT_CLIENT_TIMEOUT")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


class Setting(NamedTuple):
    """Where the demo plays: what webhook and container get to know about Vault, and what there is to say about it."""

    for_webhook: dict[str, str]
    for_container: dict[str, str]
    server: str
    login: str


def run_demo(environ: Mapping[str, str], *, colours: bool) -> None:
    """Run the demo. Raises Error when something is not as it should be."""
    screen = Screen(colours=colours)
    started = time.monotonic()
    with ending_in_order(), contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vault-secrets-webhook-demo-")))
        play = borrowed_server if environ.get("VAULT_ADDR") else own_server
        sample = make_unique_sample() if environ.get("VAULT_ADDR") else Sample()
        setting = stack.enter_context(play(folder, sample, environ))
        show(screen, setting, sample, folder)
    screen.end(f"Nothing of this is left. It took {time.monotonic() - started:.1f} s.")


@contextlib.contextmanager
def own_server(folder: Path, sample: Sample, environ: Mapping[str, str]) -> Iterator[Setting]:
    """Run a server, with the secret and a login for the sample's ServiceAccount."""
    del environ
    with running_openbao(folder) as server:
        write_sample(server.client, sample)
        signer = TokenSigner()
        allow_login(server.client, signer.public_key(), sample)
        token_file = write_private(folder / "token", signer.sign(NAMESPACE, SERVICE_ACCOUNT))
        version = api.read_health(server.client).version
        yield Setting(
            {"VAULT_ADDR": server.address},
            {"VAULT_JWT_FILE": str(token_file)},
            f"OpenBao {version} at {server.address}, in memory",
            f"auth/{AUTH_MOUNT} lets ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} log in, to read that and nothing else",
        )


@contextlib.contextmanager
def borrowed_server(folder: Path, sample: Sample, environ: Mapping[str, str]) -> Iterator[Setting]:
    """Use the server of VAULT_ADDR, with the secret in it for as long as the context lasts."""
    token = environ.get("VAULT_TOKEN", "").strip()
    if not token:
        raise ConfigurationError("VAULT_ADDR is set, so the demo uses that server and needs a VAULT_TOKEN for it")
    client = make_client(dict(environ))
    client.token = token
    with passing_sample(client, sample):
        reach = {name: text for name, text in environ.items() if name.startswith("VAULT_") or name in PROXIES}
        token_file = write_private(folder / "token", token)
        yield Setting(
            {name: environ[name] for name in FOR_WEBHOOK if name in environ},
            {**reach, "VAULT_TOKEN": "", "VAULT_TOKEN_FILE": str(token_file)},
            f"the server at {environ['VAULT_ADDR']}",
            "vault-env is given your VAULT_TOKEN",
        )


def show(screen: Screen, setting: Setting, sample: Sample, folder: Path) -> None:
    """Show how the secret gets from the server into the process."""
    screen.title(1, f"A secret is in {setting.server}")
    screen.fact("secret", f"{sample.path}: {sample.key}={sample.value}")
    screen.fact("access", setting.login)

    deployment: Any = read_yaml(sample.manifest())
    before = write_yaml(deployment, compact=True)
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    review = asyncio.run(review_pod(pod, NAMESPACE, setting.for_webhook, folder))
    apply_patch(deployment, review.patch, TEMPLATE)
    screen.title(2, f"The webhook changes the pod (AdmissionReview to {review.url})")
    screen.difference(write_difference(before, write_yaml(deployment, compact=True), FILE, CONTEXT_LINES))

    outcome = run_container(deployment["spec"]["template"]["spec"]["containers"][0], setting.for_container)
    screen.title(3, "The container starts")
    screen.fact("environment", f"{VARIABLE}={outcome.environ[VARIABLE]}")
    screen.fact("command", shlex.join(outcome.command))
    screen.fact("vault-env", "\n".join(TIME.sub("", line) for line in outcome.log.splitlines()))
    screen.fact("application", outcome.output)
    if sample.value not in outcome.output:
        raise Error("the secret did not arrive")
    screen.fact("nowhere else", f"not in {check_places(sample, before, review, outcome)}")


def check_places(sample: Sample, manifest: str, review: Review, outcome: Outcome) -> str:
    """Name the places where the secret must not be. Raises Error when it is in one of them."""
    places = {
        "the manifest": manifest,
        "the review": (review.question + review.answer).decode(),
        "the patch": msgspec.json.encode(review.patch).decode(),  # the answer has it in base64
        "the environment it was started with": "\n".join(outcome.environ.values()),
        "the log": outcome.log,
    }
    for place, text in places.items():
        if sample.value in text:
            raise Error(f"the secret is in {place}")
    return ", ".join(places)


def write_private(path: Path, text: str) -> Path:
    """Write a file that nobody else may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Have the signals that end a process unwind this one, as Ctrl-C does, so that everything is cleaned up."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        del frame
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
