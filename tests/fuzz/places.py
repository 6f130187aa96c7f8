"""Changes of one place of a JSON document, chosen at random: a table of functions over a generator and a document."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator


def words(text: str) -> list[str]:
    """Give the words of a text; written so, long lists can be read."""
    return text.split()


VSW = "vault.security.banzaicloud.io/"
SW = "secrets-webhook.security.bank-vaults.io/"
SUFFIXES = words("""
    mutate mutate-probes psp-allow-privilege-escalation run-as-non-root run-as-user run-as-group readonly-root-fs
    registry-skip-verify vault-addr vault-role vault-path vault-auth-method vault-serviceaccount vault-skip-verify
    vault-tls-secret vault-client-timeout vault-namespace vault-ignore-missing-secrets vault-env-passthrough
    vault-env-from-path vault-env-daemon vault-env-delay vault-env-image vault-env-image-pull-policy enable-json-log
    log-level transit-key-id transit-path transit-batch-size token-auth-mount service-account-token-volume-name
    vault-image vault-image-pull-policy vault-agent vault-agent-configmap vault-agent-once
    vault-agent-share-process-namespace vault-agent-cpu vault-agent-cpu-request vault-agent-cpu-limit
    vault-agent-memory vault-agent-memory-request vault-agent-memory-limit vault-agent-env-variables
    vault-configfile-path vault-ct-secrets-mount-path vault-ct-configmap vault-ct-image vault-ct-pull-policy
    vault-ct-once vault-ct-share-process-namespace vault-ct-cpu vault-ct-memory vault-ct-inject-in-initcontainers
    provider secret-init-daemon secret-init-delay secret-init-json-log secret-init-image
    secret-init-image-pull-policy vault-transit-key-id vault-transit-path vault-transit-batch-size
    vault-token-auth-mount vault-service-account-token-volume-name vault-log-level vault-passthrough vault-from-path
    bao-addr bao-role bao-path bao-token-auth-mount bao-from-path bao-agent aws-region aws-load-from-secret
    credentials-namespace credentials-secret-name aws-tls-secret-arn injected nonsense
