"""Capture of torch modules: what is read, and that it is read exactly."""

from __future__ import annotations

import copy
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune
from torch_models import Function, normed

import regions
from regions import Layer, Network, from_torch
from regions.errors import CaptureError
from regions.frontends.torch.capture import capture
from regions.frontends.torch.verify import compare


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x):
        return x + self.inner(x)


def inplace(m, x):
    y = m.a(x)
    y.relu_()
    return m.b(y)


def inplace_through_view(m, x):
    y = m.a(x)
    y.view(-1, 3).relu_()
    return m.b(y)


def add_inplace(m, x):
    y = m.a(x)
    y += 0.5
    return m.b(F.relu(y))


def under_no_grad(m, x):
    with torch.no_grad():
        y = F.relu(m.a(x))
    return m.b(y)


def under_enable_grad(m, x):
    with torch.enable_grad():
        y = F.relu(m.a(x))
    return m.b(y.detach().clone())


def shape_checks(m, x):
    if x.ndim != 2 or x.shape[-1] != 2:
        raise ValueError("points of shape (P, 2) are needed")
    return m.b(F.relu(m.a(x.reshape(int(x.shape[0]), -1))))


def one_at_a_time(m, x):
    if x.shape[0] != 1:
        raise ValueError("one point at a time")
    return m.b(F.relu(m.a(x)))


def one_way_or_another(m, x):
    if len(x) == 1:
        return m.b(F.relu(F.linear(x[0], m.a.weight, m.a.bias)))
    return m.b(m.a(x).clamp(min=0))


def in_fives_only(m, x):
    return m.b(F.relu(m.a(x.reshape(5, 2))))


def chunks(m, x):
    left, right = m.a(x)[:, :2].chunk(2, dim=1)
    return m.b(torch.cat([left, F.relu(right), left - right], dim=1))


def tied():
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), layer)


def pruned():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    prune.random_unstructured(model[0], "weight", 0.5)
    return model


