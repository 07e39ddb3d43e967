"""What readers of graphs refuse, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from regions.errors import CaptureError, InvalidNetworkError, NotPiecewiseLinearError, UnsupportedOperationError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

__all__ = [
    "ONLY",
    "Refusable",
    "batch_statistics",
    "by_name",
    "constant_output",
    "curved",
    "jumping",
    "not_finite",
    "product",
    "quotient",
    "raise_first",
    "random",
    "rounding",
    "training",
    "unsupported",
    "words",
]

ONLY = (
    "Affine maps, convolutions, normalisation by fixed statistics, pools, rearrangements, sums, multiples by "
    "constants, and ReLU, its piecewise-linear relatives, maxima, minima and clips can be read."
)


def words(text: str) -> frozenset[str]:
    """The words of a text, such as names of operators."""
    return frozenset(text.split())


class Refusable(Protocol):
    """An operation of a graph: what the operator is called, and where in the model it stands."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def place(self) -> str: ...  # noqa: D102


def curved(what: str, place: str, which: str, do: str) -> NotPiecewiseLinearError:
    """What is not piecewise linear: ``The model <what> at <place>; <which> is not ...``."""
    return NotPiecewiseLinearError(
        f"The model {what} at {place}; {which} is not piecewise linear, so the model has no linear regions by any "
        f"definition. {do}"
    )


def jumping(what: str, place: str, which: str, do: str) -> NotPiecewiseLinearError:
    """What is not continuous; see `curved`."""
    return NotPiecewiseLinearError(
        f"The model {what} at {place}; {which} jumps, so it is not continuous and piecewise linear. {do}"
    )


def by_name(
    operation: Refusable, of_curves: Container[str], of_jumps: Container[str], do: str
) -> NotPiecewiseLinearError | None:
    """The refusal of an operator that is never piecewise linear, by two lists of their names; else None."""
    name = operation.name
    error = curved if name in of_curves else jumping if name in of_jumps else None
    return error and error(f"uses {name}", operation.place, name, f"{ONLY} Replace it, or {do}")


def raise_first(errors: Iterable[CaptureError]) -> None:
    """Raise what rules out regions by any definition, the more helpful one to name; else the first error, if any."""
    first: CaptureError | None = None
    for error in errors:
        if isinstance(error, NotPiecewiseLinearError):
            raise error
        first = first or error
    if first is not None:
        raise first


def product(operation: Refusable) -> NotPiecewiseLinearError:
    """Of a product of two values that depend on the input."""
    what = f"multiplies two values that both depend on its input ({operation.name})"
    return curved(what, operation.place, "such a product", "Allowed are multiples by constants. Replace the product.")


def quotient(operation: Refusable) -> NotPiecewiseLinearError:
    """Of a divisor that depends on the input."""
    what = f"divides by a value that depends on its input ({operation.name})"
    return curved(what, operation.place, "that", "Allowed are multiples by constants. Replace the quotient.")


def rounding(operation: Refusable, dtype: object) -> NotPiecewiseLinearError:
    """Of a cast to a type that holds no floats."""
    what = f"rounds to {dtype} ({operation.name})"
    return jumping(what, operation.place, "that", "Allowed are floating-point values. Replace the rounding.")


def unsupported(
    operation: Refusable, form: str = "", why: str = "that is not supported", do: str = "Rewrite this part."
) -> UnsupportedOperationError:
    """Of an operator, or a form of one, that is not read."""
    form = form and f" {form}"
    return UnsupportedOperationError(f"The model uses {operation.name} at {operation.place}{form}; {why}. {ONLY} {do}")


def training(operation: Refusable, what: str, do: str) -> CaptureError:
    """Of what is random in training mode."""
    return CaptureError(
        f"The model is in training mode and {what} at {operation.place}; allowed is a model that gives the same output "
        f"every time. {do}"
    )


def batch_statistics(operation: Refusable, do: str) -> CaptureError:
    """Of a normalisation by the batch's own mean."""
    return CaptureError(
        "The model is in training mode, or tracks no statistics, and normalises with the batch's own mean "
        f"({operation.name}) at {operation.place}; allowed is a model whose output at a point depends on that point "
        f"alone. {do}"
    )


def random(operation: Refusable, do: str) -> CaptureError:
    """Of random numbers."""
    return CaptureError(
        f"The model draws random numbers ({operation.name}) at {operation.place}, as dropout does in training mode; "
        f"allowed are functions that give the same output every time. {do}"
    )


def constant_output(which: str, do: str) -> CaptureError:
    """Of an output that no input reaches."""
    return CaptureError(f"{which} does not depend on its input; allowed are functions of the input. {do}")


def not_finite(what: str, number: Any) -> InvalidNetworkError:
    """Of a number that is NaN or infinite."""
    return InvalidNetworkError(
        f"{what} is {number}; all numbers must be finite. Check the model for a diverged training step or "
        "uninitialised weights."
    )
