"""Every architecture in the table of docs/architectures.md against torch, in floats and in rationals."""

from __future__ import annotations

import copy
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_architectures import NOT_LINEAR, READ, UNSUPPORTED

from regions import from_torch
from regions.errors import NotPiecewiseLinearError, UnsupportedOperationError

DOCS = Path(__file__).parents[3] / "docs" / "architectures.md"


def coarse(model, seed=0):
    """The model with parameters of few bits, so that float64 computes without rounding."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "original" not in name:
                parameter.copy_(torch.randint(-8, 9, parameter.shape, generator=generator) / 8)
    return model.eval()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("name", READ)
def test_what_is_read_equals_torch(name):
    make, shape, exact = READ[name]
    torch.manual_seed(1)
    model = coarse(make())
    network = from_torch(model, input_shape=shape)
    assert network.input_shape == shape
    assert len(network.neurons) == network.n_neurons
    generator = torch.Generator().manual_seed(2)
    points = torch.randint(-40, 41, (20, *shape), generator=generator).double() / 16
    wide = copy.deepcopy(model).double()
    with torch.no_grad():
        expected = wide(points.clone()).numpy()
    flat = points.flatten(1).numpy()
    assert np.abs(network(flat) - expected).max() <= 1e-6
    assert expected.std() > 0.01
    for row, value in list(zip(flat, expected, strict=True))[:2]:
        found = network.evaluate_exact([Fraction(x) for x in row])[0]
        if exact:
            assert found == [Fraction(x) for x in value.tolist()]
        else:
            assert np.allclose([float(x) for x in found], value, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [*NOT_LINEAR, *UNSUPPORTED])
def test_what_is_refused_says_why(name):
    make, shape, said = (NOT_LINEAR | UNSUPPORTED)[name]
    with pytest.raises(UnsupportedOperationError) as caught:
        from_torch(make().eval(), input_shape=shape)
    assert isinstance(caught.value, NotPiecewiseLinearError) == (name in NOT_LINEAR)
    assert said in str(caught.value)


def test_the_table_of_the_documentation_names_every_test():
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.rstrip(" |").rsplit("|", 1)[1])]
    assert sorted(named) == sorted([*READ, *NOT_LINEAR, *UNSUPPORTED])
    refused = [row for row in rows if "refused" in row.split("|")[2]]
    of_refused = {name for row in refused for name in re.findall(r"`([^`]+)`", row.rstrip(" |").rsplit("|", 1)[1])}
    assert of_refused == {*NOT_LINEAR, *UNSUPPORTED}
