"""Chapter 5, AdaGrad: references, random cases and known mistakes."""

import numpy as np

from optlib_checks.judge import Exercise, Mistake, choice, not_yet, numbers, passed


def _travel(count):
    """Σ 1/√t for t from 1 to count."""
    return float(np.sum(1 / np.sqrt(np.arange(1, count + 1))))


def _count_to(distance):
    """The least number of terms of Σ 1/√t that reach a distance."""
    return 1 + int(np.argmax(np.cumsum(1 / np.sqrt(np.arange(1, 1000))) >= distance))


# η = 0.1 and every gradient −3: step t is 0.1/√t long.
constant_slope = numbers(
    "constant_slope",
    {"step": 0.005, "travel": 0.1 * _travel(400), "steps": float(_count_to(20))},
    [
        (
            {"step": 0.015, "travel": 0.3 * _travel(400), "steps": float(_count_to(20 / 3))},
            "g cancels: 3 above the line, and 3√t below it. The slope's size does not matter.",
        ),
        ({"step": 0.015}, "0.1 · 3/20 counts the 3 above the line only: √(400 · 9) is 60."),
        ({"step": 0.1 / 60}, "√(Σg²) is 60, and g = 3 stands above it."),
        (
            {"step": 0.1 / 400},
            "the root is missing: the steps fall like 1/√t, not like 1/t.",
        ),
        ({"travel": 4.0}, "2√t is the integral; the sum is 1.46 short of it, in units of η."),
        ({"travel": 2.0}, "400 times the last step: the steps before it were longer."),
        ({"travel": 40.0}, "that is 400 steps of the full length 0.1."),
        (
            {"travel": 0.3 * _travel(400)},
            "g cancels in every step, so the slope 3 is not in the travel either.",
        ),
        ({"steps": 20.0}, "that is at 0.1 a step; the steps fall like 1/√t."),
        ({"steps": 100.0}, "nearly: 2√t = 20 takes the integral for the sum, which is 1.46 less."),
        ({"steps": 400.0}, "after 400 steps it has come further than that: add them up."),
    ],
    rtol=5e-3,
)


def _adagrad(
    theta,
    g,
    s,
    lr,
    eps,
    *,
    place="outside",
    fresh=True,
    square=True,
    root=True,
    fades=False,
    unit=False,
    sign=-1.0,
    shared=False,
    back=True,
    order=(0, 1),
):
    with np.errstate(all="ignore"):
        old = s
        squares = g**2 if square else np.abs(g)
        squares = np.sum(squares) + 0 * g if shared else squares
        s = 0.9 * s + 0.1 * squares if fades else s + squares
        used = s if fresh else old
        below = np.sqrt(used + (eps if place == "inside" else 0)) if root else used
        below = below + (eps if place == "outside" else 0)
        theta = theta + sign * lr * (1.0 if unit else g) / below
        theta = theta + (eps if place == "parenthesis" else 0)
    found = (theta, s if back else old)
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (), (2, 3), (1,), (7,), (3, 1))


def _adagrad_cases(rng):
    for k in range(18):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape),
            "g": rng.normal(size=shape),
            "s": rng.random(size=shape),
            "lr": float(10 ** rng.uniform(-2, 0)),
            "eps": float(10 ** rng.uniform(-2, -0.5)),
        }


adagrad = Exercise(
    name="adagrad",
    reads="function",
    returns=("theta", "s"),
    reference=_adagrad,
    cases=_adagrad_cases,
    corners=(
        (
            "a coordinate whose gradient has always been 0",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.array([0.0, 1.0]),
                "s": np.array([0.0, 3.0]),
                "lr": 0.1,
                "eps": 1e-10,
            },
        ),
    ),
    mistakes=(
        Mistake({"place": "inside"}, "ε stands inside the root; AdaGrad adds it to √s."),
        Mistake({"place": "none"}, "ε is not used: add it to √s."),
        Mistake(
            {"place": "parenthesis"},
            "a parenthesis is missing: g / √s + ε adds ε to θ. Write g / (√s + ε).",
        ),
        Mistake(
            {"fresh": False},
            "the step uses the s of the step before; add g² first, or the first step divides by "
            "ε alone.",
        ),
        Mistake({"square": False}, "s adds up |g|; it should add up g²."),
        Mistake({"root": False}, "you divide by s; divide by its root."),
        Mistake({"fades": True}, "s fades in yours, which is RMSProp. Here it is a plain sum."),
        Mistake({"unit": True}, "g is missing above the line: the step is η g / (√s + ε)."),
        Mistake(
            {"shared": True},
            "one sum for all coordinates: each is to have its own, or they share one unit again.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"back": False}, "return the new s, or the next step remembers nothing of g."),
        Mistake({"order": (1, 0)}, "return theta first, then s."),
    ),
)

