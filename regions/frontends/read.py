"""Reads what a user gives as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regions.network.network import Network

if TYPE_CHECKING:
    from typing import Any

__all__ = ["as_network"]


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
        return Network.from_sklearn(model)
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
