"""How fast is a step? Timing in turns, and the traffic of a step in memory.

Everything is a ratio within one process: what else the machine does falls on all candidates. An
optimizer step computes little for what it moves, so the yardstick is memory: the time of one pass,
scaled to the arrays that a step has to read and write whatever the code looks like.
"""

import os
import statistics
import time
from contextlib import contextmanager

import numpy as np


@contextmanager
def one_core():
    """Only one core for this process; threads that libraries start inside inherit it."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def rounds(candidates, count, warm=True):
    """{name: median seconds} of functions without arguments, timed in turns.

    warm : call each once more, untimed, before it is timed, so that nobody pays for the caches
        that the one before has emptied.
    """
    times = {name: [] for name in candidates}
    for step in candidates.values():
        step()  # what is compiled or allocated on first use
    for _ in range(count):
        for name, step in candidates.items():
            if warm:
                step()
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def memory_floor(seconds, streams=7):
    """Seconds that so many streams take, if a pass with two of them takes the seconds given.

    The seven of an Adam step: read theta, g, m, v; write theta, m, v. The pass may be a copy; it
    first loads the lines that it is about to overwrite, which an update in place does not, so that
    a ratio below 1 is possible.
    """
    return seconds / 2 * streams


class Counted(np.ndarray):
    """An array that counts what NumPy does with it: ``operations``, and ``streams`` of an array's
    size that these read or write (scalars cost nothing)."""

    operations = streams = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        """Count one operation, then carry it out on plain arrays."""
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if out:
            options["out"] = tuple(x.view(np.ndarray) for x in out)
        result = getattr(ufunc, method)(*plain, **options)
        Counted.operations += 1
        Counted.streams += sum(np.ndim(x) > 0 for x in inputs) + 1
        return out[0] if out else result.view(Counted)

    @classmethod
    def count(cls, step, *arrays):
        """(operations, streams) of one call of step with these arrays."""
        Counted.operations = Counted.streams = 0
        step(*(np.asarray(x, dtype=np.float32).view(cls) for x in arrays))
        return Counted.operations, Counted.streams
