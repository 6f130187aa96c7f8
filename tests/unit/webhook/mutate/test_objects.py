"""What holds for all kinds: opting in, defaults of the namespace, roles, and that errors of ours are passed on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.fakes.reader import KINDS, NAMESPACE, FakeReader, annotate, make_secret, mutate
from vault_secrets_webhook.errors import Refused, VaultError
from vault_secrets_webhook.textlog import Log
from vault_secrets_webhook.webhook.admission import AdmissionRequest
from vault_secrets_webhook.webhook.kube.objects import KubernetesCluster, NoCluster
from vault_secrets_webhook.webhook.mutate.objects import Objects
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess.reader import open_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.mutation import Mutation

KNOWN: dict[str, Any] = {"kv/db": {"user": "app"}}
REFERENCE = {"a": "vault:kv/db#user"}


def mutate_with(defaults: Mapping[str, str], one: dict[str, Any]) -> tuple[Mutation, list[str]]:
    """Mutate a Secret in a namespace with defaults; also the namespaces that were asked for theirs."""
    asked: list[str] = []

    async def find_defaults(namespace: str) -> Mapping[str, str]:
        asked.append(namespace)
        return annotate(defaults)

    text = msgspec.json.encode(one)
    objects = Objects(Settings.from_environment({}), FakeReader(KNOWN), find_defaults)
    request = AdmissionRequest("uid", KINDS["Secret"], namespace=NAMESPACE, object=msgspec.Raw(text))
    return asyncio.run(objects.mutate_secret(text, request)), asked


def test_only_objects_that_ask_for_it_where_the_operator_wants_that() -> None:
    environ = {"OPT_IN": "true"}
    left = mutate(make_secret(REFERENCE), FakeReader(KNOWN), environ)
    assert (left.reason, left.patch) == ("not-opted-in", [])
    assert [warning.partition(", because ")[0] for warning in left.warnings] == ["data.a: the reference stays as it is"]
    assert mutate(make_secret({"a": "see vault: it is there"}), FakeReader(KNOWN), environ).warnings == []
    assert mutate(make_secret(REFERENCE, mutate="true"), FakeReader(KNOWN), environ).reason == "injected"
    assert mutate(make_secret(REFERENCE), FakeReader(KNOWN), {"REQUIRE_PROVIDER": "true"}).reason == "no-provider"


def test_the_namespace_decides_what_the_object_does_not() -> None:
    assert mutate_with({"mutate": "skip"}, make_secret(REFERENCE))[0].reason == "skipped"
    missing = {"a": "vault:kv/none#x"}
    mutation, asked = mutate_with({"vault_ignore_missing_secrets": "true"}, make_secret(missing))
    assert ([operation.op for operation in mutation.patch], asked) == (["remove"], [NAMESPACE])
    with pytest.raises(Refused):
        mutate_with(
            {"vault_ignore_missing_secrets": "true"}, make_secret(missing, vault_ignore_missing_secrets="false")
        )


def test_the_namespace_is_not_asked_for_objects_without_references() -> None:
    assert mutate_with({}, make_secret({"a": "plain"}))[1] == []


ROLES = [
    pytest.param({}, {}, "default", id="default"),
    pytest.param({"vault_role": "app"}, {}, "app", id="annotation"),
    pytest.param({"vault_role": "{{.namespace}}-{{.name}}-{{.serviceaccount}}"}, {}, "shop-db-", id="template"),
    pytest.param({"vault_role": "{{.authmethod}}", "vault_serviceaccount": "x"}, {}, "kubernetes", id="method"),
    pytest.param({}, {"VAULT_ROLE": "of-{{.namespace}}"}, "of-shop", id="operator"),
]


@pytest.mark.parametrize(("annotations", "environ", "role"), ROLES)
def test_roles(annotations: dict[str, str], environ: dict[str, str], role: str) -> None:
    reader = FakeReader(KNOWN)
    mutate(make_secret(REFERENCE, **annotations), reader, environ)
    assert [question.role for question in reader.questions] == [role]


def test_a_role_that_the_operator_does_not_allow_is_refused_in_a_dry_run_too() -> None:
    environ = {"VAULT_ROLE_ALLOWLIST": "shop-*"}
    for role in ("admin", "{{.name}}-admin"):
        with pytest.raises(Refused, match="vault-role") as caught:
            mutate(make_secret(REFERENCE, vault_role=role), FakeReader(KNOWN), environ, dry_run=True)
        assert caught.value.code == 403


def test_annotations_that_cannot_be_used_are_told_with_the_references_and_in_a_dry_run() -> None:
    with pytest.raises(Refused) as caught:
        mutate(make_secret({"a": "vault:x"}, vault_path="../sys"), FakeReader(KNOWN), dry_run=True)
    assert "data.a:" in str(caught.value)
    assert "vault-path" in str(caught.value)


def test_an_outage_is_passed_on() -> None:
    with pytest.raises(VaultError, match="HTTP 503"):
        mutate(make_secret(REFERENCE), FakeReader({"kv/db": 503}))


@pytest.mark.parametrize("annotations", [{}, {"vault_role": "reader"}, {"vault_role": "{{ .name }}"}])
def test_an_object_of_the_cluster_has_its_values_too(annotations: dict[str, str]) -> None:
    one = {
        "kind": "Site",
        "metadata": {"name": "one", "annotations": annotate(annotations)},
        "spec": {"user": "vault:kv/db#user"},
    }
    text = msgspec.json.encode(one)
    objects = Objects(Settings.from_environment({}), FakeReader(KNOWN))
    mutation = asyncio.run(objects.mutate_custom(text, AdmissionRequest("uid", object=msgspec.Raw(text))))
    assert [(operation.path, operation.value) for operation in mutation.patch] == [("/spec/user", "app")]


def test_an_object_of_the_cluster_has_no_service_account() -> None:
    one = {
        "kind": "Site",
        "metadata": {"annotations": annotate({"vault_serviceaccount": "app"})},
        "spec": {"a": "vault:kv/db#user"},
    }
    text = msgspec.json.encode(one)
    settings, request = Settings.from_environment({}), AdmissionRequest("uid", object=msgspec.Raw(text))

    async def mutate_really() -> None:
        cluster = KubernetesCluster(NoCluster(), None)
        async with open_reader(settings, cluster, Log("error"), {}) as reader:
            await Objects(settings, reader).mutate_custom(text, request)

    with pytest.raises(Refused, match="names a ServiceAccount of the object's namespace, and this one has none"):
        asyncio.run(mutate_really())


WRONG = [
    pytest.param(b"[]", id="no object"),
    pytest.param(b'{"metadata":7}', id="wrong type"),
    pytest.param(b'{"data":{"a":"\xff"}}', id="not UTF-8"),
    pytest.param(b'{"spec":' + b"[" * 5000 + b'"vault:"' + b"]" * 5000 + b"}", id="nested too deep"),
]


@pytest.mark.parametrize("text", WRONG)
@pytest.mark.parametrize("kind", ["secret", "config_map", "custom"])
def test_what_is_no_object_is_refused_or_let_through_but_never_a_fault(text: bytes, kind: str) -> None:
    objects = Objects(Settings.from_environment({}), FakeReader())
    request = AdmissionRequest("uid", namespace=NAMESPACE)
    told = ""
    try:
        assert asyncio.run(getattr(objects, f"mutate_{kind}")(text, request)).patch == []
    except Refused as refusal:
        told = str(refusal)
    # How deep the decoder goes depends on the interpreter's version.
    assert not told or "cannot be read" in told or "nested deeper" in told


def test_templates_are_not_longer_than_can_be_parsed_in_a_review() -> None:
    template = "vault:kv/db#${.user}" + "x" * 40_000
    same = {"a": template, "b": template}
    assert mutate(make_secret(same), FakeReader(KNOWN)).reason == "injected"
    with pytest.raises(Refused, match="characters are too long for one object"):
        mutate(make_secret({"a": template, "b": template + "y"}), FakeReader(KNOWN))


@pytest.mark.parametrize("annotations", [{"transit_path": "transit/../sys"}, {"transit_key_id": ".."}])
def test_transit_cannot_lead_to_another_path(annotations: dict[str, str]) -> None:
    reader = FakeReader(KNOWN)
    with pytest.raises(Refused, match="transit-path and transit-key-id must not have"):
        mutate(make_secret({"a": "vault:v1:abc"}, **{"transit_key_id": "key", **annotations}), reader)
    assert reader.questions == []


def test_an_object_that_opts_out_is_not_asked_about_in_its_namespace() -> None:
    assert mutate_with({"mutate": "true"}, make_secret(REFERENCE, mutate="skip"))[1] == []


def test_a_new_object_may_be_immutable() -> None:
    for kind in ("Secret", "ConfigMap"):
        data = make_secret(REFERENCE)["data"] if kind == "Secret" else REFERENCE
        one = {**make_secret({}), "kind": kind, "data": data, "immutable": True}
        assert mutate(one, FakeReader(KNOWN)).reason == "injected"


def test_a_wrong_reference_is_told_by_its_character_and_not_by_its_text() -> None:
    with pytest.raises(Refused, match=r"^data\.a: .* \(at character 12 of the reference\)$"):
        mutate(make_secret({"a": "vault:kv/db"}), FakeReader(KNOWN))


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "Database"])
def test_an_object_that_gets_its_name_later_has_none_for_templates(kind: str) -> None:
    reader = FakeReader(KNOWN)
    one = make_secret(REFERENCE, vault_role="{{.namespace}}-{{.name}}-x")
    del one["metadata"]["name"]
    data = one["data"] if kind == "Secret" else REFERENCE
    mutate({**one, "kind": kind, "data": data}, reader)
    assert [question.role for question in reader.questions] == ["shop--x"]
