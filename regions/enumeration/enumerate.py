"""From a model and a domain to the exact complex, or to its number of regions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from regions._interrupts import interruptible
from regions.arithmetic.underflow import require_gradual_underflow_in_torch
from regions.domain.arrays import domain_arrays
from regions.domain.read import as_domain
from regions.domain.slice import Slice
from regions.engine.resources import Resources
from regions.enumeration.assemble import assemble
from regions.enumeration.count import RegionCount, count_decomposition, count_network_remotely
from regions.enumeration.executors import run_tasks
from regions.enumeration.parts import decompose
from regions.errors import InvalidNetworkError
from regions.frontends.read import as_network

if TYPE_CHECKING:
    from regions.complex.complex import RegionComplex
    from regions.domain.domain import Domain
    from regions.enumeration.executors import Executor
    from regions.enumeration.run import Progress
    from regions.network.network import Network

__all__ = ["count_regions", "count_sweep", "enumerate_regions", "planar_network"]


def planar_network(model: Any) -> Network:
    """Return `model` as a network of two inputs.

    Raises
    ------
    InvalidNetworkError
        When the network does not have two inputs.

    Examples
    --------
    >>> import regions
    >>> planar_network(regions.Network.from_arrays([[[1.0, 2.0]]]))
    <Network 2-1 with 0 hidden neurons and 3 parameters>
    """
    network = as_network(model, likely=2)
    d = network.input_dimension
    if d == 1:
        raise InvalidNetworkError(
            "a network of 1 input was given; regions are enumerated in a plane, so 2 are needed. Its regions are "
            "intervals: regions.enumerate_segment(model, [a], [b]) finds those between the inputs a and b."
        )
    if d != 2:
        raise InvalidNetworkError(
            f"a network of {d} inputs was given; regions are enumerated in a plane, so 2 are needed. Look at a plane "
            "in its input space: plane = regions.Slice.through(p0, p1, p2) goes through three points, and "
            "regions.count_regions(model, plane) counts there. For the command line save the network on the plane: "
            "plane.compose(model).save('plane.npz')."
        )
    return network


def _planar(model: Any, domain: Any) -> tuple[Network, Domain, Slice | None]:
    """The network in the plane's coordinates, the domain in the plane, and the plane if it is a slice."""
    if isinstance(domain, Slice):
        return domain.compose(as_network(model, domain.shape)), domain.domain, domain
    return planar_network(model), as_domain(domain), None


def _check_device(device: Any) -> None:
    """Raise TypeError or ValueError unless torch has a device of this name for products in float64."""
    if device is None:
        return
    require_gradual_underflow_in_torch()
    if not isinstance(device, str):
        raise TypeError(f"device of type {type(device).__name__} was given; a name such as 'cuda' or 'cpu' is needed.")
    import torch

    try:
        torch.ones(1, dtype=torch.float64, device=device).cpu()
    except Exception as error:
        # torch raises errors of many classes here, by build and by device.
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={device!r} was given, which cannot be used here ({reason}); allowed are devices of torch with "
            "numbers of 64 bits, such as 'cuda' and 'cpu'. Leave it out to compute without torch."
        ) from error


@interruptible
def enumerate_regions(
    model: Any,
    domain: Any,
    *,
    threads: int | None = None,
    max_memory: int | None = None,
    max_regions: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
    device: str | None = None,
) -> RegionComplex:
    """Enumerate the activation regions of a network over a domain, exactly.

    Parameters
    ----------
    model : Network or torch.nn.Module
        With two inputs; with any number and shape of inputs if the domain is a slice.
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron, WholePlane or Slice
        A number b means the square [-b, b]². Over a polygon that is not convex a pattern may have several regions:
        every connected one is a region of its own. A slice is a plane in the input space with a domain in it.
    threads : int, optional
        How many blocks to cut at once; as many as it may use cores where left out.
    max_memory : int, optional
        Bytes to work with in each process, on top of what it has and of what is returned; 2 GiB where left out, or the
        least that the network needs. The combinatorics do not depend on it.
    max_regions : int, optional
        Stop with an error as soon as more regions are found.
    progress : bool or callable
        True shows a progress bar on stderr; a callable is given a :class:`regions.enumeration.run.Progress` after
        every step.
    device : str, optional
        Where the products of the layers are computed, as torch calls it, e.g. "cuda". The result is the same.

    Returns
    -------
    RegionComplex
        The same whatever the threads, to the last bit.

    Raises
    ------
    InvalidNetworkError, CaptureError
        When the model is not a finite piecewise-linear network of two inputs.
    DomainError
        When the domain is none of these, empty, or a polygon that crosses itself.
    MemoryLimitError
        When `max_memory` is too little even for the network.
    TooManyRegionsError
        When there are more than `max_regions`; its `count` says how many were found.
    EngineError
        When the result contradicts itself: a bug in this package.

    Notes
    -----
    Layer by layer, every face is cut by the zero lines of the neurons that cross it (the polyhedral complex of
    Grigsby & Lindsey 2022). Signs and orders are decided in float64 where a bound on the rounding error proves
    them, in integer arithmetic where it does not; no tolerance is involved.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> regions.enumerate_regions(network, 1)
    <RegionComplex of 4 activation regions, 9 vertices and 12 edges, of 2 hidden neurons over Box(-1.0, -1.0, 1.0, 1.0)>
    """
    network, where, plane = _planar(model, domain)
    resources = _resources(max_memory, device, threads=threads, max_regions=max_regions)
    _check_progress(progress)
    complex = assemble(
        decompose(network, where), resources, threads=threads, max_regions=max_regions, progress=progress
    )
    return complex if plane is None else replace(complex, slice=plane)


