from __future__ import annotations

import os

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
