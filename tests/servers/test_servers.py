"""The servers that other tests rely on do what those tests rely on."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.errors import ServerFailedError
from tests.servers.process import ServerProcess, find_free_port, poll, start_on_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.kubernetes import ApiServer
    from tests.servers.openbao import OpenBao

_POD_SPEC = {"containers": [{"name": "app", "image": "app.invalid/app", "command": ["true"]}]}


def test_openbao_keeps_versions_of_a_secret(openbao: OpenBao, canary: str) -> None:
    first = openbao.write_kv2("servers/versions", {"password": canary})
    second = openbao.write_kv2("servers/versions", {"password": "another"})
    status, answer = openbao.request("GET", f"secret/data/servers/versions?version={first}", token=openbao.root_token)
    assert (first, second, status, answer["data"]["data"]) == (1, 2, 200, {"password": canary})


def test_openbao_answers_over_tls(openbao_tls: OpenBao) -> None:
    assert openbao_tls.address.startswith("https://127.0.0.1:")
    status, answer = openbao_tls.request("GET", "sys/health")
    assert (status, answer["sealed"]) == (200, False)


def test_openbao_refuses_without_a_token(openbao: OpenBao) -> None:
    assert openbao.request("GET", "secret/data/servers/none")[0] == 403


def test_openbao_engines(openbao: OpenBao, canary: str) -> None:
    openbao.enable_kv1("servers-kv1")
    openbao.write_kv1("app", {"password": canary}, mount="servers-kv1")
    assert openbao.act("GET", "servers-kv1/app")["data"] == {"password": canary}

    openbao.enable_kv2("servers-kv2")
    assert openbao.write_kv2("app", {"password": canary}, mount="servers-kv2") == 1

    root = openbao.enable_pki("servers-pki")
    issued = openbao.act("PUT", "servers-pki/issue/app", {"common_name": "app.example.com"})["data"]
    assert issued["issuing_ca"].strip() == root.strip()

    openbao.enable_transit("servers-transit")
    assert openbao.encrypt(canary, "servers-transit").startswith("vault:v1:")


def test_openbao_namespace(openbao: OpenBao) -> None:
    openbao.create_namespace("servers")
    openbao.act("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "1"}}, namespace="servers")
    openbao.act("PUT", "kv/app", {"password": "of the namespace"}, namespace="servers")
    assert openbao.request("GET", "kv/app", token=openbao.root_token)[0] == 404
    assert openbao.request("GET", "kv/app", None, openbao.root_token, "servers")[0] == 200


def test_openbao_policy_bounds_a_token(openbao: OpenBao, canary: str) -> None:
    openbao.write_kv2("servers/readable", {"password": canary})
    openbao.write_policy("servers-reader", {"secret/data/servers/readable": ["read"]})
    token = openbao.create_token(["servers-reader"], ttl="1m")
    assert openbao.request("GET", "secret/data/servers/readable", token=token)[0] == 200
    assert openbao.request("GET", "secret/data/servers/other", token=token)[0] == 403


def test_openbao_error_names_the_request_and_no_secret(openbao: OpenBao, canary: str) -> None:
    with pytest.raises(ServerFailedError, match="PUT nowhere/app: status 404") as raised:
        openbao.act("PUT", "nowhere/app", {"password": canary})
    assert canary not in str(raised.value)


def test_openbao_sealed_answers_503_until_unsealed(fresh_openbao: OpenBao, canary: str) -> None:
    fresh_openbao.write_kv2("app", {"password": canary})
    fresh_openbao.seal()
    assert fresh_openbao.request("GET", "secret/data/app", token=fresh_openbao.root_token)[0] == 503
    fresh_openbao.unseal()
    assert fresh_openbao.act("GET", "secret/data/app")["data"]["data"] == {"password": canary}


def test_openbao_leaves_nothing(fresh_openbao: OpenBao) -> None:
    folder = fresh_openbao.folder
    fresh_openbao.stop()
    with pytest.raises(ConnectionRefusedError):
        fresh_openbao.request("GET", "sys/health")
    assert not folder.exists()


def test_api_server_stores_a_pod(api_server: ApiServer) -> None:
    api_server.create_namespace("servers-pod")
    created = api_server.create_pod("servers-pod", "app", _POD_SPEC, annotations={"example.com/kept": "yes"})
    assert created["metadata"]["annotations"] == {"example.com/kept": "yes"}
    assert api_server.read_pod("servers-pod", "app")["spec"] == created["spec"]
    stored = b"".join(path.read_bytes() for path in api_server.data_dir.rglob("*") if path.is_file())
    assert b"example.com/kept" in stored
    assert "example.com/kept" in api_server.audit_file.read_text()
    assert all(path.stat().st_size for path in api_server.log_files)


def test_api_server_kubeconfig(api_server: ApiServer, tmp_path: Path) -> None:
    config = json.loads(api_server.write_kubeconfig(tmp_path / "config").read_text())
    assert config["clusters"][0]["cluster"]["server"] == api_server.address


def test_service_account_logs_in_by_kubernetes_auth(api_server: ApiServer, openbao: OpenBao, canary: str) -> None:
    api_server.create_namespace("servers-login")
    api_server.create_service_account("servers-login", "app")
    openbao.enable_kubernetes_auth(api_server, "servers-kubernetes")
    openbao.write_kv2("servers/login", {"password": canary})
    openbao.write_policy("servers-login", {"secret/data/servers/login": ["read"]})
    openbao.create_kubernetes_role(
        "app",
        namespace="servers-login",
        service_account="app",
        policies=["servers-login"],
        mount="servers-kubernetes",
    )

    token = api_server.request_token("servers-login", "app", seconds=600)
    answer = openbao.act("POST", "auth/servers-kubernetes/login", {"role": "app", "jwt": token})
    status, secret = openbao.request("GET", "secret/data/servers/login", token=answer["auth"]["client_token"])
    assert (status, secret["data"]["data"]) == (200, {"password": canary})

    other = api_server.request_token("servers-login", "default")
    assert openbao.request("POST", "auth/servers-kubernetes/login", {"role": "app", "jwt": other})[0] == 403


def test_service_account_logs_in_by_jwt_auth(api_server: ApiServer, openbao: OpenBao) -> None:
    api_server.create_namespace("servers-jwt")
    openbao.enable_jwt_auth(api_server, "servers-jwt")
    openbao.create_jwt_role(
        "app",
        namespace="servers-jwt",
        service_account="default",
        audience="openbao",
        policies=["default"],
        mount="servers-jwt",
    )
    token = api_server.request_token("servers-jwt", "default", ["openbao"])
    answer = openbao.act("POST", "auth/servers-jwt/login", {"role": "app", "jwt": token})
    assert answer["auth"]["policies"] == ["default"]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [(("v1",), "admission.k8s.io/v1"), (("v1beta1", "v1"), "admission.k8s.io/v1beta1")],
    ids=["v1", "v1beta1"],
)
def test_webhook_in_force_changes_the_stored_pod(
    api_server: ApiServer, openbao_tls: OpenBao, versions: tuple[str, ...], expected: str
) -> None:
    namespace = f"servers-webhook-{versions[0]}"
    api_server.create_namespace(namespace)
    reviews: list[dict[str, Any]] = []
    with serve_reviews(reviews, openbao_tls.folder / "tls") as url:
        assert openbao_tls.ca_file is not None
        api_server.register_pod_webhook(
            url, openbao_tls.ca_file.read_text(), name=namespace, namespace=namespace, versions=versions
        )
        api_server.create_pod(namespace, "app", _POD_SPEC)
        api_server.unregister_webhook(namespace)
        api_server.create_pod(namespace, "untouched", _POD_SPEC)
    assert [review["apiVersion"] for review in reviews] == [expected]
    assert api_server.read_pod(namespace, "app")["metadata"]["labels"] == {"mutated": "yes"}
    assert "labels" not in api_server.read_pod(namespace, "untouched")["metadata"]


@contextmanager
def serve_reviews(reviews: list[dict[str, Any]], certificates: Path) -> Iterator[str]:
    """A webhook that collects the reviews it gets and labels every object; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reviews.append(review)
            patch = "W3sib3AiOiJhZGQiLCJwYXRoIjoiL21ldGFkYXRhL2xhYmVscyIsInZhbHVlIjp7Im11dGF0ZWQiOiJ5ZXMifX1d"
            response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": patch}
            answer = json.dumps({**review, "request": None, "response": response}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "vault-cert.pem", certificates / "vault-key.pem")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_port}/pods"
        finally:
            server.shutdown()
            thread.join()


