"""The one way through a domain's parts."""

from __future__ import annotations

import pytest
from mlps import mlp, shallow, sparsely

from regions import Box, Certificate, Polyhedron, WholePlane
from regions.engine.resources import Resources
from regions.enumeration.parts import decompose
from regions.enumeration.run import Run
from regions.errors import DomainError, MemoryLimitError

CROSS = shallow([(1, 0), (0, 1)], [0, 0])


def test_every_part_that_is_not_empty_is_started_in_front_of_the_networks_layers() -> None:
    assert [s.number for s in Run(decompose(CROSS, Box(-1, -1, 1, 1))).parts()] == [0]
    assert [s.number for s in Run(decompose(CROSS, WholePlane())).parts()] == [0, 1, 2, 3]
    # x >= 1 lies in the first and the last quadrant, each one face in front of the layers.
    started = list(Run(decompose(CROSS, Polyhedron([[-1, 0]], [-1]))).parts())
    assert [s.number for s in started] == [0, 3]
    assert [s.enumeration.level for s in started] == [s.part.first for s in started]
    assert [s.enumeration.cells.n_faces for s in started] == [1, 1]


def test_a_domain_without_an_interior_is_refused_behind_its_last_part() -> None:
    with pytest.raises(DomainError, match="is empty or has no interior"):
        list(Run(decompose(CROSS, Polyhedron([[1, 0], [-1, 0]], [0, 0]))).parts())


def test_too_little_memory_is_refused_before_anything_is_started() -> None:
    with pytest.raises(MemoryLimitError, match="max_memory=5 was given"):
        next(Run(decompose(CROSS, WholePlane()), Resources(5)).parts())


def test_only_counting_makes_first_layers_narrow() -> None:
    network = mlp(2, 300, 20, 1)
    run = Run(decompose(network, Box(-5, -5, 5, 5)), Resources(1 << 25))
    (whole,), (narrow,) = run.parts(), run.parts(narrow=True)
    assert whole.part.network is network
    assert len(narrow.part.network.layers) == 4
    assert narrow.room == whole.room
    run = Run(decompose(sparsely(network), Box(-5, -5, 5, 5)), Resources(1 << 25))
    assert next(run.parts(narrow=True)).part.network is run.decomposition.network


def test_decisions_add_up() -> None:
    run = Run(decompose(CROSS, Box(-1, -1, 1, 1)))
    run.decide(3, 1)
    run.decide(4, 0)
    assert run.certificate == Certificate(7, 1)
