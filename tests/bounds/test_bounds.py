"""The theorems' bounds: their formulas against sums done another way, and against exact counts."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlps import mlp, sparsely
from planar_domains import unbounded

import regions
from regions import Box, Layer, Network, WholePlane, bounds
from regions.bounds import for_network
from regions.testing import domains, networks, polygons

dimensions = st.integers(1, 5)
widths = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("d", "n", "product_", "montufar", "serra"),
    [
        # 1 + 5 + 10 = 16 parts a layer. No minimum binds: with two of five neurons inactive three remain.
        (2, (5, 5, 5, 5), 65_536, 65_536, 65_536),
        # 7 * 7; by inactive neurons 1 * 7 + 3 * 7 + 3 * 4 = 40.
        (2, (3, 3), 49, 49, 40),
        # 2 * 16; 2 * 6, as the image is a line; 6 where the one neuron is active and 1 where it is not.
        (2, (1, 5), 32, 12, 7),
        # 26 parts a layer. One with j = 0, 1, 2 inactive neurons keeps dimension 3, one with j = 3 has dimension 2.
        (3, (5, 5, 5, 5), 456_976, 456_976, 229_376),
        (1, (5, 5, 5, 5), 1_296, 1_296, 1_296),
    ],
)
def test_numbers_of_deep_networks(d: int, n: tuple[int, ...], product_: int, montufar: int, serra: int) -> None:
    assert bounds.zaslavsky_product(d, n) == product_
    assert bounds.montufar_2017(d, n) == montufar
    assert bounds.serra_2018(d, n) == serra
    assert bounds.hinz_2019(d, n) == serra
    if d == 1:
        assert bounds.serra_2018_one_input(n) == serra


def test_three_inputs_by_hand() -> None:
    # Regions a with image dimension 3 and b with dimension 2, layer after layer: of dimension 3 come 1 + 5 + 10 parts
    # with 3 and 10 with 2; of dimension 2 come 1 + 5 + 10, all with 2.
    a, b = 1, 0
    for _ in range(4):
        a, b = 16 * a, 10 * a + 16 * b
    assert a + b == bounds.serra_2018(3, (5, 5, 5, 5)) == 229_376


def test_numbers_of_one_layer() -> None:
    assert [bounds.zaslavsky(2, n) for n in range(6)] == [1, 2, 4, 7, 11, 16]
    assert [bounds.zaslavsky(3, n) for n in range(6)] == [1, 2, 4, 8, 15, 26]
    assert [bounds.zaslavsky(1, n) for n in range(6)] == [1, 2, 3, 4, 5, 6]
    assert [bounds.zaslavsky_zero_bias(2, n) for n in range(6)] == [1, 2, 4, 6, 8, 10]
    assert [bounds.zaslavsky_zero_bias(3, n) for n in range(6)] == [1, 2, 4, 8, 14, 22]
    assert [bounds.zaslavsky_zero_bias(1, n) for n in range(4)] == [1, 2, 2, 2]


def test_numbers_of_lower_bounds() -> None:
    # Montúfar et al. 2014: folded twice along both axes, twice over, 4 lines make 11 parts of each of 16 squares.
    assert bounds.montufar_2014_lower(2, (4, 4, 4)) == 2**2 * 2**2 * 11 == 176
    assert bounds.montufar_2014_lower(2, (5, 5)) == 2**2 * 16
    assert bounds.serra_2018_lower(2, (7, 6)) == 4**2 * 22
    assert bounds.arora_2018_lower(3, 4, 2, 3) == (1 + 3 + 3) * 2**3


def test_numbers_of_maxout() -> None:
    assert bounds.serra_2018_maxout(2, (2, 3), 3) == (1 + 6 + 15) * (1 + 9 + 36)
    # One input: a unit of rank k has at most k - 1 breakpoints.
    assert bounds.montufar_2022_maxout(1, [3, 5, 2]) == 1 + 2 + 4 + 1
    assert bounds.montufar_2022_maxout(2, [3, 5, 2]) == 8 + 2 * 4 + 2 * 1 + 4 * 1
    assert bounds.montufar_2022_maxout(3, [3, 5, 2]) == 3 * 5 * 2


def test_rule_of_thumb_is_no_bound() -> None:
    rule = bounds.hanin_rolnick_2019(2, 21)
    assert rule.value == Fraction(441, 2)
    assert float(rule) == 220.5
    assert repr(rule) == "<RuleOfThumb: about 220.5, N^2 / 2!; not a bound>"
    assert not isinstance(rule, int | float | Fraction)
    with pytest.raises(TypeError):
        _ = rule > 3  # type: ignore[operator]
    assert bounds.hanin_rolnick_2019(5, 3).value == 8
    assert "e+" in repr(bounds.hanin_rolnick_2019(700, 5000))


# The same sums in another way.


def serra_by_enumeration(d: int, n: tuple[int, ...], ranks: tuple[int, ...]) -> int:
    found = 0
    for j in product(*(range(width + 1) for width in n)):
        room, term = d, 1
        for inactive, width, rank in zip(j, n, ranks, strict=True):
            if inactive > min(room, width, rank):
                term = 0
                break
            term *= comb(width, inactive)
            room = min(room, width - inactive, rank)
        found += term
    return found


@given(dimensions, widths, st.data())
def test_serra_is_the_sum_over_inactive_neurons(d: int, n: list[int], data: st.DataObject) -> None:
    ranks = [data.draw(st.integers(0, width)) for width in n]
    assert bounds.serra_2018(d, n) == serra_by_enumeration(d, tuple(n), tuple(n))
    assert bounds.serra_2018(d, n, ranks) == serra_by_enumeration(d, tuple(n), tuple(ranks))
    assert bounds.serra_2018(d, n, ranks) <= bounds.serra_2018(d, n)


@given(dimensions, widths)
def test_montufar_is_the_product_of_sums(d: int, n: list[int]) -> None:
    rooms = [min([d, *n[:i]]) for i in range(len(n))]
    expected = prod(sum(comb(width, j) for j in range(room + 1)) for width, room in zip(n, rooms, strict=True))
    assert bounds.montufar_2017(d, n) == expected


@given(dimensions, widths)
def test_order_of_the_bounds(d: int, n: list[int]) -> None:
    serra, montufar = bounds.serra_2018(d, n), bounds.montufar_2017(d, n)
    assert serra <= montufar <= bounds.zaslavsky_product(d, n) <= bounds.all_patterns(sum(n))
    assert bounds.serra_2018(d, [n[0]]) == bounds.zaslavsky(d, n[0])
    assert bounds.serra_2018(1, n) <= bounds.montufar_2017(1, n) <= bounds.arora_2018_one_input(n)
    if min(n) >= d:
        assert bounds.montufar_2014_lower(d, n) <= serra
    if min(n) >= 3 * d:
        assert bounds.montufar_2014_lower(d, n) <= bounds.serra_2018_lower(d, n) <= serra
    if min(n) >= 3:
        assert bounds.serra_2018_one_input(n) == bounds.serra_2018(1, n)
        assert bounds.serra_2018_lower(1, n) == bounds.serra_2018_one_input(n)


@given(dimensions, widths)
def test_histograms_give_the_other_bounds(d: int, n: list[int]) -> None:
    assert bounds.hinz_2019(d, n) == bounds.serra_2018(d, n)
    assert bounds.hinz_2019(d, n, "zaslavsky") == bounds.montufar_2017(d, n)
    assert bounds.hinz_2019(d, n, "naive") == bounds.all_patterns(sum(n))
    assert bounds.hinz_2019(d, n, lambda i, k: bounds.histogram_2019(i, k)) == bounds.serra_2018(d, n)


@given(dimensions, widths)
def test_histograms_as_matrices(d: int, n: list[int]) -> None:
    # The theorem as it is stated: the 1-norm of B_L M_L ... B_1 M_1 e, with the dimensions clipped at the widths.
    column = np.zeros(d + 1, dtype=object)
    column[d] = 1
    size = d
    for width in n:
        after = min(size, width)
        clip = np.zeros((after + 1, size + 1), dtype=object)
        for i in range(size + 1):
            clip[min(i, after), i] = 1
        cut = np.zeros((after + 1, after + 1), dtype=object)
        for i in range(after + 1):
            for k, number in enumerate(bounds.histogram_2019(i, width)):
                cut[min(i, k), i] += number
        assert not np.tril(cut, -1).any()
        column, size = cut.dot(clip.dot(column)), after
    assert bounds.hinz_2019(d, n) == column.sum()


@given(dimensions, widths, st.integers(1, 4))
def test_maxout_bounds_agree_with_relu_and_each_other(d: int, n: list[int], k: int) -> None:
    sharp = bounds.montufar_2022_maxout(d, [k] * n[0])
    brute = sum((k - 1) ** j * comb(n[0], j) for j in range(d + 1))
    assert sharp == brute <= bounds.serra_2018_maxout(d, n[:1], k)
    assert bounds.montufar_2022_maxout(d, [2] * n[0]) == bounds.zaslavsky(d, n[0])
    if min(n) >= d:
        assert bounds.serra_2018_maxout(d, n, 2) == bounds.montufar_2017(d, n)


# Against exact counts.


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("activation", ["relu", "abs", (0.1, 1.0)])
def test_one_generic_layer_attains_zaslavsky(n: int, activation: object) -> None:
    network = mlp(2, n, 1, seed=n, activation=activation)
    assert regions.count_regions(network, WholePlane()) == bounds.zaslavsky(2, n) == bounds.from_weights(network)
    central = Network.from_arrays([layer.weight for layer in network.layers], None, activation)
    assert regions.count_regions(central, WholePlane()) == bounds.zaslavsky_zero_bias(2, n)
    assert bounds.from_weights(central) == bounds.zaslavsky_zero_bias(2, n)


@given(networks(activations=["relu"], max_hidden_layers=1, max_width=7))
@settings(max_examples=40)
def test_histogram_bounds_the_active_neurons(network: Network) -> None:
    n = network.layers[0].n_out
    active = regions.enumerate_regions(network, WholePlane()).patterns[:, :n].sum(axis=1)
    histogram = bounds.histogram_2019(2, n)
    for k in range(n + 1):
        assert (active >= k).sum() <= sum(histogram[k:])


def maxout_regions(weights: np.ndarray, biases: np.ndarray) -> int:
    """Regions of a layer of maxout units, weights (units, k, 2): from the parts of all their pairs' hyperplanes."""
    units, k, _ = weights.shape
    pairs = [(u, i, j) for u in range(units) for i, j in combinations(range(k), 2)]
    differences = [(weights[u, i] - weights[u, j], biases[u, i] - biases[u, j]) for u, i, j in pairs]
    network = Network.from_arrays(
        [[w for w, _ in differences], np.ones((1, len(pairs)))], [[b for _, b in differences], [0.0]]
    )
    found = set()
    for pattern in regions.enumerate_regions(network, WholePlane()).patterns:
        above = {(u, i, j): on for (u, i, j), on in zip(pairs, pattern, strict=True)}
        wins = [
            [sum(above[u, i, j] if i < j else not above[u, j, i] for j in range(k) if j != i) for i in range(k)]
            for u in range(units)
        ]
        found.add(tuple(int(np.argmax(w)) for w in wins))
    return len(found)


