"""vault-env against a real OpenBao: every engine of the main path, and the faults that a real server can show."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tests.process.runner import SHOW_ENVIRONMENT, Ended, finish, run, start
from tests.servers.process import poll

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.openbao import OpenBao

MOUNT = "process"


@pytest.fixture(scope="module")
def bao(openbao: OpenBao) -> OpenBao:
    """The shared server with engines of this module's own."""
    openbao.enable_kv1(f"{MOUNT}-kv1")
    openbao.enable_kv2(f"{MOUNT}-kv2")
    openbao.enable_pki(f"{MOUNT}-pki")
    openbao.enable_transit(f"{MOUNT}-transit")
    return openbao


def inject(bao: OpenBao, token: str, **given: str) -> Ended:
    return run({"VAULT_ADDR": bao.address, "VAULT_TOKEN": token, "VAULT_JSON_LOG": "true", **given})


def cause(seen: Ended, name: str) -> str:
    """Why a variable could not be given its value; there must be exactly one line of it, and no output."""
    assert (seen.code, seen.output) == (1, b"")
    (line,) = [line for line in map(json.loads, seen.log.splitlines()) if line.get("variable") == name]
    text: str = line["cause"]
    return text


def test_kv2(bao: OpenBao, canary: str) -> None:
    bao.write_kv2("app", {"user": "first", "big": 9007199254740991, "map": {"a": [1, None]}}, f"{MOUNT}-kv2")
    bao.write_kv2("app", {"user": canary, "n": 1500000, "yes": True, "none": None}, f"{MOUNT}-kv2")
    path = f"{MOUNT}-kv2/data/app"
    seen = inject(
        bao,
        bao.root_token,
        NEW=f"vault:{path}#user",
        OLD=f"vault:{path}#user#1",
        BIG=f"vault:{path}#big#1",
        MAP=f"vault:{path}#map#1",
        N=f"vault:{path}#n",
        YES=f"vault:{path}#yes",
        NONE=f"vault:{path}#none",
        JSON=f'{{"user":"${{vault:{path}#user}}","n":${{vault:{path}#n}}}}',
    )
    assert {name: value for name, value in seen.environ.items() if name != "PATH"} == {
        "NEW": canary,
        "OLD": "first",
        "BIG": "9007199254740991",
        "MAP": '{"a":[1,null]}',
        "N": "1500000",
        "YES": "true",
        "NONE": "",
        "JSON": f'{{"user":"{canary}","n":1500000}}',
    }
    assert canary not in seen.log


def test_templates(bao: OpenBao, canary: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("one\ntwo\n")
    bao.write_kv2("db", {"user": "ü", "password": canary, "port": 5432, "zero": 0, "hosts": ["a", "b"]}, f"{MOUNT}-kv2")
    bao.write_kv1("db", {"password": f"{canary}/1 ", "half": "é"}, f"{MOUNT}-kv1")
    path = f"{MOUNT}-kv2/data/db"
    seen = inject(
        bao,
        bao.root_token,
        URL=f"vault:{path}#pg://${{.user | urlquery}}:${{.password}}@db:${{.port}}${{if .zero}}?x${{end}}",
        HOSTS=f"vault:{path}#${{range $i, $host := .hosts}}${{if $i}},${{end}}${{$host}}:${{$.port}}${{end}}",
        HASH=f"vault:{path}#${{.password | sha256sum | trunc 8}}",
        INLINE=f"<${{vault:{MOUNT}-kv1/db#${{.password | trim | upper}}}}|${{vault:{path}#port}}>",
        BYTES=f"vault:{MOUNT}-kv1/db#${{trunc 1 .half}}",
        FILE=f"vault:{path}#${{file `{tmp_path}/ca.pem`}}",
        OLDER=f"vault:{path}#${{.pasword}}",
    )
    assert {name: value for name, value in seen.environ.items() if name != "PATH"} == {
        "URL": f"pg://%C3%BC:{canary}@db:5432?x",
        "HOSTS": "a:5432,b:5432",
        "HASH": hashlib.sha256(canary.encode()).hexdigest()[:8],
        "INLINE": f"<{canary.upper()}/1|5432>",
        "BYTES": "\udcc3",
        "FILE": "one\\ntwo\\n",
        "OLDER": "<no value>",
    }
    (warning,) = [line for line in map(json.loads, seen.log.splitlines()) if line["level"] == "WARN"]
    assert (warning["msg"], warning["variables"]) == (
        "a template wrote <no value>: it names a key that the secret has not",
        ["OLDER"],
    )
    assert canary not in seen.log


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("${.password.x}", "at <.password.x>: can't evaluate field x in type interface {}"),
        ("${fail .password}", "at <fail .password>: error calling fail: "),
        ("${upper .port}", "at <.port>: wrong type for value; expected string; got json.Number"),
        ("${.password | mustToDate `2006`}", "error calling mustToDate: "),
        ("${range .port}${end}", "range can't iterate over "),
        ("${range $i := until 1000000000}${end}", "error calling until: the template makes more than 64 MiB"),
    ],
)
def test_template_that_fails(bao: OpenBao, canary: str, template: str, words: str) -> None:
    bao.write_kv2("failing", {"password": canary, "port": 5432}, f"{MOUNT}-kv2")
    seen = inject(bao, bao.root_token, A=f"vault:{MOUNT}-kv2/data/failing#{template}")
    assert cause(seen, "A").startswith(f"{MOUNT}-kv2/data/failing: template: config:1:")
    assert words in cause(seen, "A")
    assert canary not in seen.log
    assert "5432" not in seen.log


