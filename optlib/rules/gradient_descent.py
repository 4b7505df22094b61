"""Chapter 1: gradient descent. Mini-batch SGD (chapter 2) is the same rule on a noisy gradient."""

from ..rule import rule


@rule
def gradient_descent(theta, g, *, t, lr=1e-2):
    r"""Step against the gradient: :math:`\theta_t = \theta_{t-1} - \eta\, g_t`.

    theta : parameters, any shape.
    g : gradient of the loss at theta (loss units per parameter unit), same shape.
    lr : step size eta, in parameter units squared per loss unit.

    Converges on a quadratic of largest curvature L exactly when 0 < lr < 2/L.
    Source: Cauchy 1847; with a stochastic gradient Robbins & Monro 1951.

    >>> gradient_descent(1.0, 4.0, t=1, lr=0.25)
    0.0
    """
    theta = theta - lr * g
    return theta
