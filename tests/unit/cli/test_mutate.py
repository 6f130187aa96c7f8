"""`mutate`: manifests in, manifests out, and what is said about those that cannot be."""

from __future__ import annotations

import io
import json
import re
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import jsonpatch
import pytest
import yaml

from vault_secrets_webhook.manifest.workload import TEMPLATES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Run

REFERENCE = "vault:secret/data/db#password"
POD_SPEC: dict[str, Any] = {
    "containers": [{"name": "app", "image": "x", "command": ["run"], "env": [{"name": "P", "value": REFERENCE}]}]
}
PLAIN_SPEC: dict[str, Any] = {"containers": [{"name": "app", "image": "x", "env": [{"name": "P", "value": "x"}]}]}


def make_object(group: str, kind: str, spec: dict[str, Any] = POD_SPEC, **metadata: Any) -> dict[str, Any]:
    """Make an object of a kind with pods of this spec."""
    value: dict[str, Any] = {"spec": deepcopy(spec)}
    for name in reversed(TEMPLATES[group, kind]):
        value = {name: value}
    metadata = {"name": "app", **metadata}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": metadata, **value}


def find_spec(value: dict[str, Any]) -> dict[str, Any]:
    """Find the pod's spec in an object."""
    group, slash, _ = value["apiVersion"].partition("/")
    for name in TEMPLATES[group if slash else "", value["kind"]]:
        value = value[name]
    spec: dict[str, Any] = value["spec"]
    return spec


def is_injected(value: dict[str, Any]) -> bool:
    return bool(find_spec(value)["containers"][0].get("command", [""])[0] == "/vault/vault-env")


@pytest.mark.parametrize(("group", "kind"), TEMPLATES)
def test_every_kind(run: Run, tmp_path: Path, group: str, kind: str) -> None:
    before = make_object(group, kind)
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(before))
    code, output, errors = run("mutate", "-f", path)
    assert (code, errors) == (0, "")
    after = yaml.safe_load(output)
    assert is_injected(after)
    assert find_spec(after)["initContainers"][0]["name"] == "copy-vault-env"
    if kind != "Pod":  # whose metadata are the pod's
        assert after["metadata"] == before["metadata"]


@pytest.mark.parametrize(("group", "kind"), TEMPLATES)
def test_patch_leads_from_the_one_to_the_other(run: Run, tmp_path: Path, group: str, kind: str) -> None:
    before = make_object(group, kind, namespace="shop")
    path = tmp_path / "x.json"
    path.write_text(json.dumps(before))
    after = json.loads(run("mutate", "-f", path, "-o", "json").output)
    shown = json.loads(run("mutate", "-f", path, "-o", "json", "--patch").output)
    assert jsonpatch.apply_patch(before, shown.pop("patch")) == after
    assert shown == {"apiVersion": before["apiVersion"], "kind": kind, "metadata": {"name": "app", "namespace": "shop"}}


def test_second_pass_changes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(make_object("apps", "Deployment")))
    first = run("mutate", "-f", path)
    path.write_text(first.output)
    assert run("mutate", "-f", path) == first
    assert run("mutate", "-f", path, "--diff").output == ""
    assert run("mutate", "-f", path, "--patch").output == ""


def test_everything_in_order_and_what_does_not_change_as_it_was(run: Run, tmp_path: Path) -> None:
    service = "# why\napiVersion: v1\nkind: Service\nmetadata: {name:   a}   # spaces stay\n"
    pod = yaml.safe_dump(make_object("", "Pod"))
    plain = "apiVersion: v1\nkind: Pod\nmetadata:\n    name: b\nspec: {containers: []}"
    (tmp_path / "1.yaml").write_text(f"# licence\n---\n{service}---\n{pod}")
    (tmp_path / "2.yaml").write_text(plain)
    code, output, errors = run("mutate", "-f", tmp_path / "1.yaml", "-f", tmp_path / "2.yaml")
    assert (code, errors) == (0, "")
    parts = output.split("---\n")
    assert [parts[0], parts[1], parts[3]] == ["# licence\n", service, f"{plain}\n"]
    assert is_injected(yaml.safe_load(parts[2]))


