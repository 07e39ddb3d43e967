"""
Networks that read digits
=========================

A perceptron and a convolutional network learn scikit-learn's digits, real images of 8 × 8 pixels. The plane through
three of the images, a 0, a 3 and an 8, shows their activation regions before and after, and the decision boundary.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import regions
from regions.measures import decision_boundary, regions_per_class
from regions.pictures.plotting import plot_lines, plot_regions

digits = load_digits()
images = torch.from_numpy(digits.images[:, None] / 16).float()
labels = torch.from_numpy(digits.target)
train, test = slice(0, 1300), slice(1300, None)


def perceptron():
    """A perceptron with two hidden layers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


def convolutional():
    """A network of convolutions, with a maximum over windows of 2 × 2."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 24),
        nn.ReLU(),
        nn.Linear(24, 10),
    )


def accuracy(model):
    """The share of test images that are read right."""
    with torch.no_grad():
        return float((model(images[test]).argmax(1) == labels[test]).float().mean())


def trained(model):
    """The model, after 25 passes through the training images."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for epoch in range(25):
        order = torch.from_numpy(np.random.default_rng(epoch).permutation(1300))
        for batch in order.split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    return model


# %%
# The plane through the first image of each of three digits; its points are images.

corners = [images[int((labels == digit).nonzero()[0])].numpy() for digit in (0, 3, 8)]
plane = regions.Slice.through(*corners)
print(plane)

# %%
# Activation regions in the plane, coloured by a component of the gradient of an output; the decision boundary is white.

figure, axes = plt.subplots(2, 2, figsize=(10, 10.4), layout="constrained")
for row, make in zip(axes, (perceptron, convolutional), strict=True):
    torch.manual_seed(0)
    model = make()
    for ax, when in zip(row, ("before training", "after training"), strict=True):
        if when == "after training":
            trained(model)
        complex = regions.enumerate_regions(model, plane)
        plot_regions(complex, ax, output=3, edges=False)
        plot_lines(decision_boundary(complex).lines, ax, color="white", linewidth=2.4)
        ax.set_title(f"{make.__name__}, {when}:\n{len(complex)} activation regions, {accuracy(model):.0%} right")
        for (x, y), digit in zip(plane.anchors, (0, 3, 8), strict=True):
            ax.annotate(str(digit), (x, y), xytext=(7, 7), textcoords="offset points", weight="bold", color="white")

        per_class = {k: n for k, n in regions_per_class(complex).items() if k >= 0}
        print(f"{make.__name__}, {when}: {len(complex)} regions, of which wholly in one class {per_class}")
