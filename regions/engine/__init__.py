"""The engine: cuts a domain into the faces of a network's polyhedral complex. It sees arrays only.

It may import `regions.arithmetic`, `regions.network` and `regions.domain`, never a model or a result.
"""
