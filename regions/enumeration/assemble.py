"""From what the engine finds to a :class:`regions.RegionComplex`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions._interrupts import interruptible
from regions._threads import cores, single_threaded
from regions.complex.complex import RegionComplex
from regions.engine.whole import WholePlan
from regions.enumeration.part_complex import PartComplex, part_complex
from regions.enumeration.run import Run, reporting, step_bytes
from regions.enumeration.seams import surplus
from regions.enumeration.steps import run_locally
from regions.enumeration.stitch import stitch
from regions.enumeration.vertices import plane_points, rounded_points
from regions.network.integers import finite_maps
from regions.network.maps import affine_maps

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from regions.complex.data import Certificate
    from regions.domain.domain import Domain
    from regions.engine.resources import Resources
    from regions.engine.whole import Block, Plane
    from regions.enumeration.parts import Decomposition
    from regions.enumeration.run import Progress, Started
    from regions.network.network import Network

__all__ = ["assemble"]


@interruptible
def assemble(
    decomposition: Decomposition,
    resources: Resources | None = None,
    *,
    threads: int | None = None,
    max_regions: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
) -> RegionComplex:
    """Enumerate the regions of a decomposed domain; see :func:`regions.enumerate_regions`."""
    network, domain = decomposition.network, decomposition.domain
    # What parts have in common is found in each.
    less = surplus(decomposition) if max_regions is not None else 0
    complexes: list[PartComplex] = []
    with single_threaded(), reporting(progress) as report:
        run = Run(decomposition, resources, max_regions, report, less)
        for started in run.parts():
            plane = _cut(run, started, threads or cores())
            if not decomposition.seams:
                return _of_one_part(network, domain, plane, run.certificate)
            complexes.append(part_complex(started.part, plane))
    stitched = stitch(decomposition, complexes)
    inner = np.flatnonzero(stitched.edge_neurons >= 0)
    values, neuron_lines = affine_maps(
        network, stitched.patterns, stitched.edge_faces[inner].max(axis=1), stitched.edge_neurons[inner]
    )
    packed = np.packbits(stitched.patterns, axis=1)
    values = finite_maps(network, packed, values)
    if domain.is_bounded:
        vertices, directions = rounded_points(stitched, complexes), np.empty((0, 2))
    else:
        lines = np.full((len(stitched.edges), 3), np.nan)
        lines[inner] = neuron_lines
        rim = np.flatnonzero(stitched.edge_sides >= 0)
        sides = stitched.edge_sides[rim]
        lines[rim] = np.column_stack([-domain.normals[sides], domain.offsets[sides]])
        vertices, directions = plane_points(stitched, complexes, lines)
    return RegionComplex(
        network=network,
        domain=domain,
        vertices=vertices,
        edges=stitched.edges,
        edge_neurons=stitched.edge_neurons,
        edge_sides=stitched.edge_sides,
        edge_faces=stitched.edge_faces,
        ring_offsets=stitched.ring_offsets,
        rings=stitched.rings,
        packed_patterns=packed,
        gradients=np.moveaxis(values[:, :2], 1, 2),
        offsets=values[:, 2],
        certificate=run.certificate,
        directions=directions,
    )


def _cut(run: Run, started: Started, threads: int) -> Plane:
    """The complex of one part."""
    limit, at_once = step_bytes(started.room)
    plan = WholePlan(started.enumeration, limit)
    run.decide(plan.proven, plan.decided)
    found: list[tuple[NDArray[np.int64], Block]] = []
    regions = 0

    def so_far() -> int:
        return regions

    outcomes = run_locally(plan, min(threads, at_once))
    for blocks in run.follow(started.number, len(plan), outcomes, so_far):
        found += blocks
        regions += sum(len(block.ancestors) for _, block in blocks)
    return plan.join(found)


def _of_one_part(network: Network, domain: Domain, plane: Plane, certificate: Certificate) -> RegionComplex:
    maps = finite_maps(network, plane.patterns, plane.maps)
    return RegionComplex(
        network=network,
        domain=domain,
        vertices=plane.points[:, :2],
        edges=plane.edges,
        edge_neurons=np.maximum(plane.origins, -1),
        edge_sides=np.maximum(-1 - plane.origins, -1),
        edge_faces=plane.edge_faces,
        ring_offsets=plane.ring_offsets,
        rings=plane.rings,
        packed_patterns=plane.patterns,
        gradients=np.moveaxis(maps[:, :2], 1, 2),
        offsets=maps[:, 2],
        certificate=certificate,
    )