# name: (model, widths, number of neurons)
READ = {
    "sequential": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), (2, 3, 1), 3),
    "inplace module": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 1)), (2, 3, 1), 3),
    "linear only": (lambda: nn.Linear(2, 3), (2, 3), 0),
    "linear on linear": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)), (2, 3, 1), 0),
    "no bias": (lambda: nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2)), (2, 3, 2), 3),
    "leaky": (lambda: nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(0.2), nn.Linear(3, 1)), (2, 3, 1), 3),
    "prelu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.PReLU(), nn.Linear(3, 1)), (2, 3, 1), 3),
    "prelu per channel": (lambda: nn.Sequential(nn.Linear(2, 3), nn.PReLU(3), nn.Linear(3, 1)), (2, 3, 1), 3),
    "rrelu in eval": (lambda: nn.Sequential(nn.Linear(2, 3), nn.RReLU(), nn.Linear(3, 1)).eval(), (2, 3, 1), 3),
    "activation on activation": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.LeakyReLU()), (2, 3, 3), 6),
    "activation first": (lambda: nn.Sequential(nn.ReLU(), nn.Linear(2, 3)), (2, 2, 3), 2),
    "identity and dropout": (
        lambda: nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(2, 3), nn.Dropout(), nn.ReLU()).eval(),
        (2, 3),
        3,
    ),
    "dropout of nothing": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.0), nn.ReLU()).train(), (2, 3), 3),
    "tied": (tied, (2, 2, 2, 2), 4),
    "weight norm": (lambda: normed(torch.nn.utils.parametrizations.weight_norm), (2, 3, 1), 3),
    "spectral norm": (lambda: normed(torch.nn.utils.parametrizations.spectral_norm), (2, 3, 1), 3),
    "pruned": (pruned, (2, 3, 1), 3),
    "F.relu": (lambda: Function(lambda m, x: m.b(F.relu(m.a(x)))), (2, 3, 1), 3),
    "torch.relu": (lambda: Function(lambda m, x: m.b(torch.relu(m.a(x)))), (2, 3, 1), 3),
    "method relu": (lambda: Function(lambda m, x: m.b(m.a(x).relu())), (2, 3, 1), 3),
    "relu_": (lambda: Function(inplace), (2, 3, 1), 3),
    "relu_ through a view": (lambda: Function(inplace_through_view), (2, 3, 1), 3),
    "relu_ on the input": (lambda: Function(lambda m, x: m.b(m.a(x.relu_()) + m.a(x))), (2, 2, 3, 1), 2),
    "F.leaky_relu": (lambda: Function(lambda m, x: m.b(F.leaky_relu(m.a(x), 0.1))), (2, 3, 1), 3),
    "F.prelu": (lambda: Function(lambda m, x: m.b(F.prelu(m.a(x), m.w)), w=torch.rand(3)), (2, 3, 1), 3),
    "x.abs()": (lambda: Function(lambda m, x: m.b(m.a(x).abs())), (2, 3, 1), 3),
    "torch.abs": (lambda: Function(lambda m, x: m.b(torch.abs(m.a(x)))), (2, 3, 1), 3),
    "clamp(min=0)": (lambda: Function(lambda m, x: m.b(m.a(x).clamp(min=0))), (2, 3, 1), 3),
    "torch.clamp": (lambda: Function(lambda m, x: m.b(torch.clamp(m.a(x), min=0.0))), (2, 3, 1), 3),
    "clamp(max=0)": (lambda: Function(lambda m, x: m.b(m.a(x).clamp(max=0))), (2, 3, 1), 3),
    "clamp(0, inf)": (lambda: Function(lambda m, x: m.b(torch.clamp(m.a(x), 0, float("inf")))), (2, 3, 1), 3),
    "clamp(-inf, 0)": (lambda: Function(lambda m, x: m.b(m.a(x).clamp(-float("inf"), 0.0))), (2, 3, 1), 3),
    "clamp(-inf, inf)": (lambda: Function(lambda m, x: m.b(m.a(x).clamp(-torch.inf, torch.inf))), (2, 3, 1), 0),
    "clamp to infinite tensors": (
        lambda: Function(lambda m, x: m.b(m.a(x).clamp(m.z, m.z + torch.inf)), z=torch.zeros(3)),
        (2, 3, 1),
        3,
    ),
    "norm of order 1": (lambda: Function(lambda m, x: torch.norm(m.a(x), p=1, dim=1)), (2, 3, 1), 3),
    "vector norm of order 1": (
        lambda: Function(lambda m, x: 2 - torch.linalg.vector_norm(m.a(x), 1, dim=-1, keepdim=True)),
        (2, 3, 1),
        3,
    ),
    "norm of order 1 of a single point": (
        lambda: Function(lambda m, x: torch.linalg.norm(m.w @ x, 1), w=torch.rand(3, 2)),
        (2, 3, 1),
        3,
    ),
    "clamp_min": (lambda: Function(lambda m, x: m.b(m.a(x).clamp_min(0))), (2, 3, 1), 3),
    "threshold": (lambda: Function(lambda m, x: m.b(F.threshold(m.a(x), 0, 0))), (2, 3, 1), 3),
    "maximum": (lambda: Function(lambda m, x: m.b(torch.maximum(m.a(x), m.z)), z=torch.zeros(3)), (2, 3, 1), 3),
    "maximum zeros_like": (
        lambda: Function(lambda m, x: m.b(torch.maximum(m.a(x), torch.zeros_like(m.a(x))))),
        (2, 3, 1),
        3,
    ),
    "F.linear": (
        lambda: Function(
            lambda m, x: F.linear(F.linear(x, m.w).relu(), m.v, m.c),
            w=torch.rand(4, 2),
            v=torch.rand(1, 4),
            c=torch.rand(1),
        ),
        (2, 4, 1),
        4,
    ),
    "matmul": (lambda: Function(lambda m, x: m.b((x @ m.w + 1).relu()), w=torch.rand(2, 3)), (2, 3, 1), 3),
    "addmm": (
        lambda: Function(lambda m, x: torch.addmm(m.c, x, m.w).relu(), w=torch.rand(2, 3), c=torch.rand(3)),
        (2, 3),
        3,
    ),
    "scale and shift": (lambda: Function(lambda m, x: m.b(F.relu(0.1 * m.a(x) - 0.3))), None, 3),
    "scale after relu": (lambda: Function(lambda m, x: 0.1 * F.relu(-m.a(x / 4))), (2, 2, 3, 3), 3),
    "constant minus": (lambda: Function(lambda m, x: m.b(F.relu(1 - m.a(x)))), (2, 3, 1), 3),
    "scaled by a vector": (lambda: Function(lambda m, x: F.relu(m.a(x) * m.s), s=torch.rand(3)), (2, 3), 3),
    "sum": (lambda: Function(lambda m, x: m.b(F.relu(m.a(x))) - 2 * m.b(m.a(x).abs())), (2, 6, 1), 6),
    "alpha": (lambda: Function(lambda m, x: m.b(torch.add(F.relu(m.a(x)), m.a(x), alpha=-3))), (2, 5, 3, 1), 3),
    "residual": (lambda: nn.Sequential(nn.Linear(2, 3), Block(), Block(), nn.Linear(3, 1)), None, 6),
    "broadcast sum": (lambda: Function(lambda m, x: F.relu(m.a(x) + m.b(m.a(x)))), None, 3),
    "in-place sum": (lambda: Function(add_inplace), (2, 3, 1), 3),
    "chunk and cat": (lambda: Function(chunks), None, 1),
    "squeeze": (lambda: Function(lambda m, x: m.b(F.relu(m.a(x))).squeeze(-1)), (2, 3, 1), 3),
    "unsqueeze": (lambda: Function(lambda m, x: m.b(F.relu(m.a(x.unsqueeze(1)))).flatten(1)), (2, 3, 1), 3),
    "enable_grad inside": (lambda: Function(under_enable_grad), (2, 3, 1), 3),
    "no_grad inside": (lambda: Function(under_no_grad), (2, 3, 1), 3),
    "shape checks": (lambda: Function(shape_checks), (2, 3, 1), 3),
    "the same function at every batch size": (lambda: Function(one_way_or_another), (2, 3, 1), 3),
    "batch of five": (lambda: Function(in_fives_only), (2, 3, 1), 3),
    "batch of one": (lambda: Function(one_at_a_time), (2, 3, 1), 3),
    "single points": (lambda: Function(lambda m, x: m.b(F.relu(m.w @ x)), w=torch.rand(3, 2)), (2, 3, 1), 3),
    "half": (lambda: nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), nn.Linear(3, 1)).half(), (2, 3, 1), 3),
    "bfloat16": (lambda: nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), nn.Linear(3, 1)).bfloat16(), (2, 3, 1), 3),
    "float64": (lambda: nn.Sequential(nn.Linear(2, 3), nn.LeakyReLU(), nn.Linear(3, 1)).double(), (2, 3, 1), 3),
    "casts inside": (lambda: Function(lambda m, x: m.b(F.relu(m.a(x)).double().float())), (2, 3, 1), 3),
    "compiled": (lambda: torch.compile(nn.Sequential(nn.Linear(2, 3), nn.ReLU())), (2, 3), 3),
    "scripted": (lambda: torch.jit.trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.zeros(1, 2)), (2, 3), 3),
    "deep and wide": (
        lambda: nn.Sequential(*(m for _ in range(8) for m in (nn.Linear(32, 32), nn.ReLU()))),
        (32,) * 9,
        256,
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch.jit")
@pytest.mark.parametrize("name", READ)
def test_what_is_read_equals_the_model(name):
    make, widths, neurons = READ[name]
    torch.manual_seed(1)
    model = make()
    network = capture(model)
    assert network.n_neurons == neurons
    assert widths is None or network.widths == widths
    points = 3 * np.random.default_rng(2).standard_normal((50, network.input_dimension))
    dtype = next((t.dtype for t in (*model.parameters(), *model.buffers())), torch.float32)
    rounded = torch.tensor(points, dtype=dtype)
    model = getattr(model, "_orig_mod", model)
    with torch.no_grad():
        if name in ("batch of one", "single points", "norm of order 1 of a single point"):
            rows = rounded[:, None] if name == "batch of one" else rounded
            values = torch.stack([model(row.clone()).reshape(-1) for row in rows])
        elif name == "batch of five":
            values = torch.cat([model(rows) for rows in rounded.split(5)])
        else:
            values = model(rounded.clone()).reshape(50, -1)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.05}[dtype]
    expected = network(rounded.double().numpy())
    assert np.abs(values.double().numpy() - expected).max() <= tolerance
    assert np.abs(expected).max() > 10 * tolerance / 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_are_read_as_the_rationals_they_are(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.PReLU(4), nn.Linear(4, 1)).to(dtype)
    with torch.no_grad():
        model[1].weight.copy_(torch.rand(4))
    network = capture(model)
    assert [layer.name for layer in network.layers] == ["0", "2"]
    pairs = (
        (network.layers[0].weight, model[0].weight),
        (network.layers[0].bias, model[0].bias),
        (network.layers[0].below, model[1].weight),
        (network.layers[1].weight, model[2].weight),
    )
    for array, tensor in pairs:
        values = [Fraction(v) for v in tensor.detach().flatten().tolist()]
        assert [Fraction(float(v)) for v in array.flat] == values


