"""ONNX operators on images: convolutions, pools, and enlarging by repetition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.frontends.layers import pieces
from regions.frontends.onnx.values import Traced

if TYPE_CHECKING:
    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Step

__all__ = ["ARGUMENTS", "CHECKS", "HANDLERS", "paddings"]


def _sizes(step: Step, name: str, default: int, count: int) -> list[int]:
    return [int(n) for n in step.attribute(name) or [default] * count]


def paddings(step: Step, spatial: tuple[int, ...], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding before and after, axis by axis, that a convolution or a pool gives or asks to be found.

    Parameters
    ----------
    step : Step
    spatial, kernel : sequence of int
        Sizes of the image and of the kernel.

    Returns
    -------
    list of (int, int)
    """
    mode, n = step.attribute("auto_pad", "NOTSET"), len(spatial)
    stride, dilation = _sizes(step, "strides", 1, n), _sizes(step, "dilations", 1, n)
    if step.kind == "ConvTranspose" and (step.attribute("output_shape") is not None or mode.startswith("SAME")):
        return _transposed_padding(step, spatial, kernel, stride, dilation)
    if mode in ("NOTSET", ""):
        pads = _sizes(step, "pads", 0, 2 * n)
        return list(zip(pads[:n], pads[n:], strict=True))
    if mode == "VALID":
        return [(0, 0)] * n
    found = []
    for length, k, s, d in zip(spatial, kernel, stride, dilation, strict=True):
        total = max((ceil(Fraction(length, s)) - 1) * s + (k - 1) * d + 1 - length, 0)
        small, large = total // 2, total - total // 2
        found.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return found


def _spatial(step: Step, source: Any) -> tuple[int, ...]:
    if len(source.shape) < 3:
        raise step.unsupported(f"on a tensor of shape {source.shape}, which is no image or sequence")
    return source.shape[2:]


