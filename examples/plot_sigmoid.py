"""
The logistic sigmoid
====================

σ(x) = 1/(1 + exp(-x)) is the softargmax of (x, 0) in its first component; its derivative is σ(x) σ(-x), and
tanh(x) = 2 σ(2x) - 1.
"""

import matplotlib.pyplot as plt
import numpy as np

from regions.pictures.softmax import sigmoid, sigmoid_derivative, softargmax, tanh_from_sigmoid

# %%
x = np.linspace(-8, 8, 401)
figure, (left, right) = plt.subplots(ncols=2, figsize=(11, 4), layout="constrained")
left.plot(x, sigmoid(x), label="σ(x)")
left.plot(x, sigmoid_derivative(x), label="σ'(x) = σ(x) σ(-x)")
left.plot(x[::16], np.gradient(sigmoid(x), x)[::16], "k.", ms=4, label="σ' by differences")
left.set_title("logistic sigmoid and its derivative")
right.plot(x, tanh_from_sigmoid(x), label="2 σ(2x) - 1", lw=4, alpha=0.4)
right.plot(x, np.tanh(x), "k--", lw=1, label="tanh(x)")
right.set_title("hyperbolic tangent")
for ax in (left, right):
    ax.set_xlabel("$x$")
    ax.legend()

# %%
# The relations hold to rounding.

pairs = np.column_stack([x, np.zeros_like(x)])
print(f"σ(x) against softargmax(x, 0): {np.abs(sigmoid(x) - softargmax(pairs)[:, 0]).max():.1e}")
print(f"2 σ(2x) - 1 against tanh(x):   {np.abs(tanh_from_sigmoid(x) - np.tanh(x)).max():.1e}")
