"""Chapter 7: Adam."""

from ..ops import sqrt
from ..rule import rule


@rule
def adam(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    r"""Average direction over average size, both corrected for their start at zero.

    .. math::
        m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        \theta_t = \theta_{t-1} - \eta\,
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}

    m : average of the gradient (gradient units). v : average of its square (units squared).
    lr : eta, in parameter units: the step does not change when the loss is rescaled (eps = 0).
    beta1, beta2 : shares kept of the old averages, in [0, 1). t : step, from 1.
    eps : added outside the root, in gradient units.

    Source: Kingma & Ba 2015, Algorithm 1; torch and optax agree with it. Keras puts eps beside
    the uncorrected root (their "epsilon hat"): see rules/conventions.py.

    >>> adam(1.0, 4.0, t=1, lr=0.1, eps=0)
    (0.9, 0.3999999999999999, 0.016000000000000014)
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * m_hat / (sqrt(v_hat) + eps)
    return theta, m, v
