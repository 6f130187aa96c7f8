"""What cannot be had ends the container before its application starts, with one line that says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from e2e.images import APP

if TYPE_CHECKING:
    from e2e.pods import Namespace


class Fault(NamedTuple):
    """A row: the pod's reference and annotations, and what its one line of log has to name."""

    reference: str
    annotations: dict[str, str]
    named: tuple[str, ...]


FAULTS = {
    "role that Vault does not know": Fault(
        "vault:secret/data/app/any#password", {"vault_role": "nobody"}, ("auth/kubernetes", "'nobody'", "self/app")
    ),
    "path that the role may not read": Fault(
        "vault:secret/data/other#password", {}, ("PASSWORD", "secret/data/other", "403")
    ),
    "secret that is missing": Fault(
        "vault:secret/data/app/nothing#password", {}, ("PASSWORD", "secret/data/app/nothing")
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_container_ends_with_one_line(namespaces: dict[str, Namespace], fault: Fault) -> None:
    namespace = namespaces["self"]
    spec = namespace.describe_app("scratch", {"PASSWORD": fault.reference}, [APP, "0"])
    pod = namespace.create_pod(spec, **fault.annotations)
    ended = pod.wait_until_ended()
    pod.remove()
    assert ended["exitCode"] == 1
    lines = ended["message"].splitlines()
    assert len(lines) == 1, lines
    assert [text for text in fault.named if text not in lines[0]] == [], lines[0]