@pytest.mark.parametrize(("units", "k", "sharp"), [(1, 3, 3), (2, 2, 4), (2, 3, 9), (3, 3, 19), (3, 4, 37)])
def test_maxout_layers(units: int, k: int, sharp: int) -> None:
    assert bounds.montufar_2022_maxout(2, [k] * units) == sharp <= bounds.serra_2018_maxout(2, (units,), k)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        weights, biases = rng.integers(-9, 10, size=(units, k, 2)), rng.integers(-9, 10, size=(units, k))
        assert maxout_regions(weights, biases) <= sharp
    # The functions i g x - i^2 have k - 1 parallel lines between them: the bound is attained.
    i, directions = np.arange(k), np.array([[1.0, 0.125], [0.25, 1.0], [-0.75, 1.0]])[:units]
    assert maxout_regions(i[:, None] * directions[:, None], np.tile(-(i**2.0), (units, 1)) + i / 16) == sharp


SQUARE = Box(0, 0, 1, 1)


@pytest.mark.parametrize(("p", "layers"), [(1, 1), (2, 1), (2, 3), (3, 2), (5, 1)])
@pytest.mark.parametrize("final", [None, 1, 2, 4, 9])
def test_montufar_folding_attains_the_lower_bound(p: int, layers: int, final: int | None) -> None:
    network = bounds.montufar_folding(p=p, layers=layers, final=final)
    count = regions.count_regions(network, SQUARE)
    assert count == p ** (2 * layers) * (1 if final is None else bounds.zaslavsky(2, final))
    hidden = [2 * p] * layers + ([] if final is None else [final])
    assert network.widths[1:-1] == tuple(hidden)
    if final is not None and final >= 2:
        assert count == bounds.montufar_2014_lower(2, hidden)


