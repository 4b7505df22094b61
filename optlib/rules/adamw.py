"""Chapter 8: weight decay decoupled from the gradient."""

from ..ops import sqrt
from ..rule import rule


@rule
def adamw(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    r"""Adam, and beside it a pull of the weights towards zero that Adam does not rescale.

    .. math::
        \theta_t = \theta_{t-1} - \eta \left(
        \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\, \theta_{t-1} \right)

    m, v : averages of the gradient and its square, as in Adam; the decay does not enter them.
    lr : eta, in parameter units. weight_decay : lambda; a weight without gradient shrinks by the
        factor 1 - eta lambda a step. beta1, beta2 : shares kept. eps : outside the root.

    Source: Loshchilov & Hutter 2019, Algorithm 2, as torch.optim.AdamW and optax.adamw have it.
    The paper does not multiply lambda by its base rate alpha, only by the schedule:
    lambda_paper = alpha * lambda here (:func:`adamw_paper`). Defaults differ: torch 0.01, optax
    0.0001, keras 0.004.

    >>> adamw(1.0, 4.0, t=1, lr=0.125, eps=0, weight_decay=2.0)[0]
    0.625
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * (m_hat / (sqrt(v_hat) + eps) + weight_decay * theta)
    return theta, m, v


@rule
def sgdw(theta, g, u=0, *, t, lr=1e-2, beta=0.9, weight_decay=1e-2):
    r"""Momentum with decoupled decay: the pull towards zero stays out of the velocity.

    .. math::
        u_t = \beta u_{t-1} + g_t, \qquad
        \theta_t = \theta_{t-1} - \eta\, (u_t + \lambda\, \theta_{t-1})

    u : velocity (gradient units), free of decay. lr : step size eta. beta : share kept.
    weight_decay : lambda. At beta = 0 this is L2; at beta > 0 it is not, since L2 gathers in u.

    Source: after Loshchilov & Hutter 2019, Algorithm 1, with lr outside the velocity and on the
    decay, as timm's SGDW; the paper's own form is :func:`sgdw_paper`.

    >>> sgdw(1.0, 2.0, 3.0, t=1, lr=0.1, beta=0.5, weight_decay=0.5)
    (0.6, 3.5)
    """
    u = beta * u + g
    theta = theta - lr * (u + weight_decay * theta)
    return theta, u
