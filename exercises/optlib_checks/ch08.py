"""Chapter 8, AdamW: references, random cases and known mistakes."""

import math

import numpy as np

from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, choice, numbers

# The paper's form: α = 0.002 and λ' = 5e-5, which does not see α.
_ALPHA, _PAPER = 0.002, 5e-5
_TORCH = _PAPER / _ALPHA

lambda_elsewhere = numbers(
    "lambda_elsewhere",
    {
        "torch": _TORCH,
        "tripled": 3 * _ALPHA * _TORCH,
        "penalty": _TORCH / 2,
        "halved": math.log(2) / _PAPER,
    },
    [
        ({"torch": _PAPER}, "that is the paper's λ′. torch multiplies its own by α as well."),
        (
            {"torch": _PAPER * _ALPHA},
            "the wrong way: torch multiplies λ by α, so its λ must be the larger one.",
        ),
        (
            {"tripled": _PAPER},
            "the product αλ is what pulls, and α has tripled while torch's λ stayed.",
        ),
        (
            {"tripled": _PAPER / 3},
            "the wrong way: with a larger α, torch's decay pulls harder, not less.",
        ),
        ({"penalty": _TORCH}, "the gradient of cθ² is 2cθ: there is no half in this loss."),
        ({"penalty": 2 * _TORCH}, "the wrong way: 2c is what SGD sees, so c is half of λ."),
        ({"penalty": _PAPER / 2}, "2c stands where torch's λ stands, which η multiplies too."),
        (
            {"halved": 1 / _PAPER},
            "after 1/(ηλ) steps it has fallen to 1/e. Half is reached sooner.",
        ),
        (
            {"halved": math.log(2) / _TORCH},
            "η is missing: a step shrinks the weight by the factor 1 − ηλ.",
        ),
        ({"halved": 1 / (2 * _PAPER)}, "not half of 1/(ηλ): solve (1 − ηλ)ⁿ = 1/2."),
        (
            {"halved": -math.log10(0.5) / _PAPER},
            "log₁₀ 2 with a rate to base e: two kinds of logarithm.",
        ),
    ],
)


def _adamw(
    theta,
    g,
    m,
    v,
    t,
    lr,
    beta1,
    beta2,
    eps,
    weight_decay,
    *,
    decay="decoupled",
    corrected=True,
    inside=False,
    sign=-1.0,
    hats=False,
    order=(0, 1, 2),
):
    with np.errstate(all="ignore"):
        pull = weight_decay * theta
        m = beta1 * m + (1 - beta1) * (g + pull if decay in ("l2", "first", "twice") else g)
        v = beta2 * v + (1 - beta2) * (g + pull if decay in ("l2", "second", "twice") else g) ** 2
        m_hat = m / (1 - beta1**t) if corrected else m
        v_hat = v / (1 - beta2**t) if corrected else v
        below = np.sqrt(v_hat + eps) if inside else np.sqrt(v_hat) + eps
        step = sign * lr * m_hat / below
        moved = theta + step
        theta = {
            "decoupled": moved - lr * pull,
            "first": moved - lr * pull,
            "second": moved - lr * pull,
            "twice": moved - lr * pull,
            "updated": moved * (1 - lr * weight_decay),
            "paper": moved - pull,
            "grows": moved + lr * pull,
            "divided": moved - lr * pull / below,
            "half": moved - lr * pull / 2,
            "size": moved - lr * weight_decay * np.sign(theta),
        }.get(decay, moved)
    found = (theta, m_hat, v_hat) if hats else (theta, m, v)
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (), (2, 3), (1,), (7,), (3, 1))


def _adamw_cases(rng):
    for k in range(18):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape) + 2,
            "g": rng.normal(size=shape),
            "m": rng.normal(size=shape),
            "v": rng.random(size=shape),
            "t": int(rng.integers(1, 9)),
            "lr": float(10 ** rng.uniform(-2, -0.5)),
            "beta1": float(rng.uniform(0.6, 0.8)),
            "beta2": float(rng.uniform(0.85, 0.97)),
            "eps": float(10 ** rng.uniform(-2, -0.5)),
            "weight_decay": float(rng.uniform(0.2, 1.0)),
        }


