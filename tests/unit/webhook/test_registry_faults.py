"""Looking into images of a registry that fails: what it may answer, half of it, nothing, or later."""

from __future__ import annotations

import json
import re

import pytest

from tests.fakes.registry import MANIFEST, FakeRegistry, Reply
from tests.unit.webhook.looking import FOUND, USERS, looking
from tests.unit.webhook.serving import in_loop
from vault_secrets_webhook.webhook import tries
from vault_secrets_webhook.webhook.deadline import give_seconds
from vault_secrets_webhook.webhook.lookup import ImageQuestion
from vault_secrets_webhook.webhook.registry import transport
from vault_secrets_webhook.webhook.registry.attempt import MOST_CREDENTIALS, MOST_PULL_SECRETS
from vault_secrets_webhook.webhook.registry.client import Wish
from vault_secrets_webhook.webhook.registry.credentials import Credential
from vault_secrets_webhook.webhook.registry.errors import Denied, RegistryError
from vault_secrets_webhook.webhook.registry.reference import parse_reference


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "FIRST_PAUSE", 0.001)


HTML = b"<!DOCTYPE html><html>canary"
MANIFEST_1 = b'{"schemaVersion": 1, "fsLayers": []}'
HELM = (
    b'{"schemaVersion": 2, "config": {"digest": "sha256:%s", "mediaType": "application/vnd.cncf.helm.config.v1+json"}}'
)
FAULTS: dict[str, tuple[Reply, str]] = {
    "unknown": (Reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'), "no such image (404)"),
    "denied": (Reply(403, b'{"errors":[{"code":"DENIED","message":"canary"}]}'), "does not allow it (403)"),
    "limited": (Reply(429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}'), "asked too often (429)"),
    "limited for long": (Reply(429, b"", {"Retry-After": "3600"}), "asked too often (429)"),
    "broken": (Reply(500, HTML), "answered with an error (500)"),
    "odd code": (Reply(418, b'{"errors":[{"code":"canary"}]}'), "answered with an error (418)"),
    "page": (Reply(200, HTML), "a web page"),
    "no json": (Reply(200, b"canary"), "not a manifest"),
    "not utf-8": (Reply(200, b'{"mediaType": "\xff"}'), "not a manifest"),
    "no manifest": (Reply(200, b"{}"), "no manifest of an image"),
    "schema 1": (Reply(200, MANIFEST_1), "schema version 1"),
    "schema 1 by type": (
        Reply(200, b"{}", {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}),
        "schema version 1",
    ),
    "chart": (Reply(200, HELM % (b"0" * 64)), "no container image"),
    "digest": (Reply(200, b'{"schemaVersion": 2, "config": {"digest": "../../secrets"}}'), "neither sha256 nor sha512"),
    "digest in an index": (
        Reply(200, b'{"schemaVersion": 2, "manifests": [{"digest": "md5:1", "mediaType": "%s"}]}' % MANIFEST.encode()),
        "neither sha256 nor sha512",
    ),
    "another digest": (Reply(200, b"{}", {"Docker-Content-Digest": "sha256:" + "0" * 64}), "does not have the digest"),
    "large": (Reply(200, b"x" * (4 * 1024 * 1024 + 1)), "larger than"),
    "away from tls": (Reply(307, b"", {"Location": "ftp://a.example/"}), "not https"),
    "in circles": (Reply(307, b"", {"Location": "/v2/x"}), "in circles"),
    "token over ftp": (Reply(401, b"", {"WWW-Authenticate": 'Bearer realm="ftp://a"'}), "no address that is https"),
    "away with a name": (Reply(307, b"", {"Location": "https://canary:hunter@127.0.0.1:1/"}), "not https"),
    "away to nothing": (Reply(307, b"", {"Location": "https://[::::]/"}), "cannot be reached"),
    "token from nothing": (Reply(401, b"", {"WWW-Authenticate": 'Bearer realm="https://[::::]/t"'}), "cannot be used"),
    "token in the open": (
        Reply(401, b"", {"WWW-Authenticate": 'Bearer realm="http://other.example/t"'}),
        "no address that is https",
    ),
    "token for a name": (
        Reply(401, b"", {"WWW-Authenticate": 'Bearer realm="https://canary:x@a.example/"'}),
        "is https",
    ),
    "token nowhere": (Reply(401, b"", {"WWW-Authenticate": "Bearer"}), "no address that is https"),
    "unknown login": (Reply(401, b"", {"WWW-Authenticate": "Negotiate"}), "other credentials (401)"),
}


@pytest.mark.parametrize(("reply", "words"), FAULTS.values(), ids=FAULTS)
@in_loop
async def test_what_a_registry_may_answer(reply: Reply, words: str) -> None:
    async with looking() as setting:
        setting.registry.intercept = lambda method, _: Reply(405) if method == "HEAD" and reply.status == 200 else reply
        assert words in await setting.fail()


@in_loop
async def test_a_config_that_is_not_the_one() -> None:
    async with looking() as setting:
        setting.registry.intercept = lambda _, path: Reply(200, b'{"config": {}}') if "/blobs/" in path else None
        assert "does not have the digest" in await setting.fail()
        setting.registry.intercept = lambda *_: None
        assert await setting.find() == FOUND  # what went wrong is not kept


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(200, b"{}"), "gave no token (status 200)"),
        (Reply(200, HTML), "gave no token (status 200)"),
        (Reply(200, b'{"token": "a\\ncanary"}'), "gave no token"),
        (Reply(200, b'{"token": "%s"}' % (b"a" * 20_000)), "gave no token"),
        (Reply(302, b"", {"Location": "ftp://x"}), "not https"),
        (Reply(418), "gave no token (status 418)"),
        (Reply(429), "asked too often (429)"),
        (Reply(403), "no access token was given (403)"),
    ],
)
@in_loop
async def test_what_an_authorization_service_may_answer(reply: Reply, words: str) -> None:
    async with looking(FakeRegistry("bearer")) as setting:
        setting.registry.intercept = lambda _, path: reply if path == "/token" else None
        assert words in await setting.fail()


