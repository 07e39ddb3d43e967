"""Perceptrons of scikit-learn, read and held against their own predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import regions
from regions import Network, from_sklearn
from regions.errors import (
    CaptureError,
    InvalidNetworkError,
    NotPiecewiseLinearError,
    UnsupportedOperationError,
)

POINTS = np.random.default_rng(0).standard_normal((60, 2)) * [3.0, 40.0] + [1.0, -5.0]
LEVEL = POINTS[:, 0] + np.abs(POINTS[:, 1]) / 40
OTHERS = np.random.default_rng(1).standard_normal((40, 2)) * [5.0, 60.0]


def fitted(kind, target, points=POINTS, before=(), solver="lbfgs", **options):
    estimator = kind(hidden_layer_sizes=(6, 4), solver=solver, max_iter=10, random_state=0, **options)
    estimator = make_pipeline(*before, estimator) if before else estimator
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(points, target)


@pytest.mark.parametrize("before", [(), (StandardScaler(),), (StandardScaler(with_mean=False), "passthrough")])
@pytest.mark.parametrize("target", [LEVEL, np.column_stack([LEVEL, -LEVEL])])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_regressor(before, target, activation):
    estimator = fitted(MLPRegressor, target, before=before, activation=activation)
    network = from_sklearn(estimator)
    assert network.n_neurons == (10 if activation == "relu" else 0)
    np.testing.assert_allclose(network(OTHERS), estimator.predict(OTHERS).reshape(40, -1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "target",
    [LEVEL > 1, np.digitize(LEVEL, [-1, 2]), np.column_stack([LEVEL > 0, POINTS > 0])],
    ids=["two", "three", "many"],
)
def test_a_classifier_is_read_before_its_last_function(target):
    estimator = fitted(MLPClassifier, target, before=(StandardScaler(),))
    network = from_sklearn(estimator)
    scores = network(OTHERS)
    if scores.shape[1] == 1:
        predicted = estimator.classes_[(scores[:, 0] > 0).astype(int)]
    elif target.ndim == 2:
        predicted = scores > 0
    else:
        predicted = estimator.classes_[scores.argmax(axis=1)]
    np.testing.assert_array_equal(predicted, estimator.predict(OTHERS))


def test_weights_are_read_exactly():
    estimator = fitted(MLPRegressor, LEVEL, before=(StandardScaler(),))
    network = from_sklearn(estimator)
    scaler, perceptron = estimator[0], estimator[1]
    centre, scale, first = network.layers[:3]
    np.testing.assert_array_equal(centre.bias, -scaler.mean_)
    np.testing.assert_array_equal(np.diag(scale.weight), 1 / scaler.scale_)
    np.testing.assert_array_equal(first.weight, perceptron.coefs_[0].T)
    assert network.neurons[0].kind == "relu"


def test_single_precision():
    estimator = fitted(MLPRegressor, LEVEL.astype(np.float32), points=POINTS.astype(np.float32), solver="adam")
    assert estimator.coefs_[0].dtype == np.float32
    network = from_sklearn(estimator)
    np.testing.assert_array_equal(network.layers[0].weight, estimator.coefs_[0].T.astype(np.float64))


def test_an_estimator_is_taken_where_a_network_is():
    estimator = fitted(MLPRegressor, LEVEL)
    count = regions.count_regions(estimator, 100)
    assert count > 5
    assert count == regions.count_regions(
        Network.from_arrays([w.T for w in estimator.coefs_], estimator.intercepts_), 100
    )
    assert regions.enumerate_regions(estimator, 100).n_regions == count


def damaged():
    estimator = fitted(MLPRegressor, LEVEL)
    estimator.coefs_[1][0, 0] = np.nan
    return estimator


class Twice(MLPRegressor):
    def predict(self, X):
        return 2 * super().predict(X)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: fitted(MLPRegressor, LEVEL, activation="tanh"), NotPiecewiseLinearError, "'tanh'.*Allowed are 'relu'"),
        (lambda: fitted(MLPClassifier, LEVEL > 0, activation="logistic"), NotPiecewiseLinearError, "'logistic'"),
        (lambda: MLPRegressor(), CaptureError, "not fitted: it has no coefs_.*Call fit"),
        (
            lambda: LinearRegression(),
            UnsupportedOperationError,
            "LinearRegression was given. Allowed are MLPClassifier",
        ),
        (lambda: make_pipeline(StandardScaler()), UnsupportedOperationError, "StandardScaler was given"),
        (
            lambda: fitted(MLPRegressor, LEVEL, before=(MinMaxScaler(),)),
            UnsupportedOperationError,
            "MinMaxScaler in front",
        ),
        (damaged, InvalidNetworkError, "coefs_.1.*nan"),
        (lambda: fitted(Twice, LEVEL), CaptureError, "differs from the estimator"),
    ],
)
def test_estimators_that_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        from_sklearn(make())


def test_a_regressor_that_ends_with_an_exponential_is_refused():
    estimator = fitted(MLPRegressor, LEVEL)
    estimator.out_activation_ = "exp"
    with pytest.raises(NotPiecewiseLinearError, match="ends with 'exp'"):
        from_sklearn(estimator)


def test_a_type_error_names_what_is_allowed():
    with pytest.raises(TypeError, match="perceptron of scikit-learn"):
        regions.count_regions("model.onnx", 1)
