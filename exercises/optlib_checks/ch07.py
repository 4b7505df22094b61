"""Chapter 7, Adam: references, random cases and known mistakes."""

import math

import numpy as np

from optlib_checks import mutants
from optlib_checks.judge import Exercise, Mistake, not_yet, numbers, passed

_SHARE = 1 - 0.999**100

bias_after_100 = numbers(
    "bias_after_100",
    {"v": 4 * _SHARE, "divisor": _SHARE},
    [
        ({"v": 4 * (1 - 0.999**1000)}, "that v is reached after 1000 steps, not after 100."),
        (
            {"divisor": 1 - 0.999**1000},
            "0.63 = 1 − 1/e is the divisor after 1000 steps. A well-known table prints it for 100.",
        ),
        (
            {"divisor": 0.63},
            "0.63 is 1 − 1/e, the divisor after 1000 steps. A well-known table prints it for 100.",
        ),
        ({"v": 4 * 0.63}, "2.52 is v after 1000 steps, not after 100."),
        (
            {"v": 4 * 0.63, "divisor": 0.63},
            "0.63 is 1 − 1/e: there v has come after 1000 steps, not after 100.",
        ),
        ({"v": 2 * _SHARE}, "v averages the squares of the gradients, and 2² = 4."),
        ({"v": 4.0}, "4 is v after the correction; v itself starts at 0 and is far from there."),
        (
            {"v": 4 * 0.999**100},
            "0.999¹⁰⁰ is the weight that is left on the start, v₀ = 0. The gradients have the "
            "rest.",
        ),
        (
            {"divisor": 0.999**100},
            "0.999¹⁰⁰ is the part of v that still belongs to its start at 0; divide by the rest.",
        ),
        ({"divisor": 1 - 0.9**100}, "that is the divisor of m: β₁ = 0.9. For v it is β₂."),
        (
            {"divisor": math.sqrt(_SHARE)},
            "that one divides √v. v itself is divided by its square.",
        ),
        ({"v": 0.4}, "nearly: 100 · 0.001 counts the older gradients as if they had not faded."),
        (
            {"divisor": 0.1},
            "nearly: 100 · 0.001 is the sum of the weights before any of them fades.",
        ),
    ],
)


def _adam(
    theta,
    g,
    m,
    v,
    t,
    lr,
    beta1,
    beta2,
    eps,
    *,
    m_corrected=True,
    v_corrected=True,
    late=0,
    place="outside",
    square=True,
    swap=False,
    damped=True,
    fresh=True,
    root=True,
    sign=-1.0,
    hats=False,
    crossed=False,
    order=(0, 1, 2),
):
    """Kingma and Ba 2015, algorithm 1; each keyword is one known slip."""
    if swap:
        beta1, beta2 = beta2, beta1
    with np.errstate(all="ignore"):
        m_old = m
        m = beta1 * m + ((1 - beta1) if damped else 1) * g
        v = beta2 * v + (1 - beta2) * (g**2 if square else np.abs(g))
        first, second = np.subtract(1, beta1 ** (t + late)), np.subtract(1, beta2 ** (t + late))
        first, second = (second, first) if crossed else (first, second)
        m_hat = (m if fresh else m_old) / (first if m_corrected else 1)
        v_hat = v / (second if v_corrected else 1)
        if place == "inside":
            below = np.sqrt(v_hat + eps)
        elif place == "before":
            below = (np.sqrt(v) + eps) / (np.sqrt(second) if v_corrected else 1)
        else:
            below = (np.sqrt(v_hat) if root else v_hat) + (eps if place == "outside" else 0)
        theta = theta + sign * lr * m_hat / below + (eps if place == "parenthesis" else 0)
    found = (theta, m_hat, v_hat) if hats else (theta, m, v)
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (), (2, 3), (1,), (7,), (3, 1))


def _adam_cases(rng):
    for k in range(24):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape),
            "g": rng.normal(size=shape),
            "m": rng.normal(size=shape),
            "v": rng.random(size=shape),
            "t": int(rng.integers(1, 9)),
            "lr": float(10 ** rng.uniform(-2, -0.5)),
            "beta1": float(rng.uniform(0.6, 0.8)),
            "beta2": float(rng.uniform(0.85, 0.97)),
            "eps": float(10 ** rng.uniform(-2, -0.5)),
        }


