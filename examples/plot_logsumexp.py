"""
Log-sum-exp, the smooth maximum
===============================

The function (1/λ) log(exp(λ x₁) + exp(λ x₂)) approaches max(x₁, x₂) from above as λ grows, never further from it than
(log 2)/λ. Its gradient is the softargmax.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from regions.pictures.softmax import logsumexp, plot_logsumexp, softargmax

# %%
# Level lines for three λ, over those of the maximum in grey: the corner on the diagonal is rounded off ever less.

lams = (1.0, 10.0, 100.0)
figure, axes = plt.subplots(ncols=3, figsize=(12, 4.2), layout="constrained", sharey=True)
for ax, lam in zip(axes, lams, strict=True):
    plot_logsumexp(lam, ax)
figure.suptitle("log-sum-exp (colour) and maximum (grey)")

# %%
# The largest distance from the maximum is on the diagonal, and is (log 2)/λ.

axis = np.linspace(-2, 2, 201)
points = np.stack(np.meshgrid(axis, axis), axis=-1)
for lam in lams:
    excess = logsumexp(points, lam) - points.max(axis=-1)
    print(f"λ = {lam:5g}: largest excess {excess.max():.6f}, (log 2)/λ = {np.log(2) / lam:.6f}")

# %%
# The gradient is the softargmax: compared with torch's automatic differentiation, and with central differences.

for lam in lams:
    x = torch.tensor(points.reshape(-1, 2), requires_grad=True)
    (torch.logsumexp(lam * x, dim=1) / lam).sum().backward()
    shares = softargmax(points.reshape(-1, 2), lam)
    h = 1e-5
    differences = np.stack(
        [(logsumexp(points + step, lam) - logsumexp(points - step, lam)) / (2 * h) for step in h * np.eye(2)], axis=-1
    )
    print(
        f"λ = {lam:5g}: largest difference from autograd {np.abs(x.grad.numpy() - shares).max():.1e}, "
        f"from central differences {np.abs(differences.reshape(-1, 2) - shares).max():.1e}"
    )

# %%
# It is stable where the plain formula overflows.

print(logsumexp([1e300, -1e300], lam=1e300), softargmax([1e300, -1e300], lam=1e300))
