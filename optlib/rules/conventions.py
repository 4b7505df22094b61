"""What libraries and papers write otherwise, each as a rule of its own: <rule>_<library>.

The rules of the chapters follow the papers and, where these leave a choice, torch. A rule below
spells out one library's choices with that library's defaults, so that its runs can be reproduced.
:data:`ROSETTA` says for each library's optimizer which rule, with which settings, it is.

Read in torch 2.13, optax 0.2.8, keras 3.15, timm 1.0.31 and pytorch_optimizer 4.1.
Three things a library's class does are the :class:`~optlib.Optimizer`'s here: L2 (``l2=``: the
``weight_decay`` of torch's SGD, Adagrad, RMSprop, Adam, ...), global-norm clipping (``clip_norm=``)
and leaving out some layers (``groups=``).
"""

from ..ops import (
    abs,
    columns,
    maximum,
    minimum,
    norm,
    orthogonalize,
    ratio,
    rows,
    sign,
    sqrt,
    where,
)
from ..rule import rule

# ------------------------------------------------------------------------ momentum


@rule
def sgd_torch(theta, g, u=0, *, t, lr=1e-3, beta=0, damping=0):
    r"""torch.optim.SGD with ``dampening``: every gradient but the first enters damped.

    .. math::
        u_t = \beta u_{t-1} + \begin{cases} g_t & t = 1 \\
        (1 - d)\, g_t & \text{otherwise} \end{cases}, \qquad
        \theta_t = \theta_{t-1} - \eta\, u_t

    u : velocity (gradient units). damping : d in [0, 1]. beta : torch's ``momentum``; at 0 torch
    keeps no velocity and ignores the damping, so g itself is used.
    With d = beta this is *not* a moving average: the first gradient weighs 1 / (1 - beta) times
    what it should, and it fades only by beta a step (:func:`damped_momentum` is the average).
    Source: torch.optim.SGD; with nesterov=True (which forbids damping) it is
    :func:`nesterov_torch`.

    >>> sgd_torch(1.0, 2.0, t=1, lr=0.1, beta=0.5, damping=0.5)
    (0.8, 2.0)
    >>> sgd_torch(1.0, 2.0, 2.0, t=2, lr=0.1, beta=0.5, damping=0.5)
    (0.8, 2.0)
    """
    u = beta * u + where(t == 1, 1, 1 - damping) * g
    theta = theta - lr * where(beta > 0, u, g)
    return theta, u


