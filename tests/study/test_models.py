"""The two networks of the comparison, their seeds and activations, and the output bias."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from regions import enumerate_regions, from_torch
from regions.study.models import Abs, DeepMLP, ShallowMLP, set_output_bias


@pytest.mark.parametrize(
    ("model", "widths", "parameters"),
    [
        (ShallowMLP(), [2, 20, 1], 81),
        (DeepMLP(), [2, 5, 5, 5, 5, 1], 111),
        (ShallowMLP(3, n_inputs=4, n_outputs=2), [4, 3, 2], 23),
        (DeepMLP((7, 3)), [2, 7, 3, 1], 49),
    ],
)
def test_widths_and_parameters(model: nn.Module, widths: list[int], parameters: int) -> None:
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [linear[0].in_features, *(m.out_features for m in linear)] == widths
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert model(torch.zeros(3, widths[0])).shape == (3, widths[-1])


def test_a_seed_gives_torchs_own_draws_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    seeded = DeepMLP(seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(3)
    plain = nn.Sequential(
        *(m for i, o in [(2, 5), (5, 5), (5, 5), (5, 5), (5, 1)] for m in (nn.Linear(i, o), nn.ReLU()))
    )
    theirs = list(plain.parameters())
    assert all(torch.equal(a, b) for a, b in zip(seeded.parameters(), theirs, strict=True))
    assert not torch.equal(next(DeepMLP(seed=4).parameters()), theirs[0])
    torch.manual_seed(3)
    assert torch.equal(next(DeepMLP().parameters()), theirs[0])


def test_dtype_and_activation_are_passed_on() -> None:
    made = []

    def factory() -> nn.Module:
        made.append(nn.LeakyReLU(0.1))
        return made[-1]

    model = DeepMLP((4, 4), factory, dtype=torch.float64)
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert [m for m in model.layers if isinstance(m, nn.LeakyReLU)] == made
    assert len(made) == 2


def test_abs_is_the_absolute_value_and_is_captured_as_such() -> None:
    x = torch.tensor([[-1.5, 0.0], [2.0, -0.0]])
    assert torch.equal(Abs()(x), x.abs())
    network = from_torch(ShallowMLP(6, Abs, seed=0))
    assert (network.layers[0].below == -1).all()
    assert (network.layers[0].above == 1).all()


@pytest.mark.parametrize("width", [0, -1, 2.0, True])
def test_a_width_that_is_no_positive_integer_is_refused(width) -> None:
    with pytest.raises(ValueError, match="integers >= 1"):
        ShallowMLP(width)
    with pytest.raises(ValueError, match="integers >= 1"):
        DeepMLP((5, width))


def test_a_deep_network_needs_a_hidden_layer() -> None:
    with pytest.raises(ValueError, match="widths \\[\\]"):
        DeepMLP(())


def test_the_output_bias_moves_the_output_and_nothing_else() -> None:
    model = DeepMLP(seed=1, dtype=torch.float64)
    before = enumerate_regions(model, 10)
    points = np.random.default_rng(0).uniform(-10, 10, (100, 2))
    values = from_torch(model)(points)
    old = model.layers[-1].bias.item()
    set_output_bias(model, old + 2.5)
    after = enumerate_regions(model, 10)
    np.testing.assert_allclose(from_torch(model)(points), values + 2.5, rtol=1e-13)
    np.testing.assert_array_equal(after.patterns, before.patterns)
    np.testing.assert_array_equal(after.vertices, before.vertices)
    np.testing.assert_array_equal(after.gradients, before.gradients)
    np.testing.assert_allclose(after.offsets, before.offsets + 2.5, rtol=1e-12, atol=1e-12)


def test_the_output_bias_of_sequentials_and_of_several_outputs() -> None:
    model = ShallowMLP(4, n_outputs=2, seed=0)
    set_output_bias(model, [1.0, -2.0])
    assert model.layers[-1].bias.tolist() == [1.0, -2.0]
    nested = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 1)))
    set_output_bias(nested, 7)
    assert nested[-1][0].bias.tolist() == [7.0]


def test_an_output_bias_that_cannot_be_set_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values were given for 1 outputs"):
        set_output_bias(ShallowMLP(), [1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        set_output_bias(ShallowMLP(), float("nan"))
    with pytest.raises(ValueError, match="bias=False"):
        set_output_bias(nn.Sequential(nn.Linear(2, 1, bias=False)), 1.0)
    with pytest.raises(TypeError, match="ends in ReLU"):
        set_output_bias(nn.Sequential(nn.Linear(2, 1), nn.ReLU()), 1.0)
