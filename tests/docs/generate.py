"""Writes the tables of the reference documentation from the tables of the program: `make docs`.

What stands between `<!-- NAME: ... -->` and `<!-- end -->` is replaced. A test fails when a file is not up to date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vault_secrets_webhook.gotemplate.functionsets import IMPURE
from vault_secrets_webhook.gotemplate.sprig import MODULES
from vault_secrets_webhook.webhook.annotation_table import FAMILIES, NEW_PREFIX, TABLE, Annotation
from vault_secrets_webhook.webhook.metrics import Metrics
from vault_secrets_webhook.webhook.settings import ALL_VARIABLES, IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENTS = (
    REFERENCE / "webhook.md",
    REFERENCE / "annotations.md",
    REFERENCE / "templates.md",
    REFERENCE / "metrics.md",
)
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
    return render_table(("annotation", "of the second family", ""), map(describe_annotation, TABLE))


def describe_annotation(row: Annotation) -> tuple[str, ...]:
    provider = f" (provider {row.provider} only)" if row.provider else ""
    new = name_suffix(row, row.provider or "vault")
    return code(row.suffix), code(new if new != row.suffix else ""), row.help + provider


def name_suffix(row: Annotation, provider: str) -> str:
    keys = FAMILIES[provider].keys
    return next((key.removeprefix(NEW_PREFIX) for key, found in keys.items() if found is row), row.suffix)


def render_defaults() -> str:
    """Write a row for each default: the variables that hold it in each family."""
    rows = []
    for row in TABLE:
        cells = [describe_default(row, provider) for provider in FAMILIES]
        if any(cells):
            # With the provider aws everything else is as with vault, and only that one has these.
            cells = ["", cells[3], ""] if row.provider else cells[:3]
            rows.append((code(row.suffix or row.new), *cells))
    return render_table(("annotation", "first family", "provider `vault` (or `aws`)", "provider `bao`"), rows)


def describe_default(row: Annotation, provider: str) -> str:
    for setting in FAMILIES[provider].settings:
        if setting.row is row and (setting.variables or setting.default):
            names = ", ".join(map(code, setting.variables))
            return " = ".join(filter(None, (names, code(setting.default))))
    return ""


def render_metrics() -> str:
    """Write a row for each metric."""
    rows = ((code(row.name), row.kind, " ".join(map(code, row.labels)), row.help) for row in sorted(Metrics().rows))
    return render_table(("metric", "kind", "labels", ""), rows)


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
    "defaults": render_defaults,
    "sprig": render_sprig,
    "impure": render_impure,
    "metrics": render_metrics,
}


def render(text: str) -> str:
    """Replace the tables in a document."""
    return PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(render(document.read_text()))