def _convolution(reader: Reader, step: Step) -> Traced:
    source = step.input(0)
    spatial = _spatial(step, source)
    n = len(spatial)
    weight, bias = step.numbers(1, "a kernel"), step.numbers(2, "a bias")
    stride, dilation = _sizes(step, "strides", 1, n), _sizes(step, "dilations", 1, n)
    groups = step.attribute("group", 1)
    padding = paddings(step, spatial, weight.shape[2:])
    # Every weight stands once for each place of the image it is moved over, or of the larger one it is moved to.
    counts = [
        -(-(length + sum(p)) // s) if step.kind == "Conv" else length
        for length, p, s in zip(spatial, padding, stride, strict=True)
    ]
    reader.hold(weight.size * prod(counts) * source.shape[0], step)
    if step.kind == "Conv":
        matrix, shape = pieces.convolution_matrix(weight, source.shape[1:], stride, padding, dilation, groups)
    else:
        extra = _sizes(step, "output_padding", 0, n)
        matrix, shape = pieces.transposed_convolution_matrix(
            weight, source.shape[1:], stride, padding, dilation, groups, extra
        )
    batch = source.shape[0]
    offsets = np.zeros(shape[0]) if bias is None else bias
    offset = np.tile(np.repeat(offsets, int(np.prod(shape[1:]))), batch)
    value = reader.assembly.linear(source.value, pieces.repeated(matrix, batch), offset, step.label)
    return Traced(value, (batch, *shape))


def _transposed_padding(
    step: Step, spatial: tuple[int, ...], kernel: Sequence[int], stride: list[int], dilation: list[int]
) -> list[tuple[int, int]]:
    """Return what has to be cut off for the output to have the shape that is asked for."""
    n, found = len(spatial), []
    extra = _sizes(step, "output_padding", 0, n)
    wanted = step.attribute("output_shape") or [length * s for length, s in zip(spatial, stride, strict=True)]
    for i, length in enumerate(spatial):
        natural = stride[i] * (length - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1
        total = natural - int(wanted[len(wanted) - n + i])
        if total < 0:
            raise step.unsupported(f"with an output shape of {list(wanted)}, which is larger than the kernel reaches")
        small, large = total // 2, total - total // 2
        found.append((small, large) if step.attribute("auto_pad", "NOTSET") == "SAME_UPPER" else (large, small))
    return found


def _pool(reader: Reader, step: Step) -> Any:
    source = step.input(0)
    spatial = _spatial(step, source)
    n = len(spatial)
    kernel = _sizes(step, "kernel_shape", 1, n)
    stride, dilation = _sizes(step, "strides", 1, n), _sizes(step, "dilations", 1, n)
    padding = paddings(step, spatial, kernel)
    ceiling = bool(step.attribute("ceil_mode", 0))
    # Pools treat every channel of every image alike.
    channels = source.shape[0] * source.shape[1]
    inside = (channels, *spatial)
    counts = [-(-(length + sum(p)) // s) for length, p, s in zip(spatial, padding, stride, strict=True)]
    reader.hold(channels * prod(counts) * prod(kernel), step)
    if step.kind == "MaxPool":
        index, shape = pieces.windows(inside, kernel, stride, padding, dilation, ceiling)
        whole = (*source.shape[:2], *shape[1:])
        places = reader.point_shape(whole)
        value = pieces.maximum_of(reader.assembly, source.value, index, name=step.label, shape=places)
        return [Traced(value, whole)]
    counts_padding = bool(step.attribute("count_include_pad", 0))
    if any(d != 1 for d in dilation):
        index, shape = pieces.windows(inside, kernel, stride, padding, dilation, ceiling)
        if counts_padding and (ceiling or any(any(p) for p in padding)):
            raise step.unsupported("with dilations and count_include_pad")
        divisors = np.maximum((index >= 0).sum(axis=1), 1)
        matrix = pieces.weighted_windows(index, pieces.reciprocals(divisors)[:, None], source.value.size)
    else:
        matrix, shape = pieces.average_matrix(inside, kernel, stride, padding, ceiling, counts_padding)
    value = reader.assembly.linear(source.value, matrix, np.zeros(matrix.shape[0]), step.label)
    return Traced(value, (*source.shape[:2], *shape[1:]))


def _global_pool(reader: Reader, step: Step) -> Traced:
    source = step.input(0)
    spatial = _spatial(step, source)
    shape = (*source.shape[:2], *(1,) * len(spatial))
    index = np.arange(source.value.size).reshape(source.shape[0] * source.shape[1], -1)
    if step.kind == "GlobalMaxPool":
        places = reader.point_shape(shape)
        value = pieces.maximum_of(reader.assembly, source.value, index, name=step.label, shape=places)
        return Traced(value, shape)
    factor = pieces.reciprocals(index.shape[1]).reshape(1, 1)
    matrix = pieces.weighted_windows(index, factor, source.value.size)
    return Traced(reader.assembly.linear(source.value, matrix, np.zeros(len(index)), step.label), shape)


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


def _resize(reader: Reader, step: Step) -> Any:
    source = step.input(0)
    old = step.kind == "Upsample" or reader.opset < 11
    scales = step.attribute("scales")
    if scales is None:
        scales = step.constant(1 if old else 2, "scales")
    sizes = None if old else step.constant(3, "sizes")
    if sizes is not None and np.size(sizes):
        counts = [int(n) for n in sizes]
    else:
        counts = [floor(n * Fraction(float(s))) for n, s in zip(source.shape, np.asarray(scales).ravel(), strict=True)]
    if any(count % length for count, length in zip(counts, source.shape, strict=True)):
        raise step.unsupported(f"from shape {source.shape} to {tuple(counts)}, which are no whole multiples")
    mode = "asymmetric" if old else step.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else step.attribute("nearest_mode", "round_prefer_floor")
    ids = np.arange(source.value.size).reshape(source.shape)
    for axis, (length, count) in enumerate(zip(source.shape, counts, strict=True)):
        places = [_origin(i, length, count, mode) for i in range(count)]
        near = [_nearest(p, rounding) for p in places if p is not None]
        if len(near) < count:
            raise step.unsupported(f"with coordinate_transformation_mode={mode!r}")
        ids = np.take(ids, np.clip(near, 0, length - 1), axis=axis)
    return reader.gather([source.value], ids)


def _check_pool(step: Step) -> None:
    if step.attribute("storage_order", 0):
        raise step.unsupported("with storage_order=1")


def _check_resize(step: Step) -> None:
    if step.attribute("mode", "nearest") != "nearest":
        raise step.unsupported(f"with mode={step.attribute('mode')!r}; of its modes only 'nearest' is read")
    if step.attribute("axes") is not None or step.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise step.unsupported("with axes or an aspect ratio of its own")


# Inputs that must be constants, and what they are.
ARGUMENTS = {
    **{kind: {1: "a kernel", 2: "a bias"} for kind in ("Conv", "ConvTranspose")},
    **{kind: {1: "scales", 2: "scales", 3: "sizes"} for kind in ("Resize", "Upsample")},
}
# What is refused before any number is known.
CHECKS: dict[str, Callable[[Step], None]] = {
    "MaxPool": _check_pool,
    **dict.fromkeys(("Resize", "Upsample"), _check_resize),
}
HANDLERS: dict[str, Callable[[Reader, Step], Any]] = {
    **dict.fromkeys(("Conv", "ConvTranspose"), _convolution),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("GlobalMaxPool", "GlobalAveragePool"), _global_pool),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
}
