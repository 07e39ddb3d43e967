"""Tracking: what the table holds, that training does not notice, and what happens when something is wrong."""

from __future__ import annotations

import copy
import random

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import regions
from regions import measures
from regions.errors import CaptureError, DomainError, InvalidNetworkError, OptionError
from regions.study.models import DeepMLP, ShallowMLP
from regions.study.moments import MEASURES
from regions.testing import assert_same_complex

POINTS = torch.tensor([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.5], [0.5, -1.0], [0.25, 0.25]])


def train(model, tracker, steps, *, seed=0):
    """A loop that uses everything a tracker could disturb: gradients, modes, random numbers."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model.train()
    for step in range(steps):
        noisy = POINTS + 0.1 * torch.randn_like(POINTS) + np.random.normal() * random.random()  # noqa: NPY002
        loss = (model(noisy).ravel() - POINTS.prod(dim=1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        if tracker is not None:
            tracker(step, loss=loss)
        optimizer.step()
    return model


def noisy_model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 1))


def test_training_does_not_notice():
    plain, tracked = noisy_model(), noisy_model()
    train(plain, None, 12)
    tracker = regions.track(
        tracked, 2, list(set(MEASURES) - {"mean_boundary_distance"}), points=POINTS.clone().requires_grad_(), keep=True
    )
    train(tracked, tracker, 12)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, tracked.state_dict()[name]), name
    for one, other in zip(plain.parameters(), tracked.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)
    assert torch.rand(1) == torch.rand(1, generator=torch.Generator().set_state(_state_before_one_more()))


def _state_before_one_more():
    """The generator's state before the number that was just drawn."""
    plain = noisy_model()
    train(plain, None, 12)
    return torch.get_rng_state()


def test_modes_of_single_modules_are_kept():
    model = noisy_model()
    model.train()
    model[1].eval()
    regions.track(model, 2)()
    assert [module.training for module in model.modules()] == [True, True, False, True, True, True]
    # Also where the model cannot be read.
    model.append(nn.Sigmoid())
    with pytest.raises(CaptureError):
        regions.track(model, 2)()
    assert [module.training for module in model.modules()] == [True, True, False, True, True, True, True]


def test_rows_are_those_of_the_library():
    model = DeepMLP([5, 5], seed=3)
    names = [name for name in MEASURES if name != "seconds"]
    tracker = regions.track(model, 3, [*names, "seconds"], points=POINTS, keep=True)
    before = None
    for step in range(3):
        tracker(step)
        complex = regions.enumerate_regions(model, 3)
        row = {name: column[-1] for name, column in tracker.table.items()}
        assert row["step"] == step
        assert row.pop("seconds") > 0
        counts = complex.counts().to_dict()
        assert {name: row[name] for name in counts} == counts
        areas, states = measures.area_distribution(complex), measures.neuron_states(complex)
        occupied = measures.occupancy(complex, POINTS)
        norms = measures.gradient_norms(complex)
        expected = {
            "boundary_length": measures.boundary_length(complex),
            "boundary_density": measures.boundary_density(complex),
            "median_area": areas.median,
            "gini_of_areas": areas.gini,
            "effective_regions": areas.effective_regions,
            "mean_sides": measures.side_counts(complex).mean(),
            "median_inradius": np.median(measures.inradii(complex)),
            "lipschitz_constant": norms.max(),
            "mean_gradient_norm": (norms * complex.areas).sum() / complex.areas.sum(),
            "diameter": measures.diameter(complex),
            "dead_neurons": states.dead.sum(),
            "always_on_neurons": states.always_on.sum(),
            "occupied_regions": occupied.n_occupied,
            "regions_per_point": occupied.n_occupied / len(POINTS),
            "mean_boundary_distance": measures.boundary_distances(complex, POINTS).mean(),
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-12)
        assert set(names) == expected.keys() | counts.keys() - {"activation_regions"} | {
            "surviving_regions",
            "shared_fraction",
        }
        if before is None:
            assert row["surviving_regions"] is None is row["shared_fraction"]
        else:
            stable = measures.stable_regions(before, complex)
            assert (row["surviving_regions"], row["shared_fraction"]) == (len(stable.surviving), stable.shared_fraction)
        assert_same_complex(tracker.complexes[-1], complex)
        before = complex
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn_like(parameter)


