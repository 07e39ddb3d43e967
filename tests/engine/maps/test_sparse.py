"""The engine's way for wide networks: the same complexes, whatever the memory and the device, and bounds that hold."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import sparsely
from scipy import sparse

import regions
from regions import Box, Layer, Network
from regions.engine.cut import Enumeration
from regions.engine.decide_sparse import ConeStage
from regions.engine.maps.equal_units import find_equal_units
from regions.engine.resources import Resources
from regions.network.integers import IntegerNetwork, point_map
from regions.testing import assert_same_complex, assert_valid_complex, domains, networks, polygons, polyhedra


def patterns(complex: regions.RegionComplex) -> list[bytes]:
    return sorted(map(bytes, complex.packed_patterns))


@settings(max_examples=25)
@given(networks(), st.one_of(domains(), polyhedra(), polygons(), st.just(regions.WholePlane())))
def test_wide_and_narrow_ways_agree(network: Network, domain: Any) -> None:
    try:
        narrow = regions.enumerate_regions(network, domain)
    except regions.errors.DomainError:
        with pytest.raises(regions.errors.DomainError, match="no interior"):
            regions.enumerate_regions(sparsely(network), domain)
        return
    wide = regions.enumerate_regions(sparsely(network), domain)
    assert patterns(narrow) == patterns(wide)
    assert regions.count_regions(sparsely(network), domain) == len(narrow)
    assert (len(narrow.vertices), len(narrow.edges)) == (len(wide.vertices), len(wide.edges))
    assert_valid_complex(wide)


@settings(max_examples=12)
@given(networks())
def test_memory_and_device_change_nothing(network: Network) -> None:
    wide = sparsely(network)
    plenty = regions.enumerate_regions(wide, 2)
    with pytest.raises(regions.errors.MemoryLimitError, match="max_memory=1 was given; this network needs at least"):
        regions.enumerate_regions(wide, 2, max_memory=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Resources, "room", lambda resources, network: 1)
        one_face_at_a_time = regions.enumerate_regions(wide, 2, max_memory=1)
    assert_same_complex(plenty, one_face_at_a_time)
    # Bounds do not depend on what is kept, so neither do the decisions.
    assert plenty.certificate == one_face_at_a_time.certificate
    assert_same_complex(plenty, regions.enumerate_regions(network, 2, device="cpu"))
    assert regions.count_regions(network, 2, device="cpu") == len(plenty)


@pytest.mark.parametrize("slopes", [(0.0, 1.0), (0.1, 1.3), (-1.0, 1.0)])
def test_the_bounds_of_single_units_hold(slopes: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    widths = (2, 6, 7, 8, 5, 1)
    weights = [rng.normal(size=(n, m)) * (rng.random((n, m)) < 0.7) for m, n in itertools.pairwise(widths)]
    network = sparsely(Network.from_arrays(weights, [rng.normal(size=n) for n in widths[1:]], slopes))
    run = Enumeration(network, Box(-2, -2, 2, 2), Resources())
    exact: Any = run.exact
    for level in range(1, len(network.layers)):
        before = network.layers[run.level]
        parents, bits = run.cut()
        run.maps = run.maps.into(network.layers[run.level], before, parents, bits)
        maps, errors, _, _ = run.maps.on(np.arange(run.cells.n_faces))
        scale = 2 ** exact._scale(level)
        for face in range(0, run.cells.n_faces, 5):
            for unit in range(network.layers[level].n_out):
                true = [Fraction(int(x), scale) for x in exact.face_row(level, face, unit)]
                found = [Fraction(float(x)) for x in maps[face, :, unit]]
                off = [abs(x - y) for x, y in zip(true, found, strict=True)]
                assert max(off[:2]) <= Fraction(float(errors[face, 0, unit]))
                assert off[2] <= Fraction(float(errors[face, 1, unit]))
                # A bound that is never reached says little; one that is always huge, nothing.
                assert errors[face, 1, unit] < 1e-11


@settings(max_examples=40)
@given(networks(), st.integers(0, 2**32 - 1))
def test_single_units_are_those_of_the_integer_layers(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stage, whole = ConeStage(network, Box(-1, -1, 1, 1)), IntegerNetwork(network)
    stage.vertex_lines = np.array([[-1 - i, 0] for i in range(4)])
    vertex = int(rng.integers(4))
    x, y, weight = stage.point(vertex)
    values = whole.forward(point_map([x, y]), weight)
    for level, (layer, rows) in enumerate(zip(network.layers, values, strict=True)):
        units = rng.permutation(layer.n_out)[: rng.integers(1, layer.n_out + 1)].tolist()
        expected = [int(x) for (x,) in rows]
        found = [int(x) for x in stage.entries(level, vertex, units)]
        factors = {Fraction(f, expected[k]) for f, k in zip(found, units, strict=True) if expected[k]}
        assert len(factors) <= 1
        assert all(factor > 0 for factor in factors)
        assert all(f == 0 for f, k in zip(found, units, strict=True) if not expected[k])


def test_equal_units_are_found_and_looked_at_once() -> None:
    # Units 0 and 1 are the same; the difference of their activations is zero, that of 0 and 2 is not.
    network = Network.from_arrays(
        [[[1.0, 2.0], [1.0, 2.0], [1.0, 0.0]], [[1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, -1.0]], np.ones((1, 3))],
        [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0]],
    )
    first, second, _ = find_equal_units(network)
    assert first.representative.tolist() == [0, 0, 2]
    assert first.zero.tolist() == [False] * 3
    assert second.zero.tolist() == [True, False, False]
    assert second.representative.tolist()[1:] == [1, 1]
    complex = regions.enumerate_regions(sparsely(network), 2)
    assert patterns(complex) == patterns(regions.enumerate_regions(network, 2))
    assert (complex.patterns[:, 0] == complex.patterns[:, 1]).all()
    assert not complex.patterns[:, 3].any()


def test_the_maximum_of_inactive_units_needs_no_integers() -> None:
    # relu(x), relu(y) and their maximum: inside the faces the difference is one of them, or exactly zero.
    weights = [np.eye(2), [[1.0, -1.0], [0.0, 1.0]], [[1.0, 1.0]]]
    network = Network.from_arrays(weights, [[0.0, 0.0], [0.0, 0.0], [0.0]], [(0.0, 1.0), (0.0, 1.0)])
    complex = regions.enumerate_regions(sparsely(network), Box(-1.0, -1.5, 2.0, 1.0))
    assert len(complex) == 5
    # At the origin three lines meet, which no float can prove: that is all.
    assert complex.certificate.decided_exactly <= 4


def test_sparse_layers_are_checked_and_saved(tmp_path: Any) -> None:
    twice = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
    with pytest.raises(regions.RegionsError, match="duplicate"):
        Layer(twice, [0.0], [1.0], [1.0])
    with pytest.raises(regions.RegionsError, match="finite"):
        Layer(sparse.csr_array([[np.nan, 1.0]]), [0.0], [1.0], [1.0])
    network = sparsely(Network.from_arrays([[[1.0, 0.0], [0.0, 3.0]], [[1.0, 0.0]]]))
    network.save(tmp_path / "network.npz")
    again = Network.load(tmp_path / "network.npz")
    assert all(layer.is_sparse for layer in again.layers)
    np.testing.assert_array_equal(again([[1.0, 2.0]]), network([[1.0, 2.0]]))
    assert network.n_parameters == 3 + 3


@pytest.mark.parametrize("device", ["no such thing", "meta", 3])
def test_devices_that_cannot_be_used_are_refused(device: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="device"):
        regions.count_regions(Network.from_arrays([[[1.0, 2.0]]]), 1, device=device)
