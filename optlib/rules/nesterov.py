"""Chapter 4: Nesterov's momentum, with the look-ahead and as libraries reformulate it."""

from ..rule import rule


@rule(at=lambda theta, u, *, lr, beta: theta - lr * beta * u)
def nesterov(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
    r"""Momentum whose gradient is taken where the velocity is about to lead.

    .. math::
        g_t = \nabla f(\theta_{t-1} - \eta \beta u_{t-1}), \quad
        u_t = \beta u_{t-1} + g_t, \quad \theta_t = \theta_{t-1} - \eta\, u_t

    g : gradient at the point ahead (``Optimizer.point`` gives it), not at theta.
    u : velocity, a fading sum of gradients (gradient units).
    lr : step size eta. beta : share of the velocity kept from step to step, in [0, 1).

    Stable on curvature lambda while eta lambda < (2 + 2 beta) / (1 + 2 beta).
    Source: Nesterov 1983; in this form Sutskever et al. 2013, with lr inside the
    velocity there and outside here (they differ after a change of lr).

    >>> from optlib import run
    >>> run(nesterov, lambda x: x, 1.0, 2, lr=0.5, beta=0.5).theta
    array([1.   , 0.5  , 0.125])
    """
    u = beta * u + g
    theta = theta - lr * u
    return theta, u


@rule
def nesterov_torch(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
    r"""Nesterov's momentum rewritten for the point ahead, so that g is taken at theta itself.

    .. math::
        u_t = \beta u_{t-1} + g_t, \qquad
        \theta_t = \theta_{t-1} - \eta\, (g_t + \beta u_t)

    theta : what :func:`nesterov` calls the point ahead, theta - lr * beta * u. With that change of
        variables and a constant lr both rules make the same steps.
    u : velocity (gradient units). lr : step size eta. beta : share of the velocity kept, in [0, 1).

    Source: torch.optim.SGD with nesterov=True and optax.sgd; keras has lr inside the velocity
    (:func:`nesterov_keras`). The substitution is described by Bengio et al. 2013.

    >>> nesterov_torch(1.0, 2.0, t=1, lr=0.1, beta=0.5)
    (0.7, 2.0)
    """
    u = beta * u + g
    theta = theta - lr * (g + beta * u)
    return theta, u