def test_the_slope_of_a_leaky_relu_is_the_one_that_torch_multiplies_by():
    model = nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(0.1))
    slope = capture(model).layers[0].below[0]
    assert slope == float(np.float32(0.1)) != 0.1
    assert capture(model.double()).layers[0].below[0] == 0.1
    # Below float32 torch's kernels multiply in float32, by a slope rounded to float32.
    slope = capture(model.bfloat16()).layers[0].below[0]
    assert slope == float(np.float32(0.1))
    inputs = -torch.arange(1, 2000, dtype=torch.float32).bfloat16()
    products = torch.tensor(slope * inputs.double().numpy()).bfloat16()
    assert torch.equal(F.leaky_relu(inputs, 0.1), products)
    other = torch.tensor(float(torch.tensor(0.1).bfloat16()) * inputs.double().numpy()).bfloat16()
    assert not torch.equal(F.leaky_relu(inputs, 0.1), other)


def test_sums_and_multiples_are_exact_where_floats_are_not():
    def forward(m, x):
        y = m.a(x)
        return m.b(F.relu(y * 0.1 + 1e-3)) + 0.7 * x[:, :1] + m.b(m.a(x) + 0.1) + (0.3 * x + 0.1 * x)[:, :1]

    torch.manual_seed(3)
    model = Function(forward).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))
    network = capture(model)
    x = [Fraction(7, 3), Fraction(-1, 11)]

    def affine(layer, values):
        rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
        return [sum((Fraction(w) * v for w, v in zip(r, values, strict=True)), Fraction(b)) for r, b in rows]

    y = affine(model.a, x)
    kinked = [max(v * Fraction(0.1) + Fraction(1e-3), Fraction(0)) for v in y]
    shifted = affine(model.b, [v + Fraction(0.1) for v in y])[0]
    multiples = Fraction(0.7) + Fraction(0.3) + Fraction(0.1)
    expected = affine(model.b, kinked)[0] + shifted + multiples * x[0]
    assert network.evaluate_exact(x)[0] == [expected]


