"""Comparisons of architectures: rows against the library, summaries against statistics by hand, what is refused."""

from __future__ import annotations

import math
import re
import statistics
from functools import partial

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import regions
from regions.bounds import for_network
from regions.errors import DomainError, OptionError
from regions.study import comparison
from regions.study.comparison import (
    INITIALISATIONS,
    confidence_interval,
    equal_neurons,
    equal_parameters,
    n_parameters,
    plot_bounds,
    plot_distribution,
    plot_growth,
    spread,
)
from regions.study.models import Abs, DeepMLP, ShallowMLP

matplotlib.use("Agg")

PAIR = {"shallow": (2, 20, 1), "deep": (2, 5, 5, 5, 5, 1)}
widths = st.lists(st.integers(1, 12), min_size=1, max_size=5).map(lambda hidden: (2, *hidden, 1))


@pytest.fixture(scope="module")
def pair():
    return regions.compare(PAIR, 10, seeds=range(4), resolution=60)


@pytest.fixture(scope="module")
def several():
    return regions.compare([(2, 4, 1), (2, 8, 1), (2, 4, 4, 1)], 5, seeds=[3, 1], initialisations=["torch", "he"])


def test_one_row_a_network_in_the_order_given(several):
    assert [(row.architecture, row.initialisation, row.seed) for row in several] == [
        (name, start, seed) for name in ("2-4-1", "2-8-1", "2-4-4-1") for start in ("torch", "he") for seed in (3, 1)
    ]
    assert several.seeds == (3, 1)


def test_rows_are_those_of_the_library(pair):
    for row in pair:
        model = (ShallowMLP if row.architecture == "shallow" else DeepMLP)(seed=row.seed)
        complex = regions.enumerate_regions(model, 10)
        table = for_network(model, count=complex)
        assert row.activation_regions == complex.n_regions == regions.count_regions(model, 10)
        assert row.picture == regions.cross_check(complex, 60).maps_found
        assert (row.upper_bound, row.lower_bound) == (table.upper, table.lower)
        assert table[row.upper_theorem].value == row.upper_bound
        assert table[row.lower_theorem].value == row.lower_bound
        assert row.parameters == sum(p.numel() for p in model.parameters())
        assert (row.widths, row.neurons, row.depth) == (PAIR[row.architecture], 20, len(row.widths) - 2)
        assert row.picture <= row.activation_regions <= row.upper_bound
        assert row.seconds > 0


@given(widths, st.integers(0, 10**6), st.sampled_from(sorted(INITIALISATIONS)), st.sampled_from(["relu", "abs"]))
def test_counts_of_any_widths_lie_below_their_bound(sizes, seed, start, activation):
    (row,) = regions.compare([sizes], regions.WholePlane(), seeds=[seed], initialisations=start, activation=activation)
    assert 1 <= row.activation_regions <= row.upper_bound
    assert row.parameters == n_parameters(sizes)
    assert row.neurons == sum(sizes[1:-1])


def test_no_shallow_network_has_more_than_its_maximum():
    found = regions.compare([(2, 20, 1)], regions.WholePlane(), seeds=range(20))
    assert {row.activation_regions for row in found} == {211}
    assert {(row.upper_bound, row.upper_theorem) for row in found} == {(211, "zaslavsky")}
    # Without biases 20 lines meet in one point.
    found = regions.compare([(2, 20, 1)], 10, seeds=range(5), initialisations=["he", "xavier", "orthogonal"])
    assert {(row.activation_regions, row.upper_bound) for row in found} == {(40, 40)}


