"""A bar chart of measured times as SVG, for the README: readable on light and on dark pages."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

WIDTH, LABEL_WIDTH, ROW_HEIGHT, BAR_HEIGHT, TOP = 760, 300, 30, 18, 44
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#57606a}.title{font-weight:600}rect{fill:#9aa4af}.ours{fill:#2f6feb}"
    "@media(prefers-color-scheme:dark){text{fill:#c9d1d9}rect{fill:#57606a}.ours{fill:#58a6ff}}"
)


def draw_bars(path: Path, title: str, rows: Mapping[str, float], ours: str) -> None:
    """Write a chart with one bar a row, in milliseconds; rows whose name starts with `ours` are highlighted."""
    longest = max(rows.values())
    scale = (WIDTH - LABEL_WIDTH - 90) / longest
    bars = "".join(draw_row(index, name, value, scale, ours) for index, (name, value) in enumerate(rows.items()))
    height = TOP + ROW_HEIGHT * len(rows) + 6
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<text class="title" x="0" y="20">{escape(title)}</text>{bars}</svg>\n'
    )


def draw_row(index: int, name: str, value: float, scale: float, ours: str) -> str:
    y = TOP + index * ROW_HEIGHT
    kind = ' class="ours"' if name.startswith(ours) else ""
    width = max(2.0, value * scale)
    return (
        f'<text x="{LABEL_WIDTH - 12}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        f'<rect{kind} x="{LABEL_WIDTH}" y="{y}" width="{width:.0f}" height="{BAR_HEIGHT}" rx="3"/>'
        f'<text x="{LABEL_WIDTH + width + 8:.0f}" y="{y + 14}">{value:.1f} ms</text>'
    )
