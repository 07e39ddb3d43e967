from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from regions import Layer, Network
from regions.errors import FileFormatError, InvalidNetworkError
from regions.frontends.read import as_network


def small() -> Network:
    return Network.from_arrays([[[1.0, -2.0], [0.5, 1.0]], [[1.0, 3.0]]], [[0.0, 0.25], [-1.0]])


def test_evaluation_is_the_formula() -> None:
    network = small()
    points = np.random.default_rng(0).normal(size=(100, 2))
    hidden = np.maximum(points @ np.array([[1.0, -2.0], [0.5, 1.0]]).T + [0.0, 0.25], 0)
    np.testing.assert_array_equal(network(points), hidden @ np.array([[1.0], [3.0]]) - 1.0)
    np.testing.assert_array_equal(network.patterns(points), hidden > 0)


def test_exact_evaluation_agrees_with_floats_on_dyadic_points() -> None:
    network = small()
    for point in np.random.default_rng(1).integers(-8, 9, size=(50, 2)) / 4:
        outputs, pattern = network.evaluate_exact(point.tolist())
        assert [float(o) for o in outputs] == network(point[None])[0].tolist()
        assert pattern == network.patterns(point[None])[0].tolist()


def test_exact_evaluation_takes_fractions() -> None:
    outputs, pattern = small().evaluate_exact([Fraction(1, 3), Fraction(1, 7)])
    assert outputs == [Fraction(1, 3) - Fraction(2, 7) + 3 * (Fraction(1, 6) + Fraction(1, 7) + Fraction(1, 4)) - 1]
    assert pattern == [True, True]


@pytest.mark.parametrize(
    ("activation", "expected"), [("relu", 0.0), ("abs", 2.0), ("identity", -2.0), ((0.5, 2), -1.0)]
)
def test_activations(activation: object, expected: float) -> None:
    network = Network.from_arrays([[[1.0]], [[1.0]]], activation=activation)
    assert network([[-2.0]]).item() == expected


def test_one_activation_a_layer() -> None:
    network = Network.from_arrays([[[1.0]], [[1.0]], [[1.0]]], activation=["abs", (0.0, 3.0)])
    assert network([[-2.0]]).item() == 6.0
    assert network.n_neurons == 2


def test_linear_units_are_no_neurons() -> None:
    network = Network((Layer([[1.0, 0], [0, 1.0]], [0, 0], below=[1.0, 0.0], above=[1.0, 1.0]),))
    assert network.n_neurons == 1
    assert network.neuron_units.tolist() == [[0, 1]]
    assert network.patterns([[1.0, -1.0]]).tolist() == [[False]]


def test_float32_and_integers_are_read_exactly() -> None:
    weight = np.array([[0.1, 0.2]], dtype=np.float32)
    network = Network.from_arrays([weight, np.array([[3]])])
    assert network.layers[0].weight[0, 0] == float(np.float32(0.1))
    assert Fraction(float(network.layers[0].weight[0, 1])) == Fraction(float(np.float32(0.2)))
    assert network.layers[1].weight[0, 0] == 3.0


def test_arrays_cannot_be_changed_afterwards() -> None:
    network = small()
    with pytest.raises(ValueError, match="read-only"):
        network.layers[0].weight[0, 0] = 5


def test_caller_keeps_its_array_writeable() -> None:
    weight = np.ones((1, 2))
    network = Network.from_arrays([weight])
    weight[0, 0] = 7.0
    assert network.layers[0].weight[0, 0] == 1.0


@pytest.mark.parametrize(
    ("weights", "biases", "activation", "message"),
    [
        ([], None, "relu", "at least one matrix"),
        ([[[1.0, np.nan]]], None, "relu", r"entry \(0, 1\) is nan"),
        ([[[1.0, np.inf]]], None, "relu", "must be finite"),
        ([[[1.0]]], [[np.inf]], "relu", "must be finite"),
        ([[1.0, 2.0]], None, "relu", r"weights\[0\].*2 dimension"),
        ([[[1.0, 2.0]], [[1.0, 2.0]]], None, "relu", "takes 2 inputs, but layer 0 gives 1"),
        ([[[1.0]]], [[1.0], [2.0]], "relu", "one bias a weight"),
        ([[[1.0]]], [[1.0, 2.0]], "relu", r"bias of shape \(2,\)"),
        ([[[1.0]], [[1.0]]], None, "gelu", "'gelu' was given; allowed are"),
        ([[[1.0]], [[1.0]]], None, ["relu", "relu"], "2 activations were given for 1"),
        ([[[1.0]], [[1.0]]], None, (np.nan, 1.0), "must be finite"),
        ([[[1j]]], None, "relu", "dtype complex"),
        ([[["a"]]], None, "relu", "dtype <U1"),
        ([[[2**53 + 1]]], None, "relu", "beyond 2\\*\\*53"),
        ([np.zeros((0, 2))], None, "relu", "at least one output"),
        ([[[1.0], [1.0, 2.0]]], None, "relu", "could not be read as an array"),
    ],
)
def test_wrong_input(weights: list, biases: list | None, activation: object, message: str) -> None:
    with pytest.raises(InvalidNetworkError, match=message):
        Network.from_arrays(weights, biases, activation)


def test_wrong_points() -> None:
    with pytest.raises(InvalidNetworkError, match=r"\(P, 2\)"):
        small()([[1.0, 2.0, 3.0]])
    with pytest.raises(InvalidNetworkError, match="needs 2"):
        small().evaluate_exact([1])


def test_no_layers() -> None:
    with pytest.raises(InvalidNetworkError, match="no layers"):
        Network(())


def test_as_network_takes_a_network_as_it_is() -> None:
    network = small()
    assert as_network(network) is network
    with pytest.raises(TypeError, match="list was given; allowed are"):
        as_network([1, 2])


def test_save_and_load(tmp_path) -> None:
    network = Network.from_arrays([np.eye(2), np.ones((1, 2))], activation=(0.1, 1.0))
    network.save(tmp_path / "network")
    loaded = Network.load(tmp_path / "network.npz")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in network.layers]
    for a, b in zip(loaded.layers, network.layers, strict=True):
        for name in ("weight", "bias", "below", "above"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_load_refuses_what_it_did_not_write(tmp_path) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match="damaged or foreign"):
        Network.load(path)
    path.write_bytes(b"PK\x03\x04 not a zip")
    with pytest.raises(FileFormatError, match="damaged or foreign"):
        Network.load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(FileFormatError, match="holds kind 'none'"):
        Network.load(path)
    np.savez(path, __kind__="regions-network", __version__=1, n_layers=1)
    with pytest.raises(FileFormatError, match="cannot be read"):
        Network.load(path)
    np.savez(path, __kind__="regions-network", __version__=99, n_layers=1)
    with pytest.raises(FileFormatError, match="version 99"):
        Network.load(path)
    np.savez(path, a=np.array([object()]), allow_pickle=True)
    with pytest.raises(FileFormatError, match="damaged or foreign"):
        Network.load(path)
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "absent.npz")


def test_repr_is_a_sentence() -> None:
    assert repr(small()) == "<Network 2-2-1 with 2 hidden neurons and 9 parameters>"
