"""Many networks, or one in training: comparisons, reports, tracking, the networks of the examples.

It may import every room but `regions.testing`; only the doors import it.
"""
