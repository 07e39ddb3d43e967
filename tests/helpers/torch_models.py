"""Small torch modules that several tests capture."""

from __future__ import annotations

from torch import nn


class Function(nn.Module):
    """A module whose forward is the given function of itself and the points, with two linear layers at hand."""

    def __init__(self, function, **tensors):
        super().__init__()
        self.function = function
        self.a, self.b = nn.Linear(2, 3), nn.Linear(3, 1)
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, x):
        return self.function(self, x)


def normed(norm):
    return nn.Sequential(norm(nn.Linear(2, 3)), nn.ReLU(), nn.Linear(3, 1)).eval()