def test_the_two_foldings_of_the_paper() -> None:
    assert regions.count_regions(bounds.montufar_folding(p=3, layers=2), SQUARE) == 81
    network = bounds.montufar_folding(p=2, layers=2, final=4)
    complex = regions.enumerate_regions(network, SQUARE)
    assert complex.n_regions == bounds.montufar_2014_lower(2, (4, 4, 4)) == 176
    assert complex.certificate is not None
    # In the whole plane there are more: those outside the square.
    assert 176 < regions.count_regions(network, WholePlane()) <= bounds.serra_2018(2, (4, 4, 4))


@pytest.mark.parametrize(("p", "layers"), [(3, 1), (3, 2), (4, 1), (6, 1)])
@pytest.mark.parametrize("final", [None, 1, 6])
def test_serra_folding_attains_the_lower_bound(p: int, layers: int, final: int | None) -> None:
    count = regions.count_regions(bounds.serra_folding(p=p, layers=layers, final=final), SQUARE)
    assert count == (p + 1) ** (2 * layers) * (1 if final is None else bounds.zaslavsky(2, final))
    if final is not None and final >= 6:
        assert count == bounds.serra_2018_lower(2, [2 * p] * layers + [final])


@pytest.mark.parametrize("n", [(3,), (3, 3), (4, 4, 1), (5, 5, 5, 5), (3, 3, 3, 8)])
def test_one_input_attains_the_maximum(n: tuple[int, ...]) -> None:
    if len(n) == 1:
        network = bounds.serra_folding(input_dimension=1, p=n[0])
    else:
        network = bounds.serra_folding(input_dimension=1, p=n[0], layers=len(n) - 1, final=n[-1])
    pieces = regions.enumerate_segment(network, [0], [1])
    assert len(pieces) == bounds.serra_2018_one_input(n) == bounds.serra_2018(1, n)
    table = for_network(network, count=len(pieces))
    assert table.exact == table.upper == len(pieces)
    if min(n) >= 3:
        assert table.lower == len(pieces)


