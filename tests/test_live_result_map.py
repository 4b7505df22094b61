"""A map of recorded runs without a browser: what it takes, and what it makes of them."""

import json

import numpy as np
import pytest
from scipy import stats
from test_live import in_node, linked

from optlib import experiments, live


def runs(diverged=()):
    """Two by three cells with three seeds, the best at lr 0.1 and batch 8."""
    made = []
    for lr in (0.01, 0.1, 1.0):
        for batch in (8, 64):
            for seed in range(3):
                end = abs(np.log10(lr / 0.1)) + 0.1 + 0.05 * (batch == 64) + 0.01 * seed
                made.append({"lr": lr, "batch_size": batch, "seed": seed, "result": {
                    "loss": [3.0, 2.0 - seed / 10, end],
                    "diverged": 2 if (lr, batch, seed) in diverged else None}})  # fmt: skip
    return made


def made(record=None, **changes):
    usual = {"x": "lr", "y": "batch_size", "value": "loss", "curves": "loss"}
    return live.result_map(runs() if record is None else record, **{**usual, **changes})


def seen(figure, tmp_path, **changes):
    spec = figure.view.spec
    at = {k: spec["choices"][k][v] for k, v in spec["defaults"].items()}
    script = f"""
    const at = {json.dumps({**at, **changes})};
    const found = figure.compute({json.dumps(spec)}, (name) => at[name]);
    const spelt = (k, v) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
    console.log(JSON.stringify(found, spelt));
    """
    return in_node(figure.view.module, script, tmp_path)


def test_controls_are_linked_and_the_best_cell_is_shown_first():
    figure = made()
    links = linked(figure)
    assert set(links) == set(figure.controls) == {"column", "row"}
    assert all(trait == "index" for _, trait in links.values())
    assert (figure.view.column, figure.view.row) == (1, 0)
    assert figure.controls["column"].description == "step size η"
    other = made(column=1.0, row="64", labels={"lr": "rate"})
    assert (other.view.column, other.view.row) == (2, 1)
    assert other.controls["column"].description == "rate"


def test_mean_and_interval_are_those_of_the_seeds(tmp_path):
    found = seen(made(), tmp_path, column="1", row="64")
    values = [1.15, 1.16, 1.17]
    assert found["here"]["mean"] == pytest.approx(1.16) and found["here"]["n"] == 3
    half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert found["here"]["half"] == pytest.approx(half, rel=1e-6)
    assert found["here"]["curves"][1] == [3.0, 1.9, 1.16]
    assert (found["best"]["c"], found["best"]["r"]) == (1, 0)


def test_an_edge_is_told_where_there_is_an_order(tmp_path):
    assert seen(made(), tmp_path)["edges"] == [], "two rows have no inside"
    shifted = [r for r in runs() if r["lr"] < 1] + [{**r, "lr": 1e-3} for r in runs()[-6:]]
    assert seen(made(shifted), tmp_path)["edges"] == ["largest step size η"]
    named = [{**r, "lr": f"rule {r['lr']}"} for r in shifted]
    assert seen(made(named), tmp_path)["edges"] == []


def test_a_page_that_fills_part_of_the_grid_has_its_own_edges(tmp_path):
    page = [{**r, "part": "all"} for r in runs()]
    page += [{**r, "lr": lr, "part": "all"} for lr in (1e-3, 10.0) for r in runs()[-6:]]
    page += [{**r, "part": "few"} for r in page if r["lr"] >= 0.1]  # the best at its low end
    figure = made(page, pages="part", curves=None)
    assert seen(figure, tmp_path)["edges"] == []
    assert seen(figure, tmp_path, page="few")["edges"] == ["smallest step size η"]


def test_a_run_that_diverged_takes_its_cell_out(tmp_path):
    record = runs({(0.1, 8, 1)})
    found = seen(made(record), tmp_path, column="0.1", row="8")
    assert found["here"]["mean"] == "Infinity" and found["here"]["values"][1] is None
    assert (found["best"]["c"], found["best"]["r"]) == (1, 1)
    assert made(record).view.row == 1
    upward = made(record, lower=False)
    assert seen(upward, tmp_path, column="0.1", row="8")["here"]["mean"] == "-Infinity"
    assert upward.view.column in (0, 2)


