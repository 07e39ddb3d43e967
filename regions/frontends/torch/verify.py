"""The comparison of a captured network with the model that it was read from."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from regions.arithmetic.matrices import stored
from regions.errors import CaptureError
from regions.frontends.layers.verify import check_batch, check_outputs, random_points
from regions.network.rounding import running_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

__all__ = ["compare"]

_SCALES = (0.1, 1.0, 10.0, 1000.0)
_POINTS_PER_SCALE = 32
# Of large networks fewer points are drawn, so that about so many weights are multiplied for each scale.
_FEWEST_POINTS = 4
_ENTRIES = 1 << 25
# At a batch size other than the captured one.
_BATCHES = 8
# Room for what the bound below leaves out: the order of torch's operations, which merged steps hide.
_SLACK = 8.0
# How often, and with how much room, the effect of random roundings is looked at.
_SHAKES = 2
_SHAKEN = 256.0
# Beyond so many roundings of the largest output the bound says little.
_LOOSE = 2.0**12
_ADVICE = (
    "Allowed is a feed-forward model whose output is the same function of one point every time. Look for state, "
    "randomness, or conditions on the input in forward; if there are none, please report this model."
)
_BATCH_ADVICE = (
    "Look for a condition on the batch size, such as x.shape[0] or len(x), in forward, and remove it; or capture one "
    "branch in a module of its own."
)


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


def _evaluate(
    model: Callable[[torch.Tensor], Any], points: torch.Tensor, size: int | None, shape: tuple[int, ...]
) -> torch.Tensor:
    """Return the model's outputs in batches of this size, or point by point for None; shape (P, O)."""
    points = points.reshape(-1, *shape)

    def run(batch: torch.Tensor, count: int) -> torch.Tensor:
        # A clone, for the model may change its input in place.
        result = model(batch.clone())
        if not isinstance(result, torch.Tensor):
            raise CaptureError(
                f"The model returns a {type(result).__name__}; allowed is one tensor of shape (P, O). "
                "Wrap the model in a module whose forward returns just the tensor you mean."
            )
        if result.numel() % count:
            raise CaptureError(
                f"The model returns a tensor of shape {tuple(result.shape)} for a batch of {count} points; allowed are "
                "(P, O) and (P,). Look for a condition on the batch size in forward, and remove it."
            )
        return result.reshape(count, -1)

    with torch.no_grad():
        if size is None:
            return torch.cat([run(point, 1) for point in points])
        filled = torch.cat([points, points[:1].expand(-len(points) % size, *shape)])
        return torch.cat([run(batch, size) for batch in filled.split(size)])[: len(points)]


@dataclass(eq=False)
class _Expected:
    """What a network gives at points, and how far a float evaluation may be off there, shape (P, O).

    `usable`, shape (P,), says where nothing can overflow.
    """

    points: NDArray[np.float64]
    outputs: NDArray[np.float64]
    allowed: NDArray[np.float64]
    usable: NDArray[np.bool_]

    def at(self, chosen: slice) -> _Expected:
        return _Expected(self.points[chosen], self.outputs[chosen], self.allowed[chosen], self.usable[chosen])


def _expected(network: Network, points: NDArray[np.float64], unit: float, dtype: torch.dtype) -> _Expected:
    """Evaluate a network with a bound on its running error.

    `unit` is the roundoff of the evaluation that it is held against. In deep networks that bound explodes. What is
    allowed is then no more than the effect of random roundings of all pre-activations, times a large factor.
    """
    with np.errstate(all="ignore"):
        largest, floor = np.abs(points).max(axis=1), 0.0
        random = np.random.default_rng(20250518)
        shaken = np.repeat(points[None], _SHAKES, axis=0)
        values = points
        # No sign is taken for known, since the model may find another one.
        for passed in running_errors(network, points, np.zeros_like(points), margin=np.inf, unit=unit):
            layer = passed.layer
            size = abs(layer.weight)
            entries = int(np.diff(layer.weight.indptr).max()) if layer.is_sparse else layer.n_in
            steep = np.maximum(np.abs(layer.below), np.abs(layer.above))
            reach = np.abs(values) @ size.T + np.abs(layer.bias)
            floor = (floor + entries * torch.finfo(dtype).tiny) * (1 + float(size.sum(axis=1).max()))
            largest = np.maximum(largest, np.max(reach * np.maximum(steep, 1.0), axis=1))
            moved = (shaken.reshape(-1, layer.n_in) @ layer.weight.T + layer.bias).reshape(_SHAKES, len(points), -1)
            noise = unit * (np.sqrt(entries + 2) * reach + 4 * torch.finfo(dtype).tiny)
            moved += random.uniform(-1, 1, moved.shape) * noise
            shaken = np.where(moved > 0, layer.above, layer.below) * moved
            values, error = passed.values, passed.errors
        bound = _SLACK * (error + floor)
        seen = _SHAKEN * np.abs(shaken - values).max(axis=(0, 2), initial=0.0)[:, None]
        loose = bound > _LOOSE * unit * np.abs(values).max(axis=1, keepdims=True)
        allowed = np.where(loose, np.minimum(bound, seen), bound) + 2.0**-50 * np.abs(values)
    # Where a sum or a bound may overflow, or is lost among the dtype's smallest numbers, rounding explains anything.
    usable = (largest < torch.finfo(dtype).max / 4) & np.isfinite(bound + allowed).all(axis=1)
    return _Expected(points, values, allowed, usable)


