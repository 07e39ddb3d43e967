"""Initialisations by name, each with the paper that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from regions.errors import OptionError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["INITIALISATIONS", "Initialisation", "read_initialisations"]

Initialisation = Callable[["nn.Module", int], Any]


def _layers(module: nn.Module) -> Iterator[Any]:
    from torch import nn

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return (layer for layer in module.modules() if isinstance(layer, kinds))


def _zero_biases(module: nn.Module) -> None:
    from torch import nn

    for layer in _layers(module):
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _normal_biases(module: nn.Module) -> None:
    from torch import nn

    for layer in _layers(module):
        if layer.bias is not None:
            nn.init.normal_(layer.bias)


def _he(module: nn.Module, seed: int) -> None:
    from torch import nn

    for layer in _layers(module):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    _zero_biases(module)


def _he_normal_biases(module: nn.Module, seed: int) -> None:
    _he(module, seed)
    _normal_biases(module)


def _xavier(module: nn.Module, seed: int) -> None:
    from torch import nn

    for layer in _layers(module):
        nn.init.xavier_uniform_(layer.weight)
    _zero_biases(module)


def _orthogonal(module: nn.Module, seed: int) -> None:
    from torch import nn

    for layer in _layers(module):
        nn.init.orthogonal_(layer.weight)
    _zero_biases(module)


def _normal(module: nn.Module, seed: int) -> None:
    from torch import nn

    for layer in _layers(module):
        nn.init.normal_(layer.weight)
    _normal_biases(module)


#: Initialisations of linear and convolutional layers by name; None leaves a module as it was made.
#:
#: "torch"
#:     As torch makes its layers: weights and biases uniform in ±1/√(inputs of the layer), after LeCun, Bottou, Orr &
#:     Müller (1998).
#: "he"
#:     Weights normal of variance 2/(inputs of the layer), zero biases: He, Zhang, Ren & Sun (2015). Without biases all
#:     borders between regions are rays from the origin.
#: "he_normal_biases"
#:     The same weights, standard normal biases: random ones with a bounded density, as the averages of Hanin &
#:     Rolnick (2019) ask for.
#: "xavier"
#:     Weights uniform in ±√(6/(inputs + outputs of the layer)), zero biases: Glorot & Bengio (2010).
#: "orthogonal"
#:     Weights a random matrix with orthonormal rows or columns, zero biases: Saxe, McClelland & Ganguli (2014).
#: "normal"
#:     Weights and biases standard normal.
INITIALISATIONS: dict[str, Initialisation | None] = {
    "torch": None,
    "he": _he,
    "he_normal_biases": _he_normal_biases,
    "xavier": _xavier,
    "orthogonal": _orthogonal,
    "normal": _normal,
}


def read_initialisations(given: Any) -> dict[str, Initialisation | None]:
    """Initialisations by their names.

    Parameters
    ----------
    given : str, callable, or iterable of these
        A callable takes a torch module and a seed; it is named by its ``__name__``.

    Raises
    ------
    OptionError
        When one is neither known nor callable, there is none, or two have the same name.

    Examples
    --------
    >>> list(read_initialisations("he"))
    ['he']
    """
    several = [given] if isinstance(given, str) or callable(given) or not isinstance(given, Iterable) else list(given)
    if not several:
        raise OptionError(f"no initialisation was given; allowed are {', '.join(INITIALISATIONS)} and functions.")
    found: dict[str, Initialisation | None] = {}
    for one in several:
        if isinstance(one, str) and one in INITIALISATIONS:
            name, initialisation = one, INITIALISATIONS[one]
        elif callable(one):
            name, initialisation = str(getattr(one, "__name__", type(one).__name__)), one
        else:
            raise OptionError(
                f"initialisation {one!r} was given; allowed are {', '.join(INITIALISATIONS)} and functions that take "
                "a torch module and a seed."
            )
        if name in found:
            raise OptionError(f"initialisation {name} was given twice; each may appear once, functions by their name.")
        found[name] = initialisation
    return found
