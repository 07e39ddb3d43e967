"""Reads the files of `torch.export.save` without running anything that they hold.

`torch.export.load` unpickles: sample inputs, tensors marked so and opaque constants are loaded with
``weights_only=False`` (torch 2.13), and the graph's symbolic expressions are evaluated as Python. A file from
elsewhere could run any code. So this module parses the file itself: the graph is JSON, the tensors are plain bytes.
Operators are looked up in torch's `aten` namespace alone, and nothing pickled is opened.
"""

from __future__ import annotations

import json
import math
import operator
import re
import zipfile
from collections.abc import Callable
from typing import Any

import torch

from regions._files import allowed_size
from regions.errors import FileFormatError, UnsupportedOperationError

__all__ = ["ExportedModule", "read_pt2"]

# The numbers that torch's schema gives to dtypes.
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_ARITHMETIC = frozenset(("add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "le", "ge", "lt", "gt"))
_PLAIN = ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_int_lists", "as_string")


class ExportedModule(torch.nn.Module):
    """A graph of aten operators that runs as a module: entries of the file's JSON, and tensors by name."""

    def __init__(self, graph: dict[str, Any], signature: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._graph = graph
        self._sources: dict[str, str] = {}
        inputs = []
        for spec in signature["input_specs"]:
            kind, content = next(iter(spec.items()))
            if kind == "user_input":
                argument = content["arg"]
                inputs.append(argument["as_tensor"]["name"] if "as_tensor" in argument else None)
            elif kind in ("parameter", "buffer", "tensor_constant"):
                name = next(v for k, v in content.items() if k.endswith("_name"))
                self._sources[content["arg"]["name"]] = name
                self._keep(name, tensors[name])
            else:
                raise FileFormatError(
                    f"the exported graph takes a {kind}; allowed are tensors. Export the model without it."
                )
        if len(inputs) != 1 or inputs[0] is None:
            raise FileFormatError(
                f"the exported graph takes {len(inputs)} inputs; allowed is one tensor, the points. "
                "Export a module whose forward takes the points alone."
            )
        self._input = inputs[0]
        sizes = graph["tensor_values"][self._input]["sizes"]
        self.sizes = [size.get("as_int") for size in sizes]
        self._calls = [(_resolve(node["target"]), node) for node in graph["nodes"]]

    def _keep(self, name: str, tensor: torch.Tensor) -> None:
        *path, leaf = name.split(".")
        holder: torch.nn.Module = self
        for part in path:
            if part not in holder._modules:
                holder.add_module(part, torch.nn.Module())
            holder = holder._modules[part]  # type: ignore[assignment]
        holder.register_buffer(leaf, tensor)

    def forward(self, points: torch.Tensor) -> Any:
        """Run the graph."""
        values = {name: operator.attrgetter(source)(self) for name, source in self._sources.items()}
        values[self._input] = points
        for function, node in self._calls:
            if function is None:
                continue
            args, kwargs = [], {}
            for given in node["inputs"]:
                value = _argument(given["arg"], values)
                # Without a kind, every argument up to the first named one is positional.
                if given.get("kind", 1) == 2:
                    kwargs[given["name"]] = value
                else:
                    args.append(value)
            _assign(node["outputs"], function(*args, **kwargs), values)
        results = [_argument(output, values) for output in self._graph["outputs"]]
        return results[0] if len(results) == 1 else tuple(results)


def _resolve(target: str) -> Callable[..., Any] | None:
    """Return the function that a node calls, None for a mere assertion."""
    aten = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.(\w+)", target)
    if aten is not None and hasattr(torch.ops.aten, aten[1]):
        if aten[1] in ("_assert_scalar", "_assert_async", "sym_constrain_range", "sym_constrain_range_for_size"):
            return None
        if aten[1] not in ("from_file", "save") and aten[2] in getattr(torch.ops.aten, aten[1]).overloads():
            function: Callable[..., Any] = getattr(getattr(torch.ops.aten, aten[1]), aten[2])
            return function
    arithmetic = re.fullmatch(r"_operator\.(\w+)", target)
    if arithmetic is not None and arithmetic[1] in _ARITHMETIC:
        chosen: Callable[..., Any] = getattr(operator, arithmetic[1])
        return chosen
    raise UnsupportedOperationError(
        f"The exported graph calls {target}; allowed are torch's own operators (torch.ops.aten). "
        "Export the model without it, or capture the model itself with regions.from_torch(model)."
    )


def _argument(argument: dict[str, Any], values: dict[str, Any]) -> Any:
    (kind, content), *_ = argument.items()
    if kind == "as_none":
        return None
    if kind in _PLAIN:
        return content
    if kind in ("as_tensor", "as_optional_tensor"):
        return values[content["name"]] if "name" in content else _argument(content, values)
    if kind in ("as_tensors", "as_optional_tensors"):
        return [_argument({kind[:-1]: item}, values) for item in content]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return values[content["as_name"]] if "as_name" in content else next(iter(content.values()))
    if kind in ("as_sym_ints", "as_sym_bools", "as_sym_floats"):
        return [_argument({kind[:-1]: item}, values) for item in content]
    if kind == "as_scalar_type" and content in _DTYPES:
        return _DTYPES[content]
    if kind == "as_memory_format" and content in _MEMORY_FORMATS:
        return _MEMORY_FORMATS[content]
    if kind == "as_device":
        return torch.device("cpu")
    if kind == "as_layout":
        return torch.strided
    raise UnsupportedOperationError(
        f"The exported graph passes an argument of kind {kind}; allowed are tensors and numbers. "
        "Export the model without it, or capture the model itself with regions.from_torch(model)."
    )


def _assign(outputs: list[dict[str, Any]], result: Any, values: dict[str, Any]) -> None:
    if len(outputs) == 1 and "as_tensors" not in outputs[0]:
        result = [result]
    names = outputs[0]["as_tensors"] if len(outputs) == 1 and "as_tensors" in outputs[0] else outputs
    for place, value in zip(names, result, strict=True):
        content = place if "name" in place else next(iter(place.values()))
        if isinstance(content, dict) and ("name" in content or "as_name" in content):
            values[content["name"] if "name" in content else content["as_name"]] = value


def _tensor(data: bytes, meta: dict[str, Any], name: str) -> torch.Tensor:
    dtype = _DTYPES.get(meta["dtype"])
    if dtype is None:
        raise FileFormatError(
            f"tensor {name} is of dtype number {meta['dtype']}; allowed are floats of 16, 32 and 64 bits and integers. "
            "Convert the model first, e.g. with model.float()."
        )
    sizes = [int(size["as_int"]) for size in meta["sizes"]]
    strides = [int(stride["as_int"]) for stride in meta["strides"]]
    if 0 in sizes:
        return torch.zeros(sizes, dtype=dtype)
    # Strides of 0 repeat numbers: a few bytes can stand for any size.
    needed = math.prod(sizes) * dtype.itemsize
    if needed > allowed_size(len(data)):
        raise FileFormatError(
            f"tensor {name} of shape {tuple(sizes)} needs {needed} bytes and has {len(data)}; allowed are "
            f"{allowed_size(len(data))}. Export the model with that tensor as contiguous()."
        )
    flat = torch.frombuffer(bytearray(data), dtype=dtype)
    return flat.as_strided(sizes, strides, int(meta["storage_offset"]["as_int"])).clone()


def read_pt2(file: zipfile.ZipFile) -> ExportedModule:
    """Read an exported graph, in the layout of torch ≥ 2.8; what is pickled in it is refused."""
    root = next(name for name in file.namelist() if name.endswith("/models/model.json")).partition("/")[0]
    names = set(file.namelist())
    order = f"{root}/byteorder"
    if order in names and file.read(order) != b"little":
        raise FileFormatError(
            "its numbers are big-endian; allowed are little-endian ones. Export the model on another machine."
        )
    model = json.loads(file.read(f"{root}/models/model.json"))
    tensors: dict[str, torch.Tensor] = {}
    for folder in ("weights", "constants"):
        config = f"{root}/data/{folder}/model_{folder}_config.json"
        if config not in names:
            raise FileFormatError(
                f"the entry {config} is missing; allowed are files that torch.export.save wrote with torch 2.8 or "
                "newer. Export the model again with a newer torch."
            )
        for name, entry in json.loads(file.read(config))["config"].items():
            if entry["use_pickle"] or entry.get("tensor_meta") is None:
                raise FileFormatError(
                    f"{name} is pickled; allowed are plain tensors, for unpickling can run any code. "
                    "Export the model with plain tensors, or capture it with regions.from_torch(model)."
                )
            data = file.read(f"{root}/data/{folder}/{entry['path_name']}")
            tensors[name] = _tensor(data, entry["tensor_meta"], name)
    module = model["graph_module"]
    return ExportedModule(module["graph"], module["signature"], tensors).eval()
