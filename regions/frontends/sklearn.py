"""Multi-layer perceptrons of scikit-learn as exact networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.layers.assembly import Assembly, Value
from regions.frontends.layers.pieces import affine, kinked
from regions.frontends.layers.verify import check_outputs, random_points
from regions.frontends.layers.windows import reciprocals
from regions.network.layer import exact_float64
from regions.network.rounding import allowed_difference

if TYPE_CHECKING:
    from regions.network.network import Network

__all__ = ["from_sklearn"]

_CLASSES = ("MLPClassifier", "MLPRegressor")
_ONLY = "Allowed are MLPClassifier and MLPRegressor, alone or in a Pipeline with StandardScaler in front."


def from_sklearn(model: Any) -> Network:
    """Read a fitted perceptron of scikit-learn as an exact network.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor or Pipeline
        Fitted, with activation "relu" or "identity". In a pipeline every step in front is a `StandardScaler` or
        "passthrough".

    Returns
    -------
    Network
        A regressor's prediction. Of a classifier the layer before its last softmax or logistic function: one output
        for each class, or for two classes one output, positive where the second one is predicted.

    Raises
    ------
    CaptureError
        When the estimator is not fitted, or predicts something else than what was read.
    NotPiecewiseLinearError
        When its activation is "tanh" or "logistic".
    UnsupportedOperationError
        When it is another estimator.
    InvalidNetworkError
        When a number is NaN or infinite.

    Notes
    -----
    Weights are the estimator's numbers, exactly. Of a StandardScaler the mean is subtracted exactly, and the reciprocal
    of the scale is rounded to float64 once.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import MLPRegressor
    >>> points = np.random.default_rng(0).standard_normal((50, 2))
    >>> estimator = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", random_state=0).fit(points, points[:, 0])
    >>> import regions
    >>> regions.from_sklearn(estimator)
    <Network 2-3-1 with 3 hidden neurons and 13 parameters>
    """
    *scalers, perceptron = _steps(model)
    kind = next((c.__name__ for c in type(perceptron).__mro__ if c.__name__ in _CLASSES), None)
    if kind is None:
        raise UnsupportedOperationError(f"A {type(perceptron).__name__} was given. {_ONLY}")
    weights, biases = _fitted(perceptron, "coefs_"), _fitted(perceptron, "intercepts_")
    activation = perceptron.activation
    if activation not in ("identity", "relu"):
        raise NotPiecewiseLinearError(
            f"The {kind} has activation={activation!r}, which is not piecewise linear, so it has no linear "
            "regions by any definition. Allowed are 'relu' and 'identity'. Fit it again with one of these."
        )
    if kind == "MLPRegressor" and perceptron.out_activation_ != "identity":
        raise NotPiecewiseLinearError(
            f"The MLPRegressor ends with {perceptron.out_activation_!r}, as its loss asks for, which is not piecewise "
            "linear. Allowed is the loss 'squared_error'. Fit it again with this, or take its layers: "
            "Network.from_arrays([w.T for w in estimator.coefs_], estimator.intercepts_)."
        )
    assembly = Assembly(len(weights[0]))
    value = assembly.input
    for i, scaler in enumerate(scalers):
        value = _scaled(assembly, value, scaler, f"scaler {i}" if len(scalers) > 1 else "scaler")
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        name = f"layer {i}"
        matrix = exact_float64(np.asarray(weight).T, f"coefs_[{i}]", 2)
        value = assembly.linear(value, matrix, exact_float64(bias, f"intercepts_[{i}]", 1), name)
        if i < len(weights) - 1 and activation == "relu":
            value = kinked(assembly, value, 0.0, 1.0, name=name, kind="relu", shape=(value.size,))
    network = assembly.network(value)
    _compare(model, perceptron, network)
    return network


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, of pipelines in it too."""
    if not any(c.__module__.startswith("sklearn.") and c.__name__ == "Pipeline" for c in type(estimator).__mro__):
        return [estimator]
    steps = [step for _, step in estimator.steps]
    return [found for step in steps if step is not None and step != "passthrough" for found in _steps(step)] or [None]


def _fitted(step: Any, name: str) -> Any:
    found = getattr(step, name, None)
    if found is None:
        raise CaptureError(
            f"The {type(step).__name__} is not fitted: it has no {name}. Allowed are fitted estimators. Call fit first."
        )
    return found


def _scaled(assembly: Assembly, value: Value, scaler: Any, name: str) -> Value:
    if not any(c.__name__ == "StandardScaler" for c in type(scaler).__mro__):
        raise UnsupportedOperationError(
            f"The pipeline has a {type(scaler).__name__} in front of the perceptron. {_ONLY} Transform the data "
            "beforehand, and read the perceptron alone."
        )
    _fitted(scaler, "n_features_in_")
    if scaler.n_features_in_ != value.size:
        raise CaptureError(f"The {type(scaler).__name__} takes {scaler.n_features_in_} features, not {value.size}.")
    mean = exact_float64(scaler.mean_, "mean_", 1) if scaler.with_mean else np.zeros(value.size)
    factor = reciprocals(exact_float64(scaler.scale_, "scale_", 1)) if scaler.with_std else np.ones(value.size)
    centred = affine(assembly, value, 1.0, -mean, name)
    return affine(assembly, centred, exact_float64(factor, "1 / scale_", 1), 0.0, name)


def _compare(estimator: Any, perceptron: Any, network: Network) -> None:
    """Raise where the estimator predicts something else on random points of several scales."""
    points = random_points(network.input_dimension, (0.1, 1.0, 10.0), 16)
    values = network(points)
    allowed = allowed_difference(network, points, values)
    if hasattr(perceptron, "classes_"):
        theirs = np.asarray(estimator.predict_proba(points), dtype=np.float64)
        ours, allowed = _probabilities(values, perceptron.out_activation_), allowed.max(axis=1, keepdims=True)
        ours = ours if theirs.shape == ours.shape else np.hstack([1 - ours, ours])
    else:
        theirs, ours = np.asarray(estimator.predict(points), dtype=np.float64).reshape(len(points), -1), values
    do = "Allowed is an estimator whose prediction is that of its weights. Look for a class that predicts otherwise."
    check_outputs(points, theirs, ours, allowed + 2.0**-40, of="estimator", do=do)


def _probabilities(values: Any, function: str) -> Any:
    if function == "softmax":
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-values))
