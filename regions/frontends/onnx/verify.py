"""The comparison of a network with the ONNX graph that it was read from, run by onnx's reference implementation."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from regions.errors import CaptureError
from regions.frontends.layers.verify import check_batch, check_outputs, random_points
from regions.frontends.onnx.plain import DOMAIN, OPERATORS, plain
from regions.network.rounding import allowed_difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.frontends.onnx.reader import Reader
    from regions.network.network import Network

__all__ = ["compare"]

_SCALES = (1.0, 10.0, 0.1, 1000.0, 1.0, 0.1, 10.0, 1.0)
_FEWEST, _SECONDS = 2, 2.0
_BATCH = 3


class _InDouble:
    """The nodes that depend on the input, with every floating constant widened to float64.

    What the file computes from constants alone keeps the numbers that it has in the file's own type.
    """

    def __init__(self, reader: Reader) -> None:
        moving = {reader.input}
        nodes, self.constants = [], {}
        for node in reader.nodes:
            if moving.isdisjoint(node.input):
                continue
            moving.update(node.output)
            nodes.append(node)
        for name in {n for node in nodes for n in node.input if n} - moving:
            array = np.asarray(reader.env[name])
            # Kind "V" is bfloat16, which numpy itself does not know.
            self.constants[name] = array.astype(np.float64) if array.dtype.kind in "fV" else array
        infos = [_info(name) for name in (reader.input, *self.constants)]
        kept = [part for node in nodes for part in plain(reader, node)]
        graph = helper.make_graph(kept, "double", infos, [_info(reader.output)])
        opsets = [helper.make_opsetid("", reader.opset), helper.make_opsetid(DOMAIN, 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        self._evaluator = ReferenceEvaluator(model, new_ops=OPERATORS)
        self._input, self._shape = reader.input, reader.input_shape

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return all outputs, flattened."""
        shape = self._shape if len(points) == 1 else (len(points), *self._shape[1:])
        given = {**self.constants, self._input: points.reshape(shape)}
        with np.errstate(all="ignore"):
            (found,) = self._evaluator.run(None, given)
        return np.asarray(found, dtype=np.float64).ravel()


def _info(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.UNDEFINED, None)


def compare(reader: Reader, network: Network) -> None:
    """Compare a network with its graph on random points of several scales, in float64."""
    points = random_points(network.input_dimension, _SCALES, 1)
    try:
        in_double = _InDouble(reader)
        theirs: list[Any] = []
        start = monotonic()
        for i in range(len(points)):
            theirs.append(in_double(points[i : i + 1]))
            # Large images take long in a reference implementation.
            if len(theirs) >= _FEWEST and monotonic() - start > _SECONDS:
                break
    except Exception as error:
        raise CaptureError(
            f"The network could not be compared with the file: onnx's reference implementation stops with "
            f"{type(error).__name__}: {error}. Allowed are models that it runs. Check the file with "
            "onnx.checker.check_model, or convert it to a newer operator set with onnx.version_converter."
        ) from error
    points = points[: len(theirs)]
    ours = network(points)
    allowed = allowed_difference(network, points, ours)
    do = "Allowed is a feed-forward model of the operators in the documentation's table. Please report this model."
    check_outputs(points, np.array(theirs), ours, allowed, of="file", do=do)
    if reader.batch not in (None, 1):
        _hold_together(reader.batch, in_double, points, ours, allowed)


def _hold_together(wanted: int, in_double: _InDouble, points: Any, ours: Any, allowed: Any) -> None:
    """Compare several points at once with each of them alone: as many as the file was written for, where it says."""
    few = wanted or _BATCH
    points, ours, allowed = (np.resize(a, (few, *a.shape[1:])) for a in (points, ours, allowed))
    try:
        together = in_double(points)
    except Exception as error:
        if wanted:
            raise CaptureError(
                f"The model was written for a batch of {wanted}, and onnx's reference implementation stops on one with "
                f"{type(error).__name__}: {error}. Export the model with a batch of 1, or an open one."
            ) from error
        # The file was written for one point at a time, whatever it says of its input.
        return
    rows = together.reshape(few, -1) if together.size % few == 0 else together[None]
    check_batch(points, rows, ours, allowed, (few, 1), "Look for reductions over the first axis.")