@pytest.mark.parametrize("d", [1, 3])
def test_foldings_of_other_dimensions_attain_the_lower_bound(d: int) -> None:
    # Regions of three inputs are not enumerated; but each of these is found by a point, most near the middle of a cube.
    network = bounds.montufar_folding(input_dimension=d, p=2, layers=1, final=d + 1)
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, size=(30_000, d)) * np.exp2(-rng.integers(0, 6, size=(30_000, 1))) / 4
    points += rng.choice([0.25, 0.75], size=points.shape)
    patterns = {tuple(pattern) for pattern in network.patterns(points).tolist()}
    assert len(patterns) == bounds.montufar_2014_lower(d, (2 * d, d + 1)) == 2**d * (2 ** (d + 1) - 1)


@pytest.mark.parametrize(("m", "w", "k"), [(1, 3, 1), (3, 3, 2), (4, 5, 1), (5, 3, 3)])
def test_zonotopes_have_twice_the_lower_bound(m: int, w: int, k: int) -> None:
    network = bounds.arora_zonotope(generators=m, width=w, layers=k)
    assert network.widths == (2, 2 * m, *[w] * k, 1)
    assert regions.count_regions(network, WholePlane()) == 2 * bounds.arora_2018_lower(2, m, w, k)
    even = bounds.arora_zonotope(generators=m, width=w + 1, layers=k)
    assert regions.count_regions(even, WholePlane()) >= 2 * bounds.arora_2018_lower(2, m, w + 1, k)


