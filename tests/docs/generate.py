"""Writes the tables of the reference documentation from the tables of the program: `make docs`.

What stands between `<!-- NAME: ... -->` and `<!-- end -->` is replaced. A test fails when a file is not up to date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.gotemplate.functionsets import IMPURE
from vault_secrets_webhook.gotemplate.sprig import MODULES
from vault_secrets_webhook.webhook.annotations import TABLE
from vault_secrets_webhook.webhook.settings import ALL_VARIABLES, IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENTS = (REFERENCE / "webhook.md", REFERENCE / "templates.md")
PLACE = re.compile(r"(<!-- (\w+): [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)


def render_settings() -> str:
    """Write a row for each variable."""
    rows = ((code(name), code(default), text) for name, (default, text) in sorted(ALL_VARIABLES.items()))
    return render_table(("variable", "default", ""), rows)


def render_ignored() -> str:
    """Write a row for each variable of other webhooks that means nothing to this one."""
    return render_table(("variable", ""), ((code(name), text) for name, text in sorted(IGNORED.items())))


def render_annotations() -> str:
    """Write a row for each annotation, in the order of their table."""
    rows = (
        (code(row.suffix), code(row.variable), code(row.default), row.help if row.supported else f"not yet: {row.help}")
        for row in TABLE
    )
    return render_table(("annotation", "variable of the default", "default", ""), rows)


def render_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def render_sprig() -> str:
    """Write a row for each group of Sprig's functions."""
    rows = ((title, " ".join(map(code, sorted(names.split())))) for title, names in sorted(name_groups().items()))
    return render_table(("group", "functions"), rows)


def name_groups() -> dict[str, str]:
    return {module.replace("_", " "): names for module, names in MODULES.items()}


def render_impure() -> str:
    """Write a row for each function that the webhook's templates lack."""
    return render_table(("function", "because it"), ((code(name), why) for name, why in sorted(IMPURE.items())))


TABLES = {
    "settings": render_settings,
    "ignored": render_ignored,
    "annotations": render_annotations,
    "sprig": render_sprig,
    "impure": render_impure,
}


def render(text: str) -> str:
    """Replace the tables in a document."""
    return PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(render(document.read_text()))