def test_list_stays_a_list(run: Run, tmp_path: Path) -> None:
    items = [make_object("", "Pod", PLAIN_SPEC), make_object("batch", "Job")]
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    after = json.loads(run("mutate", "-f", path, "-o", "json").output)
    assert after["items"][0] == items[0]
    assert is_injected(after["items"][1])
    # Paths of the patch lead from the object, for that is what kubectl patches.
    patch = json.loads(run("mutate", "-f", path, "-o", "json", "--patch").output)["patch"]
    assert all(operation["path"].startswith("/spec/template/") for operation in patch)


def test_several_json_objects(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_object("", "Pod")) + json.dumps(make_object("", "Pod", PLAIN_SPEC)))
    output = run("mutate", "-f", path).output
    first, second = yaml.safe_load_all(output)
    assert is_injected(first)
    assert second == make_object("", "Pod", PLAIN_SPEC)


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(make_object("", "Pod")).encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert is_injected(yaml.safe_load(run("mutate", "-f", "-").output))


def test_difference(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(make_object("", "Pod", namespace="shop"), sort_keys=False))
    code, output, _ = run("mutate", "-f", path, "--diff")
    assert code == 0
    assert output.startswith(f"--- {path}, document 1, Pod shop/app\n+++ ")
    added = [line for line in output.splitlines()[2:] if line.startswith("+")]
    removed = [line for line in output.splitlines()[2:] if line.startswith("-")]
    assert "+    - /vault/vault-env" in added
    assert removed in ([], ["-    - run"])  # which of two places difflib takes for the moved one


def test_strings_keep_their_kind(run: Run, tmp_path: Path) -> None:
    """What is written must be read by Kubernetes as what was meant, however it was quoted before."""
    spec = deepcopy(POD_SPEC)
    texts = ["yes", "1e3", "017", "12:30", "2026-08-01", "null", "", "a: b", "two\nlines\n", "é", "\u2028", "{}"]
    spec["containers"][0]["env"] += [{"name": f"V{index}", "value": text} for index, text in enumerate(texts)]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_object("", "Pod", spec)))
    written = run("mutate", "-f", path).output
    path.write_text(written)
    after = json.loads(run("mutate", "-f", path, "-o", "json").output)
    values = {variable["name"]: variable["value"] for variable in find_spec(after)["containers"][0]["env"]}
    assert [values[f"V{index}"] for index in range(len(texts))] == texts
    assert "value: |\n" in written


def test_settings_come_from_options_before_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "https://environment:8200")
    monkeypatch.setenv("VAULT_ROLE", "from-environment")
    monkeypatch.setenv("TLS_CERT_FILE", "of something else")
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_object("", "Pod")))
    output = run("mutate", "-f", path, "-o", "json", "--vault-addr", "https://option:8200", "--enable-json-log").output
    env = {variable["name"]: variable["value"] for variable in find_spec(json.loads(output))["containers"][0]["env"]}
    assert env["VAULT_ADDR"] == "https://option:8200"
    assert env["VAULT_ROLE"] == "from-environment"
    assert env["VAULT_JSON_LOG"] == "true"


def make_pod_with_sources(namespace: str | None = None) -> dict[str, Any]:
    env_from = [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "settings"}}]
    spec = {"containers": [{"name": "app", "image": "x", "command": ["run"], "envFrom": env_from}]}
    return make_object("", "Pod", spec, **({"namespace": namespace} if namespace else {}))


SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "data of a Secret": ("Secret", {"data": {"P": "dmF1bHQ6c2VjcmV0L2RhdGEvZGIj\ncGFzc3dvcmQ="}}),
    "stringData of a Secret": ("Secret", {"data": {"P": ""}, "stringData": {"P": REFERENCE}}),
    "ConfigMap": ("ConfigMap", {"data": {"P": f"x ${{{REFERENCE}}}", "Q": None}}),
}


