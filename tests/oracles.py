"""What makes the other side of each comparison of ``optlib.rules.compared``.

A row there names a call of a library, the rule it is here and the settings. ``test_parity`` runs
torch and optax beside the rules; keras, timm and pytorch_optimizer were run once by
``record_vectors.py`` into ``vectors.json``.

Gradients come from integer arithmetic, so that they are the same numbers on every machine.
"""

import ast
import functools
from dataclasses import dataclass

import numpy as np

from optlib import rules
from optlib.rules.compared import EXACT, KINDS, ROWS, STEPS, TOLERANCE, WITHOUT_ORACLE, Row

__all__ = ["EXACT", "KINDS", "ROWS", "STEPS", "TOLERANCE", "WITHOUT_ORACLE", "Row"]


def missing():
    """Registered rules that have neither a row nor a reason."""
    return set(rules.ALL) - {row.rule for row in ROWS} - set(WITHOUT_ORACLE)


# ----------------------------------------------------------------------- the problems


def checkpoints(kind):
    """The steps, counted from 0, that vectors.json keeps."""
    return [0, 19, KINDS[kind] - 1]


@functools.cache
def _uniform(seed, count):
    """Numbers in [-1, 1) with 40 binary digits, from a linear congruential generator."""
    state, out = seed * 0x9E3779B97F4A7C15 % 2**64, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 24) / 2**39 - 1)
    return np.array(out)


@dataclass(frozen=True)
class Problem:
    """Gradients g_k = slope * theta + noise[k] for each layer, from ``start``, at rates[k] * lr."""

    start: tuple
    noise: tuple
    slope: float
    rates: np.ndarray


def problem(kind, shapes):
    """A :class:`Problem` of 200 steps: one of KINDS."""
    start, noise = [], []
    for i, shape in enumerate(shapes):
        size = int(np.prod(shape))
        start.append(_uniform(7 + i, size).reshape(shape) * 2)
        bumps = sum(_uniform(100 * i + j, STEPS * size) for j in (1, 2, 3))
        noise.append(bumps.reshape(STEPS, *shape))
    if kind == "sparse":  # one entry in twelve
        for i, x in enumerate(noise):
            keep = _uniform(1000 + i, x.size).reshape(x.shape) > 5 / 6
            noise[i] = np.where(keep, x, 0.0)
    if kind == "zero":
        for x in noise:
            x[: KINDS["zero"] // 2] = 0
    if kind == "tiny":  # from zero, where such steps can be seen
        start = [0 * x for x in start]
        noise = [x * 1e-30 for x in noise]
    if kind == "huge":
        noise = [x * 1e18 for x in noise]
    rates = np.ones(STEPS)
    if kind == "schedule":
        rates = 1.5 - (np.arange(STEPS) % 8) / 8
    return Problem(tuple(start), tuple(noise), 0.5 if kind == "noisy" else 0.0, rates)


# ------------------------------------------------------------------------ the oracles


def arguments(call):
    """('torch.optim.Adam', {'amsgrad': True}) of the text torch.optim.Adam(amsgrad=True)."""
    node = ast.parse(call, mode="eval").body
    keywords = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
    return ast.unparse(node.func), keywords


def torch_path(make, problem, kind):
    """Parameters after each step of a torch optimizer: a list of (steps, *shape) arrays.

    ``make(parameters)`` builds it. Its own default rate is used unless the kind is "schedule".
    """
    import torch

    layers = [torch.nn.Parameter(torch.tensor(x, dtype=torch.float64)) for x in problem.start]
    optimizer = make(layers)
    base = optimizer.param_groups[0]["lr"]
    noise = [torch.tensor(x) for x in problem.noise]
    path = [np.empty((KINDS[kind], *x.shape)) for x in problem.start]
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of mu in the default type
    try:
        for k in range(KINDS[kind]):
            if kind == "schedule":
                optimizer.param_groups[0]["lr"] = base * float(problem.rates[k])
            for x, e in zip(layers, noise, strict=True):
                x.grad = problem.slope * x.detach() + e[k]
            optimizer.step()
            for saved, x in zip(path, layers, strict=True):
                saved[k] = x.detach().numpy()
    finally:
        torch.set_default_dtype(torch.float32)
    return path


def from_torch(row, problem, kind):
    """The path of a torch.optim optimizer in float64."""
    import torch

    name, keywords = arguments(row.call)
    build = getattr(torch.optim, name.rpartition(".")[2])
    if name.endswith("Muon"):
        return _without_bfloat16(lambda: torch_path(lambda p: build(p, **keywords), problem, kind))
    return torch_path(lambda p: build(p, **keywords), problem, kind)


def _without_bfloat16(run):
    import torch

    original = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = lambda self: self.clone()
    try:
        return run()
    finally:
        torch.Tensor.bfloat16 = original


@functools.cache
def _optax_scan(call):
    """A compiled loop over a row's optax transformation, shared by all kinds of gradients."""
    import jax
    import optax

    def loop(start, noise, slope, rates):
        transform = eval(call, {"optax": optax, "lr": lambda count: rates[count]})

        def step(carry, e):
            theta, state = carry
            g = [slope * x + n for x, n in zip(theta, e, strict=True)]
            updates, state = transform.update(g, state, theta)
            theta = optax.apply_updates(theta, updates)
            return (theta, state), theta

        return jax.lax.scan(step, (start, transform.init(start)), noise)[1]

    return jax.jit(loop)


def from_optax(row, problem, kind, base):
    """The path of an optax transformation in float64 at rates base * rates[k]."""
    import jax

    with jax.enable_x64(True):
        out = _optax_scan(row.call)(
            list(problem.start), list(problem.noise), problem.slope, base * problem.rates
        )
        return [np.asarray(x)[: KINDS[kind]] for x in out]