@pytest.mark.parametrize(
    ("name", "layer"),
    [("relu", nn.ReLU), ("abs", Abs), ("leaky_relu", nn.LeakyReLU)],
)
def test_named_activations_are_those_of_the_modules(name, layer):
    found = regions.compare([(2, 6, 6, 1)], 5, seeds=range(3), activation=name)
    own = regions.compare([(2, 6, 6, 1)], 5, seeds=range(3), activation=layer)
    expected = [regions.count_regions(DeepMLP([6, 6], layer, seed=seed), 5) for seed in range(3)]
    assert [row.activation_regions for row in found] == [row.activation_regions for row in own] == expected
    network = comparison.architectures.make_network(
        comparison.architectures.read_architectures([(2, 3, 1)])[0], 0, None, name, None
    )[0]
    captured = regions.from_torch(ShallowMLP(3, layer, seed=0))
    for mine, its in zip(network.layers, captured.layers, strict=True):
        assert np.array_equal(mine.weight, its.weight)
        assert np.array_equal(mine.bias, its.bias)
        assert np.array_equal(mine.below, its.below)


def test_architectures_of_ones_own():
    def residual(seed):
        class Residual(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.c = nn.Linear(2, 5), nn.Linear(5, 5), nn.Linear(5, 1)

            def forward(self, x):
                h = torch.relu(self.a(x))
                return self.c(h + torch.relu(self.b(h)))

        return Residual()

    state = torch.random.get_rng_state()
    found = regions.compare(
        {"residual": residual, "arrays": lambda seed: regions.Network.from_arrays([np.eye(2)] * 2)}, 5, seeds=[7]
    )
    assert torch.equal(state, torch.random.get_rng_state())
    torch.manual_seed(7)
    expected = residual(7)
    assert found.rows[0].activation_regions == regions.count_regions(expected, 5)
    assert found.rows[0].parameters == 15 + 30 + 6
    assert (found.rows[1].activation_regions, found.rows[1].parameters) == (4, 12)
    assert regions.compare([residual], 5, seeds=[7]).architectures == ("residual",)


def test_own_initialisations():
    def ones(module, seed):
        for p in module.parameters():
            nn.init.constant_(p, 1.0)

    found = regions.compare([(2, 4, 1)], 5, seeds=[0, 1], initialisations=[ones, "torch"])
    assert found.initialisations == ("ones", "torch")
    # Four equal lines.
    assert [row.activation_regions for row in found.select("2-4-1", "ones")] == [2, 2]


def test_initialisations_are_what_they_are_said_to_be():
    def weights(name):
        module = nn.Sequential(nn.Linear(400, 300), nn.ReLU(), nn.Linear(300, 200))
        torch.manual_seed(0)
        with torch.no_grad():
            INITIALISATIONS[name](module, 0)
        return [
            (layer.weight.detach().double().numpy(), layer.bias.detach().numpy()) for layer in (module[0], module[2])
        ]

    for name, variance in {"he": 2 / 400, "xavier": 2 / 700, "normal": 1.0, "he_normal_biases": 2 / 400}.items():
        (weight, bias), _ = weights(name)
        assert weight.var() == pytest.approx(variance, rel=0.02), name
        assert (bias.var() == pytest.approx(1, rel=0.3)) if "normal" in name else not bias.any()
    (weight, bias), _ = weights("orthogonal")
    assert np.allclose(weight @ weight.T, np.eye(300), atol=1e-5)
    assert not bias.any()
    assert INITIALISATIONS["torch"] is None


def test_same_arguments_give_the_same_table(several):
    again = regions.compare([(2, 4, 1), (2, 8, 1), (2, 4, 4, 1)], 5, seeds=[3, 1], initialisations=["torch", "he"])
    mine, its = several.to_dict(), again.to_dict()
    assert mine.keys() == its.keys()
    assert all(mine[name] == its[name] for name in mine if name != "seconds")


def test_a_seed_means_the_same_networks_alone_and_among_others(several):
    alone = regions.compare([(2, 4, 4, 1)], 5, seeds=[1], initialisations="he")
    assert alone.rows[0].activation_regions == several.select("2-4-4-1", "he")[1].activation_regions


def test_summary_is_statistics_by_hand(pair):
    for summary, name in zip(pair.summary(), PAIR, strict=True):
        counts = [row.activation_regions for row in pair if row.architecture == name]
        found = summary.activation_regions
        assert (found.n, found.minimum, found.maximum) == (4, min(counts), max(counts))
        assert found.mean == sum(counts) / 4
        assert found.standard_deviation == pytest.approx(np.std(counts, ddof=1))
        assert found.median == np.median(counts)
        assert found.interval == pytest.approx(stats.t.interval(0.95, 3, loc=np.mean(counts), scale=stats.sem(counts)))
        assert summary.picture.mean == statistics.fmean(row.picture for row in pair.select(name))
        assert (summary.neurons, summary.parameters) == (20, n_parameters(PAIR[name]))


def test_ratio_is_the_mean_of_logarithms(pair):
    deep, shallow = ([row.activation_regions for row in pair.select(name)] for name in ("deep", "shallow"))
    logs = np.log(np.array(deep) / shallow)
    found = pair.ratio("deep", "shallow")
    assert found.estimate == pytest.approx(math.exp(logs.mean()))
    assert np.log(found.interval) == pytest.approx(stats.t.interval(0.95, 3, loc=logs.mean(), scale=stats.sem(logs)))
    assert pair.ratio("shallow", "deep").estimate == pytest.approx(1 / found.estimate)


def test_one_seed_has_no_interval():
    found = regions.compare([(2, 3, 1), (2, 4, 1)], 5, seeds=[2])
    counts = found.summary()[0].activation_regions
    assert (counts.standard_deviation, counts.interval) == (None, None)
    assert counts.mean == counts.minimum == counts.median == counts.maximum
    assert found.ratio("2-4-1", "2-3-1").interval is None
    assert "None" not in repr(found)
    assert "None" not in found._repr_html_()
    for draw in (partial(plot_distribution, found), partial(plot_growth, found), partial(plot_bounds, found)):
        assert draw().get_ylabel() == "activation regions"
    matplotlib.pyplot.close("all")


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30), st.floats(0.5, 0.999))
def test_intervals_hold_the_mean_and_grow_with_the_confidence(values, confidence):
    low, high = confidence_interval(values, confidence)
    mean = statistics.fmean(values)
    assert low <= mean <= high
    wider = confidence_interval(values, (1 + confidence) / 2)
    assert wider[0] <= low
    assert high <= wider[1]
    if len(set(values)) == 1:
        assert low == high == mean


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = [low <= 5 <= high for low, high in (confidence_interval(rng.normal(5, 2, 6), 0.9) for _ in range(3000))]
    assert np.mean(hits) == pytest.approx(0.9, abs=0.02)