@pytest.mark.parametrize(("kind", "content"), SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("namespace", [None, "shop"])
def test_objects_of_the_input_are_looked_up(
    run: Run, tmp_path: Path, kind: str, content: dict[str, Any], namespace: str | None
) -> None:
    name = "db" if kind == "Secret" else "settings"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    source = {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_pod_with_sources(namespace)) + json.dumps(source))
    code, output, errors = run("mutate", "-f", path)
    assert code == 0
    assert is_injected(next(yaml.safe_load_all(output)))
    assert len(re.findall("warning: .* is not in the input and counts as missing", errors)) == 1  # the other one


def test_objects_of_other_namespaces_are_not_looked_up(run: Run, tmp_path: Path) -> None:
    source = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"P": REFERENCE}}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_pod_with_sources("shop")) + json.dumps(source))
    _, output, errors = run("mutate", "-f", path)
    assert not is_injected(next(yaml.safe_load_all(output)))
    assert "warning: Secret shop/db is not in the input" in errors
    # With its namespace named, the same Secret is the one.
    _, output, _ = run("mutate", "-f", path, "-n", "shop")
    assert is_injected(next(yaml.safe_load_all(output)))


def test_missing_objects_are_told_once(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    pod = make_pod_with_sources()
    selector = {"secretKeyRef": {"name": "db", "key": "P"}}
    pod["spec"]["containers"][0]["env"] = [{"name": "P", "valueFrom": selector}]
    path.write_text(json.dumps(pod) * 3)
    errors = run("mutate", "-f", path).errors
    found = re.findall("^warning: (.*) is not in the input", errors, re.MULTILINE)
    assert sorted(found) == ["ConfigMap default/settings", "Secret default/db"]
    assert len(errors.splitlines()) == 2  # and no pod is told that it does not exist


def test_cluster_that_is_not_there(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_pod_with_sources()) * 2)
    code, output, errors = run("mutate", "-f", path, "--cluster")
    assert (code, output) == (1, "")
    assert errors.count("error: ") == 1  # the other pod would only wait for the same
    assert "KUBECONFIG" in errors


def test_warnings_name_the_object(run: Run, tmp_path: Path) -> None:
    annotations = {"vault.security.banzaicloud.io/vault-rolle": "x"}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_object("", "Pod", annotations=annotations)))
    code, output, errors = run("mutate", "-f", path)
    assert code == 0
    assert is_injected(yaml.safe_load(output))
    assert errors.startswith(f"warning: {path}, document 1, Pod app: ")
    assert "did you mean vault.security.banzaicloud.io/vault-role?" in errors


def test_optional_objects_that_cannot_be_read_are_told(run: Run, tmp_path: Path) -> None:
    """The container can do without them, and `mutate` cannot tell whether they hold a reference."""
    pod = make_pod_with_sources()
    for entry in pod["spec"]["containers"][0]["envFrom"]:
        next(iter(entry.values()))["optional"] = True
    path = tmp_path / "x.json"
    path.write_text(json.dumps(pod))
    code, _, errors = run("mutate", "-f", path, "--cluster")
    assert code == 0
    lines = [line for line in errors.splitlines() if line.startswith(f"warning: {path}, document 1, Pod app: ")]
    assert len(lines) == 2
    for kind, name in (("Secret", "db"), ("ConfigMap", "settings")):
        assert any(kind in line and name in line and "KUBECONFIG" in line for line in lines)


def wrong_reference() -> dict[str, Any]:
    spec = deepcopy(POD_SPEC)
    spec["containers"][0]["env"][0]["value"] = "vault:secret/data/db"
    return make_object("apps", "Deployment", spec, namespace="shop")


