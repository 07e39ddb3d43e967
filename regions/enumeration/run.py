"""The one way through a domain's parts, for enumerating and for counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from regions.complex.data import Certificate
from regions.engine.resources import Resources
from regions.enumeration.parts import with_narrow_first_layer
from regions.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regions.engine.cut import Enumeration
    from regions.enumeration.parts import Decomposition, Part

__all__ = ["Run", "Started"]


class Started(NamedTuple):
    """A part whose enumeration stands in front of the network's own layers, and the bytes that it may work with."""

    number: int
    part: Part
    enumeration: Enumeration
    room: int


class Run:
    """A decomposed domain, gone through part by part, and the decisions taken on the way."""

    def __init__(self, decomposition: Decomposition, resources: Resources | None = None) -> None:
        self.decomposition = decomposition
        self.resources = resources or Resources()
        self.proven = self.decided = 0

    def parts(self, narrow: bool = False) -> Iterator[Started]:
        """Start every part that is not empty; raise DomainError where all are, MemoryLimitError for too little memory.

        Narrow first layers keep the complex behind them small: for counting, where complexes are not what is asked for.
        """
        empty = True
        for number, part in enumerate(self.decomposition.parts):
            room = self.resources.room(part.network)
            if narrow and not any(layer.is_sparse for layer in part.network.layers):
                part = with_narrow_first_layer(part, room // 2)
            enumeration = part.start(self.resources)
            if enumeration is not None:
                empty = False
                yield Started(number, part, enumeration, room)
        if empty:
            domain = self.decomposition.domain
            raise DomainError(f"{domain!r} is empty or has no interior; a domain needs one. Check its half-planes.")

    def decide(self, proven: int, decided: int) -> None:
        """Note decisions taken by float bounds, and in integers."""
        self.proven += int(proven)
        self.decided += int(decided)

    @property
    def certificate(self) -> Certificate:
        """Of all decisions so far."""
        return Certificate(self.proven, self.decided)