# Wrong arguments.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bounds.zaslavsky(0, 3), ValueError, "input_dimension=0 was given; it must be at least 1"),
        (lambda: bounds.zaslavsky(2, 3.0), TypeError, "an integer is needed"),
        (lambda: bounds.zaslavsky(2, True), TypeError, "an integer is needed"),
        (lambda: bounds.zaslavsky_zero_bias(2, -1), ValueError, "neurons=-1"),
        (lambda: bounds.serra_2018(2, 5), TypeError, "a sequence of integers"),
        (lambda: bounds.serra_2018(2, "55"), TypeError, "a sequence of integers"),
        (lambda: bounds.serra_2018(2, []), ValueError, "widths is empty"),
        (lambda: bounds.serra_2018(2, [3, 0]), ValueError, r"widths\[1\]=0"),
        (lambda: bounds.serra_2018(2, [3, 3], [1]), ValueError, "ranks has 1 entries; 2 are needed"),
        (lambda: bounds.montufar_2014_lower(2, [3, 1]), ValueError, r"widths\[1\]=1 .* as many neurons as inputs"),
        (lambda: bounds.serra_2018_lower(2, [5, 6]), ValueError, "3 neurons for each input in every layer, at least 6"),
        (lambda: bounds.serra_2018_one_input([2, 5]), ValueError, "at least 3 neurons"),
        (lambda: bounds.hinz_2019(2, [3], "best"), ValueError, "'binomial', 'zaslavsky', 'naive'"),
        (lambda: bounds.hinz_2019(2, [3], lambda d, n: [1]), ValueError, "4 are needed"),
        (lambda: bounds.serra_2018_maxout(2, [3], 0), ValueError, "rank=0"),
        (lambda: bounds.arora_2018_lower(2, 3, 1, 1), ValueError, "width=1"),
        (lambda: bounds.montufar_folding(p=0), ValueError, "p=0"),
        (lambda: bounds.serra_folding(p=2), ValueError, "p=2 was given; it must be at least 3"),
        (lambda: bounds.montufar_folding(input_dimension=12, final=40), ValueError, r"beyond 2\*\*53"),
    ],
)
def test_wrong_arguments_are_told(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]


def test_numpy_integers_are_integers() -> None:
    assert bounds.serra_2018(np.int64(2), np.array([3, 3])) == 40
    assert type(bounds.montufar_2017(np.int32(2), [np.int64(5)] * 40)) is int
    assert bounds.montufar_2017(2, [5] * 40) == 16**40


# One network.


@given(networks(max_width=5), st.one_of(domains(), unbounded))
@settings(max_examples=80)
def test_no_network_has_more_regions_than_its_bounds(network: Network, domain: object) -> None:
    try:
        table = for_network(network, domain)
    except regions.errors.DomainError:
        return
    assert_bounded(network, table)


@given(networks(max_width=4, max_hidden_layers=2), polygons())
@settings(max_examples=30)
def test_bounds_hold_over_any_polygon(network: Network, domain: object) -> None:
    assert_bounded(network, for_network(network, domain))


def assert_bounded(network: Network, table: bounds.BoundsTable) -> None:
    upper = {row.name: row.value for row in table if row.kind == "upper"}
    assert table.exact is not None
    assert table.exact <= table.upper == upper["from_weights"] == min(upper.values())
    assert [row.value for row in table] == sorted(row.value for row in table)
    assert all(type(row.value) is int for row in table if row.kind != "rule")


def any_network(seed: int) -> Network:
    """Layers of any rank and any slopes, linear ones among them, with zeros, constants and integers in any place."""
    rng = np.random.default_rng(seed)
    layers, n = [], 2
    homogeneous, relu = rng.random() < 0.2, rng.random() < 0.4
    for _ in range(rng.integers(1, 5)):
        out = int(rng.integers(1, 6))
        weight = rng.normal(size=(out, n)) if rng.random() < 0.3 else rng.integers(-2, 3, size=(out, n))
        if rng.random() < 0.25:
            weight = np.outer(rng.integers(-2, 3, out), rng.integers(-2, 3, n))
        weight[rng.random(out) < 0.1] = 0
        bias = rng.integers(-2, 3, out) * (not homogeneous)
        below, above = np.zeros(out), np.ones(out)
        if not relu:
            choices = [[0.0], [0.25], [-1.0], [1.0], [0.0, 1.0], [0.0, 1.0, -1.0, 0.5]][rng.integers(6)]
            below = rng.choice(choices, out)
            if len(choices) == 4:
                above = rng.choice(choices, out)
        layers.append(Layer(weight.astype(float), bias.astype(float), below, above))
        n = out
    return Network(tuple(layers))


@pytest.mark.parametrize("start", [0, pytest.param(10_000, marks=pytest.mark.slow)])
def test_bounds_hold_for_thousands_of_networks(start: int) -> None:
    for seed in range(start, start + (120 if start == 0 else 8_000)):
        network = any_network(seed)
        domain = [WholePlane(), Box(-1, -1, 1, 1), Box(-40, -50, 60, 30)][seed % 3]
        assert_bounded(network, for_network(network, domain))