adam = Exercise(
    name="adam",
    reads="function",
    returns=("theta", "m", "v"),
    reference=_adam,
    cases=_adam_cases,
    corners=(
        (
            "a gradient that has always been 0",
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
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"m_corrected": False, "v_corrected": False},
            "the bias correction is missing: m and v start at 0 and are too small at first.",
        ),
        Mistake({"v_corrected": False}, "m is corrected and v is not: divide v by 1 − β₂ᵗ too."),
        Mistake({"m_corrected": False}, "v is corrected and m is not: divide m by 1 − β₁ᵗ too."),
        Mistake({"late": 1}, "you correct with t + 1; t is 1 at the first step already."),
        Mistake({"late": -1}, "you correct with t − 1, which divides by 0 at the first step."),
        Mistake({"place": "inside"}, "ε stands inside the root; Adam adds it to √v̂."),
        Mistake(
            {"place": "before"},
            "ε is added to √v before the correction (Keras does so); Adam adds it to √v̂.",
        ),
        Mistake({"place": "none"}, "ε is not used: add it to √v̂."),
        Mistake(
            {"place": "parenthesis"},
            "a parenthesis is missing: m̂ / √v̂ + ε adds ε to θ. Write m̂ / (√v̂ + ε).",
        ),
        Mistake(
            {"crossed": True}, "the corrections have each other's β: m takes β₁, and v takes β₂."
        ),
        Mistake({"order": (1, 2, 0)}, "return theta first, then m and v."),
        Mistake({"square": False}, "v averages |g|; it should average g²."),
        Mistake({"swap": True}, "β₁ and β₂ have changed places: β₁ belongs to m."),
        Mistake({"damped": False}, "g enters m with weight 1; it should be 1 − β₁."),
        Mistake({"fresh": False}, "the step uses the m of the step before; update m first."),
        Mistake({"root": False}, "you divide by v̂; divide by its root."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake(
            {"hats": True},
            "return m and v as they are; m̂ and v̂ are for this step only, or the next step "
            "corrects them again.",
        ),
    ),
)


def _ratio(t, beta1, beta2):
    """The uncorrected step over the corrected one, at ε = 0."""
    return (1 - beta1**t) / math.sqrt(1 - beta2**t)


_SETTINGS = {"first": (1, 0.9, 0.999), "twelfth": (12, 0.9, 0.999), "language": (1, 0.9, 0.95)}


def _all_three(formula):
    return {name: formula(*setting) for name, setting in _SETTINGS.items()}


step_ratios = numbers(
    "step_ratios",
    _all_three(_ratio),
    [
        (
            _all_three(lambda t, b1, b2: 1 / _ratio(t, b1, b2)),
            "upside down: asked is the uncorrected step over the corrected one.",
        ),
        (
            _all_three(lambda t, b1, b2: (1 - b1**t) / (1 - b2**t)),
            "the root is missing: the step divides by √v.",
        ),
        (
            _all_three(lambda t, b1, b2: 1 - b1**t),
            "m is too small by 1 − β₁ᵗ, but so is v, and √v stands below.",
        ),
        (
            {"first": 0.1, "twelfth": 0.72, "language": 0.1},
            "that is the share of m alone, 1 − β₁ᵗ. v is too small as well, and √v stands below.",
        ),
        (
            _all_three(lambda t, b1, b2: 1 / math.sqrt(1 - b2**t)),
            "√v is too small by √(1 − β₂ᵗ), but m is too small as well.",
        ),
        (
            {"twelfth": math.sqrt(10)},
            "at t = 12 the exponents are 12: 1 − 0.9¹² and 1 − 0.999¹².",
        ),
        (
            {"language": math.sqrt(10)},
            "the third pair has β₂ = 0.95: v is hardly behind m there.",
        ),
        (
            {"twelfth": (1 - 0.9**12) / math.sqrt(0.001)},
            "at t = 12, v too has moved on: 1 − 0.999¹², not 1 − 0.999.",
        ),
        (_all_three(lambda t, b1, b2: 1.0), "the two corrections do not cancel, as β₁ ≠ β₂."),
    ],
)


def step_over_lr(gradients):
    """The largest |Δθ|/η of Adam on a sequence of gradients, and the step at which it occurs.

    Defaults β₁ = 0.9, β₂ = 0.999, bias correction, ε = 0; as long as every gradient was 0 there
    is no step. Adam's step does not change when all gradients are multiplied by one number, so
    m and v are kept in units of the largest gradient so far (a power of two): no sequence of
    floats overflows or underflows into a step that Adam would not take.
    """
    beta1, beta2 = 0.9, 0.999
    m = v = best = 0.0
    when, unit = 0, None
    for t, g in enumerate(map(float, gradients), start=1):
        mantissa, exponent = math.frexp(g)
        if g and (unit is None or exponent > unit):
            shrink = 0 if unit is None else unit - exponent
            m, v, unit = math.ldexp(m, shrink), math.ldexp(v, 2 * shrink), exponent
        if unit is None:
            continue
        g = math.ldexp(mantissa, exponent - unit) if g else 0.0
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        step = abs(m) / (1 - beta1**t) / math.sqrt(v / (1 - beta2**t))
        if step > best:
            best, when = step, t
    return best, when