GOOD = json.dumps(make_object("", "Pod"))
# Content -> what the error lines must say.
BAD: dict[str, tuple[str, list[str]]] = {
    "broken YAML": (f"{GOOD}\n---\na: [\n", ["document 2, line 4: while parsing a flow node"]),
    "no manifest": ("replicas: 1\n", ["document 1: apiVersion is missing: is this a manifest?"]),
    "only text": ("hello\n", ["document 1: an object is needed, and this is text"]),
    "wrong reference": (
        GOOD + "\n---\n" + json.dumps(wrong_reference()),
        ["document 2, Deployment shop/app: container 'app', variable 'P': no key: write vault:PATH#KEY"],
    ),
    "refused address": (
        json.dumps(
            make_object("", "Pod", annotations={"vault.security.banzaicloud.io/vault-addr": "https://evil:8200"})
        ),
        ["document 1, Pod app: annotation vault.security.banzaicloud.io/vault-addr: this address is not one"],
    ),
    "several faults of one pod": (
        json.dumps(
            make_object(
                "",
                "Pod",
                {
                    "containers": [
                        {
                            "name": "app",
                            "command": ["run"],
                            "env": [{"name": "P", "value": "vault:a"}, {"name": "Q", "value": "vault:b"}],
                        }
                    ]
                },
                annotations={
                    "vault.security.banzaicloud.io/mutate-probes": "maybe",
                    "vault.security.banzaicloud.io/vault-client-timeout": "soon",
                },
            )
        ),
        [
            "document 1, Pod app: annotation vault.security.banzaicloud.io/mutate-probes: 'maybe'",
            "document 1, Pod app: annotation vault.security.banzaicloud.io/vault-client-timeout: 'soon'",
            "document 1, Pod app: container 'app', variable 'P': ",
            "document 1, Pod app: container 'app', variable 'Q': ",
        ],
    ),
    "number as a value": (
        GOOD.replace(f'"{REFERENCE}"', "5432"),
        ["document 1, Pod app: the pod cannot be read: Expected `str | null`, got `int`"],
    ),
    "template is a list": (
        "apiVersion: apps/v1\nkind: Deployment\nspec: {template: []}\n",
        ["Deployment (no name): spec.template must be a mapping"],
    ),
    "Secret without base64": (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {P: 'no base64'}\n",
        ["document 1, Secret db: data.P is not base64"],
    ),
    "ConfigMap with a number": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {PORT: 80}\n",
        ["document 1, ConfigMap c: data.PORT must be text, and is a number: quote it"],
    ),
    "annotation and label that are no text": (
        "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {a: y, b: y1, c: 017}, labels: {d: null}}\n",
        [
            (
                "Pod (no name): annotation a must be text, and is a boolean: quote it; annotation c must be text,"
                " and is a number: quote it; label d must be text, and is nothing: quote it"
            ),
        ],
    ),
    "annotations are a list": (
        "apiVersion: v1\nkind: Pod\nmetadata: {annotations: []}\n",
        ["Pod (no name): metadata.annotations must be a mapping, and is a list"],
    ),
    "several": (
        f"a: }}\n---\nb: 1\n---\n{json.dumps(wrong_reference())}\n",
        ["document 1, line 1", "document 2: apiVersion", "document 3, Deployment shop/app: container"],
    ),
}


