"""What front ends share: exact affine values, the pieces they are made of, and the layers that compute them.

It may import what stands below the front ends, never a front end: no torch, no onnx.
"""