LONGEST = 3000
_CEILING = 0.1 / math.sqrt(0.001 * (1 - 0.9**2 / 0.999))  # 7.27


def _judge_jump(exercise, answers):
    ((_, (gradients,)),) = answers
    if gradients.ndim != 1:
        return not_yet(exercise, f"one row of numbers, please; yours has {gradients.shape}.")
    if not 1 <= gradients.size <= LONGEST:
        return not_yet(exercise, f"1 to {LONGEST} gradients; yours are {gradients.size}.")
    if not np.isfinite(gradients).all():
        return not_yet(exercise, "nan and inf are no gradients.")
    best, when = step_over_lr(gradients)
    score = min(1.0, best / 7)
    if best >= 7:
        return passed(
            exercise,
            f"{best:.2f} η at step {when}. Cauchy–Schwarz puts the ceiling at {_CEILING:.2f} η: "
            "can you prove that no sequence exceeds it?",
        )
    said = f"{best:.2f} η at step {when}. " if when else ""
    heard = gradients[gradients != 0]
    return not_yet(
        exercise, said + _jump_hint(best, np.ptp(heard) == 0 if heard.size else 0), score
    )


def _jump_hint(best, equal):
    if best == 0:
        return "Without a gradient there is no step."
    if best < 1.01:
        return "That is what one constant gradient gives. When is √v small while m is large?"
    if best < 2.9:
        return "v must have forgotten, or never have seen, what m sees now. Let silence come first."
    if best < 3.3:
        return (
            "One spike after a silence: the paper's case, and its bound. m counts about ten "
            "gradients. Can more than one of them be large?"
        )
    if equal:
        return (
            "Equal gradients after a silence: Adam begins again, without its correction, and the "
            "twelfth step is the longest. What if the gradients grow, so the newest weigh most?"
        )
    if best < 4.6:
        return "More than the paper's bound. What if the gradients grow, so the newest weigh most?"
    if best < 5.1:
        return "Doubling, or nearly. Would slower growth do better?"
    return (
        "Close. Cauchy–Schwarz is an equality when each gradient is a fixed multiple of the one "
        "before: which multiple do β₁ and β₂ ask for, and does the growth go on long enough?"
    )


make_adam_jump = Exercise(
    name="make_adam_jump",
    reads="array",
    returns=("gradients",),
    reference=lambda: (np.array([]),),
    verdict=_judge_jump,
)


def _right_folded(theta, g, m, v, t, lr, beta1, beta2, eps):
    m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
    c = np.sqrt(1 - beta2**t)
    return theta - (lr * c / (1 - beta1**t)) * m / (np.sqrt(v) + eps * c), m, v


def _right_scaled(theta, g, m, v, t, lr, beta1, beta2, eps):
    m, v = (1 - beta1) * g + m * beta1, (1 - beta2) * np.square(g) + v * beta2
    m_hat, root = m / (1 - beta1**t), np.sqrt(v) / np.sqrt(1 - beta2**t)
    return theta - lr * (m_hat / (root + eps)), m, v


def _right_looped(theta, g, m, v, t, lr, beta1, beta2, eps):
    shape = np.shape(theta)
    rows = [
        _adam(*map(float, x), t, lr, beta1, beta2, eps)
        for x in zip(*(np.ravel(a) for a in (theta, g, m, v)))
    ]
    return tuple(np.array(column, dtype=float).reshape(shape) for column in zip(*rows))


_RIGHT = (_adam, _right_folded, _right_scaled, _right_looped)
_WRONG = (
    ({"m_corrected": False, "v_corrected": False}, "the bias correction"),
    ({"m_corrected": False}, "the bias correction"),
    ({"v_corrected": False}, "the bias correction"),
    ({"late": 1}, "the step counter t"),
    ({"late": -1}, "the step counter t"),
    ({"place": "inside"}, "the place of ε"),
    ({"place": "before"}, "the place of ε"),
    ({"square": False}, "the moments themselves"),
    ({"swap": True}, "the moments themselves"),
    ({"damped": False}, "the moments themselves"),
    ({"fresh": False}, "which m the step uses"),
    ({"hats": True}, "what is returned for the next step"),
)


