"""How the number of inputs of a torch module is found: by what is known, else by a guess that reads all of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import regions
from regions import from_torch
from regions.errors import CaptureError


class Difference(nn.Module):
    """A function of one number, of the first coordinate less that of the second."""

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(1, 5), nn.ReLU(), nn.Linear(5, 1))

    def forward(self, x):
        return self.f(x[:, :1]) - self.f(x[:, 1:2])


class FirstOnly(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.a, self.b = nn.Linear(1, n), nn.Linear(n, 1)

    def forward(self, x):
        return self.b(self.a(x[:, :1]).relu()) + x[:, 1:2]


@pytest.fixture
def difference():
    torch.manual_seed(0)
    return Difference()


def test_a_hidden_layer_is_not_taken_for_the_input(difference):
    assert regions.count_regions(difference, 2) == 25
    assert regions.enumerate_regions(difference, 2).n_regions == 25
    assert regions.gradient_image(difference, 2, 4).values.shape == (4, 4)
    with pytest.raises(CaptureError, match=r"cannot be told.*5 coordinates.*does not read coordinates 2, 3, 4"):
        from_torch(difference)
    with pytest.raises(CaptureError, match=r"input_dimension=D; 2 is the least"):
        from_torch(difference)
    assert from_torch(difference, input_dimension=2).input_dimension == 2
    # What is asked for is taken, unread coordinates or not.
    assert from_torch(difference, input_dimension=5).input_dimension == 5


def test_lines_and_bounds_know_the_number_of_inputs_too(difference):
    assert regions.enumerate_segment(difference, [-2.0, -2.0], [2.0, 1.0]).network.input_dimension == 2
    assert regions.enumerate_trajectory(difference, [[-2.0, 0.0], [2.0, 1.0]]).patterns.shape[1] == 10
    assert regions.bounds.for_network(difference, 2).exact == 25


def test_coordinates_behind_what_is_carried_along_are_seen_to_be_unread():
    with pytest.raises(CaptureError, match=r"does not read coordinates 2, 3, 4, 5, 6, 7, 8, 9, \.\.\."):
        from_torch(FirstOnly(20))


def test_pruned_inputs_are_read():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        model[0].weight[:, 2:] = 0
    assert from_torch(model).input_dimension == 4


def test_the_input_shape_is_without_the_batch():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    assert from_torch(model, input_shape=(1, 4, 4)).widths[0] == 16
    for batch in (1, 4):
        with pytest.raises(CaptureError, match=rf"for a batch of {batch}.*Give input_shape=\(1, 4, 4\)"):
            from_torch(model, input_shape=(batch, 1, 4, 4))
    with pytest.raises(CaptureError, match=r"or give input_shape without the batch, as \(2,\)"):
        from_torch(nn.Linear(2, 3), input_shape=(1, 2))


class Alone(nn.Module):
    """Takes one matrix, and no batch of them."""

    def __init__(self):
        super().__init__()
        self.register_buffer("left", torch.rand(2, 3))
        self.register_buffer("right", torch.rand(4, 2))

    def forward(self, x):
        if x.shape != (3, 4):
            raise ValueError("one matrix is needed")
        return (self.left @ x @ self.right).flatten()


def test_inputs_that_stand_alone_may_have_a_shape():
    assert from_torch(Alone(), input_shape=(3, 4)).input_shape == (3, 4)
