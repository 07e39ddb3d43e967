"""ONNX operators on images: convolutions, pools, and enlarging by repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.frontends.layers import windows
from regions.frontends.onnx.values import Dependent

if TYPE_CHECKING:
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS", "paddings"]


def _sizes(operation: Operation, name: str, default: int, count: int) -> list[int]:
    return [int(n) for n in operation.attribute(name) or [default] * count]


def paddings(operation: Operation, spatial: tuple[int, ...], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding before and after, axis by axis, that a convolution or a pool gives or asks to be found.

    `spatial` and `kernel` are the sizes of the image and of the kernel.
    """
    mode, n = operation.attribute("auto_pad", "NOTSET"), len(spatial)
    stride, dilation = _sizes(operation, "strides", 1, n), _sizes(operation, "dilations", 1, n)
    if operation.name == "ConvTranspose" and (
        operation.attribute("output_shape") is not None or mode.startswith("SAME")
    ):
        return _transposed_padding(operation, spatial, kernel, stride, dilation)
    if mode in ("NOTSET", ""):
        pads = _sizes(operation, "pads", 0, 2 * n)
        return list(zip(pads[:n], pads[n:], strict=True))
    if mode == "VALID":
        return [(0, 0)] * n
    found = []
    for length, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        total = max((ceil(Fraction(length, s)) - 1) * s + (k - 1) * d + 1 - length, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return found


def _spatial(operation: Operation, source: Any) -> tuple[int, ...]:
    if len(source.shape) < 3:
        raise operation.unsupported(f"on a tensor of shape {source.shape}, which is no image or sequence")
    return source.shape[2:]


def _convolution(reader: Reader, operation: Operation) -> Dependent:
    source = operation.input(0)
    spatial = _spatial(operation, source)
    n = len(spatial)
    weight, bias = operation.numbers(1, "a kernel"), operation.numbers(2, "a bias")
    stride, dilation = _sizes(operation, "strides", 1, n), _sizes(operation, "dilations", 1, n)
    groups = operation.attribute("group", 1)
    padding = paddings(operation, spatial, weight.shape[2:])
    # Every weight stands once for each place of the image it is moved over, or of the larger one it is moved to.
    counts = [
        -(-(length + sum(p)) // s) if operation.name == "Conv" else length
        for length, p, s in zip(spatial, padding, stride, strict=True)
    ]
    reader.hold(weight.size * prod(counts) * source.shape[0], operation)
    extra = None if operation.name == "Conv" else _sizes(operation, "output_padding", 0, n)
    how = (stride, padding, dilation, groups)
    matrix, offset, shape = windows.convolution(weight, bias, source.shape[1:], source.shape[0], how, extra)
    return reader.mapped(operation, source, matrix, offset, (source.shape[0], *shape))


def _transposed_padding(
    operation: Operation, spatial: tuple[int, ...], kernel: Sequence[int], stride: list[int], dilation: list[int]
) -> list[tuple[int, int]]:
    """Return what has to be cut off for the output to have the shape that is asked for."""
    n, found = len(spatial), []
    extra = _sizes(operation, "output_padding", 0, n)
    wanted = operation.attribute("output_shape") or [length * s for length, s in zip(spatial, stride, strict=True)]
    for i, length in enumerate(spatial):
        natural = stride[i] * (length - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1
        total = natural - int(wanted[len(wanted) - n + i])
        if total < 0:
            raise operation.unsupported(
                f"with an output shape of {list(wanted)}, which is larger than the kernel reaches"
            )
        small, large = total // 2, total - total // 2
        found.append((small, large) if operation.attribute("auto_pad", "NOTSET") == "SAME_UPPER" else (large, small))
    return found


def _pool(reader: Reader, operation: Operation) -> Any:
    source = operation.input(0)
    spatial = _spatial(operation, source)
    n = len(spatial)
    kernel = _sizes(operation, "kernel_shape", 1, n)
    stride, dilation = _sizes(operation, "strides", 1, n), _sizes(operation, "dilations", 1, n)
    padding = paddings(operation, spatial, kernel)
    ceiling = bool(operation.attribute("ceil_mode", 0))
    # Pools treat every channel of every image alike.
    channels = source.shape[0] * source.shape[1]
    inside = (channels, *spatial)
    counts = [-(-(length + sum(p)) // s) for length, p, s in zip(spatial, padding, stride, strict=True)]
    reader.hold(channels * prod(counts) * prod(kernel), operation)
    if operation.name == "MaxPool":
        index, shape = windows.windows(inside, kernel, stride, padding, dilation, ceiling)
        whole = (*source.shape[:2], *shape[1:])
        return [Dependent(reader.largest(operation, source.value, index, whole), whole)]
    counts_padding = bool(operation.attribute("count_include_pad", 0))
    if any(d != 1 for d in dilation):
        index, shape = windows.windows(inside, kernel, stride, padding, dilation, ceiling)
        if counts_padding and (ceiling or any(any(p) for p in padding)):
            raise operation.unsupported("with dilations and count_include_pad")
        divisors = np.maximum((index >= 0).sum(axis=1), 1)
        matrix = windows.weighted_windows(index, windows.reciprocals(divisors)[:, None], source.value.size)
    else:
        matrix, shape = windows.average_matrix(inside, kernel, stride, padding, ceiling, counts_padding)
    return reader.mapped(operation, source, matrix, shape=(*source.shape[:2], *shape[1:]))


def _global_pool(reader: Reader, operation: Operation) -> Dependent:
    source = operation.input(0)
    spatial = _spatial(operation, source)
    shape = (*source.shape[:2], *(1,) * len(spatial))
    index = np.arange(source.value.size).reshape(source.shape[0] * source.shape[1], -1)
    if operation.name == "GlobalMaxPool":
        return Dependent(reader.largest(operation, source.value, index, shape), shape)
    return reader.averaged(operation, source, index, shape, mean=True)


def _nearest(place: Fraction, rounding: str) -> int:
    half = Fraction(1, 2)
    found = {
        "floor": floor(place),
        "ceil": ceil(place),
        "round_prefer_floor": ceil(place - half),
        "round_prefer_ceil": floor(place + half),
    }
    return found[rounding]


def _origin(i: int, length: int, count: int, mode: str) -> Fraction | None:
    """Return the place in the input of entry `i` of an axis that was enlarged from `length` to `count`."""
    if mode == "asymmetric":
        return Fraction(i * length, count)
    if mode == "align_corners":
        return Fraction(i * (length - 1), count - 1) if count > 1 else Fraction(0)
    if mode == "pytorch_half_pixel" and count == 1:
        return Fraction(0)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return Fraction((2 * i + 1) * length, 2 * count) - Fraction(1, 2)
    return None


def _resize(reader: Reader, operation: Operation) -> Any:
    source = operation.input(0)
    old = operation.name == "Upsample" or reader.opset < 11
    scales = operation.attribute("scales")
    if scales is None:
        scales = operation.constant(1 if old else 2, "scales")
    sizes = None if old else operation.constant(3, "sizes")
    if sizes is not None and np.size(sizes):
        counts = [int(n) for n in sizes]
    else:
        counts = [floor(n * Fraction(float(s))) for n, s in zip(source.shape, np.asarray(scales).ravel(), strict=True)]
    if any(count % length for count, length in zip(counts, source.shape, strict=True)):
        raise operation.unsupported(f"from shape {source.shape} to {tuple(counts)}, which are no whole multiples")
    mode = "asymmetric" if old else operation.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else operation.attribute("nearest_mode", "round_prefer_floor")
    ids = np.arange(source.value.size).reshape(source.shape)
    for axis, (length, count) in enumerate(zip(source.shape, counts, strict=True)):
        places = [_origin(i, length, count, mode) for i in range(count)]
        near = [_nearest(p, rounding) for p in places if p is not None]
        if len(near) < count:
            raise operation.unsupported(f"with coordinate_transformation_mode={mode!r}")
        ids = np.take(ids, np.clip(near, 0, length - 1), axis=axis)
    return reader.gather([source.value], ids)


def _check_pool(operation: Operation) -> None:
    if operation.attribute("storage_order", 0):
        raise operation.unsupported("with storage_order=1")


def _check_resize(operation: Operation) -> None:
    if operation.attribute("mode", "nearest") != "nearest":
        raise operation.unsupported(f"with mode={operation.attribute('mode')!r}; of its modes only 'nearest' is read")
    if (
        operation.attribute("axes") is not None
        or operation.attribute("keep_aspect_ratio_policy", "stretch") != "stretch"
    ):
        raise operation.unsupported("with axes or an aspect ratio of its own")


# Inputs that must be constants, and what they are.
ARGUMENTS = {
    **{kind: {1: "a kernel", 2: "a bias"} for kind in ("Conv", "ConvTranspose")},
    **{kind: {1: "scales", 2: "scales", 3: "sizes"} for kind in ("Resize", "Upsample")},
}
# What is refused before any number is known.
CHECKS: dict[str, Callable[[Operation], None]] = {
    "MaxPool": _check_pool,
    **dict.fromkeys(("Resize", "Upsample"), _check_resize),
}
HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    **dict.fromkeys(("Conv", "ConvTranspose"), _convolution),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool"), _global_pool),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
}
