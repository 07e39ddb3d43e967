"""Which output of a network is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import OptionError

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["output_index"]


def output_index(network: Network, output: Any) -> int:
    """The index of an output as an integer, or an :class:`regions.errors.OptionError` where there is no such output."""
    n = network.n_outputs
    if isinstance(output, bool) or not isinstance(output, int | np.integer) or not 0 <= output < n:
        raise OptionError(f"output {output!r} was given; allowed are the network's outputs 0 to {n - 1}.")
    return int(output)