def _unit(dtype: torch.dtype, device: torch.device) -> float:
    unit = torch.finfo(dtype).eps / 2
    if dtype == torch.float32:
        # These settings let torch multiply float32 matrices with fewer bits.
        precision = {"highest": unit, "high": 2.0**-11, "medium": 2.0**-8}
        unit = max(unit, precision.get(torch.get_float32_matmul_precision(), 2.0**-8))
        if device.type == "cuda" and torch.backends.cuda.matmul.allow_tf32:
            unit = max(unit, 2.0**-11)
    return unit


def _check(expected: _Expected, outputs: torch.Tensor, dtype: torch.dtype, sizes: tuple[int, int] | None = None) -> int:
    """Raise where outputs and network differ beyond rounding; return how many points could be compared.

    `sizes` are the batch sizes of these outputs and of the capture, where the model has agreed at the latter.
    """
    theirs = outputs.detach().to("cpu", torch.float64).numpy()
    allowed = np.where(expected.usable[:, None], expected.allowed, np.inf)
    arrays = expected.points, theirs, expected.outputs, allowed
    if sizes is not None:
        check_batch(*arrays, sizes, _BATCH_ADVICE)
    else:
        check_outputs(*arrays, of="model", explained=str(dtype), do=_ADVICE)
    return int(expected.usable.sum())


def _compare_batches(
    model: Callable[[torch.Tensor], Any],
    network: Network,
    points: torch.Tensor,
    size: int | None,
    others: tuple[int, ...],
    unit: float,
) -> int:
    """Compare at the captured batch size, then at those of the others that the model takes."""
    dtype = points.dtype
    shape = network.input_shape
    expected = _expected(network, points.to("cpu", torch.float64).numpy(), unit, dtype)
    compared = _check(expected, _evaluate(model, points, size, shape), dtype)
    for other in others if size is not None else ():
        # Evenly spread, so that every scale is there.
        chosen = slice(None, None, max(1, len(points) // (_BATCHES * other)))
        try:
            outputs = _evaluate(model, points[chosen], other, shape)
        except CaptureError:
            raise
        except Exception:
            # A model that was written for one batch size says so.
            continue
        assert size is not None
        _check(expected.at(chosen), outputs, dtype, (other, size))
    return compared


def compare(
    model: torch.nn.Module,
    network: Network,
    doubled: Network | None,
    shape: tuple[int, ...],
    example: torch.Tensor,
    *,
    any_batch: bool = True,
) -> None:
    """Compare a network with its model on random points of several scales.

    `doubled` is what was read as if the model were of float64; it is held against the model run in float64, where
    rounding hides almost nothing. `shape` is that of the input that the model was captured with, of which `example`
    tells dtype and device. `any_batch` is whether the model must compute the same at every other batch size that it
    takes: at one point, two points and many; false for a graph that was recorded for one batch size.
    """
    dtype, device = example.dtype, example.device
    entries = sum(len(stored(layer.weight)) for layer in network.layers)
    count = int(np.clip(_ENTRIES // max(entries, 1), _FEWEST_POINTS, _POINTS_PER_SCALE))
    points = torch.tensor(random_points(network.input_dimension, _SCALES, count), dtype=dtype, device=device)
    size = shape[0] if len(shape) > len(network.input_shape) else None
    others = tuple(n for n in (1, 2, len(points)) if n != size) if any_batch else ()
    compared = _compare_batches(model, network, points, size, others, _unit(dtype, device))
    if doubled is not None and dtype != torch.float64:
        compared += _compare_in_double(model, doubled, points.double(), size, others)
    if compared == 0:
        raise CaptureError(
            f"The captured network could not be compared with the model: at all {len(points)} test points the "
            f"weights are so large that {dtype} may overflow. Allowed are weights that leave room. Rescale the model."
        )


def _compare_in_double(
    model: torch.nn.Module, doubled: Network, points: torch.Tensor, size: int | None, others: tuple[int, ...]
) -> int:
    """Compare with the model run in float64; return how many points could be compared."""
    scripted = isinstance(model, torch.jit.ScriptModule)

    def in_double(batch: torch.Tensor) -> Any:
        result = wide(batch)
        if isinstance(result, torch.Tensor) and result.dtype != torch.float64:
            raise TypeError(f"the output is of {result.dtype}")
        return result

    try:
        with nullcontext() if scripted else _InDouble(), torch.no_grad():
            wide = copy.deepcopy(model).double() if scripted else model
            return _compare_batches(in_double, doubled, points, size, others, torch.finfo(torch.float64).eps / 2)
    except CaptureError:
        raise
    except Exception:
        # Some models insist on their own dtype; the comparison in that dtype has been made anyway.
        return 0
