"""What front ends share: exact affine values, the pieces they are made of, and the layers that compute them.

Here too is what they decide alike: how operations act on values (`reader`), what is refused and in which words
(`refusals`), and the comparison with what was read (`verify`).
It may import what stands below the front ends, never a front end: no torch, no onnx.
"""