def test_table_of_the_deep_network() -> None:
    network = mlp(2, 5, 5, 5, 5, 1)
    table = for_network(network)
    rows = {row.name: (row.kind, row.value) for row in table}
    assert rows == {
        "from_weights": ("upper", 65_536),
        "serra_2018": ("upper", 65_536),
        "hinz_2019": ("upper", 65_536),
        "montufar_2017": ("upper", 65_536),
        "zaslavsky_product": ("upper", 65_536),
        "all_patterns": ("upper", 2**20),
        "montufar_2014_lower": ("lower", 4**3 * 16),
        "arora_2018_lower": ("lower", 2 * 5**3),
        "hanin_rolnick_2019": ("rule", 200),
    }
    assert table.exact is None
    text = repr(table)
    assert text.startswith("Bounds for <Network 2-5-5-5-5-1 with 20 hidden neurons and 111 parameters> over a convex")
    assert len(text.splitlines()) == 3 + len(table)
    assert "Montúfar 2017" in text
    columns = ["name", "value", "kind", "theorem", "paper", "definition"]
    assert all(list(row) == columns for row in table.to_dict())
    with pytest.raises(AttributeError):
        table.rows = ()  # type: ignore[misc]
    with pytest.raises(KeyError, match="serra_2018_lower"):
        _ = table["serra_2018_lower"]


def test_count_takes_its_place() -> None:
    network = mlp(2, 4, 4, 1)
    complex = regions.enumerate_regions(network, 10)
    by_complex, by_number = for_network(network, count=complex), for_network(network, 10, complex.n_regions)
    assert by_complex.rows == by_number.rows == for_network(network, 10).rows
    assert by_complex.domain == "Box(-10.0, -10.0, 10.0, 10.0)"
    assert by_complex["count"].kind == "exact"
    assert by_complex["count"].value == by_complex.exact == complex.n_regions
    again = Network.from_arrays([layer.weight for layer in network.layers], [layer.bias for layer in network.layers])
    assert for_network(again, 10, complex).rows == by_complex.rows


def test_counts_that_do_not_belong_are_refused() -> None:
    network = mlp(2, 4, 4, 1)
    with pytest.raises(ValueError, match="complex of another network"):
        for_network(network, count=regions.enumerate_regions(mlp(2, 4, 4, 1, seed=1), 1))
    with pytest.raises(ValueError, match="leave the domain out"):
        for_network(network, 2, regions.enumerate_regions(network, 1))
    with pytest.raises(ValueError, match="count=1000000 was given, more than from_weights = "):
        for_network(network, count=1_000_000)
    with pytest.raises(ValueError, match="count=0"):
        for_network(network, count=0)
    with pytest.raises(TypeError, match=r"count=1\.5"):
        for_network(network, count=1.5)
    with pytest.raises(regions.errors.InvalidNetworkError, match="3 input"):
        for_network(mlp(3, 4, 1), 1)
    with pytest.raises(TypeError, match="model of type"):
        for_network([1, 2])


def test_regions_of_a_domain_with_holes() -> None:
    # One neuron's half-planes fall into more than two regions of a comb; its bounds are those of each convex piece.
    comb_ = regions.Polygon(
        [(0, 0), (5, 0), (5, 2), (4, 2), (4, 1), (3, 1), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)]
    )
    network = Network.from_arrays([[[0.0, 1.0]], [[1.0]]], [[-1.5], [0.0]])
    table = for_network(network, comb_)
    assert table.exact == 4 > bounds.zaslavsky(2, 1)
    assert table["zaslavsky"].value == 2 * len(comb_.pieces)
    assert "convex pieces" in table["zaslavsky"].theorem
    with pytest.raises(ValueError, match="not convex: give that domain"):
        for_network(network, count=4)


@pytest.mark.parametrize("activation", ["abs", (0.1, 1.0)])
def test_serra_needs_flat_sides(activation: object) -> None:
    # Absolute values fold the plane onto a quadrant, which 3 lines cut into 7: 28 regions. Serra: 7 + 2 * 4 + 1.
    network = Network.from_arrays(
        [np.eye(2), [[1.0, 1.0], [1.0, 3.0], [3.0, 1.0]], np.ones((1, 3))],
        [[0.0, 0.0], [-3.0, -5.0, -5.0], [0.0]],
        activation,
    )
    table = for_network(network, WholePlane())
    names = {row.name for row in table}
    assert not names & {"serra_2018", "hinz_2019", "montufar_2014_lower", "serra_2018_lower", "arora_2018_lower"}
    assert bounds.from_weights(network) == bounds.montufar_2017(2, (2, 3)) == 28
    if activation == "abs":
        assert table.exact is not None
        assert table.exact > bounds.serra_2018(2, (2, 3)) == 16