def test_kv2_that_looks_like_none(bao: OpenBao) -> None:
    secret = {"data": {"k": "v"}, "metadata": {"version": 1}}
    bao.write_kv2("data/odd", secret, f"{MOUNT}-kv2")
    seen = inject(bao, bao.root_token, A=f"vault:{MOUNT}-kv2/data/data/odd#data")
    assert seen.environ["A"] == '{"k":"v"}'


@pytest.mark.parametrize("path", ["app", "data/app"])
def test_kv1_with_keys_of_kv2(bao: OpenBao, path: str) -> None:
    bao.write_kv1(path, {"data": {"k": "v"}, "metadata": "m", "k": "w"}, f"{MOUNT}-kv1")
    full = f"{MOUNT}-kv1/{path}"
    seen = inject(bao, bao.root_token, D=f"vault:{full}#data", M=f"vault:{full}#metadata", K=f"vault:{full}#k")
    assert (seen.environ["D"], seen.environ["M"], seen.environ["K"]) == ('{"k":"v"}', "m", "w")


def test_missing(bao: OpenBao, canary: str) -> None:
    mount = f"{MOUNT}-kv2"
    bao.write_kv2("versions", {"k": canary}, mount)
    for _ in range(3):
        bao.write_kv2("versions", {"k": canary}, mount)
    bao.act("PUT", f"{mount}/delete/versions", {"versions": [2]})
    bao.act("PUT", f"{mount}/destroy/versions", {"versions": [3]})
    bao.write_kv2("deleted", {"k": canary}, mount)
    bao.act("DELETE", f"{mount}/data/deleted")
    expected = {
        "GONE": (f"{mount}/data/gone#k", "no secret at this path"),
        "KEY": (f"{mount}/data/versions#x", "no key 'x'; there are: k"),
        "VERSION": (f"{mount}/data/versions#k#9", "no secret, or no version 9 of it"),
        "DELETED": (f"{mount}/data/versions#k#2", "version 2 of it was deleted; undelete it"),
        "DESTROYED": (f"{mount}/data/versions#k#3", "version 3 of it was destroyed"),
        "CURRENT": (f"{mount}/data/deleted#k", "its current version was deleted; undelete it"),
        "NO_DATA": (f"{mount}/versions#k", f"{mount}/ is KV version 2: write {mount}/data/versions"),
        "KV1": (f"{MOUNT}-kv1/gone#k", "no secret at this path"),
    }
    given = {name: f"vault:{reference}" for name, (reference, _) in expected.items()}
    seen = inject(bao, bao.root_token, **given)
    for name, (reference, words) in expected.items():
        text = cause(seen, name)
        assert text.startswith(f"{reference.partition('#')[0]}: ")
        assert words in text
    assert canary not in seen.log
    ignoring = inject(bao, bao.root_token, **given, VAULT_IGNORE_MISSING_SECRETS="true", STAYS="x")
    assert {name for name in ignoring.environ if name != "PATH"} == {"STAYS"}


