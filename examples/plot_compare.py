"""
Many networks compared
======================

One network of each kind says little: the number of regions varies from seed to seed. :func:`regions.compare` counts
many, exactly, and sums up.
"""

import matplotlib.pyplot as plt

import regions
from regions.study.comparison import equal_parameters, n_parameters, plot_bounds, plot_distribution, plot_growth

# %%
# The shallow network 2-20-1 and the deep 2-5-5-5-5-1 have 20 neurons each, but the deep one has more parameters. So a
# shallow one of about as many parameters stands beside them.

wide = equal_parameters((2, 5, 5, 5, 5, 1), depth=1)
print(f"{wide}: {n_parameters(wide)} parameters; the deep network has {n_parameters((2, 5, 5, 5, 5, 1))}.")
kinds = {"shallow 2-20-1": (2, 20, 1), "deep 2-5-5-5-5-1": (2, 5, 5, 5, 5, 1), "shallow 2-27-1": wide}
found = regions.compare(kinds, 10, seeds=range(10), resolution=200)
print(found)
ratio = found.ratio("deep 2-5-5-5-5-1", "shallow 2-20-1")
print("deep / shallow 2-20-1: {:.2f}, 95% interval {:.2f} to {:.2f}".format(ratio.estimate, *ratio.interval))

# %%
# Above, the count of every seed with mean and confidence interval, and the same beside what the picture method finds
# and the theorems' bounds. Below, growth with the number of neurons and with the depth, over a square so large that it
# holds nearly all there is: among networks of equally many neurons the deep and narrow ones have the fewest regions.

sizes = [(2, *[width] * depth, 1) for depth in (1, 2, 4, 8) for width in (5, 10, 20, 40)]
growth = regions.compare(sizes, 1000, seeds=range(5))
figure, axes = plt.subplots(2, 2, figsize=(12, 9.4), layout="constrained")
plot_distribution(found, axes[0, 0])
plot_bounds(found, axes[0, 1])
plot_growth(growth, axes[1, 0], by="neurons")
plot_growth(growth, axes[1, 1], by="depth")

# %%
# The initialisation matters more than the depth: without biases all borders are rays from the origin, and 20 lines
# through one point make 40 regions.

starts = ("torch", "he", "he_normal_biases", "orthogonal")
initialised = regions.compare(
    {"shallow": (2, 20, 1), "deep": (2, 5, 5, 5, 5, 1)}, 10, seeds=range(20), initialisations=starts
)
print(initialised)
figure, ax = plt.subplots(figsize=(10, 4.4), layout="constrained")
plot_distribution(initialised, ax)
