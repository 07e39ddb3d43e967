"""
The gradient picture beside the exact regions
=============================================

Differentiate the output on a regular grid, colour the result so that neighbouring values differ: the activation regions
appear. Beside it, the exact regions from the enumeration, coloured by their exact gradients on the same scale; and the
cross-check's verdict on whether the two agree.
"""

import matplotlib.pyplot as plt

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP, ShallowMLP

models = {"shallow 2-20-1": ShallowMLP(seed=1), "deep 2-5-5-5-5-1": DeepMLP(seed=2)}
bound = 10


def compare(name, model):
    """Draw both components of the numerical gradient (left) beside the exact regions (right)."""
    complex = regions.enumerate_regions(model, bound)
    image = regions.gradient_image(model, bound, resolution=500)
    figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(10, 9.6), layout="constrained", sharex=True, sharey=True)
    for component, row in zip("xy", axes, strict=True):
        exact = complex.gradients[:, 0, "xy".index(component)]
        scale = {"vmin": exact.min(), "vmax": exact.max()}
        image.plot(row[0], component, **scale)
        plot_regions(complex, row[1], component=component, **scale)
    figure.suptitle(f"{name} on [-{bound}, {bound}]²: {complex.n_regions} activation regions")
    return complex


# %%
# The shallow network: its regions are the faces of an arrangement of 20 lines.

shallow = compare("shallow 2-20-1", models["shallow 2-20-1"])

# %%
# The deep network: lines bend where they cross those of an earlier layer.

deep = compare("deep 2-5-5-5-5-1", models["deep 2-5-5-5-5-1"])

# %%
# Does every pixel inside a region show that region's gradient? Are there as many flat patches as the exact regions
# predict? And which regions does the picture miss?

for complex in (shallow, deep):
    print(regions.cross_check(complex, resolution=500).summary())

# %%
# A finer grid shows more of them.

for resolution in (100, 200, 400, 800):
    result = regions.cross_check(shallow, resolution)
    print(f"{resolution:4d}: {len(result.visible)} of {result.n_regions} regions visible, passed: {result.passed}")
