"""The whole complex block by block: the same complex whatever the blocks, and that of the loop without blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import mlp, sparsely

import regions
from regions import Box
from regions.engine import whole as blockwise
from regions.engine.cut import Enumeration
from regions.engine.maps.folded import DOUBT, cut_block
from regions.engine.whole import Plane, WholePlan
from regions.errors import EngineError, TooManyRegionsError
from regions.testing import domains, networks


def whole(network, domain, size: int) -> Plane:
    plan = WholePlan(Enumeration(network, domain), size=size)
    return plan.join([block for i in range(len(plan)) for block in plan.step(i)[0]])


def at_once(network, domain) -> Plane:
    """Every layer cut as a whole, with the map of every unit on every face."""
    plan = WholePlan(Enumeration(network, domain))
    plan._start, plan._blocks = Enumeration(network, domain), []
    return plan.join(plan.step(0)[0])


def assert_same(one: Plane, other: Plane) -> None:
    for name in ("patterns", "ring_offsets", "rings", "ring_edges", "edges", "edge_faces", "origins"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    p, q = one.points, other.points
    assert (np.abs(p[:, :2] - q[:, :2]) <= p[:, 3:] + q[:, 3:]).all()
    usable = np.isfinite(one.maps) & np.isfinite(other.maps)
    size = np.abs(np.where(usable, one.maps, 0)).max(initial=0.0)
    assert (np.abs(one.maps - other.maps)[usable] <= 2.0**-30 * size).all()


@settings(max_examples=60)
@given(networks(max_width=7), domains(), st.sampled_from([1, 2, 7, 24]))
def test_blocks_of_any_size_make_the_complex_of_the_loop(network, domain, size):
    assert_same(whole(network, domain, size), at_once(network, domain))


@settings(max_examples=30)
@given(networks(max_width=7), domains(), st.integers(0, 2**32 - 1))
def test_blocks_that_floats_leave_in_doubt_make_the_same_complex(network, domain, seed):
    draw = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockwise, "cut_block", lambda *a: (DOUBT, 0, ()) if draw.random() < 0.5 else cut_block(*a))
        doubtful = whole(network, domain, 2)
    assert_same(doubtful, at_once(network, domain))


@settings(max_examples=30)
@given(networks(max_width=7), domains())
def test_blocks_that_are_too_large_are_halved(network, domain):
    plan = WholePlan(Enumeration(network, domain), limit=1)
    found = [block for i in range(len(plan)) for block in plan.step(i)[0]]
    assert_same(plan.join(found), at_once(network, domain))


def test_blocks_that_do_not_fit_are_an_error():
    network = mlp(2, 12, 12, 1)
    plan = WholePlan(Enumeration(network, Box(-3, -3, 3, 3)), size=8)
    found = [block for i in range(len(plan)) for block in plan.step(i)[0]]
    assert len(found) > 2
    with pytest.raises(EngineError):
        plan.join(found[1:])


@pytest.mark.parametrize(
    "domain", [3, regions.WholePlane(), regions.Polygon([(-3, -3), (3, -3), (0, 0), (3, 3), (-3, 3)])], ids=str
)
def test_threads_change_nothing(domain):
    network = mlp(2, 30, 30, 30, 2)
    one, two, five = (regions.enumerate_regions(network, domain, threads=n) for n in (1, 2, 5))
    for other in (two, five):
        assert other.certificate == one.certificate
        for name in (
            "vertices",
            "edges",
            "edge_faces",
            "edge_neurons",
            "rings",
            "packed_patterns",
            "gradients",
            "offsets",
        ):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert regions.count_regions(network, domain) == one.n_regions


def test_limits_and_progress():
    network, seen = mlp(2, 30, 30, 30, 2), []
    n = regions.enumerate_regions(network, 3, progress=seen.append).n_regions
    assert seen[-1].done == seen[-1].total
    assert seen[-1].regions == n
    assert regions.enumerate_regions(network, 3, max_regions=n).n_regions == n
    with pytest.raises(TooManyRegionsError):
        regions.enumerate_regions(network, 3, max_regions=n - 1)
    with pytest.raises(TypeError, match="progress"):
        regions.enumerate_regions(network, 3, progress="bar")
    with pytest.raises(ValueError, match="threads"):
        regions.enumerate_regions(network, 3, threads=0)


def test_sparse_layers_are_never_multiplied_out_for_points(monkeypatch):
    network, domain = mlp(2, 6, 6, 1), Box(-3, -3, 3, 3)
    dense = whole(network, domain, 4)
    plan = WholePlan(Enumeration(sparsely(network), domain))
    assert len(plan) == 1
    sparse = plan.join(plan.step(0)[0])
    everything = np.arange(len(dense.points))
    expected = dense.exact_points(everything)

    def touched(*_):
        raise AssertionError("the integers of all layers were asked for")

    monkeypatch.setattr(blockwise, "ExactLines", touched)
    found = sparse.exact_points(everything)
    for vertex in everything.tolist():
        (x, y, w), (p, q, r) = found[vertex], expected[vertex]
        assert (x * r, y * r) == (p * w, q * w)
