"""Float evaluation with proven error bounds: the filter in front of the integer arithmetic.

Every bound is first order in u = 2**-53 with the constant rounded up, then inflated, plus `TINY` against
underflow, which is the last thing added; the proofs are in docs/exactness.md. A value that is not finite proves
nothing: its bound is infinite or NaN and a comparison with that is false, or it is asked for. So overflow and division
by zero end in the exact stage.
"""

from __future__ import annotations

import math

import numpy as np

from regions.arithmetic.floats import TINY, U
from regions.engine.compiling import kernel

__all__ = ["certify", "crossing", "value", "vertex_error"]

INFLATE = 1.0 + 64 * U


@kernel(inline="always")
def value(a, b, c, eg, ec, x, y, w, dx, dy):
    """Value of the line (a, b, c) at the vertex (x, y, w), and a bound on its distance from the true value."""
    ax = a * x
    by = b * y
    cw = c * w
    bound = 4.0 * U * (abs(ax) + abs(by) + abs(cw))
    bound += (abs(a) + eg) * dx + (abs(b) + eg) * dy
    bound += eg * (abs(x) + abs(y)) + ec * w
    return ax + by + cw, bound * INFLATE + TINY


@kernel
def vertex_error(x, y, a1, b1, c1, eg1, ec1, a2, b2, c2, eg2, ec2):
    """Bound in x and in y on the distance of the stored point (x, y) from the true meet of two lines.

    The residuals of the two lines at the stored point, through the inverse of their 2 × 2 matrix: afresh for
    every vertex, so bounds do not multiply along a chain of vertices.
    """
    r1, e1 = value(a1, b1, c1, eg1, ec1, x, y, 1.0, 0.0, 0.0)
    r2, e2 = value(a2, b2, c2, eg2, ec2, x, y, 1.0, 0.0, 0.0)
    r1 = abs(r1) + e1
    r2 = abs(r2) + e2
    p = a1 * b2
    q = a2 * b1
    error = 4.0 * U * (abs(p) + abs(q))
    error += eg1 * (abs(a2) + abs(b2) + eg2) + eg2 * (abs(a1) + abs(b1) + eg1)
    determinant = abs(p - q) - (error * INFLATE + TINY)
    if not determinant > 0.0:
        return math.inf, math.inf
    # Against underflow of the products, and again of the quotient: a large determinant takes the first guard away.
    dx = ((abs(b2) + eg2) * r1 + (abs(b1) + eg1) * r2 + TINY) / determinant * INFLATE + TINY
    dy = ((abs(a2) + eg2) * r1 + (abs(a1) + eg1) * r2 + TINY) / determinant * INFLATE + TINY
    if not (dx < math.inf and dy < math.inf):
        return math.inf, math.inf
    return dx, dy


@kernel
def crossing(su, bu, sv, bv):
    """Where a line crosses a segment: estimate and proven bounds of t in [0, 1].

    `su` and `sv` are the values at the ends, each times its known sign, so that both true values are > 0; `bu` and
    `bv` bound their errors. The true t is pu / (pu + pv), which grows with pu and falls with pv.
    """
    # In front of max(), which may drop what is not a number.
    if not (abs(su) + bu < 1e300 and abs(sv) + bv < 1e300):
        return 0.5, 0.0, 1.0
    lu = max(su - bu, 0.0)
    hu = max(su + bu, 0.0)
    lv = max(sv - bv, 0.0)
    hv = max(sv + bv, 0.0)
    low = 0.0
    high = 1.0
    if lu > 0.0:
        low = lu / (lu + hv) * (1.0 - 8.0 * U) - TINY
    if lv > 0.0:
        high = hu / (hu + lv) * (1.0 + 8.0 * U) + TINY
    pu = max(su, 0.0)
    pv = max(sv, 0.0)
    t = 0.5
    if pu + pv > 0.0:
        t = pu / (pu + pv)
    return t, low, high


@kernel
def certify(estimates, lows, highs, items, start, stop, runs, n_runs, owner):
    """Sort items[start:stop] by their estimates; note the runs whose order the bounds do not prove.

    An order is proven between neighbours i and i + 1 where the largest upper bound up to i lies below the smallest
    lower bound from i + 1 on.
    """
    n = stop - start
    if n < 2:
        return runs, n_runs
    if n <= 24:
        for i in range(start + 1, stop):
            t, low, high, item = estimates[i], lows[i], highs[i], items[i]
            j = i - 1
            while j >= start and estimates[j] > t:
                estimates[j + 1] = estimates[j]
                lows[j + 1] = lows[j]
                highs[j + 1] = highs[j]
                items[j + 1] = items[j]
                j -= 1
            estimates[j + 1] = t
            lows[j + 1] = low
            highs[j + 1] = high
            items[j + 1] = item
    else:
        order = np.argsort(estimates[start:stop])
        estimates[start:stop] = estimates[start:stop][order]
        lows[start:stop] = lows[start:stop][order]
        highs[start:stop] = highs[start:stop][order]
        items[start:stop] = items[start:stop][order]
    simple = True
    for i in range(start, stop - 1):
        if not highs[i] < lows[i + 1]:
            simple = False
            break
    if simple:
        # Neighbours with disjoint bounds, each from below to above, order all of them.
        return runs, n_runs
    least = np.empty(n + 1)
    least[n] = math.inf
    for i in range(n - 1, -1, -1):
        least[i] = min(least[i + 1], lows[start + i])
    most = -math.inf
    run_start = 0
    for i in range(n):
        most = max(most, highs[start + i])
        if most < least[i + 1]:
            if i > run_start:
                if n_runs == runs.shape[0]:
                    bigger = np.empty((2 * n_runs, 3), np.int64)
                    bigger[:n_runs] = runs
                    runs = bigger
                runs[n_runs, 0] = owner
                runs[n_runs, 1] = start + run_start
                runs[n_runs, 2] = start + i + 1
                n_runs += 1
            run_start = i + 1
    return runs, n_runs
