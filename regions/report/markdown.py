"""The report as Markdown."""

from __future__ import annotations

from typing import Any

from regions.report import comparison_tables, tables

__all__ = ["render"]


def render(document: dict[str, Any]) -> str:
    """Write the document as Markdown, its pictures as references to files.

    Parameters
    ----------
    document : dict
        Of the schema ``regions-report/1``.

    Returns
    -------
    str
    """
    several = document["statistics"][0]["n"] > 1
    blocks = ["# Exact activation regions", tables.headline(document), f"**{tables.verdict(document)}**"]
    blocks += [
        f"Not passed at {tables.place(item)}:\n\n```text\n{item['summary']}\n```"
        for item in document["cross_check"]["disagreements"]
    ]
    blocks += ["## Counts", _table(tables.counts(document))]
    blocks += comparison_tables.ratios(document)
    blocks += _pictures(document, "counts")
    blocks += ["## Exact, seen and possible", comparison_tables.BOUNDS_NOTE, _table(comparison_tables.bounds(document))]
    blocks += _pictures(document, "bounds")
    if document["counterparts"]:
        blocks += [
            "## Equal neurons, equal parameters",
            comparison_tables.COUNTERPARTS_NOTE,
            _table(comparison_tables.counterparts(document)),
        ]
        blocks += _pictures(document, "counterparts")
    if document["growth"]:
        blocks += ["## Growth with width and depth", comparison_tables.GROWTH_NOTE, *_pictures(document, "growth")]
        blocks += [_table(comparison_tables.growth(document))]
    blocks += ["## How far the structure reaches", _table(tables.reach(document)), tables.REACH_NOTE]
    pictures = _pictures(document, "pictures")
    if pictures:
        blocks += ["## Pictures", tables.PICTURE_NOTE, *pictures]
    blocks += ["## Cross-check", tables.CHECK_NOTE, _table(tables.checks(document))]
    if several:
        blocks += ["## Seed by seed", _table(tables.seeds(document))]
    blocks += ["## What is counted", document["definition"]]
    blocks += ["## How it was made", *tables.compute_lines(document)]
    return "\n\n".join(blocks) + "\n"


def _table(table: tables.Table) -> str:
    rule = ["---", *["---:"] * (len(table.headers) - 1)]
    return f"{table.caption}:\n\n" + "\n".join(_row(cells) for cells in (table.headers, rule, *table.rows))


def _row(cells: Any) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _pictures(document: dict[str, Any], section: str) -> list[str]:
    return [_picture(figure) for figure in document["figures"] if figure["section"] == section]


def _picture(figure: dict[str, Any]) -> str:
    alt = figure["alt"].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    note = f"\n\n{figure['note']}" if figure["note"] else ""
    return f"![{alt}]({figure['file']}){note}"
