"""Counts and measures along a training run: a callable for the training loop, and the table that it fills."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regions.complex.exports import require
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.enumeration.enumerate import count_regions, enumerate_regions
from regions.errors import CaptureError, InvalidNetworkError, OptionError
from regions.study.moments import Moment, plain, read_measures

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regions.complex.complex import RegionComplex

__all__ = ["Tracker", "track"]


def track(
    model: Any,
    domain: Any,
    measures: str | Iterable[Any] | Mapping[str, Any] = (),
    *,
    every: int = 1,
    points: ArrayLike | None = None,
    keep: bool = False,
    errors: Literal["raise", "record"] = "raise",
) -> Tracker:
    """Record a network's regions while it is trained.

    Parameters
    ----------
    model : torch.nn.Module or anything else that :func:`regions.count_regions` takes
        Read afresh for every record. It is left as it was: weights and their gradients, training mode, and the state
        of the random generators. It is read in evaluation mode.
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron, WholePlane or Slice
        A number b means the square [-b, b]².
    measures : str, iterable of str and callables, or mapping of names to these
        Beside the number of activation regions, which is always recorded: names of
        :data:`regions.study.moments.MEASURES`, or functions of a :class:`RegionComplex` that return a
        number; in a mapping under names of your own.
    every : int
        Record at the first call and at every so many-th after it; other calls cost nothing.
    points : array_like, shape (P, 2), optional
        Where data lie, in the coordinates of the domain, for the measures of points.
    keep : bool
        Keep the complexes, for pictures: :attr:`Tracker.complexes`.
    errors : {"raise", "record"}
        What to do when the model cannot be read, as when its weights have become NaN: raise the error, or record
        None in all columns and the message in the column `error`.

    Returns
    -------
    Tracker
        To be called in the training loop.

    Raises
    ------
    OptionError
        When a measure is not known, `every` is not an integer >= 1, or points are missing or given without need.
    DomainError
        When the domain is none of these.

    See Also
    --------
    regions.measures.stable_regions : Which patterns survive a step.

    Notes
    -----
    Hanin & Rolnick (2019, "Complexity of linear regions in deep networks", arXiv 1901.09021) track the number of
    activation regions through training in this way, with sampled lines and planes.

    Examples
    --------
    >>> import regions, torch
    >>> from regions.study.models import ShallowMLP
    >>> model = ShallowMLP(8, seed=0)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> tracker = regions.track(model, 3, ["boundary_length", "dead_neurons"], every=10)
    >>> x = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, -1.0]])
    >>> for step in range(21):
    ...     loss = (model(x).ravel() - x.prod(dim=1)).square().mean()
    ...     tracker(step, loss=loss)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    >>> tracker.table["step"]
    [0, 10, 20]
    >>> tracker.table["activation_regions"][0] == regions.count_regions(ShallowMLP(8, seed=0), 3)
    True
    """
    where = domain if isinstance(domain, Slice) else as_domain(domain)
    if isinstance(every, bool) or not isinstance(every, int | np.integer) or every < 1:
        raise OptionError(f"every={every!r} was given; an integer >= 1 is needed.")
    if errors not in ("raise", "record"):
        raise OptionError(f"errors={errors!r} was given; allowed are 'raise' and 'record'.")
    if not isinstance(keep, bool):
        raise OptionError(f"keep={keep!r} was given; True or False is needed.")
    chosen, where_data_lie = read_measures(measures, points)
    return Tracker(model, where, chosen, int(every), where_data_lie, keep, errors)


class Tracker:
    """A callable that records a network's regions; made by :func:`regions.track`.

    ``tracker(step, loss=loss)`` adds a row. The table has the columns `step`, `activation_regions`, the measures, what
    else was given, and `error` where errors are recorded.

    Attributes
    ----------
    table : dict of str to list
        The records, one list a column, all of one length; None where a column has no value.
    complexes : list of RegionComplex or None
        With ``keep=True``: the complex of each row.
    """

    def __init__(
        self,
        model: Any,
        domain: Any,
        measures: dict[str, Callable[[Moment], Any]],
        every: int,
        points: NDArray[np.float64] | None,
        keep: bool,
        errors: str,
    ) -> None:
        self._model = model
        self._domain = domain
        self._measures = measures
        self._every = every
        self._points = points
        self._keep = keep
        self._record_errors = errors == "record"
        self._calls = 0
        self._previous: RegionComplex | None = None
        self._own = ("step", "activation_regions", *measures, *["error"] * self._record_errors)
        self.table: dict[str, list[Any]] = {name: [] for name in self._own}
        self.complexes: list[RegionComplex | None] = []

    def __call__(self, step: Any = None, /, **extra: Any) -> None:
        """Record the network as it is now, if this call's turn has come.

        Parameters
        ----------
        step : int, optional
            What to write into the column `step`: a step, an epoch. Where left out, the number of calls before.
        **extra
            More columns: numbers, or tensors of one element.

        Raises
        ------
        OptionError
            When a name is one of the tracker's own columns, or a value is not a single one.
        CaptureError, InvalidNetworkError
            When the model cannot be read, unless errors are recorded. The table stays as it was.
        """
        turn, self._calls = self._calls, self._calls + 1
        if turn % self._every:
            return
        for name in extra:
            if name in self._own:
                raise OptionError(f"{name}= was given; the tracker has a column of that name. Choose another.")
        added = {name: plain(name, value) for name, value in extra.items()}
        row: dict[str, Any] = dict.fromkeys(self._own)
        row["step"] = turn if step is None else plain("step", step)
        found = None
        with _left_alone(self._model):
            try:
                found = self._look(row)
            except (CaptureError, InvalidNetworkError) as error:
                if not self._record_errors:
                    raise
                row["error"] = str(error)
        # Nothing is written before everything is known, so that an interrupt leaves a whole table.
        before = len(self)
        for name in added:
            self.table.setdefault(name, [None] * before)
        for name, column in self.table.items():
            column.append(row[name] if name in row else added.get(name))
        self._previous = found
        if self._keep:
            self.complexes.append(found)

    def _look(self, row: dict[str, Any]) -> RegionComplex | None:
        if not self._measures and not self._keep:
            row["activation_regions"] = int(count_regions(self._model, self._domain))
            return None
        started = time.perf_counter()
        found = enumerate_regions(self._model, self._domain)
        now = Moment(found, self._previous, self._points, time.perf_counter() - started)
        row["activation_regions"] = found.n_regions
        for name, measure in self._measures.items():
            row[name] = measure(now)
        return found

    def __len__(self) -> int:
        return len(self.table["step"])

    def __repr__(self) -> str:
        counts = self.table["activation_regions"]
        shown = f", activation regions {counts[0]} to {counts[-1]}" if counts else ""
        return f"<Tracker of {len(counts)} record{'' if len(counts) == 1 else 's'}{shown}>"

    def to_dataframe(self) -> Any:
        """The table as a `pandas.DataFrame`.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
            When pandas is not installed: ``pip install 'linear-regions[dataframe]'``.
        """
        return require("pandas", "dataframe").DataFrame(self.table)

    def plot(self, columns: str | Iterable[str] | None = None) -> Any:
        """Draw columns of the table against the step, one below the other.

        Parameters
        ----------
        columns : str or iterable of str, optional
            All columns of numbers where left out.

        Returns
        -------
        Figure

        Raises
        ------
        OptionError
            When there is no record yet, or no such column.

        Examples
        --------
        >>> import regions
        >>> from regions.study.models import ShallowMLP
        >>> tracker = regions.track(ShallowMLP(seed=0), 10)
        >>> tracker()
        >>> len(tracker.plot("activation_regions").axes)
        1
        """
        import matplotlib.pyplot as plt

        if not len(self):
            raise OptionError("the tracker has no records to draw; call it in the training loop first.")
        numbers = [
            name
            for name, values in self.table.items()
            if name != "step" and any(isinstance(value, int | float) for value in values)
        ]
        names = numbers if columns is None else [columns] if isinstance(columns, str) else list(columns)
        for name in names:
            if name not in numbers:
                raise OptionError(f"the column {name!r} was asked for; columns of numbers are {', '.join(numbers)}.")
        figure, axes = plt.subplots(
            nrows=len(names), sharex=True, squeeze=False, layout="constrained", figsize=(7, 1 + 1.9 * len(names))
        )
        marker = "o" if len(self) <= 50 else None
        for ax, name in zip(axes[:, 0], names, strict=True):
            values = [np.nan if value is None else value for value in self.table[name]]
            ax.plot(self.table["step"], values, marker=marker, markersize=4)
            ax.set_ylabel(name.replace("_", " "))
            ax.grid(alpha=0.3)
        axes[-1, 0].set_xlabel("step")
        return figure


@contextmanager
def _left_alone(model: Any) -> Iterator[None]:
    """A torch module in evaluation mode, which it and the random generators do not remember."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            model.eval()
            yield
        finally:
            for module, training in modes:
                module.training = training
