"""The two networks that are compared, shallow 2-20-1 and deep 2-5-5-5-5-1, and the Abs activation, as torch modules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import nn

__all__ = ["Abs", "DeepMLP", "ShallowMLP", "set_output_bias"]


class Abs(nn.Module):
    """The absolute value as an activation: like ReLU it has one kink, at 0, but slopes -1 and 1.

    Examples
    --------
    >>> Abs()(torch.tensor([-2.0, 3.0]))
    tensor([2., 3.])
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the absolute value of every entry.

        Parameters
        ----------
        x : torch.Tensor

        Returns
        -------
        torch.Tensor
            The shape of `x`.
        """
        return torch.abs(x)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Draw from the CPU generator as if freshly seeded, and put its state back afterwards."""
    if seed is None:
        yield
        return
    # Not torch.manual_seed: it would seed the accelerators' generators as well, whose state is not put back.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _check_widths(name: str, widths: Sequence[int]) -> list[int]:
    result = list(widths)
    if not result or any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in result):
        raise ValueError(f"{name}: widths {result} were given; one or more integers >= 1 are needed.")
    return result


class DeepMLP(nn.Module):
    """A deep network: by default 2-5-5-5-5-1 with ReLU, 20 hidden neurons and 111 parameters.

    Parameters
    ----------
    widths : sequence of int
        Hidden widths, first layer first.
    activation : callable
        Makes the activation of one hidden layer: `torch.nn.ReLU`, :class:`Abs`, or any function without arguments
        that returns a module.
    seed : int, optional
        The weights are those that torch draws after ``torch.manual_seed(seed)``; the global generator is left as
        it was. Without a seed they are drawn from the global generator.
    dtype : torch.dtype, optional
        Floating type of the weights; torch's default where left out. The draws differ from type to type.
    n_inputs, n_outputs : int

    Raises
    ------
    ValueError
        When a width is not an integer >= 1.

    Examples
    --------
    >>> model = DeepMLP(seed=0)
    >>> sum(p.numel() for p in model.parameters())
    111
    >>> model(torch.zeros(3, 2)).shape
    torch.Size([3, 1])
    """

    def __init__(
        self,
        widths: Sequence[int] = (5, 5, 5, 5),
        activation: Callable[[], nn.Module] = nn.ReLU,
        *,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        n_inputs: int = 2,
        n_outputs: int = 1,
    ) -> None:
        super().__init__()
        hidden = _check_widths(type(self).__name__, widths)
        sizes = _check_widths(type(self).__name__, [n_inputs, *hidden, n_outputs])
        modules: list[nn.Module] = []
        with seeded(seed):
            for i, (n_in, n_out) in enumerate(pairwise(sizes)):
                # On the CPU whatever the default device is: the seed speaks of the CPU's generator.
                modules.append(nn.Linear(n_in, n_out, dtype=dtype, device="cpu"))
                if i < len(hidden):
                    modules.append(activation())
        self.layers = nn.Sequential(*modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Evaluate.

        Parameters
        ----------
        x : torch.Tensor, shape (P, n_inputs)

        Returns
        -------
        torch.Tensor, shape (P, n_outputs)
        """
        return self.layers(x)


class ShallowMLP(DeepMLP):
    """A shallow network, one hidden layer: by default 2-20-1 with ReLU, 81 parameters.

    Parameters
    ----------
    width : int
        Number of hidden neurons.
    activation : callable
        Makes the activation: `torch.nn.ReLU`, :class:`Abs`, or any function without arguments that returns a
        module.
    seed : int, optional
        The weights are those that torch draws after ``torch.manual_seed(seed)``; the global generator is left as
        it was.
    dtype : torch.dtype, optional
        Floating type of the weights; torch's default where left out.
    n_inputs, n_outputs : int

    Raises
    ------
    ValueError
        When a width is not an integer >= 1.

    Examples
    --------
    >>> sum(p.numel() for p in ShallowMLP(seed=0).parameters())
    81
    """

    def __init__(
        self,
        width: int = 20,
        activation: Callable[[], nn.Module] = nn.ReLU,
        *,
        seed: int | None = None,
        dtype: torch.dtype | None = None,
        n_inputs: int = 2,
        n_outputs: int = 1,
    ) -> None:
        super().__init__((width,), activation, seed=seed, dtype=dtype, n_inputs=n_inputs, n_outputs=n_outputs)


def _output_layer(model: nn.Module) -> nn.Linear:
    last: nn.Module = model.layers if isinstance(model, DeepMLP) else model
    while isinstance(last, nn.Sequential) and len(last):
        last = last[-1]
    if not isinstance(last, nn.Linear):
        raise TypeError(
            f"a model of type {type(model).__name__} that ends in {type(last).__name__} was given; allowed are "
            "ShallowMLP, DeepMLP and an nn.Sequential that ends in nn.Linear. For a class of your own, set the bias "
            "of its output layer directly."
        )
    if last.bias is None:
        raise ValueError("the output layer has no bias (bias=False); make it with bias=True.")
    return last


def set_output_bias(model: nn.Module, value: float | Sequence[float]) -> None:
    """Set the bias of the output layer, in place.

    It adds a constant to the output and does nothing else: activation patterns, regions and gradients stay as they
    are, for no neuron comes after it. What moves is every level set of the output, such as a decision boundary.

    Parameters
    ----------
    model : ShallowMLP, DeepMLP or torch.nn.Sequential
        Must end in `torch.nn.Linear`.
    value : float or sequence of float
        One number for all outputs, or one for each. Rounded to the type of the weights.

    Raises
    ------
    TypeError
        When the model does not end in a linear layer.
    ValueError
        When the number of values does not fit the outputs, a value is not finite, or the layer has no bias.

    Examples
    --------
    >>> model = ShallowMLP(seed=0)
    >>> set_output_bias(model, 3.0)
    >>> model.layers[-1].bias.item()
    3.0
    """
    layer = _output_layer(model)
    values = [float(v) for v in value] if isinstance(value, Sequence) else [float(value)] * layer.out_features
    if len(values) != layer.out_features:
        raise ValueError(
            f"{len(values)} values were given for {layer.out_features} outputs; give one, or one for each."
        )
    if not all(map(math.isfinite, values)):
        raise ValueError(f"the output bias {value} was given; finite numbers are needed.")
    with torch.no_grad():
        layer.bias.copy_(torch.tensor(values, dtype=torch.float64))
