"""The report as Markdown."""

from __future__ import annotations

import re
from typing import Any

from regions.study.report import comparison_tables, tables

__all__ = ["TITLE", "render"]

TITLE = "# Exact activation regions"


def render(document: dict[str, Any]) -> str:
    """Write the document as Markdown, its pictures as references to files.

    Parameters
    ----------
    document : dict
        Of the schema ``regions-report/1``.
    """
    several = document["statistics"][0]["n"] > 1
    blocks = [TITLE, _escaped(tables.headline(document)), f"**{_escaped(tables.verdict(document))}**"]
    blocks += [
        f"Not passed at {_escaped(tables.place(item))}:\n\n{_fenced(item['summary'])}"
        for item in document["cross_check"]["disagreements"]
    ]
    blocks += ["## Counts", _table(tables.counts(document))]
    blocks += map(_escaped, comparison_tables.ratios(document))
    blocks += _pictures(document, "counts")
    blocks += [
        "## Exact, seen and possible",
        _escaped(comparison_tables.BOUNDS_NOTE),
        _table(comparison_tables.bounds(document)),
    ]
    blocks += _pictures(document, "bounds")
    if document["counterparts"]:
        blocks += [
            "## Equal neurons, equal parameters",
            _escaped(comparison_tables.COUNTERPARTS_NOTE),
            _table(comparison_tables.counterparts(document)),
        ]
        blocks += _pictures(document, "counterparts")
    if document["growth"]:
        blocks += [
            "## Growth with width and depth",
            _escaped(comparison_tables.GROWTH_NOTE),
            *_pictures(document, "growth"),
        ]
        blocks += [_table(comparison_tables.growth(document))]
    blocks += ["## How far the structure reaches", _table(tables.reach(document)), _escaped(tables.REACH_NOTE)]
    pictures = _pictures(document, "pictures")
    if pictures:
        blocks += ["## Pictures", _escaped(tables.PICTURE_NOTE), *pictures]
    blocks += ["## Cross-check", _escaped(tables.CHECK_NOTE), _table(tables.checks(document))]
    if several:
        blocks += ["## Seed by seed", _table(tables.seeds(document))]
    blocks += ["## What is counted", _escaped(document["definition"])]
    blocks += ["## How it was made", *map(_escaped, tables.compute_lines(document))]
    return "\n\n".join(blocks) + "\n"


def _table(table: tables.Table) -> str:
    rule = ["---", *["---:"] * (len(table.headers) - 1)]
    return f"{_escaped(table.caption)}:\n\n" + "\n".join(_row(cells) for cells in (table.headers, rule, *table.rows))


def _row(cells: Any) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str, inside_brackets: bool = False) -> str:
    """Text that is shown as it is: no tag, link, picture, code, formula, emphasis, or end of a table's cell."""
    brackets = r"[\[\]]" if inside_brackets else r"\](?=[(\[:])"
    return re.sub(rf"[\\`*_|$~&]|{brackets}", r"\\\g<0>", text).replace("<", "&lt;")


def _fenced(text: str) -> str:
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{ticks}text\n{text}\n{ticks}"


def _pictures(document: dict[str, Any], section: str) -> list[str]:
    return [_picture(figure) for figure in document["figures"] if figure["section"] == section]


def _picture(figure: dict[str, Any]) -> str:
    alt = _escaped(figure["alt"], inside_brackets=True)
    note = f"\n\n{_escaped(figure['note'])}" if figure["note"] else ""
    return f"![{alt}]({figure['file']}){note}"