@rule
def nesterov_keras(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
    r"""keras.optimizers.SGD with nesterov=True: the rate inside the velocity.

    .. math::
        u_t = \beta u_{t-1} + \eta\, g_t, \qquad
        \theta_t = \theta_{t-1} - (\beta u_t + \eta\, g_t)

    u : velocity in parameter units. Equal to :func:`nesterov_torch` while lr is constant. Without
    nesterov, keras's momentum is :func:`polyak_momentum`.

    >>> nesterov_keras(1.0, 2.0, t=1, lr=0.25, beta=0.5)
    (0.25, 0.5)
    """
    u = beta * u + lr * g
    theta = theta - (beta * u + lr * g)
    return theta, u


@rule
def sgdw_paper(theta, g, u=0, *, t, lr=1e-2, beta=0.9, weight_decay=1e-4, multiplier=1):
    r"""SGDW as printed: the decay follows the schedule, but not the base rate.

    .. math::
        u_t = \beta u_{t-1} + \eta_t \alpha\, g_t, \qquad
        \theta_t = \theta_{t-1} - u_t - \eta_t \lambda\, \theta_{t-1}

    lr : alpha, the base rate (shown as eta by the translator). multiplier : eta_t, a schedule with
    values about 1. weight_decay : lambda; a weight without gradient shrinks by 1 - eta_t lambda.
    Source: Loshchilov & Hutter 2019, Algorithm 1.

    >>> sgdw_paper(1.0, 2.0, t=1, lr=0.25, weight_decay=0.125)
    (0.375, 0.5)
    """
    u = beta * u + multiplier * lr * g
    theta = theta - u - multiplier * weight_decay * theta
    return theta, u


# ------------------------------------------------------------- AdaGrad and RMSProp


@rule
def adagrad_optax(theta, g, s=0, *, t, lr=1e-2, eps=1e-7, initial_accumulator=0.1):
    r"""optax.adagrad: eps inside the root, and a sum that starts at 0.1.

    .. math::
        s_t = s_{t-1} + g_t^2, \qquad
        \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t + s_0 + \epsilon}}

    s : sum of squares. initial_accumulator : s_0 (gradient units squared); while the sum is small
    against it, AdaGrad is gradient descent with rate lr / sqrt(s_0). eps : gradient units squared.
    Source: optax.adagrad, which has no default lr.

    >>> adagrad_optax(1.0, 4.0, t=1, lr=0.5, eps=4.0, initial_accumulator=5.0)
    (0.6, 16.0)
    """
    s = s + g**2
    theta = theta - lr * g / sqrt(s + initial_accumulator + eps)
    return theta, s


@rule
def adagrad_keras(theta, g, s=0, *, t, lr=1e-3, eps=1e-7, initial_accumulator=0.1):
    r"""keras.optimizers.Adagrad: the formula of :func:`adagrad_optax`, lr = 0.001.

    >>> adagrad_keras(1.0, 4.0, t=1, lr=0.5, eps=4.0, initial_accumulator=5.0)
    (0.6, 16.0)
    """
    s = s + g**2
    theta = theta - lr * g / sqrt(s + initial_accumulator + eps)
    return theta, s


@rule
def rmsprop_torch(
    theta, g, v=0, m=0, u=0, *, t, lr=1e-2, beta1=0, beta2=0.99, eps=1e-8, centered=0
):
    r"""torch.optim.RMSprop with its two switches: momentum (beta1 > 0) and centered (0 or 1).

    .. math::
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        m_t = \beta_2 m_{t-1} + (1 - \beta_2) g_t, \quad
        u_t = \beta_1 u_{t-1} + \frac{g_t}{\sqrt{v_t - c\, m_t^2} + \epsilon}, \quad
        \theta_t = \theta_{t-1} - \eta\, u_t

    beta2 : torch's ``alpha``. beta1 : its ``momentum``. lr outside the velocity, eps outside the
    root. Where rounding makes v - m^2 negative, torch gives nan and this rule 0.
    :func:`rmsprop`, :func:`rmsprop_centered` and :func:`rmsprop_momentum` are its three corners.

    >>> rmsprop_torch(1.0, 4.0, t=1, lr=0.1, beta2=0.5, eps=0, centered=1)
    (0.8, 8.0, 2.0, 2.0)
    """
    v = beta2 * v + (1 - beta2) * g**2
    m = beta2 * m + (1 - beta2) * g
    square = where(centered > 0, maximum(v - m**2, 0), v)
    u = beta1 * u + g / (sqrt(square) + eps)
    theta = theta - lr * u
    return theta, v, m, u


@rule
def rmsprop_optax(theta, g, v=0, m=0, u=0, *, t, lr=1e-3, beta1=0, beta2=0.9, eps=1e-8, centered=0):
    r"""optax.rmsprop: eps inside the root, lr inside the velocity.

    .. math::
        u_t = \beta_1 u_{t-1} + \eta\, \frac{g_t}{\sqrt{v_t - c\, m_t^2 + \epsilon}}, \qquad
        \theta_t = \theta_{t-1} - u_t

    v, m : averages of the squared gradient and the gradient, kept with beta2 (optax's ``decay``).
    u : velocity in parameter units, kept with beta1 (its ``momentum``). centered : 0 or 1.
    eps : gradient units squared: 1e-8 here counts like 1e-4 outside the root.
    Source: optax.rmsprop with eps_in_sqrt=True, its default; no default lr there.

    >>> rmsprop_optax(1.0, 4.0, t=1, lr=0.5, beta2=0.5, eps=8.0)
    (0.5, 8.0, 2.0, 0.5)
    """
    v = beta2 * v + (1 - beta2) * g**2
    m = beta2 * m + (1 - beta2) * g
    square = where(centered > 0, maximum(v - m**2, 0), v)
    u = beta1 * u + lr * g / sqrt(square + eps)
    theta = theta - u
    return theta, v, m, u


@rule
def rmsprop_keras(theta, g, v=0, m=0, u=0, *, t, lr=1e-3, beta1=0, beta2=0.9, eps=1e-7, centered=0):
    r"""keras.optimizers.RMSprop: the formula of :func:`rmsprop_optax`, eps = 1e-7.

    >>> rmsprop_keras(1.0, 4.0, t=1, lr=0.5, beta2=0.5, eps=8.0)
    (0.5, 8.0, 2.0, 0.5)
    """
    v = beta2 * v + (1 - beta2) * g**2
    m = beta2 * m + (1 - beta2) * g
    square = where(centered > 0, maximum(v - m**2, 0), v)
    u = beta1 * u + lr * g / sqrt(square + eps)
    theta = theta - u
    return theta, v, m, u


# --------------------------------------------------------------------- Adam's kin


@rule
def adam_keras(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
    r"""keras.optimizers.Adam: "epsilon hat", beside the uncorrected root.

    .. math::
        \theta_t = \theta_{t-1} - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,
        \frac{m_t}{\sqrt{v_t} + \hat\epsilon}

    Equal to :func:`adam` with eps = eps-hat / sqrt(1 - beta2^t): at t = 1 and beta2 = 0.999 that is
    32 times eps-hat, later eps-hat itself.
    Source: Kingma & Ba 2015, the faster order given at the end of section 2; TensorFlow and keras.

    >>> adam_keras(1.0, 4.0, t=1, lr=0.5, beta2=0.75, eps=2.0)[0]
    0.75
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    theta = theta - rate * m / (sqrt(v) + eps)
    return theta, m, v


@rule
def adamw_keras(
    theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7, weight_decay=4e-3
):
    r"""keras.optimizers.AdamW: the decay, times lr, then :func:`adam_keras`.

    .. math::
        \theta_t = (1 - \eta \lambda)\, \theta_{t-1} - \eta\,
        \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\, \frac{m_t}{\sqrt{v_t} + \hat\epsilon}

    weight_decay : lambda, 0.004 by default.

    >>> adamw_keras(1.0, 4.0, t=1, lr=0.5, beta2=0.75, eps=2.0, weight_decay=0.5)[0]
    0.5
    """
    theta = theta - lr * weight_decay * theta
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    theta = theta - rate * m / (sqrt(v) + eps)
    return theta, m, v


@rule
def adamw_paper(
    theta,
    g,
    m=0,
    v=0,
    *,
    t,
    lr=1e-3,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=1e-5,
    multiplier=1,
):
    r"""AdamW as printed: lambda is multiplied by the schedule, but not by the base rate.

    .. math::
        \theta_t = \theta_{t-1} - \eta_t \left( \alpha\,
        \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\, \theta_{t-1} \right)

    lr : alpha, the base rate (shown as eta by the translator). multiplier : eta_t, a schedule with
    values about 1. weight_decay : lambda = alpha times the weight_decay of :func:`adamw`: the
    default 1e-5 is torch's 0.01 at alpha = 0.001.
    Source: Loshchilov & Hutter 2019, Algorithm 2, line 12.

    >>> adamw_paper(1.0, 4.0, t=1, lr=0.125, eps=0, weight_decay=0.25)[0]
    0.625
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta = theta - multiplier * (lr * m_hat / (sqrt(v_hat) + eps) + weight_decay * theta)
    return theta, m, v


@rule
def amsgrad_torch(theta, g, m=0, v=0, v_max=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""torch.optim.Adam with amsgrad=True: the largest raw v, corrected afterwards.

    .. math::
        v^{\max}_t = \max(v^{\max}_{t-1}, v_t), \qquad
        \theta_t = \theta_{t-1} - \eta\,
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v^{\max}_t / (1 - \beta_2^t)} + \epsilon}

    An old maximum is divided by today's 1 - beta2^t, so the denominator may still shrink.

    >>> amsgrad_torch(1.0, 4.0, t=1, lr=0.5, eps=0)[0]
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    theta = theta - lr * m_hat / (sqrt(v_max / (1 - beta2**t)) + eps)
    return theta, m, v, v_max


@rule
def amsgrad_optax(theta, g, m=0, v=0, v_max=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""optax.amsgrad: the largest corrected v.

    .. math::
        v^{\max}_t = \max\left(v^{\max}_{t-1}, \frac{v_t}{1 - \beta_2^t}\right), \qquad
        \theta_t = \theta_{t-1} - \eta\,
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v^{\max}_t} + \epsilon}

    The first gradient, corrected to full weight, can rule the denominator for ever. The paper's
    form is bias_correction_mu=False, bias_correction_nu=False: :func:`amsgrad`.

    >>> amsgrad_optax(1.0, 4.0, t=1, lr=0.5, eps=0)[0]
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_max = maximum(v_max, v / (1 - beta2**t))
    theta = theta - lr * m_hat / (sqrt(v_max) + eps)
    return theta, m, v, v_max


