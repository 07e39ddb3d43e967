"""The smooth maximum and its relatives: log-sum-exp, softargmax, one-hot argmax, the logistic sigmoid.

The function that machine learning calls *softmax* is a smooth *argmax*: it is the gradient of the log-sum-exp,
which is the smooth maximum. So it is called softargmax here.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.special

from regions.pictures.plotting import axes_of, draw_image, label_axes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "logsumexp",
    "onehot_argmax",
    "plot_logsumexp",
    "plot_softargmax",
    "sigmoid",
    "sigmoid_derivative",
    "softargmax",
    "tanh_from_sigmoid",
]

Axis = int | tuple[int, ...] | None


def _real_array(x: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"x of dtype {array.dtype} was given; real numbers are needed.")
    return array.astype(np.float64)


def _inverse_temperature(lam: Any) -> float:
    if isinstance(lam, bool) or not isinstance(lam, Real | np.integer | np.floating):
        raise TypeError(f"lam of type {type(lam).__name__} was given; one real number is needed.")
    number: Any = lam
    try:
        value = float(number)
    except OverflowError:
        value = math.inf if number > 0 else -math.inf
    if math.isnan(value):
        raise ValueError("lam = nan was given; a real number is needed.")
    return value


def _shifted(x: NDArray[np.float64], lam: float, axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the extreme value m of x (largest for lam > 0, smallest for lam < 0) and lam * (x - m) <= 0."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if any(x.shape[a] == 0 for a in axes if -x.ndim <= a < x.ndim):
        raise ValueError(f"x of shape {x.shape} has nothing along axis {axis}; at least one entry is needed.")
    extreme = (np.max if lam > 0 else np.min)(x, axis=axis, keepdims=True)
    # Shifting before scaling: lam * x may overflow to +inf, lam * (x - m) only to -inf, where exp is right (0).
    # inf - inf and inf * 0 make NaN at the extreme entries, whose distance is 0 by definition.
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        scaled = np.where(x == extreme, 0.0, lam * (x - extreme))
    return extreme, scaled


def logsumexp(x: ArrayLike, lam: float = 1.0, axis: Axis = -1) -> NDArray[np.float64]:
    r"""Smooth maximum :math:`\frac{1}{\lambda} \log \sum_i \exp(\lambda x_i)`.

    Parameters
    ----------
    x : array_like of real numbers
        Infinite entries are allowed; NaN gives NaN.
    lam : float
        Inverse temperature λ. For λ > 0 the result lies between max x and max x + (log n)/λ, for λ < 0 (the smooth
        *minimum*) between min x - (log n)/\|λ\| and min x. λ = ±inf means the limit: max x or min x.
    axis : int, tuple of int or None
        Axis or axes to sum over; None for all of them.

    Returns
    -------
    ndarray, float64
        The shape of `x` without `axis`; a scalar where nothing is left.

    Raises
    ------
    ValueError
        When λ is 0, where the function has no value ((log n)/λ has a pole), or NaN; when there is nothing to sum.
    TypeError
        When `x` or `lam` is not real.

    See Also
    --------
    softargmax : Its gradient.
    scipy.special.logsumexp : The case λ = 1.

    Notes
    -----
    The extreme entry is subtracted before the multiplication by λ, so nothing overflows that the result itself
    does not, however large λ and `x` are.

    Examples
    --------
    >>> print(logsumexp([0.0, 0.0]).round(6))
    0.693147
    >>> print(logsumexp([1e300, -1e300], lam=1e300))
    1e+300
    >>> logsumexp([[1.0, 2.0], [3.0, 5.0]], lam=100.0, axis=0)
    array([3., 5.])
    """
    array, value = _real_array(x), _inverse_temperature(lam)
    if value == 0:
        raise ValueError("lam = 0 was given; (1/lam) log sum exp(lam x) has a pole there. Use lam > 0 or lam < 0.")
    extreme, scaled = _shifted(array, value, axis)
    excess = scipy.special.logsumexp(scaled, axis=axis, keepdims=True)
    with np.errstate(over="ignore"):
        result = extreme + excess / value
    return np.squeeze(result, axis=axis)[()]


def softargmax(x: ArrayLike, lam: float = 1.0, axis: Axis = -1) -> NDArray[np.float64]:
    r"""Smooth argmax :math:`\exp(\lambda x_i) / \sum_j \exp(\lambda x_j)`, the gradient of :func:`logsumexp`.

    Parameters
    ----------
    x : array_like of real numbers
        Infinite entries are allowed; NaN gives NaN.
    lam : float
        Inverse temperature λ. λ = 0 is the uniform distribution, λ < 0 a smooth argmin. λ = ±inf means the limit:
        equal shares among all largest (smallest) entries, which differs from :func:`onehot_argmax` at ties.
    axis : int, tuple of int or None
        Axis or axes over which the result sums to 1; None for all of them together.

    Returns
    -------
    ndarray, float64
        The shape of `x`.

    Raises
    ------
    ValueError
        When λ is NaN; when λ is 0 and an entry is infinite, as 0 · inf has no value; when there is nothing along
        `axis`.
    TypeError
        When `x` or `lam` is not real.

    Examples
    --------
    >>> softargmax([0.0, 0.0])
    array([0.5, 0.5])
    >>> softargmax([1000.0, 999.0, -1000.0], lam=1e6)
    array([1., 0., 0.])
    """
    array, value = _real_array(x), _inverse_temperature(lam)
    if value == 0 and np.isinf(array).any():
        raise ValueError("lam = 0 was given with an infinite entry in x; 0 * inf has no value.")
    scaled = _shifted(array, value, axis)[1]
    return scipy.special.softmax(scaled, axis=axis)


def onehot_argmax(x: ArrayLike, axis: int = -1) -> NDArray[np.float64]:
    """One at the largest entry, zero elsewhere; at a tie the first of the largest entries wins.

    Parameters
    ----------
    x : array_like of real numbers
        Any number of classes along `axis`.
    axis : int

    Returns
    -------
    ndarray, float64
        The shape of `x`.

    Raises
    ------
    ValueError
        When an entry is NaN, or there is nothing along `axis`.
    TypeError
        When `x` is not real.

    Examples
    --------
    >>> onehot_argmax([[0.0, 2.0, 2.0], [5.0, 1.0, 3.0]])
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    array = _real_array(x)
    if np.isnan(array).any():
        raise ValueError("x holds NaN, which has no place in an order; replace it first.")
    if array.ndim and -array.ndim <= axis < array.ndim and array.shape[axis] == 0:
        raise ValueError(f"x of shape {array.shape} has nothing along axis {axis}; at least one entry is needed.")
    result = np.zeros_like(array)
    np.put_along_axis(result, np.argmax(array, axis=axis, keepdims=True), 1.0, axis=axis)
    return result


