"""Chapter 9: LARS and LAMB, whose step is a share of each layer's norm. theta is ONE layer."""

from ..ops import norm, ratio, sqrt
from ..rule import rule


@rule
def lars(theta, g, u=0, *, t, lr=1.0, beta=0.9, weight_decay=0, trust=1e-3):
    r"""Momentum with a rate for every layer, from the norms of its weights and its gradient.

    .. math::
        \tau_t = \tau\, \frac{\lVert\theta_{t-1}\rVert}
        {\lVert g_t\rVert + \lambda\lVert\theta_{t-1}\rVert}, \quad
        u_t = \beta u_{t-1} + \eta\, \tau_t\, (g_t + \lambda\, \theta_{t-1}), \quad
        \theta_t = \theta_{t-1} - u_t

    u : velocity in parameter units, lr inside. lr : eta, here without a unit: without decay the
        first step has length lr * trust * norm(theta), whatever the gradient's size.
    trust : share of the layer's norm moved at lr = 1. weight_decay : lambda. beta : share kept.

    A layer whose norm or gradient is zero takes the quotient 1. Source: You, Gitman & Ginsburg
    2017, Algorithm 1 (the quotient without decay is eq. 6). Libraries differ in the denominator, in
    the place of lr and at zero norms: :func:`lars_timm`, :func:`lars_optax`,
    :func:`lars_pytorch_optimizer`. Biases and norm layers are left out by groups.

    >>> lars(4.0, 100.0, t=1, lr=0.5, trust=0.5)
    (3.0, 1.0)
    """
    scale = trust * ratio(norm(theta), norm(g) + weight_decay * norm(theta))
    u = beta * u + lr * scale * (g + weight_decay * theta)
    theta = theta - u
    return theta, u


@rule
def lamb(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=1e-2):
    r"""Adam's direction, decay included, stretched to a share of the layer's norm.

    .. math::
        r_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\, \theta_{t-1}, \qquad
        \theta_t = \theta_{t-1}
        - \eta\, \frac{\lVert\theta_{t-1}\rVert}{\lVert r_t\rVert}\, r_t

    m, v : averages of the gradient and its square. r : Adam's step with decay (no unit).
    lr : eta, without a unit: the length of every step over the layer's norm.
    weight_decay : lambda. beta1, beta2 : shares kept. eps : outside the root.

    A layer whose norm or r is zero takes the quotient 1. With lambda = 0 and eps = 0 the
    corrections for the start cancel in the quotient. Source: You et al. 2020, Algorithm 2, whose
    phi is the identity here; optax.lamb is the same. Others clip, decay apart or do not correct:
    :func:`lamb_timm`, :func:`lamb_pytorch_optimizer`, :func:`lamb_keras`.

    >>> lamb(4.0, 100.0, t=1, lr=0.25, eps=0, weight_decay=0)[0]
    3.0
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    r = m_hat / (sqrt(v_hat) + eps) + weight_decay * theta
    theta = theta - lr * ratio(norm(theta), norm(r)) * r
    return theta, m, v
