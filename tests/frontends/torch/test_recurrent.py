"""Recurrences with ReLU over a fixed number of steps, which are piecewise linear."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import regions
from regions import from_torch
from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError


class TwoSteps(nn.Module):
    def __init__(self, cell=None):
        super().__init__()
        self.cell = nn.RNNCell(1, 4, nonlinearity="relu") if cell is None else cell

    def forward(self, x):
        return self.cell(x[:, 1:], self.cell(x[:, :1]))


class Steps(nn.Module):
    """All hidden states of a recurrence, or the last one alone."""

    def __init__(self, last=False, **options):
        super().__init__()
        self.rnn = nn.RNN(1, 3, nonlinearity="relu", batch_first=True, **options)
        self.last = last

    def forward(self, x):
        states, last = self.rnn(x.unsqueeze(-1))
        return last[-1] if self.last else states.flatten(1)


def test_two_steps_of_a_cell_have_18_regions():
    torch.manual_seed(0)
    model = TwoSteps()
    network = from_torch(model, input_dimension=2)
    assert network.n_neurons == 8
    assert {neuron.name for neuron in network.neurons} == {"cell"}
    assert regions.count_regions(model, 3) == regions.count_regions(network, 3) == 18


OPTIONS = {
    "plain": {},
    "without biases": {"bias": False},
    "two layers": {"num_layers": 2},
    "both directions": {"bidirectional": True},
    "two layers in both directions": {"num_layers": 2, "bidirectional": True},
    "dropout in eval mode": {"num_layers": 2, "dropout": 0.5},
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_a_recurrence_equals_torch(name, last):
    torch.manual_seed(1)
    model = Steps(last, **OPTIONS[name]).eval()
    network = from_torch(model, input_dimension=3)
    points = 3 * torch.randn((50, 3), dtype=torch.float64)
    with torch.no_grad():
        expected = model.double()(points).numpy()
    assert np.allclose(network(points.numpy()), expected, rtol=1e-12, atol=1e-12)
    options = OPTIONS[name]
    assert network.n_neurons <= 9 * options.get("num_layers", 1) * (1 + options.get("bidirectional", False))


def test_sequences_first_and_a_given_state():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(2, 3, nonlinearity="relu")
            self.register_buffer("start", torch.rand(1, 1, 3))

        def forward(self, x):
            states, _ = self.rnn(x.reshape(-1, 2, 2).transpose(0, 1), self.start.expand(1, len(x), 3).contiguous())
            return states[-1]

    torch.manual_seed(2)
    model = Model()
    network = from_torch(model, input_dimension=4)
    points = torch.randn((20, 4))
    with torch.no_grad():
        assert np.allclose(network(points.double().numpy()), model(points).numpy(), atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_recurrences_in_files(tmp_path):

    torch.manual_seed(0)
    model = TwoSteps()
    count = regions.count_regions(model, 3)
    torch.export.save(torch.export.export(model, (torch.zeros(4, 2),)), tmp_path / "m.pt2")
    torch.jit.trace(model, torch.zeros(1, 2)).save(tmp_path / "m.pt")
    for name in ("m.pt2", "m.pt"):
        assert regions.count_regions(regions.load(tmp_path / name, likely=2), 3) == count


@pytest.mark.parametrize("cell", [nn.RNNCell(1, 4), nn.GRUCell(1, 4)])
def test_other_cells_are_refused(cell):
    with pytest.raises(NotPiecewiseLinearError, match="cell is not piecewise linear"):
        from_torch(TwoSteps(cell), input_dimension=2)


def test_modules_alone_are_told_what_they_lack():
    for module in (nn.RNN(1, 3), nn.LSTM(1, 3), nn.GRU(1, 3)):
        with pytest.raises(NotPiecewiseLinearError, match="not piecewise linear"):
            from_torch(module)
    relu = nn.RNN(1, 3, nonlinearity="relu", batch_first=True)
    with pytest.raises(CaptureError, match=r"returns 2 values.*Wrap"):
        from_torch(relu, input_shape=(2, 1))
    with pytest.raises(CaptureError, match="training mode"):
        from_torch(Steps(num_layers=2, dropout=0.5).train(), input_dimension=2)

    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = relu

        def forward(self, x):
            packed = nn.utils.rnn.pack_padded_sequence(x.unsqueeze(-1), torch.full((len(x),), 2), batch_first=True)
            return self.rnn(packed)[1][-1]

    with pytest.raises((UnsupportedOperationError, CaptureError)):
        from_torch(Packed(), input_dimension=2)
