"""Runs a model once to record its operators, at the first input size and batch shape that it takes."""

from __future__ import annotations

import io
import logging
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from regions.errors import CaptureError
from regions.frontends.torch.unregistered import find_unregistered, floating_tensors
from regions.frontends.torch.values import PACKAGES

__all__ = ["Recording", "input_dimensions", "own_line", "record"]


@dataclass(eq=False)
class Recording:
    """A recorded graph of operators, with the tensors of the model that it uses.

    `constants` has for each placeholder that is no user input its tensor and its name in the model, `example` an input
    that the model takes, and `unregistered` the paths of what is used but not registered.
    """

    graph: torch.fx.GraphModule
    constants: dict[str, tuple[torch.Tensor, str]]
    example: torch.Tensor
    input_shape: tuple[int, ...] = ()
    unregistered: tuple[str, ...] = ()


class _Shell(torch.nn.Module):
    """Holds a model and what it left unregistered, so that export finds every tensor under a name."""

    def __init__(self, model: torch.nn.Module, unregistered: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        for i, holder in enumerate(unregistered.values()):
            setattr(self, f"unregistered_{i}", holder)

    def forward(self, points: torch.Tensor) -> Any:
        return self.model(points)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch's own remarks about tracing away: what matters in them is said in this package's errors."""
    loggers = [
        logging.getLogger(name)
        for name in ("torch", *logging.root.manager.loggerDict)
        if name == "torch" or name.startswith("torch.")
    ]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        # On control flow that depends on data, torch prints the graph so far.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def input_dimensions(model: torch.nn.Module) -> list[int]:
    """Return the input sizes worth trying: the columns, then the rows, of the matrices that the model holds."""
    tensors = floating_tensors(model)
    if isinstance(model, torch.jit.ScriptModule) and hasattr(model, "inlined_graph"):
        # A frozen module keeps its weights inside the graph.
        graph: Any = model.inlined_graph
        constants = [node.output().toIValue() for node in graph.findAllNodes("prim::Constant")]
        tensors += [t for t in constants if isinstance(t, torch.Tensor)]
    matrices = [t for t in tensors if t.ndim == 2 and t.numel()]
    return list(dict.fromkeys([m.shape[1] for m in matrices] + [m.shape[0] for m in matrices]))


def own_line(error: BaseException) -> str:
    """Return the last line of code outside torch and this package that an error came through, or ''."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith((*PACKAGES, "<"))]
    # The first frames are the callers of the capture, from the script down to here.
    inside = [i for i, f in enumerate(frames) if f.filename.startswith(PACKAGES)]
    own = [f for f in own if inside and frames.index(f) > inside[0]]
    return f"{own[-1].filename}:{own[-1].lineno}: {own[-1].line}" if own else ""


def _depends_on_data(error: BaseException) -> bool:
    kinds = {c.__name__ for c in type(error).__mro__}
    if kinds & {"GuardOnDataDependentSymNode", "DataDependentOutputException"}:
        return True
    return bool(re.search(r"data[- ]dependent|out of a tracing tensor", str(error), re.IGNORECASE))


def _hook_behind(error: BaseException, model: torch.nn.Module) -> str | None:
    """Return the path of the module of whose forward hooks one raised this error."""
    codes: dict[Any, str] = {}
    for path, module in model.named_modules():
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values()):
            function = getattr(hook, "__func__", hook)
            if hasattr(function, "__code__"):
                codes[function.__code__] = path
    frames = (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))
    return next((codes[code] for code in frames if code in codes), None)


def _runs(model: torch.nn.Module, example: torch.Tensor) -> bool:
    # TorchScript hides why it could not be recorded; that it runs unrecorded leaves one reason.
    try:
        with torch.no_grad():
            model(example.clone())
    except Exception:
        return False
    return True


def _gist(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()] or [""]
    # TorchScript puts its own traceback first, and the reason last.
    return lines[-1] if "TorchScript" in lines[0] else lines[0]


