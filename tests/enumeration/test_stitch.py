"""Parts named and stitched together, by hand: an L, a ring, a half-plane, and the whole plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from mlps import shallow
from parts import in_parts

import regions
from regions import Network, Polygon, Polyhedron, WholePlane
from regions.enumeration.part_complex import INFINITY, INNER, SEAM
from regions.enumeration.stitch import Stitched, stitch
from regions.errors import EngineError
from regions.testing import networks, polygons

L = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
RING = Polygon([(-3, -3), (3, -3), (3, 3), (-3, 3)], holes=[[(-1, -1), (1, -1), (0, 1)]])
# Never zero over any of these domains but the plane.
FAR = shallow([(1, 0)], [100])
UPRIGHT = shallow([(1, 0)], [-1])


def euler(stitched: Stitched) -> int:
    return len(stitched.vertex_parts) - len(stitched.edges) + len(stitched.patterns)


def test_what_the_edges_of_a_quadrant_are_called() -> None:
    # The line x = 1 cuts the first quadrant in two, from the seam along the x axis to infinity.
    decomposition, complexes = in_parts(UPRIGHT, WholePlane())
    first = complexes[0]
    assert first.plane.n_faces == 2
    assert sorted(first.patterns.ravel().tolist()) == [False, True]
    # It ends where the y axis does, in the corner at infinity.
    assert sorted(first.kinds.tolist()) == sorted([INNER, INFINITY, SEAM, SEAM, SEAM])
    assert sorted(first.labels[first.kinds == SEAM].tolist()) == [0, 0, 1]
    assert first.labels[first.kinds == INNER].tolist() == [0]
    assert first.ideal().tolist().count(True) == 2
    assert len(decomposition.seams) == 4


def test_a_chain_runs_along_its_seam() -> None:
    _, complexes = in_parts(UPRIGHT, WholePlane())
    for complex, cut in zip(complexes, (0, None, None, 0), strict=True):
        for kind, seam in complex.part.sides:
            if kind == "seam":
                chain = complex.chain(seam)
                assert len(chain) == (2 if seam == cut else 1)
                ends = complex.plane.edges[chain]
                assert ends[1:, 0].tolist() == ends[:-1, 1].tolist()
    # Broken, it is found out.
    complexes[0].labels[complexes[0].chain(0)[1]] = 1
    with pytest.raises(EngineError, match="along seam 1 are not one chain"):
        complexes[0].chain(1)


def test_an_l_is_one_region_with_its_six_sides() -> None:
    stitched = stitch(*in_parts(FAR, L))
    assert len(stitched.patterns) == 1
    assert sorted(stitched.edge_sides.tolist()) == list(range(6))
    assert stitched.edge_neurons.tolist() == [-1] * 6
    assert sorted(stitched.rings.tolist()) == list(range(6))
    assert stitched.edge_faces.tolist() == [[0, -1]] * 6
    assert (euler(stitched), stitched.n_ideal) == (1, 0)


def test_a_ring_is_one_region_with_a_slit() -> None:
    stitched = stitch(*in_parts(FAR, RING))
    assert (len(stitched.patterns), len(stitched.vertex_parts), len(stitched.edges)) == (1, 7, 8)
    slits = stitched.edge_sides >= 7
    assert sorted(stitched.edge_sides[~slits].tolist()) == list(range(7))
    # One bridge from the shell to the hole, with the region on both sides, gone along twice.
    assert stitched.edge_faces[slits].tolist() == [[0, 0]]
    assert len(stitched.rings) == 9


def test_a_line_halves_the_plane() -> None:
    stitched = stitch(*in_parts(UPRIGHT, WholePlane()))
    # The line from end to end, and infinity on both sides of it.
    assert (len(stitched.patterns), len(stitched.vertex_parts), len(stitched.edges)) == (2, 2, 3)
    assert stitched.n_ideal == 2
    assert sorted(stitched.edge_neurons.tolist()) == [-1, -1, 0]
    inner = stitched.edge_neurons == 0
    assert sorted(stitched.edge_faces[inner][0].tolist()) == [0, 1]
    assert (stitched.edge_faces[~inner] < 0).any(axis=1).all()


def test_a_line_along_a_seam_stays() -> None:
    # The zero line of x is the y axis, along which parts of the plane meet.
    stitched = stitch(*in_parts(shallow([(1, 0)], [0]), WholePlane()))
    assert sorted(stitched.patterns.ravel().tolist()) == [False, True]
    assert sorted(stitched.edge_neurons.tolist()) == [-1, -1, 0]


def test_a_plane_that_nothing_cuts_has_no_edge() -> None:
    stitched = stitch(*in_parts(Network.from_arrays([[[1.0, 2.0]]]), WholePlane()))
    assert (len(stitched.patterns), len(stitched.edges), len(stitched.rings)) == (1, 0, 0)


def test_a_seam_on_the_rim_of_a_half_plane_is_its_side() -> None:
    # x >= 0 leaves two of the four quadrants; the y axis is now a side.
    decomposition, complexes = in_parts(FAR, Polyhedron([[-1, 0]], [0]))
    assert len(complexes) == 2
    stitched = stitch(decomposition, complexes)
    assert sorted(stitched.edge_sides.tolist()) == [-1, 0]


def test_parts_that_do_not_fit_are_found_out() -> None:
    decomposition, complexes = in_parts(UPRIGHT, WholePlane())
    _, others = in_parts(shallow([(1, 0)], [1]), WholePlane())
    with pytest.raises(EngineError, match="cut differently along seam"):
        stitch(decomposition, [complexes[0], *others[1:]])


@settings(max_examples=25)
@given(networks(max_hidden_layers=2, max_width=4), polygons())
def test_what_is_stitched_is_closed(network: Network, domain: Polygon) -> None:
    decomposition, complexes = in_parts(network, domain)
    stitched = stitch(decomposition, complexes)
    assert euler(stitched) == 1 - len(domain.holes)
    # Every side of a ring is an edge, with the ring's region beside it.
    beside = {(*e, f[0]) for e, f in zip(stitched.edges.tolist(), stitched.edge_faces.tolist(), strict=True)}
    beside |= {(v, u, f[1]) for (u, v), f in zip(stitched.edges.tolist(), stitched.edge_faces.tolist(), strict=True)}
    for region, ring in enumerate(np.split(stitched.rings, stitched.ring_offsets[1:-1])):
        assert all((u, v, region) in beside for u, v in zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))
    assert len(stitched.patterns) == regions.count_regions(network, domain)
