"""Capture of torch modules as exact networks.

The graph comes from `torch.export` in its non-strict form, which runs the model's Python code once on tensors
without data. `torch.fx.symbolic_trace` was tried on the same models and reads fewer of them: it stops at layers kept
in a plain list ("module is not installed as a submodule") and at every look at the input's shape
(``assert x.ndim == 2``, ``int(x.shape[0])``), and it sees nothing inside parametrised weights, because it takes whole
modules for leaves. Strict `torch.export` fails on layers in a plain list too. Non-strict export reads all of these,
writes one vocabulary of operators for functions, methods and modules alike (``F.relu``, ``x.relu()`` and ``nn.ReLU``
are all `aten.relu`), computes weights from their parametrisations in the graph, refuses control flow that depends on
data, and knows the module and line of each operation. What it costs is one to three seconds at its first use, then
some 50 ms.

TorchScript modules hide from `torch.export`; they are run once under `make_fx` of `torch.fx.experimental.proxy_tensor`,
which records the same operators, one level lower (`addmm` for `linear`), and stops at control flow on data as well.

The state dict is never read to guess a structure: only what the forward pass does counts, and the result is always
compared with the model on random points.
"""

from __future__ import annotations

import copy
import inspect
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch

from regions._threads import one_torch_thread_if_forked
from regions.arithmetic.underflow import require_gradual_underflow_in_torch
from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.layers.refusals import ONLY, curved, jumping
from regions.frontends.torch.arithmetic import HANDLERS, LIKE
from regions.frontends.torch.reader import Reader
from regions.frontends.torch.rearranging import MOVES, move
from regions.frontends.torch.recording import input_dimensions, record
from regions.frontends.torch.unread import unread_coordinates
from regions.frontends.torch.unregistered import untouched
from regions.frontends.torch.values import Operators
from regions.frontends.torch.verify import compare
from regions.frontends.torch.vocabulary import IMAGE_MODULES, UNREADABLE_MODULES

if TYPE_CHECKING:
    from regions.frontends.torch.recording import Recording
    from regions.network.network import Network

__all__ = ["capture", "read"]

_DTYPES = frozenset((torch.float16, torch.bfloat16, torch.float32, torch.float64))


_OPERATORS = Operators(HANDLERS, LIKE, MOVES, move)


def capture(
    model: torch.nn.Module,
    *,
    input_dimension: int | None = None,
    input_shape: Sequence[int] | None = None,
    likely: int | None = None,
) -> Network:
    """Read a torch module as an exact network; see :func:`regions.from_torch`."""
    network, unregistered = read(model, input_dimension, input_shape=input_shape, likely=likely)
    if unregistered:
        warnings.warn(
            f"{', '.join(unregistered)} {'is' if len(unregistered) == 1 else 'are'} used by the model but "
            "missing from model.parameters(), so an optimiser would not train them. They count as layers all the same. "
            "Keep layers in a torch.nn.ModuleList, and parameters in a torch.nn.ParameterList.",
            UserWarning,
            stacklevel=_users_level(),
        )
    return network


def _module_of(model: Any) -> str:
    """Say how to come by a module."""
    if isinstance(model, torch.export.ExportedProgram):
        return "Give the program's own, program.module()."
    return "For a function, write a module whose forward calls it."


def _users_level() -> int:
    """Return the `stacklevel` at which a warning of the calling function names the line that called this package."""
    level, frame = 0, inspect.currentframe()
    # The package's name itself, not its start alone: `regions_of_mine` is no part of it.
    while frame is not None and f"{frame.f_globals.get('__name__', '')}.".startswith("regions."):
        level, frame = level + 1, frame.f_back
    return level