def _by_export(model: torch.nn.Module, example: torch.Tensor) -> Recording:
    unregistered = find_unregistered(model)
    with torch.no_grad():
        program = torch.export.export(_Shell(model, unregistered), (example,), strict=False)
    paths = {f"unregistered_{i}": path for i, path in enumerate(unregistered)} | {"model": ""}

    def rename(path: str) -> str:
        head, _, tail = path.partition(".")
        head = paths.get(head, head)
        return f"{head}.{tail}" if head and tail else head or tail

    constants: dict[str, tuple[torch.Tensor, str]] = {}
    tensors = {**program.constants, **program.state_dict}
    for spec in program.graph_signature.input_specs:
        if spec.target is not None and spec.target in tensors:
            constants[spec.arg.name] = (tensors[spec.target], rename(spec.target))
    # A parameter in a list is not replaced while tracing: export finds it as a constant of the same memory.
    loose = {h.data_ptr(): p for p, h in unregistered.items() if isinstance(h, torch.nn.Parameter) and h.numel()}
    used: dict[str, None] = {}
    for placeholder, (tensor, _) in constants.items():
        if tensor.numel() and tensor.data_ptr() in loose:
            path = loose[tensor.data_ptr()]
            constants[placeholder] = (tensor, path)
            used[path] = None
    for node in program.graph_module.graph.nodes:
        stack = node.meta.get("nn_module_stack") or {}
        node.meta["nn_module_stack"] = {k: (rename(path), kind) for k, (path, kind) in stack.items()}
        if node.op == "placeholder" and node.users and node.name in constants:
            head = next(
                spec.target or "" for spec in program.graph_signature.input_specs if spec.arg.name == node.name
            ).partition(".")[0]
            if head != "model" and head in paths:
                used[paths[head]] = None
    return Recording(program.graph_module, constants, example, unregistered=tuple(used))


def _by_make_fx(model: torch.nn.Module, example: torch.Tensor) -> Recording:
    with torch.no_grad():
        graph = make_fx(model)(example)
    names = {t.data_ptr(): name for name, t in (*model.named_parameters(), *model.named_buffers()) if t.numel()}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            tensor = getattr(graph, node.target)
            node.meta["regions_name"] = names.get(tensor.data_ptr(), node.target)
    return Recording(graph, {}, example)


def record(model: torch.nn.Module, shapes: Sequence[tuple[int, ...]], batch: int | None = None) -> Recording:
    """Record a model's operators, at the first of these shapes of one point that its forward pass takes.

    `batch` is the one batch size that the model takes, where it is known.
    """
    known = floating_tensors(model)
    dtype = known[0].dtype if known else torch.get_default_dtype()
    device = known[0].device if known else torch.device("cpu")
    run: Callable[[torch.nn.Module, torch.Tensor], Recording] = _by_export
    if isinstance(model, torch.jit.ScriptModule):
        run = _by_make_fx
    reasons: list[str] = []
    for one in shapes:
        # A batch size that no dimension of the points equals, so that mixed up dimensions are noticed.
        odd = next(n for n in (5, 7, 11, 13, 17, 19) if n not in one)
        batches: list[tuple[int, ...]] = [(odd, *one), (1, *one), one]
        for shape in batches if batch is None else [(batch, *one)]:
            example = torch.zeros(shape, dtype=dtype, device=device)
            try:
                with _quiet():
                    found = run(model, example)
                found.input_shape = one
                return found
            except Exception as error:
                hooked = _hook_behind(error, model)
                if hooked is not None:
                    raise CaptureError(
                        f"A hook of the model's module {hooked!r} cannot run while the model is recorded "
                        f"({type(error).__name__}: {_gist(error)}): the tensors then hold no numbers. Allowed are "
                        "hooks that compute with tensors alone. Remove the hook before the model is read, with "
                        "remove() of the handle that its registration returned."
                    ) from error
                line = own_line(error)
                where = f" at {line}" if line else ""
                if _depends_on_data(error) or (run is _by_make_fx and _runs(model, example)):
                    raise CaptureError(
                        f"The model's forward decides by the numbers in its input{where}; allowed is the same sequence "
                        "of operations for every point. Write the condition with operations that are read, such as "
                        "relu(x) or clamp(min=0), or capture the branches one by one."
                    ) from error
                reasons.append(f"{type(error).__name__}: {_gist(error)}{where}")
    if len(shapes) == 1 and len(shapes[0]) > 1:
        raise CaptureError(
            f"The model does not run on points of shape {shapes[0]}: {reasons[0]}. Allowed is a model that takes one "
            "tensor of shape (P, *input_shape), (1, *input_shape) or input_shape. Give the shape of one input, without "
            "the batch, as input_shape=(C, H, W)."
        )
    tried = ", ".join(str(shape[0]) for shape in shapes)
    raise CaptureError(
        f"The model does not run on points with {tried} coordinates: {reasons[0]}. Allowed is a model that takes one "
        "tensor of points of shape (P, D), (1, D) or (D,). Give its number of inputs as input_dimension=D, or the "
        "shape of one input, such as an image, as input_shape=(C, H, W)."
    )