@in_loop
async def test_what_passes_by_is_tried_again() -> None:
    async with looking() as setting:
        replies = [Reply(503), Reply(429, b"", {"Retry-After": "0"})]
        setting.registry.intercept = lambda *_: replies.pop() if replies else None
        assert await setting.find() == FOUND
        assert setting.codes == ["429", "503", "200", "200", "200"]


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
@in_loop
async def test_half_an_answer_is_none(part: str) -> None:
    async with looking() as setting:
        body = setting.registry.documents[setting.registry.tags["1"]].body
        times = []

        def break_off(method: str, path: str) -> Reply | None:
            if method == "HEAD" or part not in path:
                return None
            times.append(path)
            return Reply(200, body, breaks=True)

        setting.registry.intercept = break_off
        assert f"the registry {setting.registry.address} stopped in the middle of its answer" in await setting.fail()
        assert len(times) == 3
        setting.registry.intercept = lambda *args: break_off(*args) if len(times) < 5 else None
        assert await setting.find() == FOUND


@in_loop
async def test_the_pause_that_a_registry_asks_for_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float | None] = []

    def note_pause(_: int, asked_for: float | None) -> float:
        pauses.append(asked_for)
        return 0.0

    monkeypatch.setattr(transport, "pause_after", note_pause)
    async with looking() as setting:
        replies = [Reply(429, b"", {"Retry-After": "3"})]
        setting.registry.intercept = lambda *_: replies.pop() if replies else None
        assert await setting.find() == FOUND
        assert pauses == [3.0]
        assert setting.codes == ["429", "200", "200", "200"]


@in_loop
async def test_a_pause_that_is_longer_than_the_review_is_not_made() -> None:
    async with looking() as setting:
        setting.registry.intercept = lambda *_: Reply(429, b"", {"Retry-After": "60"})
        message = await setting.fail()
        assert (
            "asked too often (429): give the pod a pull secret with a higher limit, or have a mirror asked" in message
        )
        assert setting.codes == ["429"]


@in_loop
async def test_a_registry_that_never_answers() -> None:
    async with looking() as setting:
        setting.registry.intercept = lambda *_: Reply(hangs=True)
        give_seconds(0.3)
        assert re.search(r"took too long to answer|no answer within 0\.", await setting.fail())


@in_loop
async def test_a_registry_that_is_away() -> None:
    async with looking() as setting:
        for image in ("127.0.0.1:1/app", "nowhere.invalid/app"):
            question = ImageQuestion(image, "shop", (), "default", (), False)
            with pytest.raises(RegistryError, match="cannot be reached"):
                await setting.images.for_review().find_start(question)


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "[::::]", "[:]:5", "xn--a.invalid"])
@in_loop
async def test_a_host_that_is_none(host: str) -> None:
    async with looking() as setting:
        assert "cannot be" in await setting.fail(image=f"{host}/team/app:1")


@in_loop
async def test_a_name_that_is_none() -> None:
    async with looking() as setting:
        assert "lower case" in await setting.fail("team/App")
        assert setting.registry.asked == []


@in_loop
async def test_credentials_are_not_tried_without_end() -> None:
    """Two in each Secret, all of which are for the image."""
    async with looking(FakeRegistry("basic", USERS)) as setting:
        address, names = setting.registry.address, tuple(f"wrong{number}" for number in range(MOST_PULL_SECRETS))
        setting.cluster.secrets = {
            name: {
                ".dockerconfigjson": json.dumps(
                    {"auths": {f"{address}{path}": {"username": name, "password": path} for path in ("", "/team")}}
                ).encode()
            }
            for name in names
        }
        assert "without credentials: " in await setting.fail(secrets=names)
        assert len({shown for *_, shown in setting.registry.asked if shown}) == MOST_CREDENTIALS


@pytest.mark.parametrize(("plain", "verifies"), [((), False), (("registry.example",), True)], ids=["blind", "plain"])
@in_loop
async def test_a_bound_credential_is_shown_to_nobody_unknown(plain: tuple[str, ...], verifies: bool) -> None:
    """Whoever asks for it: that no one does is up to others."""
    credential = Credential("AWS", "AWS", "hunter2", is_bound=True)
    async with looking(variables={"REGISTRY_PLAIN_HTTP": ",".join(plain)}) as setting:
        wish = Wish(parse_reference("registry.example/team/app:1"), (), verifies)
        with pytest.raises(Denied, match="over TLS only"):
            await setting.images.sources.client.find_start(wish, credential)


@pytest.mark.parametrize("digest", ["sha256:../../../../admin", "../../../../admin", "admin", ""])
@pytest.mark.parametrize("is_index", [False, True], ids=["config", "manifest"])
@in_loop
async def test_what_is_no_digest_is_not_asked_for(digest: str, is_index: bool) -> None:
    """A registry chooses it, and with it the path of the next request."""
    async with looking() as setting:
        if is_index:
            setting.registry.store_index({"digest": digest, "mediaType": MANIFEST}, tag="bad")
        else:
            setting.registry.store({"schemaVersion": 2, "config": {"digest": digest}}, MANIFEST, "bad")
        assert "names a digest that is neither" in await setting.fail("team/app:bad")
        assert setting.count() == 2
