"""The finished report: one document of figures, and its three ways onto paper."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regions._files import write_atomically

__all__ = ["COUNTED", "DEFINITION", "SCHEMA", "Report", "prepare_folder"]

SCHEMA = "regions-report/1"
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
        >>> from regions.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_json().splitlines()[1]
        '  "schema": "regions-report/1",'
        """
        return json.dumps(self.document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """The report as Markdown; its pictures are references to ``figures/``.

        Examples
        --------
        >>> from regions.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_markdown().startswith("# ")
        True
        """
        from regions.report.markdown import render

        return render(self.document)

    def to_html(self) -> str:
        """The report as one self-contained HTML page; its pictures are inline.

        Examples
        --------
        >>> from regions.report import ReportOptions, make_report
        >>> report = make_report(ReportOptions(seeds=[0], bounds=[10], resolution=60, figures=False))
        >>> report.to_html().splitlines()[0]
        '<!doctype html>'
        """
        from regions.report.html import render

        return render(self.document, self.figures)

    def write(self, folder: str | Path) -> Path:
        """Write ``report.html``, ``report.json``, ``report.md`` and ``figures/*.png``.

        Each file is replaced as a whole, and the page a person opens comes last: an interrupted run leaves no
        half report behind.

        Parameters
        ----------
        folder : str or Path
            Made where it is missing; files of an earlier report in it are replaced.

        Returns
        -------
        Path
            Of ``report.html``.

        Raises
        ------
        OSError
            When the folder cannot be made or written to.

        Examples
        --------
        >>> from regions.report import ReportOptions, make_report
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
        target = prepare_folder(folder)
        if self.figures:
            (target / "figures").mkdir(exist_ok=True)
        for file, png in self.figures.items():
            write_atomically(target / file, png)
        for file, text in texts.items():
            write_atomically(target / file, text.encode())
        return target / "report.html"


def prepare_folder(folder: str | Path) -> Path:
    """Make the folder of a report, so that a hopeless place is told before the work and not after it.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Path

    Raises
    ------
    OSError
        When it cannot be made, is no folder, or cannot be written to.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if not os.access(target, os.W_OK | os.X_OK):
        raise PermissionError(13, "the folder cannot be written to; choose another one with --output", str(target))
    for name in ("report.html", "report.json", "report.md"):
        if (target / name).is_dir():
            reason = "there is a folder of this name; choose another one with --output"
            raise IsADirectoryError(21, reason, str(target / name))
    return target
