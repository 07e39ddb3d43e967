"""
The whole plane, a cone, a polygon with a hole
==============================================

A region of a network may have no end, and a domain need not be a box. One and the same shallow network, 2-20-1, over
all of R², over a cone, over a polygon with a hole, and a zoom on the whole plane. Counted are activation regions: the
largest connected open sets on which no neuron changes between active and inactive.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import ShallowMLP

# %%
# The whole plane first. The regions of a shallow network are the faces of an arrangement of lines, and n lines in
# general position divide the plane into 1 + n + n(n - 1)/2 faces, 2n of which are unbounded (Steiner 1826): no box has
# to be chosen that is large enough to see them all.

model, n = ShallowMLP(seed=1), 20
plane = regions.enumerate_regions(model, regions.WholePlane())
print(f"{plane.n_regions} activation regions; the formula says {1 + n + n * (n - 1) // 2}")
print(f"{(~plane.bounded).sum()} of them are unbounded; the formula says {2 * n}")
print("all vertices lie in [{0:.6g}, {2:.6g}] × [{1:.6g}, {3:.6g}]".format(*plane.extent))

# %%
# A cone is an intersection of two half-planes, normals @ x <= offsets: here abs(x₁) <= x₂ + 2. The polygon
# has a reflex corner and a hole. One pattern may then belong to several regions, and every connected one counts.

cone = regions.enumerate_regions(model, regions.Polyhedron([[1.0, -1.0], [-1.0, -1.0]], [2.0, 2.0]))
courtyard = regions.enumerate_regions(
    model,
    regions.Polygon(
        [(-4, -4), (4, -4), (4, 1), (1, 1), (1, 4), (-4, 4)],
        holes=[[(-2, -2), (1, -2), (1, -1), (-1, 0), (-2, 0)]],
    ),
)
distinct = len({pattern.tobytes() for pattern in courtyard.patterns})
print(f"cone: {cone.n_regions} activation regions, {(~cone.bounded).sum()} of them unbounded")
print(f"polygon with a hole: {courtyard.n_regions} activation regions of {distinct} different patterns")

# %%
# Rays run up to the frame. ``box`` shows any part of an unbounded complex (lower right: the red square of the upper
# left), without a new enumeration. A complex is counted whole, however little of it is drawn; what the red square holds
# is counted over the square.

zoom = regions.Box(-4, -4, 4, 4)
colours = {"color": "random", "cmap": "turbo"}
figure, axes = plt.subplots(nrows=2, ncols=2, figsize=(10.5, 10.8), layout="constrained")
for ax, complex, box, name in (
    (axes[0, 0], plane, regions.Box(-40, -40, 40, 40), "whole plane"),
    (axes[0, 1], cone, regions.Box(-12, -4, 12, 20), "cone |x₁| ≤ x₂ + 2"),
    (axes[1, 0], courtyard, None, "polygon with a hole"),
    (axes[1, 1], plane, zoom, "whole plane"),
):
    plot_regions(complex, ax, box=box, **colours)
    ax.set_title(f"{name}: {complex.n_regions} activation regions")
axes[0, 0].add_patch(Rectangle((-4, -4), 8, 8, fill=False, color="crimson", lw=2.5))
seen = regions.count_regions(model, zoom)
axes[1, 1].set_title(f"red square: {seen} of the plane's {plane.n_regions} activation regions")
figure.suptitle(f"ShallowMLP 2-{n}-1 over four domains; 1 + n + n(n - 1)/2 = {1 + n + n * (n - 1) // 2} for the plane")
