"""The one thing that the package asks of the floating-point unit besides IEEE 754's usual mode: gradual underflow."""

from __future__ import annotations

from regions._threads import one_torch_thread_if_forked
from regions.arithmetic.floats import SMALLEST
from regions.errors import FlushToZeroError

__all__ = ["require_gradual_underflow", "require_gradual_underflow_in_torch"]

# torch gives a thread no less than so many entries.
_GRAIN = 1 << 15


def require_gradual_underflow() -> None:
    """Raise where this thread takes or gives 0 for subnormal numbers.

    Weights would be read as 0, and the engine's error bounds count on underflow that loses 2**-1075 at most.

    Raises
    ------
    FlushToZeroError
        As after ``torch.set_flush_denormal(True)``.
    """
    # Of a name, so that it is multiplied here and now, and not by Python's compiler.
    if SMALLEST * 1.0 == 0.0:
        raise FlushToZeroError(
            "This thread flushes subnormal numbers to zero, as after torch.set_flush_denormal(True); allowed is the "
            "arithmetic of IEEE 754, without which weights are read as 0 and no error bound holds. Call "
            "torch.set_flush_denormal(False) first."
        )


@one_torch_thread_if_forked()
def require_gradual_underflow_in_torch() -> None:
    """Raise where this thread does, or one of those that torch shares work with.

    A thread keeps the mode that the thread that started it had, whatever is set there later.
    """
    require_gradual_underflow()
    import torch

    n = torch.get_num_threads() * _GRAIN
    products = torch.full((n,), SMALLEST, dtype=torch.float64, device="cpu") * 1.0
    # As integers, for a thread that flushes would compare them as zeros.
    if int(products.view(torch.int64).count_nonzero()) < n:
        raise FlushToZeroError(
            "Threads of torch flush subnormal numbers to zero: they were started after torch.set_flush_denormal(True), "
            "and keep that mode; allowed is the arithmetic of IEEE 754. Call torch.set_num_threads(1) first, or start "
            "Python anew."
        )
