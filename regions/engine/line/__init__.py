"""The engine in one dimension: a line cut into intervals, and roots that are rounded once.

It may import what stands below the engine, never the engine of the plane.
"""
