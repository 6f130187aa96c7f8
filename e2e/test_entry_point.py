"""Images with a command of their own: today it has to be written into the pod, and the webhook says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from e2e.images import APP, EXIT_CODE

if TYPE_CHECKING:
    from e2e.pods import Namespace
    from tests.servers.openbao import OpenBao

ENV = {"PASSWORD": "vault:secret/data/app/entry-point#password"}


@pytest.mark.parametrize("command", [{}, {"args": ["5"]}], ids=["none", "arguments"])
def test_pod_without_a_command_is_refused(namespaces: dict[str, Namespace], command: dict[str, Any]) -> None:
    spec = namespaces["self"].describe_app("entry-point", ENV, [])
    spec["containers"][0] |= command
    status, answer = namespaces["self"].request_pod(spec)
    assert status == 422
    assert "container 'app' has no command: write the image's ENTRYPOINT into `command`" in answer["message"]


def test_command_of_the_image_written_out(namespaces: dict[str, Namespace], bao: OpenBao, canary: str) -> None:
    """As the refusal advises: ENTRYPOINT as `command`, CMD as `args`."""
    bao.write_kv2("app/entry-point", {"password": canary})
    spec = namespaces["self"].describe_app("entry-point", ENV, [APP])
    spec["containers"][0]["args"] = [str(EXIT_CODE)]
    pod = namespaces["self"].create_pod(spec)
    log = pod.wait_until_ready()
    process = pod.read_process()
    pod.delete()
    ended = pod.wait_until_ended()
    pod.remove()
    assert f"env PASSWORD={canary}\n" in log
    assert (process.command, ended["exitCode"]) == ([APP, str(EXIT_CODE)], EXIT_CODE)


def test_pod_without_references_keeps_the_command_of_its_image(namespaces: dict[str, Namespace]) -> None:
    spec = namespaces["self"].describe_app("entry-point", {"PLAIN": "as it is"}, [])
    pod = namespaces["self"].create_pod(spec)
    pod.wait_until_ready()
    command = pod.read_process().command
    pod.remove()
    assert command == [APP, str(EXIT_CODE)]