def test_from_path(bao: OpenBao) -> None:
    bao.write_kv2("from", {"ONE": "old", "TWO": "2"}, f"{MOUNT}-kv2")
    bao.write_kv2("from", {"ONE": "new"}, f"{MOUNT}-kv2")
    seen = inject(bao, bao.root_token, VAULT_ENV_FROM_PATH=f"{MOUNT}-kv2/data/from#1", TWO="explicit")
    assert (seen.environ["ONE"], seen.environ["TWO"]) == ("old", "explicit")


def test_certificate_and_its_key_belong_together(bao: OpenBao) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509 import load_pem_x509_certificate

    body = '{"common_name":"app.example.com"}'
    path = f"{MOUNT}-pki/issue/app"
    seen = inject(
        bao,
        bao.root_token,
        CERTIFICATE=f">>vault:{path}#certificate#{body}",
        KEY=f"${{>>vault:{path}#private_key#{body}}}",
        CHAIN=f">>vault:{path}#ca_chain#{body}",
    ).environ
    certificate = load_pem_x509_certificate(seen["CERTIFICATE"].encode())
    key = serialization.load_pem_private_key(seen["KEY"].encode(), None)
    assert certificate.public_key() == key.public_key()
    assert json.loads(seen["CHAIN"])[0].startswith("-----BEGIN CERTIFICATE-----")


def test_transit(bao: OpenBao, canary: str) -> None:
    mount = f"{MOUNT}-transit"
    plaintexts = [canary.encode(), b"\xff\xfe\n", "größe".encode(), b"", *(b"%d" % number for number in range(9))]
    given = {f"V{n}": bao.encrypt(text, mount) for n, text in enumerate(plaintexts)}
    settings = {"VAULT_TRANSIT_KEY_ID": "app", "VAULT_TRANSIT_PATH": mount, "VAULT_TRANSIT_BATCH_SIZE": "4"}
    seen = inject(bao, bao.root_token, **given, **settings, INLINE=f"<${{{given['V0']}}}>")
    values = dict(entry.split(b"=", 1) for entry in seen.entries)
    assert [values[f"V{n}".encode()] for n in range(len(plaintexts))] == plaintexts
    assert values[b"INLINE"] == f"<{canary}>".encode()
    assert canary not in seen.log


def test_bad_ciphertexts(bao: OpenBao, canary: str) -> None:
    mount = f"{MOUNT}-transit"
    settings = {"VAULT_TRANSIT_KEY_ID": "app", "VAULT_TRANSIT_PATH": mount}
    bad = base64.b64encode(canary.encode()).decode()
    seen = inject(
        bao, bao.root_token, GOOD=bao.encrypt("x", mount), BAD=f"vault:v1:{bad}", WORSE=f"vault:v9:{canary}", **settings
    )
    for name in ("BAD", "WORSE"):
        assert cause(seen, name).startswith(f"{mount}/decrypt/app: ")
    assert '"variable":"GOOD"' not in seen.log
    for hidden in (canary, bad):
        assert hidden not in seen.log
    unknown = inject(bao, bao.root_token, BAD=f"vault:v1:{bad}", VAULT_TRANSIT_KEY_ID="gone", VAULT_TRANSIT_PATH=mount)
    assert cause(unknown, "BAD").startswith(f"{mount}/decrypt/gone: ")
    assert bad not in unknown.log


def test_denied_by_policy(bao: OpenBao, canary: str) -> None:
    bao.write_kv2("denied", {"k": canary}, f"{MOUNT}-kv2")
    bao.write_policy(f"{MOUNT}-other", {f"{MOUNT}-kv2/data/other": ["read"]})
    token = bao.create_token([f"{MOUNT}-other"], ttl="5m")
    text = cause(inject(bao, token, A=f"vault:{MOUNT}-kv2/data/denied#k"), "A")
    assert text.startswith(f"{MOUNT}-kv2/data/denied: permission denied (HTTP 403)")
    assert text.endswith(f"; the token's policies (default, {MOUNT}-other) do not allow it")


def test_denied_because_the_path_lacks_data(bao: OpenBao) -> None:
    bao.write_policy(f"{MOUNT}-data", {f"{MOUNT}-kv2/data/*": ["read"]})
    token = bao.create_token([f"{MOUNT}-data"], ttl="5m")
    text = cause(inject(bao, token, A=f"vault:{MOUNT}-kv2/app#k"), "A")
    assert text.endswith(f"; {MOUNT}-kv2/ is KV version 2: write {MOUNT}-kv2/data/app")


