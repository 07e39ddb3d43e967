"""What the capture of torch modules refuses, and that each refusal says what was given, what is allowed, what to do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch_models import Function, normed

import regions
from regions.errors import CaptureError, InvalidNetworkError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.torch.capture import capture


def function(body, **tensors):
    return lambda: Function(body, **tensors)


def branch(m, x):
    return m.a(x) if x.sum() > 0 else -m.a(x)


def partial_inplace(m, x):
    y = m.a(x)
    y[:, :2].relu_()
    return m.b(y)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


class Fresh(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.times = nn.Linear(2, 1), 0

    def forward(self, x):
        self.times += 1
        return self.a(x) * self.times


def unless_alone(m, x):
    return m.a(x) if x.shape[0] > 1 else -m.a(x)


def only_in_fives(m, x):
    return m.a(x) if len(x) == 5 else m.a(x) + 1


def in_small_batches(m, x):
    return m.a(x) if len(x) < 100 else 2 * m.a(x)


def first_of_two(m, x):
    return m.a(x)[:1] if len(x) == 2 else m.a(x)


# name: (model, error, what its message must say: what was given, what is allowed, what to do)
NOT_LINEAR = {
    "sigmoid": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Sigmoid()), "sigmoid", "'1' (Sigmoid)"),
    "tanh": (function(lambda m, x: m.b(torch.tanh(m.a(x)))), "tanh", "torch_models.py:"),
    "gelu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.GELU()), "gelu", "'1' (GELU)"),
    "silu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.SiLU()), "silu", "'1' (SiLU)"),
    "softplus": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Softplus()), "softplus", "'1' (Softplus)"),
    "softmax": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Softmax(-1)), "softmax", "'1' (Softmax)"),
    "elu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.ELU()), "elu", "'1' (ELU)"),
    "layer norm": (lambda: nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), "layer_norm", "'1' (LayerNorm)"),
    "attention": (lambda: nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, batch_first=True).eval(), "", "self_attn"),
    "attention alone": (lambda: nn.MultiheadAttention(2, 1), "MultiheadAttention", "''"),
    "lstm": (lambda: nn.LSTM(2, 3), "lstm", "forward"),
    "product": (function(lambda m, x: m.a(x) * m.a(x)), "mul", "both depend on its input"),
    "quotient": (function(lambda m, x: 1 / m.a(x)), "reciprocal", "torch_models.py:"),
    "quotient of two": (function(lambda m, x: x[:, :1] / m.b(m.a(x))), "div", "torch_models.py:"),
    "rounded quotient": (function(lambda m, x: torch.div(m.a(x), 2, rounding_mode="floor")), "div", "jumps"),
    "broadcast product": (function(lambda m, x: m.a(x) * m.b(m.a(x))), "mul", "both depend"),
    "power": (function(lambda m, x: m.a(x) ** 2), "pow", "torch_models.py:"),
    "norm": (function(lambda m, x: torch.norm(m.a(x), dim=1)), "norm is not piecewise linear", "torch_models.py:"),
    "norm of order 3": (function(lambda m, x: torch.norm(m.a(x), p=3, dim=1)), "norm", "torch_models.py:"),
    "floor": (function(lambda m, x: m.a(x).floor()), "floor", "jumps"),
    "rounding": (function(lambda m, x: m.a(x).long().float()), "int64", "jumps"),
    "after something unsupported": (function(lambda m, x: F.hardtanh(m.a(x)).exp()), "exp", "exp is not"),
}
ALLOWED = ("can be read", "Allowed are", "allowed are", "allowed is")
ADVICE = (
    "Rewrite",
    "Replace",
    "Call model.eval()",
    "Wrap",
    "Use ",
    "Give ",
    "Check",
    "Multiply",
    "Keep",
    "Leave",
    "Load",
    "Look",
)


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_what_is_not_piecewise_linear_is_named_with_its_place(name):
    make, operation, place = NOT_LINEAR[name]
    with pytest.raises(NotPiecewiseLinearError) as caught:
        capture(make())
    message = str(caught.value)
    assert operation in message
    assert place in message
    assert "not piecewise linear" in message or "jumps" in message
    assert any(word in message for word in ALLOWED) or "no linear regions" in message
    assert any(word in message for word in ADVICE)


UNSUPPORTED = {
    "clamp from infinity": (function(lambda m, x: m.a(x).clamp(min=float("inf"))), "clamp at"),
    "clamp below minus infinity": (function(lambda m, x: m.a(x).clamp(0.0, -float("inf"))), "clamp at"),
    "norm over the batch": (function(lambda m, x: torch.norm(m.a(x), p=1)), "norm is piecewise linear, but"),
    "distance of order 1": (function(lambda m, x: torch.cdist(m.a(x), m.v, 1.0), v=torch.ones(2, 3)), "cdist is"),
    "norm of order 1 after something": (
        function(lambda m, x: torch.norm(m.a(x).sort().values, p=1, dim=1)),
        "sort is piecewise linear",
    ),
    "mixed points": (function(lambda m, x: m.a(x).t()), "mixes different points"),
    "partly in place": (function(partial_inplace), "in place"),
    "images out": (function(lambda m, x: m.a(x).reshape(-1, 3, 1)), "output has shape"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_named_with_its_place(name):
    make, said = UNSUPPORTED[name]
    with pytest.raises(UnsupportedOperationError) as caught:
        capture(make())
    message = str(caught.value)
    assert not isinstance(caught.value, NotPiecewiseLinearError)
    assert said in message
    assert any(word in message for word in ALLOWED)
    assert any(word in message for word in (*ADVICE, "Flatten"))


def nan_model():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        model[2].weight[0, 1] = torch.nan
    return model


def infinite_bias():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with torch.no_grad():
        model[0].bias[2] = torch.inf
    return model


def enormous():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1e200)
    return model


REFUSED = {
    "nan": (nan_model, InvalidNetworkError, ("layer '2': weight: entry (0, 1) is nan", "must be finite", "Check")),
    "infinite": (infinite_bias, InvalidNetworkError, ("layer '0': bias: entry (2,) is inf", "must be finite", "Check")),
    "infinite constant": (
        function(lambda m, x: m.a(x) * float("inf")),
        InvalidNetworkError,
        ("is inf", "must be finite", "Check"),
    ),
    "dropout": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.25)),
        CaptureError,
        ("training mode", "p=0.25", "'1' (Dropout)", "allowed is", "model.eval()"),
    ),
    "rrelu": (lambda: nn.Sequential(nn.Linear(2, 3), nn.RReLU()), CaptureError, ("rrelu", "'1'", "model.eval()")),
    "batch norm": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)),
        CaptureError,
        ("training mode", "'1'", "model.eval()"),
    ),
    "spectral norm": (
        lambda: normed(torch.nn.utils.parametrizations.spectral_norm).train(),
        CaptureError,
        ("model.eval()",),
    ),
    "noise": (
        function(lambda m, x: m.a(x) + torch.randn(3)),
        CaptureError,
        ("random numbers (randn)", "allowed are", "Call"),
    ),
    "noise like": (
        function(lambda m, x: m.a(x) + torch.randn_like(m.a(x))),
        CaptureError,
        ("random", "allowed", "Call"),
    ),
    "branch": (
        function(branch),
        CaptureError,
        ("decides by the numbers", "test_refusals.py:", "allowed is", "Write"),
    ),
    "item": (
        function(lambda m, x: m.a(x) * x.max().item()),
        CaptureError,
        ("Python number (item)", "allowed are", "Use"),
    ),
    "two inputs": (Two, CaptureError, ("needs 2 arguments (x, y)", "allowed is one", "Wrap")),
    "two outputs": (function(lambda m, x: (m.a(x), x)), CaptureError, ("returns 2 values", "allowed is one", "Wrap")),
    "tuple of one": (function(lambda m, x: (m.a(x),)), CaptureError, ("returns a tuple", "allowed is one", "Wrap")),
    "constant": (function(lambda m, x: m.b.weight), CaptureError, ("does not depend", "allowed are", "Check")),
    "state": (Fresh, CaptureError, ("differs from the model: at the point [", "the network [", "allowed", "Look")),
    "one point is another function": (
        function(unless_alone),
        CaptureError,
        ("in a batch of 1 than in a batch of 5: at the point [", "Allowed is", "remove it", "module of its own"),
    ),
    "the captured batch size is special": (
        function(only_in_fives),
        CaptureError,
        ("in a batch of 1 than in a batch of 5", "condition on the batch size", "remove it"),
    ),
    "many points are another function": (
        function(in_small_batches),
        CaptureError,
        ("in a batch of 128 than in a batch of 5", "Allowed is", "remove it"),
    ),
    "points get lost": (
        function(first_of_two),
        CaptureError,
        ("of shape (1, 3) for a batch of 2 points", "allowed are", "remove it"),
    ),
    "complex": (lambda: nn.Linear(2, 3, dtype=torch.complex64), CaptureError, ("is complex", "allowed are", "Replace")),
    "overflow": (enormous, CaptureError, ("could not be compared", "may overflow", "Allowed are", "Rescale")),
    "batch norm without statistics": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False)).eval(),
        CaptureError,
        ("tracks no statistics", "'1' (BatchNorm1d)", "allowed is", "track_running_stats=True"),
    ),
    "conv": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1)),
        CaptureError,
        ("Conv2d at module '0'", "allowed is", "Give", "input_shape=(C, H, W)", "input_dimension=D"),
    ),
    "conv alone": (
        lambda: nn.Conv1d(1, 2, 1),
        CaptureError,
        ("Conv1d at module ''", "allowed is", "Give", "input_shape="),
    ),
    "divided by zero": (
        function(lambda m, x: m.a(x) / 0.0),
        InvalidNetworkError,
        ("is inf", "must be finite", "Check"),
    ),
    "no weights": (nn.ReLU, CaptureError, ("no weight matrix", "allowed is", "input_dimension=D")),
    "no forward": (
        lambda: nn.ModuleList([nn.Linear(2, 2)]),
        CaptureError,
        ("does not run", "Allowed is", "input_dimension"),
    ),
    "meta": (lambda: nn.Linear(2, 3, device="meta"), CaptureError, ("meta device", "allowed are", "Load")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_what_is_wrong_what_is_allowed_and_what_to_do(name, capfd):
    make, kind, said = REFUSED[name]
    with pytest.raises(kind) as caught:
        capture(make())
    message = str(caught.value)
    for words in said:
        assert words.lower() in message.lower()
    assert capfd.readouterr() == ("", "")


def test_input_dimension_is_checked():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert capture(model, input_dimension=3).input_dimension == capture(model).input_dimension == 3
    with pytest.raises(CaptureError, match=r"input_dimension=2 was given, but the model takes 3.*input_dimension=3"):
        capture(model, input_dimension=2)
    for bad in (0, -1, 2.0, True, "2"):
        with pytest.raises(CaptureError, match=r"positive whole numbers.*Leave it out"):
            capture(model, input_dimension=bad)
    assert capture(nn.ReLU(), input_dimension=4).widths == (4, 4)
    # The first weights that the module lists are not the first that it uses.
    swapped = Function(lambda m, x: m.a(F.relu(m.first(x))))
    swapped.first = nn.Linear(5, 2)
    assert capture(swapped).widths == (5, 2, 3)


def test_input_shape_is_checked():
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten())
    assert capture(model, input_shape=(1, 3, 4)).input_shape == (1, 3, 4)
    assert capture(model, input_shape=[1, 3, 4], input_dimension=12).input_dimension == 12
    assert capture(nn.Linear(3, 2)).input_shape == (3,)
    for bad in (0, (), (1, 0, 4), (1, 3.0, 4), "134", (True, 3, 4)):
        with pytest.raises(CaptureError, match=r"positive whole numbers.*Give e.g. input_shape"):
            capture(model, input_shape=bad)
    with pytest.raises(CaptureError, match=r"input_dimension=13 and input_shape=\(1, 3, 4\).*12 entries"):
        capture(model, input_shape=(1, 3, 4), input_dimension=13)
    with pytest.raises(CaptureError, match=r"does not run on points of shape \(2, 3, 4\)"):
        capture(model, input_shape=(2, 3, 4))


def test_lazy_modules_are_to_be_called_first():
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyBatchNorm1d(), nn.Linear(3, 1)).eval()
    with pytest.raises(CaptureError, match=r"0\.weight has no shape yet.* Call the model once"):
        capture(model)
    model(torch.zeros(4, 2))
    assert capture(model).n_neurons == 3


def test_no_module_is_a_type_error():
    with pytest.raises(TypeError, match=r"builtins.dict was given; allowed is a torch.nn.Module"):
        capture({})


def test_operations_are_refused_before_any_weight_is_multiplied(monkeypatch):
    from regions.frontends.layers.assembly import Assembly

    def never(*arguments):
        raise AssertionError("a weight was multiplied")

    monkeypatch.setattr(Assembly, "linear", never)
    layers = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3)
    for last in (nn.Softmax(-1), nn.Hardshrink(), nn.Dropout(0.5)):
        with pytest.raises(CaptureError, match=r"module '3' \((Softmax|Hardshrink|Dropout)\)"):
            capture(nn.Sequential(*layers, last))
    for body in (
        lambda m, x: m.a(x) * m.a(x),
        lambda m, x: m.a(x) / m.a(x),
        lambda m, x: m.a(x) @ m.a(x).mT,
        lambda m, x: m.a(x).sort().values,
        lambda m, x: m.a(x).max().item() * x,
        lambda m, x: m.a(x) + torch.rand(3),
    ):
        with pytest.raises(CaptureError):
            capture(Function(body))


class Mapped(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.how = how

    def forward(self, x):
        if self.how == "vmap":
            return torch.vmap(self.f)(x)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.how == "autocast"):
            return self.f(x)


def test_vmap_and_autocast_are_named():
    with pytest.raises(UnsupportedOperationError, match=r"uses torch\.vmap at .*Call the mapped function on the batch"):
        capture(Mapped("vmap"))
    with pytest.raises(NotPiecewiseLinearError, match=r"torch\.autocast\('cpu', dtype=torch\.bfloat16\).*Leave"):
        capture(Mapped("autocast"))
    network = capture(Mapped("autocast off"))
    assert network.n_neurons == 3


def test_a_product_inside_a_block_without_gradients_is_seen():
    def body(m, x):
        y = m.a(x)
        with torch.no_grad():
            z = y.sigmoid()
        return m.b(z)

    with pytest.raises(NotPiecewiseLinearError, match="sigmoid is not piecewise linear"):
        capture(Function(body))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_weights_of_few_bits_are_named():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    with pytest.raises(
        NotPiecewiseLinearError, match=r"is quantised at module '0'; a .*Linear rounds values.*before it was quantised"
    ):
        capture(quantised)
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.float8_e4m3fn)
    with pytest.raises(CaptureError, match=r"0\.weight is of torch\.float8_e4m3fn.*allowed are.*model\.float\(\)"):
        capture(model)
    assert capture(model.float()).n_neurons == 3


def test_a_hook_that_keeps_arrays_is_named():
    kept = []
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    handle = model[1].register_forward_hook(lambda module, given, result: kept.append(result.numpy(force=True)))
    with pytest.raises(CaptureError, match=r"hook of the model's module '1'.*Remove the hook"):
        capture(model)
    handle.remove()
    model[1].register_forward_hook(lambda module, given, result: result + 1)
    assert capture(model).layers[1].bias[0] != 0


def test_exported_programs_have_a_module():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    program = torch.export.export(model, (torch.zeros(5, 2),))
    for call in (capture, lambda p: regions.count_regions(p, 1)):
        with pytest.raises(TypeError, match=r"program\.module\(\)"):
            call(program)
    assert capture(program.module()).n_neurons == 3


def test_networks_of_other_dimensions_are_told_the_way():
    one, three = (nn.Sequential(nn.Linear(n, 3), nn.ReLU(), nn.Linear(3, 1)) for n in (1, 3))
    for call in (regions.count_regions, regions.enumerate_regions):
        with pytest.raises(
            InvalidNetworkError, match=r"of 1 input .*regions\.enumerate_segment\(model, \[a\], \[b\]\)"
        ):
            call(one, 1)
        with pytest.raises(InvalidNetworkError, match=r"of 3 inputs .*regions\.Slice\.through.*save\('plane\.npz'\)"):
            call(three, 1)
    with pytest.raises(InvalidNetworkError, match=r"1 input\(s\)\. Leave the domain out"):
        regions.bounds.for_network(one, 1)
    assert regions.enumerate_segment(one, [-1.0], [1.0]).n_pieces >= 1
