"""
Along a line, and along a path
==============================

What a network does on a line is exact as well, in an input space of any dimension: every breakpoint, in its exact
order, with the slope in between. Here the inputs are two numbers, so that the line can be drawn beside its regions.
"""

import matplotlib.pyplot as plt
import numpy as np

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP

model = DeepMLP(seed=3)
p, q = np.array([-4.0, -3.0]), np.array([4.0, 3.5])
pieces = regions.enumerate_segment(model, p, q)
print(pieces)
print(pieces.counts())

# %%
# The line across the regions (left), and the network along it (right): a straight piece between two breakpoints each.

figure, (left, right) = plt.subplots(ncols=2, figsize=(11.5, 5), layout="constrained")
plot_regions(regions.enumerate_regions(model, 5), left, color="random", cmap="Pastel1")
crossings = p + np.outer(pieces.breakpoints, q - p)
left.plot(*np.stack([p, q]).T, color="black")
left.plot(*crossings.T, "o", color="crimson", markersize=5)
left.set_title(f"{len(pieces)} pieces of a segment")

ends = np.concatenate([[0.0], pieces.breakpoints, [1.0]])
for start, end, slope, intercept in zip(ends[:-1], ends[1:], pieces.slopes[:, 0], pieces.intercepts[:, 0], strict=True):
    t = np.array([start, end])
    right.plot(t, slope * t + intercept, linewidth=2.5)
heights = pieces.slopes[1:, 0] * pieces.breakpoints + pieces.intercepts[1:, 0]
right.plot(pieces.breakpoints, heights, "o", color="crimson", markersize=5, label="breakpoints")
right.set(xlabel="t, from the start (0) to the end (1) of the segment", ylabel="output")
right.legend()

# %%
# A trajectory is a path of many points. Here it is a circle of 60 legs; every change of an activation pattern on its
# way is a transition (Raghu et al. 2017, "On the expressive power of deep neural networks").

angle = np.linspace(0, 2 * np.pi, 61)
circle = 3.5 * np.column_stack([np.cos(angle), np.sin(angle)])
trajectory = regions.enumerate_trajectory(model, circle)
print(trajectory)

figure, ax = plt.subplots(figsize=(6.2, 6), layout="constrained")
plot_regions(regions.enumerate_regions(model, 5), ax, color="random", cmap="Pastel1")
ax.plot(*circle.T, color="black", linewidth=1.5)
legs = trajectory.transitions.astype(int)
part = (trajectory.transitions - legs)[:, None]
changes = circle[legs] + part * (circle[(legs + 1) % len(circle)] - circle[legs])
ax.plot(*changes.T, "o", color="crimson", markersize=5)
ax.set_title(f"{len(changes)} transitions along a circle")
plt.show()
