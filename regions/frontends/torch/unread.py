"""Finds the coordinates of the input that a model does not look at."""

from __future__ import annotations

import numpy as np
import torch

from regions.network.network import Network

__all__ = ["unread_coordinates"]


def unread_coordinates(
    model: torch.nn.Module, network: Network, shape: tuple[int, ...], example: torch.Tensor
) -> list[int]:
    """Return the coordinates of a point that have no part in the output of the model, of which `network` was read.

    One that is only ever multiplied by zero, as in a pruned layer, is read all the same, and not in it.
    """
    reached = np.ones(network.n_outputs, dtype=bool)
    for layer in reversed(network.layers):
        reached = np.asarray(abs(layer.weight[reached]).sum(axis=0) > 0)
    candidates = np.flatnonzero(~reached).tolist()
    batched = len(shape) > 1
    size = shape[0] if batched else 1
    unread: list[int] = []
    for start in range(0, len(candidates), size):
        chosen = candidates[start : start + size]
        points = torch.zeros((size, network.input_dimension), dtype=example.dtype, device=example.device)
        # Zero times NaN is NaN: what is multiplied by a weight of zero is found out, and what is left out is not.
        points[range(len(chosen)), chosen] = torch.nan
        try:
            with torch.no_grad():
                result = model(points.reshape(shape)).reshape(size, -1)
        except Exception:
            # The model minds, so it looks.
            continue
        seen = result.isnan().any(dim=1).tolist()
        unread += [c for c, there in zip(chosen, seen, strict=False) if not there]
    return unread