@pytest.mark.parametrize(("content", "expected"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("form", [[], ["--diff"], ["--patch"], ["-o", "json"]], ids=["yaml", "diff", "patch", "json"])
def test_bad_input(run: Run, tmp_path: Path, content: str, expected: list[str], form: list[str]) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(content)
    code, output, errors = run("mutate", "-f", path, *form)
    assert (code, output) == (1, "")
    lines = [line for line in errors.splitlines() if not line.startswith(" ")]
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith(f"error: {path}, ")
        assert part in line


def test_secrets_of_the_input_are_in_no_message(run: Run, tmp_path: Path, canary: str) -> None:
    """Neither values of Secrets, nor what is wrong about them."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db"},
        "stringData": {"A": f"vault:{canary}", "B": f"${{vault:a/{canary}"},
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(make_pod_with_sources()) + json.dumps(secret))
    code, output, errors = run("mutate", "-f", path)
    assert (code, output) == (1, "")
    assert "Secret db" in errors
    assert canary not in errors
    secret["data"] = {"A": canary}
    path.write_text(json.dumps(secret))
    assert canary not in run("mutate", "-f", path).errors


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_file_that_cannot_be_read(run: Run, tmp_path: Path, name: str) -> None:
    code, output, errors = run("mutate", "-f", tmp_path / name)
    assert (code, output) == (1, "")
    assert errors.startswith(f"error: {tmp_path / name}: ")


USAGE: dict[str, list[str]] = {
    "no file": ["mutate"],
    "diff and patch": ["mutate", "-f", "-", "--diff", "--patch"],
    "unknown format": ["mutate", "-f", "-", "-o", "xml"],
    "abbreviated option": ["mutate", "-f", "-", "--vault-add", "x"],
    "option of the server": ["mutate", "-f", "-", "--listen-address", ":1"],
    "setting that cannot be used": ["mutate", "-f", "-", "--vault-client-timeout", "soon"],
    "no command": [],
    "unknown command": ["explode"],
}


@pytest.mark.parametrize("arguments", USAGE.values(), ids=USAGE)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    code, output, errors = run(*arguments)
    assert (code, output) == (2, "")
    assert "vault-secrets-webhook" in errors


NEW_PREFIX = "secrets-webhook.security.bank-vaults.io/"


def test_the_other_family(run: Run, tmp_path: Path) -> None:
    spec = deepcopy(POD_SPEC)
    spec["containers"][0]["env"][0]["value"] = "bao:secret/data/db#password"
    value = make_object("", "Pod", spec, annotations={NEW_PREFIX + "provider": "bao"})
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(value))
    result = run("mutate", "-f", path, "--secret-init-image", "ours:1", "--vault-env-volume-medium", "Image")
    assert (result.code, result.errors) == (0, "")
    (volume,) = yaml.safe_load(result.output)["spec"]["volumes"]
    assert volume == {"name": "secret-init", "image": {"reference": "ours:1", "pullPolicy": "IfNotPresent"}}
    by_option = make_object("", "Pod", spec)
    path.write_text(yaml.safe_dump(by_option))
    output = run("mutate", "-f", path, "--provider", "bao").output
    assert yaml.safe_load(output)["spec"]["containers"][0]["command"] == ["/bao/secret-init"]


def test_the_version_of_a_cluster_that_is_not_asked_is_not_known(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(make_object("", "Pod")))
    output = run("mutate", "-f", path, "--vault-env-image", "ours:1", "--vault-env-volume-medium", "Auto").output
    assert "emptyDir" in yaml.safe_load(output)["spec"]["volumes"][0]


def make_pods_with_agents(tmp_path: Path) -> Path:
    """Write two pods with an agent that have the same configuration."""
    annotations = {"vault.security.banzaicloud.io/vault-agent": "true"}
    path = tmp_path / "x.yaml"
    one = make_object("", "Pod", annotations=annotations, namespace="shop")
    path.write_text(yaml.safe_dump_all([one, one]))
    return path


def test_what_the_webhook_would_make_comes_behind_the_manifests(run: Run, tmp_path: Path) -> None:
    result = run("mutate", "-f", make_pods_with_agents(tmp_path))
    assert (result.code, result.errors) == (0, "")
    first, _, made = yaml.safe_load_all(result.output)
    volume = next(one for one in first["spec"]["volumes"] if one["name"] == "vault-agent-config")
    assert made["kind"] == "ConfigMap"
    assert made["metadata"] == {"name": volume["configMap"]["name"], "namespace": "shop"}
    assert "auto_auth" in made["data"]["config.hcl"]


def test_what_the_webhook_would_make_is_in_the_difference_and_in_no_patch(run: Run, tmp_path: Path) -> None:
    path = make_pods_with_agents(tmp_path)
    difference = run("mutate", "-f", path, "--diff").output
    assert difference.count("+kind: ConfigMap") == 1
    assert "kind: ConfigMap" not in run("mutate", "-f", path, "--patch").output
