"""`python -m optlib.experiments --check`: every record holds, and a falsified one does not."""

import copy
import functools
import json
import types

import pytest

from optlib import experiments
from optlib.experiments import __main__ as command
from optlib.experiments import check as checking
from optlib.experiments.check import check, choose, differences

CHEAP = "momentum_batch"


@pytest.mark.parametrize("name", experiments.NAMES)
def test_every_record_holds(name):
    verdict = check(name)
    assert not verdict.problems, str(verdict)
    assert verdict.repeated == min(checking.COUNT, verdict.runs)


@functools.cache
def found():
    return experiments.load(CHEAP)


def falsified(tmp_path, change):
    """The check's problems with a copy of the cheap record in which something was changed."""
    record = copy.deepcopy(found())
    change(record)
    (tmp_path / f"{CHEAP}.json").write_text(json.dumps(record))
    return check(CHEAP, folder=tmp_path).problems


def test_a_number_changed_in_a_repeated_run_is_named(tmp_path):
    place = found()["runs"].index(choose(found()["runs"])[0])
    run = found()["runs"][place]

    def change(record):
        record["runs"][place]["result"]["gap"][-1] *= 1.01

    problems = falsified(tmp_path, change)
    line = next(problem for problem in problems if "result.gap[0]" in problem)
    assert f'"lr": {run["lr"]}' in line and f'"seed": {run["seed"]}' in line
    assert f"now {run['result']['gap'][-1]}" in line


def test_a_number_changed_in_another_run_moves_the_summary(tmp_path):
    repeated = choose(found()["runs"])
    seeds = found()["parameters"]["seeds"]
    place, run = next(
        (k, r) for k, r in enumerate(found()["runs"]) if r["seed"] in seeds and r not in repeated
    )

    def change(record):
        record["runs"][place]["result"]["gap"][-1] *= 1.01

    problems = falsified(tmp_path, change)
    assert problems and all(problem.startswith("summary.by_batch") for problem in problems)
    assert all(f".{run['beta']}." in problem for problem in problems)


@pytest.mark.parametrize("key", ["log10_gap", "lr", "on_edge"])
def test_a_value_changed_in_the_summary_is_named(tmp_path, key):
    def change(record):
        row = record["summary"]["by_batch"]["all"]["0.9"]
        row[key] = not row[key] if key == "on_edge" else row[key] * 1.001

    problems = falsified(tmp_path, change)
    assert [problem.split(":")[0] for problem in problems] == [f"summary.by_batch.all.0.9.{key}"]


@pytest.mark.parametrize(
    "change, named",
    [
        (lambda p: p.update(ridge=1.001e-4), "parameters.ridge: recorded 0.0001001, now 0.0001"),
        (lambda p: p["seeds"].append(10), "parameters.seeds: recorded [0, 1, 2"),
        (lambda p: p.update(criterion="as we like it"), 'criterion: recorded "as we like it"'),
        (lambda p: p.pop("fixed"), 'parameters.fixed: recorded "nothing", now "after pilots'),
        (lambda p: p.update(more=1), 'parameters.more: recorded 1, now "nothing"'),
    ],
)
def test_a_changed_parameter_is_named(tmp_path, change, named):
    problems = falsified(tmp_path, lambda record: change(record["parameters"]))
    assert len(problems) == 1 and named in problems[0]


@pytest.mark.parametrize(
    "change, named",
    [
        (lambda runs: runs.pop(7), "in the plan, not in the record"),
        (lambda runs: runs[7].update(seed=77), "in the record, not in the plan"),
        (lambda runs: runs.append(runs[7]), "recorded twice"),
    ],
)
def test_runs_that_are_not_those_of_the_plan_are_named(tmp_path, change, named):
    problems = falsified(tmp_path, lambda record: change(record["runs"]))
    assert any(named in problem for problem in problems)


