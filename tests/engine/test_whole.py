"""The whole complex block by block: the same complex whatever the blocks, and that of the loop without blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from regions.engine.cut import Enumeration
from regions.engine.whole import Plane, WholePlan
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
