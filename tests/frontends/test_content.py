"""What a file is, told from its content whatever its name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx_models import model, node

from regions import Network
from regions.errors import FileFormatError
from regions.frontends.content import content_of, read_weights


def kinds(folder):
    """One file of every kind that is read, under a name that says nothing."""
    layer = torch.nn.Linear(2, 1)
    Network.from_arrays([np.eye(2)]).save(folder / "saved.npz")
    np.savez(folder / "plain.npz", W0=np.eye(2))
    np.savez(folder / "state.npz", **{"0.weight": np.eye(2)})
    torch.save(layer.state_dict(), folder / "state")
    torch.save(layer, folder / "model")
    torch.jit.script(layer).save(str(folder / "script"))
    torch.export.save(torch.export.export(layer, (torch.zeros(3, 2),)), folder / "export.pt2")
    onnx.save(model(node("Relu", "x"), ("N", 2)), folder / "graph")
    return {
        "saved.npz": "npz",
        "plain.npz": "npz",
        "state.npz": "weights.npz",
        "state": "weights.pt",
        "model": "",
        "script": "script",
        "export.pt2": "pt2",
        "graph": "onnx",
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_name_has_no_say_in_what_a_file_is(tmp_path):
    for name, kind in kinds(tmp_path).items():
        renamed = tmp_path / f"{name}.bin"
        (tmp_path / name).rename(renamed)
        content = content_of(renamed)
        assert content.kind == kind, name
        assert content.holds_weights == kind.startswith("weights.")
        if content.holds_weights:
            assert any(name.endswith("weight") for name in read_weights(renamed))
        else:
            with pytest.raises(FileFormatError, match="no file of weights alone"):
                read_weights(renamed)