def test_layers_bear_the_names_of_their_modules():
    model = nn.Sequential()
    model.add_module("net", nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    assert [layer.name for layer in capture(model).layers] == ["net.0", "net.2"]


class PlainList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 3), nn.Linear(3, 3)]
        self.unused = [nn.Linear(9, 9)]
        self.out = nn.Linear(3, 1)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.out(x)


def test_layers_in_a_plain_list_count_with_a_warning():
    torch.manual_seed(0)
    model = PlainList()
    with pytest.warns(UserWarning, match=r"^layers\[0\], layers\[1\] are used.*missing from model.parameters\(\)"):
        network = capture(model)
    assert network.widths == (2, 3, 3, 1)
    assert network.n_neurons == 6
    assert [layer.name for layer in network.layers] == ["layers[0]", "layers[1]", "out"]
    assert (network.layers[1].weight == model.layers[1].weight.detach().numpy()).all()
    assert "unused" not in dict(model.named_modules())


@pytest.mark.parametrize(
    "call",
    [
        capture,
        from_torch,
        lambda model: regions.count_regions(model, 1),
        lambda model: regions.gradient_image(model, 1, 5),
        lambda model: regions.enumerate_with_shapely(model, 1),
    ],
)
def test_the_warning_names_the_line_that_called(call):
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(PlainList())
    (warning,) = (w for w in caught if "missing from model.parameters()" in str(w.message))
    assert warning.filename == __file__


def test_parameters_in_a_plain_list_count_with_a_warning():
    model = Function(lambda m, x: m.b(F.relu(x @ m.ws[0])))
    model.ws = [nn.Parameter(torch.rand(2, 3))]
    with pytest.warns(UserWarning, match=r"^ws\[0\] is used"):
        network = capture(model)
    assert network.layers[0].name == "ws[0]"
    assert (network.layers[0].weight == model.ws[0].detach().numpy().T).all()