def test_the_command_says_which_record_fails_and_ends_with_an_error(tmp_path, capsys, monkeypatch):
    record = copy.deepcopy(found())
    record["summary"]["minimum"] *= 1.001
    (tmp_path / f"{CHEAP}.json").write_text(json.dumps(record))
    monkeypatch.setattr(command, "check", functools.partial(check, folder=tmp_path))
    assert command.main(["--check", CHEAP, "edge_of_stability"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{CHEAP}       DISAGREES") and "summary.minimum" in lines[1]
    assert lines[2].startswith("edge_of_stability    NO RECORD") and lines[3].startswith("0 of 2")
    monkeypatch.setattr(command, "check", check)
    assert command.main(["--check", CHEAP]) == 0
    assert "agrees" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["--whole"])
    with pytest.raises(SystemExit):
        command.main(["--check", "no_such_experiment"])


def toy(drift=0.0, **more):
    """Nine runs of an experiment whose code has drifted from its record by `drift`."""
    return types.SimpleNamespace(
        PARAMETERS={"steps": 5},
        plan=lambda done: [{"seed": k} for k in range(9)],
        one=lambda seed, steps=5: {"loss": [seed + k + drift * (k == 4) for k in range(steps)]},
        summary=lambda runs: {"runs": len(runs)},
        **more,
    )


def toy_record(folder, falsify=None):
    experiment = toy()
    runs = [{"seed": k, "seconds": 0.0, "result": experiment.one(k)} for k in range(9)]
    if falsify is not None:
        runs[falsify]["result"]["loss"][2] += 0.1
    record = {"parameters": {"steps": 5}, "summary": {"runs": 9}, "runs": runs}
    (folder / "toy.json").write_text(json.dumps(record))


def test_a_part_sees_what_it_repeats_and_the_whole_sees_all(tmp_path):
    toy_record(tmp_path)
    at = {"folder": tmp_path}
    assert not check("toy", experiment=toy(), **at).problems
    assert len(check("toy", experiment=toy(drift=0.1), **at).problems) == 3

    def shorten(run):
        return {"seed": run["seed"], "steps": 3}, {"loss": run["result"]["loss"][:3]}

    assert not check("toy", experiment=toy(drift=0.1, shorten=shorten), **at).problems
    whole = check("toy", experiment=toy(drift=0.1, shorten=shorten), whole=True, **at)
    assert len(whole.problems) == 9 and "result.loss[4]" in whole.problems[0]
    assert "and 4 more" in str(whole)

    toy_record(tmp_path, falsify=0)  # no run that a part repeats
    assert not check("toy", experiment=toy(), **at).problems
    whole = check("toy", experiment=toy(), whole=True, jobs=2, **at).problems
    assert whole == ['run {"seed": 0}, result.loss[2]: recorded 2.1, now 2.0']


def test_runs_that_shorten_leaves_out_are_not_repeated():
    runs = [{"seed": k, "seconds": 9.0, "result": {}} for k in range(9)]
    odd = choose(runs, lambda run: ({}, {}) if run["seed"] % 2 else None)
    assert [run["seed"] for run in odd] == [1, 5, 7]
    runs[4]["seconds"] = 1.0
    assert len(choose(runs)) == 3  # where most are long, the shorter half
    for run in runs[:6]:
        run["seconds"] = 1.0
    assert all(run["seconds"] == 1.0 for run in choose(runs))
    runs[3]["result"]["diverged"] = 7
    assert runs[3] not in choose(runs)


@pytest.mark.parametrize(
    "recorded, now, named",
    [
        ({"a": 1.0}, {"a": 1.0000001}, []),
        ({"a": 1.0}, {"a": 1.01}, ["x.a: recorded 1.0, now 1.01"]),
        ({"a": None}, {"a": 1.0}, ["x.a: recorded null, now 1.0"]),
        ({"a": True}, {"a": 1}, ["x.a: recorded true, now 1"]),
        ([1, [2, 3]], [1, [2, 4]], ["x[1][1]: recorded 3, now 4"]),
        ([1, 2], [1], ["x: recorded [1, 2], now [1]"]),
        ("a", "b", ['x: recorded "a", now "b"']),
        (1e-9, 2e-9, []),
    ],
)
def test_differences_are_named_by_their_place(recorded, now, named):
    assert differences("x", recorded, now, 1e-5, 1e-7) == named
