"""Networks from weights alone: state dicts, and files of them, with the activations told beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions.errors import CaptureError
from regions.frontends.content import STATISTICS, read_weights
from regions.frontends.layers.assembly import Assembly
from regions.frontends.layers.pieces import affine, kinked, normalisation
from regions.network.layer import exact_float64
from regions.network.slopes import hidden_slopes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regions.network.network import Network

    Floats = NDArray[np.float64]

__all__ = ["from_state_dict"]

_LEAVES = ("weight", "bias", *STATISTICS, "num_batches_tracked")
# Orders of layers that are looked at before they count as not told.
_MOST_STATES = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A linear layer, or a normalisation by stored statistics."""

    path: str
    tensors: dict[str, Floats]

    @property
    def is_linear(self) -> bool:
        return "running_mean" not in self.tensors

    @property
    def n_in(self) -> int:
        return int(self.tensors["weight"].shape[1]) if self.is_linear else len(self.tensors["running_mean"])

    @property
    def n_out(self) -> int:
        return int(self.tensors["weight"].shape[0]) if self.is_linear else len(self.tensors["running_mean"])

    def __str__(self) -> str:
        kind = "" if self.is_linear else "a normalisation of "
        return f"{self.path or 'weight'} ({kind}{self.n_in} to {self.n_out})" if self.is_linear else f"{self.path}"


def from_state_dict(
    state_dict: Any,
    *,
    activation: Any,
    input_dimension: int | None = None,
    likely: int | None = None,
    epsilon: float = 1e-5,
) -> Network:
    """Read the weights of a plain feed-forward network, whose activations are told beside them.

    Parameters
    ----------
    state_dict : mapping of str to Tensor or array, or str or Path
        As ``model.state_dict()`` gives it, or a file: written by ``torch.save(model.state_dict(), path)``, by
        safetensors (with the extra `safetensors`), or by ``numpy.savez(path, **state_dict)``. Nothing is unpickled but
        tensors (``torch.load`` with ``weights_only=True``). Two-dimensional weights are those of linear layers;
        statistics are those of a `BatchNorm1d`.
    activation : {"relu", "abs", "identity"} or (float, float) or sequence of these
        The activation between one linear layer and the next, or one for each of these places; none follows the last.
        A pair is (slope below zero, slope above zero).
    input_dimension : int, optional
        `D`, where names and shapes alone leave a choice, as in a network of as many outputs as inputs.
    likely : int, optional
        A number of inputs to take of several that names and shapes allow.
    epsilon : float
        The `eps` of normalisations, which a state dict does not hold; torch's own where left out.

    Returns
    -------
    Network
        Its layers are called by their paths, such as ``"net.0"``.

    Raises
    ------
    CaptureError
        When names and shapes do not tell the order of the layers, or where a normalisation stands, or when there are
        tensors of other layers.
    FileNotFoundError, FileFormatError
        When there is no such file, or it is damaged or of another kind.
    InvalidNetworkError
        When a weight is NaN or infinite, or the activation is unknown.

    Notes
    -----
    Names tell the order where they differ by a number first (``fc1`` and ``fc2``, ``net.2`` and ``net.10``); shapes,
    where one order alone lets every layer take what the one before gives. A normalisation stands where the numbers of
    a `Sequential` leave room for the activation on one side of it only.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> from_state_dict(model.state_dict(), activation="relu")
    <Network 2-3-1 with 3 hidden neurons and 13 parameters>
    """
    if isinstance(state_dict, str | Path):
        path = Path(state_dict)
        try:
            return from_state_dict(
                read_weights(path),
                activation=activation,
                input_dimension=input_dimension,
                likely=likely,
                epsilon=epsilon,
            )
        except CaptureError as error:
            raise type(error)(f"{path}: {error}") from error
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"a state dict of type {type(state_dict).__module__}.{type(state_dict).__qualname__} was given; allowed "
            "are a mapping of names to tensors and the path of a file. Of a module use "
            "regions.from_torch(model)."
        )
    parts = _in_order(_parts(state_dict), likely if input_dimension is None else input_dimension)
    if input_dimension not in (None, parts[0].n_in):
        raise CaptureError(
            f"input_dimension={input_dimension!r} was given, but the layers take {parts[0].n_in} inputs. "
            f"Give input_dimension={parts[0].n_in}, or leave it out."
        )
    return _network(parts, activation, epsilon)


