"""Why a path was denied or is not there: a few look-ups that are made for the message alone.

Imported only where there is such an error to tell. None of this may make anybody wait for long: each look-up is one
try, there is a handful of them, all together have two seconds, and none follows one that was not answered.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import RequestRejected, SecretMissing, Unreachable, VaultError

from .client import DENIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.wire.jsontext import JSON

    from .client import Client

SECONDS = 2.0
MAX_LOOKUPS = 5
POLICIES = "; the token's policies do not allow it"
INVALID = "; the token itself is not valid: it is wrong, has expired or was revoked"
EITHER = "; either the token is not valid (wrong, expired, revoked), or its policies do not allow it"


class Diagnosis:
    """What one run has found out. Every question is asked once."""

    def __init__(self, client: Client) -> None:
        self.client = client.with_one_try(SECONDS)
        self.end = client.clock.now() + SECONDS
        self.lookups_left = MAX_LOOKUPS
        self.mounts: dict[str, bool] = {}
        self.token_state: str | None = None

    def explain(self, error: RequestRejected) -> str:
        """Give a clause that says why, or nothing."""
        if hint := self.find_mistaken_path(error.path):
            return hint
        return "" if isinstance(error, SecretMissing) else self.explain_denied(error)

    def find_mistaken_path(self, path: str) -> str:
        """Find out whether a path lacks the `data/` of KV version 2; the clause that says so, else empty."""
        path = path.strip("/") + "/"
        mount = next((mount for mount in self.mounts if path.startswith(mount)), None) or self.look_up_mount(path)
        rest = path.removeprefix(mount or path).rstrip("/")
        if mount is None or not self.mounts[mount] or not rest or rest.startswith(("data/", "metadata/")):
            return ""
        return f"; {mount} is KV version 2: write {mount}data/{rest}"

    def look_up_mount(self, path: str) -> str | None:
        """Ask which mount a path is in, and remember whether that is KV version 2.

        `sys/internal/ui/mounts` answers any token that may use the mount.
        """
        if not (answer := self.ask(f"sys/internal/ui/mounts/{path}")):
            return None
        mount, options = answer.get("path"), answer.get("options")
        if not isinstance(mount, str) or not path.startswith(mount):
            return None
        self.mounts[mount] = isinstance(options, dict) and options.get("version") == "2"
        return mount

    def explain_denied(self, error: RequestRejected) -> str:
        """Say whether it is the token or its policies that is not good enough.

        The servers tell the two apart themselves: what the policies do not allow is a list of errors, a token that is
        not valid is none, or has a second one. What stands in between may say less.
        """
        if self.token_state is None:
            self.token_state = self.judge_token()
        is_denied_by_policy = self.token_state == EITHER and is_policy_denial(error)
        return POLICIES if is_denied_by_policy else self.token_state

    def judge_token(self) -> str:
        """Ask what the token is; the clause that follows from the answer."""
        try:
            fields = self.ask("auth/token/lookup-self", raises=True)
        except RequestRejected as error:
            if error.status != DENIED:
                return EITHER
            if is_policy_denial(error):  # a token without the policy `default` may not even look at itself
                return POLICIES
            return INVALID if is_about_token(error) else EITHER
        policies = fields.get("policies")
        if not isinstance(policies, list) or not policies:
            return EITHER
        return f"; the token's policies ({', '.join(map(str, policies))}) do not allow it"

    def ask(self, path: str, *, raises: bool = False) -> dict[str, JSON]:
        """Look something up; its data, or nothing when it cannot be had. Raises RequestRejected where told to."""
        seconds_left = self.end - self.client.clock.now()
        if self.lookups_left <= 0 or seconds_left <= 0:
            return {}
        self.lookups_left -= 1
        self.client.timeout = min(self.client.timeout, seconds_left)
        try:
            return self.client.request("GET", path).object("data")
        except Unreachable:
            self.lookups_left = 0
        except RequestRejected:
            if raises:
                raise
        except VaultError:
            pass
        return {}


def is_about_token(error: RequestRejected) -> bool:
    """Tell whether the server says that the token is the reason of a 403."""
    return error.details == ("permission denied",) or any("invalid token" in detail for detail in error.details)


def is_policy_denial(error: RequestRejected) -> bool:
    """Tell whether the server says that its policies, not the token, are the reason of a 403."""
    return "1 error occurred: * permission denied" in error.details
