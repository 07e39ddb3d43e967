"""
The dual graph and the surface
==============================

A complex can be handed to other libraries. Two of the exports are pictures in themselves: the dual graph, whose nodes
are the regions, and the graph of the function as a surface.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

import regions
from regions.pictures.plotting import plot_regions
from regions.study.models import DeepMLP

complex = regions.enumerate_regions(DeepMLP(seed=2), 4)
print(complex)

# %%
# The dual graph joins regions that share a side; ``complex.to_networkx()`` makes it, with patterns, areas and affine
# maps on the nodes and neurons and lengths on the edges. Here it is drawn from :attr:`regions.RegionComplex.neighbors`,
# with a point inside each region as its place.

places = complex.interior_points
figure = plt.figure(figsize=(12, 5.6), layout="constrained")
ax = figure.add_subplot(1, 2, 1)
plot_regions(complex, ax, color="random", cmap="Pastel1")
for one, other in complex.neighbors:
    ax.plot(*places[[one, other]].T, color="black", linewidth=0.8)
ax.plot(*places.T, "o", color="crimson", markersize=4)
ax.set_title(f"dual graph: {complex.n_regions} regions, {len(complex.neighbors)} pairs of neighbours")

# %%
# The surface z = f(x₁, x₂) as a Wavefront file, which Blender and MeshLab open. It is read here line by line: corners
# are numbered from 1, and each region is one flat face.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "surface.obj"
    complex.to_obj(path)
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
corners = np.array([line[1:] for line in lines if line[0] == "v"], dtype=float)
faces = [corners[np.array(line[1:], dtype=int) - 1] for line in lines if line[0] == "f"]
# As many corners each, the last one repeated: matplotlib looks at what it would fill them up with.
most = max(map(len, faces))
faces = [face[np.minimum(np.arange(most), len(face) - 1)] for face in faces]

surface = figure.add_subplot(1, 2, 2, projection="3d")
colors = plt.get_cmap("Pastel1")(np.random.default_rng(0).uniform(size=len(faces)))
surface.add_collection3d(Poly3DCollection(faces, facecolors=colors, edgecolors="black", linewidths=0.5))
surface.view_init(elev=35, azim=-130)
surface.auto_scale_xyz(*corners.T)
surface.set(xlabel="$x_1$", ylabel="$x_2$", zlabel="output", title=f"surface: {len(faces)} flat faces")
plt.show()
