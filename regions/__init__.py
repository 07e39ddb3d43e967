"""Exact activation regions of piecewise-linear neural networks in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regions import _interrupts  # noqa: F401  # The first of all: see there.
from regions._version import __version__
from regions.complex import Certificate, Region, RegionComplex
from regions.counts import RegionCounts
from regions.cross_check import CrossCheck, cross_check
from regions.domain import Box, ConvexPolygon
from regions.enumeration import count_regions, enumerate_regions
from regions.errors import RegionsError
from regions.gradient_image import GradientImage, gradient_image
from regions.network import Layer, Network
from regions.polygon import Polygon
from regions.polyhedron import Polyhedron, WholePlane
from regions.segment import enumerate_segment, enumerate_trajectory
from regions.slices import Slice
from regions.zoom import zoom_out

if TYPE_CHECKING:
    from regions.comparison import compare
    from regions.frontends.onnx import from_onnx
    from regions.frontends.state_dict import from_state_dict
    from regions.shapely_method import enumerate_with_shapely
    from regions.tracking import track

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
    "from_state_dict",
    "gradient_image",
    "track",
    "zoom_out",
]

# Loaded when first asked for: they bring shapely and onnx. No module may bear the name of a function that is loaded so,
# since importing the module would hide the function.
_LATER = {
    "compare": "regions.comparison",
    "enumerate_with_shapely": "regions.shapely_method",
    "from_onnx": "regions.frontends.onnx",
    "from_state_dict": "regions.frontends.state_dict",
    "track": "regions.tracking",
}


# Modules that can be reached as `regions.bounds` without an import of their own.
_MODULES = (
    "bounds",
    "comparison",
    "exports",
    "measures",
    "models",
    "plotting",
    "report",
    "softmax",
    "testing",
    "tracking",
)


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    if name in _MODULES:
        return import_module(f"regions.{name}")
    raise AttributeError(f"module 'regions' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
