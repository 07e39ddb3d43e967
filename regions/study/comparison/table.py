"""The table of a comparison: one row a network, and its summary over the seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from html import escape
from typing import Any

from regions.bounds.rules import shown
from regions.complex.exports import require
from regions.errors import OptionError
from regions.study.comparison.statistics import Ratio, Spread, geometric_ratio, spread

__all__ = ["OTHER_DEFINITIONS", "ComparedNetwork", "Comparison", "Summary"]

OTHER_DEFINITIONS = ("activation_patterns", "open_linear_regions", "closed_linear_regions", "affine_pieces")
"""What regions are counted by beside activation regions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedNetwork:
    """One network of a comparison.

    Parameters
    ----------
    architecture : str
    widths : tuple of int
        Inputs, units of each layer, outputs.
    depth : int
        Number of layers that have neurons.
    neurons : int
        Hidden neurons.
    parameters : int
        Weights and biases.
    initialisation : str
    seed : int
    activation_regions : int
        The exact number over the domain.
    picture : int or None
        How many distinct affine maps the picture method finds (:attr:`regions.CrossCheck.maps_found`): in generic
        position the number of regions that are large enough to be seen. None where no picture was asked for.
    upper_bound : int
        The least upper bound on the activation regions of this network.
    upper_theorem : str
        The function of :mod:`regions.bounds` that gives it; of several, the one that needs to know least.
    lower_bound : int or None
        The largest lower bound on what the best network of these widths has, not on what this one has; None where no
        theorem applies.
    lower_theorem : str or None
        The function of :mod:`regions.bounds` that gives it.
    seconds : float
        What the exact count took; making the network, bounds, picture and other definitions are left out.
    activation_patterns, open_linear_regions, closed_linear_regions, affine_pieces : int or None
        The exact numbers by the other definitions, see :class:`regions.RegionCounts`; None where not asked for.
    """

    architecture: str
    widths: tuple[int, ...]
    depth: int
    neurons: int
    parameters: int
    initialisation: str
    seed: int
    activation_regions: int
    picture: int | None = None
    upper_bound: int
    upper_theorem: str
    lower_bound: int | None
    lower_theorem: str | None
    seconds: float
    activation_patterns: int | None = None
    open_linear_regions: int | None = None
    closed_linear_regions: int | None = None
    affine_pieces: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All seeds of one architecture and initialisation together.

    Parameters
    ----------
    architecture, initialisation : str
    widths : tuple of int
    depth, neurons, parameters : int
    activation_regions : Spread
        Of the exact counts.
    picture : Spread or None
        Of what the picture method finds.
    upper_bound : int
        No network of these has more: the largest of their upper bounds.
    upper_theorem : str
    lower_bound : int or None
        Some network of these widths has at least so many.
    lower_theorem : str or None
    seconds : float
        All exact counts together.
    """

    architecture: str
    initialisation: str
    widths: tuple[int, ...]
    depth: int
    neurons: int
    parameters: int
    activation_regions: Spread
    picture: Spread | None
    upper_bound: int
    upper_theorem: str
    lower_bound: int | None
    lower_theorem: str | None
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Networks compared by their exact activation regions; made by :func:`regions.compare`.

    Its text and its HTML are the table of :meth:`summary`.

    Parameters
    ----------
    rows : tuple of ComparedNetwork
        By architecture, then by initialisation, then by seed, all in the order given.
    domain : str
        Where regions were counted.
    confidence : float
        Of the confidence intervals.

    Examples
    --------
    >>> import regions
    >>> found = regions.compare([(2, 20, 1), (2, 5, 5, 5, 5, 1)], regions.WholePlane(), seeds=range(3))
    >>> len(found), found.rows[0].activation_regions
    (6, 211)
    """

    rows: tuple[ComparedNetwork, ...]
    domain: str
    confidence: float = 0.95

    @property
    def architectures(self) -> tuple[str, ...]:
        """Names of the architectures, in the order given."""
        return tuple(dict.fromkeys(row.architecture for row in self.rows))

    @property
    def initialisations(self) -> tuple[str, ...]:
        """Names of the initialisations, in the order given."""
        return tuple(dict.fromkeys(row.initialisation for row in self.rows))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order given."""
        return tuple(dict.fromkeys(row.seed for row in self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ComparedNetwork]:
        return iter(self.rows)

    def select(self, architecture: str, initialisation: str | None = None) -> tuple[ComparedNetwork, ...]:
        """The rows of one architecture, and of one initialisation if it is given.

        Parameters
        ----------
        architecture : str
        initialisation : str, optional

        Returns
        -------
        tuple of ComparedNetwork

        Raises
        ------
        OptionError
            When there is none.

        Examples
        --------
        >>> import regions
        >>> found = regions.compare([(2, 3, 1)], regions.WholePlane(), seeds=[0, 5])
        >>> [(row.seed, row.activation_regions) for row in found.select("2-3-1")]
        [(0, 7), (5, 7)]
        """
        for name, kind, known in (
            (architecture, "architecture", self.architectures),
            (initialisation, "initialisation", (*self.initialisations, None)),
        ):
            if name not in known:
                allowed = ", ".join(str(one) for one in known if one is not None)
                raise OptionError(f"{kind} {name!r} was given; the comparison has {allowed}.")
        return tuple(
            row
            for row in self.rows
            if row.architecture == architecture and initialisation in (None, row.initialisation)
        )

    def summary(self) -> tuple[Summary, ...]:
        """Statistics over the seeds, a row for every architecture and initialisation.

        Returns
        -------
        tuple of Summary
            With confidence intervals by Student's t, see :func:`regions.study.comparison.confidence_interval`.

        Examples
        --------
        >>> import regions
        >>> (row,) = regions.compare([(2, 20, 1)], regions.WholePlane(), seeds=range(3)).summary()
        >>> row.activation_regions.mean, row.activation_regions.interval, row.upper_bound, row.upper_theorem
        (211.0, (211.0, 211.0), 211, 'zaslavsky')
        """
        return tuple(
            self._summary(self.select(architecture, initialisation))
            for architecture in self.architectures
            for initialisation in self.initialisations
        )

    def _summary(self, rows: tuple[ComparedNetwork, ...]) -> Summary:
        first = rows[0]
        highest = max(rows, key=lambda row: row.upper_bound)
        pictures = [row.picture for row in rows if row.picture is not None]
        return Summary(
            architecture=first.architecture,
            initialisation=first.initialisation,
            widths=first.widths,
            depth=first.depth,
            neurons=first.neurons,
            parameters=first.parameters,
            activation_regions=spread([row.activation_regions for row in rows], self.confidence),
            picture=spread(pictures, self.confidence) if pictures else None,
            upper_bound=highest.upper_bound,
            upper_theorem=highest.upper_theorem,
            lower_bound=first.lower_bound,
            lower_theorem=first.lower_theorem,
            seconds=sum(row.seconds for row in rows),
        )

    def ratio(self, above: str, below: str, initialisation: str | None = None) -> Ratio:
        """How many times as many activation regions one architecture has as another.

        Parameters
        ----------
        above, below : str
            Names of architectures.
        initialisation : str, optional
            Needed where there are several.

        Returns
        -------
        Ratio
            The geometric mean of the ratios, seed by seed, with the confidence interval that Student's t gives for the
            mean of their logarithms.

        Raises
        ------
        OptionError
            When there is no such architecture or initialisation, or several initialisations and none is given.

        Examples
        --------
        >>> import regions
        >>> found = regions.compare([(2, 4, 1), (2, 2, 1)], regions.WholePlane(), seeds=range(3))
        >>> round(found.ratio("2-4-1", "2-2-1").estimate, 2)
        2.75
        """
        if initialisation is None and len(self.initialisations) > 1:
            raise OptionError(
                f"no initialisation was given and the comparison has {', '.join(self.initialisations)}; give one."
            )
        first, second = (
            [row.activation_regions for row in self.select(name, initialisation)] for name in (above, below)
        )
        return geometric_ratio(first, second, self.confidence)

    def to_dict(self) -> dict[str, list[Any]]:
        """One row a network, as plain lists by name.

        Returns
        -------
        dict of str to list
            The fields of :class:`ComparedNetwork`; `picture` and the other definitions only where they were asked for.
            Widths are text, such as 2-20-1.

        Examples
        --------
        >>> import regions
        >>> regions.compare([(2, 3, 1)], regions.WholePlane(), seeds=[0, 1]).to_dict()["activation_regions"]
        [7, 7]
        """
        names = [field.name for field in fields(ComparedNetwork)]
        columns = {name: [getattr(row, name) for row in self.rows] for name in names}
        columns["widths"] = ["-".join(map(str, widths)) for widths in columns["widths"]]
        for name in ("picture", *OTHER_DEFINITIONS):
            if all(value is None for value in columns[name]):
                del columns[name]
        return columns

    def to_dataframe(self) -> Any:
        """One row a network as a `pandas.DataFrame`, with the columns of :meth:`to_dict`.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
            When pandas is not installed: ``pip install 'linear-regions[dataframe]'``.
        """
        return require("pandas", "dataframe").DataFrame(self.to_dict())

    def _table(self) -> tuple[list[str], list[list[str]]]:
        summary = self.summary()
        pictures, several = any(row.picture for row in summary), len(self.initialisations) > 1
        headers = ["architecture", *["initialisation"] * several, "neurons", "parameters", "n", "mean"]
        headers += [f"{100 * self.confidence:g}% interval", "sd", "min", "median", "max", *["picture, mean"] * pictures]
        headers += ["upper bound", "lower bound of best", "seconds"]
        lines = []
        for row in summary:
            counts = row.activation_regions
            line = [row.architecture, *[row.initialisation] * several, str(row.neurons), str(row.parameters)]
            line += [str(counts.n), f"{counts.mean:.1f}"]
            line.append("" if counts.interval is None else "{:.1f} to {:.1f}".format(*counts.interval))
            line.append("" if counts.standard_deviation is None else f"{counts.standard_deviation:.1f}")
            line += [str(counts.minimum), f"{counts.median:g}", str(counts.maximum)]
            if pictures:
                line.append("" if row.picture is None else f"{row.picture.mean:.1f}")
            line += [shown(row.upper_bound), "" if row.lower_bound is None else shown(row.lower_bound)]
            lines.append([*line, f"{row.seconds:.2g}"])
        return headers, lines

    def _title(self) -> str:
        return f"Activation regions of {len(self)} network{'' if len(self) == 1 else 's'} over {self.domain}"

    def __repr__(self) -> str:
        headers, lines = self._table()
        widths = [max(map(len, column)) for column in zip(headers, *lines, strict=True)]
        shown = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in (headers, ["-" * w for w in widths], *lines)
        ]
        return "\n".join([self._title(), *shown])

    def _repr_html_(self) -> str:
        headers, lines = self._table()
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in headers)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
        caption = escape(self._title())
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