def test_expired_token(bao: OpenBao) -> None:
    token = bao.create_token(["default"], ttl="1s")
    poll(lambda: bao.request("GET", "auth/token/lookup-self", token=token)[0] == 403, what="end of the token")
    seen = inject(bao, token, A=f"vault:{MOUNT}-kv2/data/app#user")
    assert cause(seen, "A").endswith("; the token itself is not valid: it is wrong, has expired or was revoked")
    assert token not in seen.log


def test_token_of_few_uses(bao: OpenBao) -> None:
    bao.write_kv1("uses", {"k": "v"}, f"{MOUNT}-kv1")
    bao.write_policy(f"{MOUNT}-uses", {f"{MOUNT}-kv1/uses": ["read"]})
    token = bao.create_token([f"{MOUNT}-uses"], num_uses=1)
    seen = inject(bao, token, A=f"vault:{MOUNT}-kv1/uses#k", B=f"${{vault:{MOUNT}-kv1/uses#k}}")
    assert (seen.environ["A"], seen.environ["B"]) == ("v", "v")


def test_revoked(bao: OpenBao) -> None:
    bao.write_kv1("revoked", {"k": "v"}, f"{MOUNT}-kv1")
    bao.write_policy(f"{MOUNT}-revoked", {f"{MOUNT}-kv1/revoked": ["read"]})
    token = bao.create_token([f"{MOUNT}-revoked", "default"], ttl="5m")
    assert inject(bao, token, A=f"vault:{MOUNT}-kv1/revoked#k", VAULT_REVOKE_TOKEN="1").environ["A"] == "v"
    assert bao.request("GET", "auth/token/lookup-self", token=token)[0] == 403


def test_namespace(bao: OpenBao, form: str) -> None:
    namespace = f"{MOUNT}-{form}"
    bao.create_namespace(namespace)
    bao.act("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "1"}}, namespace=namespace)
    bao.act("PUT", "kv/app", {"k": "of the namespace"}, namespace=namespace)
    assert inject(bao, bao.root_token, A="vault:kv/app#k", VAULT_NAMESPACE=namespace).environ["A"] == "of the namespace"
    assert cause(inject(bao, bao.root_token, A="vault:kv/app#k"), "A").startswith("kv/app: ")


def test_wrapped_answers(bao: OpenBao) -> None:
    bao.write_kv1("wrapped", {"k": "v"}, f"{MOUNT}-kv1")
    assert inject(bao, bao.root_token, A=f"vault:{MOUNT}-kv1/wrapped#k", VAULT_WRAP_TTL="60s").environ["A"] == "v"


def test_odd_paths_and_keys(bao: OpenBao) -> None:
    path = "größe/a b/100%/x=y&z"
    bao.request("PUT", f"{MOUNT}-kv1/gr%C3%B6%C3%9Fe/a%20b/100%25/x=y&z", {"the key": "v"}, bao.root_token)
    assert inject(bao, bao.root_token, A=f"vault:{MOUNT}-kv1/{path}#the key").environ["A"] == "v"


def test_tls(openbao_tls: OpenBao, canary: str) -> None:
    openbao_tls.write_kv2("process/tls", {"k": canary})
    given = {
        "VAULT_ADDR": openbao_tls.address,
        "VAULT_TOKEN": openbao_tls.root_token,
        "A": "vault:secret/data/process/tls#k",
    }
    seen = run({**given, "VAULT_CACERT": str(openbao_tls.ca_file)})
    assert (seen.environ["A"], canary in seen.log) == (canary, False)
    refused = run(given)
    assert refused.code == 1
    assert "is not trusted" in refused.log


def test_sealed(fresh_openbao: OpenBao, canary: str) -> None:
    fresh_openbao.write_kv2("app", {"k": canary})
    fresh_openbao.seal()
    seen = inject(fresh_openbao, fresh_openbao.root_token, A="vault:secret/data/app#k", VAULT_CLIENT_TIMEOUT="500ms")
    text = cause(seen, "A")
    assert text.startswith(
        "secret/data/app: Vault is sealed; it must be unsealed before anything can be read (HTTP 503)"
    )

    environ = {"VAULT_ADDR": fresh_openbao.address, "VAULT_TOKEN": fresh_openbao.root_token}
    process = start({**environ, "A": "vault:secret/data/app#k", "VAULT_CLIENT_TIMEOUT": "60s"}, *SHOW_ENVIRONMENT)
    fresh_openbao.unseal()
    assert finish(process).environ["A"] == canary
