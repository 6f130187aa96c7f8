"""What the webhook expects of our image: that an executable copies itself as it is told to, and mount points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from images.vault_env_image import MOUNT_POINTS
from tests.unit.webhook.mutate.test_copying import HOSTILE
from vault_secrets_webhook.vaultenv import copying
from vault_secrets_webhook.webhook.mutate.copying import build_copying_command
from vault_secrets_webhook.webhook.mutate.flavour import FLAVOURS, IMAGE_FOLDER, Flavour

if TYPE_CHECKING:
    from pathlib import Path

OURS = [flavour for flavour in FLAVOURS.values() if flavour.provider != "aws"]  # that secret-init is Bank-Vaults' own


@pytest.mark.parametrize("flavour", OURS, ids=lambda flavour: flavour.executable)
@pytest.mark.parametrize("names", [[], ["tls", "x/y"], HOSTILE], ids=["none", "plain", "hostile"])
def test_the_executable_copies_itself_as_the_webhook_says(flavour: Flavour, names: list[str], tmp_path: Path) -> None:
    """Only the volume is elsewhere, and what kubelet does with `$` is done."""
    (tmp_path / "exe").write_text("executable")
    volume = tmp_path / "volume"
    volume.mkdir()
    points = [f"{flavour.folder}/{name}" for name in names]
    start, word, folder, *made = build_copying_command(flavour, points, is_by_itself=True)
    assert (start, word, folder) == (f"/usr/local/bin/{flavour.name}", "copy", f"{flavour.folder}/")
    arguments = [one.replace("$$", "$").replace(f"{flavour.folder}/", f"{volume}/") for one in (folder, *made)]
    assert copying.run(arguments, str(tmp_path / "exe"), flavour.name) == 0
    assert (volume / flavour.name).read_text() == "executable"
    folders = {str(path.relative_to(volume)) for path in volume.rglob("*") if path.is_dir()}
    assert folders - {"x"} == set(names)


@pytest.mark.parametrize("flavour", OURS, ids=lambda flavour: flavour.executable)
def test_the_image_carries_the_mount_points(flavour: Flavour) -> None:
    beside = {
        f"{IMAGE_FOLDER.removeprefix('/')}/{point.removeprefix(flavour.folder + '/')}" for point in flavour.image_points
    }
    assert beside == set(MOUNT_POINTS)