def _network(parts: list[_Part], activation: Any, epsilon: float) -> Network:
    places = _activated(parts)
    slopes = iter(hidden_slopes(activation, len(places)))
    assembly = Assembly(parts[0].n_in)
    value = assembly.input
    for i, part in enumerate(parts):
        if part.is_linear:
            bias = part.tensors.get("bias", np.zeros(part.n_out))
            value = assembly.linear(value, part.tensors["weight"], bias, part.path or "linear")
        else:
            given = (part.tensors.get(name) for name in ("running_mean", "running_var"))
            mean, variance = (np.asarray(a, dtype=np.float64) for a in given)
            weights = part.tensors.get("weight"), part.tensors.get("bias")
            value = affine(assembly, value, *normalisation(mean, variance, epsilon, *weights), part.path)
        if i in places:
            below, above = next(slopes)
            word = {(0.0, 1.0): "relu", (-1.0, 1.0): "abs"}.get((below, above), "leaky_relu")
            if below != above:
                value = kinked(assembly, value, below, above, name=part.path, kind=word, shape=(part.n_out,))
            elif below != 1:
                value = assembly.scale(value, np.full(part.n_out, below))
    return assembly.network(value)


def _numbers(name: str, tensor: Any) -> Floats:
    if hasattr(tensor, "detach"):
        if tensor.is_meta or tensor.is_quantized or (tensor.is_floating_point() and tensor.element_size() < 2):
            what = "on the meta device" if tensor.is_meta else f"of {tensor.dtype}"
            raise CaptureError(
                f"{name} is {what}; allowed are tensors of float16, bfloat16, float32 and float64. Load the weights, "
                "or convert them with .float()."
            )
        tensor = tensor.detach().cpu()
        # numpy has no bfloat16; float64 holds every other float.
        tensor = (tensor.double() if tensor.is_floating_point() else tensor).numpy()
    return exact_float64(tensor, name, np.ndim(tensor))


def _parts(state_dict: Mapping[str, Any]) -> list[_Part]:
    """The layers that a state dict holds, in its order."""
    found: dict[str, dict[str, Floats]] = {}
    for name, tensor in state_dict.items():
        path, _, leaf = str(name).rpartition(".")
        if isinstance(tensor, Mapping) or not hasattr(tensor, "shape"):
            raise CaptureError(
                f"The entry {name!r} is a {type(tensor).__name__}; allowed are tensors under names such as '0.weight'. "
                "Of a checkpoint give the state dict in it: regions.from_state_dict(torch.load(path, "
                "weights_only=True)[...], activation=...)."
            )
        if leaf not in _LEAVES:
            raise _foreign(str(name), "it is no weight, bias or statistic of a linear layer or a BatchNorm1d")
        if leaf != "num_batches_tracked":
            found.setdefault(path, {})[leaf] = _numbers(str(name), tensor)
    parts = [_checked(_Part(path, tensors)) for path, tensors in found.items()]
    if not any(part.is_linear for part in parts):
        raise CaptureError(
            "The state dict holds no weight matrix; allowed are the weights of linear layers, of shape (out, in), "
            "under names such as '0.weight'. Check that it is that of a model."
        )
    return parts


def _foreign(name: str, why: str) -> CaptureError:
    hint = ""
    if "parametrizations." in name or name.endswith(("_orig", "_mask", "_g", "_v", "_u")):
        hint = (
            "Of parametrised or pruned weights keep the product first, with "
            "torch.nn.utils.parametrize.remove_parametrizations or torch.nn.utils.prune.remove. "
        )
    return CaptureError(
        f"The state dict holds {name}, and {why}: it does not say what the model computes. Allowed are linear layers, "
        f"and BatchNorm1d between them. {hint}Capture the model itself, with regions.from_torch(model)."
    )


def _checked(part: _Part) -> _Part:
    path, shapes = part.path, {leaf: array.shape for leaf, array in part.tensors.items()}
    weight = f"{path}.weight".lstrip(".")
    if not part.is_linear or "running_var" in shapes:
        wrong = {leaf: s for leaf, s in shapes.items() if s != shapes.get("running_mean") or len(s) != 1}
        if wrong or not {*STATISTICS} <= set(shapes):
            raise _foreign(path, f"its shapes {shapes} are not those of a BatchNorm1d")
        return part
    shape = shapes.get("weight")
    if shape is None:
        raise _foreign(f"{path}.bias".lstrip("."), "there is no weight to it")
    if len(shape) == 1:
        raise _foreign(weight, f"its shape {shape} may be that of a PReLU or of a normalisation")
    if len(shape) > 2:
        raise _foreign(weight, f"its shape {shape} is that of a convolution, of unknown stride and padding")
    if shapes.get("bias", shape[:1]) != shape[:1] or 0 in shape:
        raise _foreign(weight, f"its shape {shape} does not fit the bias of shape {shapes.get('bias')}")
    return part


