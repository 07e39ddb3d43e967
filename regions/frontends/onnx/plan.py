"""The order in which the nodes of an ONNX graph are read, and which branch stands in the place of an If."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper

from regions.errors import FileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Plan", "describe", "graphs_of", "is_branch"]


def is_branch(node: onnx.NodeProto) -> bool:
    """Whether the node chooses between two graphs."""
    return bool(node.op_type == "If" and node.domain in ("", "ai.onnx"))


def describe(node: onnx.NodeProto) -> str:
    """Say which node this is."""
    return f"node {node.name!r}" if node.name else f"the node that computes {', '.join(map(repr, node.output))}"


def graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs that a node holds."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _reads(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node takes from around it, those that its graphs use included."""
    found = set(node.input)
    for graph in graphs_of(node):
        inner = set().union(*(_reads(n) for n in graph.node), (o.name for o in graph.output))
        own = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
        own |= {i.name for i in graph.input}.union(*(n.output for n in graph.node))
        found |= inner - own
    return found - {""}


def _rename(nodes: Iterable[onnx.NodeProto], names: dict[str, str]) -> None:
    for node in nodes:
        node.input[:] = [names.get(n, n) for n in node.input]
        node.output[:] = [names.get(n, n) for n in node.output]
        for graph in graphs_of(node):
            _rename(graph.node, names)
            for output in graph.output:
                output.name = names.get(output.name, output.name)


def _check_names(graph: onnx.GraphProto) -> None:
    """Refuse names that are no text, which protobuf hands out as bytes."""
    names = [graph.name, *(t.name for t in graph.initializer), *(t.values.name for t in graph.sparse_initializer)]
    names += [info.name for info in (*graph.input, *graph.output, *graph.value_info)]
    for node in graph.node:
        names += [node.op_type, node.domain, node.name, *node.input, *node.output, *(a.name for a in node.attribute)]
        for inner in graphs_of(node):
            _check_names(inner)
    for name in names:
        if not isinstance(name, str):
            raise FileFormatError(f"The file is damaged: the name {name!r} in it is no text. Export the model again.")


class Plan:
    """The nodes of a graph, in any order; sorted, with the branch in place of each If that has been decided."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        _check_names(graph)
        self._nodes = list(graph.node)
        self.initializers: dict[str, onnx.TensorProto] = {t.name: t for t in graph.initializer}
        self.sparse = {t.values.name for t in graph.sparse_initializer}
        self._index()

    def _index(self) -> None:
        self._maker: dict[str, int] = {}
        for at, node in enumerate(self._nodes):
            for name in filter(None, node.output):
                if name in self._maker:
                    raise FileFormatError(
                        f"The file breaks the rules of ONNX: two nodes compute the tensor {name!r} "
                        f"({describe(self._nodes[self._maker[name]])} and {describe(node)}). Export the model again."
                    )
                self._maker[name] = at

    def __contains__(self, name: str) -> bool:
        return name in self._maker

    def nodes(self, target: str) -> list[onnx.NodeProto]:
        """Return the nodes that a tensor needs, each behind those that it needs, else in the order of the file.

        Of an If that is not yet decided this counts the condition alone.
        """
        waiting: dict[int, int] = {}
        users: dict[int, list[int]] = {}
        todo = [self._maker[target]] if target in self._maker else []
        while todo:
            at = todo.pop()
            if at in waiting:
                continue
            node = self._nodes[at]
            before = {self._maker[n] for n in (node.input[:1] if is_branch(node) else node.input) if n in self._maker}
            waiting[at] = len(before)
            for other in before:
                users.setdefault(other, []).append(at)
            todo += before
        ready = [at for at, count in waiting.items() if not count]
        heapify(ready)
        found = []
        while ready:
            at = heappop(ready)
            found.append(at)
            for user in users.get(at, ()):
                waiting[user] -= 1
                if not waiting[user]:
                    heappush(ready, user)
        if len(found) < len(waiting):
            stuck = self._nodes[min(set(waiting) - set(found))]
            raise FileFormatError(
                f"The file breaks the rules of ONNX: {stuck.op_type} at {describe(stuck)} needs its own output. "
                "Export the model again."
            )
        return [self._nodes[at] for at in found]

    def names(self, target: str) -> set[str]:
        """Return the names that a tensor may need, whatever is decided."""
        found, todo = set[str](), [target]
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += _reads(self._nodes[self._maker[name]]) if name in self._maker else ()
        return found

    def decide(self, node: onnx.NodeProto, condition: NDArray[Any]) -> None:
        """Put one branch of an If in its place."""
        wanted = "then_branch" if bool(condition.reshape(())) else "else_branch"
        (branch,) = (a.g for a in node.attribute if a.name == wanted)
        inner = [onnx.NodeProto.FromString(n.SerializeToString()) for n in branch.node]
        made = [n for i in inner for n in i.output if n]
        made += [t.name for t in branch.initializer] + [t.values.name for t in branch.sparse_initializer]
        taken = self._maker.keys() | self.initializers.keys() | self.sparse
        prefix = f"{node.name or node.output[0]}/"
        while any(name.startswith(prefix) for name in taken):
            prefix += "/"
        names = {name: prefix + name for name in made}
        _rename(inner, names)
        self.initializers |= {names[t.name]: t for t in branch.initializer}
        self.sparse |= {names[t.values.name] for t in branch.sparse_initializer}
        passed = [
            helper.make_node("Identity", [names.get(inside.name, inside.name)], [outside])
            for inside, outside in zip(branch.output, node.output, strict=True)
            if outside
        ]
        at = next(i for i, n in enumerate(self._nodes) if n is node)
        self._nodes[at : at + 1] = [*inner, *passed]
        self._index()
