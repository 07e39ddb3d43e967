"""How the operators of the ai.onnx.ml set that are affine act on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import NotPiecewiseLinearError
from regions.frontends.layers import pieces
from regions.frontends.onnx.values import Traced, as_float64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Step

    Floats = NDArray[np.float64]

__all__ = ["CHECKS", "HANDLERS", "affine_of", "selection_of"]


def _floats(step: Step, name: str) -> Floats:
    given = step.attribute(name)
    return as_float64([] if given is None else given, f"{name} of {step.kind} at {step.place}")


def _columns(step: Step, source: Traced) -> int:
    if len(source.shape) not in (1, 2):
        raise step.unsupported(f"on a tensor of shape {source.shape}, which is no table of points and features")
    return source.shape[-1]


def _per_column(step: Step, name: str, default: float, columns: int) -> Floats:
    given = _floats(step, name)
    if len(given) not in (0, 1, columns):
        raise step.unsupported(f"with {len(given)} numbers for {name} and {columns} features")
    return np.array(np.broadcast_to(given if len(given) else default, (columns,)), dtype=np.float64)


def affine_of(step: Step, source: Traced) -> list[tuple[Floats, Floats]]:
    """Return the matrices (features, outputs) and offsets that a regressor or classifier applies one after another."""
    columns = _columns(step, source)
    weights = _floats(step, "coefficients")
    if step.kind == "SVMRegressor":
        offset = _floats(step, "rho")[:1]
        count = step.attribute("n_supports", 0)
        if count == 0:
            return [(weights.reshape(columns, 1), offset)]
        vectors = _floats(step, "support_vectors").reshape(count, columns)
        return [(vectors.T, np.zeros(count)), (weights.reshape(count, 1), offset)]
    matrix = weights.reshape(-1, columns)
    offset = _floats(step, "intercepts")
    offset = offset if len(offset) else np.zeros(len(matrix))
    if step.kind == "LinearClassifier" and len(matrix) == 1:
        raise step.unsupported("with one row of coefficients, of which runtimes make different scores")
    return [(matrix.T, offset)]


def _scaler(reader: Reader, step: Step) -> Traced:
    source: Traced = step.input(0)
    columns = _columns(step, source)
    offset, scale = (_per_column(step, n, d, columns) for n, d in (("offset", 0.0), ("scale", 1.0)))
    offset, scale = (np.array(np.broadcast_to(a, source.shape)).ravel() for a in (offset, scale))
    found = reader.assembly.scale(reader.assembly.shift(source.value, -offset), scale)
    return Traced(found, source.shape)


def _regressor(reader: Reader, step: Step) -> Any:
    source: Traced = step.input(0)
    value, rows = source.value, source.shape[0] if len(source.shape) > 1 else 1
    maps = affine_of(step, source)
    for matrix, offset in maps:
        value = reader.assembly.linear(value, pieces.repeated(matrix.T, rows), np.tile(offset, rows), step.label)
    found = Traced(value, (rows, len(maps[-1][1])))
    return [None, found] if step.kind == "LinearClassifier" else found


def _check_transform(step: Step) -> None:
    given = step.attribute("post_transform", "NONE")
    if given != "NONE":
        raise NotPiecewiseLinearError(
            f"The model uses {step.kind} with post_transform={given} at {step.place}, which is not piecewise linear, "
            "so the model has no linear regions by any definition. Allowed is NONE. Write the model without it: its "
            "scores are what the network computes."
        )


def _check_kernel(step: Step) -> None:
    _check_transform(step)
    kernel = step.attribute("kernel_type", "LINEAR")
    if kernel != "LINEAR":
        raise NotPiecewiseLinearError(
            f"The model uses {step.kind} with the kernel {kernel} at {step.place}, which is not piecewise linear, so "
            "the model has no linear regions by any definition. Allowed is LINEAR. Replace it."
        )
    if step.attribute("one_class", 0):
        raise NotPiecewiseLinearError(
            f"The model uses {step.kind} with one_class=1 at {step.place}; it takes the sign, which jumps, so it is "
            "not continuous and piecewise linear. Allowed is one_class=0. Replace it."
        )


def _imputer(reader: Reader, step: Step) -> Any:
    return step.input(0)


def _check_imputer(step: Step) -> None:
    replaced = step.attribute("replaced_value_float", 0.0)
    given = set(step.attribute("imputed_value_floats") or ())
    # A finite input has no entry that is not a number.
    if not np.isnan(replaced) and given != {replaced}:
        raise NotPiecewiseLinearError(
            f"The model uses Imputer at {step.place}, which puts another number in the place of {replaced:g}; that "
            "jumps, so it is not continuous and piecewise linear. Allowed is replacing NaN alone. Replace it."
        )


def selection_of(step: Step) -> list[tuple[int, int]]:
    """Return of each input of a FeatureVectorizer how many columns it has, and how many are wanted."""
    wanted = step.attribute("inputdimensions") or []
    shapes = [np.shape(i) if not isinstance(i, Traced) else i.shape for i in step.inputs]
    if len(wanted) != len(shapes) or any(len(s) != 2 for s in shapes):
        raise step.unsupported(f"with inputdimensions={list(wanted)} on shapes {shapes}")
    return [(s[1], int(n)) for s, n in zip(shapes, wanted, strict=True)]


def _vectorizer(reader: Reader, step: Step) -> Traced:
    values, ids, start = [pieces.constant(np.zeros(1))], [], 1
    for source, (columns, wanted) in zip(step.inputs, selection_of(step), strict=True):
        if not isinstance(source, Traced):
            numbers = as_float64(source, f"A constant of {step.kind} at {step.place}")
            source = Traced(pieces.constant(numbers), numbers.shape)
        values.append(source.value)
        place = np.arange(start, start + source.value.size).reshape(source.shape)
        ids.append(np.pad(place[:, :wanted], ((0, 0), (0, max(wanted - columns, 0)))))
        start += source.value.size
    return reader.gather(values, np.concatenate(ids, axis=1))


def _extractor(reader: Reader, step: Step) -> Traced:
    source: Traced = step.input(0)
    index = np.asarray(step.constant(1, "an argument")).ravel()
    ids = np.arange(source.value.size).reshape(source.shape)[..., index]
    return reader.gather([source.value], ids if len(source.shape) > 1 else ids[None])


# What is refused before any number is known.
CHECKS: dict[str, Callable[[Step], None]] = {
    **dict.fromkeys(("LinearRegressor", "LinearClassifier"), _check_transform),
    "SVMRegressor": _check_kernel,
    "Imputer": _check_imputer,
}
HANDLERS: dict[str, Callable[[Reader, Step], Any]] = {
    "Scaler": _scaler,
    **dict.fromkeys(("LinearRegressor", "LinearClassifier", "SVMRegressor"), _regressor),
    "Imputer": _imputer,
    "FeatureVectorizer": _vectorizer,
    "ArrayFeatureExtractor": _extractor,
}
