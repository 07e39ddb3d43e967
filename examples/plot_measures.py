"""
Measures of the regions
=======================

One deep network, its regions coloured by what :mod:`regions.measures` says of them: how large they are, what fits into
them, how many sides they have, how steep the network is there.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import BoundaryNorm

import regions
from regions import measures
from regions.pictures.plotting import draw_image, plot_regions
from regions.study.models import DeepMLP

complex = regions.enumerate_regions(DeepMLP(seed=7), 6)
sides = measures.side_counts(complex)

# %%
# Region by region. Area and inradius are on a logarithmic scale.

figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(11, 9.6), layout="constrained", sharex=True, sharey=True)
pictures = {
    "log₁₀ of the area": (np.log10(complex.areas), "viridis"),
    "log₁₀ of the inradius": (np.log10(measures.inradii(complex)), "viridis"),
    "number of sides": (sides, plt.get_cmap("YlGnBu", sides.max() - 2)),
    "length of the gradient": (measures.gradient_norms(complex), "magma"),
}
for ax, (title, (values, cmap)) in zip(axes.flat, pictures.items(), strict=True):
    plot_regions(complex, ax, color=values, cmap=cmap)
    drawn = ax.collections[-1]
    if values is sides:
        drawn.set_norm(BoundaryNorm(np.arange(2.5, sides.max() + 1), sides.max() - 2))
    figure.colorbar(drawn, ax=ax, ticks=np.arange(3, sides.max() + 1) if values is sides else None)
    ax.set_title(title)

# %%
# Around every point of a grid: how far the nearest boundary is, and how many regions a disc reaches into.

axis = np.linspace(-6, 6, 121)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(ncols=2, figsize=(11, 4.8), layout="constrained", sharex=True, sharey=True)
around = {
    "distance to the nearest boundary": measures.boundary_distances(complex, grid),
    "local complexity, radius 1/2": measures.local_complexity(complex, grid, 0.5),
}
for ax, (title, values) in zip(axes, around.items(), strict=True):
    draw_image(values.reshape(121, 121), (-6.05, 6.05, -6.05, 6.05), ax, title=title, colorbar=True)

# %%
# All areas together, and single numbers for the whole network.

areas = measures.area_distribution(complex)
figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
ax.stairs(areas.counts, areas.bin_edges, fill=True, color="steelblue")
ax.axvline(areas.median, color="crimson", label=f"median {areas.median:.2g}")
ax.set(xscale="log", xlabel="area", ylabel="regions", title=f"Areas of {areas.n_regions} regions")
ax.legend()

states = measures.neuron_states(complex)
constant = measures.lipschitz_constant(complex)
print(areas)
print(f"Boundary length {measures.boundary_length(complex):.4g}, per area {measures.boundary_density(complex):.4g}")
print(f"Lipschitz constant {constant.value:.6g}, attained on region {constant.region}")
print(f"Dual graph: diameter {measures.diameter(complex)}, mean degree {measures.degrees(complex).mean():.3g}")
print(f"Neurons: {int(states.dead.sum())} dead, {int(states.always_on.sum())} always on, of {len(states.active)}")