""")
VALUES = [
    *words("""
    true false skip yes 1 0 -1 5 10 10s 5m -3s 99999999999999999999 1e3 0x10 65534 100m 128Mi 1Q Always never debug
    app web default kubernetes jwt namespaced gcp-iam vault bao aws eu-west-1 secret/data/app secret/data/app#1,b
    data:token :token data: ../../etc /vault/secrets https://vault:8200 http://OWN http://169.254.169.254 https://u:p@vault
    {{.name}} ${.namespace} [{"name":"A","value":"b"}] [{"Name":"A"}] [1] { a,b,,c *
"""),
    *("", " ", "\n", "x" * 5000, "é\u202e\u0000", '{"a": "' + "b" * 300 + '"}', "a b\tc"),
]
REFERENCES = words("""
    vault:secret/data/app#password vault:secret/data/app#user#1 >>vault:pki/issue/app#certificate
    ${vault:secret/data/app#password} x${vault:secret/data/app#user}y${>>vault:secret/data/app#password}z
    vault:secret/data/app#${.password|upper} vault:secret/data/app#${.map.a} vault:secret/data/app#map
    vault:secret/data/app#nokey vault:secret/data/missing#password vault:secret/data/denied#password
    vault:v1:AAAA ${vault:v1:AAAA} vault:login vault: ${vault: ${vault:} ${vault:a#${b} {"a":"${vault:secret/data/app#url}"}
    vault:secret/data/app#none ${vault:secret/data/app#empty} x${vault:secret/data/app#lines} vault:secret/data/app#odd
    vault:secret/data/app#long vault:secret/data/app#no vault:secret/data/app#number vault:secret/data/app#binary
    vault:secret/app#password vault:../../sys/seal#x vault:secret/data/app?x=1#password vault:a%2fb#c vault:#x vault:x#
    bao:secret/data/app#password ${bao:secret/data/app#password} >>bao:pki/issue#certificate
    arn:aws:secretsmanager:eu-west-1:1:secret:x arn:aws:ssm:eu-west-1:1:parameter/x gcp:secretmanager:projects/p/secrets/s
    azure:keyvault:name file:/etc/passwd vault:$(X)#y vault:secret/data/app#${env"HOME"} vault:secret/data/app#${range}
    vault:secret/data/app#${repeat/100000000/.password} $$vault:a#b \u0000vault:a#b vault:secret/data/faulty#password
""")
TEXTS = (
    "",
    "\u0000",
    "\u202e\u2066",
    "é" * 40,
    "\U0001f512" * 9,
    "\ufeffx",
    "\ud800",
    "a\udfffb",
    "x" * 70_000,
    "../",
    "~1",
    "$(A)",
    "-",
)
NUMBERS = (0, -1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, 1.5, -0.0, 1e300, 5e-324)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, "text", 7, {"a": {"b": []}})
DEEP, DEEPEST = (10, 40, 150), 30  # Python itself cannot copy much more; deeper ones are made as text
KEYS = words("""
    name value valueFrom env envFrom command args containers initContainers volumes volumeMounts annotations metadata
    spec data stringData binaryData type image key secretKeyRef configMapKeyRef optional lifecycle securityContext
    apiVersion kind os nodeSelector serviceAccountName imagePullSecrets auths .dockerconfigjson
""")


class Place(NamedTuple):
    """A member of an object or an item of a list; `keys` lead to it from the root."""

    holder: Any
    key: Any
    keys: tuple[Any, ...]

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


def list_places(value: Any, keys: tuple[Any, ...] = ()) -> Iterator[Place]:
    """Give every place below a value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(members):
        yield Place(value, key, (*keys, key))
        yield from list_places(inner, (*keys, key))


def delete(_: random.Random, place: Place) -> None:
    del place.holder[place.key]


def nullify(_: random.Random, place: Place) -> None:
    place.put(None)


def change_type(rng: random.Random, place: Place) -> None:
    place.put(copy.deepcopy(rng.choice(OTHERS)))


def duplicate(rng: random.Random, place: Place) -> None:
    if isinstance(place.holder, list):
        place.holder[place.key : place.key] = [copy.deepcopy(place.value) for _ in range(rng.choice((1, 1, 2, 30)))]
    else:
        place.holder[rng.choice(KEYS)] = copy.deepcopy(place.value)


def odd_text(rng: random.Random, place: Place) -> None:
    place.put(rng.choice(TEXTS))


def number(rng: random.Random, place: Place) -> None:
    place.put(rng.choice(NUMBERS))


def nest(rng: random.Random, place: Place) -> None:
    value: Any = place.value
    for _ in range(rng.choice(DEEP) if len(place.keys) < DEEPEST else 1):
        value = [value] if rng.random() < 0.5 else {"a": value}
    place.put(value)


def rename(rng: random.Random, place: Place) -> None:
    if isinstance(place.holder, dict):
        new = rng.choice((*KEYS, *TEXTS[:8]))
        place.holder[new] = place.holder.pop(place.key)


def refer(rng: random.Random, place: Place) -> None:
    """Put a reference here, in the form that the data of Secrets have when this is one of those."""
    text = rng.choice(REFERENCES)
    if rng.random() < 0.2:
        text = rng.choice(("", "a ", "{", '"')) + text + rng.choice(("", rng.choice(REFERENCES), "}", "\n"))
    is_data = len(place.keys) > 1 and place.keys[-2] in {"data", "binaryData"}
    place.put(base64.b64encode(text.encode()).decode() if is_data and rng.random() < 0.8 else text)


CHANGES: tuple[Callable[[random.Random, Place], None], ...] = (
    *(delete, nullify, change_type, duplicate, odd_text, number, nest, rename),
    *(refer,) * 8,
)


def change(rng: random.Random, document: Any) -> None:
    """Change a place of a document, most often one that holds a text: that is what we look into."""
    places = list(list_places(document))
    texts = [place for place in places if isinstance(place.value, str)]
    chosen = texts if texts and rng.random() < 0.5 else places
    if chosen:
        rng.choice(CHANGES)(rng, rng.choice(chosen))


def annotate(rng: random.Random, document: Any) -> None:
    """Write annotations of both families, if there is a place for them."""
    metadata = document.setdefault("metadata", {}) if isinstance(document, dict) else None
    annotations = metadata.setdefault("annotations", {}) if isinstance(metadata, dict) else None
    if isinstance(annotations, dict):
        if rng.random() < 0.3:
            annotations[SW + "provider"] = rng.choice(("vault", "bao", "aws", "none"))
        for _ in range(rng.randint(1, 4)):
            value = rng.choice(REFERENCES) if rng.random() < 0.05 else rng.choice(VALUES)
            annotations[rng.choice((VSW, VSW, SW)) + rng.choice(SUFFIXES)] = value


def move_objects(rng: random.Random, document: Any) -> None:
    """Make a container take its environment from objects that are there, missing, or broken."""
    spec = document.get("spec") if isinstance(document, dict) else None
    containers = spec.get("containers") if isinstance(spec, dict) else None
    if not isinstance(containers, list) or not containers or not isinstance(containers[0], dict):
        return
    names = ["references", "plain", "absent", "missing", "references", "plain", "absent", "missing", "denied", "faulty"]
    kind = rng.choice(("secretRef", "configMapRef"))
    containers[0]["envFrom"] = [{kind: {"name": rng.choice(names), **rng.choice(({}, {"optional": True}))}}]


def configure_registries(rng: random.Random, document: Any) -> None:
    """Make a Secret one with the passwords of registries, of either form, right or wrong."""
    if not isinstance(document, dict) or document.get("kind") != "Secret":
        return
    entries = {f"registry{index}.test": make_entry(rng) for index in range(rng.randint(0, 3))}
    form = rng.choice((".dockerconfigjson", ".dockercfg"))
    config = {"auths": entries, "credHelpers": {"a": "b"}} if form == ".dockerconfigjson" else entries
    text = json.dumps(config, indent=rng.choice((None, 1)))
    if rng.random() < 0.1:
        text = rng.choice(
            (text[:-1], text.replace("auths", "Auths"), text.replace(":", ": 1e400,", 1), "[]", "null", "")
        )
    document["type"] = "kubernetes.io/" + form.removeprefix(".")
    document["data"] = {form: base64.b64encode(text.encode()).decode()}


def make_entry(rng: random.Random) -> Any:
    """Make what is known of one registry."""
    words: list[Any] = [*REFERENCES, "user", "", "p:q:r", None, 7, {}]
    entry = {key: rng.choice(words) for key in ("username", "password", "email", "x") if rng.random() < 0.5}
    pair = ":".join(str(rng.choice(words)) for _ in range(rng.randint(1, 3)))
    if rng.random() < 0.6:
        entry["auth"] = base64.b64encode(pair.encode()).decode() if rng.random() < 0.9 else pair
    return entry if rng.random() < 0.95 else rng.choice(OTHERS)


def break_text(rng: random.Random, text: bytes) -> bytes:
    """Break the text of a review."""
    at = rng.randrange(len(text))
    breaks: tuple[Callable[[], bytes], ...] = (
        lambda: text[:at],
        lambda: text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :],
        lambda: (
            text[:at] + rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\u12", b"\x00", b'"', b"}", b",")) + text[at:]
        ),
        lambda: text + rng.choice((b"x", b"{}", b"\x00", b" ")),
        lambda: b"\xef\xbb\xbf" + text,
        lambda: text.replace(b'"name":', b'"name": "twice", "name":', 1),
        lambda: text.replace(b'"object":', b'"object": {"metadata": {}}, "object":', 1),
        lambda: text.replace(b'"spec": {', b'"spec": {"x": 1e400, "y": -1e-400, "z": ' + b"9" * 5000 + b", ", 1),
        lambda: text.replace(b'"spec": {', b'"spec": {"x": ' + b"[" * 100_000 + b"]" * 100_000 + b", ", 1),
        lambda: text.replace(b'"metadata": {', b'"metadata": {"x": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b", ", 1),
        lambda: text.replace(b": null", b": NaN", 1),
        lambda: rng.choice((b"", b"null", b"[]", b'""', b"0", b'{"kind":"AdmissionReview"}')),
    )
    return rng.choice(breaks)()