def _pieces(path: str) -> list[tuple[str, tuple[int, ...]]]:
    """The components of a path: what is left without their numbers, and the numbers."""
    return [(re.sub(r"\d+", "#", c), tuple(map(int, re.findall(r"\d+", c)))) for c in path.split(".")]


def _before(a: str, b: str) -> bool:
    """Whether names tell that a layer comes before another: at the first difference there is a smaller number."""
    for (stem, numbers), (other_stem, others) in zip(_pieces(a), _pieces(b), strict=False):
        if (stem, numbers) != (other_stem, others):
            return stem == other_stem and numbers < others
    return False


def _in_order(parts: list[_Part], likely: int | None) -> list[_Part]:
    """The layers in the one order that names and shapes allow."""
    n = len(parts)
    earlier = [sum(1 << j for j in range(n) if _before(parts[j].path, parts[i].path)) for i in range(n)]
    states = 0

    @cache
    def ways(placed: int, width: int) -> tuple[tuple[int, ...], ...]:
        """Two orders, at most, of what is not placed yet, behind a layer of this width, or of any for 0."""
        nonlocal states
        states += 1
        if placed == (1 << n) - 1:
            return ((),)
        found: list[tuple[int, ...]] = []
        for i, part in enumerate(parts):
            free = not placed >> i & 1 and not earlier[i] & ~placed
            if free and width in (0, part.n_in) and len(found) < 2 and states < _MOST_STATES:
                found += [(i, *rest) for rest in ways(placed | 1 << i, part.n_out)]
        return tuple(found[:2])

    orders = ways(0, 0)
    if len(orders) > 1 and likely is not None:
        orders = ways(0, likely) or orders
    listed = ", ".join(map(str, parts))
    if states >= _MOST_STATES or len(orders) > 1:
        raise CaptureError(
            f"Names and shapes do not tell the order of the layers {listed}. Allowed are names that differ by a number "
            "first, in the order of use, or shapes that fit in one order alone. Rename them to '0.weight', '0.bias', "
            "'1.weight', ..., give input_dimension=D where that tells it, or capture the model itself, with "
            "regions.from_torch(model)."
        )
    if not orders:
        raise CaptureError(
            f"The layers {listed} do not follow one another, whatever their order; allowed is a chain in which every "
            "layer takes what the one before gives. Leave out what is not part of it, or capture the model itself, "
            "with regions.from_torch(model)."
        )
    return [parts[i] for i in orders[0]]


def _room(before: _Part, after: _Part) -> int | None:
    """How many modules without weights stand between two of a `Sequential`; None where the names do not say it."""
    (*parents, (stem, first)), (*others, (other, second)) = _pieces(before.path), _pieces(after.path)
    return second[0] - first[0] - 1 if parents == others and stem == other == "#" else None


def _activated(parts: list[_Part]) -> list[int]:
    """The layers that an activation follows: one between a linear layer and the next."""
    linear = [i for i, part in enumerate(parts) if part.is_linear]
    rooms = [_room(a, b) for a, b in pairwise(parts)]
    # Nothing but normalisations before the first linear layer and behind the last.
    outside = [*range(linear[0]), *range(linear[-1], len(parts) - 1)]
    unknown = [i for i in outside if rooms[i] != 0]
    places = []
    for a, b in pairwise(linear):
        roomy = [i for i in range(a, b) if b == a + 1 or rooms[i]]
        if len(roomy) != 1 or (b > a + 1 and None in rooms[a:b]):
            unknown.append(a)
        places += roomy[:1]
    if unknown:
        names = ", ".join(part.path for part in parts if not part.is_linear)
        raise CaptureError(
            f"Names do not tell on which side of an activation the normalisations stand ({names}). Allowed are those "
            "in a Sequential, whose numbers leave room for the activation on one side alone. Capture the model itself, "
            "with regions.from_torch(model)."
        )
    return places