@interruptible
def count_regions(
    model: Any,
    domain: Any,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
    max_memory: int | None = None,
    max_regions: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
    device: str | None = None,
) -> RegionCount:
    """Count the activation regions of a network over a domain, exactly, without storing them.

    The same as ``enumerate_regions(model, domain).n_regions``. Blocks of the first layer's faces go through the other
    layers on their own, one after another on every core; the last layer's faces are never made.

    Parameters
    ----------
    model : Network or torch.nn.Module
    domain : float, Box, ConvexPolygon, Polygon, shapely.Polygon, Polyhedron or WholePlane
    threads : int, optional
        How many blocks to cut at once in this process; as many as it may use cores where left out.
    executor : Executor, optional
        Anything with the `concurrent.futures` protocol, whose workers then cut the blocks: a process pool,
        ``dask.distributed.Client().get_executor()``, `mpi4py.futures`. Arrays and top-level functions are sent, nothing
        else; a task whose worker dies is sent again.
    max_memory : int, optional
        Bytes to work with in each process, on top of what it has and of what is returned; 2 GiB where left out, or the
        least that the network needs. The result does not depend on it.
    max_regions : int, optional
        Stop with an error as soon as more regions are found.
    progress : bool or callable
        True shows a progress bar on stderr; a callable is given a :class:`regions.enumeration.run.Progress` after
        every step.
    device : str, optional
        Where the products of the layers are computed, as torch calls it, e.g. "cuda". The result is the same.

    Returns
    -------
    RegionCount
        An `int` with a `certificate`. The same whatever the threads, the executor and the memory.

    Raises
    ------
    InvalidNetworkError, CaptureError, DomainError, MemoryLimitError, EngineError
        As :func:`enumerate_regions`.
    TooManyRegionsError
        When there are more than `max_regions`; its `count` says how many were found.
    WorkerError
        When a task failed on the executor's workers three times.

    Examples
    --------
    >>> import regions
    >>> network = regions.Network.from_arrays([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0]]])
    >>> regions.count_regions(network, 1)
    4
    >>> regions.count_regions(network, 1, max_regions=3)
    Traceback (most recent call last):
    ...
    regions.errors.TooManyRegionsError: 4 regions were found, more than max_regions=3; ...
    """
    network, where, _ = _planar(model, domain)
    resources = _resources(max_memory, device, threads=threads, max_regions=max_regions)
    _check_executor(executor)
    _check_progress(progress)

    return count_decomposition(
        decompose(network, where),
        resources,
        threads=threads,
        executor=executor,
        max_regions=max_regions,
        progress=progress,
    )


@interruptible
def count_sweep(
    models: Iterable[Any],
    domain: Any,
    *,
    executor: Executor | None = None,
    max_memory: int | None = None,
    progress: bool = False,
) -> list[RegionCount]:
    """Count the regions of many networks over one domain.

    Parameters
    ----------
    models : iterable of Network or torch.nn.Module
    domain
        As of :func:`count_regions`.
    executor : Executor, optional
        Whose workers count one network at a time each; where left out, they are counted here one after another, each
        on all cores.
    max_memory : int, optional
        Bytes to work with in each process, on top of what it has and of what is returned; 2 GiB where left out, or the
        least that the network needs. The result does not depend on it.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    list of RegionCount
        In the order of the models.

    Raises
    ------
    RegionsError
        As :func:`count_regions`, for the first model that fails.

    Examples
    --------
    >>> import regions
    >>> from regions.study.models import ShallowMLP
    >>> count_sweep([ShallowMLP(seed=seed) for seed in range(3)], regions.WholePlane())
    [211, 211, 211]
    """
    where = as_domain(domain)
    _resources(max_memory)
    _check_executor(executor)
    if not isinstance(models, Iterable):
        raise TypeError(f"models of type {type(models).__name__} were given; several are needed, e.g. in a list.")
    networks = [planar_network(model) for model in models]
    counts: dict[int, RegionCount] = {}
    with tqdm(total=len(networks), desc="regions", unit="network", disable=not progress) as bar:
        if executor is None:
            for i, network in enumerate(networks):
                counts[i] = count_regions(network, where, max_memory=max_memory)
                bar.update()
        else:
            arrays = domain_arrays(where)
            tasks = ((network.to_arrays(), arrays, max_memory) for network in networks)
            for i, count in run_tasks(
                executor, count_network_remotely, tasks, lambda arguments, count: isinstance(count, RegionCount)
            ):
                counts[i] = count
                bar.update()
    return [counts[i] for i in range(len(networks))]


def _check_executor(executor: Any) -> None:
    # A class has the method as well, but nothing to call it on.
    if executor is not None and (isinstance(executor, type) or not callable(getattr(executor, "submit", None))):
        what = f"the class {executor.__name__}" if isinstance(executor, type) else f"type {type(executor).__name__}"
        raise TypeError(
            f"an executor of {what} was given; an object with a method `submit` is needed, such as a "
            "concurrent.futures.ProcessPoolExecutor()."
        )


def _check_progress(progress: Any) -> None:
    if not (isinstance(progress, bool | np.bool_) or callable(progress)):
        raise TypeError(f"progress of type {type(progress).__name__} was given; allowed are a bool and a callable.")


def _resources(max_memory: int | None, device: str | None = None, **limits: Any) -> Resources:
    """What a call may use, once its limits, positive integers or None, and its device are checked."""
    for name, value in {"max_memory": max_memory, **limits}.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} of type {type(value).__name__} was given; an integer is needed.")
        if value < 1:
            raise ValueError(f"{name}={value} was given; it must be at least 1.")
    _check_device(device)
    return Resources(max_memory, device)