adamw = Exercise(
    name="adamw",
    reads="function",
    returns=("theta", "m", "v"),
    reference=_adamw,
    cases=_adamw_cases,
    corners=(
        (
            "a weight whose gradient has always been 0",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.zeros(2),
                "m": np.zeros(2),
                "v": np.zeros(2),
                "t": 1,
                "lr": 0.1,
                "beta1": 0.9,
                "beta2": 0.999,
                "eps": 1e-8,
                "weight_decay": 0.5,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"decay": "l2"},
            "that is Adam with L2: λθ enters g, and √v̂ divides it away again. Keep it out of m "
            "and v.",
        ),
        Mistake(
            {"decay": "twice"},
            "the decay acts twice: in the gradient, and beside the quotient. Keep it out of g.",
        ),
        Mistake({"decay": "first"}, "the decay has got into m; m averages the gradient alone."),
        Mistake({"decay": "second"}, "the decay has got into v; v averages g² alone."),
        Mistake(
            {"decay": "updated"},
            "you decay the weight that has already moved; both terms take the θ of before.",
        ),
        Mistake(
            {"decay": "paper"},
            "λ is not multiplied by lr, as in the paper's own form; here it is ηλθ.",
        ),
        Mistake({"decay": "grows"}, "the decay is added: weights grow. Subtract ηλθ."),
        Mistake({"decay": "none"}, "that is Adam; the decay is missing."),
        Mistake(
            {"decay": "divided"},
            "the decay is divided by √v̂ + ε with the rest. A parenthesis: it stands beside the "
            "quotient.",
        ),
        Mistake({"decay": "half"}, "half the decay: ½λθ² is the penalty, λθ its gradient."),
        Mistake(
            {"decay": "size"},
            "the pull is λ·sign(θ), the same for every weight; decay pulls by λθ.",
        ),
        Mistake({"corrected": False}, "the bias correction of m and v is missing."),
        Mistake({"inside": True}, "ε stands inside the root; AdamW adds it to √v̂."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the gradient's part of the step."),
        Mistake({"hats": True}, "return m and v as they are; m̂ and v̂ are for this step only."),
        Mistake({"order": (1, 2, 0)}, "return theta first, then m and v."),
    ),
)

# A layer of 2,000 weights whose steps are random and orthogonal to it.
_COUNT = 2000


def _norm(lr, weight_decay):
    return math.sqrt(lr * _COUNT / (2 * weight_decay))


_LR = 0.01 * 2 / math.sqrt(_COUNT)
_DECAY = _LR * _COUNT / (2 * 2**2)

settle = numbers(
    "settle",
    {
        "norm": _norm(0.002, 0.1),
        "relative": math.sqrt(2 * 0.002 * 0.1),
        "lr": _LR,
        "weight_decay": _DECAY,
    },
    [
        ({"norm": 0.002 * _COUNT / 0.2}, "that is the square of the norm."),
        (
            {"norm": math.sqrt(2) * _norm(0.002, 0.1)},
            "the decay shrinks the norm by 1 − ηλ, so its square by about 1 − 2ηλ.",
        ),
        (
            {"norm": math.sqrt(0.002 / 0.2)},
            "that is the size of one weight; the layer has 2,000 of them.",
        ),
        (
            {"norm": 0.002 * math.sqrt(_COUNT)},
            "that is the length of one step. Steps pile up until the decay balances them.",
        ),
        (
            {"relative": math.sqrt(0.002 * 0.1)},
            "a 2 is missing under the root: it comes from the square of the norm.",
        ),
        ({"relative": 2 * 0.002 * 0.1}, "take the root: 2ηλ is the square of the relative step."),
        ({"relative": 0.002 * 0.1}, "ηλ is the decay's share alone; the step is far longer."),
        (
            {"relative": 0.002 / _norm(0.002, 0.1)},
            "η is how far one weight moves. The layer's step is η√2000 long.",
        ),
        ({"relative": 0.002}, "η is no share of the norm: divide the step's length by the norm."),
        (
            {"lr": 0.02},
            "0.02 is the length of the whole step; each of the 2,000 weights moves by η.",
        ),
        ({"lr": 0.02 / _COUNT}, "lengths add by squares: divide by √2000."),
        ({"lr": 0.01 / math.sqrt(_COUNT)}, "that is for the norm 1; here it is to be 2."),
        (
            {"weight_decay": 2 * _DECAY},
            "twice too large: the norm enters with its square, which is 4, and a 2 stays below.",
        ),
        ({"weight_decay": 0.01**2 / 2}, "that is the product ηλ; divide it by your η."),
    ],
)


