"""From what the engine finds to a :class:`regions.RegionComplex`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regions._interrupts import interruptible
from regions.complex.complex import RegionComplex
from regions.enumeration.part_complex import PartComplex, neuron_index, part_complex
from regions.enumeration.run import Run
from regions.enumeration.stitch import stitch
from regions.enumeration.vertices import plane_points, rounded_points
from regions.network.integers import finite_maps
from regions.network.maps import affine_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.data import Certificate
    from regions.domain.domain import Domain
    from regions.engine.cells import Result
    from regions.engine.resources import Resources
    from regions.enumeration.parts import Decomposition
    from regions.network.network import Network

__all__ = ["assemble"]


@interruptible
def assemble(decomposition: Decomposition, resources: Resources | None = None) -> RegionComplex:
    """Enumerate the regions of a decomposed domain; raise DomainError when it has no interior."""
    network, domain = decomposition.network, decomposition.domain
    run = Run(decomposition, resources)
    index = neuron_index(network)
    complexes: list[PartComplex] = []
    for started in run.parts():
        result = started.enumeration.run()
        run.decide(result.proven, result.decided)
        if not decomposition.seams:
            return _of_one_part(network, domain, result, index, run.certificate)
        complexes.append(part_complex(started.part, started.enumeration, result, index))
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


def _of_one_part(
    network: Network, domain: Domain, result: Result, index: NDArray[np.int64], certificate: Certificate
) -> RegionComplex:
    cells = result.cells
    origins = result.line_origins[cells.edge_lines]
    on_rim = origins[:, 0] < 0
    maps = finite_maps(network, result.packed_patterns, result.maps)
    return RegionComplex(
        network=network,
        domain=domain,
        vertices=cells.points[:, :2],
        edges=cells.edges,
        edge_neurons=np.where(on_rim, -1, index[origins[:, 0], np.where(on_rim, 0, origins[:, 2])]),
        edge_sides=np.where(on_rim, origins[:, 2], -1),
        edge_faces=cells.edge_faces,
        ring_offsets=cells.ring_offsets,
        rings=cells.rings,
        packed_patterns=result.packed_patterns,
        gradients=np.moveaxis(maps[:, :2], 1, 2),
        offsets=maps[:, 2],
        certificate=certificate,
    )