def test_start_again_where_the_port_is_taken(tmp_path: Path) -> None:
    taken = "print('listen tcp: address already in use')"
    listening = "import time; print('listening', flush=True); time.sleep(600)"
    scripts = [taken, taken, listening]

    def start(port: int) -> int:
        process = ServerProcess([sys.executable, "-c", scripts.pop(0)], log_file=tmp_path / "log", environ={})
        try:
            process.wait_until_ready(lambda: process.log == "listening\n")
        finally:
            process.stop()
        return port

    assert start_on_free_port(start) > 1023
    assert not scripts


def test_server_that_ends_is_explained(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('wrong option')"]
    process = ServerProcess(command, log_file=tmp_path / "log", environ={})
    with pytest.raises(ServerFailedError, match=r"ended with status 1:\nwrong option"):
        process.wait_until_ready(lambda: False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent death signal")
def test_server_ends_with_a_killed_parent(tmp_path: Path) -> None:
    script = f"""
import os, pathlib, signal, sys
from tests.servers.process import ServerProcess
server = ServerProcess([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"],
                       log_file=pathlib.Path({str(tmp_path / "log")!r}), environ={{}})
server.wait_until_ready(lambda: server.log)
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    status = Path(f"/proc/{int(ended.stdout)}/status")
    poll(lambda: not status.exists() or "State:\tZ" in status.read_text(), what="server ended")


def test_poll_names_what_it_waited_for() -> None:
    with pytest.raises(TimeoutError, match="the moon: not within 0 s"):
        poll(lambda: None, what="the moon", seconds=0)


def test_free_port_is_free() -> None:
    assert find_free_port() > 1023
