"""The tools for tests: strategies give what they promise, assertions fail on what is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import InvalidArgument
from mlps import mlp

import regions
from regions import Box, ConvexPolygon, Network, Polygon, Polyhedron, RegionComplex
from regions.domain.read import as_domain
from regions.network.rounding import map_bounds
from regions.testing import (
    DOMAINS,
    KINDS,
    assert_same_complex,
    assert_valid_complex,
    degenerate_mlps,
    domains,
    networks,
    polygons,
    polyhedra,
    reference_count,
    relu_mlps,
)

# The first example that will do: none of them needs to be the smallest.
FIRST = settings(max_examples=5000, phases=[Phase.generate])


@pytest.fixture(scope="module")
def good() -> RegionComplex:
    return regions.enumerate_regions(mlp(2, 6, 5, 2), Box(-2, -1, 3, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_drawn(kind: str) -> None:
    network = find(networks(kinds=[kind]), lambda network: network.n_neurons > 0, settings=FIRST)
    assert network.input_dimension == 2


@settings(max_examples=50)
@given(networks(min_hidden_layers=0, max_hidden_layers=2, max_width=3, max_outputs=4))
def test_networks_keep_to_their_limits(network: Network) -> None:
    assert 1 <= len(network.layers) <= 3
    assert max(network.widths[1:-1], default=1) <= 3
    assert network.n_outputs <= 4


@settings(max_examples=50)
@given(st.one_of(relu_mlps(), degenerate_mlps()))
def test_mlps_are_relu_networks(network: Network) -> None:
    for layer in network.layers[:-1]:
        assert set(zip(layer.below.tolist(), layer.above.tolist(), strict=True)) == {(0.0, 1.0)}
    assert not network.layers[-1].kinked.any()


def vanishing(network: Network, point: tuple[int, int]) -> int:
    return sum(a * point[0] + b * point[1] + c == 0 for (a, b), c in first_lines(network))


def first_lines(network: Network) -> list[Any]:
    layer = network.layers[0]
    return [(w, b) for w, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True) if any(w)]


def directions(network: Network) -> list[float]:
    return [np.arctan2(w[1], w[0]) % np.pi for w, _ in first_lines(network)]


@pytest.mark.parametrize(
    ("kind", "property_"),
    [
        ("zero_bias", lambda n: all((layer.bias == 0).all() for layer in n.layers)),
        ("concurrent", lambda n: vanishing(n, (1, 2)) >= 3 and len(set(directions(n))) >= 3),
        ("parallel", lambda n: len(directions(n)) > len(set(directions(n)))),
        ("duplicate", lambda n: len({tuple(w) for w, _ in first_lines(n)}) < len(first_lines(n))),
        ("dead", lambda n: (n.layers[0].weight == 0).all(axis=1).any() and first_lines(n)),
        ("constant", lambda n: any((layer.weight == 0).all() for layer in n.layers)),
        ("scaled", lambda n: np.abs(n.layers[0].weight).max() > 2.0**30),
        ("float32", lambda n: (n.layers[0].weight == n.layers[0].weight.astype(np.float32)).all()),
    ],
)
def test_kinds_are_what_they_are_called(kind: str, property_: Any) -> None:
    find(networks(kinds=[kind], activations=["relu"]), property_, settings=FIRST)


@pytest.mark.parametrize("kind", DOMAINS)
def test_every_domain_can_be_drawn(kind: str) -> None:
    domain = find(domains(kinds=[kind]), lambda domain: domain.area > 0, settings=FIRST)
    assert isinstance(domain, ConvexPolygon if kind in ("triangle", "polygon") else Box)
    assert as_domain(domain) is domain


@pytest.mark.parametrize(
    "wanted",
    [
        lambda domain: domain.holes,
        lambda domain: len(domain.pieces) > 2 and not domain.holes,
        lambda domain: len(domain.pieces) == 1,
    ],
    ids=["holes", "notches", "convex"],
)
def test_polygons_of_every_shape_can_be_drawn(wanted: Any) -> None:
    assert isinstance(find(polygons(), wanted, settings=FIRST), Polygon)


@settings(max_examples=30)
@given(polygons(max_holes=0), polyhedra(max_half_planes=1))
def test_as_many_holes_and_half_planes_as_are_asked_for(polygon: Polygon, half_plane: Polyhedron) -> None:
    assert len(polygon.holes) == 0
    assert len(half_plane.offsets) == 1


def test_polyhedra_are_bounded_unbounded_and_empty() -> None:
    def regions_over(domain: Polyhedron) -> regions.RegionComplex | None:
        try:
            return regions.enumerate_regions(Network.from_arrays([[[1.0, 0.0]]]), domain)
        except regions.errors.DomainError:
            return None

    assert find(polyhedra(), lambda domain: regions_over(domain) is None, settings=FIRST)
    for bounded in (True, False):
        assert find(
            polyhedra(),
            lambda domain, bounded=bounded: (
                (found := regions_over(domain)) is not None and bool(found.bounded.all()) == bounded
            ),
            settings=FIRST,
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kinds": ["generic", "odd"]}, r"unknown \['odd'\]; allowed are generic"),
        ({"kinds": []}, "no name"),
        ({"kinds": "generic"}, "a sequence of names"),
        ({"activations": ["sigmoid"]}, "allowed are relu"),
        ({"max_width": 0}, "max_width=0 was given; an integer from 1"),
        ({"max_width": 2.0}, "max_width=2.0"),
        ({"max_outputs": True}, "max_outputs=True"),
        ({"min_hidden_layers": 3, "max_hidden_layers": 2}, "max_hidden_layers=2 was given; an integer from 3"),
    ],
)
def test_wrong_arguments_are_refused_at_the_call(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        networks(**arguments)
    if "kinds" not in arguments and "activations" not in arguments:
        for strategy in (relu_mlps, degenerate_mlps):
            with pytest.raises(InvalidArgument, match=message):
                strategy(**arguments)


def test_wrong_domains_are_refused_at_the_call() -> None:
    with pytest.raises(InvalidArgument, match="max_holes=9 was given; an integer from 0 to 8"):
        polygons(max_holes=9)
    with pytest.raises(InvalidArgument, match="max_half_planes=0 was given; an integer from 1"):
        polyhedra(max_half_planes=0)
    with pytest.raises(InvalidArgument, match="allowed are square"):
        domains(kinds=["circle"])


def test_a_good_complex_passes(good: RegionComplex) -> None:
    assert_valid_complex(good)
    assert_valid_complex(good, exact=True)
    assert_valid_complex(good, exact=False)
    with pytest.raises(TypeError, match="a list was given"):
        assert_valid_complex([])  # type: ignore[arg-type]


def test_large_complexes_are_checked_in_floats() -> None:
    complex = regions.enumerate_regions(mlp(2, 24, 24, 24, 2), 10)
    assert complex.n_regions * complex.network.n_neurons > 20_000
    assert_valid_complex(complex)


def edited(complex: RegionComplex, name: str, edit: Any) -> RegionComplex:
    array = np.array(getattr(complex, name))
    edit(array)
    return replace(complex, **{name: array})


def flip_first_layer(packed: Any) -> None:
    packed[3, 0] ^= 0b11111100


def swap(array: Any) -> None:
    array[[0, 1]] = array[[1, 0]]


def first(value: Any) -> Any:
    def edit(array: Any) -> None:
        array[np.flatnonzero(array >= 0)[0]] = value

    return edit


def increment(index: Any) -> Any:
    def edit(array: Any) -> None:
        array[index] += 1

    return edit


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("rings", swap, "rings do not run along"),
        ("edge_faces", lambda a: a.__setitem__(slice(None), a[:, ::-1]), "rings do not run along"),
        ("packed_patterns", lambda a: a.__setitem__(0, a[1]), "same pattern"),
        ("packed_patterns", flip_first_layer, "agree in the neuron on their edge|differ in a layer before"),
        ("edge_neurons", first(-1), "an inner edge lies on a neuron"),
        ("edge_sides", first(-1), "an edge on the rim lies on a side"),
        ("edges", lambda a: a.__setitem__(0, a[0, ::-1]), "rings do not run along"),
        ("gradients", increment((2, 1, 0)), "Region 2: "),
        ("offsets", increment((2, 0)), "Region 2: "),
        ("offsets", lambda a: a.__setitem__((2, 0), np.nan), "Region 2: "),
    ],
)
def test_damage_is_found(good: RegionComplex, name: str, edit: Any, message: str, exact: bool) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_valid_complex(edited(good, name, edit), exact=exact)


def test_small_errors_are_found_exactly(good: RegionComplex) -> None:
    inner = np.setdiff1d(np.arange(len(good.vertices)), good.edges[good.edge_sides >= 0])
    for name, edit, message in (
        ("vertices", increment((int(inner[0]), 0)), "is not on two of its lines|[Aa]rea"),
        ("vertices", lambda a: a.__setitem__(int(inner[0]), a[inner[0]] + 1e-12), "is not on two of its lines|[Aa]rea"),
        ("gradients", lambda a: a.__setitem__((2, 1, 0), a[2, 1, 0] + 1e-12), "coefficient 0 of output 1"),
        ("offsets", lambda a: a.__setitem__((2, 1), a[2, 1] * (1 + 1e-12)), "coefficient 2 of output 1"),
    ):
        with pytest.raises(AssertionError, match=message):
            assert_valid_complex(edited(good, name, edit))


def test_another_network_or_domain_is_found(good: RegionComplex) -> None:
    with pytest.raises(AssertionError):
        assert_valid_complex(replace(good, network=mlp(2, 6, 5, 2, seed=1)))
    with pytest.raises(AssertionError):
        assert_valid_complex(replace(good, network=mlp(2, 6, 5, 2, seed=1)), exact=False)
    with pytest.raises(AssertionError):
        assert_valid_complex(replace(good, domain=Box(-2, -1, 3, 2.5)))


def test_a_missing_cut_is_found() -> None:
    one = regions.enumerate_regions(mlp(2, 1, 1), 10)
    network = Network.from_arrays(
        [[*one.network.layers[0].weight, (0.3, -0.5)], [(1, 1)]], [[*one.network.layers[0].bias, 0], [0]]
    )
    merged = replace(one, network=network)
    with pytest.raises(AssertionError, match=r"is not (in)?active in all of it"):
        assert_valid_complex(merged, exact=True)


def test_same_complex(good: RegionComplex) -> None:
    assert_same_complex(good, regions.enumerate_regions(good.network, good.domain))
    smaller = regions.enumerate_regions(good.network, Box(-2, -1, 0, 2))
    with pytest.raises(AssertionError, match=r"Only the first complex .* has the patterns? [01]{11}"):
        assert_same_complex(good, smaller)
    with pytest.raises(AssertionError, match="Only the second complex"):
        assert_same_complex(smaller, good)
    lower = regions.enumerate_regions(good.network, Box(-2, -1, 3, np.nextafter(2, 3)))
    with pytest.raises(AssertionError, match=r"differs: only the first has vertices \(.*\), only the second \("):
        assert_same_complex(good, lower)


@settings(max_examples=50)
@given(networks(max_width=4))
def test_the_bound_on_maps_holds_for_the_plain_product(network: Network) -> None:
    for pattern in regions.enumerate_regions(network, 3).patterns:
        value, start = np.eye(3)[:2], 0
        for layer in network.layers:
            value = layer.weight @ value
            value[:, 2] += layer.bias
            active = np.ones(layer.n_out, dtype=bool)
            kinked = int(layer.kinked.sum())
            active[layer.kinked] = pattern[start : start + kinked]
            start += kinked
            value *= np.where(active, layer.above, layer.below)[:, None]
        exact = [network_row(network, pattern, k) for k in range(3)]
        off = np.abs(value - np.array(exact, dtype=float).T)
        assert (off <= map_bounds(network, pattern)[1]).all()
        assert (map_bounds(network, pattern)[1] <= map_bounds(network)[1]).all()


def network_row(network: Network, pattern: Any, column: int) -> list[Any]:
    """Exact coefficients of x, of y or of 1, for all outputs, by pushing one column through."""
    values = [Fraction(column == 0), Fraction(column == 1)]
    start = 0
    for layer in network.layers:
        z = [
            sum(
                (Fraction(w) * v for w, v in zip(row, values, strict=True)), Fraction(b) if column == 2 else Fraction(0)
            )
            for row, b in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        ]
        values = []
        for unit, kink in enumerate(layer.kinked):
            on = bool(pattern[start]) if kink else True
            start += int(kink)
            values.append(z[unit] * Fraction(float(layer.above[unit] if on else layer.below[unit])))
    return values


def test_importing_regions_does_not_import_hypothesis() -> None:
    code = "import regions, sys; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_documented_example_finds_the_toy_counters_mistake() -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[:2]:
        exec(block, names)
    names["test_my_counter"]()
    with pytest.raises(AssertionError):
        names["test_my_counter_on_degenerate_networks"]()


@settings(max_examples=25)
@given(networks(), st.one_of(domains(), polygons(), polyhedra(), st.just(regions.WholePlane())))
def test_the_reference_counts_like_the_engine(network: Network, domain: Any) -> None:
    try:
        expected = reference_count(network, domain)
    except regions.errors.DomainError:
        with pytest.raises(regions.errors.DomainError):
            regions.count_regions(network, domain)
        return
    assert regions.count_regions(network, domain) == expected


def test_the_reference_counts_on_slices_and_refuses_what_the_engine_refuses() -> None:
    rng = np.random.default_rng(0)
    network = Network.from_arrays([rng.normal(size=(5, 4)), rng.normal(size=(1, 5))])
    plane = regions.Slice(*rng.normal(size=(3, 4)), domain=2)
    assert reference_count(network, plane) == regions.count_regions(network, plane)
    with pytest.raises(regions.RegionsError, match="4 input"):
        reference_count(network, 1)
