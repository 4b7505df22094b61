"""Chapter 6: RMSProp, plain, centered and with momentum."""

from ..ops import maximum, sqrt
from ..rule import rule


@rule
def rmsprop(theta, g, v=0, *, t, lr=1e-2, beta=0.99, eps=1e-8):
    r"""The gradient over its own recent size: one unit for every coordinate.

    .. math::
        v_t = \beta v_{t-1} + (1 - \beta) g_t^2, \qquad
        \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{v_t} + \epsilon}

    v : average of the squared gradient (gradient units squared), not corrected for its start at
        zero: the first step is lr / sqrt(1 - beta), ten times lr at 0.99.
    lr : eta, in parameter units. beta : share of the average kept, in [0, 1).
    eps : added outside the root (gradient units).

    Source: Tieleman & Hinton 2012, lecture 6.5, which gives the average and the division but no
    eps; torch.optim.RMSprop. optax and keras put eps inside the root and keep 0.9 of the average
    (:func:`rmsprop_optax`, :func:`rmsprop_keras`).

    >>> rmsprop(1.0, 4.0, t=1, lr=0.1, beta=0.75, eps=0)
    (0.8, 4.0)
    """
    v = beta * v + (1 - beta) * g**2
    theta = theta - lr * g / (sqrt(v) + eps)
    return theta, v


@rule
def rmsprop_centered(theta, g, v=0, m=0, *, t, lr=1e-2, beta=0.99, eps=1e-8):
    r"""RMSProp over the gradient's standard deviation in place of its size.

    .. math::
        v_t = \beta v_{t-1} + (1 - \beta) g_t^2, \quad
        m_t = \beta m_{t-1} + (1 - \beta) g_t, \quad
        \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{v_t - m_t^2} + \epsilon}

    v, m : averages of the squared gradient and of the gradient. beta : share kept of both.
    lr : eta, in parameter units. eps : outside the root (gradient units).

    A gradient that stays the same has no deviation, and the step grows to lr * g / eps. Rounding
    can turn v - m^2 negative there: torch and optax then give nan, this rule takes 0 (the max).
    Source: Graves 2013; torch.optim.RMSprop with centered=True.

    >>> rmsprop_centered(1.0, 4.0, t=1, lr=0.1, beta=0.5, eps=0)
    (0.8, 8.0, 2.0)
    """
    v = beta * v + (1 - beta) * g**2
    m = beta * m + (1 - beta) * g
    theta = theta - lr * g / (sqrt(maximum(v - m**2, 0)) + eps)
    return theta, v, m


@rule
def rmsprop_momentum(theta, g, v=0, u=0, *, t, lr=1e-2, beta1=0.9, beta2=0.99, eps=1e-8):
    r"""RMSProp's quotient, gathered in a velocity.

    .. math::
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        u_t = \beta_1 u_{t-1} + \frac{g_t}{\sqrt{v_t} + \epsilon}, \quad
        \theta_t = \theta_{t-1} - \eta\, u_t

    v : average of the squared gradient. u : fading sum of quotients (no unit).
    beta1, beta2 : shares kept of u and of v. lr : eta, in parameter units. eps : outside the root.

    Adam divides an average by a size; this rule sums what has been divided already, and its weights
    add up to 1 / (1 - beta1). Source: torch.optim.RMSprop with momentum; optax and keras have lr
    inside the velocity (:func:`rmsprop_optax`).

    >>> rmsprop_momentum(1.0, 4.0, 0.0, 1.0, t=1, lr=0.1, beta1=0.5, beta2=0.75, eps=0)
    (0.75, 4.0, 2.5)
    """
    v = beta2 * v + (1 - beta2) * g**2
    u = beta1 * u + g / (sqrt(v) + eps)
    theta = theta - lr * u
    return theta, v, u
