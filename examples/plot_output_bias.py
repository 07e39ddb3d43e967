"""
The output bias moves no region
===============================

No neuron comes after the output, so its bias adds a constant and nothing else: the regions, their patterns and
gradients stay. What moves are the level sets of the output, such as the decision boundary {f = 0}.
"""

import matplotlib.pyplot as plt
import numpy as np

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP, set_output_bias

# %%
model, bound = DeepMLP(seed=2), 10
low, high = np.quantile(regions.gradient_image(model, bound, 100).values, [0.25, 0.4])
start = model.layers[-1].bias.item()

figure, axes = plt.subplots(ncols=3, figsize=(13, 4.6), layout="constrained", sharey=True)
complexes = []
for ax, shift in zip(axes, (0.0, -low, -high), strict=True):
    set_output_bias(model, start + shift)
    complexes.append(regions.enumerate_regions(model, bound))
    plot_regions(complexes[-1], ax, color="pattern", cmap="Pastel1")
    image = regions.gradient_image(model, bound, 300)
    if image.values.min() < 0 < image.values.max():
        ax.contour(image.x, image.y, image.values, levels=[0.0], colors="crimson", linewidths=2)
    ax.set_title(f"bias {start + shift:.3f}: {complexes[-1].n_regions} regions")
figure.suptitle("activation regions (colour: active neurons) and decision boundary f = 0 (red)")

# %%
# The same regions, exactly.

first = complexes[0]
for other in complexes[1:]:
    print(
        "same vertices:",
        np.array_equal(first.vertices, other.vertices),
        "- same patterns:",
        np.array_equal(first.patterns, other.patterns),
        "- same gradients:",
        np.array_equal(first.gradients, other.gradients),
        "- same offsets:",
        np.array_equal(first.offsets, other.offsets),
    )
