"""
How far must one zoom out to see all the structure?
===================================================

As far as the outermost vertex: beyond it, regions are divided by rays that do not meet again. The complex knows its
vertices, so the answer is exact, provided that the domain is large enough to hold them all.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

import regions
from regions.models import DeepMLP, ShallowMLP
from regions.plotting import plot_regions

models = {"shallow 2-20-1": ShallowMLP(seed=1), "deep 2-5-5-5-5-1": DeepMLP(seed=2)}

# %%
# Enumerate over ever larger squares. When a larger one adds no region, and every vertex stays inside, all is seen.

extents = {}
for name, model in models.items():
    for exponent in range(1, 9):
        complex_ = regions.enumerate_regions(model, 10.0**exponent)
        extent = complex_.extent
        reach = "none" if extent is None else f"{max(map(abs, extent)):.6g}"
        print(f"{name}: {complex_.n_regions:4d} regions in [-1e{exponent}, 1e{exponent}]², outermost vertex at {reach}")
    extents[name] = extent

# %%
# The square that just holds all vertices, in red, and the regions a little beyond it.

figure, axes = plt.subplots(ncols=2, figsize=(11, 5.4), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    minx, miny, maxx, maxy = extents[name]
    margin = 0.2 * max(maxx - minx, maxy - miny)
    domain = regions.Box(minx - margin, miny - margin, maxx + margin, maxy + margin)
    complex_ = regions.enumerate_regions(model, domain)
    plot_regions(complex_, ax)
    ax.add_patch(Rectangle((minx, miny), maxx - minx, maxy - miny, fill=False, color="crimson", lw=2))
    ax.set_title(f"{name}: {complex_.n_regions} regions, all vertices in the red box")
