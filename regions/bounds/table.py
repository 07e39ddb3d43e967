"""The table of bounds that belongs to one network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regions.bounds._arguments import count_of
from regions.bounds._recursion import Stage, regions_by_dimension
from regions.bounds.arrangements import all_patterns, zaslavsky, zaslavsky_zero_bias
from regions.bounds.deep import arora_2018_one_input, hinz_2019, serra_2018_one_input, zaslavsky_product
from regions.bounds.lower import arora_2018_lower, montufar_2014_lower, serra_2018_lower
from regions.bounds.rules import hanin_rolnick_2019, shown
from regions.bounds.weights import is_flat, stages_of_weights, stages_of_widths
from regions.complex.complex import RegionComplex
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.enumeration.enumerate import count_regions
from regions.errors import InvalidNetworkError
from regions.frontends.read import as_network
from regions.network.network import Network

if TYPE_CHECKING:
    from regions.domain.domain import Domain

__all__ = ["Bound", "BoundsTable", "for_network"]

Kind = Literal["lower", "upper", "exact", "rule"]

_REGIONS = "activation regions"
_LARGEST = "activation regions, the most of these widths"
_EXPECTED = "activation regions, the average of random networks"
_SERRA = "Serra et al. 2018"
_MONTUFAR = "Montúfar et al. 2014"
_ARORA = "Arora et al. 2018"
_ORDER = {"lower": 0, "exact": 1, "rule": 2, "upper": 3}


@dataclass(frozen=True, slots=True)
class Bound:
    """One row of a table of bounds.

    Parameters
    ----------
    name : str
        The function of :mod:`regions.bounds` that computes it; "count" for the exact number.
    value : int or Fraction
        A Fraction only in a rule of thumb.
    kind : {"lower", "upper", "exact", "rule"}
        A *lower* bound is one on the largest number that networks of the same widths have, not on this network's; an
        *upper* bound is one on this network's number; a *rule* bounds nothing.
    theorem : str
    paper : str
        Authors and year.
    definition : str
        What is counted. An upper bound on activation regions is one on open linear regions, closed linear regions and
        affine pieces too, which are never more.
    """

    name: str
    value: int | Fraction
    kind: Kind
    theorem: str
    paper: str
    definition: str


@dataclass(frozen=True, slots=True)
class BoundsTable:
    """The bounds that apply to one network, by value; made by :func:`for_network`.

    Parameters
    ----------
    rows : tuple of Bound
        In ascending order of their values.
    network : str
        What the network is.
    domain : str
        Where regions are counted.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]], [[-1.0, 1.0], [0.0]])
    >>> table = for_network(network, regions.WholePlane())
    >>> table.exact, table.upper
    (4, 4)
    >>> table["serra_2018"].value
    4
    """

    rows: tuple[Bound, ...]
    network: str
    domain: str

    @property
    def upper(self) -> int:
        """The least upper bound on the network's activation regions."""
        return min(int(row.value) for row in self.rows if row.kind == "upper")

    @property
    def lower(self) -> int | None:
        """The largest lower bound on what some network of these widths has; None where no theorem applies."""
        return max((int(row.value) for row in self.rows if row.kind == "lower"), default=None)

    @property
    def exact(self) -> int | None:
        """The network's exact number of activation regions; None where it was not counted."""
        return next((int(row.value) for row in self.rows if row.kind == "exact"), None)

    def to_dict(self) -> list[dict[str, Any]]:
        """The rows as plain dictionaries, for pandas or JSON.

        Returns
        -------
        list of dict
            With the keys name, value, kind, theorem, paper and definition. All values are integers, but a rule's may
            be a float.

        Examples
        --------
        >>> import regions
        >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
        >>> row = for_network(network).to_dict()[-1]
        >>> row["name"], row["value"]
        ('all_patterns', 4)
        """
        rows = [asdict(row) for row in self.rows]
        for row in rows:
            whole = round(row["value"])
            # Beyond 2**53 a float holds no fractions, and beyond 10**308 nothing.
            row["value"] = whole if row["value"] == whole or whole > 2**53 else float(row["value"])
        return rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Bound]:
        return iter(self.rows)

    def __getitem__(self, name: str) -> Bound:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r} is not in the table; it has {', '.join(row.name for row in self.rows)}.")

    def __repr__(self) -> str:
        table = [("kind", "value", "name", "theorem", "paper", "definition")]
        table += [(r.kind, shown(r.value), r.name, r.theorem, r.paper, r.definition) for r in self.rows]
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        lines = [
            "  ".join(
                cell.rjust(w) if i == 1 else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in table
        ]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join([f"Bounds for {self.network} over {self.domain}", *(line.rstrip() for line in lines)])


def for_network(network: Any, domain: Any = None, count: Any = None) -> BoundsTable:
    """All bounds that apply to one network, with its exact count in its place.

    Parameters
    ----------
    network : Network, torch.nn.Module, or a perceptron of scikit-learn
        Of any input dimension.
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron, WholePlane or Slice, optional
        The regions are counted over it where no count is given. Of a network of two inputs, but for a slice: the table
        is then that of the network on this plane, which has two inputs. Where left out, the bounds are those for the
        whole space, which hold over every convex domain.
    count : int or RegionComplex, optional
        The exact number of activation regions, from :func:`regions.count_regions`, or the complex, which knows its
        domain.

    Returns
    -------
    BoundsTable

    Raises
    ------
    TypeError, ValueError
        When `count` is neither, is of another network or domain, or is more than an upper bound.
    InvalidNetworkError, CaptureError
        When the network cannot be read, or does not have two inputs and a domain was given.
    DomainError
        When the domain cannot be read.

    Notes
    -----
    Only the neurons count (``layer.kinked``). Any activation with two slopes cuts as ReLU does, so Zaslavsky's and
    Montúfar's upper bounds are for all networks; Serra's and that of Hinz & van de Geer need every neuron to be
    constant on one side, and are left out where one is not, as with leaky ReLU and the absolute value. ``from_weights``
    is for all networks. The lower bounds, and what is known of one input, are for fully connected ReLU networks without
    linear units in between.

    Over a domain that is not convex, or has holes, a pattern may have several regions. Then every upper bound is
    multiplied by the number of convex pieces that the domain is taken apart into (``domain.pieces``), in each of which
    the bound holds, and its theorem says so.

    Examples
    --------
    >>> import numpy as np, regions
    >>> rng = np.random.default_rng(0)
    >>> weights = [rng.normal(size=(3, 2)), rng.normal(size=(3, 3)), rng.normal(size=(1, 3))]
    >>> network = regions.Network.from_arrays(weights, [rng.normal(size=3), rng.normal(size=3), [0.0]])
    >>> table = for_network(network, regions.WholePlane())
    >>> table.lower, table.exact, table.upper
    (7, 13, 40)
    >>> [row.name for row in table if row.value == 40]
    ['from_weights', 'serra_2018', 'hinz_2019']
    """
    plane = getattr(count, "slice", None) if domain is None else domain
    shape = plane.shape if isinstance(plane, Slice) else None
    captured = as_network(network, shape, likely=None if plane is None and count is None else 2)
    net, where, place, exact = _counted(captured, domain, count)
    pieces = 1 if where is None else len(where.convex_parts())
    rows = [*_upper_rows(net, pieces), *_lower_rows(net)]
    rule = hanin_rolnick_2019(net.input_dimension, net.n_neurons)
    rows.append(Bound("hanin_rolnick_2019", rule.value, "rule", rule.text, "Hanin & Rolnick 2019", _EXPECTED))
    if exact is not None:
        _check_count(exact, rows)
        rows.append(Bound("count", exact, "exact", "enumeration", "", _REGIONS))
    rows.sort(key=lambda row: (row.value, _ORDER[row.kind]))
    return BoundsTable(tuple(rows), repr(net), place)


def _upper_rows(network: Network, pieces: int) -> Iterator[Bound]:
    d = network.input_dimension
    widths = [n for layer in network.layers if (n := int(layer.kinked.sum()))]
    by_width, by_weight = stages_of_widths(network), stages_of_weights(network)
    cutting = [stage for stage in by_weight if stage.neurons]
    times = "" if pieces == 1 else f", times {pieces} convex pieces"

    def row(name: str, value: int, theorem: str, paper: str) -> Bound:
        return Bound(name, value * pieces, "upper", theorem + times, paper, _REGIONS)

    def of_stages(stages: list[Stage]) -> int:
        return regions_by_dimension(d, stages).total()

    yield row("from_weights", of_stages(by_weight), "the weights' exact ranks", f"{_SERRA}, Montúfar 2017")
    if len(cutting) == 1 and cutting[0].central:
        value = zaslavsky_zero_bias(d, cutting[0].neurons)
        yield row("zaslavsky_zero_bias", value, "hyperplanes through one point", "Zaslavsky 1975")
    if widths and all(stage.flat == stage.neurons for stage in by_width):
        yield row("serra_2018", of_stages(by_width), "theorem 1", _SERRA)
    if _is_relu_mlp(network):
        yield row("hinz_2019", hinz_2019(d, widths), "histogram recursion", "Hinz & van de Geer 2019")
        if d == 1:
            yield row("arora_2018_one_input", arora_2018_one_input(widths), "one input", _ARORA)
            if min(widths[:-1], default=3) >= 3:
                yield row("serra_2018_one_input", serra_2018_one_input(widths), "theorem 5, the maximum", _SERRA)
    if widths:
        without_flat = [replace(stage, flat=0) for stage in by_width]
        yield row("montufar_2017", of_stages(without_flat), "proposition 3", "Montúfar 2017")
    if len(widths) == 1:
        yield row("zaslavsky", zaslavsky(d, widths[0]), "hyperplane arrangements", "Zaslavsky 1975")
    if len(widths) > 1:
        yield row("zaslavsky_product", zaslavsky_product(d, widths), "theorem 1", "Raghu et al. 2017")
    yield row("all_patterns", all_patterns(sum(widths)), "number of patterns", _MONTUFAR)


def _lower_rows(network: Network) -> Iterator[Bound]:
    if not _is_relu_mlp(network):
        return
    d, widths = network.input_dimension, [int(layer.kinked.sum()) for layer in network.layers if layer.kinked.any()]
    if min(widths) >= d:
        yield Bound("montufar_2014_lower", montufar_2014_lower(d, widths), "lower", "theorem 4", _MONTUFAR, _LARGEST)
    if min(widths) >= 3 * d:
        yield Bound("serra_2018_lower", serra_2018_lower(d, widths), "lower", "theorem 6", _SERRA, _LARGEST)
    if len(widths) > 1 and min(widths) >= 2:
        value = arora_2018_lower(d, widths[0] // 2, min(widths[1:]), len(widths) - 1)
        yield Bound("arora_2018_lower", value, "lower", "zonotopes", _ARORA, _LARGEST)


def _is_relu_mlp(network: Network) -> bool:
    """Whether all layers but perhaps the last consist of neurons that are constant on one side, and there is one."""
    *hidden, last = network.layers
    if last.kinked.any():
        hidden.append(last)
    return bool(hidden) and all(bool((layer.kinked & is_flat(layer)).all()) for layer in hidden)


def _counted(network: Network, domain: Any, count: Any) -> tuple[Network, Domain | None, str, int | None]:
    """The network, on a plane if that is the domain; the domain, if one is known, and its name; the exact number."""
    where, plane = None, domain if isinstance(domain, Slice) else None
    if isinstance(count, RegionComplex):
        if plane is None and domain is None and count.slice is not None and not _same(count.network, network):
            plane = count.slice
        where = count.domain
    if plane is not None:
        network, domain = plane.compose(network), plane.domain
    if domain is not None:
        domain = _planar(network, domain)
    place = repr(where if domain is None else domain) if plane is None else repr(plane)
    if isinstance(count, RegionComplex):
        if not _same(count.network, network):
            raise ValueError(f"count={count!r} was given, the complex of another network; enumerate this one's.")
        if domain is not None and domain != where:
            raise ValueError(f"domain={domain!r} was given and a complex over {where!r}; leave the domain out.")
        return network, where, place, count.n_regions
    if domain is None:
        place = f"a convex domain of R^{network.input_dimension}"
    if count is not None:
        return network, domain, place, count_of("count", count, 1)
    if domain is None:
        return network, None, place, None

    return network, domain, place, int(count_regions(network, domain))


def _planar(network: Network, domain: Any) -> Domain:
    if network.input_dimension != 2:
        raise InvalidNetworkError(
            f"a domain in the plane was given for a network of {network.input_dimension} input(s). "
            f"{'Leave' if network.input_dimension == 1 else 'Give a regions.Slice, or leave'} the domain out: the "
            "bounds over the whole space hold over every convex domain."
        )
    return as_domain(domain)


def _same(a: Network, b: Network) -> bool:
    if a is b:
        return True
    first, second = a.to_arrays(), b.to_arrays()
    return first.keys() == second.keys() and all(
        np.array_equal(first[key], second[key]) for key in first if not key.startswith(("name", "groups"))
    )


def _check_count(count: int, rows: list[Bound]) -> None:
    least = min((row for row in rows if row.kind == "upper"), key=lambda row: row.value)
    if count > least.value:
        raise ValueError(
            f"count={count} was given, more than {least.name} = {least.value}. It is not this network's number of "
            "activation regions, or it is one over a domain that is not convex: give that domain too."
        )
