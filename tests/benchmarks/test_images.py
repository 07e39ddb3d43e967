"""Networks on images of 28 × 28 and 32 × 32 pixels, on a plane through three of them."""

from __future__ import annotations

import images
import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.usefixtures("compiled")]


@pytest.mark.parametrize("max_memory", [None, 300_000_000], ids=["default memory", "300 MB"])
@pytest.mark.parametrize("name", images.IMAGES)
def test_slices_of_image_space(benchmark, name: str, max_memory: int | None) -> None:
    found = []
    # The time that counts is the one in it: the whole call starts a process.
    benchmark.pedantic(lambda: found.append(images.run(name, max_memory)), rounds=1)
    benchmark.extra_info |= found[0]
