"""What is drawn: regions and outputs, the gradient image and its cross-check with the complex, softmax figures.

It may import measures and bounds and what stands below them, never a study.
"""