def test_linear_layers_are_multiplied_out() -> None:
    # Both matrices have rank 2, their product has rank 1: parallel lines.
    first, second = (
        np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
        np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0, 5.0]]),
    )
    assert np.linalg.matrix_rank(first) == np.linalg.matrix_rank(second) == 2
    network = Network.from_arrays(
        [first, second, np.ones((1, 3))], [[0.0, 0.0, 1.0], [0.0, 1.0, 2.0], [0.0]], ["identity", "relu"]
    )
    assert bounds.from_weights(network) == 4
    assert for_network(network, WholePlane())["serra_2018"].value == 7


def test_ranks_are_exact() -> None:
    # Singular in floats to any tolerance, but not over the rationals.
    def network(last: float) -> Network:
        weights = [[1.0, 3.0], [1 / 3, 1.0], [1.0, last]]
        return Network.from_arrays([weights, np.ones((1, 3))], [[0.0, 1.0, 1.0], [0.0]])

    assert Fraction(1 / 3) * 3 != 1
    assert bounds.from_weights(network(3.0)) == 7
    parallel = Network.from_arrays(
        [[[1.0, 3.0], [0.25, 0.75], [-2.0, -6.0]], np.ones((1, 3))], [[0.0, 1.0, 1.0], [0.0]]
    )
    assert bounds.from_weights(parallel) == 4
    tiny = np.array([[1.0, 1.0], [1.0, np.nextafter(1.0, 2.0)]]) * 2.0**-500
    assert bounds.from_weights(Network.from_arrays([tiny, np.ones((1, 2))], [[2.0**400, -1.0], [0.0]])) == 4


def test_hyperplanes_through_one_point() -> None:
    # All pass through (1, 2), exactly; one unit in the last place further they do not.
    weights, point = np.array([[1.0, 2.0], [3.0, -1.0], [2.0, 5.0], [1.0, -1.0]]), np.array([1.0, 2.0])
    bias = -(weights @ point)
    through = Network.from_arrays([weights, np.ones((1, 4))], [bias, [0.0]])
    assert for_network(through, WholePlane())["zaslavsky_zero_bias"].value == bounds.from_weights(through) == 8
    assert regions.count_regions(through, WholePlane()) == 8
    bias[0] = np.nextafter(bias[0], 0)
    beside = Network.from_arrays([weights, np.ones((1, 4))], [bias, [0.0]])
    assert bounds.from_weights(beside) == 11
    assert "zaslavsky_zero_bias" not in {row.name for row in for_network(beside)}


def test_no_bias_in_a_deep_network() -> None:
    weights = [layer.weight for layer in mlp(2, 4, 4, 1, activation="abs").layers]
    network = Network.from_arrays(weights, activation="abs")
    assert bounds.from_weights(network) == 8 * 8
    biased = Network.from_arrays(weights, [np.zeros(4), [0.0, 0.0, 0.0, 1.0], [0.0]], "abs")
    assert bounds.from_weights(biased) == 8 * 11


def test_biases_of_the_first_layer_are_remembered() -> None:
    # The second layer has none; but the image of the plane under the first one's affine maps misses the origin.
    first = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    second = np.array([[1.0, 2.0, -3.0], [1.0, -1.0, 5.0], [2.0, 1.0, 1.0]])
    network = Network.from_arrays([first, second, np.ones((1, 3))], [[0.0, 0.0, 1.0], np.zeros(3), [0.0]], "abs")
    assert bounds.from_weights(network) == 7 * 7


