"""Reads a model from a file, without ever unpickling."""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regions._files import read_arrays
from regions.errors import FileFormatError, OptionError, RegionsError
from regions.frontends.content import content_of
from regions.frontends.read import from_onnx
from regions.frontends.state_dict import from_state_dict
from regions.network.network import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load"]

_ALLOWED = (
    "Allowed are .npz files of arrays, ONNX files, torch.export files (.pt2), TorchScript files, and state dicts whose "
    "activation is told."
)


def load(path: str | Path, *, activation: Any = None, likely: int | None = None) -> Network:
    """Read a model from a file; what the file is shows in its content, not in its name.

    Parameters
    ----------
    path : str or Path
        One of

        - an `.npz` file that `Network.save` wrote;
        - an `.npz` file of plain arrays: ``weight_0``, ``bias_0``, ``weight_1``, ... (or ``W0``, ``b0``, ``W1``,
          ...), weights of shape (out, in), biases of shape (out,) and left out where zero; and, if it is not relu,
          ``activation``: "relu", "abs" or "identity", or a pair of slopes (below zero, above zero), or one of these
          for each hidden layer;
        - an ONNX file, which needs the extra `onnx`; see :func:`regions.from_onnx`;
        - a `torch.export` file, written by ``torch.export.save`` with torch 2.8 or newer;
        - a TorchScript file, written by ``torch.jit.save`` or ``ScriptModule.save``;
        - a state dict, with `activation`: of ``torch.save(model.state_dict(), path)``, of safetensors, or of
          ``numpy.savez(path, **state_dict)``; see :func:`regions.from_state_dict`.
    activation : optional
        Of the hidden layers, as :func:`regions.from_state_dict` takes it; for files of weights alone, which do not say
        it.
    likely : int, optional
        A number of inputs to try first where the file does not say it, as with TorchScript.

    Returns
    -------
    Network

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    FileFormatError
        When the file is damaged or of another kind. A pickled model is refused, for it runs code when it is read; a
        state dict without `activation`, for it does not say what to compute.
    CaptureError
        When the model cannot be captured; see :func:`regions.from_torch`.
    InvalidNetworkError
        When the arrays do not describe a network.
    OptionError
        When `activation` is given for a file that says it itself.

    Notes
    -----
    Nothing is unpickled but the tensors of state dicts, with ``weights_only=True``. `torch.export.load` would unpickle,
    so `.pt2` files are parsed here. TorchScript files hold a program in torch's own restricted language, which
    `torch.jit.load` reads and the capture runs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import regions
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.npz"
    ...     np.savez(path, W0=np.eye(2), b0=np.zeros(2), W1=np.ones((1, 2)), activation="abs")
    ...     regions.load(path)
    <Network 2-2-1 with 2 hidden neurons and 9 parameters>
    """
    path = Path(path)
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder; a file is needed. {_ALLOWED} Give the path of one.")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file; a saved model is needed. {_ALLOWED} Check the path.")
    content = content_of(path)
    if content.holds_weights:
        return _of_weights(path, content.what, activation, likely)
    if content.kind == "npz":
        return _load_npz(path, activation)
    if not content.kind:
        do = content.do or "With the model in Python, write one: regions.from_torch(model).save('model.npz')."
        raise FileFormatError(f"{path}: is {content.what}. {_ALLOWED} {do}")
    _refuse_activation(path, content.what, activation)
    if content.kind == "onnx":
        return from_onnx(path)
    if content.kind == "script":
        return _load_script(path, likely)
    with zipfile.ZipFile(path) as archive:
        return _load_pt2(path, archive)


def _of_weights(path: Path, what: str, activation: Any, likely: int | None) -> Network:
    if activation is None:
        raise FileFormatError(
            f"{path}: is {what}, and weights alone do not say what a model computes. {_ALLOWED} Give the activation of "
            "the hidden layers: regions count and regions plot take --layers relu, and in Python "
            "regions.from_state_dict(path, activation='relu') reads the file. Or write the model itself: "
            "regions.from_torch(model).save('model.npz')."
        )
    return from_state_dict(path, activation=activation, likely=likely)


def _refuse_activation(path: Path, what: str, activation: Any) -> None:
    if activation is not None:
        raise OptionError(
            f"{path}: is {what}, which says itself what its activations are, and {activation!r} was given for them; "
            "allowed is that with files of weights alone. Leave the activation out."
        )


