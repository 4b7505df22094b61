"""Chapter 9, LARS and LAMB: references, random cases and known mistakes."""

import numpy as np

from optlib_checks.bowls import bowl
from optlib_checks.judge import Exercise, Mistake, choice, not_yet, passed


def _norm(x):
    return float(np.linalg.norm(np.ravel(x)))


def _stretch(x):
    """The largest singular value of a matrix, the norm of a vector."""
    return float(np.linalg.norm(x, 2))


def _trust_ratio(
    theta,
    g,
    trust,
    weight_decay,
    *,
    zero="one",
    flipped=False,
    below="sum",
    squared=False,
    largest=False,
    spectral=False,
    scaled=True,
):
    size = (lambda x: float(np.max(np.abs(x), initial=0.0))) if largest else _norm
    size = _stretch if spectral else size
    w, grad = size(theta), size(g)
    if below == "together":
        grad = size(g + weight_decay * theta)
    elif below == "sum":
        grad = grad + weight_decay * w
    elif below == "decay":
        grad = grad + weight_decay
    elif below == "epsilon":
        grad = grad + weight_decay * w + 1e-8
    if squared:
        w, grad = w**2, grad**2
    w, grad = (grad, w) if flipped else (w, grad)
    if zero == "one":
        ratio = w / grad if w > 0 and grad > 0 else 1.0
    elif zero == "weights":  # as if a new layer's norm of 0 were no special case
        ratio = w / grad if grad > 0 else 1.0
    elif zero == "naive":
        ratio = w / grad if grad > 0 else np.inf
    elif zero == "all":
        ratio = w / grad if w > 0 and grad > 0 else 1.0 / (trust if scaled else 1.0)
    else:
        ratio = w / grad if w > 0 and grad > 0 else 0.0
    return (np.array(ratio * (trust if scaled else 1.0)),)


def _ratio_cases(rng):
    for k in range(20):
        shape = ((4,), (2, 3), (1,), (3, 3))[k % 4]
        theta, g = rng.normal(size=shape) * 3, rng.normal(size=shape)
        yield {
            "theta": 0 * theta if k % 5 == 3 else theta,
            "g": 0 * g if k % 5 == 4 else g,
            "trust": float(10 ** rng.uniform(-3, -1)),
            "weight_decay": 0.0 if k % 5 == 4 else float(rng.uniform(0.05, 0.5)),
        }


_RATIO_CORNER = {"trust": 0.01, "weight_decay": 0.0}
trust_ratio = Exercise(
    name="trust_ratio",
    reads="function",
    returns=("ratio",),
    reference=_trust_ratio,
    cases=_ratio_cases,
    corners=(
        (
            "weights and gradient both 0",
            {"theta": np.zeros(3), "g": np.zeros(3)} | _RATIO_CORNER,
        ),
        (
            "a gradient of 0 with decay, where the quotient is 1/λ",
            {"theta": np.array([3.0, 4.0]), "g": np.zeros(2), "trust": 0.01, "weight_decay": 0.5},
        ),
    ),
    mistakes=(
        Mistake(
            {"zero": "weights"},
            "a layer whose weights are all 0 gets the ratio 0, and never moves. Its quotient is 1.",
        ),
        Mistake(
            {"zero": "naive"},
            "a norm of 0 makes your ratio 0 or infinite. There the quotient is 1, whatever the "
            "other norm is.",
        ),
        Mistake({"zero": "all"}, "at a zero norm you leave trust out: the quotient is 1, times τ."),
        Mistake({"zero": "none"}, "at a zero norm your ratio is 0, and the layer stands still."),
        Mistake({"flipped": True}, "upside down: the weights' norm stands above the line."),
        Mistake(
            {"below": "together"},
            "below stands ‖g + λθ‖ in yours; in LARS it is ‖g‖ + λ‖θ‖, two norms.",
        ),
        Mistake({"below": "alone"}, "the decay is missing below: ‖g‖ + λ‖θ‖."),
        Mistake({"below": "decay"}, "below, λ is to be multiplied by ‖θ‖."),
        Mistake(
            {"below": "epsilon"},
            "a small number is added below. Here zeros are asked about, and nothing is added.",
        ),
        Mistake({"squared": True}, "the root is missing: these are squares of norms."),
        Mistake({"largest": True}, "the norm is the root of the sum of squares, not the largest."),
        Mistake(
            {"spectral": True},
            "right for vectors. np.linalg.norm(x, 2) of a matrix is its largest singular value; "
            "leave the 2 out.",
        ),
        Mistake({"scaled": False}, "trust is missing: multiply the quotient by τ."),
    ),
)


