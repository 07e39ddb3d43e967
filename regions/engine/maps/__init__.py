"""The affine maps of faces through a layer: dense, sparse, and folded for counting.

It sees arrays only. It may import what stands below the engine and the engine's kernels, never the loop that cuts.
"""
