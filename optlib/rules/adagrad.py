"""Chapter 5: AdaGrad, and AdaDelta, which grew out of it."""

from ..ops import sqrt
from ..rule import rule


@rule
def adagrad(theta, g, s=0, *, t, lr=1e-2, eps=1e-10, lr_decay=0, initial_accumulator=0):
    r"""Every coordinate's rate falls with the gradients that coordinate has seen.

    .. math::
        s_t = s_{t-1} + g_t^2, \qquad
        \theta_t = \theta_{t-1}
        - \frac{\eta}{1 + (t - 1)\,\delta}\, \frac{g_t}{\sqrt{s_t + s_0} + \epsilon}

    s : sum of the squared gradients (gradient units squared); it never shrinks.
    lr : eta, in parameter units: the first step is lr in every coordinate (eps = s_0 = 0).
    eps : added outside the root (gradient units). lr_decay : delta, a 1/t fall of the rate on top.
    initial_accumulator : s_0, where the sum starts; kept apart so that the state starts at zero.

    Source: Duchi, Hazan & Singer 2011, the diagonal form; torch.optim.Adagrad. optax and keras put
    eps inside the root and start at s_0 = 0.1 (:func:`adagrad_optax`, :func:`adagrad_keras`).

    >>> adagrad(1.0, 4.0, 9.0, t=2, lr=0.5, eps=0)
    (0.6, 25.0)
    """
    s = s + g**2
    rate = lr / (1 + (t - 1) * lr_decay)
    theta = theta - rate * g / (sqrt(s + initial_accumulator) + eps)
    return theta, s


@rule
def adadelta(theta, g, v=0, d=0, *, t, lr=1.0, rho=0.9, eps=1e-6):
    r"""Steps in parameter units without a tuned rate: recent steps over recent gradients.

    .. math::
        v_t = \rho v_{t-1} + (1 - \rho) g_t^2, \quad
        \Delta_t = \frac{\sqrt{d_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}}\, g_t, \quad
        d_t = \rho d_{t-1} + (1 - \rho) \Delta_t^2, \quad
        \theta_t = \theta_{t-1} - \eta\, \Delta_t

    v : average of the squared gradient (gradient units squared). d : average of the squared step
    (parameter units squared), from steps before they are multiplied by lr.
    rho : share kept of both averages, in [0, 1). lr : a plain factor, 1 in the paper.
    eps : inside both roots, where it means two different units; it also sets the first step.

    Source: Zeiler 2012, Algorithm 1. torch's defaults are lr 1, rho 0.9; keras's are lr 0.001,
    rho 0.95, eps 1e-7: a thousandth of the paper's step.

    >>> adadelta(1.0, 2.0, 0.0, 2.0, t=1, rho=0.5, eps=2.0)
    (-1.0, 2.0, 3.0)
    """
    v = rho * v + (1 - rho) * g**2
    delta = sqrt(d + eps) / sqrt(v + eps) * g
    d = rho * d + (1 - rho) * delta**2
    theta = theta - lr * delta
    return theta, v, d
