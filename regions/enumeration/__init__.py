"""From a model and a domain to results: parts, seams, stitching, counting, executors, lines, the plain method.

It may import `regions.complex` and what stands below it, never what measures, draws or compares results.
"""