@rule
def amsgrad_keras(theta, g, m=0, v=0, v_max=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
    r"""keras.optimizers.Adam with amsgrad=True: the largest raw v, eps-hat beside its root.

    .. math::
        v^{\max}_t = \max(v^{\max}_{t-1}, v_t), \qquad
        \theta_t = \theta_{t-1} - \eta\, \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}\,
        \frac{m_t}{\sqrt{v^{\max}_t} + \hat\epsilon}

    >>> amsgrad_keras(1.0, 4.0, t=1, lr=0.5, beta2=0.75, eps=2.0)[0]
    0.75
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    rate = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    theta = theta - rate * m / (sqrt(v_max) + eps)
    return theta, m, v, v_max


@rule
def adamax_keras(theta, g, m=0, s=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
    r"""keras.optimizers.Adamax: eps in the quotient, not in the running maximum.

    .. math::
        s_t = \max(\beta_2 s_{t-1}, |g_t|), \qquad
        \theta_t = \theta_{t-1} - \frac{\eta\, m_t}{(1 - \beta_1^t)(s_t + \epsilon)}

    >>> adamax_keras(1.0, 4.0, t=1, lr=0.5, eps=4.0)[0]
    0.75
    """
    m = beta1 * m + (1 - beta1) * g
    s = maximum(beta2 * s, abs(g))
    theta = theta - lr * m / ((1 - beta1**t) * (s + eps))
    return theta, m, s


@rule
def nadam_keras(
    theta, g, m=0, v=0, p=1, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7, momentum_decay=1
):
    r"""keras.optimizers.Nadam: :func:`nadam` whose momentum is warm after some fifty steps.

    .. math:: \mu_t = \beta_1 \left(1 - \tfrac12\, 0.96^{\psi t}\right), \qquad \psi = 1

    Where torch and the paper have psi = 0.004, keras has 1 built in; eps 1e-7.

    >>> nadam_keras(1.0, 4.0, t=1, lr=0.5, beta1=0, eps=0)[0]
    0.5
    """
    mu = beta1 * (1 - 0.96 ** (t * momentum_decay) / 2)
    mu_next = beta1 * (1 - 0.96 ** ((t + 1) * momentum_decay) / 2)
    p = p * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_bar = mu_next * m / (1 - p * mu_next) + (1 - mu) * g / (1 - p)
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * m_bar / (sqrt(v_hat) + eps)
    return theta, m, v, p


@rule
def nadam_optax(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""optax.nadam: Nesterov's look-ahead in Adam with a constant momentum.

    .. math::
        \theta_t = \theta_{t-1} - \frac{\eta}{\sqrt{\hat v_t} + \epsilon}
        \left(\frac{\beta_1 m_t}{1 - \beta_1^{t+1}}
        + \frac{(1 - \beta_1)\, g_t}{1 - \beta_1^t}\right)

    Source: optax.nadam, that is optax.adam with nesterov=True.

    >>> nadam_optax(1.0, 4.0, t=1, lr=0.5, beta1=0, eps=0)[0]
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_bar = beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * m_bar / (sqrt(v_hat) + eps)
    return theta, m, v


@rule
def radam_optax(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, threshold=5):
    r"""optax.radam: eps beside the corrected root, and the threshold itself counts as passed.

    .. math::
        \theta_t = \theta_{t-1} - \eta\, \hat m_t
        \begin{cases} r_t / (\sqrt{\hat v_t} + \epsilon) & \rho_t \ge 5 \\
        1 & \text{otherwise} \end{cases}

    rho_t and r_t as in :func:`radam`.

    >>> radam_optax(1.0, 4.0, t=1, lr=0.125)[0]
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    above = maximum((rho - 4) * (rho - 2) * rho_inf, 0)
    below = maximum((rho_inf - 4) * (rho_inf - 2) * rho, 1e-8)
    adaptive = sqrt(above / below) / (sqrt(v_hat) + eps)
    theta = theta - lr * m_hat * where(rho >= threshold, adaptive, 1)
    return theta, m, v


# ------------------------------------------------------------------ LARS and LAMB


@rule
def lars_timm(theta, g, u=0, *, t, lr=1.0, beta=0, weight_decay=0, trust=1e-3, eps=1e-8):
    r"""timm's Lars: lr outside the velocity, eps in the denominator, off without decay.

    .. math::
        \tau_t = \tau\, \frac{\lVert\theta\rVert}
        {\lVert g\rVert + \lambda\lVert\theta\rVert + \epsilon}, \quad
        u_t = \beta u_{t-1} + \tau_t\, (g_t + \lambda\, \theta_{t-1}), \quad
        \theta_t = \theta_{t-1} - \eta\, u_t

    The factor is 1 where a norm is zero: not trust, as in :func:`lars`, but a thousand times more.
    It is 1 for every layer without decay, unless timm's always_adapt=True (give a tiny decay).

    >>> lars_timm(4.0, 99.0, t=1, lr=0.5, weight_decay=0.25, trust=0.5, eps=0)
    (3.0, 2.0)
    """
    quotient = ratio(trust * norm(theta), norm(g) + weight_decay * norm(theta) + eps)
    scale = where(weight_decay > 0, where(norm(g) > 0, quotient, 1), 1)
    u = beta * u + scale * (g + weight_decay * theta)
    theta = theta - lr * u
    return theta, u


@rule
def lars_optax(theta, g, u=0, *, t, lr=1.0, beta=0.9, weight_decay=0, trust=1e-3, eps=0):
    r"""optax.lars: the norm of gradient and decay together, lr inside the velocity.

    .. math::
        d_t = g_t + \lambda\, \theta_{t-1}, \quad
        u_t = \beta u_{t-1} + \eta\, \tau\,
        \frac{\lVert\theta\rVert}{\lVert d_t\rVert + \epsilon}\, d_t, \quad
        \theta_t = \theta_{t-1} - u_t

    ||g + lambda theta|| is at most the paper's ||g|| + lambda ||theta||. Where a norm is zero the
    whole factor is 1, trust included: a layer that starts at zero makes a first step 1 / trust
    times as long as the others. optax has no default lr.

    >>> lars_optax(4.0, 99.0, t=1, lr=0.5, weight_decay=0.25, trust=0.5)
    (3.0, 1.0)
    """
    d = g + weight_decay * theta
    u = beta * u + lr * ratio(trust * norm(theta), norm(d) + eps) * d
    theta = theta - u
    return theta, u


@rule
def lars_pytorch_optimizer(theta, g, u=0, *, t, lr=1e-3, beta=0.9, weight_decay=0, trust=1e-3):
    r"""pytorch_optimizer's LARS: the paper's quotient, lr outside the velocity.

    .. math::
        u_t = \beta u_{t-1} + \tau\, \frac{\lVert\theta\rVert}
        {\lVert g\rVert + \lambda\lVert\theta\rVert}\, (g_t + \lambda\, \theta_{t-1}), \qquad
        \theta_t = \theta_{t-1} - \eta\, u_t

    The factor is 1 where a norm is zero. The library takes vectors and scalars out: they follow
    :func:`momentum`, without decay (a group, or a second Optimizer, does the same here).

    >>> lars_pytorch_optimizer(4.0, 99.0, t=1, lr=0.5, weight_decay=0.25, trust=0.5)
    (3.0, 2.0)
    """
    scale = ratio(trust * norm(theta), norm(g) + weight_decay * norm(theta))
    u = beta * u + scale * (g + weight_decay * theta)
    theta = theta - lr * u
    return theta, u


@rule
def lamb_optax(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0):
    r"""optax.lamb: :func:`lamb` with no decay by default, and no default lr.

    >>> lamb_optax(4.0, 100.0, t=1, lr=0.25, eps=0)[0]
    3.0
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    r = m_hat / (sqrt(v_hat) + eps) + weight_decay * theta
    theta = theta - lr * ratio(norm(theta), norm(r)) * r
    return theta, m, v


@rule
def lamb_timm(
    theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=1e-2
):
    r"""timm's Lamb: :func:`lamb`, but plain Adam for layers without decay.

    .. math::
        r_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon} + \lambda\, \theta_{t-1}, \qquad
        \theta_t = \theta_{t-1} - \eta\, r_t \begin{cases}
        \lVert\theta_{t-1}\rVert / \lVert r_t\rVert & \lambda > 0 \\ 1 & \lambda = 0 \end{cases}

    timm also clips the gradients of all layers together to norm 1 before anything else, by default:
    that is ``Optimizer(..., clip_norm=1.0)``.

    >>> lamb_timm(4.0, 100.0, t=1, lr=0.25, eps=0, weight_decay=0)[0]
    3.75
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    r = m_hat / (sqrt(v_hat) + eps) + weight_decay * theta
    scale = where(weight_decay > 0, ratio(norm(theta), norm(r)), 1)
    theta = theta - lr * scale * r
    return theta, m, v


