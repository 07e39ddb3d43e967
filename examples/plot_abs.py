"""
The absolute value as activation
================================

The absolute value has one kink, as ReLU has, but is nowhere constant: no neuron is ever dead. So a deep network keeps
cutting where a ReLU network has become linear.
"""

import matplotlib.pyplot as plt
from torch import nn

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import Abs, DeepMLP, ShallowMLP

# %%
# The same weights with both activations. In a shallow network the regions are the same, for the lines are.

bound = 10
figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(10, 9.6), layout="constrained", sharex=True, sharey=True)
for row, make in zip(axes, (ShallowMLP, DeepMLP), strict=True):
    for ax, activation in zip(row, (nn.ReLU, Abs), strict=True):
        complex = regions.enumerate_regions(make(activation=activation, seed=2), bound)
        plot_regions(complex, ax)
        ax.set_title(f"{make.__name__}, {activation.__name__}: {complex.n_regions} regions")

# %%
# Mean count over ten seeds, the same for both activations.

for make in (ShallowMLP, DeepMLP):
    for activation in (nn.ReLU, Abs):
        counts = [regions.count_regions(make(activation=activation, seed=seed), bound) for seed in range(10)]
        print(f"{make.__name__}, {activation.__name__}: {sum(counts) / len(counts):.1f} regions on average")
