"""Speed of one optimizer step and of a sweep, as ratios: `.venv/bin/python tools/bench_steps.py`

Everything runs on one core, in one process, in turns: each round times every candidate once, so
that whatever else the machine does falls on all of them. A ratio divides medians over the rounds.
The memory floor of an Adam step is the time of its seven streams (read theta, g, m, v; write
theta, m, v) at the bandwidth of a copy, measured in the same rounds. A ratio a little below 1 is
possible: a copy first loads the lines that it is about to overwrite, an update in place does not.
"""

import sys
import tracemalloc

import numpy as np

from optlib.speed import memory_floor, one_core, rounds

SIZES = {10_000: 60, 1_000_000: 30, 10_000_000: 9}  # elements: rounds
BLOCK = 16_384  # elements whose seven arrays stay in the processor's cache
BUDGET, BUDGET_CHECKED = 2.2, 2.5


def arrays(size):
    generator = np.random.default_rng(0)
    return [generator.random(size, dtype=np.float32) for _ in range(4)]


def numpy_steps(size):
    """The readable rule on whole arrays, and on blocks that fit the cache."""
    from optlib.rules import adam

    hyper = adam.check({})
    theta, g, m, v = arrays(size)

    def readable():
        adam.step(theta, g, (m, v), 10, hyper)

    def in_blocks():
        for first in range(0, size, BLOCK):
            part = slice(first, first + BLOCK)
            new, state = adam.step(theta[part], g[part], (m[part], v[part]), 10, hyper)
            theta[part] = new
            m[part], v[part] = state

    return {"rule on NumPy": readable, f"rule on NumPy, blocks of {BLOCK}": in_blocks}


def torch_steps(size):
    """TorchRule eager and compiled, with and without the test for nan; torch.optim three ways."""
    import torch

    from optlib.torch_optim import TorchRule

    def stepper(make):
        p = torch.nn.Parameter(torch.from_numpy(arrays(size)[0]))
        p.grad = torch.from_numpy(arrays(size)[1])
        return make([p]).step

    return {
        "TorchRule": stepper(lambda p: TorchRule(p, "adam")),
        "TorchRule compiled": stepper(lambda p: TorchRule(p, "adam", compile=True)),
        "TorchRule compiled, check=False": stepper(
            lambda p: TorchRule(p, "adam", compile=True, check=False)
        ),
        "torch.optim single": stepper(lambda p: torch.optim.Adam(p, foreach=False)),
        "torch.optim foreach": stepper(lambda p: torch.optim.Adam(p, foreach=True)),
        "torch.optim fused": stepper(lambda p: torch.optim.Adam(p, fused=True)),
    }


def jax_steps(size):
    """The rule and optax under jax.jit, old buffers given back; nothing where JAX is missing."""
    try:
        import jax
        import optax
    except ImportError:
        return {}
    from optlib.rules import adam

    hyper = adam.check({})
    theta, g, *moments = (jax.numpy.asarray(a) for a in arrays(size))
    rule = jax.jit(
        lambda theta, state, g, t: adam.step(theta, g, state, t, hyper), donate_argnums=(0, 1)
    )
    here = [theta + 0, tuple(moments)]

    def rule_jit():
        here[:] = jax.block_until_ready(rule(*here, g, 10.0))

    optimizer = optax.adam(1e-3)

    def update(theta, state, g):
        change, state = optimizer.update(g, state)
        return optax.apply_updates(theta, change), state

    compiled = jax.jit(update, donate_argnums=(0, 1))
    there = [theta + 0, optimizer.init(theta)]

    def optax_jit():
        there[:] = jax.block_until_ready(compiled(*there, g))

    return {"rule, jax.jit": rule_jit, "optax, jax.jit": optax_jit}