def _implementation(function, change, slip):
    """One Adam like any other from outside; ``slip`` is the class of its mistake, for the judge."""

    def adam(theta, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        arrays = (np.array(x, dtype=float) for x in (theta, g, m, v))
        with np.errstate(all="ignore"):
            found = function(*arrays, t, lr, beta1, beta2, eps, **change)
        return tuple(np.asarray(x, dtype=float) for x in found)

    adam.slip = slip
    return adam


def _implementations(rng):
    adams = [_implementation(function, {}, None) for function in _RIGHT]
    adams += [_implementation(_adam, change, slip) for change, slip in _WRONG]
    for k in rng.permutation(len(adams)):
        yield {"adam": adams[k]}


test_adam = Exercise(
    name="test_adam",
    reads="tests",
    returns=("accepted",),
    reference=lambda adam: (np.array(float(adam.slip is None)),),
    cases=_implementations,
    verdict=mutants.verdict("Adam", [slip for _, slip in _WRONG]),
)


def _unknown_rule(
    g,
    lr,
    *,
    corrected=False,
    inside=True,
    lr_inside=True,
    divide_first=True,
    damped=False,
    beta1=0.9,
    beta2=0.99,
    eps=1e-2,
    copied=False,
):
    """RMSProp with momentum as optax writes it: θ from 0, one step for each gradient."""
    if copied:
        return (recorded_path()[2],)
    theta, m, v, path = 0.0, 0.0, 0.0, []
    for t in range(1, len(g) + 1):
        v = beta2 * v + (1 - beta2) * g[t - 1] ** 2
        v_hat = v / (1 - beta2**t) if corrected else v
        root = math.sqrt(v_hat + eps) if inside else math.sqrt(v_hat) + eps
        step = g[t - 1] * (lr[t - 1] if lr_inside else 1) / (root if divide_first else 1)
        m = beta1 * m + (1 - beta1 if damped else 1) * step
        m_hat = m / (1 - beta1**t) if corrected and damped else m
        theta = theta - m_hat * (1 if lr_inside else lr[t - 1]) / (1 if divide_first else root)
        path.append(theta)
    return (np.array(path),)


def recorded_path():
    """Forty gradients, the learning rates and the θ that the unknown rule made of them.

    Returns three float64 arrays of shape (40,): g, lr and θ after each step, from θ = 0.
    """
    rng = np.random.default_rng(7)
    parts = [0.5], rng.normal(size=11), 1e-2 * rng.normal(size=8), rng.normal(size=20)
    g = np.concatenate(parts)
    lr = np.where(np.arange(40) < 25, 0.1, 0.01)
    return g, lr, _unknown_rule(g, lr)[0]


def _hidden_paths(rng):
    for _ in range(8):
        n = int(rng.integers(15, 25))
        scale = 10 ** rng.uniform(-2, 0.5, size=n)
        drop = int(rng.integers(4, n - 3))
        yield {
            "g": scale * rng.normal(size=n),
            "lr": float(rng.uniform(0.05, 0.2)) * np.where(np.arange(n) < drop, 1.0, 0.1),
        }


which_optimizer = Exercise(
    name="which_optimizer",
    reads="function",
    returns=("path",),
    reference=_unknown_rule,
    cases=_hidden_paths,
    mistakes=(
        Mistake(
            {
                "corrected": True,
                "inside": False,
                "lr_inside": False,
                "divide_first": False,
                "damped": True,
            },
            "that is Adam, whose first step is lr · g/(|g| + ε), just under 0.1 here. Look at the "
            "recorded one.",
        ),
        Mistake(
            {"corrected": True},
            "you correct the bias, and this rule does not: its first step is longer than lr.",
        ),
        Mistake(
            {"inside": False},
            "ε sits elsewhere: compare with steps 13 to 20, where the gradients are tiny.",
        ),
        Mistake(
            {"lr_inside": False},
            "at step 26 lr falls tenfold. Do the recorded steps fall at once, or fade?",
        ),
        Mistake(
            {"divide_first": False},
            "m averages something else: is g divided by the root before it enters m, or after?",
        ),
        Mistake(
            {"damped": True},
            "your steps are too short by one and the same factor: what is g's weight in m?",
        ),
        Mistake(
            {"copied": True},
            "that is the recorded path, for whatever gradients. Compute θ from g and lr.",
        ),
        Mistake(
            {"beta1": 0.0},
            "that is RMSProp alone. The recorded θ goes on moving when the gradients turn tiny.",
        ),
    ),
)

EXERCISES = (
    bias_after_100,
    adam,
    step_ratios,
    make_adam_jump,
    test_adam,
    which_optimizer,
)
