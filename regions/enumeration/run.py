"""The one way through a domain's parts and their steps, for enumerating and for counting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm import tqdm

from regions.complex.data import Certificate
from regions.engine.resources import Resources
from regions.enumeration.parts import with_narrow_first_layer
from regions.errors import DomainError, TooManyRegionsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regions.engine.cut import Enumeration
    from regions.enumeration.parts import Decomposition, Part
    from regions.enumeration.steps import Outcome

__all__ = ["Progress", "Run", "Started", "reporting", "step_bytes"]

_STEP_BYTES = 1 << 25


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a count has come.

    Parameters
    ----------
    done, total : int
        Steps; they take about the same time each. Where a domain is taken apart, the total is an estimate up to the
        last part.
    regions : int
        Found so far: in the end there are at least as many, less what a decomposed domain's parts share.
    """

    done: int
    total: int
    regions: int


class Started(NamedTuple):
    """A part whose enumeration stands in front of the network's own layers, and the bytes that it may work with."""

    number: int
    part: Part
    enumeration: Enumeration
    room: int


class Run:
    """A decomposed domain, gone through part by part, and the decisions taken on the way."""

    def __init__(
        self,
        decomposition: Decomposition,
        resources: Resources | None = None,
        max_regions: int | None = None,
        report: Callable[[Progress], None] | None = None,
        less: int = 0,
    ) -> None:
        self.decomposition = decomposition
        self.resources = resources or Resources()
        self.proven = self.decided = 0
        self._max_regions, self._report, self._less = max_regions, report, less
        self._regions = self._done = self._total = 0

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

    def follow(
        self, number: int, n_steps: int, outcomes: Iterable[Outcome], so_far: Callable[[], int]
    ) -> Iterator[Any]:
        """Pass on what the steps of a part find, and look at the limits once it is taken in.

        Parameters
        ----------
        number, n_steps : int
            The part, and how many steps it has.
        outcomes : iterable of Outcome
        so_far : callable
            The regions of this part that were found.

        Raises
        ------
        TooManyRegionsError
            When there are more than allowed.
        """
        left = len(self.decomposition.parts) - number - 1
        for done, found, proven, decided in outcomes:
            self._done += done
            self.decide(proven, decided)
            yield found
            regions = self._regions + so_far()
            if self._max_regions is not None and regions - self._less > self._max_regions:
                raise TooManyRegionsError(regions - self._less, self._max_regions)
            if self._report is not None:
                self._report(Progress(self._done, self._total + n_steps + left * n_steps, regions))
        self._total += n_steps
        self._regions += so_far()

    def decide(self, proven: int, decided: int) -> None:
        """Note decisions taken by float bounds, and in integers."""
        self.proven += int(proven)
        self.decided += int(decided)

    @property
    def certificate(self) -> Certificate:
        """Of all decisions so far."""
        return Certificate(self.proven, self.decided)


@contextmanager
def reporting(progress: bool | Callable[[Progress], None]) -> Iterator[Callable[[Progress], None]]:
    """Where to tell of progress: a bar, a function, or nowhere."""
    if callable(progress):
        yield progress
    elif progress:
        with tqdm(desc="regions", unit="step", file=sys.stderr) as bar:

            def show(at: Progress) -> None:
                bar.total, bar.n = at.total, at.done
                bar.set_postfix_str(f"{at.regions} regions", refresh=False)
                bar.refresh()

            yield show
    else:
        yield lambda at: None


def step_bytes(room: int) -> tuple[int, int]:
    """How many bytes one step may take, and how many steps may run side by side.

    What a step may take says where blocks are cut in two, and so which decisions are taken twice: it does not depend
    on the threads.
    """
    limit = max(1, room // 32, min(room // 8, _STEP_BYTES))
    return limit, max(1, room // (2 * limit))
