"""How the operators of the ai.onnx.ml set that are affine act on exact affine values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.frontends.layers import pieces, refusals, windows
from regions.frontends.onnx.values import Dependent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.onnx.reader import Reader
    from regions.frontends.onnx.values import Operation

    Floats = NDArray[np.float64]

__all__ = ["CHECKS", "HANDLERS", "affine_of", "selection_of"]


def _floats(operation: Operation, name: str) -> Floats:
    given = operation.attribute(name)
    return operation.float64([] if given is None else given, name)


def _columns(operation: Operation, source: Dependent) -> int:
    if len(source.shape) not in (1, 2):
        raise operation.unsupported(f"on a tensor of shape {source.shape}, which is no table of points and features")
    return source.shape[-1]


def _per_column(operation: Operation, name: str, default: float, columns: int) -> Floats:
    given = _floats(operation, name)
    if len(given) not in (0, 1, columns):
        raise operation.unsupported(f"with {len(given)} numbers for {name} and {columns} features")
    return np.array(np.broadcast_to(given if len(given) else default, (columns,)), dtype=np.float64)


def affine_of(operation: Operation, source: Dependent) -> list[tuple[Floats, Floats]]:
    """Return the matrices (features, outputs) and offsets that a regressor or classifier applies one after another."""
    columns = _columns(operation, source)
    weights = _floats(operation, "coefficients")
    if operation.name == "SVMRegressor":
        offset = _floats(operation, "rho")[:1]
        count = operation.attribute("n_supports", 0)
        if count == 0:
            return [(weights.reshape(columns, 1), offset)]
        vectors = _floats(operation, "support_vectors").reshape(count, columns)
        return [(vectors.T, np.zeros(count)), (weights.reshape(count, 1), offset)]
    matrix = weights.reshape(-1, columns)
    offset = _floats(operation, "intercepts")
    offset = offset if len(offset) else np.zeros(len(matrix))
    if operation.name == "LinearClassifier" and len(matrix) == 1:
        raise operation.unsupported("with one row of coefficients, of which runtimes make different scores")
    return [(matrix.T, offset)]


def _scaler(reader: Reader, operation: Operation) -> Dependent:
    source: Dependent = operation.input(0)
    columns = _columns(operation, source)
    offset, scale = (_per_column(operation, n, d, columns) for n, d in (("offset", 0.0), ("scale", 1.0)))
    offset, scale = (np.array(np.broadcast_to(a, source.shape)).ravel() for a in (offset, scale))
    found = reader.assembly.scale(reader.assembly.shift(source.value, -offset), scale)
    return Dependent(found, source.shape)


def _regressor(reader: Reader, operation: Operation) -> Any:
    source: Dependent = operation.input(0)
    value, rows = source.value, source.shape[0] if len(source.shape) > 1 else 1
    maps = affine_of(operation, source)
    for matrix, offset in maps:
        value = reader.assembly.linear(value, windows.repeated(matrix.T, rows), np.tile(offset, rows), operation.label)
    found = Dependent(value, (rows, len(maps[-1][1])))
    return [None, found] if operation.name == "LinearClassifier" else found


def _check_transform(operation: Operation) -> None:
    given = operation.attribute("post_transform", "NONE")
    if given != "NONE":
        do = "Allowed is NONE. Write the model without it: its scores are what the network computes."
        raise refusals.curved(f"uses {operation.name} with post_transform={given}", operation.place, "that", do)


def _check_kernel(operation: Operation) -> None:
    _check_transform(operation)
    kernel = operation.attribute("kernel_type", "LINEAR")
    what = f"uses {operation.name} with the kernel {kernel}"
    if kernel != "LINEAR":
        raise refusals.curved(what, operation.place, "that", "Allowed is LINEAR. Replace it.")
    if operation.attribute("one_class", 0):
        do = "Allowed is one_class=0. Replace it."
        raise refusals.jumping(f"{what} and one_class=1", operation.place, "it takes the sign, which", do)


def _imputer(reader: Reader, operation: Operation) -> Any:
    return operation.input(0)


def _check_imputer(operation: Operation) -> None:
    replaced = operation.attribute("replaced_value_float", 0.0)
    given = set(operation.attribute("imputed_value_floats") or ())
    # A finite input has no entry that is not a number.
    if not np.isnan(replaced) and given != {replaced}:
        what = f"uses Imputer to put another number in the place of {replaced:g}"
        do = "Allowed is replacing NaN alone. Replace it."
        raise refusals.jumping(what, operation.place, "that", do)


def selection_of(operation: Operation) -> list[tuple[int, int]]:
    """Return of each input of a FeatureVectorizer how many columns it has, and how many are wanted."""
    wanted = operation.attribute("inputdimensions") or []
    shapes = [np.shape(i) if not isinstance(i, Dependent) else i.shape for i in operation.inputs]
    if len(wanted) != len(shapes) or any(len(s) != 2 for s in shapes):
        raise operation.unsupported(f"with inputdimensions={list(wanted)} on shapes {shapes}")
    return [(s[1], int(n)) for s, n in zip(shapes, wanted, strict=True)]


def _vectorizer(reader: Reader, operation: Operation) -> Dependent:
    values, ids, start = [pieces.constant(np.zeros(1))], [], 1
    for source, (columns, wanted) in zip(operation.inputs, selection_of(operation), strict=True):
        if not isinstance(source, Dependent):
            numbers = operation.float64(source, "a constant")
            source = Dependent(pieces.constant(numbers), numbers.shape)
        values.append(source.value)
        place = np.arange(start, start + source.value.size).reshape(source.shape)
        ids.append(np.pad(place[:, :wanted], ((0, 0), (0, max(wanted - columns, 0)))))
        start += source.value.size
    return reader.gather(values, np.concatenate(ids, axis=1))


def _extractor(reader: Reader, operation: Operation) -> Dependent:
    source: Dependent = operation.input(0)
    index = np.asarray(operation.constant(1, "an argument")).ravel()
    ids = np.arange(source.value.size).reshape(source.shape)[..., index]
    return reader.gather([source.value], ids if len(source.shape) > 1 else ids[None])


# What is refused before any number is known.
CHECKS: dict[str, Callable[[Operation], None]] = {
    **dict.fromkeys(("LinearRegressor", "LinearClassifier"), _check_transform),
    "SVMRegressor": _check_kernel,
    "Imputer": _check_imputer,
}
HANDLERS: dict[str, Callable[[Reader, Operation], Any]] = {
    "Scaler": _scaler,
    **dict.fromkeys(("LinearRegressor", "LinearClassifier", "SVMRegressor"), _regressor),
    "Imputer": _imputer,
    "FeatureVectorizer": _vectorizer,
    "ArrayFeatureExtractor": _extractor,
}