def _adamw_run(
    grad,
    theta0,
    lrs,
    weight_decay,
    beta1,
    beta2,
    eps,
    *,
    leak=False,
    updated=False,
    base=False,
    unscaled=False,
    l2=False,
    none=False,
    late=False,
    rows=slice(None),
):
    theta = np.asarray(theta0, dtype=float)
    m, v, path = np.zeros_like(theta), np.zeros_like(theta), [theta]
    with np.errstate(all="ignore"):
        for t, lr in enumerate(lrs, 1):
            t = t - 1 if late else t
            g = np.asarray(grad(theta), dtype=float)
            pull = weight_decay * theta
            m = beta1 * m + (1 - beta1) * (g + pull if l2 else g)
            v = beta2 * v + (1 - beta2) * (g + pull if leak or l2 else g) ** 2
            step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
            rate = 1.0 if unscaled else lrs[0] if base else lr
            moved = theta - lr * step
            decayed = weight_decay * moved if updated else pull
            theta = moved if l2 or none else moved - rate * decayed
            path.append(theta)
    return (np.array(path)[rows],)


def _run_cases(rng):
    for k in range(12):
        shape = ((3,), (), (2, 3), (1,))[k % 4]
        n = int(rng.integers(4, 9))
        yield {
            "grad": bowl(rng, shape),
            "theta0": rng.normal(size=shape) * 2,
            "lrs": float(rng.uniform(0.1, 0.3)) * (1 - np.arange(n) / n),
            "weight_decay": float(rng.uniform(0.3, 1.0)),
            "beta1": float(rng.uniform(0.5, 0.8)),
            "beta2": float(rng.uniform(0.8, 0.95)),
            "eps": float(rng.uniform(0.05, 0.3)),
        }


adamw_run = Exercise(
    name="adamw_run",
    reads="function",
    returns=("path",),
    reference=_adamw_run,
    cases=_run_cases,
    corners=(
        (
            "no step sizes, where theta0 alone comes back",
            {
                "grad": lambda x: 2 * x,
                "theta0": np.array([1.0, -2.0]),
                "lrs": np.zeros(0),
                "weight_decay": 0.1,
                "beta1": 0.9,
                "beta2": 0.99,
                "eps": 0.1,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"leak": True, "updated": True, "base": True},
            "the loop is as it was given, with three faults in it. Begin with what v averages.",
        ),
        Mistake({"leak": True}, "the decay still leaks into v; v averages the gradient's square."),
        Mistake(
            {"updated": True},
            "the decay takes the weight that has already moved. Subtract both parts from the θ "
            "of before.",
        ),
        Mistake(
            {"base": True},
            "the decay keeps the first step size while the schedule goes down: multiply by the "
            "lr of this step.",
        ),
        Mistake({"unscaled": True}, "λ is not multiplied by lr at all; here the decay is ηλθ."),
        Mistake(
            {"l2": True},
            "the decay goes into the gradient now: that is L2 again, and √v̂ divides it away.",
        ),
        Mistake({"none": True}, "the decay is gone altogether."),
        Mistake({"late": True}, "t counts from 0, and 1 − βᵗ is 0 at the first step."),
        Mistake({"rows": -1}, "you return the last point only; keep every point, theta0 first."),
    ),
    slips=3,
)

