"""The finished report: one document of figures, and its three ways onto paper."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regions._files import write_atomically
from regions.study.report import html, markdown
from regions.study.report.markdown import TITLE

__all__ = ["COUNTED", "DEFINITION", "SCHEMA", "SOFTWARE", "Report", "prepare_folder"]

SCHEMA = "regions-report/1"
# Stands in the pictures, so that they can be told from others.
SOFTWARE = "regions report"
# Of any version, and nothing outside of the folder.
_FIGURE = re.compile(r"figures/(?:(?:shallow|deep|model)-[\w.+-]+|counts|bounds|counterparts|growth)\.png")
COUNTED = "activation regions"
DEFINITION = (
    "An activation region is a full-dimensional set of inputs on which every hidden neuron keeps its activation "
    "pattern (pre-activation > 0, or not). On each one the network is a single affine map. Neighbouring activation "
    "regions may happen to carry the same map, so open linear regions, closed linear regions and affine pieces, other "
    "definitions of “linear region”, can be fewer; this report counts activation regions only."
)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report.

    Parameters
    ----------
    document : dict
        What ``report.json`` holds, of the schema `SCHEMA`; the HTML and the Markdown are written from nothing else.
    figures : dict of str to bytes
        The PNG files by their path below the report's folder.
    """

    document: dict[str, Any]
    figures: dict[str, bytes]

    @property
    def passed(self) -> bool:
        """Whether every cross-check passed."""
        return bool(self.document["cross_check"]["passed"])

    def to_json(self) -> str:
        """The document as JSON text.

        Examples
        --------
        >>> from regions.study.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_json().splitlines()[1]
        '  "schema": "regions-report/1",'
        """
        return json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The report as Markdown; its pictures are references to ``figures/``.

        Examples
        --------
        >>> from regions.study.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_markdown().startswith("# ")
        True
        """
        return markdown.render(self.document)

    def to_html(self) -> str:
        """The report as one self-contained HTML page; its pictures are inline.

        Examples
        --------
        >>> from regions.study.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_html().splitlines()[0]
        '<!doctype html>'
        """
        return html.render(self.document, self.figures)

    def write(self, folder: str | Path, *, force: bool = False) -> Path:
        """Write ``report.html``, ``report.json``, ``report.md`` and ``figures/*.png``.

        Each file is replaced as a whole, and the page a person opens comes last: an interrupted run leaves no
        half report behind.

        Parameters
        ----------
        folder : str or Path
            Made where it is missing; an earlier report in it is replaced, and its pictures go, as far as its
            ``report.json`` lists them.
        force : bool
            Whether files of these names are replaced that belong to no report.

        Returns
        -------
        Path
            Of ``report.html``.

        Raises
        ------
        OSError
            When the folder cannot be made or written to; a FileExistsError where `force` is needed.

        Examples
        --------
        >>> from regions.study.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.write(folder).name
        'report.html'
        """
        texts = {
            "report.json": self.to_json(),
            "report.md": self.to_markdown(),
            "report.html": self.to_html(),
        }
        target = prepare_folder(folder, force)
        earlier = _listed_figures(target)
        if self.figures:
            (target / "figures").mkdir(exist_ok=True)
        for file, png in self.figures.items():
            write_atomically(target / file, png)
        for file, text in texts.items():
            write_atomically(target / file, text.encode())
        for file in earlier - self.figures.keys():
            (target / file).unlink(missing_ok=True)
        if earlier and not self.figures and not any((target / "figures").iterdir()):
            (target / "figures").rmdir()
        return target / "report.html"


def prepare_folder(folder: str | Path, force: bool = False) -> Path:
    """Make the folder of a report, so that a hopeless place is told before the work and not after it.

    Parameters
    ----------
    folder : str or Path
    force : bool
        Whether files that belong to no report may be replaced.

    Raises
    ------
    OSError
        When it cannot be made, is no folder, or cannot be written to.
    FileExistsError
        When it holds a file of a report's name that belongs to none.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if not os.access(target, os.W_OK | os.X_OK):
        raise PermissionError(13, "the folder cannot be written to; choose another one with --output", str(target))
    for name in ("report.html", "report.json", "report.md"):
        if (target / name).is_dir():
            reason = "there is a folder of this name; choose another one with --output"
            raise IsADirectoryError(21, reason, str(target / name))
    if not force:
        for path in _foreign(target):
            reason = "it belongs to no report; choose another folder with --output, or replace it with --force"
            raise FileExistsError(17, reason, str(path))
    return target


def _foreign(target: Path) -> Iterator[Path]:
    """The files in the way of a report that no earlier one has written."""
    own = {
        "report.html": lambda content: b"<title>Exact activation regions: " in content[:1000],
        "report.json": lambda content: _document(content) is not None,
        "report.md": lambda content: content.startswith(TITLE.encode() + b"\n"),
    }
    for name, wrote in own.items():
        path = target / name
        if path.exists() and not wrote(path.read_bytes()):
            yield path
    listed = _listed_figures(target)
    for path in sorted((target / "figures").glob("*.png")):
        file = f"figures/{path.name}"
        if _FIGURE.fullmatch(file) and file not in listed and SOFTWARE.encode() not in path.read_bytes()[:200]:
            yield path


def _document(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content)
    except ValueError:
        return None
    known = isinstance(document, dict) and str(document.get("schema")).startswith("regions-report/")
    return document if known else None


def _listed_figures(target: Path) -> set[str]:
    """The pictures that the earlier report in a folder names; whatever else stands in its list is no file of ours."""
    try:
        document = _document((target / "report.json").read_bytes())
    except FileNotFoundError:
        return set()
    figures = document.get("figures") if document is not None else None
    files = [figure.get("file") for figure in figures if isinstance(figure, dict)] if isinstance(figures, list) else []
    return {file for file in files if isinstance(file, str) and _FIGURE.fullmatch(file)}
