"""Reads what a user gives as a model.

The ways in have one form: first the model, then by name what it does not say itself, in the same words everywhere.
``input_dimension`` is the number of inputs, ``input_shape`` the shape of one input without the batch, ``likely`` a
number of inputs to try first, ``activation`` that of the hidden layers, ``output`` the tensor to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regions.errors import MissingExtraError
from regions.frontends.sklearn import from_sklearn
from regions.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["as_network", "from_onnx", "from_torch"]


def as_network(model: Any, input_shape: Sequence[int] | None = None, likely: int | None = None) -> Network:
    """Return `model` as a `Network`: a network as it is, a torch module or an estimator of scikit-learn read.

    `likely` is the number of inputs that the caller's domain or points have.

    Raises
    ------
    TypeError
        When it is none of these.
    CaptureError
        When it cannot be read.
    """
    if isinstance(model, Network):
        return model
    classes = {f"{c.__module__}.{c.__qualname__}" for c in type(model).__mro__}
    if "torch.nn.modules.module.Module" in classes:
        return from_torch(model, input_shape=input_shape, likely=likely)
    if "sklearn.base.BaseEstimator" in classes:
        return from_sklearn(model)
    if "torch.export.exported_program.ExportedProgram" in classes:
        raise TypeError(
            "a torch.export.ExportedProgram was given; allowed are a regions.Network, a torch.nn.Module and a "
            "perceptron of scikit-learn. Give the program's module, program.module()."
        )
    raise TypeError(
        f"a model of type {type(model).__module__}.{type(model).__qualname__} was given; allowed are a "
        "regions.Network, a torch.nn.Module and a perceptron of scikit-learn. For an ONNX file use "
        "regions.from_onnx(path), for plain arrays regions.Network.from_arrays(weights, biases)."
    )


def from_torch(
    model: Any,
    *,
    input_dimension: int | None = None,
    input_shape: Sequence[int] | None = None,
    likely: int | None = None,
) -> Network:
    """Read a torch module as an exact network.

    Every linear map becomes a layer of its own, with the activation that follows it; maps that follow each
    other without an activation stay apart, for their product would have to be rounded. An activation on
    another one, or on the input, becomes a layer with the identity for weight. A maximum of k values is a tournament
    of ``ceil(log2(k))`` layers. What is read, and what is rounded once on the way (the coefficients of a normalisation,
    the reciprocals of divisors), the page on architectures lists.

    Parameters
    ----------
    model : torch.nn.Module
        Computes one tensor of shape (P, O) or (P,) from one tensor of points (P, D), (1, D) or (D,), or of tensors
        of `input_shape` instead of (D,). float16, bfloat16, float32 and float64 weights are read as the exact
        rationals they are. The module is left as it was.
    input_dimension : int, optional
        `D`. Left out, it is found by running the model on the sizes that its weight matrices suggest; a size of which
        the model leaves coordinates unread is not taken.
    input_shape : sequence of int, optional
        The shape of one input without the batch, such as (C, H, W). The network takes points of `D` = C H W
        coordinates, the flattened inputs. Needed for models of images and sequences.
    likely : int, optional
        A number of inputs to try before those that the weights suggest.

    Returns
    -------
    Network
        Its layers are called by their modules' paths, such as ``"net.0"``; its `input_shape` is the one given, or
        (D,).

    Warns
    -----
    UserWarning
        When parameters are used that ``model.parameters()`` does not list, e.g. of layers in a plain list.

    Raises
    ------
    TypeError
        When `model` is no torch module.
    CaptureError
        When the model takes or returns something else, does not take inputs of this size, decides by its
        input's numbers or by the batch size, draws random numbers (dropout in training mode), or differs from what
        was read.
    NotPiecewiseLinearError
        When it uses an operation that is not piecewise linear: named, with its place.
    UnsupportedOperationError
        When it uses another operation that is not read.
    InvalidNetworkError
        When a weight is NaN or infinite.

    Examples
    --------
    >>> import torch
    >>> import regions
    >>> layers = torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)
    >>> network = regions.from_torch(torch.nn.Sequential(*layers))
    >>> network
    <Network 2-3-1 with 3 hidden neurons and 13 parameters>
    >>> [layer.name for layer in network.layers]
    ['0', '2']
    """
    from regions.frontends.torch.capture import capture

    return capture(model, input_dimension=input_dimension, input_shape=input_shape, likely=likely)


def from_onnx(model: Any, *, input_shape: Sequence[int] | None = None, output: str | None = None) -> Network:
    """Read an ONNX file as an exact network.

    Parameters
    ----------
    model : str, Path or onnx.ModelProto
        A file, or what it holds, of operator set 7 (ONNX 1.2, 2018) or newer; tensors that it keeps in files beside it
        are read too.
    input_shape : sequence of int, optional
        The shape of one input without the batch, e.g. (2,), or (3, 32, 32) for an image; needed where the file leaves
        more open than the batch, and where its first dimension is fixed and not 1: that many points at once, or one
        point of all of it?
    output : str, optional
        Name of the tensor to read; the model's output where left out. Naming an inner one cuts off what comes behind
        it, a last Softmax for example.

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
    The graph is walked once, for a batch of one point. What depends on constants alone is computed by onnx's reference
    implementation, in the file's own types; what depends on the input is read as exact affine maps and kinks. The
    result is compared with the reference implementation on random points. Nothing in a file is run: it holds numbers
    and the names of operators.

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

    return read_model(model, output, None if input_shape is None else tuple(input_shape))
