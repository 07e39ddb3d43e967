"""
Folding: as many regions as a theorem promises
==============================================

Montúfar, Pascanu, Cho & Bengio (2014) showed that depth multiplies regions: a layer can fold the square onto a smaller
one, and what later layers draw there appears in every part that was folded. ``regions.bounds`` makes their network.
"""

import matplotlib.pyplot as plt

import regions
from regions import bounds
from regions.pictures.plotting import plot_regions

square = regions.Box(0, 0, 1, 1)

# %%
# Two layers that fold both axes in three make 3 · 3 squares of every square: 81. Two layers that fold in two, and then
# 4 generic lines, make 16 copies of 11 parts: 176.

thrice = bounds.montufar_folding(p=3, layers=2)
twice = bounds.montufar_folding(p=2, layers=2, final=4)

figure, axes = plt.subplots(ncols=2, figsize=(11, 5.4), layout="constrained")
for ax, network in zip(axes, (thrice, twice), strict=True):
    complex = regions.enumerate_regions(network, square)
    plot_regions(complex, ax)
    widths = "-".join(map(str, network.widths))
    ax.set_title(f"{widths}: {complex.n_regions} activation regions in the unit square")
    print(f"{widths}: {complex.n_regions} regions")

# %%
# What the theorems say of these widths, and where the number of this network is. A lower bound speaks of the best
# network of these widths, an upper bound of every one.

print(bounds.for_network(twice, square))

# %%
# With one neuron for each axis that looks the other way, a layer folds once more (Serra, Tjandraatmadja & Ramalingam
# 2018), so the same number of neurons makes more regions.

for layers in (1, 2):
    counts = [
        regions.count_regions(fold(p=3, layers=layers, final=6), square)
        for fold in (bounds.montufar_folding, bounds.serra_folding)
    ]
    print(f"{layers} folding layer(s) of 6 neurons, then 6 lines: {counts[0]} and {counts[1]} regions")