dies = choice(
    "dies",
    {
        "a": (True, "gₜ = 1: √s = √t, so η/√s falls to 0, though the travel 2η√t has no end."),
        "b": (True, "gₜ = ±1: squares forget the sign, so it is the same as with gₜ = 1."),
        "c": (False, "gₜ = 0.9ᵗ: the squares add up to 4.26 and no more; η/√s stays at 0.48 η."),
        "d": (False, "gₜ = 1/t: the squares add up to π²/6; η/√s stays at 0.78 η."),
        "e": (True, "gₜ = 1/√t: the squares add up like log t: slowly, but without end."),
        "f": (
            False,
            "on the bowl the gradients shrink along with x, by the same factor a step in the end, "
            "so their squares have a finite sum. AdaGrad does not die of its own success.",
        ),
    },
)


def _train_words(
    words,
    y,
    size,
    lr,
    eps,
    *,
    shared=False,
    square=True,
    late=False,
    root=True,
    inside=False,
    fades=False,
    sign=-1.0,
    plain=False,
):
    w, s = np.zeros(size), np.zeros(size)
    for i, target in zip(words, y):
        error = w[i] - target
        new = (0.9 * s[i] if fades else s[i]) + (error**2 if square else abs(error))
        used = s[i] if late else new
        below = np.sqrt(used + eps) if inside else (np.sqrt(used) if root else used) + eps
        w[i] += sign * lr * error / (1 if plain else below)
        s[slice(None) if shared else i] = new
    return w, s


def _word_cases(rng):
    for _ in range(14):
        size = int(rng.integers(3, 7))
        n = int(rng.integers(15, 30))
        share = 1 / np.arange(1, size + 1)
        yield {
            "words": rng.choice(size, size=n, p=share / share.sum()),
            "y": rng.normal(size=n) + 1,
            "size": size,
            "lr": float(rng.uniform(0.1, 0.6)),
            "eps": float(rng.uniform(0.05, 0.3)),
        }


train_words = Exercise(
    name="train_words",
    reads="function",
    returns=("w", "s"),
    reference=_train_words,
    cases=_word_cases,
    corners=(
        (
            "a word that never occurs",
            {
                "words": np.array([0, 2, 0]),
                "y": np.array([1.0, -1.0, 2.0]),
                "size": 3,
                "lr": 0.5,
                "eps": 0.1,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"shared": True, "square": False, "late": True},
            "the loop is as it was given, with three faults in it. Begin with the length of the "
            "first step.",
        ),
        Mistake(
            {"shared": True},
            "one s for all words: the frequent ones shorten the steps of the rare. Give every "
            "word its own.",
        ),
        Mistake({"square": False}, "s adds up |error|; it should add up its square."),
        Mistake(
            {"late": True},
            "a word's first step divides by ε alone: add to s before you step.",
        ),
        Mistake({"root": False}, "you divide by s; divide by its root."),
        Mistake({"inside": True}, "ε stands inside the root; here it is added to √s."),
        Mistake({"fades": True}, "s fades in yours; AdaGrad forgets nothing."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"plain": True}, "nothing divides the error: that is SGD."),
    ),
    slips=2,
)

LONGEST = 1000
_LOW, _HIGH = 1.0, 1000.0
_BEST = 2.0  # η; one giant and then ones walk 1.9988 η


def travel_over_lr(gradients):
    """How far AdaGrad walks, in units of η, if all gradients are positive and ε = 0."""
    return float(np.sum(gradients / np.sqrt(np.cumsum(gradients**2))))


