"""What an enumeration or a count may use, and the one check of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regions.arithmetic.matrices import stored
from regions.errors import MemoryLimitError

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["Resources"]

_USUAL_BYTES = 1 << 31
_LEAST_BYTES = 1 << 24
# More than any machine has, and still an int64 in every unit.
_MOST_BYTES = 1 << 48


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of an enumeration or a count.

    Parameters
    ----------
    max_memory : int, optional
        Bytes to work with in each process, on top of what it has and of what is returned; 2 GiB where left out, or the
        least that the network needs.
    device : str, optional
        Of torch, for the products of layers; None for numpy on the CPU.
    """

    max_memory: int | None = None
    device: str | None = None

    def memory(self, network: Network) -> int:
        """The bytes that a network may use."""
        if self.max_memory is None:
            return max(_USUAL_BYTES, _copies(network) + _LEAST_BYTES)
        return min(int(self.max_memory), _MOST_BYTES)

    def room(self, network: Network) -> int:
        """The bytes left beside the copies of a network; raises MemoryLimitError where they do not suffice."""
        copies, memory = _copies(network), self.memory(network)
        if memory < copies + _LEAST_BYTES:
            raise MemoryLimitError(
                f"max_memory={self.max_memory} was given; this network needs at least {copies + _LEAST_BYTES} bytes."
            )
        return memory - copies


def _copies(network: Network) -> int:
    # The packed network, the layers' working copies in each thread, and as much for the complex as for the steps.
    return 4 * 8 * sum(len(stored(layer.weight)) for layer in network.layers)
