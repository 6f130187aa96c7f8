"""What the webhook expects of vault-env's image: that it copies itself as it is told to, and carries mount points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from images.vault_env_image import MOUNT_POINTS
from tests.unit.webhook.mutate.test_copying import HOSTILE
from vault_secrets_webhook.vaultenv import copying
from vault_secrets_webhook.webhook.mutate.copying import COPY_ITSELF, IMAGE_FOLDER, build_copying_command
from vault_secrets_webhook.webhook.mutate.delivery import IMAGE_POINTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("names", [[], ["tls", "x/y"], HOSTILE], ids=["none", "plain", "hostile"])
def test_vault_env_copies_itself_as_the_webhook_says(names: list[str], tmp_path: Path) -> None:
    """Only the volume is elsewhere, and what kubelet does with `$` is done."""
    (tmp_path / "exe").write_text("executable")
    volume = tmp_path / "vault"
    volume.mkdir()
    command = build_copying_command([f"/vault/{name}" for name in names], is_by_itself=True)
    assert command[: len(COPY_ITSELF)] == ["/usr/local/bin/vault-env", "copy", "/vault/"]
    arguments = [one.replace("$$", "$").replace("/vault/", f"{volume}/") for one in command[2:]]
    assert copying.run(arguments, str(tmp_path / "exe")) == 0
    assert (volume / "vault-env").read_text() == "executable"
    folders = {str(path.relative_to(volume)) for path in volume.rglob("*") if path.is_dir()}
    assert folders - {"x"} == set(names)


def test_the_image_carries_the_mount_points() -> None:
    beside = {f"{IMAGE_FOLDER.removeprefix('/')}/{point.removeprefix('/vault/')}" for point in IMAGE_POINTS}
    assert beside == set(MOUNT_POINTS)
