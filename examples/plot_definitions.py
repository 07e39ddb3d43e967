"""
Five definitions of a region
============================

One network, its regions by each definition that has a picture: activation regions, open linear regions, closed linear
regions, affine pieces. Equal colours are one region; what is coloured apart is counted apart.
"""

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

import regions
from regions.pictures.plotting import plot_regions

# %%
# The network is y, clamped between -w and w where w = max(0, 1 - abs(x)).

network = regions.Network.from_arrays(
    weights=[
        [[1, 0], [-1, 0], [0, 1], [0, -1]],  # x, -x, y, -y
        [[-1, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],  # w = 1 - |x|, p = max(y, 0), q = max(-y, 0)
        [[0, 1, 0], [-1, 1, 0], [0, 0, 1], [-1, 0, 1]],  # p, p - w, q, q - w
        [[1, -1, -1, 1]],  # min(p, w) - min(q, w)
    ],
    biases=[[0, 0, 0, 0], [1, 0, 0], [0, 0, 0, 0], [0]],
)
complex = regions.enumerate_regions(network, regions.WholePlane())
counts = complex.counts()
print(counts)

# %%
# The same polygons four times. The two half-planes where the network is 0 are two open linear regions. On the
# diagonal of the diamond it is 0 too, which ties them together into one closed linear region. No other two have one
# map, so there are as many affine pieces.

figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(9.6, 9.8), layout="constrained", sharex=True, sharey=True)
pictures = {
    f"{counts.activation_regions} activation regions": range(complex.n_regions),
    f"{counts.open_linear_regions} open linear regions": complex.open_linear_regions,
    f"{counts.closed_linear_regions} closed linear regions": complex.closed_linear_regions,
    f"{counts.affine_pieces} affine pieces": complex.affine_pieces,
}
colors = ListedColormap([*plt.get_cmap("Set3").colors, *plt.get_cmap("Pastel2").colors])
for ax, (title, labels) in zip(axes.flat, pictures.items(), strict=True):
    plot_regions(complex, ax, color=list(labels), cmap=colors, vmin=0, vmax=colors.N - 1, box=2)
    ax.set_title(title)
axes[1, 0].plot([-1, 1], [0, 0], color="crimson", linewidth=3, label="here it is 0 as well")
axes[1, 0].legend(loc="upper right")

# %%
# The fifth definition counts activation patterns, those of edges and vertices included, which have no area to be
# coloured: on the line y = 0, for one, neither y nor -y is active.

print(f"{counts.activation_patterns} activation patterns, {complex.n_regions} of them with an area")
