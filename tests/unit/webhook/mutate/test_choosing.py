"""Which containers are changed: names in annotations, and pods for Windows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.fakes.cluster import apply, mutate
from vault_secrets_webhook.webhook.annotations import PREFIX
from vault_secrets_webhook.webhook.mutate.choosing import is_windows
from vault_secrets_webhook.webhook.mutate.spec import PodSpec

CONTAINERS, SKIP_CONTAINERS = PREFIX + "containers", PREFIX + "skip-containers"
LABEL, OLD_LABEL = "kubernetes.io/os", "beta.kubernetes.io/os"


def expression(*values: str, key: str = LABEL, operator: str = "In") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


def affinity(*terms: list[dict[str, Any]]) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def preferred(*values: str) -> dict[str, Any]:
    preference = {"matchExpressions": [expression(*values)]}
    wish = {"weight": 1, "preference": preference}
    return {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}}


def options(**of_windows: Any) -> dict[str, Any]:
    return {"securityContext": {"windowsOptions": of_windows}}


WINDOWS = expression("windows")
SPECS: list[tuple[str, dict[str, Any], bool]] = [
    ("nothing", {}, False),
    ("os", {"os": {"name": "windows"}}, True),
    ("os-linux", {"os": {"name": "linux"}}, False),
    ("os-linux-wins", {"os": {"name": "linux"}, "nodeSelector": {LABEL: "windows"}}, False),
    ("os-empty", {"os": {"name": ""}, "nodeSelector": {LABEL: "windows"}}, True),
    ("selector", {"nodeSelector": {LABEL: "windows"}}, True),
    ("selector-old", {"nodeSelector": {OLD_LABEL: "windows"}}, True),
    ("selector-linux", {"nodeSelector": {LABEL: "linux", "a": "windows"}}, False),
    ("affinity", affinity([WINDOWS]), True),
    ("affinity-old", affinity([expression("windows", key=OLD_LABEL)]), True),
    ("affinity-with-more", affinity([expression("x", key="zone"), WINDOWS]), True),
    ("affinity-each-term", affinity([WINDOWS], [WINDOWS, expression("x", key="zone")]), True),
    ("affinity-one-term", affinity([WINDOWS], [expression("x", key="zone")]), False),
    ("affinity-either", affinity([expression("windows", "linux")]), False),
    ("affinity-not", affinity([expression("windows", operator="NotIn")]), False),
    ("affinity-other-key", affinity([expression("windows", key="os")]), False),
    ("affinity-no-terms", affinity(), False),
    ("affinity-nothing", {"affinity": {}}, False),
    ("preferred", preferred("windows"), False),
    ("options", options(hostProcess=True), True),
    ("options-user", options(runAsUserName="ContainerUser"), True),
    ("options-empty", options(), False),
    ("options-null", {"securityContext": {"windowsOptions": None}}, False),
    ("options-of-a-container", {"containers": [{"name": "a"}, {"name": "b", **options(hostProcess=True)}]}, True),
    ("options-of-an-init-container", {"initContainers": [{"name": "a", **options(hostProcess=True)}]}, True),
    ("options-on-linux", {"os": {"name": "linux"}, **options(hostProcess=True)}, False),
]


@pytest.mark.parametrize(("fields", "expected"), [row[1:] for row in SPECS], ids=[row[0] for row in SPECS])
def test_is_windows(fields: dict[str, Any], expected: bool) -> None:
    assert is_windows(msgspec.convert(fields, PodSpec)) is expected


def pod(annotations: dict[str, str]) -> dict[str, Any]:
    env = [{"name": "A", "value": "vault:a#b"}]
    init, first, second = ({"name": name, "command": [name], "env": env} for name in ("init", "first", "second"))
    spec = {"initContainers": [init], "containers": [first, second, {"name": "plain", "command": ["plain"]}]}
    return {"metadata": {"annotations": annotations}, "spec": spec}


CHOICES: list[tuple[str, dict[str, str], list[str], list[str]]] = [
    ("all", {}, ["init", "first", "second"], []),
    ("only", {CONTAINERS: "first"}, ["first"], []),
    ("only-some", {CONTAINERS: " second , init,"}, ["init", "second"], []),
    ("only-a-plain-one", {CONTAINERS: "plain"}, [], []),
    ("skip", {SKIP_CONTAINERS: "first"}, ["init", "second"], []),
    ("both", {CONTAINERS: "first,second", SKIP_CONTAINERS: "second"}, ["first"], []),
    ("empty", {CONTAINERS: "", SKIP_CONTAINERS: ""}, ["init", "first", "second"], []),
    (
        "stranger",
        {CONTAINERS: "first,other"},
        ["first"],
        [f"annotation {CONTAINERS}: the pod has no container 'other'"],
    ),
    (
        "strangers",
        {SKIP_CONTAINERS: "x,b"},
        ["init", "first", "second"],
        [f"annotation {SKIP_CONTAINERS}: the pod has no container 'b'"],
    ),
    (
        "from-path",
        {SKIP_CONTAINERS: "second", PREFIX + "vault-env-from-path": "secret/data/a"},
        ["init", "first", "plain"],
        [],
    ),
]


@pytest.mark.parametrize(
    ("annotations", "injected", "warnings"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_chosen_by_name(annotations: dict[str, str], injected: list[str], warnings: list[str]) -> None:
    document = pod(annotations)
    mutation = mutate(document)
    assert (mutation.injected, mutation.warnings) == (injected, warnings)
    result = apply(document, mutation)
    again = mutate(result)
    assert (again.patch, again.warnings) == ([], warnings)


def test_a_wrong_reference_in_an_excluded_container_is_nobodys_business() -> None:
    document = pod({SKIP_CONTAINERS: "first"})
    document["spec"]["containers"][0]["env"] = [{"name": "A", "value": "vault:wrong"}]
    assert mutate(document).injected == ["init", "second"]
