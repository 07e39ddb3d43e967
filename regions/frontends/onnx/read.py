"""ONNX files as exact networks.

The graph is walked once, for a batch of one point. What depends on constants alone is computed by onnx's reference
implementation, in the file's own types; what depends on the input is read as exact affine maps and kinks. The result
is compared with the reference implementation on random points. Nothing in a file is run: it holds
numbers and the names of operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regions.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regions.network.network import Network

__all__ = ["from_onnx"]


def from_onnx(path: Any, *, output: str | None = None, input_shape: Sequence[int] | None = None) -> Network:
    """Read an ONNX file as an exact network.

    Parameters
    ----------
    path : str, Path or onnx.ModelProto
        A file of operator set 7 (ONNX 1.2, 2018) or newer; tensors that it keeps in files beside it are read too.
    output : str, optional
        Name of the tensor to read; the model's output where left out. Naming an inner one cuts off what comes behind
        it, a last Softmax for example.
    input_shape : sequence of int, optional
        Shape of one point, without the batch, e.g. (2,), or (3, 32, 32) for an image; needed where the file leaves
        more open than the batch, and where its first dimension is fixed and not 1: that many points at once, or one
        point of all of it?

    Returns
    -------
    Network
        On the input tensor of one point, flattened: `D` is the product of its shape. Its layers are called by the
        weights' names in the file (``"0"`` for ``"0.weight"``), or by the nodes' names.

    Raises
    ------
    MissingExtraError
        Where onnx is not installed.
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When the file is damaged or of another kind, or breaks the rules of ONNX.
    CaptureError
        When the model has several inputs or outputs, an input whose shape is open, draws random numbers, is in
        training mode, mixes the points of a batch, or differs from what was read.
    NotPiecewiseLinearError
        When it uses an operator that is not piecewise linear: named, with its node.
    UnsupportedOperationError
        When it uses another operator that is not read, or a tensor too large.
    InvalidNetworkError
        When a number is NaN or infinite.

    Notes
    -----
    Weights are the numbers of the file, exactly. Three things are rounded to float64, once each: the factor and the
    shift of a BatchNormalization, the reciprocal of a divisor (`Div`), and the reciprocal of the number of
    entries in a mean or an average pool. From there on the network is exact.

    An ONNX file has no checksum: one with flipped bytes may be another network, and read as that. The part that is
    read is held against the rules of ONNX, shapes and types included, and its numbers must be finite; for more, keep
    a checksum beside the file. A tensor that a node computes may have 2**24 entries, or as many as all tensors in
    the file have together.

    Examples
    --------
    >>> import numpy as np
    >>> from onnx import TensorProto, helper, numpy_helper
    >>> import regions
    >>> weights = [numpy_helper.from_array(np.eye(2, dtype=np.float32), "W")]
    >>> nodes = [helper.make_node("MatMul", ["x", "W"], ["z"]), helper.make_node("Relu", ["z"], ["y"])]
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in "xy")
    >>> model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights))
    >>> regions.from_onnx(model)
    <Network 2-2 with 2 hidden neurons and 6 parameters>
    """
    try:
        import onnx  # noqa: F401  # Without it the module that reads cannot be imported.
    except ImportError as error:
        raise MissingExtraError(
            "Reading ONNX files needs the onnx package, which is not installed. "
            "Install it with: pip install 'linear-regions[onnx]'"
        ) from error
    from regions.frontends.onnx.model import read_model

    return read_model(path, output, None if input_shape is None else tuple(input_shape))