@rule
def lamb_pytorch_optimizer(
    theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0, clip=10.0
):
    r"""pytorch_optimizer's Lamb: decay first, norms clipped at 10, one correction and it last.

    .. math::
        \theta' = (1 - \eta \lambda)\, \theta_{t-1}, \quad
        r_t = \frac{m_t}{\sqrt{v_t} + \epsilon}, \quad
        \theta_t = \theta' - \frac{\eta}{1 - \beta_1^t}\, \frac{\min(\lVert\theta'\rVert, c)}
        {\lVert r_t\rVert + \epsilon}\, r_t

    clip : c, the largest norm of a layer that counts. The quotient takes out any factor of r, so
    that dividing by 1 - beta1^t after it makes the first steps ten times longer (beta1 = 0.9).

    >>> lamb_pytorch_optimizer(4.0, 100.0, t=1, lr=0.25, beta1=0.5, eps=0, clip=2.0)[0]
    3.0
    """
    theta = theta - lr * weight_decay * theta
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    r = m / (sqrt(v) + eps)
    rate = lr / (1 - beta1**t)
    theta = theta - rate * ratio(minimum(norm(theta), clip), norm(r) + eps) * r
    return theta, m, v


@rule
def lamb_keras(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7, weight_decay=0):
    r"""keras.optimizers.Lamb: decay first and apart, the quotient without it.

    .. math::
        \theta' = (1 - \eta \lambda)\, \theta_{t-1}, \quad
        r_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \epsilon}, \quad
        \theta_t = \theta' - \eta\, \frac{\lVert\theta'\rVert}{\lVert r_t\rVert}\, r_t

    >>> lamb_keras(8.0, 100.0, t=1, lr=0.25, eps=0, weight_decay=2.0)[0]
    3.0
    """
    theta = theta - lr * weight_decay * theta
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    r = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)
    theta = theta - lr * ratio(norm(theta), norm(r)) * r
    return theta, m, v


