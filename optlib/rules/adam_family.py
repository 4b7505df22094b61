"""After chapter 7: AMSGrad, AdaMax, NAdam and RAdam, each one change to Adam."""

from ..ops import abs, maximum, sqrt, where
from ..rule import rule


@rule
def amsgrad(theta, g, m=0, v=0, v_max=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""Adam whose second moment may not fall: a long memory for large gradients.

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        v^{\max}_t = \max(v^{\max}_{t-1}, v_t), \quad
        \theta_t = \theta_{t-1} - \eta\, \frac{m_t}{\sqrt{v^{\max}_t} + \epsilon}

    m, v : averages of the gradient and its square. v_max : the largest v so far.
    lr : eta, in parameter units. beta1, beta2 : shares kept. eps : outside the root.

    Source: Reddi, Kale & Kumar 2018, Algorithm 2, which corrects neither average and has no eps.
    torch takes the maximum of v and then corrects, optax corrects and then takes the maximum:
    :func:`amsgrad_torch`, :func:`amsgrad_optax`, :func:`amsgrad_keras`.

    >>> amsgrad(1.0, 2.0, t=1, lr=0.5, beta1=0.5, beta2=0.75, eps=0)
    (0.5, 1.0, 1.0, 1.0)
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    theta = theta - lr * m / (sqrt(v_max) + eps)
    return theta, m, v, v_max


@rule
def adamax(theta, g, m=0, s=0, *, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""Adam over a fading maximum in place of a root mean square.

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        s_t = \max(\beta_2 s_{t-1}, |g_t| + \epsilon), \quad
        \theta_t = \theta_{t-1} - \frac{\eta}{1 - \beta_1^t}\, \frac{m_t}{s_t}

    m : average of the gradient. s : largest recent gradient, fading by beta2 a step (gradient
        units); it needs no correction. lr : eta, in parameter units. No step exceeds about lr.
    eps : added to the new gradient's size; the paper has none and divides 0 by 0 at a zero start.

    Source: Kingma & Ba 2015, Algorithm 2 (section 7.1). torch and optax place eps as here, keras
    adds it to s in the quotient (:func:`adamax_keras`).

    >>> adamax(1.0, 4.0, t=1, lr=0.5, beta1=0.5, beta2=0.5, eps=0)
    (0.5, 2.0, 4.0)
    """
    m = beta1 * m + (1 - beta1) * g
    s = maximum(beta2 * s, abs(g) + eps)
    theta = theta - lr / (1 - beta1**t) * m / s
    return theta, m, s


@rule
def nadam(
    theta, g, m=0, v=0, p=1, *, t, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3
):
    r"""Adam with Nesterov's look-ahead, and a momentum that warms up from half of beta1.

    .. math::
        \mu_t = \beta_1 \left(1 - \tfrac12\, 0.96^{\psi t}\right), \quad
        p_t = \mu_1 \mu_2 \cdots \mu_t, \quad
        \theta_t = \theta_{t-1} - \frac{\eta}{\sqrt{\hat v_t} + \epsilon}
        \left(\frac{\mu_{t+1} m_t}{1 - p_t \mu_{t+1}} + \frac{(1 - \mu_t)\, g_t}{1 - p_t}\right)

    m, v : averages of the gradient and its square, as in Adam. p : product of the mu so far.
    lr : eta, in parameter units. momentum_decay : psi, how fast mu warms up.
    beta1, beta2 : shares kept. eps : outside the root (gradient units).

    Source: Dozat 2016, in the form of torch.optim.NAdam. keras warms up 250 times faster
    (psi = 1, :func:`nadam_keras`); optax keeps mu constant (:func:`nadam_optax`).

    >>> nadam(1.0, 4.0, t=1, lr=0.5, beta1=0, eps=0)[0]
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
def radam(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, threshold=5):
    r"""Adam that waits: plain averaged steps until v has seen enough gradients, then a warm-up.

    .. math::
        \rho_\infty = \frac{2}{1 - \beta_2} - 1, \quad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t}, \quad
        r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\,\rho_\infty}
        {(\rho_\infty - 4)(\rho_\infty - 2)\,\rho_t}}, \quad
        \theta_t = \theta_{t-1} - \eta\, \hat m_t
        \begin{cases} r_t \sqrt{1 - \beta_2^t} / (\sqrt{v_t} + \epsilon) & \rho_t > 5 \\
        1 & \text{otherwise} \end{cases}

    m, v : averages of the gradient and its square. rho_t : how many gradients v is worth.
    lr : eta, in parameter units; for the first steps in the units of gradient descent.
    beta1, beta2 : shares kept. eps : beside the uncorrected root.
    threshold : the rho above which v is used.

    Source: Liu et al. 2020, Algorithm 2, whose threshold is 4 and which has no eps; the authors'
    code and torch.optim.RAdam take 5: with beta2 = 0.999 five plain steps. optax corrects before
    it adds eps (:func:`radam_optax`). Roots and quotients are guarded by maxima, for beta2 < 0.6.

    >>> radam(1.0, 4.0, t=1, lr=0.125)[0]
    0.5
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    above = maximum((rho - 4) * (rho - 2) * rho_inf, 0)
    below = maximum((rho_inf - 4) * (rho_inf - 2) * rho, 1e-8)
    adaptive = sqrt(above / below) * sqrt(1 - beta2**t) / (sqrt(v) + eps)
    theta = theta - lr * m_hat * where(rho > threshold, adaptive, 1)
    return theta, m, v