def _judge_freeze(exercise, answers):
    ((_, (gradients,)),) = answers
    if gradients.shape != (LONGEST,):
        return not_yet(
            exercise, f"{LONGEST} gradients in one row, please; yours has {gradients.shape}."
        )
    if not ((gradients >= _LOW) & (gradients <= _HIGH)).all():
        return not_yet(exercise, f"every gradient lies between {_LOW:g} and {_HIGH:g}.")
    travel = travel_over_lr(gradients)
    if travel <= _BEST:
        return passed(
            exercise,
            f"{travel:.4f} η. One outlier, and AdaGrad has all but stopped; the next chapter "
            "forgets it.",
        )
    return not_yet(
        exercise,
        f"{travel:.2f} η. " + _freeze_hint(gradients, travel),
        _BEST / travel,
    )


def _freeze_hint(gradients, travel):
    if np.ptp(gradients) == 0:
        return "That is η/√t, added up, whatever the slope. What makes s large at once?"
    if travel > 62:
        return (
            "More than with equal gradients: where they grow, the newest weighs most and s is "
            "always behind. Turn it round."
        )
    if np.argmax(gradients) > 0:
        return "The largest gradient comes too late: up to there the steps are long."
    if gradients[0] < _HIGH:
        return "The largest first is right. Can it be larger?"
    return "The largest first is right. After it, how small may the others be?"


freeze = Exercise(
    name="freeze",
    reads="array",
    returns=("gradients",),
    reference=lambda: (np.array([]),),
    verdict=_judge_freeze,
)


def _unknown_adagrad(
    g, *, inside=True, start=0.0, decay=0.1, fresh=True, fades=False, eps=0.01, copied=False
):
    """AdaGrad with ε inside the root and torch's decay of the rate: θ from 0."""
    if copied:
        return (adagrad_record()[1],)
    theta, s, path = 0.0, start, []
    for t in range(1, len(g) + 1):
        old = s
        s = 0.9 * s + 0.1 * g[t - 1] ** 2 if fades else s + g[t - 1] ** 2
        used = s if fresh else old
        below = np.sqrt(used + eps) if inside else np.sqrt(used) + eps
        theta = theta - 0.5 / (1 + decay * (t - 1)) * g[t - 1] / below
        path.append(theta)
    return (np.array(path),)


def adagrad_record():
    """Forty gradients and the θ that an unknown AdaGrad made of them.

    Returns two float64 arrays of shape (40,): g and θ after each step, from θ = 0.
    """
    rng = np.random.default_rng(5)
    tiny, ones = 0.01 * (1 + rng.random(10)), np.ones(20)
    g = np.concatenate([[0.01], tiny, [30.0], ones, 3 * rng.normal(size=8)])
    return g, _unknown_adagrad(g)[0]


def _hidden_gradients(rng):
    for _ in range(8):
        n = int(rng.integers(15, 25))
        yield {"g": 10 ** rng.uniform(-2.5, 0.5, size=n) * rng.normal(size=n)}


which_adagrad = Exercise(
    name="which_adagrad",
    reads="function",
    returns=("path",),
    reference=_unknown_adagrad,
    cases=_hidden_gradients,
    mistakes=(
        Mistake(
            {"inside": False, "decay": 0.0},
            "that is the textbook's AdaGrad. Its first step would be half of η, as g = ε there.",
        ),
        Mistake(
            {"inside": False},
            "ε sits elsewhere: the first gradient is 0.01, like ε. Outside of the root the step "
            "would be half of η.",
        ),
        Mistake(
            {"decay": 0.0},
            "after the large gradient s hardly changes and every g is 1, and still the recorded "
            "steps get shorter.",
        ),
        Mistake(
            {"start": 0.1},
            "s starts at 0.1 in yours: that makes the first step 0.015; the recorded one is "
            "three times as long.",
        ),
        Mistake(
            {"fresh": False},
            "at step 12, where g = 30, you step as if s had not seen it: add g² before the step.",
        ),
        Mistake(
            {"fades": True},
            "your s forgets; after the large gradient the recorded steps never grow again.",
        ),
        Mistake(
            {"copied": True},
            "that is the recorded path, for whatever gradients. Compute θ from g.",
        ),
    ),
)

EXERCISES = (
    constant_slope,
    adagrad,
    dies,
    train_words,
    freeze,
    which_adagrad,
)
