"""PATH_CHECK for a pod: what is asked of Vault for it, for whom, and what becomes of the answers."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.fakes.cluster import NAMESPACE, FakeCluster
from vault_secrets_webhook.errors import Refused, VaultError
from vault_secrets_webhook.webhook.annotations import PREFIX
from vault_secrets_webhook.webhook.kube.errors import KubernetesError
from vault_secrets_webhook.webhook.mutate.pod import mutate_pod
from vault_secrets_webhook.webhook.settings import Settings
from vault_secrets_webhook.webhook.vaultaccess.inquiry import DECRYPT, READ, WRITE, PathFault, PathFindings, Wish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vault_secrets_webhook.webhook.mutation import Mutation
    from vault_secrets_webhook.webhook.vaultaccess.checking import PathQuestion

PROVIDER = "secrets-webhook.security.bank-vaults.io/provider"
A = Wish(READ, "kv/a", None, "x")


class FakeChecker:
    """Finds `faults` and `unknown` (causes by path) or raises `error`; `questions` are all that it was asked."""

    def __init__(
        self,
        faults: Mapping[str, tuple[str, int]] | None = None,
        unknown: Mapping[str, str] | None = None,
        error: Exception | None = None,
    ) -> None:
        self.faults = faults or {}
        self.unknown = unknown or {}
        self.error = error
        self.questions: list[PathQuestion] = []

    async def check(self, question: PathQuestion) -> PathFindings:
        self.questions.append(question)
        if self.error is not None:
            raise self.error
        wishes = question.wishes
        return PathFindings(
            {wish: PathFault(*self.faults[wish.path]) for wish in wishes if wish.path in self.faults},
            {wish: self.unknown[wish.path] for wish in wishes if wish.path in self.unknown},
        )

    @property
    def wishes(self) -> list[Wish]:
        (question,) = self.questions
        return list(question.wishes)


def mutate(
    pod: Any,
    checker: FakeChecker,
    level: str = "enforce",
    *,
    cluster: FakeCluster | None = None,
    environ: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Mutation:
    settings = Settings.from_environment({"PATH_CHECK": level, **(environ or {})})
    cluster = cluster or FakeCluster()
    text = msgspec.json.encode(pod)
    mutating = mutate_pod(text, NAMESPACE, settings, cluster, dry_run=dry_run, cluster=cluster, checker=checker)
    return asyncio.run(mutating)


def container(*values: str, name: str = "app", env: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    variables = [{"name": f"V{index}", "value": value} for index, value in enumerate(values)]
    return {"name": name, "image": "i", "command": ["c"], "env": [*variables, *(env or [])], **more}


def pod(*containers: dict[str, Any], provider: str = "", spec: Any = None, **annotations: str) -> dict[str, Any]:
    keys = {PREFIX + key.replace("_", "-"): text for key, text in annotations.items()}
    if provider:
        keys = {PROVIDER: provider}
    return {"metadata": {"name": "one", "annotations": keys}, "spec": {"containers": list(containers), **(spec or {})}}


WISHES: list[tuple[str, dict[str, Any], list[Wish]]] = [
    ("read", pod(container("vault:kv/a#x")), [A]),
    ("version", pod(container("vault:kv/a#x#2")), [A._replace(version=2)]),
    ("current version", pod(container("vault:kv/a#x#0")), [A]),
    ("template", pod(container("vault:kv/a#${.x | upper}")), [A._replace(key=None)]),
    ("several in a value", pod(container("${vault:kv/a#x}-${vault:kv/a#y}")), [A, A._replace(key="y")]),
    ("one twice", pod(container("vault:kv/a#x", "vault:/kv//a/#x")), [A]),
    ("write", pod(container('>>vault:pki/issue/app#certificate#{"a":"b"}')), [Wish(WRITE, "pki/issue/app")]),
    ("transit", pod(container("vault:v1:abc"), transit_key_id="k"), [Wish(DECRYPT, "transit/decrypt/k")]),
    (
        "transit elsewhere",
        pod(container("vault:v1:abc"), transit_key_id="k", transit_path="t/u"),
        [Wish(DECRYPT, "t/u/decrypt/k")],
    ),
    (
        "transit by the container",
        pod(container("vault:v1:abc", env=[{"name": "VAULT_TRANSIT_KEY_ID", "value": "k"}])),
        [Wish(DECRYPT, "transit/decrypt/k")],
    ),
    ("transit without a key", pod(container("vault:v1:abc")), []),
    ("login alone", pod(container("vault:login")), []),
    (
        "whole secrets",
        pod(container("x"), vault_env_from_path="kv/a, kv/b#3"),
        [A._replace(key=None), Wish(READ, "kv/b", 3)],
    ),
    ("what kubelet replaces", pod(container("vault:kv/$(WHERE)#x", "vault:kv/a#x")), [A]),
    ("several containers", pod(container("vault:kv/a#x"), container("vault:kv/b#x", name="b")), [A, Wish(READ, "kv/b", None, "x")]),
    ("a container that is left alone", pod(container("vault:kv/a#x"), container("vault:kv/b#x", name="b"), skip_containers="b"), [A]),
    ("openbao", pod(container("bao:kv/a#x", "vault:kv/b#x"), provider="bao"), [A]),
    ("its own login", pod(container("vault:kv/a#x", env=[{"name": "VAULT_TOKEN", "value": "vault:login"}])), [A]),
]  # fmt: skip


@pytest.mark.parametrize(("document", "wishes"), [row[1:] for row in WISHES], ids=[row[0] for row in WISHES])
def test_what_is_asked(document: dict[str, Any], wishes: list[Wish]) -> None:
    checker = FakeChecker()
    assert mutate(document, checker).reason == "injected"
    assert checker.wishes == wishes


NOT_ASKED: list[tuple[str, dict[str, Any], str, str]] = [
    ("off", pod(container("vault:kv/a#x")), "off", ""),
    ("no references", pod(container("x")), "enforce", ""),
    ("aws", pod(container("arn:aws:ssm:eu-west-1:123456789012:parameter/a"), provider="aws"), "enforce", ""),
    ("only what kubelet replaces", pod(container("vault:kv/$(WHERE)#x")), "enforce", ""),
    (
        "token",
        pod(container("vault:kv/a#x"), spec={"volumes": [{"name": "a"}]}, token_auth_mount="a:b"),
        "warn",
        "token-auth-mount",
    ),
    (
        "agent",
        pod(container("vault:kv/a#x"), vault_agent="true", vault_agent_configmap="own"),
        "warn",
        "the pod's own agent",
    ),
    ("method", pod(container("vault:kv/a#x"), vault_auth_method="aws-ec2"), "enforce", "auth method aws-ec2"),
    *(
        (name, pod(container("vault:kv/a#x", env=[{"name": name, "value": "x"}])), "enforce", f"variable {name}")
        for name in ("VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_TOKEN_PATH", "VAULT_AGENT_ADDR", "VAULT_NAMESPACE")
    ),
    (
        "token of a Secret",
        pod(
            container(
                "vault:kv/a#x",
                env=[{"name": "VAULT_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            )
        ),
        "enforce",
        "variable VAULT_TOKEN",
    ),
    (
        "bao token",
        pod(container("bao:kv/a#x", env=[{"name": "BAO_TOKEN", "value": "x"}]), provider="bao"),
        "warn",
        "variable BAO_TOKEN",
    ),
]


@pytest.mark.parametrize(("document", "level", "words"), [r[1:] for r in NOT_ASKED], ids=[r[0] for r in NOT_ASKED])
def test_what_is_not_asked(document: dict[str, Any], level: str, words: str) -> None:
    checker = FakeChecker(error=AssertionError("asked"))
    warnings = mutate(document, checker, level).warnings
    assert checker.questions == []
    assert [words in warning for warning in warnings] == ([True] if words else [])


def test_only_the_container_with_a_token_of_its_own_is_left_out() -> None:
    own = container("vault:kv/b#x", name="own", env=[{"name": "VAULT_TOKEN", "value": "t"}])
    checker = FakeChecker()
    (warning,) = mutate(pod(own, container("vault:kv/a#x")), checker).warnings
    assert warning.startswith("container 'own': ")
    assert checker.wishes == [A]


def test_a_namespace_of_the_pod_wins_over_that_of_a_container() -> None:
    checker = FakeChecker()
    one = container("vault:kv/a#x", env=[{"name": "VAULT_NAMESPACE", "value": "n"}])
    assert mutate(pod(one, vault_namespace="m"), checker).warnings == []
    assert checker.questions[0].options.vault_namespace == "m"


WHO: list[tuple[dict[str, Any], dict[str, str], tuple[str, str]]] = [
    ({}, {}, ("default", "default")),
    ({"serviceAccountName": "app"}, {}, ("app", "app")),
    ({"serviceAccount": "old"}, {}, ("old", "old")),
    ({"serviceAccountName": "app"}, {"vault_role": "r"}, ("app", "r")),
    ({"serviceAccountName": "app"}, {"vault_role": "{{.namespace}}-{{.name}}"}, ("app", "shop-one")),
    ({"serviceAccountName": "app"}, {"vault_serviceaccount": "of-objects"}, ("app", "app")),
]


@pytest.mark.parametrize(("spec", "annotations", "who"), WHO)
def test_who_asks(spec: dict[str, Any], annotations: dict[str, str], who: tuple[str, str]) -> None:
    checker = FakeChecker()
    mutate(pod(container("vault:kv/a#x"), spec=spec, **annotations), checker)
    (question,) = checker.questions
    assert (question.namespace, question.account, question.role) == (NAMESPACE, *who)
    assert question.patience == inf


def test_a_name_that_no_account_can_have_gets_into_no_path() -> None:
    checker = FakeChecker()
    with pytest.raises(Refused, match="serviceAccountName"):
        mutate(pod(container("vault:kv/a#x"), spec={"serviceAccountName": "../x"}), checker)
    assert checker.questions == []


def test_authorities_are_those_of_the_pod() -> None:
    cluster = FakeCluster(secrets={"ca": {"ca.crt": b"PEM"}, "empty": {}, "binary": {"ca.crt": b"\xff"}})
    checker = FakeChecker()
    mutate(pod(container("vault:kv/a#x"), vault_tls_secret="ca"), checker, cluster=cluster)
    assert checker.questions[0].authorities == "PEM"
    assert cluster.asked == [("Secret", NAMESPACE, "ca")]
    for name in ("none", "empty", "binary"):
        with pytest.raises(Refused, match=f"vault-tls-secret: the Secret '{name}'"):
            mutate(pod(container("vault:kv/a#x"), vault_tls_secret=name), checker, cluster=cluster)


def test_references_out_of_objects_are_asked_for_without_reading_more() -> None:
    env = [
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "M", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
    ]
    cluster = FakeCluster(
        secrets={"s": {"k": b"vault:kv/a#x", "unused": b"vault:kv/unused#x"}, "whole": {"w": b"vault:kv/w#x"}},
        config_maps={"m": {"k": "vault:kv/m#x", "none": "x"}},
    )
    checker = FakeChecker(dict.fromkeys(("kv/a", "kv/m", "kv/w"), ("nothing there", 422)))
    one = pod(container(env=env, envFrom=[{"secretRef": {"name": "whole"}}]))
    with pytest.raises(Refused) as caught:
        mutate(one, checker, cluster=cluster)
    assert str(caught.value).split("\n") == [
        "container 'app', variable 'S': key 'k' of Secret s: nothing there",
        "container 'app', variable 'M': key 'k' of ConfigMap m: nothing there",
        "container 'app', envFrom[0]: key 'w' of Secret whole: nothing there",
    ]
    assert len(cluster.asked) == 3
    literal = pod(container("vault:kv/a#x", env=env))  # found by its literal value: objects are not read
    cluster.asked.clear()
    checker = FakeChecker()
    mutate(literal, checker, cluster=cluster)
    assert (checker.wishes, cluster.asked) == ([A], [])


FAULTS = {"kv/a": ("kv/a: no", 422), "kv/b": ("kv/b: forbidden\n\x1b", 403)}
FAULTY = pod(container("vault:kv/a#x", "vault:kv/b#x", "vault:kv/a#x", "vault:kv/c#x"))
TOLD = [
    "container 'app', variable 'V0': kv/a: no",
    "container 'app', variable 'V2': kv/a: no",
    "container 'app', variable 'V1': kv/b: forbidden\\n\\x1b",
]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Refused) as caught:
        mutate(FAULTY, FakeChecker(FAULTS))
    assert (caught.value.code, str(caught.value).split("\n")) == (403, TOLD)


def test_faults_are_warnings_where_the_operator_says_so() -> None:
    checker = FakeChecker(FAULTS)
    mutation = mutate(FAULTY, checker, "warn")
    assert (mutation.warnings, mutation.reason) == (TOLD, "injected")
    assert checker.questions[0].patience == 5.0
    many = pod(container(*(f"vault:kv/a#k{number}" for number in range(30))))
    assert len(mutate(many, FakeChecker(FAULTS), "warn").warnings) == 10
    with pytest.raises(Refused, match="there may be more"):
        mutate(many, FakeChecker(FAULTS))


@pytest.mark.parametrize("level", ["warn", "enforce"])
def test_what_is_not_known_is_one_warning(level: str) -> None:
    checker = FakeChecker(unknown={"kv/a": "who knows", "kv/b": "nobody"})
    told = "container 'app', variable 'V0': it is not known whether Vault has what kv/a names (and 1 more like it): who knows"
    assert mutate(FAULTY, checker, level).warnings == [told]
    one = FakeChecker(unknown={"kv/b": "nobody"})
    assert mutate(FAULTY, one, level).warnings[0].endswith("names: nobody")


ERRORS = [
    pytest.param(Refused("login refused\n", code=403), Refused, "login refused\\n", id="login"),
    pytest.param(VaultError("sealed\n"), VaultError, "not looked at: sealed\\n", id="Vault"),
    pytest.param(KubernetesError("no token"), KubernetesError, "not looked at: no token", id="cluster"),
]


@pytest.mark.parametrize(("error", "kind", "words"), ERRORS)
def test_what_keeps_it_from_being_asked(error: Exception, kind: type[Exception], words: str) -> None:
    document = pod(container("vault:kv/a#x"))
    with pytest.raises(kind):
        mutate(document, FakeChecker(error=error))
    (warning,) = mutate(document, FakeChecker(error=error), "warn").warnings
    assert warning.endswith(words)


@pytest.mark.parametrize("level", ["warn", "enforce"])
def test_a_dry_run_asks_nothing_and_says_so(level: str) -> None:
    checker = FakeChecker(FAULTS)
    (warning,) = mutate(FAULTY, checker, level, dry_run=True).warnings
    assert "in a dry run nothing is asked" in warning
    assert mutate(pod(container("x")), checker, level, dry_run=True).warnings == []
    assert checker.questions == []


def test_a_pod_that_is_refused_anyway_costs_no_login() -> None:
    checker = FakeChecker()
    with pytest.raises(Refused, match="no key"):
        mutate(pod(container("vault:kv/a#x", "vault:kv/a")), checker)
    with pytest.raises(Refused, match="run-as-user"):
        mutate(pod(container("vault:kv/a#x"), run_as_user="x"), checker)
    assert checker.questions == []


def test_a_wrong_reference_that_is_let_through_is_passed_over() -> None:
    checker = FakeChecker()
    document = pod(container("bao:kv/a#x", "bao:kv/a"), provider="bao")
    document["metadata"]["annotations"]["secrets-webhook.security.bank-vaults.io/bao-from-path"] = "bao:wrong"
    assert mutate(document, checker, environ={"REFERENCE_CHECK": "off"}).warnings == []
    assert checker.wishes == [A]


def test_a_pod_cannot_ask_for_any_amount() -> None:
    checker = FakeChecker()
    many = pod(container(*(f"vault:kv/{number}#x" for number in range(203)), f"vault:kv/{'a' * 3000}#x"))
    warnings = mutate(many, checker).warnings
    assert len(checker.wishes) == 200
    assert [warning.partition(":")[0] for warning in warnings] == [
        f"container 'app', variable 'V{number}'" for number in range(200, 204)
    ]


def test_no_body_of_a_write_is_told_or_asked(canary: str) -> None:
    checker = FakeChecker({"kv/a": ("denied", 403)})
    with pytest.raises(Refused) as caught:
        mutate(pod(container(f'>>vault:kv/a#x#{{"password":"{canary}"}}')), checker)
    assert canary not in str(caught.value)
    assert canary not in str(checker.questions)
