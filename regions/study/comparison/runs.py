"""The comparison itself: every architecture with every initialisation and seed, counted exactly."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from regions.bounds import for_network
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.enumeration.enumerate import enumerate_regions
from regions.errors import OptionError
from regions.network.network import Network
from regions.pictures.cross_check import cross_check
from regions.study.comparison.architectures import (
    ACTIVATIONS,
    Architecture,
    make_network,
    read_architectures,
)
from regions.study.comparison.initialisations import read_initialisations
from regions.study.comparison.statistics import checked_confidence
from regions.study.comparison.table import OTHER_DEFINITIONS, ComparedNetwork, Comparison
from regions.study.options import checked_seeds, is_int

if TYPE_CHECKING:
    from regions.bounds import BoundsTable
    from regions.complex.complex import RegionComplex

__all__ = ["best_bounds", "compare", "compared_network"]

_LEAST_RESOLUTION = 3


def compare(
    architectures: Mapping[str, Any] | Sequence[Any],
    domain: Any = 10,
    *,
    seeds: Iterable[int] = range(10),
    initialisations: Any = ("torch",),
    activation: str | Callable[[], Any] = "relu",
    resolution: int | None = None,
    definitions: bool = False,
    confidence: float = 0.95,
    progress: bool | None = False,
) -> Comparison:
    """Count the activation regions of many networks exactly, by architecture, initialisation and seed.

    Parameters
    ----------
    architectures : sequence or mapping
        Widths such as (2, 20, 1): inputs, hidden layers, outputs. A mapping gives them names; a sequence names them by
        their widths. A function that takes a seed and returns a model (a torch module, a Network) stands for an
        architecture of your own; torch's generator is seeded when it is called, and put back afterwards.
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron, WholePlane or Slice
        A number b means the square [-b, b]².
    seeds : iterable of int
        One network a seed. With the initialisation "torch" the weights are those that torch draws after
        ``torch.manual_seed(seed)``, as in :mod:`regions.study.models`.
    initialisations : str, callable, or iterable of these
        Names in :data:`regions.study.comparison.INITIALISATIONS`, or functions that take a torch module and a seed and
        set its weights in place; torch's generator is seeded for them as well.
    activation : {"relu", "abs", "leaky_relu"} or callable
        Of the architectures given by widths; a callable returns a torch module, as `torch.nn.Hardtanh` does.
    resolution : int, optional
        Grid points a side of the picture method, which is then used beside the exact count; over boxes and convex
        polygons only, also those of a slice.
    definitions : bool
        Count by all five definitions of :meth:`regions.RegionComplex.counts`, not by activation regions alone.
    confidence : float
        Of the summary's confidence intervals, above 0 and below 1.
    progress : bool, optional
        Whether to show a progress bar on stderr; None shows it where stderr is a terminal.

    Returns
    -------
    Comparison
        One row a network.

    Raises
    ------
    OptionError
        When an architecture, a seed, an initialisation, the activation, the resolution, `definitions` or the
        confidence is not as above; or when an architecture of your own has other numbers of neurons or parameters
        from seed to seed.
    DomainError
        When the domain is none of these, or is unbounded or not convex where a picture is asked for.
    InvalidNetworkError, CaptureError
        When a model is not a finite piecewise-linear network of two inputs (of any number, over a slice).

    Notes
    -----
    What is counted are activation regions: full-dimensional sets of inputs on which every neuron keeps its state.
    Shallow and deep networks can be compared at equal numbers of neurons or of parameters:
    :func:`regions.study.comparison.equal_neurons`, :func:`regions.study.comparison.equal_parameters`.

    Examples
    --------
    >>> import regions
    >>> found = regions.compare({"shallow": (2, 20, 1), "deep": (2, 5, 5, 5, 5, 1)}, 10, seeds=range(5))
    >>> [row.activation_regions for row in found.select("deep")]
    [81, 36, 86, 109, 79]
    >>> [(row.architecture, row.activation_regions.mean, row.upper_bound) for row in found.summary()]
    [('shallow', 197.0, 211), ('deep', 78.2, 65536)]
    """
    kinds = read_architectures(architectures)
    numbers = checked_seeds(seeds)
    starts = read_initialisations(initialisations)
    checked_confidence(confidence)
    _check_activation(activation)
    if resolution is not None and (not is_int(resolution) or resolution < _LEAST_RESOLUTION):
        raise OptionError(
            f"resolution {resolution!r} was given; an integer >= {_LEAST_RESOLUTION} is needed, or None for no picture."
        )
    if not isinstance(definitions, bool):
        raise OptionError(f"definitions {definitions!r} was given; True or False is needed.")
    where, shape = _read_domain(domain)
    _check_inputs(kinds, shape)
    _compile()
    rows: list[ComparedNetwork] = []
    total = len(kinds) * len(numbers) * len(starts)
    with tqdm(total=total, desc="regions", unit="network", disable=None if progress is None else not progress) as bar:
        for kind in kinds:
            first = len(rows)
            for name, start in starts.items():
                for seed in numbers:
                    network, parameters = make_network(kind, seed, start, activation, shape)
                    started = time.perf_counter()
                    complex = enumerate_regions(network, where)
                    row = compared_network(
                        complex,
                        network,
                        architecture=kind.name,
                        initialisation=name,
                        seed=seed,
                        parameters=parameters,
                        seconds=time.perf_counter() - started,
                        picture=None if resolution is None else cross_check(complex, resolution).maps_found,
                        definitions=definitions,
                    )
                    rows.append(row)
                    _check_sizes(rows[first], row)
                    bar.update()
    return Comparison(tuple(rows), repr(where), confidence)


def compared_network(
    complex: RegionComplex,
    network: Network,
    *,
    architecture: str,
    initialisation: str,
    seed: int,
    parameters: int,
    seconds: float,
    picture: int | None,
    definitions: bool = False,
) -> ComparedNetwork:
    """The row of a network that has been counted.

    Parameters
    ----------
    complex : RegionComplex
        Of the network, or of what it is on a slice.
    network : Network
    architecture, initialisation : str
    seed, parameters : int
    seconds : float
    picture : int or None
        As of :class:`ComparedNetwork`.
    definitions : bool
        Count by all definitions.
    """
    upper, lower = best_bounds(for_network(network, count=complex))
    counts = complex.counts().to_dict() if definitions else {}
    return ComparedNetwork(
        architecture=architecture,
        widths=network.widths,
        depth=sum(bool(layer.kinked.any()) for layer in network.layers),
        neurons=network.n_neurons,
        parameters=parameters,
        initialisation=initialisation,
        seed=seed,
        activation_regions=complex.n_regions,
        picture=picture,
        upper_bound=int(upper.value),
        upper_theorem=upper.name,
        lower_bound=None if lower is None else int(lower.value),
        lower_theorem=None if lower is None else lower.name,
        seconds=seconds,
        **{name: counts.get(name) for name in OTHER_DEFINITIONS},
    )


def best_bounds(table: BoundsTable) -> tuple[Any, Any]:
    """The least upper and the largest lower bound of a table; of equal ones the one that needs to know least."""
    upper = [row for row in table if row.kind == "upper" and row.value == table.upper]
    lower = [row for row in table if row.kind == "lower" and row.value == table.lower]
    # Equal bounds stand in the table from the sharpest theorem to the simplest.
    return upper[-1], lower[-1] if lower else None


def _check_activation(activation: Any) -> None:
    if not (callable(activation) or (isinstance(activation, str) and activation in ACTIVATIONS)):
        raise OptionError(
            f"activation {activation!r} was given; allowed are {', '.join(ACTIVATIONS)} and functions without "
            "arguments that return a torch module."
        )


def _read_domain(domain: Any) -> tuple[Any, tuple[int, ...] | None]:
    return (domain, domain.shape) if isinstance(domain, Slice) else (as_domain(domain), None)


def _check_inputs(kinds: tuple[Architecture, ...], shape: tuple[int, ...] | None) -> None:
    inputs = 2 if shape is None else shape[0] if len(shape) == 1 else None
    for kind in kinds:
        if kind.widths is not None and kind.widths[0] != inputs:
            needed = "an input of that shape, from a function" if inputs is None else f"{inputs}"
            place = "a domain in the plane" if shape is None else f"a slice of inputs of shape {shape}"
            raise OptionError(
                f"architecture {kind.name} has {kind.widths[0]} inputs; over {place} the first width must be {needed}."
            )


def _check_sizes(first: ComparedNetwork, row: ComparedNetwork) -> None:
    if (first.widths, first.neurons, first.parameters) != (row.widths, row.neurons, row.parameters):
        raise OptionError(
            f"architecture {row.architecture} has {row.neurons} neurons and {row.parameters} parameters for seed "
            f"{row.seed}, {first.neurons} and {first.parameters} for seed {first.seed}; all networks of one "
            "architecture must be of one size. Give another size another name."
        )


def _compile() -> None:
    """Load and compile what the count needs, so that no network's time includes it."""
    enumerate_regions(Network.from_arrays([[[1.0, 0.0], [0.5, 1.0]], [[1.0, 1.0], [1.0, -1.0]], [[1.0, 1.0]]]), 1)