def _load_npz(path: Path, activation: Any) -> Network:
    try:
        arrays: dict[str, NDArray[Any]] = read_arrays(path)
    except FileFormatError:
        raise
    except Exception as error:  # numpy parses headers as Python literals: anything can come of damage
        reason = "it holds Python objects" if "pickle" in str(error).lower() else str(error)
        raise FileFormatError(
            f"{path}: could not be read as arrays ({reason}). Allowed are plain arrays of numbers. Save the file "
            "again, e.g. with numpy.savez or regions.Network.save."
        ) from error
    if str(arrays.get("__kind__")) == "regions-complex":
        raise FileFormatError(
            f"{path}: is a saved complex: the regions of a network over one domain, not a model. {_ALLOWED} Read it in "
            "Python with regions.RegionComplex.load(path), which has its n_regions; for other domains save its network "
            "as a model: regions.RegionComplex.load(path).network.save('model.npz')."
        )
    if "__kind__" in arrays:
        _refuse_activation(path, "a saved network", activation)
        return Network.load(path)
    if "activation" in arrays:
        _refuse_activation(path, "a file with an array 'activation'", activation)
    return _from_plain_arrays(path, arrays, activation)


def _from_plain_arrays(path: Path, arrays: dict[str, NDArray[Any]], given: Any) -> Network:
    layout = "weight_0, bias_0, weight_1, ... or W0, b0, W1, ..., and activation"
    found: dict[tuple[str, int], NDArray[Any]] = {}
    for name, array in arrays.items():
        match = re.fullmatch(r"(weight_|bias_|W|b)(\d+)", name)
        if match is None and name != "activation":
            raise FileFormatError(
                f"{path}: holds an array named {name!r}; allowed are {layout}. Rename or remove the array."
            )
        if match is not None:
            found["weight" if match[1] in ("weight_", "W") else "bias", int(match[2])] = array
    count = sum(kind == "weight" for kind, _ in found)
    spare = [f"{kind}_{i}" for kind, i in found if i >= count]
    if count == 0 or spare or len(found) != len(arrays) - ("activation" in arrays):
        what = f"{count} weights" + (f", but also {spare[0]}" if spare else "")
        raise FileFormatError(
            f"{path}: holds {what} ({', '.join(sorted(arrays)) or 'no array'}); allowed are {layout}, numbered from 0 "
            "without gaps. Rename the arrays."
        )
    weights = [found["weight", i] for i in range(count)]
    # A weight that is no matrix is left to the network, which says what is wrong with it.
    biases = [found.get(("bias", i), np.zeros(np.shape(weights[i])[:1] or 1)) for i in range(count)]
    activation = arrays["activation"].tolist() if "activation" in arrays else "relu" if given is None else given
    if isinstance(activation, list):
        pairs = [tuple(a) if isinstance(a, list) else a for a in activation]
        slopes = len(pairs) == 2 and not any(isinstance(a, str | tuple) for a in pairs)
        return Network.from_arrays(weights, biases, activation=tuple(pairs) if slopes else pairs)
    return Network.from_arrays(weights, biases, activation=activation)


def _load_pt2(path: Path, archive: zipfile.ZipFile) -> Network:
    from regions.frontends.torch.capture import read
    from regions.frontends.torch.pt2 import read_pt2

    try:
        module = read_pt2(archive)
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from error
    except RegionsError:
        raise
    except Exception as error:  # the graph's JSON may miss or misspell anything
        raise FileFormatError(
            f"{path}: is a damaged torch.export file ({type(error).__name__}: {error}). {_ALLOWED} Export it again."
        ) from error
    sizes = module.sizes
    if len(sizes) > 2:
        return read(module, None, sizes[0], sizes[1:])[0]
    batch = sizes[0] if len(sizes) == 2 else None
    return read(module, sizes[-1] if sizes else None, batch)[0]


def _load_script(path: Path, likely: int | None) -> Network:
    import torch

    from regions.frontends.torch.capture import read

    with warnings.catch_warnings():
        # TorchScript is deprecated, but its files are around.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            module = torch.jit.load(str(path), map_location="cpu")
        except Exception as error:
            reason = str(error).strip().split("\n", 1)[0]
            raise FileFormatError(
                f"{path}: is a damaged TorchScript file ({reason}). {_ALLOWED} Save it again."
            ) from error
        return read(module, likely=likely)[0]
