"""The comparison of a captured network with the model that it was read from."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from regions.errors import CaptureError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network import Network

__all__ = ["compare"]

_SCALES = (0.1, 1.0, 10.0, 1000.0)
_POINTS_PER_SCALE = 32
# Room for what the bound below leaves out: the order of torch's operations, which merged steps hide.
_SLACK = 8.0


class _InDouble(TorchFunctionMode):
    """Runs a model in float64 as it is: every floating tensor that a function receives is widened first.

    Unlike ``copy.deepcopy(model).double()`` it also reaches tensors that the model does not register.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def wide(x: Any) -> Any:
            narrow = isinstance(x, torch.Tensor) and x.is_floating_point() and x.dtype != torch.float64
            return torch.Tensor.double(x) if narrow else x

        with torch._C.DisableTorchFunction():
            args, kwargs = torch.utils._pytree.tree_map(wide, (args, kwargs or {}))
            return func(*args, **kwargs)


def _evaluate(model: Callable[[torch.Tensor], Any], points: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Return the model's outputs, shape (P, O), whatever batches it takes."""

    def run(batch: torch.Tensor) -> torch.Tensor:
        # A clone, for the model may change its input in place.
        result = model(batch.clone())
        if not isinstance(result, torch.Tensor):
            raise CaptureError(
                f"The model returns a {type(result).__name__}; allowed is one tensor of shape (P, O). "
                "Wrap the model in a module whose forward returns just the tensor you mean."
            )
        return result

    with torch.no_grad():
        if len(shape) == 1:
            return torch.stack([run(point).reshape(-1) for point in points])
        try:
            result = run(points)
            if result.shape[:1] == points.shape[:1]:
                return result.reshape(len(points), -1)
        except CaptureError:
            raise
        except Exception:
            # A model that was written for one batch size: it is asked batch by batch below.
            pass
        size = shape[0]
        filled = torch.cat([points, points[:1].expand(-len(points) % size, -1)])
        return torch.cat([run(batch).reshape(size, -1) for batch in filled.split(size)])[: len(points)]


def _bound(network: Network, points: NDArray[np.float64], unit: float) -> tuple[Any, Any]:
    """Return how far a float evaluation with this unit roundoff may be off, and the largest magnitude met.

    Both have one row a point. The usual running error bound of a matrix product, layer by layer; the
    slopes are at most `unit` off when they are applied.
    """
    values, error = points, np.zeros_like(points)
    largest = np.abs(points).max(axis=1)
    for layer in network.layers:
        size = np.abs(layer.weight)
        reach = np.abs(values) @ size.T + np.abs(layer.bias)
        z = values @ layer.weight.T + layer.bias
        growth = (layer.n_in + 2) * unit
        error = (error @ size.T) * (1 + growth) + growth * reach
        steep = np.maximum(np.abs(layer.below), np.abs(layer.above))
        values = np.where(z > 0, layer.above, layer.below) * z
        error = steep * error * (1 + unit) + unit * np.abs(values)
        largest = np.maximum(largest, np.max(reach * np.maximum(steep, 1.0), axis=1))
    return error, largest


def _unit(dtype: torch.dtype, device: torch.device) -> float:
    unit = torch.finfo(dtype).eps / 2
    if dtype == torch.float32:
        # These settings let torch multiply float32 matrices with fewer bits.
        precision = {"highest": unit, "high": 2.0**-11, "medium": 2.0**-8}
        unit = max(unit, precision.get(torch.get_float32_matmul_precision(), 2.0**-8))
        if device.type == "cuda" and torch.backends.cuda.matmul.allow_tf32:
            unit = max(unit, 2.0**-11)
    return unit


def _check(
    network: Network, outputs: torch.Tensor, points: NDArray[np.float64], unit: float, dtype: torch.dtype
) -> int:
    """Raise where outputs and network differ beyond rounding; return how many points could be compared."""
    theirs = outputs.detach().to("cpu", torch.float64).numpy()
    points = points[: len(theirs)]
    with np.errstate(all="ignore"):
        ours = network(points)
        error, largest = _bound(network, points, unit)
        # Where a sum may overflow, or is lost among the dtype's smallest numbers, rounding explains anything.
        usable = largest < torch.finfo(dtype).max / 4
        floor = torch.finfo(dtype).tiny * max(layer.n_in for layer in network.layers)
        steep = np.prod([1 + np.abs(layer.weight).sum(axis=1).max() for layer in network.layers])
        allowed = _SLACK * (error + floor * steep) + 2.0**-50 * np.abs(ours)
        wrong = usable[:, None] & ~(np.abs(ours - theirs) <= allowed) if ours.shape == theirs.shape else None
    if wrong is None or wrong.any():
        row = 0 if wrong is None else int(np.argwhere(wrong)[0][0])
        by = "" if wrong is None else f" Rounding in {dtype} explains {allowed[row].max():.3g} at most."
        raise CaptureError(
            f"The captured network differs from the model: at the point {points[row].tolist()} the model gives "
            f"{theirs[row].tolist()}, the network {ours[row].tolist()}.{by} Allowed is a feed-forward model whose "
            "output is the same function of one point every time. Look for state, randomness, or conditions on the "
            "input in forward; if there are none, please report this model."
        )
    return int(usable.sum())


def compare(
    model: torch.nn.Module, network: Network, doubled: Network | None, shape: tuple[int, ...], example: torch.Tensor
) -> None:
    """Compare a network with its model on random points of several scales.

    Parameters
    ----------
    model : torch.nn.Module
    network : Network
        What was read.
    doubled : Network or None
        What was read as if the model were of float64; it is held against the model run in float64,
        where rounding hides almost nothing.
    shape : tuple of int
        A shape of input that the model takes.
    example : Tensor
        Tells dtype and device.

    Raises
    ------
    CaptureError
        When they differ by more than rounding explains.
    """
    dtype, device = example.dtype, example.device
    random = np.random.default_rng(20250517)
    draws = [scale * random.standard_normal((_POINTS_PER_SCALE, network.input_dimension)) for scale in _SCALES]
    points = torch.tensor(np.concatenate(draws), dtype=dtype, device=device)
    numbers = points.to("cpu", torch.float64).numpy()
    compared = _check(network, _evaluate(model, points, shape), numbers, _unit(dtype, device), dtype)
    if doubled is not None and dtype != torch.float64:
        compared += _compare_in_double(model, doubled, points, numbers, shape)
    if compared == 0:
        raise CaptureError(
            f"The captured network could not be compared with the model: at all {len(points)} test points the "
            f"weights are so large that {dtype} may overflow. Allowed are weights that leave room. Rescale the model."
        )


def _compare_in_double(
    model: torch.nn.Module,
    doubled: Network,
    points: torch.Tensor,
    numbers: NDArray[np.float64],
    shape: tuple[int, ...],
) -> int:
    """Compare with the model run in float64; return how many points could be compared."""
    scripted = isinstance(model, torch.jit.ScriptModule)
    try:
        with nullcontext() if scripted else _InDouble(), torch.no_grad():
            wide = copy.deepcopy(model).double() if scripted else model
            outputs = _evaluate(wide, points.double(), shape)
    except CaptureError:
        raise
    except Exception:
        # Some models insist on their own dtype; the comparison in that dtype has been made anyway.
        return 0
    if outputs.dtype != torch.float64:
        return 0
    return _check(doubled, outputs, numbers, torch.finfo(torch.float64).eps / 2, torch.float64)
