"""Many networks, or one in training: comparisons, reports, tracking, the networks of the examples.

It may import the rooms below it, never `regions.testing`; only the doors import it.
"""
