"""
A shallow and a deep network
============================

Both have 20 hidden neurons: 2-20-1 with 81 parameters, 2-5-5-5-5-1 with 111. Their outputs over three squares: seen
from far away, only the part that is linear along each ray remains.
"""

import matplotlib.pyplot as plt

import regions
from regions.pictures.gradient_image import plot_output
from regions.study.models import DeepMLP, ShallowMLP

# %%
models = {"shallow 2-20-1": ShallowMLP(seed=1), "deep 2-5-5-5-5-1": DeepMLP(seed=2)}
for name, model in models.items():
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters")

# %%
# The output on a regular grid, for bounds 10, 100 and 1000.

bounds = (10, 100, 1000)
figure, axes = plt.subplots(nrows=2, ncols=3, figsize=(13, 7.4), layout="constrained")
for (name, model), row in zip(models.items(), axes, strict=True):
    for bound, ax in zip(bounds, row, strict=True):
        plot_output(model, bound, 200, ax)
        ax.set_title(f"{name}, [-{bound}, {bound}]²")

# %%
# The exact number of activation regions in each square; for 20 lines in the plane the most is 1 + 20 + 20·19/2 = 211.

for name, model in models.items():
    counts = {bound: regions.count_regions(model, bound) for bound in bounds}
    print(f"{name}: " + ", ".join(f"{count} in [-{bound}, {bound}]²" for bound, count in counts.items()))
