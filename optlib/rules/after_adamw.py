"""After AdamW: Lion steps by signs, Muon by matrices."""

from ..ops import orthogonalize, sign
from ..rule import rule


@rule
def lion(theta, g, m=0, *, t, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0):
    r"""The sign of an average that leans on the newest gradient, one average in memory.

    .. math::
        c_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        \theta_t = \theta_{t-1} - \eta\, (\operatorname{sign}(c_t) + \lambda\, \theta_{t-1}), \quad
        m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t

    m : average of the gradient, kept with beta2; the step looks through beta1.
    lr : eta, in parameter units: without decay every coordinate moves by exactly lr.
    weight_decay : lambda, decoupled as in AdamW.

    Source: Chen et al. 2023, Symbolic Discovery of Optimization Algorithms; optax.lion (default
    decay 0.001) and keras agree.

    >>> lion(1.0, 4.0, -2.0, t=1, lr=0.5, beta1=0.5, beta2=0.5)
    (0.5, 1.0)
    """
    c = beta1 * m + (1 - beta1) * g
    theta = theta - lr * (sign(c) + weight_decay * theta)
    m = beta2 * m + (1 - beta2) * g
    return theta, m


@rule
def muon(theta, g, u=0, *, t, lr=2e-2, beta=0.95, weight_decay=0):
    r"""Momentum whose step is made a (nearly) orthogonal matrix. For matrices only.

    .. math::
        u_t = \beta u_{t-1} + g_t, \qquad
        \theta_t = \theta_{t-1}
        - \eta\, (\operatorname{orth}(g_t + \beta u_t) + \lambda\, \theta_{t-1})

    theta, g, u : matrices (rows, columns). u : velocity (gradient units).
    orth : five Newton-Schulz iterations push every singular value to between about 0.68 and 1.13.
    lr : eta, in parameter units: the step's singular values are about lr, whatever g's size.
    beta : share of the velocity kept. weight_decay : lambda, decoupled.

    Source: Jordan et al. 2024 (the Muon post and code), in the arrays' own precision. torch works
    in bfloat16 and also multiplies by sqrt(max(1, rows / columns)) (:func:`muon_torch`); optax
    corrects the average and takes columns / rows (:func:`muon_optax`); keras multiplies by
    0.2 sqrt(max(rows, columns)) (:func:`muon_keras`).

    >>> import numpy as np
    >>> step = muon(np.zeros((2, 2)), np.diag([3.0, 4.0]), t=1, lr=1.0)[0]
    >>> bool((0.68 < -np.diag(step)).all() and (-np.diag(step) < 1.14).all())
    True
    """
    u = beta * u + g
    theta = theta - lr * (orthogonalize(g + beta * u) + weight_decay * theta)
    return theta, u