def sigmoid(x: ArrayLike) -> NDArray[np.float64]:
    r"""Logistic sigmoid :math:`\sigma(x) = 1 / (1 + e^{-x})`, the first component of softargmax((x, 0)).

    Parameters
    ----------
    x : array_like of real numbers

    Returns
    -------
    ndarray, float64
        The shape of `x`.

    Raises
    ------
    TypeError
        When `x` is not real.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return scipy.special.expit(_real_array(x))


def sigmoid_derivative(x: ArrayLike) -> NDArray[np.float64]:
    r"""Derivative :math:`\sigma'(x) = \sigma(x)\,(1 - \sigma(x))` of the logistic sigmoid.

    Parameters
    ----------
    x : array_like of real numbers

    Returns
    -------
    ndarray, float64
        The shape of `x`.

    Raises
    ------
    TypeError
        When `x` is not real.

    Notes
    -----
    Computed as σ(x) σ(-x): the difference 1 - σ(x) loses all its digits for large x.

    Examples
    --------
    >>> sigmoid_derivative([0.0, 1.0]).round(6)
    array([0.25    , 0.196612])
    """
    array = _real_array(x)
    return scipy.special.expit(array) * scipy.special.expit(-array)


def tanh_from_sigmoid(x: ArrayLike) -> NDArray[np.float64]:
    r"""Hyperbolic tangent by the logistic sigmoid: :math:`\tanh(x) = 2\,\sigma(2x) - 1`.

    Parameters
    ----------
    x : array_like of real numbers

    Returns
    -------
    ndarray, float64
        The shape of `x`. The absolute error is a few units of 1e-16; near 0, where the difference cancels,
        ``numpy.tanh`` is relatively more precise.

    Raises
    ------
    TypeError
        When `x` is not real.

    Examples
    --------
    >>> tanh_from_sigmoid([0.0, 1.0]).round(6)
    array([0.      , 0.761594])
    """
    with np.errstate(over="ignore"):
        return 2.0 * sigmoid(2.0 * _real_array(x)) - 1.0


def _grid(bound: float, resolution: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not (np.isfinite(bound) and bound > 0):
        raise ValueError(f"bound {bound} was given; a finite number > 0 is needed.")
    if resolution < 2:
        raise ValueError(f"resolution {resolution} was given; an integer >= 2 is needed.")
    axis = np.linspace(-bound, bound, resolution)
    return axis, np.stack(np.meshgrid(axis, axis), axis=-1)


def plot_logsumexp(
    lam: float, ax: Any = None, *, bound: float = 2.0, resolution: int = 201, levels: int = 12, colorbar: bool = False
) -> Any:
    """Draw level lines of the log-sum-exp of two numbers, over those of their maximum in grey.

    Parameters
    ----------
    lam : float
        Inverse temperature λ; infinity for the maximum itself.
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    bound : float
        Of the square [-bound, bound]².
    resolution : int
        Grid points a side.
    levels : int
        Roughly how many level lines.
    colorbar : bool

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        When λ is 0 or NaN, or bound or resolution is out of range.

    Examples
    --------
    >>> from regions.pictures.softmax import plot_logsumexp
    >>> plot_logsumexp(10.0).get_title() != ""
    True
    """
    axis, points = _grid(bound, resolution)
    maximum = points.max(axis=-1)
    heights = np.linspace(-bound, bound, levels)
    ax = axes_of(ax)
    ax.contour(axis, axis, maximum, levels=heights, colors="0.7", linewidths=2.5, linestyles="solid")
    drawn = ax.contour(axis, axis, logsumexp(points, lam), levels=heights, cmap="viridis", linewidths=1.2)
    ax.set_aspect("equal")
    label_axes(ax, f"lse, λ = {lam:g}")
    if colorbar:
        ax.figure.colorbar(drawn, ax=ax)
    return ax


def plot_softargmax(
    lam: float | None,
    ax: Any = None,
    *,
    component: int = 0,
    bound: float = 2.0,
    resolution: int = 201,
    colorbar: bool = False,
) -> Any:
    """Draw one component of the softargmax of two numbers as an image, or of the one-hot argmax.

    Parameters
    ----------
    lam : float or None
        Inverse temperature λ; None for the one-hot argmax.
    ax : matplotlib Axes, optional
        A new figure is made where left out.
    component : {0, 1}
    bound : float
        Of the square [-bound, bound]².
    resolution : int
        Grid points a side.
    colorbar : bool

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        When λ is NaN, there is no such component, or bound or resolution is out of range.

    Examples
    --------
    >>> from regions.pictures.softmax import plot_softargmax
    >>> plot_softargmax(10.0, component=0).get_title() != ""
    True
    """
    if component not in (0, 1):
        raise ValueError(f"component {component!r} was given; allowed are 0 and 1.")
    points = _grid(bound, resolution)[1]
    values = onehot_argmax(points) if lam is None else softargmax(points, lam)
    half = bound / (resolution - 1)
    extent = (-bound - half, bound + half, -bound - half, bound + half)
    name = "one-hot argmax" if lam is None else f"softargmax, λ = {lam:g}"
    title = f"{name}: component {component + 1}"
    return draw_image(values[..., component], extent, ax, title=title, vmin=0.0, vmax=1.0, colorbar=colorbar)
