from __future__ import annotations

import nets
import pytest

import regions


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Fill the cache of compiled kernels, so that no measured call and no child process has to."""
    for widths in ((2, 20, 1), (2, 8, 8, 1)):
        regions.count_regions(nets.network(widths), nets.BOUND)
        regions.enumerate_regions(nets.network(widths), nets.BOUND)
