"""Exact activation regions of piecewise-linear neural networks in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regions import _interrupts  # noqa: F401  # The first of all: see there.
from regions._version import __version__
from regions.complex.complex import Region, RegionComplex
from regions.complex.data import Certificate
from regions.complex.definitions import RegionCounts
from regions.domain.convex import Box, ConvexPolygon
from regions.domain.polygon import Polygon
from regions.domain.polyhedron import Polyhedron, WholePlane
from regions.domain.slice import Slice
from regions.enumeration.enumerate import count_regions, enumerate_regions
from regions.enumeration.segment import enumerate_segment, enumerate_trajectory
from regions.enumeration.zoom import zoom_out
from regions.errors import RegionsError
from regions.frontends.read import from_sklearn, from_torch
from regions.network.network import Layer, Network
from regions.pictures.cross_check import CrossCheck, cross_check
from regions.pictures.gradient_image import GradientImage, gradient_image

if TYPE_CHECKING:
    from regions.enumeration.plain import enumerate_with_shapely
    from regions.frontends.onnx.read import from_onnx
    from regions.frontends.state_dict import from_state_dict
    from regions.study.comparison import compare
    from regions.study.tracking import track

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
    "track",
    "zoom_out",
]

# Loaded when first asked for: they bring shapely and onnx. No module may bear the name of a function that is loaded so,
# since importing the module would hide the function.
_LATER = {
    "compare": "regions.study.comparison",
    "enumerate_with_shapely": "regions.enumeration.plain",
    "from_onnx": "regions.frontends.onnx.read",
    "from_state_dict": "regions.frontends.state_dict",
    "track": "regions.study.tracking",
}


# Modules that can be reached as `regions.bounds` without an import of their own.
_MODULES = {
    "bounds": "regions.bounds",
    "comparison": "regions.study.comparison",
    "exports": "regions.complex.exports",
    "measures": "regions.measures",
    "models": "regions.study.models",
    "plotting": "regions.pictures.plotting",
    "report": "regions.study.report",
    "softmax": "regions.pictures.softmax",
    "testing": "regions.testing",
    "tracking": "regions.study.tracking",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES:
        return import_module(_MODULES[name])
    raise AttributeError(f"module 'regions' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
