"""What there is to work with: one sum, one check, one error."""

from __future__ import annotations

import numpy as np
import pytest
from mlps import mlp, sparsely

from regions import Network
from regions.engine.resources import Resources
from regions.errors import MemoryLimitError

LEAST = 16 * 2**20


def test_room_is_what_the_copies_of_the_network_leave() -> None:
    # 2 * 3 + 3 * 1 weights of 8 bytes, four times.
    network, copies = mlp(2, 3, 1), 4 * 8 * 9
    assert Resources(LEAST + copies).room(network) == LEAST
    assert Resources(10**9).room(network) == 10**9 - copies
    with pytest.raises(MemoryLimitError, match=f"max_memory={LEAST} was given; .* at least {LEAST + copies} bytes"):
        Resources(LEAST).room(network)


def test_sparse_weights_count_as_they_are_stored() -> None:
    network = sparsely(Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]]))
    assert Resources(10**9).room(network) == 10**9 - 4 * 8 * 4


def test_where_nothing_is_said_it_is_two_gibibytes_or_the_least_that_is_needed() -> None:
    network = mlp(2, 3, 1)
    assert Resources().memory(network) == 2**31
    assert Resources(2**70).memory(network) == 2**48

    class Wide:
        layers = (type("Layer", (), {"weight": np.zeros((1, 2**17))}),) * 2**10

    # 2^27 weights: 4 GiB of copies.
    assert Resources().memory(Wide()) == 4 * 2**30 + LEAST
    assert Resources().room(Wide()) == LEAST
