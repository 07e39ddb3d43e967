"""Reads what a user gives as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regions.frontends.sklearn import from_estimator
from regions.network.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["as_network", "from_sklearn", "from_torch"]


def as_network(model: Any, input_shape: tuple[int, ...] | None = None, likely: int | None = None) -> Network:
    """Return `model` as a `Network`: a network as it is, a torch module or an estimator of scikit-learn captured.

    Parameters
    ----------
    model : Network, torch.nn.Module, MLPClassifier, MLPRegressor or Pipeline
    input_shape : tuple of int, optional
        Of one input, where it is known.
    likely : int, optional
        The number of inputs that the caller's domain or points have, tried first with a torch module.

    Returns
    -------
    Network

    Raises
    ------
    TypeError
        When it is none of these.
    CaptureError
        When it cannot be captured.
    """
    if isinstance(model, Network):
        return model
    classes = {f"{c.__module__}.{c.__qualname__}" for c in type(model).__mro__}
    if "torch.nn.modules.module.Module" in classes:
        from regions.frontends.torch.capture import capture

        return capture(model, input_shape=input_shape, likely=likely)
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


def from_torch(model: Any, *, input_dimension: int | None = None, input_shape: Sequence[int] | None = None) -> Network:
    """Capture a `torch.nn.Module`; see :func:`regions.frontends.torch.capture.capture`.

    Parameters
    ----------
    model : torch.nn.Module
        A feed-forward network of linear layers, convolutions, ReLU and its relatives, pools, maxima, sums.
    input_dimension : int, optional
        Number of inputs; found by itself where the model tells it.
    input_shape : sequence of int, optional
        The shape of one input where it is not flat, without the batch, such as (C, H, W) of an image.

    Returns
    -------
    Network

    Raises
    ------
    CaptureError
        When the module cannot be captured, is in training mode where that matters, or the captured
        network differs from the module on random points.
    NotPiecewiseLinearError
        When the module uses an operation that is not piecewise linear.
    InvalidNetworkError
        When a weight is NaN or infinite.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> from_torch(model)
    <Network 2-3-1 with 3 hidden neurons and 13 parameters>
    """
    from regions.frontends.torch.capture import capture

    return capture(model, input_dimension=input_dimension, input_shape=input_shape)


def from_sklearn(estimator: Any) -> Network:
    """Read a fitted perceptron of scikit-learn; see :func:`regions.frontends.sklearn.from_estimator`.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        With activation "relu" or "identity"; in a pipeline, only a `StandardScaler` in front.

    Returns
    -------
    Network
        Of a classifier the layer before its last softmax or logistic function.

    Raises
    ------
    CaptureError
        When the estimator is not fitted, or predicts something else than what was read.
    NotPiecewiseLinearError
        When its activation is "tanh" or "logistic".
    UnsupportedOperationError
        When it is another estimator.
    InvalidNetworkError
        When a weight is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPClassifier
    >>> points = np.random.default_rng(0).standard_normal((50, 2))
    >>> estimator = MLPClassifier(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0)
    >>> from_sklearn(estimator.fit(points, points[:, 0] > 0))
    <Network 2-4-1 with 4 hidden neurons and 17 parameters>
    """
    return from_estimator(estimator)
