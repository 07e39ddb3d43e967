"""Exact activation regions of piecewise-linear neural networks in the plane.

This is the door: every name is loaded from its room when it is first asked for, so that the import stays light. What is
loaded from where is said in ``__init__.pyi``, which type checkers and editors read too.
"""

from __future__ import annotations

import lazy_loader

from regions import _interrupts  # The first of all: see there.
from regions._version import __version__

_load, __dir__, _ = lazy_loader.attach_stub(__name__, __file__)
# An import that is broken off leaves modules behind that work no more.
__getattr__ = _interrupts.interruptible(_load)

__all__ = [
    "Box",
    "Certificate",
    "ConvexPolygon",
    "CrossCheck",
    "GradientImage",
    "Layer",
    "Network",
    "Polygon",
    "Polyhedron",
    "Region",
    "RegionComplex",
    "RegionCounts",
    "RegionsError",
    "Slice",
    "WholePlane",
    "__version__",
    "compare",
    "count_regions",
    "cross_check",
    "enumerate_regions",
    "enumerate_segment",
    "enumerate_trajectory",
    "enumerate_with_shapely",
    "from_onnx",
    "from_sklearn",
    "from_state_dict",
    "from_torch",
    "gradient_image",
    "load",
    "track",
    "zoom_out",
]
