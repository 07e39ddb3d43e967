"""Which networks are compared: widths, their equals in neurons or parameters, and how a network is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from regions.errors import OptionError
from regions.frontends.read import as_network
from regions.network.network import Network
from regions.study.options import EXAMPLE, checked_widths, dashed, is_int

if TYPE_CHECKING:
    from torch import nn

    from regions.study.comparison.initialisations import Initialisation

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "equal_neurons",
    "equal_parameters",
    "make_network",
    "n_parameters",
    "read_architectures",
]

#: Activations by name, with their slopes below and above zero.
ACTIVATIONS = {"abs": (-1.0, 1.0), "leaky_relu": (0.01, 1.0), "relu": (0.0, 1.0)}


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of the architectures that are compared.

    Parameters
    ----------
    name : str
    widths : tuple of int or None
        Inputs, hidden layers, outputs.
    build : callable or None
        From a seed to a model, where there are no widths.
    """

    name: str
    widths: tuple[int, ...] | None
    build: Callable[[int], Any] | None


def n_parameters(widths: Sequence[int]) -> int:
    """Number of weights and biases of a fully connected network.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs.

    Returns
    -------
    int

    Raises
    ------
    OptionError
        When these are not three or more integers >= 1.

    Examples
    --------
    >>> n_parameters((2, 20, 1)), n_parameters((2, 5, 5, 5, 5, 1))
    (81, 111)
    """
    return sum((n_in + 1) * n_out for n_in, n_out in pairwise(checked_widths(widths)))


def _checked_depth(depth: Any) -> int:
    if not is_int(depth) or depth < 1:
        raise OptionError(f"depth {depth!r} was given; an integer >= 1 is needed, the number of hidden layers.")
    return int(depth)


def equal_neurons(widths: Sequence[int], *, depth: int) -> tuple[int, ...]:
    """The network of another depth that has as many hidden neurons.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs.
    depth : int
        Hidden layers of the other network: 1 for the shallow one.

    Returns
    -------
    tuple of int
        With the same inputs and outputs, and hidden layers as even as can be: where they cannot be equal, the first
        ones have one neuron more.

    Raises
    ------
    OptionError
        When the widths are not such, or there are fewer neurons than layers.

    Examples
    --------
    >>> equal_neurons((2, 20, 1), depth=4)
    (2, 5, 5, 5, 5, 1)
    >>> equal_neurons((2, 5, 5, 5, 5, 1), depth=1)
    (2, 20, 1)
    >>> equal_neurons((2, 20, 1), depth=3)
    (2, 7, 7, 6, 1)
    """
    n_in, *hidden, n_out = checked_widths(widths)
    layers, neurons = _checked_depth(depth), sum(hidden)
    if layers > neurons:
        raise OptionError(
            f"depth {layers} was given for widths {dashed(widths)} of {neurons} neurons; every hidden layer needs one, "
            f"so at most {neurons} is allowed."
        )
    least, more = divmod(neurons, layers)
    return (n_in, *(least + (i < more) for i in range(layers)), n_out)


def equal_parameters(widths: Sequence[int], *, depth: int) -> tuple[int, ...]:
    """The network of another depth, of equally wide hidden layers, whose number of parameters is nearest.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden layers, outputs.
    depth : int
        Hidden layers of the other network: 1 for the shallow one.

    Returns
    -------
    tuple of int
        With the same inputs and outputs. The numbers of parameters seldom agree exactly (see :func:`n_parameters`);
        of two that are equally near, the smaller one.

    Raises
    ------
    OptionError
        When the widths are not such.

    Examples
    --------
    >>> deep = equal_parameters((2, 20, 1), depth=4)
    >>> deep, n_parameters(deep) - n_parameters((2, 20, 1))
    ((2, 4, 4, 4, 4, 1), -4)
    >>> shallow = equal_parameters((2, 5, 5, 5, 5, 1), depth=1)
    >>> shallow, n_parameters(shallow) - n_parameters((2, 5, 5, 5, 5, 1))
    ((2, 27, 1), -2)
    """
    wanted, layers = n_parameters(widths), _checked_depth(depth)
    n_in, n_out = int(widths[0]), int(widths[-1])

    def of_width(width: int) -> tuple[int, ...]:
        return (n_in, *[width] * layers, n_out)

    width = 1
    while n_parameters(of_width(width + 1)) <= wanted:
        width += 1
    return min(of_width(width), of_width(width + 1), key=lambda found: abs(n_parameters(found) - wanted))


