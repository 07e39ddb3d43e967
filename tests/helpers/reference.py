"""The slow exact reference, by the name that tests know it by."""

from regions.testing.reference import *  # noqa: F403
from regions.testing.reference import (  # noqa: F401
    Point,
    halves,
    homogeneous,
    inside_rings,
    line_through,
    overlap,
    reference_pieces,
    value,
)