@one_torch_thread_if_forked()
def read(
    model: torch.nn.Module,
    input_dimension: int | None = None,
    batch: int | None = None,
    input_shape: Sequence[int] | None = None,
    likely: int | None = None,
) -> tuple[Network, tuple[str, ...]]:
    """Return the network of a module, and the paths of the unregistered parts that it uses.

    `batch` is the one batch size that the model takes, where it is known.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(
            f"a model of type {type(model).__module__}.{type(model).__qualname__} was given; allowed is a "
            f"torch.nn.Module. {_module_of(model)}"
        )
    require_gradual_underflow_in_torch()
    # A compiled module computes the same function; its compiler has no part in what is read.
    model = getattr(model, "_orig_mod", model)
    if isinstance(model, torch.jit.ScriptModule):
        # Its tensors are beyond the reach of `untouched`, and recording it runs it for real.
        with torch.no_grad():
            model = copy.deepcopy(model)
    _check_signature(model)
    _refuse_quantised(model)
    _check_tensors(model)
    with untouched(model), _weights_own_precision():
        try:
            return _compared(model, input_dimension, input_shape, batch, likely)
        except NotPiecewiseLinearError:
            raise
        except UnsupportedOperationError:
            if batch is not None:
                raise
            try:
                # In a batch of one point the batch may stand at any axis; whether the others keep apart, the
                # comparison at other batch sizes tells.
                return _compared(model, input_dimension, input_shape, None, likely, alone=1)
            except CaptureError:
                pass
            raise


def _compared(
    model: torch.nn.Module,
    input_dimension: Any,
    input_shape: Any,
    batch: int | None,
    likely: int | None,
    alone: int | None = None,
) -> tuple[Network, tuple[str, ...]]:
    recording, network = _recorded(model, input_dimension, input_shape, batch or alone, likely)
    shape = tuple(recording.example.shape)
    compare(model, network, _doubled(recording), shape, recording.example, any_batch=batch is None)
    return network, recording.unregistered


@contextmanager
def _weights_own_precision() -> Iterator[None]:
    """Outside of any `torch.autocast`, whose rounding is none of the model's."""
    with ExitStack() as stack:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def _doubled(recording: Recording) -> Network | None:
    """Return what the graph computes in float64, None where it minds its dtypes."""
    reader = Reader(recording.graph, recording.constants, recording.input_shape, _OPERATORS, double=True)
    try:
        network = reader.run()
    except RuntimeError:
        return None
    return None if reader.has_casts else network


def _check_signature(model: torch.nn.Module) -> None:
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (AttributeError, TypeError, ValueError):
        return
    required = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    keyword_only = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(required) > 1 or keyword_only:
        _refuse_known_modules(model)
        raise CaptureError(
            f"The model's forward needs {len(required)} arguments ({', '.join(required)}); allowed is one, the points. "
            "Wrap the model in a module whose forward takes the points and fills in the rest."
        )
    if not parameters:
        raise CaptureError(
            "The model's forward takes no argument; allowed is one, the points. "
            "Wrap the model in a module whose forward takes the points."
        )


def _check_tensors(model: torch.nn.Module) -> None:
    complex_ones = [name for name, p in model.named_parameters() if p.is_complex()]
    if complex_ones:
        raise CaptureError(
            f"{complex_ones[0]} is complex; allowed are real weights. "
            "Replace the model by one of real weights on real and imaginary parts."
        )
    for kind in (model.named_parameters, model.named_buffers):
        for path, tensor in kind():
            if torch.nn.parameter.is_lazy(tensor):
                raise CaptureError(
                    f"The model's {path} has no shape yet, as in lazy modules before their first call; allowed are "
                    "models with numbers in all weights. Call the model once on an example before it is read."
                )
            if tensor.is_floating_point() and tensor.dtype not in _DTYPES:
                raise CaptureError(
                    f"The model's {path} is of {tensor.dtype}; allowed are float16, bfloat16, float32 and float64. "
                    "Convert the model with model.float(), which keeps the numbers as they are."
                )


def _refuse_quantised(model: torch.nn.Module) -> None:
    for path, module in model.named_modules():
        if re.match(r"torch\.(ao\.)?nn\.(\w+\.)*quantized\.", f"{type(module).__module__}."):
            kind = f"{type(module).__module__}.{type(module).__qualname__}"
            do = "Allowed are models of floats. Give the model as it was before it was quantised."
            raise jumping("is quantised", f"module {path!r}", f"a {kind} rounds values on their way, which", do)


def _refuse_known_modules(model: torch.nn.Module) -> None:
    """Raise where a submodule's class alone says that the model cannot be read."""
    for path, module in model.named_modules():
        kind, bend = type(module).__name__, getattr(module, "nonlinearity", None)
        if kind in UNREADABLE_MODULES and bend != "relu" and type(module).__module__.startswith("torch.nn"):
            which = f"{kind} with {bend}, other than with relu," if bend else kind
            raise curved(f"uses {kind}", f"module {path!r}", which, f"{ONLY} Rewrite this part.")


def _refuse_unknown_shape(model: torch.nn.Module) -> None:
    """Raise where a submodule says that points are images or sequences, of a shape that cannot be guessed."""
    for path, module in model.named_modules():
        kind = type(module).__name__
        if kind in IMAGE_MODULES and type(module).__module__.startswith("torch.nn"):
            raise CaptureError(
                f"The model works on images or sequences ({kind} at module {path!r}), and their shape is unknown; "
                "allowed is any shape that the model takes. Give the shape of one input, without the batch, as "
                "input_shape=(C, H, W); where the model reshapes flat points itself, give input_dimension=D."
            )


