"""Finds what a model holds outside torch's registers: modules in plain lists, and the state that a run may change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["find_unregistered", "floating_tensors", "untouched"]

_REGISTERS = ("_parameters", "_buffers", "_modules")


def _children(holder: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(holder, torch.jit.ScriptModule):
        # All that it holds is registered, and its attributes are no plain Python objects.
        return
    if isinstance(holder, torch.nn.Module):
        for name, value in vars(holder).items():
            # Hooks and the registers themselves start with an underscore, but so may a user's own attribute.
            if name not in _REGISTERS and not name.endswith("_hooks"):
                yield f"{path}.{name}" if path else name, value
        for name, module in holder._modules.items():
            yield f"{path}.{name}" if path else name, module
    elif isinstance(holder, list | tuple):
        yield from ((f"{path}[{i}]", value) for i, value in enumerate(holder))
    elif isinstance(holder, dict):
        yield from ((f"{path}[{key!r}]", value) for key, value in holder.items())
    elif isinstance(holder, set | frozenset):
        yield from ((f"{path}{{...}}", value) for value in holder)


def _walk(model: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield every module, tensor and container that the model reaches, with the way to it, each one once."""
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("", model)]
    while todo:
        path, value = todo.pop(0)
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.nn.Module | torch.Tensor | list | tuple | dict | set | frozenset):
            yield path, value
            todo.extend(_children(value, path))


def find_unregistered(model: torch.nn.Module) -> dict[str, torch.nn.Module | torch.nn.Parameter]:
    """Return the modules and parameters that the model reaches only through plain Python attributes, by path."""
    known = {id(module) for module in model.modules()} | {id(p) for p in model.parameters()}
    found: dict[str, torch.nn.Module | torch.nn.Parameter] = {}
    for path, value in _walk(model):
        if isinstance(value, torch.nn.Module | torch.nn.Parameter) and id(value) not in known:
            found[path] = value
            known.add(id(value))
            if isinstance(value, torch.nn.Module):
                known |= {id(module) for module in value.modules()} | {id(p) for p in value.parameters()}
    return found


def floating_tensors(model: torch.nn.Module) -> list[torch.Tensor]:
    """Return every floating-point tensor that the model holds, registered or not, registered ones first."""
    registered = [*model.parameters(), *model.buffers()]
    others = [value for _, value in _walk(model) if isinstance(value, torch.Tensor)]
    others += [
        tensor
        for holder in find_unregistered(model).values()
        if isinstance(holder, torch.nn.Module)
        for tensor in (*holder.parameters(), *holder.buffers())
    ]
    unique = {id(t): t for t in (*registered, *others) if t.is_floating_point()}
    return list(unique.values())


@contextmanager
def untouched(model: torch.nn.Module) -> Iterator[None]:
    """Put everything that the model holds back afterwards: a forward pass may count, cache or assign."""
    attributes: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
    lists: list[tuple[list[Any], list[Any]]] = []
    for _, value in _walk(model):
        if isinstance(value, torch.jit.ScriptModule):
            continue
        if isinstance(value, torch.nn.Module):
            holders = (vars(value), *(vars(value)[name] for name in _REGISTERS))
            attributes.extend((holder, dict(holder)) for holder in holders)
        elif isinstance(value, dict):
            attributes.append((value, dict(value)))
        elif isinstance(value, list):
            lists.append((value, list(value)))
    held = [t for t in floating_tensors(model) if not t.is_meta]
    # Tensors made in inference mode keep no count of their changes.
    tensors = [(t, None if t.is_inference() else t._version, t.detach().clone()) for t in held]
    try:
        yield
    finally:
        for holder, before in attributes:
            if len(holder) != len(before) or any(holder.get(k) is not v for k, v in before.items()):
                holder.clear()
                holder.update(before)
        for items, former in lists:
            if len(items) != len(former) or any(a is not b for a, b in zip(items, former, strict=True)):
                items[:] = former
        with torch.no_grad():
            for tensor, version, numbers in tensors:
                if version is None:
                    changed = not torch.equal(tensor.nan_to_num(), numbers.nan_to_num())
                else:
                    changed = tensor._version != version
                if changed:
                    tensor.copy_(numbers)