# ------------------------------------------------------------------ Lion and Muon


@rule
def lion_keras(theta, g, m=0, *, t, lr=1e-3, beta1=0.9, beta2=0.99, weight_decay=0):
    r"""keras.optimizers.Lion: :func:`lion` with ten times the rate by default.

    >>> lion_keras(1.0, 4.0, -2.0, t=1, lr=0.5, beta1=0.5, beta2=0.5)
    (0.5, 1.0)
    """
    c = beta1 * m + (1 - beta1) * g
    theta = theta - lr * (sign(c) + weight_decay * theta)
    m = beta2 * m + (1 - beta2) * g
    return theta, m


@rule
def muon_torch(theta, g, m=0, *, t, lr=1e-3, beta=0.95, weight_decay=0.1):
    r"""torch.optim.Muon: an average for a velocity, and longer steps for tall matrices.

    .. math::
        m_t = \beta m_{t-1} + (1 - \beta) g_t, \quad
        \theta_t = \theta_{t-1} - \eta \lambda\, \theta_{t-1}
        - \eta \sqrt{\max\left(1, \frac{\text{rows}}{\text{columns}}\right)}\,
        \operatorname{orth}(\beta m_t + (1 - \beta) g_t)

    The average has the direction of :func:`muon`'s velocity, so only the last factor changes the
    step. torch iterates in bfloat16: its steps agree with these to a few per cent.
    Source: torch.optim.Muon, adjust_lr_fn="original".

    >>> import numpy as np
    >>> tall = np.array([[3.0], [4.0], [0.0], [0.0]])
    >>> step = muon_torch(np.zeros((4, 1)), tall, t=1, lr=1.0)[0]
    >>> bool(1.36 < np.linalg.norm(step) < 2.28)  # sqrt(4 / 1) times 0.68 to 1.14
    True
    """
    m = beta * m + (1 - beta) * g
    direction = orthogonalize(beta * m + (1 - beta) * g)
    scale = sqrt(maximum(1, rows(g) / columns(g)))
    theta = theta - lr * (scale * direction + weight_decay * theta)
    return theta, m