def test_missing_cells_pages_and_functions(tmp_path):
    holes = [r for r in runs() if (r["lr"], r["batch_size"]) != (1.0, 64)]
    assert seen(made(holes), tmp_path)["cells"][1][2] is None
    both = [{**r, "clip": c} for r in runs() for c in (False, True)]
    figure = made(both, pages="clip", page=True)
    assert figure.controls["page"].options == ("no", "yes") and figure.view.page == 1

    def first_fall(run):
        return run["loss"][0] - run["loss"][1]

    figure = made(value=first_fall, curves=None, labels={"value": "first fall"})
    assert seen(figure, tmp_path)["here"]["values"] == [1.0, 1.1, 1.2]
    assert "first fall" in figure.view.spec["alt"] and not figure.view.spec["curves"]


def test_curves_are_thinned_and_keep_their_steps(tmp_path):
    long = [{**r, "result": {"loss": [float(k) for k in range(101)]}} for r in runs()]
    figure = made(long, times=5, points=11)
    times = in_node(
        figure.view.module, "console.log(JSON.stringify(figure.RESULTS.times))", tmp_path
    )
    assert times == [50 * k for k in range(11)]
    assert seen(figure, tmp_path)["here"]["curves"][0] == [10.0 * k for k in range(11)]


RECORDS = {
    "bias_correction": {"x": "lr", "y": "beta2", "value": "loss", "curves": "loss",
                        "pages": "corrected", "where": {"beta1": 0.9}, "times": (0, 120, 1200)},
    "adam_digits": {"x": "lr", "y": "method", "value": "gap", "where": {"seed": [100, 101, 102]}},
    "edge_of_stability": {"x": "lr", "y": "seed", "value": "loss", "curves": "loss", "times": 50},
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_the_book_is_one_call(name, tmp_path):
    record = experiments.load(name)
    figure = live.result_map(record, name="map", **RECORDS[name])
    found, spec = seen(figure, tmp_path), figure.view.spec
    assert found["here"] == found["best"] and len(figure.view._own) < 12_000
    cell = [
        r["result"][RECORDS[name]["value"]]
        for r in record["runs"]
        if f"{r['lr']:.4g}" == spec["choices"]["column"][found["column"]]
        and all(r[k] in (v if isinstance(v, list) else [v])
                for k, v in RECORDS[name].get("where", {}).items())
    ]  # fmt: skip
    ends = [v[-1] for v in cell]
    assert all(any(v == pytest.approx(e, rel=1e-3) for e in ends) for v in found["here"]["values"])
    choices = {k: v[spec["defaults"][k]] for k, v in spec["choices"].items() if len(v) > 1}
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in choices.items())])
    again = eval(f"live.result_map({call})", {"live": live, "experiments": experiments})
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}
    assert figure.still()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": "rate"}, "'rate' is no setting of the runs; they have lr, batch_size, seed"),
        ({"pages": "clip"}, "'clip' is no setting"),
        ({"y": "lr"}, "x and y are both 'lr'"),
        ({"where": {"seed": 9}}, "where is {'seed': 9}; no run is left"),
        ({"value": "gap"}, "value is 'gap'; a run has lr"),
        ({"curves": "gap"}, "curves is 'gap'; not every run has a list"),
        ({"times": (0, 1)}, r"times is \(0, 1\); allowed: one number, or 3 that grow"),
        ({"times": (0, 2, 1)}, "times is"),
        ({"points": 1}, "points is 1; allowed: a whole number from 2 to 400"),
        ({"column": 5}, "column is 5; allowed: 0.01, 0.1, 1"),
        ({"row": "9"}, "row is '9'; allowed: 8, 64"),
        ({"record": []}, "'lr' is no setting of the runs; they have nothing"),
        ({"name": "my map"}, "name is 'my map'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises(ValueError, match=words):
        made(**arguments)


def test_all_diverged_is_an_error():
    every = {(lr, b, s) for lr in (0.01, 0.1, 1.0) for b in (8, 64) for s in range(3)}
    with pytest.raises(ValueError, match="every run diverged"):
        made(runs(every))
