"""The shape of the input of an ONNX graph: which part of it is that of one point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import CaptureError

if TYPE_CHECKING:
    import onnx

__all__ = ["Batch", "read_shape"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The first axis of the input where that counts points: how many the file was written for, 0 for any number."""

    points: int


def read_shape(info: onnx.ValueInfoProto, given: tuple[Any, ...] | None) -> tuple[Batch | None, tuple[int, ...]]:
    """Return the batch, None where the input has no axis for it, and the shape of the input for one point.

    Parameters
    ----------
    info : ValueInfoProto
    given : tuple of int, optional
        The shape of one point, without the batch.
    """
    tensor = info.type.tensor_type
    sizes = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else 0 for d in tensor.shape.dim)
    known = bool(tensor.HasField("shape"))
    declared = [str(n or d.dim_param or "?") for n, d in zip(sizes, tensor.shape.dim, strict=True)]
    said = f"({', '.join(declared)}{',' * (len(declared) == 1)})" if known else "unknown"
    what = f"the model's input {info.name!r} has shape {said}"
    if given is not None:
        return _given(given, sizes if known else None, what)
    if not sizes or any(n <= 0 for n in sizes[1:]) or sizes == (0,):
        raise CaptureError(
            f"{what[0].upper()}{what[1:]}; allowed is a shape whose first dimension alone is open. Give the shape of "
            "one point, without the batch, e.g. input_shape=(2,), or (3, 32, 32) for an image."
        )
    if len(sizes) == 1:
        return None, sizes
    if sizes[0] > 1:
        raise CaptureError(
            f"{what[0].upper()}{what[1:]}: {sizes[0]} points of shape {sizes[1:]} at once, or one point of shape "
            f"{sizes}? Allowed without a word are files for one point or any number. Say which it is, "
            f"input_shape={sizes[1:]} or input_shape={sizes}, or export the model with a batch of 1 or an open one."
        )
    return Batch(sizes[0]), (1, *sizes[1:])


def _given(given: tuple[Any, ...], sizes: tuple[int, ...] | None, what: str) -> tuple[Batch | None, tuple[int, ...]]:
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in given)
    shape = tuple(int(n) for n in given) if whole else ()
    if shape and sizes is None:
        return Batch(0), (1, *shape)
    if shape and sizes is not None:
        batched = _fits(shape, sizes[1:])
        if sizes and len(shape) == len(sizes) - 1 and batched:
            return Batch(sizes[0]), (1, *shape)
        if len(sizes) > 1 and shape[0] == 1 and sizes[0] <= 1 and _fits(shape, sizes):
            raise CaptureError(
                f"input_shape={given!r} was given; {what}. Allowed is the shape of one point, without the batch. "
                f"Give input_shape={shape[1:]}."
            )
        if _fits(shape, sizes):
            return None, shape
    raise CaptureError(
        f"input_shape={given!r} was given; {what}. Allowed are positive whole numbers, the shape of one point without "
        "the batch, that fit it. Give e.g. input_shape=(2,), or (3, 32, 32) for an image."
    )


def _fits(shape: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
    return len(shape) == len(sizes) and all(n in (0, m) for m, n in zip(shape, sizes, strict=True))