def _lamb(
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
    ratio="right",
    decay="inside",
    corrected=True,
    place="outside",
    zero="one",
    sign=-1.0,
    hats=False,
    order=(0, 1, 2),
):
    with np.errstate(all="ignore"):
        m = beta1 * m + (1 - beta1) * (g + weight_decay * theta if decay == "l2" else g)
        v = beta2 * v + (1 - beta2) * (g + weight_decay * theta if decay == "l2" else g) ** 2
        m_hat = m / (1 - beta1**t) if corrected else m
        v_hat = v / (1 - beta2**t) if corrected else v
        below = np.sqrt(v_hat + eps) if place == "inside" else np.sqrt(v_hat) + eps
        adam = m_hat / below
        r = adam + weight_decay * theta if decay in ("inside", "apart") else adam
        measured = {"gradient": g, "adam": adam}.get(ratio, adam if decay == "apart" else r)
        w, size = _norm(theta), _norm(measured)
        quotient = {"none": 1.0, "flipped": size / w if w else 1.0}.get(ratio)
        if quotient is None:
            good = w > 0 and size > 0
            quotient = w / size if good else {"one": 1.0, "zero": 0.0}[zero]
        if decay == "first":
            theta = theta - lr * weight_decay * theta
            quotient = _norm(theta) / size if theta.any() and size > 0 else 1.0
        if ratio == "clipped":
            quotient = min(quotient, 1.0)
        if ratio == "coordinate":
            quotient = np.abs(theta) / np.abs(r)
        if decay == "apart":
            theta = theta + sign * lr * (quotient * adam + weight_decay * theta)
        else:
            theta = theta + sign * lr * quotient * r
    found = (theta, m_hat, v_hat) if hats else (theta, m, v)
    return tuple(found[k] for k in order)


_SHAPES = ((4,), (2, 3), (7,), (3, 1))


def _lamb_cases(rng):
    for k in range(20):
        shape = _SHAPES[k % len(_SHAPES)]
        yield {
            "theta": rng.normal(size=shape) * (3.0, 0.1, 3.0, 0.1, 0.0)[k % 5],
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


lamb = Exercise(
    name="lamb",
    reads="function",
    returns=("theta", "m", "v"),
    reference=_lamb,
    cases=_lamb_cases,
    corners=(
        (
            "a layer without a gradient and without decay",
            {
                "theta": np.array([1.0, -2.0]),
                "g": np.zeros(2),
                "m": np.zeros(2),
                "v": np.zeros(2),
                "t": 1,
                "lr": 0.1,
                "beta1": 0.9,
                "beta2": 0.999,
                "eps": 1e-6,
                "weight_decay": 0.0,
            },
        ),
    ),
    mistakes=(
        Mistake({"ratio": "clipped"}, "you clip the quotient at 1; here it is taken as it is."),
        Mistake({"ratio": "none"}, "the quotient ‖θ‖/‖r‖ is missing: that is AdamW."),
        Mistake(
            {"ratio": "gradient"},
            "you divide by ‖g‖, as LARS does; LAMB divides by the norm of r, which it steps along.",
        ),
        Mistake(
            {"ratio": "adam"},
            "the norm below is Adam's part alone; r holds the decay as well.",
        ),
        Mistake(
            {"zero": "zero"},
            "a layer whose weights are all 0 never moves in yours: there the quotient is 1.",
        ),
        Mistake({"ratio": "flipped"}, "the quotient is upside down: ‖θ‖ stands above."),
        Mistake(
            {"ratio": "coordinate"},
            "a quotient for each coordinate; there is one for the layer, of two norms.",
        ),
        Mistake({"decay": "none"}, "the decay is missing from r."),
        Mistake(
            {"decay": "l2"},
            "λθ goes into the gradient, where √v̂ divides it away. Add it to r.",
        ),
        Mistake(
            {"decay": "apart"},
            "the decay stands beside the quotient; in LAMB it is stretched along with r.",
        ),
        Mistake(
            {"decay": "first"},
            "you shrink θ first, as AdamW may; in LAMB the decay is a part of r, and stretched "
            "with it.",
        ),
        Mistake({"corrected": False}, "the bias correction of m and v is missing."),
        Mistake({"place": "inside"}, "ε stands inside the root; LAMB adds it to √v̂."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"hats": True}, "return m and v as they are; m̂ and v̂ are for this step only."),
        Mistake({"order": (1, 2, 0)}, "return theta first, then m and v."),
    ),
)