@given(st.integers(1, 5), st.integers(0, 12), st.lists(st.integers(0, 3), max_size=12))
def test_every_so_many_calls_and_columns_of_one_length(every, calls, given_columns):
    network = regions.Network.from_arrays([[[1.0, 0.0]], [[1.0]]])
    tracker = regions.track(network, 1, every=every)
    for call in range(calls):
        names = [f"column_{k}" for k in given_columns[call : call + 2]]
        tracker(**dict.fromkeys(names, call))
    assert tracker.table["step"] == list(range(0, calls, every))
    assert tracker.table["activation_regions"] == [2] * len(tracker)
    assert {len(column) for column in tracker.table.values()} == {len(tracker)}
    for name, column in tracker.table.items():
        if name.startswith("column_"):
            written = {
                call: name in [f"column_{k}" for k in given_columns[call : call + 2]] for call in tracker.table["step"]
            }
            assert column == [call if there else None for call, there in written.items()]


def test_inside_mixed_precision_and_inference_mode():
    model = ShallowMLP(5, seed=0)
    expected = regions.count_regions(model, 2)
    tracker = regions.track(model, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        tracker()
        assert torch.is_autocast_enabled("cpu")
        assert regions.count_regions(ShallowMLP(5, seed=0), 2) == expected
    with torch.inference_mode():
        tracker()
    assert tracker.table["activation_regions"] == [expected] * 2


def test_own_measures_and_names():
    model = ShallowMLP(5, seed=0)
    found = regions.enumerate_regions(model, 2)

    def largest(complex):
        return complex.areas.max()

    tracker = regions.track(model, 2, ["dead_neurons", largest])
    tracker()
    assert list(tracker.table) == ["step", "activation_regions", "dead_neurons", "largest"]
    assert tracker.table["largest"] == [found.areas.max()]
    assert type(tracker.table["largest"][0]) is float
    tracker = regions.track(model, 2, {"length": "boundary_length", "edges": lambda complex: len(complex.edges)})
    tracker("first")
    assert tracker.table == {
        "step": ["first"],
        "activation_regions": [found.n_regions],
        "length": [measures.boundary_length(found)],
        "edges": [len(found.edges)],
    }
    assert regions.track(model, 2, "dead_neurons").table.keys() == {"step", "activation_regions", "dead_neurons"}


@pytest.mark.parametrize(
    "domain", [regions.WholePlane(), regions.Polygon([(0, 0), (2, 0), (2, 2), (1, 0.5)]), (0, 0, 1, 2)], ids=repr
)
def test_every_domain(domain):
    model = ShallowMLP(seed=0)
    tracker = regions.track(model, domain)
    tracker()
    assert tracker.table["activation_regions"] == [regions.count_regions(model, domain)]


def test_slices_of_images_and_other_models():
    plane = regions.Slice([0, 0, 1], [1, 0, 0], [0, 1, 1], domain=2)
    model = DeepMLP([6], seed=0, n_inputs=3)
    tracker = regions.track(model, plane, "occupied_regions", points=[[0.0, 0.0], [1.0, 1.0]])
    tracker()
    assert tracker.table["activation_regions"] == [regions.count_regions(model, plane)]
    assert tracker.table["occupied_regions"][0] in (1, 2)
    sklearn = pytest.importorskip("sklearn.neural_network")
    estimator = sklearn.MLPRegressor(hidden_layer_sizes=[4], random_state=0)
    tracker = regions.track(estimator, 2)
    for _ in range(3):
        estimator.partial_fit(POINTS.numpy(), POINTS.numpy().prod(axis=1))
        tracker(loss=estimator.loss_)
    assert tracker.table["activation_regions"][-1] == regions.count_regions(estimator, 2)


def test_weights_that_are_not_numbers():
    model = ShallowMLP(5, seed=0)
    recording = regions.track(model, 2, ["dead_neurons", "surviving_regions"], keep=True, errors="record")
    strict = regions.track(model, 2, "dead_neurons")
    recording()
    strict()
    weights = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        next(model.parameters())[0, 0] = float("nan")
    with pytest.raises(InvalidNetworkError, match="is nan"):
        strict()
    assert {len(column) for column in strict.table.values()} == {1}
    recording()
    model.load_state_dict(weights)
    recording()
    assert recording.table["step"] == [0, 1, 2]
    assert recording.table["activation_regions"][1] is None is recording.table["dead_neurons"][1]
    assert recording.table["error"][0] is None is recording.table["error"][2]
    assert "is nan" in recording.table["error"][1]
    assert recording.complexes[1] is None
    # There is nothing to compare the last with.
    assert recording.table["surviving_regions"] == [None] * 3
    assert recording.table["activation_regions"][2] == recording.table["activation_regions"][0]
    assert len(recording.plot().axes) == 2
    plt.close("all")


def test_an_interrupt_leaves_a_whole_table():
    calls = []

    def interrupted(complex):
        calls.append(complex)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 0

    tracker = regions.track(ShallowMLP(3, seed=0), 2, [interrupted])
    tracker()
    with pytest.raises(KeyboardInterrupt):
        tracker(loss=1.0)
    assert tracker.table == {
        "step": [0],
        "activation_regions": [tracker.table["activation_regions"][0]],
        "interrupted": [0],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"measures": "regions"}, "the measure 'regions' was given; allowed are functions of a RegionComplex and the"),
        ({"measures": [3]}, "the measure 3 was given"),
        ({"measures": 3}, "measures of type int were given"),
        ({"measures": {3: "diameter"}}, "name of a measure 3"),
        ({"measures": ["diameter", "diameter"]}, "each name may appear once"),
        ({"measures": {"step": "diameter"}}, "'step' was given; each name"),
        ({"measures": "occupied_regions"}, "'occupied_regions' needs points"),
        ({"points": [[0.0, 0.0]]}, "no measure that needs them; such are occupied_regions"),
        ({"every": 0}, "every=0 was given"),
        ({"every": 1.0}, "every=1.0 was given"),
        ({"every": True}, "every=True was given"),
        ({"keep": 1}, "keep=1 was given"),
        ({"errors": "ignore"}, "allowed are 'raise' and 'record'"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(OptionError, match=message):
        regions.track(ShallowMLP(3, seed=0), 2, **arguments)


def test_more_mistakes_are_told():
    model = ShallowMLP(3, seed=0)
    with pytest.raises(DomainError):
        regions.track(model, -1)
    tracker = regions.track(model, 2, "diameter")
    with pytest.raises(OptionError, match="diameter= was given"):
        tracker(diameter=3)
    with pytest.raises(OptionError, match=r"loss of shape \(2,\) was given to a tracker"):
        tracker(loss=torch.zeros(2))
    with pytest.raises(OptionError, match="no records to draw"):
        tracker.plot()
    assert repr(tracker) == "<Tracker of 0 records>"
    tracker(loss=torch.tensor([0.5], requires_grad=True), rate=np.float32(0.25))
    assert tracker.table["loss"] == [0.5]
    assert tracker.table["rate"] == [0.25]
    with pytest.raises(OptionError, match="columns of numbers are activation_regions, diameter, loss, rate"):
        tracker.plot("area")
    # A measure that the domain does not allow is a mistake, not an event.
    for name in ("median_area", "mean_gradient_norm"):
        with pytest.raises(ValueError, match="are unbounded"):
            regions.track(model, regions.WholePlane(), name, errors="record")()


def test_pictures_and_dataframe():
    tracker = regions.track(DeepMLP([4], seed=0), 2, ["boundary_length"])
    for step in range(3):
        tracker(10 * step, loss=1 / (step + 1), note="a word")
    assert repr(tracker).startswith("<Tracker of 3 records, activation regions ")
    figure = tracker.plot()
    assert [ax.get_ylabel() for ax in figure.axes] == ["activation regions", "boundary length", "loss"]
    assert figure.axes[-1].lines[0].get_ydata().tolist() == [1, 1 / 2, 1 / 3]
    assert len(tracker.plot(["loss"]).axes) == len(tracker.plot("loss").axes) == 1
    plt.close("all")
    frame = pytest.importorskip("pandas").DataFrame(tracker.table)
    assert tracker.to_dataframe().equals(frame)
