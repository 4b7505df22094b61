"""Timing in turns, and the count of what a step moves."""

import os

import numpy as np
import pytest

from optlib import rules, speed


def test_candidates_take_turns_and_the_first_call_is_not_timed():
    calls = []
    steps = {name: lambda name=name: calls.append(name) for name in "ab"}
    found = speed.rounds(steps, 3, warm=False)
    assert "".join(calls) == "ab" + "ab" * 3
    assert set(found) == {"a", "b"} and all(seconds >= 0 for seconds in found.values())
    calls.clear()
    speed.rounds(steps, 1)
    assert "".join(calls) == "ab" + "aabb"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_one_core_is_given_back():
    before = os.sched_getaffinity(0)
    with speed.one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_the_memory_floor_scales_a_copy():
    assert speed.memory_floor(2.0) == 7.0
    assert speed.memory_floor(2.0, streams=4) == 4.0


def test_operations_and_streams_are_counted():
    x = np.ones(5)
    assert speed.Counted.count(lambda a: a * 2, x) == (1, 2)  # read a, write the result
    assert speed.Counted.count(lambda a, b: a * b + 1, x, x) == (2, 5)
    assert speed.Counted.count(lambda a, b: np.multiply(a, b, out=a), x, x) == (1, 3)
    assert speed.Counted.count(lambda a: None, x) == (0, 0)


def test_counting_leaves_the_result_alone():
    seen = []

    def step(theta, g, m, v):
        seen.append(rules.adam(theta, g, m, v, t=3))

    arrays = [np.linspace(1, 2, 4, dtype=np.float32) for _ in range(4)]
    operations, streams = speed.Counted.count(step, *arrays)
    assert streams > 2 * operations > 20
    for found, expected in zip(seen[0], rules.adam(*arrays, t=3)):
        np.testing.assert_array_equal(np.asarray(found), expected)