MOST_WEIGHTS = 64
WEIGHT_DECAY = 0.1
FULL_COSINE = -0.99


def directions(theta, g):
    """The first steps of LARS and LAMB on one layer, up to their length: λ = 0.1, ε = 0.

    LARS steps along g + λθ. LAMB's first m̂/√v̂ is g/|g|, so it steps along sign(g) + λθ.
    """
    return -(g + WEIGHT_DECAY * theta), -(np.sign(g) + WEIGHT_DECAY * theta)


def _judge_apart(exercise, answers):
    ((_, (layer,)),) = answers
    if layer.ndim != 2 or len(layer) != 2 or not 1 <= layer.shape[1] <= MOST_WEIGHTS:
        return not_yet(
            exercise,
            f"two rows, weights and gradient, of 1 to {MOST_WEIGHTS} numbers; yours has "
            f"{layer.shape}.",
        )
    size = np.abs(layer)
    if not np.isfinite(layer).all() or (size < 1e-6).any() or (size > 1e6).any():
        return not_yet(exercise, "every number lies between 1e-6 and 1e6 in size; none is 0.")
    lars, lamb = directions(*layer)
    lengths = _norm(lars), _norm(lamb)
    if min(lengths) < 1e-9 * _norm(layer[0]):
        still = "LARS" if lengths[0] < lengths[1] else "LAMB"
        return not_yet(
            exercise,
            f"{still} stands still: its gradient and its decay cancel. Go a little further.",
            0.5,
        )
    cosine = float(lars / lengths[0] @ (lamb / lengths[1]))
    if cosine <= FULL_COSINE:
        return passed(
            exercise,
            f"cosine {cosine:.4f}. LARS compares g with λθ, LAMB compares the sign of g with λθ.",
        )
    score = min(1.0, max(0.0, (1 - cosine) / 2))
    return not_yet(exercise, f"cosine {cosine:.3f}. {_apart_hint(layer, cosine)}", score)


def _apart_hint(layer, cosine):
    theta, g = layer
    pull = WEIGHT_DECAY * np.abs(theta)
    if cosine < -0.5:
        return "Nearly opposite. Do the same in every coordinate."
    if (theta * g > 0).all():
        return (
            "The decay and the gradient pull the same way in every coordinate, in both methods. "
            "Let them pull against each other."
        )
    if (pull < 0.1 * np.minimum(np.abs(g), 1)).all():
        return (
            "The decay hardly matters here, and without it both steps have the same sign in every "
            "coordinate. Make the weights larger."
        )
    return (
        "In each coordinate, compare the size of λθ with that of g, and then with 1, which is all "
        "that LAMB sees of g."
    )


opposite = Exercise(
    name="opposite",
    reads="array",
    returns=("layer",),
    reference=lambda: (np.array([]),),
    verdict=_judge_apart,
)


