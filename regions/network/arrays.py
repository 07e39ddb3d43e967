"""Layers as named plain arrays, for files and for tasks on other machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from regions.network.layer import Layer, Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["layer_arrays", "layer_from_arrays"]

_VECTORS = ("bias", "below", "above")
_SPARSE = ("shape", "indptr", "indices", "data")


def layer_arrays(layer: Layer) -> dict[str, NDArray[Any]]:
    """The arrays that a layer is made of, all but the name."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(layer, name) for name in _VECTORS}
    if layer.is_sparse:
        arrays |= {name: np.asarray(getattr(layer.weight, name)) for name in _SPARSE}
    else:
        arrays["weight"] = layer.weight
    group = layer.groups[0]
    plain = len(layer.groups) == 1 and (group.name, group.kind, group.shape) == (
        layer.name,
        layer.kind,
        (layer.n_out,),
    )
    if not plain or group.arguments is not None:
        about = [{"name": g.name, "kind": g.kind, "shape": list(g.shape)} for g in layer.groups]
        arrays["groups"] = np.array(json.dumps(about))
        for j, group in enumerate(layer.groups):
            if group.arguments is not None and group.outputs is not None:
                arrays[f"arguments_{j}"], arrays[f"outputs_{j}"] = group.arguments, group.outputs
    return arrays


def layer_from_arrays(arrays: dict[str, NDArray[Any]], i: int) -> Layer:
    """The layer whose arrays have the names that :func:`layer_arrays` gave them, with an index behind.

    KeyError, TypeError or ValueError when an array is missing or does not fit.
    """
    if f"weight_{i}" in arrays:
        weight: Any = arrays[f"weight_{i}"]
    else:
        shape, indptr, indices, data = (arrays[f"{name}_{i}"] for name in _SPARSE)
        weight = sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
        weight.check_format(full_check=True)
    groups = []
    for j, about in enumerate(json.loads(str(arrays[f"groups_{i}"])) if f"groups_{i}" in arrays else []):
        extra = (arrays.get(f"{name}_{j}_{i}") for name in ("arguments", "outputs"))
        groups.append(Units(about["name"], about["kind"], tuple(about["shape"]), *extra))
    bias, below, above = (arrays[f"{name}_{i}"] for name in _VECTORS)
    return Layer(weight, bias, below, above, str(arrays[f"name_{i}"]), tuple(groups))
