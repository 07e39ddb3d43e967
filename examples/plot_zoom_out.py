"""
How far must one zoom out to see all the structure?
===================================================

As far as the outermost vertex: beyond it, regions are divided by rays that do not meet again. `zoom_out` enumerates the
network over the whole plane, where a ray ends in a point at infinity, so every vertex is found however far out it lies;
the extent of them all is computed in rationals and rounded once. Counted are activation regions.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP, ShallowMLP

models = {"shallow 2-20-1": ShallowMLP(seed=1), "deep 2-5-5-5-5-1": DeepMLP(seed=2)}

# %%
# Ever larger squares hold ever more activation regions, until the outermost vertex is inside.

extents = {}
for name, model in models.items():
    everything = regions.zoom_out(model)
    for bound in (10, 100, 1000, 1.01 * everything.farthest):
        print(f"{name}: {regions.count_regions(model, bound):4d} in the square of bound {bound:.6g}")
    print(f"{name}: {everything.n_regions:4d} in the whole plane, outermost vertex at {everything.farthest:.6g}")
    extents[name] = everything.extent

# %%
# The square that just holds all vertices, in red, and the regions a little beyond it.

figure, axes = plt.subplots(ncols=2, figsize=(11, 5.4), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    minx, miny, maxx, maxy = extents[name]
    margin = 0.2 * max(maxx - minx, maxy - miny)
    domain = regions.Box(minx - margin, miny - margin, maxx + margin, maxy + margin)
    complex = regions.enumerate_regions(model, domain)
    plot_regions(complex, ax)
    ax.add_patch(Rectangle((minx, miny), maxx - minx, maxy - miny, fill=False, color="crimson", lw=2))
    ax.set_title(f"{name}: {complex.n_regions} activation regions, red: all vertices")
