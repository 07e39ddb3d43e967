"""Neurons that never or always are active over the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["NeuronStates", "neuron_states"]


@dataclass(frozen=True, slots=True, eq=False)
class NeuronStates:
    """In how many regions each neuron is active.

    Made by :func:`neuron_states`; its arrays are read-only.

    Parameters
    ----------
    n_regions : int
    active : ndarray, shape (H,), int64
        Number of regions in which the neuron is active.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0]]], [[-1.0, 0.5], [0.0]])
    >>> neuron_states(regions.enumerate_regions(network, 1))
    <NeuronStates of 2 neurons in 2 regions: 1 dead, 0 always on>
    """

    n_regions: int
    active: NDArray[np.int64]

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Neurons that are active nowhere in the domain: shape (H,)."""
        return np.asarray(self.active == 0)

    @property
    def always_on(self) -> NDArray[np.bool_]:
        """Neurons that are active inside every region: shape (H,)."""
        return np.asarray(self.active == self.n_regions)

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Neurons that are dead or always on, so that they are linear over the domain: shape (H,)."""
        return self.dead | self.always_on

    def __repr__(self) -> str:
        h, r = len(self.active), self.n_regions
        return (
            f"<NeuronStates of {h} neuron{'' if h == 1 else 's'} in {r} region{'' if r == 1 else 's'}: "
            f"{int(self.dead.sum())} dead, {int(self.always_on.sum())} always on>"
        )


def neuron_states(complex: RegionComplex) -> NeuronStates:
    """Find the neurons that are dead, always on, or neither, over the whole domain; exactly.

    Parameters
    ----------
    complex : RegionComplex

    Returns
    -------
    NeuronStates

    Notes
    -----
    A neuron that is inactive inside every region has a pre-activation <= 0 on the whole domain, because that is
    continuous. One that is active inside every region has one >= 0, and may be 0 on boundaries: relu(x) + relu(-x) is
    active on both sides of x = 0. Dead neurons of ReLU: Lu, Shin, Su & Karniadakis (2019, "Dying ReLU and
    initialization", arXiv 1903.06733). Stable ones can be removed without changing the network over the domain: Serra,
    Kumar & Ramalingam (2020, "Lossless compression of deep neural networks", arXiv 2001.00218), who find them by
    mixed-integer programs. With slopes other than ReLU's a "dead" neuron is linear and not 0.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 2.0]]], [[2.0, 0.5], [0.0]])
    >>> states = neuron_states(regions.enumerate_regions(network, 1))
    >>> states.active, states.always_on
    (array([2, 1]), array([ True, False]))
    """
    active = complex.patterns.sum(axis=0, dtype=np.int64)
    active.setflags(write=False)
    return NeuronStates(complex.n_regions, active)
