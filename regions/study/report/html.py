"""The report as one self-contained HTML page."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from regions.study.report import comparison_tables, tables

__all__ = ["render"]


def render(document: dict[str, Any], figures: dict[str, bytes]) -> str:
    """Write the document as an HTML page that needs no other file.

    Parameters
    ----------
    document : dict
        Of the schema ``regions-report/1``.
    figures : dict of str to bytes
        The PNG files that the document names.
    """
    passed = document["cross_check"]["passed"]
    networks = " and ".join(network["title"] for network in document["networks"])
    template = Template(files("regions.study.report").joinpath("template.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(networks),
        networks=_unbroken(networks),
        headline=_unbroken(tables.headline(document)),
        verdict_class="passed" if passed else "failed",
        verdict=escape(tables.verdict(document)),
        disagreements=_disagreements(document),
        counts=_table(tables.counts(document)),
        ratios="".join(map(_unbroken_paragraph, comparison_tables.ratios(document))),
        overview=_pictures(document, figures, "counts"),
        bounds=_section(
            "Exact, seen and possible",
            comparison_tables.BOUNDS_NOTE,
            _table(comparison_tables.bounds(document)) + _pictures(document, figures, "bounds"),
        ),
        counterparts=_section(
            "Equal neurons, equal parameters",
            comparison_tables.COUNTERPARTS_NOTE,
            _table(comparison_tables.counterparts(document)) + _pictures(document, figures, "counterparts"),
        )
        if document["counterparts"]
        else "",
        growth=_section(
            "Growth with width and depth",
            comparison_tables.GROWTH_NOTE,
            _pictures(document, figures, "growth") + _table(comparison_tables.growth(document)),
        )
        if document["growth"]
        else "",
        reach=_table(tables.reach(document)) + _paragraph(tables.REACH_NOTE),
        pictures=_section("Pictures", tables.PICTURE_NOTE, _pictures(document, figures, "pictures")),
        checks=_section("Cross-check", tables.CHECK_NOTE, _table(tables.checks(document))),
        seeds=_section("Seed by seed", "", _table(tables.seeds(document)))
        if document["statistics"][0]["n"] > 1
        else "",
        definition=escape(document["definition"]),
        made="".join(map(_paragraph, tables.compute_lines(document))),
    )


_WIDTHS = r"\d+(?:-\d+){2,}"
_UNBROKEN = re.compile(rf"\[[^\]]*\]²|(?:(?:deep|shallow) )?{_WIDTHS}|∂f/∂x[₁₂]")


def _unbroken(text: str) -> str:
    """The text, with no line broken inside a square, a derivative or a network's title."""
    return _UNBROKEN.sub(r'<span class="unbroken">\g<0></span>', escape(text))


def _unbroken_paragraph(text: str) -> str:
    return f"<p>{_unbroken(text)}</p>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _section(title: str, note: str, content: str) -> str:
    if not content:
        return ""
    return f"<section>\n<h2>{escape(title)}</h2>\n{_paragraph(note)}\n{content}\n</section>"


def _table(table: tables.Table) -> str:
    head = "".join(map(_header, table.headers))
    body = "\n".join(
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(map(_cell, rest)) + "</tr>" for first, *rest in table.rows
    )
    # A wide table scrolls by itself, without its caption; tabindex lets the keyboard do it.
    name = "table-" + re.sub(r"[^a-z]+", "-", table.caption.lower()).strip("-")
    return (
        f'<p class="caption" id="{name}">{_unbroken(table.caption)}</p>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{name}">\n'
        f'<table aria-labelledby="{name}">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _header(text: str) -> str:
    # A saved model's title ends in its widths, after a file's name that may hold any break.
    title = ' class="unbroken"' if re.search(_WIDTHS, text) else ""
    return f'<th scope="col"{title}>{_unbroken(text)}</th>'


def _cell(text: str) -> str:
    opening = '<td class="bad">' if "FAILED" in text or "inconclusive" in text else "<td>"
    return f"{opening}{escape(text)}</td>"


def _disagreements(document: dict[str, Any]) -> str:
    items = "".join(
        f"<h3>{escape(tables.place(item))}</h3>\n<pre>{escape(item['summary'])}</pre>\n"
        for item in document["cross_check"]["disagreements"]
    )
    return (
        f'<section class="disagreements">\n<h2>Cross-checks that did not pass</h2>\n{items}</section>' if items else ""
    )


def _pictures(document: dict[str, Any], figures: dict[str, bytes], section: str) -> str:
    titles = {network["name"]: network["title"] for network in document["networks"]}
    shown = []
    for figure in document["figures"]:
        if figure["section"] != section:
            continue
        name, caption = figure["network"], figure["note"]
        if name is not None:
            place = tables.place({**figure, "network": titles[name]})
            caption = f"{place}. {caption}" if caption else place
        data = b64encode(figures[figure["file"]]).decode()
        shown.append(
            f'<figure>\n<img src="data:image/png;base64,{data}" alt="{escape(figure["alt"])}">\n'
            + (f"<figcaption>{_unbroken(caption)}</figcaption>\n" if caption else "")
            + "</figure>"
        )
    return "\n".join(shown)