def _lars_run(
    grad,
    theta0,
    layer,
    lrs,
    trust,
    weight_decay,
    beta,
    *,
    twice=False,
    whole=False,
    outside=False,
    together=False,
    bare=False,
    plain=False,
    rows=slice(None),
):
    theta = np.asarray(theta0, dtype=float)
    u, path = np.zeros_like(theta), [theta]
    with np.errstate(all="ignore"):
        for lr in lrs:
            g = np.asarray(grad(theta), dtype=float)
            new, u = np.array(theta), np.array(u)
            for k in np.unique(layer):
                part = layer == k
                w = theta[part]
                d = g[part] if bare else g[part] + weight_decay * w
                size = _norm(g) if whole else _norm(g[part])
                below = _norm(g[part] + weight_decay * w) if together else size
                below = below if together else below + weight_decay * _norm(w)
                scale = trust if plain else trust * _norm(w) / below
                d = d / below if twice else d
                u[part] = beta * u[part] + (1.0 if outside else lr) * scale * d
                new[part] = w - (lr if outside else 1.0) * u[part]
            theta = new
            path.append(theta)
    return (np.array(path)[rows],)


def _lars_cases(rng):
    for _ in range(12):
        count = int(rng.integers(5, 9))
        layer = np.sort(rng.integers(0, 3, size=count))
        n = int(rng.integers(4, 8))
        yield {
            "grad": bowl(rng, (count,)),
            "theta0": rng.normal(size=count) * 10 ** rng.uniform(-1, 1, size=3)[layer],
            "layer": layer,
            "lrs": float(rng.uniform(0.5, 2)) * np.where(np.arange(n) < n // 2, 1.0, 0.1),
            "trust": float(rng.uniform(0.05, 0.2)),
            "weight_decay": float(rng.uniform(0.2, 0.5)),
            "beta": float(rng.uniform(0.5, 0.9)),
        }


lars_run = Exercise(
    name="lars_run",
    reads="function",
    returns=("path",),
    reference=_lars_run,
    cases=_lars_cases,
    corners=(
        (
            "one layer whose label is 7",
            {
                "grad": lambda x: 2 * x + 1,
                "theta0": np.array([1.0, -2.0]),
                "layer": np.array([7, 7]),
                "lrs": np.array([1.0, 1.0]),
                "trust": 0.1,
                "weight_decay": 0.1,
                "beta": 0.9,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"twice": True, "whole": True, "outside": True},
            "the loop is as it was given, with three faults in it. Begin with how often the "
            "gradient is divided by a norm.",
        ),
        Mistake(
            {"twice": True},
            "the gradient is normalised twice: the ratio divides by its norm already.",
        ),
        Mistake(
            {"whole": True},
            "the norm of g is that of all layers together; each layer takes its own part.",
        ),
        Mistake(
            {"outside": True},
            "lr multiplies the old steps in u again. In LARS it goes into u, with the ratio.",
        ),
        Mistake(
            {"bare": True},
            "the decay is in the ratio alone; the direction is g + λθ.",
        ),
        Mistake(
            {"together": True},
            "below stands ‖g + λθ‖ in yours; in LARS it is ‖g‖ + λ‖θ‖, two norms.",
        ),
        Mistake({"plain": True}, "the ratio of the norms is gone: that is momentum."),
        Mistake({"rows": -1}, "you return the last point only; keep every point, theta0 first."),
    ),
    slips=3,
)


def _all_reduce(
    means,
    rows,
    limit,
    *,
    mean="rows",
    clip="after",
    long=True,
    squares=False,
):
    means = np.where(np.asarray(rows)[:, None] > 0, means, 0.0)
    if clip == "before":
        means = np.array([_clipped(one, limit, long, squares) for one in means])
    if mean == "rows":
        joint = rows @ means / np.sum(rows)
    elif mean == "workers":
        joint = np.sum(means, axis=0) / len(rows)
    elif mean == "sum":
        joint = np.sum(means, axis=0)
    else:
        joint = rows @ means
    if clip == "each":
        return (np.clip(joint, -limit, limit),)
    return (_clipped(joint, limit, long, squares) if clip == "after" else joint,)


def _clipped(g, limit, long, squares):
    """g cut to the length limit; long: only if it is longer."""
    size = _norm(g) ** (2 if squares else 1)
    if long and size <= limit:
        return g
    return g * (limit / size if size > 0 else 1.0)


def _shard_cases(rng):
    for k in range(16):
        workers, d = int(rng.integers(3, 6)), int(rng.integers(2, 5))
        rows = rng.integers(1, 30, size=workers)
        rows[0] = 40  # so that the shards are never equal
        means = rng.normal(size=(workers, d)) * 10 ** rng.uniform(-0.5, 0.7, size=(workers, 1))
        size = _norm(rows @ means / rows.sum())
        yield {
            "means": means,
            "rows": rows,
            "limit": size * (0.4, 1.5, 1e4, 0.4)[k % 4],
        }


all_reduce = Exercise(
    name="all_reduce",
    reads="function",
    returns=("g",),
    reference=_all_reduce,
    cases=_shard_cases,
    corners=(
        (
            "a worker with no rows, whose mean is nan",
            {
                "means": np.array([[1.0, 2.0], [np.nan, np.nan], [4.0, 0.0]]),
                "rows": np.array([3, 0, 1]),
                "limit": 100.0,
            },
        ),
        (
            "a joint gradient of 0",
            {
                "means": np.array([[1.0, 0.0], [-1.0, 0.0]]),
                "rows": np.array([2, 2]),
                "limit": 1.0,
            },
        ),
    ),
    mistakes=(
        Mistake(
            {"mean": "workers"},
            "a mean of means: a row on a small shard counts for more than one on a large shard. "
            "Weigh each worker by its rows.",
        ),
        Mistake({"mean": "sum"}, "that is a sum of means; the step would grow with the workers."),
        Mistake({"mean": "rows only"}, "divide by the number of all rows: a mean is asked."),
        Mistake(
            {"clip": "before"},
            "you clip each worker's gradient, and then average. One process with the joint batch "
            "clips once, after.",
        ),
        Mistake(
            {"clip": "each"},
            "you cut every number to ±`limit`, which turns the gradient. Cut its length.",
        ),
        Mistake({"clip": "never"}, "nothing is clipped: a longer gradient is cut to `limit`."),
        Mistake(
            {"long": False},
            "short gradients are stretched to `limit`; only longer ones are cut.",
        ),
        Mistake({"squares": True}, "the root is missing: that is the square of the norm."),
        Mistake(
            {"mean": "workers", "clip": "before"},
            "you clip first and then take a mean of means. Weigh by rows, and clip once, at the "
            "end.",
        ),
    ),
)

# Hyperparameters of LAMB's first step, where β = (0.9, 0.999) and λ = ε = 0 unless said otherwise;
# "norm" is the weights', "clip" the largest quotient.
SETTINGS = {
    "a": {},
    "b": {"weight_decay": 0.1},
    "c": {"eps": 0.01},
    "d": {"clip": 10.0, "norm": 1000.0},
    "e": {"clip": 10.0, "norm": 0.1},
    "f": {"norm": 0.0},
    "g": {"beta2": 0.9},
}
_MATTERS = {
    "a": (
        False,
        "a: m/√v is m̂/√v̂ times one number for all coordinates, and the quotient of norms removes "
        "it.",
    ),
    "b": (True, "b: the decay does not grow along with m/√v, so r changes its direction."),
    "c": (True, "c: ε is added to √v̂ once, and once to √v, which is 32 times smaller."),
    "d": (True, "d: both quotients are cut to 10, so the step is as long as r, which is 3.16 times "
          "longer uncorrected."),
    "e": (False, "e: neither quotient comes near 10, so nothing is cut, and it is as in a."),
    "f": (True, "f: a quotient that is set to 1 removes nothing; the step is as long as r."),
    "g": (False, "g: the number is another one here, 0.316; the quotient removes that as well."),
}  # fmt: skip
correction_matters = choice("correction_matters", _MATTERS)

EXERCISES = (
    trust_ratio,
    lamb,
    opposite,
    lars_run,
    all_reduce,
    correction_matters,
)