def _recorded(
    model: torch.nn.Module, input_dimension: Any, input_shape: Any, batch: int | None, likely: int | None
) -> tuple[Recording, Network]:
    """Return the graph and the network, of a size that is given or that leaves no coordinate of the input unread."""
    shapes = _shapes(model, input_dimension, input_shape, likely)
    refusal: CaptureError | None = None
    while shapes:
        try:
            recording = _record(model, input_dimension, input_shape, batch, shapes)
        except CaptureError as error:
            raise refusal or error from error.__cause__
        if input_shape is not None:
            _refuse_batch(model, recording)
        shapes = shapes[shapes.index(recording.input_shape) + 1 :]
        reader = Reader(recording.graph, recording.constants, recording.input_shape, _OPERATORS)
        try:
            network = reader.run()
        except NotPiecewiseLinearError:
            raise
        except CaptureError as error:
            refusal = refusal or error
            continue
        if input_dimension is not None or input_shape is not None:
            return recording, network
        left = unread_coordinates(model, network, tuple(recording.example.shape), recording.example)
        if not left:
            return recording, network
        # A layer that only a part of the input reaches suggested this size.
        refusal = _undetermined(network.input_dimension, left)
    assert refusal is not None
    raise refusal


def _refuse_batch(model: torch.nn.Module, recording: Recording) -> None:
    """Raise where the shape that was given for one input is that of a batch of them."""
    shape = recording.input_shape
    if len(shape) < 2 or tuple(recording.example.shape) != shape:
        return
    try:
        record(model, [shape[1:]], shape[0] + 1)
    except CaptureError:
        return
    raise CaptureError(
        f"input_shape={shape} was given, which the model takes for a batch of {shape[0]}; allowed is the shape of one "
        f"input, without the batch. Give input_shape={shape[1:]}."
    )


def _undetermined(size: int, left: list[int]) -> CaptureError:
    used = sorted(set(range(size)) - set(left))
    shown = ", ".join(map(str, left[:8])) + (", ..." if len(left) > 8 else "")
    return CaptureError(
        f"The model's number of inputs cannot be told: it runs on points with {size} coordinates, but does not read "
        f"{'coordinate' if len(left) == 1 else 'coordinates'} {shown} of them. Allowed is a guess of which all are "
        f"read. Give the number as input_dimension=D; {used[-1] + 1 if used else 1} is the least that it may be."
    )


def _record(
    model: torch.nn.Module, input_dimension: Any, input_shape: Any, batch: int | None, shapes: list[tuple[int, ...]]
) -> Recording:
    try:
        return record(model, shapes, batch)
    except CaptureError as error:
        _refuse_known_modules(model)
        if input_dimension is None and input_shape is None and not isinstance(error.__cause__, CaptureError):
            _refuse_unknown_shape(model)
        others = [(d,) for d in input_dimensions(model) if (d,) not in shapes]
        fitting = None if input_dimension is None else _fitting(model, others)
        if fitting is None:
            raise
        raise CaptureError(
            f"input_dimension={input_dimension} was given, but the model takes {fitting} inputs. "
            f"Give input_dimension={fitting}, or leave it out."
        ) from error


def _shapes(
    model: torch.nn.Module, input_dimension: Any, input_shape: Any, likely: int | None
) -> list[tuple[int, ...]]:
    """Return the shapes of one point worth trying."""
    if input_shape is not None:
        return [_checked_shape(input_dimension, input_shape)]
    if input_dimension is not None:
        if _is_positive(input_dimension):
            return [(int(input_dimension),)]
        raise CaptureError(
            f"input_dimension={input_dimension!r} was given; allowed are positive whole numbers. "
            "Leave it out to have it found."
        )
    found = [] if likely is None else [likely]
    found += [d for d in input_dimensions(model) if d != likely]
    if not found:
        _refuse_known_modules(model)
        _refuse_unknown_shape(model)
        raise CaptureError(
            "The model holds no weight matrix, so its number of inputs is unknown; allowed is any model that takes "
            "points (P, D). Give the number of inputs as input_dimension=D."
        )
    return [(d,) for d in found]


def _is_positive(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _checked_shape(input_dimension: Any, input_shape: Any) -> tuple[int, ...]:
    shape = tuple(input_shape) if isinstance(input_shape, Sequence) else ()
    if isinstance(input_shape, str) or not shape or not all(map(_is_positive, shape)):
        raise CaptureError(
            f"input_shape={input_shape!r} was given; allowed are sequences of positive whole numbers, the shape of one "
            "input without the batch. Give e.g. input_shape=(1, 28, 28)."
        )
    if input_dimension is not None and input_dimension != math.prod(shape):
        raise CaptureError(
            f"input_dimension={input_dimension!r} and input_shape={shape} were given, of {math.prod(shape)} entries; "
            "allowed is one of them, or two that agree. Leave input_dimension out."
        )
    return shape


def _fitting(model: torch.nn.Module, shapes: Sequence[tuple[int, ...]]) -> int | None:
    try:
        return int(record(model, shapes).example.shape[-1]) if shapes else None
    except CaptureError:
        return None
