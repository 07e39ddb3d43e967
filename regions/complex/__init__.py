"""The result: the polyhedral complex of a network's activation regions, and what is read off it.

It may import the engine and what stands below it, never what makes complexes or draws, measures and compares them.
"""
