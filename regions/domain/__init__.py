"""Where to look: convex polygons, polygons of any shape, polyhedra, the whole plane, slices of larger input spaces.

It may import `regions.network` and what stands below that, never a front end, the engine or a result.
"""
