"""
Regions while a network learns
==============================

A small network learns to tell two spirals apart. :func:`regions.track` records how many activation regions it has, and
what they are like, while it does.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import regions
from regions.measures import decision_boundary
from regions.pictures.plotting import plot_lines, plot_regions

# %%
# Two spirals of 150 points each.

rng = np.random.default_rng(0)
t = np.sqrt(rng.uniform(0.05, 1, 150))
arm = t[:, None] * np.column_stack([np.cos(7 * t), np.sin(7 * t)]) + 0.02 * rng.normal(size=(150, 2))
points = np.concatenate([arm, -arm])
labels = np.repeat([0, 1], 150)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

# %%
# The loop is a plain one; the tracker is made before it and called in it.

tracker = regions.track(
    model,
    1.2,
    ["boundary_density", "occupied_regions", "mean_boundary_distance", "shared_fraction"],
    every=25,
    points=points,
    keep=True,
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
inputs, targets = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
for step in range(1001):
    loss = nn.functional.cross_entropy(model(inputs), targets)
    tracker(step, loss=loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# The table, as plain lists.

for name, column in tracker.table.items():
    print(name, [column[row] if column[row] is None else round(column[row], 3) for row in (0, 8, 40)])

# %%
# How it goes on: at first two thirds of the regions are lost, while the network learns where to turn; then boundaries
# gather around the points. `shared_fraction` is the part of the area whose activation pattern is that of the record
# before.

columns = ["activation_regions", "occupied_regions", "mean_boundary_distance", "shared_fraction", "loss"]
tracker.plot(columns).suptitle("Two spirals, 2-16-16-2")

# %%
# The regions themselves, with the decision boundary in black and the points of the two spirals.

steps = [0, 100, 200, 400, 700, 1000]
figure, axes = plt.subplots(nrows=2, ncols=3, figsize=(11, 7.8), layout="constrained", sharex=True, sharey=True)
for ax, step in zip(axes.flat, steps, strict=True):
    complex = tracker.complexes[tracker.table["step"].index(step)]
    plot_regions(complex, ax, color="random", cmap="Pastel1")
    plot_lines(decision_boundary(complex).lines, ax, color="black", linewidth=2)
    ax.scatter(*points.T, c=labels, cmap="coolwarm", s=5, zorder=3)
    ax.set_title(f"step {step}: {complex.n_regions} activation regions")
plt.show()