def steps():
    """One Adam step, float32, one thread, over the memory floor."""
    import torch

    rows = []
    with one_core():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for size, count in SIZES.items():
            source, target = arrays(size)[:2]
            copy = {"copy": lambda a=source, b=target: np.copyto(b, a)}
            found = rounds(copy | numpy_steps(size) | torch_steps(size) | jax_steps(size), count)
            floor = memory_floor(found.pop("copy"))
            label = f"Adam, {size:.0e}".replace("e+0", "e")
            rows.append((f"{label}: memory floor", f"{floor * 1e3:.3g} ms", "", None))
            for name, seconds in found.items():
                budget = {
                    "TorchRule compiled": BUDGET_CHECKED,
                    "TorchRule compiled, check=False": BUDGET,
                }.get(name if size == max(SIZES) else None)
                ratio = seconds / floor
                rows.append(
                    (
                        f"{label}: {name}",
                        f"x {ratio:.2f}",
                        f"x {budget}" if budget else "",
                        ratio <= budget if budget else None,
                    )
                )
            if size == max(SIZES):
                ratio = found["TorchRule compiled"] / found["torch.optim foreach"]
                rows.append((f"{label}: compiled / foreach", f"x {ratio:.2f}", "x 1", ratio < 1))
        torch.set_num_threads(threads)
    return rows


def sweep_speed():
    """200 x 200 step sizes and beta1 x 500 Adam steps: optlib.sweep, a loop, jax.vmap."""
    from optlib import run, surfaces, sweep

    surface, count = surfaces.ravine, 500
    lr, beta1 = np.logspace(-4, 1, 200), np.linspace(0, 0.99, 200)
    grid = {"lr": lr[:, None], "beta1": beta1}

    def whole():
        return sweep("adam", surface, surface.start, count, **grid)

    def few():  # twenty cells of the grid, spread over it
        for k in range(20):
            run("adam", surface, surface.start, count, lr=lr[10 * k], beta1=beta1[199 - 10 * k])

    with one_core():
        candidates = {"sweep": whole, "loop": few, "vmap": _vmap(surface, count, lr, beta1)}
        found = rounds({k: f for k, f in candidates.items() if f}, 3, warm=False)
        tracemalloc.start()
        whole()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    seconds, loop = found["sweep"], found["loop"] * lr.size * beta1.size / 20
    rows = [
        ("sweep, 200 x 200 x 500 Adam steps", f"{seconds:.2f} s", "1.5 s", seconds <= 1.5),
        ("  its peak memory", f"{peak:.0f} MB", "50 MB", peak <= 50),
        ("  a loop over run (extrapolated) / sweep", f"x {loop / seconds:.0f}", "", None),
    ]
    if "vmap" in found:
        rows.append(("  jax.vmap + scan / sweep", f"x {found['vmap'] / seconds:.2f}", "", None))
    return rows


def _vmap(surface, count, lr, beta1):
    """The same grid by jax.vmap over a scan, in float64; None where JAX is missing."""
    try:
        import jax
    except ImportError:
        return None
    from optlib.rules import adam

    def one(lr, beta1):
        hyper = adam.check({}) | {"lr": lr, "beta1": beta1}
        start = jax.numpy.array(surface.start)

        def step(carry, t):
            theta, state, best = carry
            theta, state = adam.step(theta, gradient(theta), state, t, hyper)
            return (theta, state, jax.numpy.fmin(best, loss(theta))), None

        first = (start, adam.init(start), loss(start))
        return jax.lax.scan(step, first, jax.numpy.arange(1.0, count + 1))[0]

    def loss(theta):
        return (theta[0] ** 2 + 100 * theta[1] ** 2) / 2

    gradient = jax.grad(loss)
    with jax.enable_x64(True):
        mapped = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))

        def whole():
            with jax.enable_x64(True):
                return jax.block_until_ready(mapped(lr, beta1))

        return whole


MEASUREMENTS = [steps, sweep_speed]


if __name__ == "__main__":
    for measure in MEASUREMENTS:
        if len(sys.argv) < 2 or measure.__name__ in sys.argv[1:]:
            for what, measured, budget, within in measure():
                over = "  OVER" if within is False else ""
                print(f"{what:58} {measured:>12} {budget:>12}{over}", flush=True)
