"""
Softargmax and the one-hot argmax
=================================

What is usually called *softmax* is a smooth argmax: exp(λ xᵢ) / Σ exp(λ xⱼ). As λ grows it approaches the one-hot
argmax.
"""

import matplotlib.pyplot as plt
import numpy as np

from regions.pictures.softmax import onehot_argmax, plot_softargmax, softargmax

# %%
# Both components over the square, for three λ and, on the right, for the one-hot argmax.

figure, axes = plt.subplots(nrows=2, ncols=4, figsize=(14, 6.6), layout="constrained", sharex=True, sharey=True)
for component, row in enumerate(axes):
    for ax, lam in zip(row, (1.0, 10.0, 100.0, None), strict=True):
        plot_softargmax(lam, ax, component=component)
        ax.set_title("one-hot argmax" if lam is None else f"λ = {lam:g}")
    row[0].set_ylabel(f"component {component + 1}\n$x_2$")
figure.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.6)

# %%
# Off the diagonal the distance falls like exp(-λ · gap); on it, where the two entries tie, the softargmax shares
# equally for every λ, while the one-hot argmax takes the first.

x = np.array([0.3, 0.1])
for lam in (1.0, 10.0, 100.0):
    print(f"λ = {lam:5g}: distance {np.abs(softargmax(x, lam) - onehot_argmax(x)).max():.3e}")
print("at a tie:", softargmax([1.0, 1.0], 100.0), onehot_argmax([1.0, 1.0]))

# %%
# Any number of classes, along any axis.

logits = np.array([[2.0, 1.0, 0.0, 2.0], [0.0, 3.0, 1.0, -1.0]])
print(softargmax(logits, 10.0, axis=1).round(4))
print(onehot_argmax(logits, axis=1))
