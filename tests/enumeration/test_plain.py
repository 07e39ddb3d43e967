from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import mlp, shallow
from reference import reference_of

import regions
from regions import Box, Network
from regions.enumeration.plain import split_domain
from regions.errors import DegeneratePositionError, DomainError, InvalidNetworkError, RegionsError
from regions.testing import assert_same_complex, assert_valid_complex, domains, networks


@pytest.mark.parametrize("widths", [(2, 20, 1), (2, 8, 8, 3), (2, 5, 5, 5, 5, 1)])
def test_it_is_the_engine_on_generic_networks(widths: tuple[int, ...]) -> None:
    network = mlp(*widths, seed=1)
    ours, engines = regions.enumerate_with_shapely(network, 5), regions.enumerate_regions(network, 5)
    assert ours.n_regions == engines.n_regions > 20
    assert_same_complex(ours, engines)
    assert_valid_complex(ours)
    assert ours.certificate.method == "shapely"


@settings(max_examples=100)
@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(1, 6), min_size=1, max_size=3), domains(kinds=["square", "polygon"])
)
def test_it_is_the_engine_on_random_networks(seed: int, hidden: list[int], domain: Any) -> None:
    network = mlp(2, *hidden, 2, seed=seed)
    ours, engines = regions.enumerate_with_shapely(network, domain), regions.enumerate_regions(network, domain)
    assert_same_complex(ours, engines)
    order = {row.tobytes(): i for i, row in enumerate(engines.patterns)}
    index = [order[row.tobytes()] for row in ours.patterns]
    np.testing.assert_allclose(ours.gradients, engines.gradients[index], rtol=0, atol=1e-11)
    np.testing.assert_allclose(ours.offsets, engines.offsets[index], rtol=0, atol=1e-11)


def test_it_never_gives_what_does_not_fit_together() -> None:
    sizes = []

    @settings(max_examples=100)
    @given(networks(), domains())
    def fits_or_is_refused(network: Network, domain: Any) -> None:
        try:
            complex = regions.enumerate_with_shapely(network, domain)
        except DegeneratePositionError:
            return
        left, right = complex.edge_faces.T
        assert len(complex.vertices) - len(complex.edges) + complex.n_regions == 1
        assert ((left >= 0) & (right >= 0) == (complex.edge_sides < 0)).all()
        sizes.append(complex.n_regions)

    fits_or_is_refused()
    assert len(sizes) > 10
    assert max(sizes) > 1


def counts(network: Network, domain: Box) -> tuple[int, int]:
    """Numbers of regions: of the pieces that shapely cuts, and in truth."""
    true = len(reference_of(network, domain))
    assert regions.count_regions(network, domain) == true
    return len(split_domain(network, domain)), true


SQUARE = Box(-3, -3, 3, 3)


def test_wrong_three_lines_through_one_point() -> None:
    # All three meet in (1, 1); the intersections are rounded, and open regions that do not exist.
    network = shallow([(1, 4), (-2, 3), (2, -4)], [-5, -1, 2])
    assert counts(network, SQUARE) == (8, 6)
    with pytest.raises(DegeneratePositionError, match=r"degenerate position.*use regions.enumerate_regions"):
        regions.enumerate_with_shapely(network, SQUARE)


def test_wrong_the_same_line_twice() -> None:
    # The second copy cuts needles off along the first one.
    network = shallow([(-4, -4), (-1, 3), (-1, 3)], [8, -2, -2])
    assert counts(network, SQUARE) == (6, 4)
    with pytest.raises(DegeneratePositionError, match="thinner"):
        regions.enumerate_with_shapely(network, SQUARE)


def test_wrong_in_deep_layers() -> None:
    # Where the second layer's lines meet a corner of the first one's, on small integers.
    network = Network.from_arrays([[(1, -3), (4, -1)], [(0, 2), (-1, 2)], [(1, 1)]], [[-2, -2], [-2, -2], [0]])
    assert counts(network, SQUARE) == (8, 7)
    with pytest.raises(DegeneratePositionError):
        regions.enumerate_with_shapely(network, SQUARE)


@pytest.mark.parametrize("apart", [1e-15, 1e-16, 1e-20])
def test_wrong_without_an_error_where_lines_nearly_meet(apart: float) -> None:
    # A triangle of this size lies between the lines; it is lost, silently.
    network = shallow([(1, 1), (1, 0), (0, 1)], [apart, 0, 0])
    assert counts(network, Box(-1, -1, 1, 1)) == (6, 7)
    assert regions.enumerate_with_shapely(network, 1).n_regions == 6


def test_wrong_without_an_error_where_parallels_nearly_coincide() -> None:
    network = shallow([(1, 0), (1, 0)], [0, 1e-20])
    assert counts(network, Box(-1, -1, 1, 1)) == (2, 3)
    assert regions.enumerate_with_shapely(network, 1).n_regions == 2


def test_needles_that_it_cuts_are_too_thin_to_be_joined() -> None:
    network = shallow([(1, 0), (1, 0)], [0, 1e-15])
    assert counts(network, Box(-1, -1, 1, 1)) == (3, 3)
    with pytest.raises(DegeneratePositionError, match="thinner"):
        regions.enumerate_with_shapely(network, 1)


def test_degenerate_position_that_floats_hold() -> None:
    # A grid and a fan through the origin are cut without rounding.
    for network, expected in (
        (shallow([(1, 0)] * 3 + [(0, 1)] * 2, [-1, 0, 1, -1, 1]), 12),
        (shallow([(1, 0), (0, 1), (1, 1), (0, 0)], [0, 0, 0, 0]), 6),
    ):
        complex = regions.enumerate_with_shapely(network, 2)
        assert complex.n_regions == expected
        assert_same_complex(complex, regions.enumerate_regions(network, 2))


def test_a_constant_network_is_one_region() -> None:
    complex = regions.enumerate_with_shapely(Network.from_arrays([np.zeros((1, 2))], [[3.0]]), 1)
    assert complex.n_regions == 1
    assert_valid_complex(complex)


def test_it_can_be_saved(tmp_path) -> None:
    complex = regions.enumerate_with_shapely(mlp(2, 4, 1, seed=2), 1)
    complex.save(tmp_path / "plain.npz")
    assert regions.RegionComplex.load(tmp_path / "plain.npz").certificate == complex.certificate


def test_wrong_input() -> None:
    with pytest.raises(InvalidNetworkError, match="3 input"):
        regions.enumerate_with_shapely(mlp(3, 4, 1, seed=0), 1)
    with pytest.raises(DomainError):
        regions.enumerate_with_shapely(mlp(2, 4, 1, seed=0), -1)
    assert issubclass(DegeneratePositionError, RegionsError)