@given(widths, st.integers(1, 6))
def test_equal_neurons_are_equal(sizes, depth):
    if sum(sizes[1:-1]) < depth:
        with pytest.raises(OptionError, match="every hidden layer needs one"):
            equal_neurons(sizes, depth=depth)
        return
    found = equal_neurons(sizes, depth=depth)
    assert sum(found[1:-1]) == sum(sizes[1:-1])
    assert len(found) == depth + 2
    assert (found[0], found[-1]) == (2, 1)
    assert max(found[1:-1]) - min(found[1:-1]) <= 1


@given(widths, st.integers(1, 6))
def test_equal_parameters_are_as_near_as_can_be(sizes, depth):
    found = equal_parameters(sizes, depth=depth)
    assert len(found) == depth + 2
    assert len(set(found[1:-1])) == 1
    wanted, width = n_parameters(sizes), found[1]
    for other in {max(1, width - 1), width + 1}:
        assert abs(n_parameters(found) - wanted) <= abs(n_parameters((2, *[other] * depth, 1)) - wanted)
    assert n_parameters(sizes) == sum(p.numel() for p in DeepMLP(list(sizes[1:-1])).parameters())


def test_pairings_of_the_two_networks():
    assert equal_neurons(PAIR["shallow"], depth=4) == PAIR["deep"]
    assert equal_neurons(PAIR["deep"], depth=1) == PAIR["shallow"]
    assert [n_parameters(sizes) for sizes in PAIR.values()] == [81, 111]
    assert equal_parameters(PAIR["deep"], depth=1) == (2, 27, 1)
    assert equal_parameters(PAIR["shallow"], depth=4) == (2, 4, 4, 4, 4, 1)