def test_constant_units_move_hyperplanes() -> None:
    # Two linear units carry x and y, a neuron without weights gives 1: the lines x = 1, y = 1 and x + y = 1.
    carry = Layer([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], np.ones(3))
    lines = Layer([[1.0, 0.0, -1.0], [0.0, 1.0, -1.0], [1.0, 1.0, -1.0]], np.zeros(3), np.zeros(3), np.ones(3))
    network = Network((carry, lines))
    assert bounds.from_weights(network) == regions.count_regions(network, WholePlane()) == 7
    off = Layer(carry.weight, [0.0, 0.0, -1.0], carry.below, carry.above)
    assert bounds.from_weights(Network((off, lines))) == regions.count_regions(Network((off, lines)), WholePlane()) == 6


def test_slopes_of_linear_units_count() -> None:
    # x and -x by slopes 1 and -1: their sum is 0, and the neurons of it never cut.
    carry = Layer([[1.0, 0.0], [1.0, 0.0]], [0.0, 0.0], [1.0, -1.0], [1.0, -1.0])
    relu = Layer([[1.0, 1.0], [2.0, 2.0]], [1.0, 3.0], [0.0, 0.0], [1.0, 1.0])
    assert bounds.from_weights(Network((carry, relu))) == 1
    assert bounds.from_weights(Network((Layer(carry.weight, carry.bias, [1.0, 1.0], [1.0, 1.0]), relu))) == 3


def test_matrices_too_large_for_ranks_are_taken_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    from regions.bounds import weights

    monkeypatch.setattr(weights, "_LARGEST", 3)
    for seed in range(60):
        network = any_network(seed)
        rough = bounds.from_weights(network)
        assert rough >= regions.count_regions(network, WholePlane())
        with monkeypatch.context() as exact:
            exact.setattr(weights, "_LARGEST", 1 << 20)
            assert bounds.from_weights(network) <= rough


def test_skipped_connections_keep_the_dimension() -> None:
    # A linear unit beside one ReLU carries a coordinate on; the next layer still sees a plane where the ReLU is active.
    one, zero = np.array([1.0, 1.0]), np.array([0.0, 1.0])
    weights = np.array([[1.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
    layers = (
        Layer(np.eye(2), np.zeros(2), zero, one),
        Layer(weights, np.array([-1.0, -1.0, -2.0]), np.zeros(3), np.ones(3)),
    )
    network = Network(layers)
    assert bounds.from_weights(network) == 7 + 4
    table = for_network(network, WholePlane())
    assert table["serra_2018"].value == 11
    assert table["montufar_2017"].value == 14
    assert "montufar_2014_lower" not in {row.name for row in table}


@pytest.mark.parametrize("seed", range(5))
def test_planes_in_larger_input_spaces(seed: int) -> None:
    network = mlp(6, 5, 4, 1, seed=seed)
    rng = np.random.default_rng(seed)
    plane = regions.Slice(*rng.normal(size=(3, 6)), domain=WholePlane())
    table = for_network(network, plane)
    assert table.domain == repr(plane)
    assert table.exact == regions.count_regions(network, plane) <= table.upper == bounds.serra_2018(2, (5, 4))
    complex = regions.enumerate_regions(network, plane)
    assert for_network(network, count=complex).rows == for_network(complex.network, count=complex).rows == table.rows
    with pytest.raises(ValueError, match="leave the domain out"):
        for_network(network, regions.Slice(plane.origin, plane.u, plane.v, domain=1), complex)
    # In the whole input space there may be more.
    assert for_network(network)["serra_2018"].value == bounds.serra_2018(6, (5, 4)) > table.upper


def test_modules_that_take_images() -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(18, 3))
    plane = regions.Slice.through(*torch.rand(3, 1, 5, 5))
    complex = regions.enumerate_regions(model.eval(), plane)
    table = for_network(model, plane)
    assert table.exact == complex.n_regions <= table.upper == bounds.zaslavsky(2, 18)
    assert for_network(model, count=complex).rows == for_network(model, plane, len(complex)).rows == table.rows


def test_a_network_without_neurons() -> None:
    table = for_network(Network.from_arrays([[[1.0, 2.0]]]), WholePlane())
    assert table.exact == table.upper == 1
    assert table.lower is None


def test_large_networks() -> None:
    network = mlp(30, 40, 40, 10)
    table = for_network(network)
    assert table["serra_2018"].value == bounds.from_weights(network) < bounds.montufar_2017(30, (40, 40))
    assert "e+" in repr(table)
    assert all(isinstance(row["value"], int) for row in table.to_dict())


def test_sparse_weights() -> None:
    network = mlp(2, 6, 6, 1)
    assert for_network(sparsely(network)).rows == for_network(network).rows
