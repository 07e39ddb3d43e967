"""ONNX files, read as exact networks.

It may import `regions.frontends.layers` and `regions.frontends.content` and what stands below the front ends, never
another front end.
"""