@pytest.mark.parametrize(
    "domain",
    [
        regions.WholePlane(),
        regions.ConvexPolygon([(0, 0), (3, 0), (0, 3)]),
        regions.Polygon([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]),
        regions.Polyhedron([(1.0, 0.0)], [2.0]),
    ],
    ids=lambda domain: type(domain).__name__,
)
def test_every_domain(domain):
    found = regions.compare([(2, 6, 6, 1)], domain, seeds=range(2))
    assert [row.activation_regions for row in found] == [
        regions.count_regions(DeepMLP([6, 6], seed=seed), domain) for seed in range(2)
    ]
    assert found.domain == repr(domain)


def test_slices():
    plane = regions.Slice.through([0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 1])
    found = regions.compare([(3, 6, 1)], plane, seeds=range(2))
    for row in found:
        assert (
            row.activation_regions
            == regions.enumerate_regions(DeepMLP([6], seed=row.seed, n_inputs=3), plane).n_regions
        )
    with pytest.raises(OptionError, match=r"2-6-1 has 2 inputs; over a slice .* must be 3"):
        regions.compare([(2, 6, 1)], plane)


def test_table_as_columns_and_as_a_dataframe(pair, several):
    columns = several.to_dict()
    assert "picture" not in columns
    assert {len(column) for column in columns.values()} == {len(several)} == {12}
    assert columns["widths"][:5] == ["2-4-1"] * 4 + ["2-8-1"]
    frame = pair.to_dataframe()
    assert list(frame.columns) == list(pair.to_dict())
    means = frame.groupby("architecture")["activation_regions"].mean()
    assert {name: means[name] for name in PAIR} == {
        row.architecture: row.activation_regions.mean for row in pair.summary()
    }


def test_the_other_definitions_when_asked_for():
    found = regions.compare([(2, 3, 1), (2, 2, 2, 1)], regions.WholePlane(), seeds=range(3), definitions=True)
    columns = found.to_dict()
    for i, row in enumerate(found):
        counts = (
            regions.enumerate_regions(DeepMLP(list(row.widths[1:-1]), seed=row.seed), regions.WholePlane())
            .counts()
            .to_dict()
        )
        assert {name: columns[name][i] for name in counts} == counts
    assert "affine_pieces" not in regions.compare([(2, 3, 1)], 1, seeds=[0]).to_dict()


def test_text_and_html_show_the_summary(pair, several):
    text, page = repr(pair), pair._repr_html_()
    assert text.startswith("Activation regions of 8 networks over Box(")
    for shown in ("shallow", "deep", "211", "65536", "95% interval", "111"):
        assert shown in text
        assert shown in page
    assert "initialisation" not in text
    assert "initialisation" in repr(several)
    assert "linear region" not in text + page
    assert "&lt;x&gt;" in regions.compare({"<x>": (2, 1, 1)}, seeds=[0])._repr_html_()


def test_pictures_show_every_network(pair, several):
    from matplotlib import pyplot as plt

    ax = plot_distribution(pair)
    drawn = sorted(y for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata())
    assert drawn == sorted(row.activation_regions for row in pair)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["shallow", "deep"]
    ax = plot_bounds(pair)
    assert {text.get_text() for text in ax.texts} >= {"211 (zaslavsky), attained", "1024 (montufar_2014_lower)"}
    assert len(ax.get_legend().get_texts()) == 4
    ax = plot_growth(several, by="width")
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert labels == {"1 hidden layer, torch", "2 hidden layers, torch", "1 hidden layer, he", "2 hidden layers, he"}
    for by in ("neurons", "parameters", "depth"):
        assert plot_growth(several, by=by).get_yscale() == "log"
    with pytest.raises(OptionError, match="by='size' was given; allowed are neurons"):
        plot_growth(several, by="size")
    plt.close("all")


