"""The names and places of each flavour, which manifests and policies of Bank-Vaults' users know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.cluster import FakeCluster, apply, mutate
from vault_secrets_webhook.errors import Refused
from vault_secrets_webhook.webhook.mutate.flavour import EXECUTABLES, FLAVOURS

# Provider -> executable, volume, copying container and its script, container and script that copy a token, certificate
# and where it is if its volume's name is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "": (
        "/vault/vault-env",
        "vault-env",
        "copy-vault-env",
        "cp /usr/local/bin/vault-env /vault/",
        "copy-vault-token",
        'cp "/token/$1" /vault/.vault-token',
        "vault-tls at /vault/tls",
        "vault-env-tls at /vault-env/tls",
    ),
    "vault": (
        "/vault/secret-init",
        "secret-init",
        "copy-secret-init",
        "cp /usr/local/bin/secret-init /vault/",
        "copy-vault-token",
        'cp "/token/$1" /vault/.vault-token',
        "vault-tls at /vault/tls",
        "secret-init-tls at /secret-init/tls",
    ),
    "bao": (
        "/bao/secret-init",
        "secret-init",
        "copy-secret-init",
        "cp /usr/local/bin/secret-init /bao/",
        "copy-bao-token",
        'cp "/token/$1" /bao/.bao-token',
        "bao-tls at /bao/tls",
        "secret-init-tls at /secret-init/tls",
    ),
    "aws": (
        "/aws/secret-init",
        "secret-init",
        "copy-secret-init",
        "cp /usr/local/bin/secret-init /aws/",
        "copy-aws-token",
        'cp "/token/$1" /aws/.aws-token',
        "aws-tls at /aws/tls",
        "secret-init-tls at /secret-init/tls",
    ),
}
REFERENCES = {
    "": "vault:secret/data/a#b",
    "vault": "vault:secret/data/a#b",
    "bao": "bao:secret/data/a#b",
    "aws": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db",
}
OUR_IMAGES = {"VAULT_ENV_IMAGE": "ours:1", "SECRET_INIT_IMAGE": "ours:1"}


def test_every_flavour_is_in_the_table() -> None:
    assert set(NAMES) == set(FLAVOURS) == set(REFERENCES)
    assert len(EXECUTABLES) == len(FLAVOURS)


@pytest.mark.parametrize(("provider", "names"), NAMES.items())
def test_names(provider: str, names: tuple[str, ...]) -> None:
    one = FLAVOURS[provider]
    assert names == (
        one.executable,
        one.volume,
        one.copier,
        one.copying,
        one.token_copier,
        one.copying_token,
        f"{one.certificate_volume} at {one.certificate_folder}",
        f"{one.other_certificate_volume} at {one.other_certificate_folder}",
    )


def pod(*texts: str, **spec: Any) -> dict[str, Any]:
    containers = [
        {"name": f"c{at}", "command": ["app"], "env": [{"name": "A", "value": text}]} for at, text in enumerate(texts)
    ]
    return {"metadata": {"name": "app"}, "spec": {"containers": containers, **spec}}


def environ(provider: str, **more: str) -> dict[str, str]:
    return {"PROVIDER": provider, **more}


@pytest.mark.parametrize("provider", FLAVOURS)
def test_the_references_of_a_provider_choose_containers(provider: str) -> None:
    document = pod(*REFERENCES.values())
    mutation = mutate(document, environ=environ(provider))
    expected = [f"c{at}" for at, text in enumerate(REFERENCES.values()) if text == REFERENCES[provider]]
    assert mutation.injected == expected
    result = apply(document, mutation)
    flavour = FLAVOURS[provider]
    starting = [one["command"] for one in result["spec"]["containers"] if one["name"] in expected]
    assert starting == [[flavour.executable]] * len(expected)
    assert [one["name"] for one in result["spec"]["volumes"]] == [flavour.volume]
    (copier,) = result["spec"]["initContainers"]
    assert (copier["name"], copier["command"]) == (flavour.copier, ["sh", "-c", flavour.copying])
    assert copier["volumeMounts"] == [{"name": flavour.volume, "mountPath": flavour.folder + "/"}]


@pytest.mark.parametrize("first", FLAVOURS)
@pytest.mark.parametrize("second", FLAVOURS)
def test_nothing_is_wrapped_twice_whoever_was_first(first: str, second: str) -> None:
    document = pod(REFERENCES[first])
    once = apply(document, mutate(document, environ=environ(first)))
    assert mutate(once, environ=environ(second)).patch == []
    app = once["spec"]["containers"][0]
    app["command"], app["args"] = ["/sbin/tini", "--"], [*app["command"], *app["args"]]
    assert mutate(once, environ=environ(second)).patch == []


@pytest.mark.parametrize("first", FLAVOURS)
@pytest.mark.parametrize("second", FLAVOURS)
def test_a_container_that_comes_in_between_gets_its_own(first: str, second: str) -> None:
    document = pod(REFERENCES[first])
    between = apply(document, mutate(document, environ=environ(first)))
    between["spec"]["containers"].append({**pod(REFERENCES[second])["spec"]["containers"][0], "name": "late"})
    mutation = mutate(between, environ=environ(second))
    assert mutation.injected == ["late"]
    result = apply(between, mutation)
    late = result["spec"]["containers"][1]
    assert late["command"] == [FLAVOURS[second].executable]
    copiers = [one for one in result["spec"]["initContainers"] if one["command"][2] == FLAVOURS[second].copying]
    assert [one["volumeMounts"][0]["name"] for one in copiers] == [late["volumeMounts"][0]["name"]]
    assert len(result["spec"]["initContainers"]) == (1 if first == second else 2)
    names = [one["name"] for kind in ("volumes", "initContainers") for one in result["spec"][kind]]
    assert len(names) == len(set(names)) + (1 if names.count("secret-init") > 1 else 0)
    assert mutate(result, environ=environ(second)).patch == []


@pytest.mark.parametrize("provider", [one for one in FLAVOURS if one != "aws"])
def test_the_image_as_a_volume(provider: str) -> None:
    document = pod(REFERENCES[provider])
    variables = environ(provider, VAULT_ENV_VOLUME_MEDIUM="Image", **OUR_IMAGES)
    result = apply(document, mutate(document, environ=variables))
    flavour = FLAVOURS[provider]
    assert "initContainers" not in result["spec"]
    image = {"reference": "ours:1", "pullPolicy": "IfNotPresent"}
    assert result["spec"]["volumes"] == [{"name": flavour.volume, "image": image}]
    mount = {"name": flavour.volume, "mountPath": flavour.folder + "/", "subPath": "usr/local/bin", "readOnly": True}
    assert result["spec"]["containers"][0]["volumeMounts"] == [mount]
    assert mutate(result, environ=variables).patch == []


@pytest.mark.parametrize("provider", [one for one in FLAVOURS if one != "aws"])
def test_the_executable_copies_itself(provider: str) -> None:
    document = pod(REFERENCES[provider])
    variables = environ(provider, VAULT_ENV_COPY="self", **OUR_IMAGES)
    (copier,) = apply(document, mutate(document, environ=variables))["spec"]["initContainers"]
    flavour = FLAVOURS[provider]
    assert copier["command"] == [f"/usr/local/bin/{flavour.name}", "copy", f"{flavour.folder}/"]


@pytest.mark.parametrize(("provider", "executable"), [("", "vault-env"), ("bao", "secret-init")])
def test_a_volume_of_the_author_in_its_place_is_refused(provider: str, executable: str) -> None:
    folder = FLAVOURS[provider].folder
    document = pod(REFERENCES[provider])
    document["spec"]["containers"][0]["volumeMounts"] = [{"name": "x", "mountPath": folder}]
    with pytest.raises(Refused, match=f"at {folder}/, which is needed for {executable}: mount it somewhere else"):
        mutate(document, environ=environ(provider))


RESOURCES = [
    ("", {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}),
    ("bao", {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}),
]


@pytest.mark.parametrize(("provider", "expected"), RESOURCES)
def test_resources_of_the_copying_container(provider: str, expected: dict[str, Any]) -> None:
    document = pod(REFERENCES[provider])
    (copier,) = apply(document, mutate(document, environ=environ(provider)))["spec"]["initContainers"]
    assert copier["resources"] == expected
    for other, limit in (
        ({"SECRET_INIT_CPU_LIMIT": "2"}, "2" if provider else "500m"),
        ({"VAULT_ENV_CPU_LIMIT": "1", "SECRET_INIT_CPU_LIMIT": "2"}, "1"),
    ):
        mutation = mutate(document, environ=environ(provider, **other))
        (copier,) = apply(document, mutation)["spec"]["initContainers"]
        assert copier["resources"]["limits"]["cpu"] == limit


VERSIONS = [
    (None, False),
    ((1, 34), False),
    ((1, 35), True),
    ((1, 100), True),
    ((2, 0), True),
    ((0, 99), False),
]


@pytest.mark.parametrize(("version", "is_image"), VERSIONS)
def test_the_medium_by_the_version_of_the_server(version: tuple[int, int] | None, is_image: bool) -> None:
    document = pod(REFERENCES[""])
    variables = {"VAULT_ENV_VOLUME_MEDIUM": "auto", **OUR_IMAGES}
    cluster = FakeCluster(version=version)
    result = apply(document, mutate(document, cluster, variables))
    (volume,) = result["spec"]["volumes"]
    assert cluster.asked == [("version", "", "")]
    if is_image:
        assert volume["image"]["reference"] == "ours:1"
    else:
        assert volume["emptyDir"]["medium"] == "Memory"
    assert ("initContainers" in result["spec"]) is not is_image


@pytest.mark.parametrize("medium", ["Memory", "Disk", "Image"])
def test_the_version_is_asked_for_only_if_it_matters(medium: str) -> None:
    cluster = FakeCluster(version=(1, 35))
    mutate(pod(REFERENCES[""]), cluster, {"VAULT_ENV_VOLUME_MEDIUM": medium, **OUR_IMAGES})
    mutate(pod("plain"), cluster, {"VAULT_ENV_VOLUME_MEDIUM": "auto", **OUR_IMAGES})
    assert cluster.asked == []


NEW_PREFIX = "secrets-webhook.security.bank-vaults.io/"


def annotated(provider: str, **annotations: str) -> dict[str, Any]:
    document = pod(REFERENCES[provider])
    keys = {NEW_PREFIX + key.replace("_", "-"): text for key, text in annotations.items()}
    document["metadata"]["annotations"] = {NEW_PREFIX + "provider": provider, **keys}
    return document


@pytest.mark.parametrize("provider", ["vault", "bao"])
def test_messages_name_the_annotations_of_the_family_at_hand(provider: str) -> None:
    with pytest.raises(Refused, match=f"^annotation {NEW_PREFIX}{provider}-token-auth-mount: the pod has no volume t"):
        mutate(annotated(provider, **{f"{provider}_token_auth_mount": "t:x"}))
    root = annotated(provider, run_as_non_root="true")
    root["spec"]["securityContext"] = {"runAsUser": 0}
    with pytest.raises(
        Refused, match=f"annotation {NEW_PREFIX}run-as-non-root .* set annotation {NEW_PREFIX}run-as-user"
    ):
        mutate(root)
    bare = annotated(provider, **{f"{provider}_from_path": "a"})
    bare["spec"]["containers"].append({"name": "bare"})
    with pytest.raises(Refused, match=f"^annotation {NEW_PREFIX}{provider}-from-path is for every container, "):
        mutate(bare)
    strangers = mutate(annotated(provider, containers="c0,x", skip_containers="y")).warnings
    assert strangers == [
        f"annotation {NEW_PREFIX}containers: the pod has no container 'x'",
        f"annotation {NEW_PREFIX}skip-containers: the pod has no container 'y'",
    ]


def test_what_is_for_vault_has_no_say_where_the_provider_is_aws() -> None:
    document = annotated("aws", vault_from_path="secret/data/a", vault_token_auth_mount="t:x", vault_tls_secret="ca")
    document["spec"]["containers"].append({"name": "plain", "command": ["plain"]})
    mutation = mutate(document, environ={"VAULT_TLS_SECRET": "ca"})
    assert mutation.injected == ["c0"]
    result = apply(document, mutation)
    assert [one["name"] for one in result["spec"]["volumes"]] == ["secret-init"]
    assert [one["name"] for one in result["spec"]["initContainers"]] == ["copy-secret-init"]
