from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# No deadline: the first example compiles the engine. On CI the examples are the same every time.
settings.register_profile(
    "regions",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("regions")


@pytest.fixture(scope="session")
def compiled() -> None:
    """Fill the cache of compiled kernels, so that no measured call and no child process has to."""
    import regions

    for widths in ((2, 20, 1), (2, 8, 8, 1)):
        network = regions.Network.from_arrays([np.ones((n, m)) for m, n in itertools.pairwise(widths)])
        regions.count_regions(network, 1)
        regions.enumerate_regions(network, 1)