def read_architectures(given: Any) -> tuple[Architecture, ...]:
    """Names with widths, or with functions from a seed to a model.

    Raises
    ------
    OptionError
        When one is neither, there is none, or two have the same name.
    """
    if isinstance(given, Mapping):
        items = [(name, value) for name, value in given.items()]
    elif isinstance(given, Sequence) and not isinstance(given, str):
        if given and all(map(is_int, given)):
            raise OptionError(
                f"architectures {dashed(given)} were given, the widths of one; give a list of them: [{tuple(given)}]."
            )
        items = [(None, value) for value in given]
    else:
        raise OptionError(
            f"architectures of type {type(given).__name__} were given; a list of widths is needed, {EXAMPLE}, or a "
            "dict from names to widths or to functions that take a seed and return a model."
        )
    found = [_read_architecture(name, value) for name, value in items]
    names = [architecture.name for architecture in found]
    if not names:
        raise OptionError(f"no architectures were given; one or more widths are needed, {EXAMPLE}.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptionError(f"architecture {twice[0]} was given twice; in a dict each can have a name of its own.")
    return tuple(found)


def _read_architecture(name: Any, value: Any) -> Architecture:
    if name is not None and not isinstance(name, str):
        raise OptionError(f"the architecture's name {name!r} was given; a string is needed.")
    if callable(value):
        return Architecture(name or str(getattr(value, "__name__", type(value).__name__)), None, value)
    widths = checked_widths(value, name or "")
    return Architecture(name or dashed(widths), widths, None)


def make_network(
    architecture: Architecture,
    seed: int,
    initialisation: Initialisation | None,
    activation: str | Callable[[], nn.Module],
    input_shape: tuple[int, ...] | None,
) -> tuple[Network, int]:
    """Make the network of one seed.

    Parameters
    ----------
    architecture : Architecture
    seed : int
    initialisation : callable or None
        Given the module and the seed; None leaves the module as it was made.
    activation : str or callable
        Of hidden layers given by their widths.
    input_shape : tuple of int or None
        Of one input, where it is known.

    Returns
    -------
    Network
    int
        Number of its parameters, as torch counts them where it is a torch module.

    Raises
    ------
    OptionError
        When an initialisation is given for what is not a torch module.
    """
    import torch
    from torch import nn

    from regions.study.models import DeepMLP, seeded

    if architecture.widths is None:
        assert architecture.build is not None
        with seeded(seed):
            model = architecture.build(seed)
    else:
        n_in, *hidden, n_out = architecture.widths
        # Any module for the activations with a name: their slopes are known.
        layer = nn.ReLU if isinstance(activation, str) else activation
        model = DeepMLP(hidden, layer, seed=seed, n_inputs=n_in, n_outputs=n_out)
    is_module = isinstance(model, nn.Module)
    if initialisation is not None:
        if not is_module:
            raise OptionError(
                f"architecture {architecture.name} makes a {type(model).__name__}; initialisations other than "
                "'torch', which leaves a model as it is made, need a torch.nn.Module."
            )
        with seeded(seed), torch.no_grad():
            initialisation(model, seed)
    parameters = sum(p.numel() for p in model.parameters()) if is_module else None
    if architecture.widths is not None and isinstance(activation, str):
        # The same as capturing the module, in a hundredth of the time.
        linear = [m for m in model.layers if isinstance(m, nn.Linear)]
        network = Network.from_arrays(
            [m.weight.detach().double().numpy() for m in linear],
            [m.bias.detach().double().numpy() for m in linear],
            # A module multiplies by its slope in the type of its weights.
            tuple(torch.tensor(ACTIVATIONS[activation], dtype=linear[0].weight.dtype).tolist()),
        )
    else:
        network = as_network(model, input_shape, likely=2)
    return network, network.n_parameters if parameters is None else parameters
