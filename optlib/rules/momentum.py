"""Chapter 3: momentum, in the two conventions that libraries use."""

from ..rule import rule


@rule
def momentum(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
    r"""Heavy ball with the rate outside the velocity: the convention of torch and optax.

    .. math:: u_t = \beta u_{t-1} + g_t, \qquad \theta_t = \theta_{t-1} - \eta\, u_t

    u : velocity, a fading sum of gradients (gradient units). Its weights add up to
        1 / (1 - beta): it is a sum, not an average.
    lr : step size eta. beta : share of the velocity kept from step to step, in [0, 1).

    Equal to :func:`polyak_momentum` while lr is constant; after a change of lr this one rescales
    the whole velocity at once. Source: Polyak 1964, in the form of torch.optim.SGD.

    >>> momentum(1.0, 2.0, 3.0, t=1, lr=0.5, beta=0.5)
    (-0.75, 3.5)
    """
    u = beta * u + g
    theta = theta - lr * u
    return theta, u


@rule
def polyak_momentum(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
    r"""Heavy ball with the rate inside the velocity: Polyak's form, also that of keras.

    .. math:: u_t = \beta u_{t-1} + \eta\, g_t, \qquad \theta_t = \theta_{t-1} - u_t

    u : velocity in parameter units: the last step itself, u_t = theta_{t-1} - theta_t.
    lr : step size eta. beta : share of the last step that is repeated, in [0, 1).

    After a drop of lr the old velocity keeps the old rate for about 1 / (1 - beta) steps.
    Source: Polyak 1964, in the form theta_t = theta_{t-1} - eta g + beta (theta_{t-1} -
    theta_{t-2}); Sutskever et al. 2013.

    >>> polyak_momentum(1.0, 2.0, 0.3, t=1, lr=0.1, beta=0.5)
    (0.65, 0.35)
    """
    u = beta * u + lr * g
    theta = theta - u
    return theta, u


@rule
def damped_momentum(theta, g, m=0, *, t, lr=1e-2, beta=0.9):
    r"""Momentum as a moving average: the gradient enters with weight 1 - beta.

    .. math:: m_t = \beta m_{t-1} + (1 - \beta) g_t, \qquad \theta_t = \theta_{t-1} - \eta\, m_t

    m : average of the gradient (gradient units). Its weights add up to 1 - beta^t, so a constant
        gradient is left as it is once the start at zero has faded.
    lr : step size eta. beta : share of the average kept from step to step, in [0, 1).

    The same path as :func:`momentum` run with the rate lr * (1 - beta): a rate tuned for one form
    is off by 1 / (1 - beta), ten at 0.9, in the other. torch's ``dampening=beta`` is not this rule:
    it leaves the first gradient whole (:func:`sgd_torch`).
    Source: the first moment of Kingma & Ba 2015, Algorithm 1, without its correction.

    >>> damped_momentum(1.0, 2.0, 3.0, t=1, lr=0.1, beta=0.5)
    (0.75, 2.5)
    """
    m = beta * m + (1 - beta) * g
    theta = theta - lr * m
    return theta, m
