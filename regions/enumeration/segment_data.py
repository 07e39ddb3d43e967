"""The pieces of a line as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from regions.complex.data import Certificate
    from regions.network.network import Network

Kind = Literal["segment", "ray", "line"]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentData:
    """The arrays of :class:`SegmentPieces`, which says what each holds."""

    network: Network
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    kind: Kind
    breakpoints: NDArray[np.float64]
    patterns: NDArray[np.bool_]
    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    neuron_offsets: NDArray[np.int64]
    neurons: NDArray[np.int64]
    certificate: Certificate

    @property
    def n_pieces(self) -> int:
        """Number of pieces, ``K + 1``."""
        return len(self.patterns)

    def __len__(self) -> int:
        return len(self.patterns)