# name, shape, whether it is left out of the decay
PARAMETERS = {
    "a": ("conv.weight", (16, 3, 3, 3), False),
    "b": ("conv.bias", (16,), True),
    "c": ("hidden.weight", (64, 256), False),
    "d": ("norm.weight", (64,), True),
    "e": ("norm.bias", (64,), True),
    "f": ("head.weight", (10, 64), False),
    "g": ("log_temperature", (), True),
}
_WHY = {
    "a": "conv.weight: a kernel is a matrix in another shape. It is decayed.",
    "b": "conv.bias: it shifts a channel and multiplies nothing. It is left out, as biases are.",
    "c": "hidden.weight: its length does not change the output, and still it is decayed: with η, "
    "λ sets its relative step.",
    "d": "norm.weight: a gain near 1 for each channel; a pull to 0 switches channels off. It is "
    "left out.",
    "e": "norm.bias: a shift for each channel; it is left out like other biases.",
    "f": "head.weight: it multiplies activations, so it is decayed.",
    "g": "log_temperature: a pull to 0 is a pull to temperature 1, which nobody asked for. It is "
    "left out.",
}
no_decay = choice("no_decay", {label: (PARAMETERS[label][2], _WHY[label]) for label in PARAMETERS})


def _unknown_decay(
    g,
    lr,
    *,
    kind="decoupled",
    times_lr=False,
    scheduled=False,
    updated=False,
    corrected=True,
    weight_decay=0.02,
    beta1=0.9,
    beta2=0.99,
    eps=1e-8,
    copied=False,
):
    """Adam with a decay that does not see the step size: θ from 2."""
    if copied:
        return (decay_record()[2],)
    theta, m, v, path = 2.0, 0.0, 0.0, []
    for t in range(1, len(g) + 1):
        pull = weight_decay * theta
        seen = g[t - 1] + (pull if kind == "l2" else 0.0)
        m = beta1 * m + (1 - beta1) * seen
        v = beta2 * v + (1 - beta2) * seen**2
        m_hat, v_hat = (m / (1 - beta1**t), v / (1 - beta2**t)) if corrected else (m, v)
        moved = theta - lr[t - 1] * m_hat / (math.sqrt(v_hat) + eps)
        if kind == "decoupled":
            taken = weight_decay * moved if updated else pull
            rate = lr[t - 1] if times_lr else lr[t - 1] / lr[0] if scheduled else 1.0
            moved = moved - taken * rate
        theta = moved
        path.append(theta)
    return (np.array(path),)


def decay_record():
    """Forty gradients, the learning rates and the θ that an unknown Adam with decay made of them.

    Returns three float64 arrays of shape (40,): g, lr and θ after each step, from θ = 2.
    """
    rng = np.random.default_rng(8)
    g = np.concatenate([np.zeros(10), 1.0 + rng.normal(size=30)])
    lr = np.where(np.arange(40) < 25, 0.1, 0.01)
    return g, lr, _unknown_decay(g, lr)[0]


def _hidden_paths(rng):
    for _ in range(8):
        n = int(rng.integers(15, 25))
        drop = int(rng.integers(4, n - 3))
        yield {
            "g": rng.normal(size=n) + rng.normal(),
            "lr": float(rng.uniform(0.05, 0.2)) * np.where(np.arange(n) < drop, 1.0, 0.1),
        }


which_decay = Exercise(
    name="which_decay",
    reads="function",
    returns=("path",),
    reference=_unknown_decay,
    cases=_hidden_paths,
    mistakes=(
        Mistake(
            {"kind": "l2"},
            "that is L2: in the first ten steps, where g is 0, yours moves by lr a step. The "
            "record shrinks by a fixed share.",
        ),
        Mistake(
            {"times_lr": True},
            "your decay is multiplied by lr. By what share does the recorded θ shrink in its "
            "first step?",
        ),
        Mistake(
            {"scheduled": True},
            "your decay falls with lr, as the paper's does along a schedule. Compare step 26, "
            "where lr falls tenfold.",
        ),
        Mistake(
            {"updated": True},
            "your decay takes the weight after its step. Compare step 11, where a gradient comes "
            "in.",
        ),
        Mistake(
            {"corrected": False},
            "your step 11, the first with a gradient, is too long: after ten zeros the bias "
            "correction shortens it.",
        ),
        Mistake(
            {"kind": "none"},
            "without a gradient your θ stays at 2; the recorded one does not.",
        ),
        Mistake({"beta2": 0.999}, "β₂ is 0.99 here."),
        Mistake(
            {"copied": True},
            "that is the recorded path, for whatever gradients. Compute θ from g and lr.",
        ),
    ),
)

EXERCISES = (
    lambda_elsewhere,
    adamw,
    settle,
    adamw_run,
    no_decay,
    which_decay,
)
