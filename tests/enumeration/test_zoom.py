from __future__ import annotations

import numpy as np
import pytest

from regions import Network, enumerate_regions
from regions.enumeration.zoom import zoom_out
from regions.study.models import DeepMLP, ShallowMLP


def test_a_generic_shallow_net_has_all_its_regions() -> None:
    found = zoom_out(ShallowMLP(seed=0))
    assert found.n_regions == 211
    assert found.n_vertices == 190
    inside = enumerate_regions(ShallowMLP(seed=0), 2 * found.farthest)
    assert inside.n_regions == 211
    np.testing.assert_allclose(inside.extent, found.extent, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_changes_outside(seed: int) -> None:
    model = DeepMLP(seed=seed)
    found = zoom_out(model)
    assert max(map(abs, found.extent)) == found.farthest
    for factor in (1.001, 1e3):
        assert enumerate_regions(model, factor * found.farthest).extent == pytest.approx(found.extent, rel=1e-6)
    smaller = enumerate_regions(model, 0.999 * found.farthest)
    rim = smaller.edges[(smaller.edge_faces < 0).any(axis=1)].ravel()
    assert len(smaller.vertices) - len(np.unique(rim)) < found.n_vertices


def test_nearly_parallel_lines_meet_far_out() -> None:
    network = Network.from_arrays([[[1, 0], [1, 1e-12], [0, 1]], [[1, 1, 1]]], [[0, 1, 0], [0]])
    found = zoom_out(network)
    assert found.n_regions == 7
    assert found.extent == (-1.0, -1e12, 0.0, 0.0)


def test_no_vertex_at_all() -> None:
    assert zoom_out(Network.from_arrays([np.zeros((1, 2))])).extent is None
    parallel = zoom_out(Network.from_arrays([[[1, 0], [2, 0]], [[1, 1]]], [[1, 0], [0]]))
    assert (parallel.n_regions, parallel.n_vertices, parallel.farthest) == (3, 0, 0.0)


def test_weights_of_many_magnitudes_are_no_obstacle() -> None:
    wild = Network.from_arrays([[[1e300, 1e-300], [1.0, 1.0]], [[1.0, 1.0]]], [[1e-300, 1.0], [0.0]])
    found = zoom_out(wild)
    assert (found.n_regions, found.n_vertices) == (4, 1)
    assert found.extent == (0.0, -1.0, 0.0, -1.0)