def test_a_registered_layer_in_a_list_is_no_reason_for_a_warning():
    model = PlainList()
    model.registered = nn.ModuleList(model.layers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert capture(model).n_neurons == 6


class Counting(nn.Module):
    """Notes what it has seen, as many models do; its function stays the same."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.seen, self.last, self.times = [], None, 0

    def forward(self, x):
        self.times += 1
        self.seen.append(x)
        self.last = x
        return self.net(x)


def test_the_model_is_left_as_it_was():
    model = Counting().train()
    model.net[1].eval()
    model.net(torch.ones(1, 2)).sum().backward()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    grads = [p.grad.clone() for p in model.parameters()]
    keys, versions = set(vars(model)), [p._version for p in model.parameters()]
    generator, flags = torch.get_rng_state(), [m.training for m in model.modules()]
    identities = [id(p) for p in model.parameters()]
    random = np.random.get_state()[1].tolist()  # noqa: NPY002
    points = np.zeros((1, 2))
    value = capture(model)(points)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), grads, strict=True))
    assert all(p.requires_grad for p in model.parameters())
    assert [p._version for p in model.parameters()] == versions
    assert [id(p) for p in model.parameters()] == identities
    assert [m.training for m in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), generator)
    assert np.random.get_state()[1].tolist() == random  # noqa: NPY002
    assert set(vars(model)) == keys
    assert (model.times, model.seen, model.last) == (0, [], None)
    assert torch.is_grad_enabled()
    assert np.array_equal(capture(model)(points), value)


@pytest.mark.parametrize("change", ["weight", "slope"])
def test_a_network_that_is_not_the_model_is_found_out(change):
    torch.manual_seed(0)
    layers = [m for _ in range(6) for m in (nn.Linear(16, 16), nn.LeakyReLU(0.25))]
    model = nn.Sequential(nn.Linear(2, 16), *layers)
    network = capture(model)
    compare(model, network, network, (4, 2), torch.zeros(4, 2))
    first, *rest = network.layers
    weight, below = first.weight.copy(), first.below.copy()
    weight[0, 0] += 1e-3 if change == "weight" else 0.0
    below[:] *= 0.999 if change == "slope" else 1.0
    wrong = Network((Layer(weight, first.bias, below, first.above), *rest))
    with pytest.raises(CaptureError, match=r"at the point \[.*\] the model gives \[.*\], the network \[") as caught:
        compare(model, wrong, wrong, (4, 2), torch.zeros(4, 2))
    assert "Rounding in torch.float" in str(caught.value)


def test_a_small_difference_is_found_out_in_a_deep_network():
    torch.manual_seed(0)
    model = nn.Sequential(*(m for _ in range(40) for m in (nn.Linear(24, 24), nn.LeakyReLU(0.25))))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    network = capture(model)
    compare(model, network, network, (5, 24), torch.zeros(5, 24))
    first, *rest = network.layers
    weight = first.weight.copy()
    # The worst case of rounding in 40 layers would explain a difference of any size.
    weight[3, 4] *= 1 + 1e-5
    wrong = Network((Layer(weight, first.bias, first.below, first.above), *rest))
    with pytest.raises(CaptureError, match="differs from the model"):
        compare(model, wrong, wrong, (5, 24), torch.zeros(5, 24))


@st.composite
def architectures(draw):
    width = draw(st.integers(1, 4))
    dimension, layers = width, []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["linear", "relu", "leaky", "prelu", "abs", "identity", "residual", "scale"]))
        if kind == "linear":
            following = draw(st.integers(1, 4))
            layers.append(nn.Linear(width, following, bias=draw(st.booleans())))
            width = following
        elif kind == "residual":
            inner = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=draw(st.booleans())))
            layers.append(Lambda(lambda m, x: x - m.inner(x), inner))
        else:
            slope = draw(st.floats(-2, 2))
            made = {
                "relu": lambda: nn.ReLU(),
                "leaky": lambda s=slope: nn.LeakyReLU(s),
                "prelu": lambda s=slope, w=width: nn.PReLU(w, init=s),
                "abs": lambda: Lambda(lambda m, x: x.abs()),
                "identity": lambda: nn.Identity(),
                "scale": lambda s=slope: Lambda(lambda m, x: s * x + 0.25),
            }
            layers.append(made[kind]())
    model = nn.Sequential(*layers).to(draw(st.sampled_from([torch.float32, torch.float64])))
    return model, dimension, draw(st.integers(0, 2**32 - 1))


class Lambda(nn.Module):
    def __init__(self, body, inner=None):
        super().__init__()
        self.body, self.inner = body, inner

    def forward(self, x):
        return self.body(self, x)


@settings(max_examples=40, deadline=None)
@given(architectures())
def test_random_architectures_are_read_as_they_compute(case):
    model, dimension, seed = case
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            # Small integers over 8: every value below is a float, and the comparison can be exact.
            parameter.copy_(torch.randint(-8, 9, parameter.shape, generator=generator) / 8)
    network = capture(model, input_dimension=dimension)
    wide = copy.deepcopy(model).double()
    points = torch.randn((20, dimension), generator=generator, dtype=torch.float64)
    with torch.no_grad():
        expected = wide(points.clone()).numpy()
    assert np.allclose(network(points.numpy()), expected, rtol=1e-5, atol=1e-5)