@rule
def muon_optax(theta, g, m=0, *, t, lr=1e-3, beta=0.95, weight_decay=0):
    r"""optax.contrib.muon: corrected averages, and longer steps for wide matrices.

    .. math::
        d_t = \frac{\beta m_t}{1 - \beta^{t+1}} + \frac{(1 - \beta)\, g_t}{1 - \beta^t}, \quad
        \theta_t = \theta_{t-1} - \eta \left(
        \sqrt{\max\left(1, \frac{\text{columns}}{\text{rows}}\right)}\,
        \operatorname{orth}(d_t) + \lambda\, \theta_{t-1}\right)

    JAX stores weights as (inputs, outputs), torch as (outputs, inputs): hence the turned quotient.
    optax adds eps = 1e-8 to the norm inside orth, where this rule does not. No default lr there.

    >>> import numpy as np
    >>> step = muon_optax(np.zeros((1, 4)), np.array([[3.0, 4.0, 0.0, 0.0]]), t=1, lr=1.0)[0]
    >>> bool(1.36 < np.linalg.norm(step) < 2.28)
    True
    """
    m = beta * m + (1 - beta) * g
    d = beta * m / (1 - beta ** (t + 1)) + (1 - beta) * g / (1 - beta**t)
    scale = sqrt(maximum(1, columns(g) / rows(g)))
    theta = theta - lr * (scale * orthogonalize(d) + weight_decay * theta)
    return theta, m