def sized(seed):
    return ShallowMLP(seed + 1, seed=seed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"architectures": []}, "no architectures were given"),
        ({"architectures": {}}, "no architectures were given"),
        ({"architectures": (2, 20, 1)}, "give a list of them: [(2, 20, 1)]"),
        ({"architectures": "2-20-1"}, "architectures of type str"),
        ({"architectures": 20}, "architectures of type int"),
        ({"architectures": [(2, 20)]}, "widths 2,20 were given"),
        ({"architectures": [(2, 0, 1)]}, "all integers >= 1"),
        ({"architectures": ["2-20-1"]}, "widths '2-20-1' of type str"),
        ({"architectures": {"a": (2, 2.5, 1)}}, "a widths 2,2.5,1 were given"),
        ({"architectures": {1: (2, 2, 1)}}, "name 1 was given"),
        ({"architectures": [(2, 3, 1), (2, 3, 1)]}, "2-3-1 was given twice"),
        ({"architectures": [(3, 3, 1)]}, "the first width must be 2"),
        ({"architectures": [sized], "seeds": [0, 1]}, "architecture must be of one size"),
        ({"seeds": []}, "seeds (none) were given"),
        ({"seeds": [-1]}, "seeds -1 were given"),
        ({"seeds": [1, 1]}, "each may appear once"),
        ({"seeds": 5}, "several are needed, such as range(10)"),
        ({"seeds": [0.5]}, "seeds 0.5 were given"),
        ({"initialisations": "kaiming"}, "initialisation 'kaiming' was given; allowed are torch, he"),
        ({"initialisations": ["he", "he"]}, "he was given twice"),
        ({"initialisations": []}, "no initialisation was given"),
        ({"initialisations": 3}, "initialisation 3 was given"),
        ({"activation": "gelu"}, "allowed are abs, leaky_relu, relu"),
        ({"resolution": 2}, "an integer >= 3"),
        ({"resolution": 50.0}, "resolution 50.0 was given"),
        ({"definitions": "all"}, "definitions 'all' was given; True or False is needed"),
        ({"confidence": 1}, "confidence 1 was given"),
        ({"confidence": 95}, "above 0 and below 1"),
        (
            {"architectures": {"n": lambda seed: regions.Network.from_arrays([np.eye(2)])}, "initialisations": "he"},
            "makes a Network",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_told(arguments, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        regions.compare(**{"architectures": [(2, 3, 1)], "domain": 1, "seeds": [0], **arguments})


def test_mistakes_in_what_to_look_up_are_told(pair, several):
    with pytest.raises(OptionError, match="'wide' was given; the comparison has shallow, deep"):
        pair.select("wide")
    with pytest.raises(OptionError, match="'he' was given; the comparison has torch"):
        pair.select("deep", "he")
    with pytest.raises(OptionError, match="comparison has torch, he; give one"):
        several.ratio("2-8-1", "2-4-1")
    with pytest.raises(OptionError, match="depth 0 was given"):
        equal_parameters((2, 3, 1), depth=0)


def test_pictures_need_a_bounded_domain():
    with pytest.raises(DomainError):
        regions.compare([(2, 3, 1)], regions.WholePlane(), seeds=[0], resolution=50)
    with pytest.raises(DomainError):
        regions.compare([(2, 3, 1)], "everywhere", seeds=[0])


def test_a_spread_of_one_number():
    assert spread([7]).interval is None
    assert confidence_interval([]) is None


def test_progress_is_shown_when_asked_for(capsys):
    regions.compare([(2, 2, 1)], 1, seeds=[0, 1], progress=True)
    assert "2/2" in capsys.readouterr().err
    regions.compare([(2, 2, 1)], 1, seeds=[0, 1])
    assert capsys.readouterr().err == ""


def test_names_with_dollar_signs_are_no_formulas():
    import io

    found = regions.compare({r"a$\frac$b": (2, 3, 1), "plain": (2, 2, 1)}, seeds=range(2), domain=1)
    for draw in (partial(plot_distribution, found), partial(plot_bounds, found)):
        ax = draw()
        assert ax.get_xticklabels()[0].get_text() == r"a\$\frac\$b"
        ax.figure.savefig(io.BytesIO(), format="png")
        matplotlib.pyplot.close(ax.figure)