@rule
def muon_keras(theta, g, u=0, *, t, lr=1e-3, beta=0.95, weight_decay=4e-3):
    r"""keras.optimizers.Muon: decay first, steps scaled to the size of AdamW's.

    .. math::
        u_t = \beta u_{t-1} + g_t, \quad
        \theta_t = (1 - \eta \lambda)\, \theta_{t-1}
        - 0.2\, \eta \sqrt{\max(\text{rows}, \text{columns})}\, \operatorname{orth}(g_t + \beta u_t)

    The factor brings the root mean square of the step's entries to about 0.2 lr (keras's
    ``rms_rate``). keras adds 1e-7 to the norm inside orth.

    >>> import numpy as np
    >>> step = muon_keras(np.zeros((4, 1)), np.array([[3.0], [4.0], [0.0], [0.0]]), t=1, lr=1.0)[0]
    >>> bool(0.2 * 1.36 < np.linalg.norm(step) < 0.2 * 2.28)
    True
    """
    theta = theta - lr * weight_decay * theta
    u = beta * u + g
    scale = 0.2 * sqrt(maximum(rows(g), columns(g)))
    theta = theta - lr * scale * orthogonalize(g + beta * u)
    return theta, u


# ----------------------------------------------------------------------- the table

# What a library's call is here: the rule, and the settings that differ from the rule's defaults.
# l2 and clip_norm go to Optimizer. `lr` in an optax call stands for the rate, which optax wants
# stated; Optimizer(rule, params, lr=lr, **settings) then.
ROSETTA = {
    "torch.optim.SGD()": ("gradient_descent", {"lr": 1e-3}),
    "torch.optim.SGD(weight_decay=0.1)": ("gradient_descent", {"lr": 1e-3, "l2": 0.1}),
    "torch.optim.SGD(momentum=0.9)": ("momentum", {"lr": 1e-3}),
    "torch.optim.SGD(momentum=0.9, dampening=0.5)": ("sgd_torch", {"beta": 0.9, "damping": 0.5}),
    "torch.optim.SGD(momentum=0.9, nesterov=True)": ("nesterov_torch", {"lr": 1e-3}),
    "torch.optim.Adagrad()": ("adagrad", {}),
    "torch.optim.Adadelta()": ("adadelta", {}),
    "torch.optim.RMSprop()": ("rmsprop", {}),
    "torch.optim.RMSprop(centered=True)": ("rmsprop_centered", {}),
    "torch.optim.RMSprop(momentum=0.9)": ("rmsprop_momentum", {}),
    "torch.optim.RMSprop(momentum=0.9, centered=True)": (
        "rmsprop_torch",
        {"beta1": 0.9, "centered": 1},
    ),
    "torch.optim.Adam()": ("adam", {}),
    "torch.optim.Adam(weight_decay=0.1)": ("adam", {"l2": 0.1}),
    "torch.optim.Adam(amsgrad=True)": ("amsgrad_torch", {}),
    "torch.optim.Adamax()": ("adamax", {}),
    "torch.optim.NAdam()": ("nadam", {}),
    "torch.optim.RAdam()": ("radam", {}),
    "torch.optim.AdamW()": ("adamw", {}),
    "torch.optim.Muon()": ("muon_torch", {}),
    "optax.sgd(lr)": ("gradient_descent", {}),
    "optax.sgd(lr, momentum=0.9)": ("momentum", {}),
    "optax.sgd(lr, momentum=0.9, nesterov=True)": ("nesterov_torch", {}),
    "optax.adagrad(lr)": ("adagrad_optax", {}),
    "optax.adadelta(lr)": ("adadelta", {}),
    "optax.rmsprop(lr)": ("rmsprop_optax", {}),
    "optax.rmsprop(lr, momentum=0.9, centered=True)": (
        "rmsprop_optax",
        {"beta1": 0.9, "centered": 1},
    ),
    "optax.rmsprop(lr, eps_in_sqrt=False)": ("rmsprop", {"beta": 0.9}),
    "optax.adam(lr)": ("adam", {}),
    "optax.amsgrad(lr)": ("amsgrad_optax", {}),
    "optax.amsgrad(lr, bias_correction_mu=False, bias_correction_nu=False)": ("amsgrad", {}),
    "optax.adamax(lr)": ("adamax", {}),
    "optax.nadam(lr)": ("nadam_optax", {}),
    "optax.radam(lr)": ("radam_optax", {}),
    "optax.adamw(lr)": ("adamw", {"weight_decay": 1e-4}),
    "optax.lars(lr)": ("lars_optax", {}),
    "optax.lamb(lr)": ("lamb_optax", {}),
    "optax.lion(lr)": ("lion", {"weight_decay": 1e-3}),
    "optax.contrib.muon(lr)": ("muon_optax", {}),
    "keras.optimizers.SGD()": ("gradient_descent", {}),
    "keras.optimizers.SGD(momentum=0.9)": ("polyak_momentum", {}),
    "keras.optimizers.SGD(momentum=0.9, nesterov=True)": ("nesterov_keras", {}),
    "keras.optimizers.Adagrad()": ("adagrad_keras", {}),
    "keras.optimizers.Adadelta()": ("adadelta", {"lr": 1e-3, "rho": 0.95, "eps": 1e-7}),
    "keras.optimizers.RMSprop()": ("rmsprop_keras", {}),
    "keras.optimizers.RMSprop(momentum=0.9, centered=True)": (
        "rmsprop_keras",
        {"beta1": 0.9, "centered": 1},
    ),
    "keras.optimizers.Adam()": ("adam_keras", {}),
    "keras.optimizers.Adam(amsgrad=True)": ("amsgrad_keras", {}),
    "keras.optimizers.Adamax()": ("adamax_keras", {}),
    "keras.optimizers.Nadam()": ("nadam_keras", {}),
    "keras.optimizers.AdamW()": ("adamw_keras", {}),
    "keras.optimizers.Lamb()": ("lamb_keras", {}),
    "keras.optimizers.Lion()": ("lion_keras", {}),
    "keras.optimizers.Muon()": ("muon_keras", {}),
    "timm.optim.Lars()": ("lars_timm", {}),
    "timm.optim.Lamb()": ("lamb_timm", {"clip_norm": 1.0}),
    "timm.optim.SGDW(momentum=0.9)": ("sgdw", {"lr": 1e-3, "weight_decay": 0}),
    "pytorch_optimizer.LARS()": ("lars_pytorch_optimizer", {}),
    "pytorch_optimizer.Lamb()": ("lamb_pytorch_optimizer", {}),
}
