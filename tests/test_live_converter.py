"""The converter without a browser: its controls, and the JavaScript against the table in Python."""

import json

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import conversions, live
from optlib.conversions import DIALECTS, LIBRARIES
from optlib.live.converter import distance, paths


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.converter()
    links = linked(figure)
    assert set(links) == set(figure.controls) == set(figure.view.spec["defaults"])
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
    for dialect in DIALECTS.values():
        assert set(dialect.arguments) <= set(links), dialect.name


def test_the_sources_defaults_are_shown_and_can_be_changed():
    figure = live.converter("keras.optimizers.Adagrad", "torch", lr=0.5, eps=1e-8, centered=True)
    view = figure.view
    assert view.spec["choices"]["source"][view.source] == "keras.optimizers.Adagrad"
    assert (view.lr, view.initial_accumulator, view.centered) == (0.5, 0.1, True)
    assert view.spec["choices"]["eps"][view.eps] == "1e-8"
    assert live.converter("torch.optim.Adagrad").view.initial_accumulator == 0


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_every_default_can_be_shown(dialect):
    assert live.converter(dialect.name).view.spec["defaults"]["lr"] == dialect.arguments["lr"]


def seen(figure, tmp_path, asked):
    """What JavaScript computes for each of a list of settings."""
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, out = [];
    for (const asked of {json.dumps(asked)}) {{
      const data = figure.compute(spec, (name) => asked[name], {{}});
      const words = ({{name, call, values, reasons, notes}}) => ({{name, call, values, reasons, notes}});
      out.push({{
        call: data.call, found: data.found.map(words), shown: data.shown?.name ?? null,
        paths: data.series.map((s) => [s.key, s.path.map((p) => [...p].map(String)), s.most ?? null]),
      }});
    }}
    console.log(JSON.stringify(out));
    """  # noqa: E501
    return in_node(figure.view.module, script, tmp_path)


def every_question():
    """Each optimizer into each library, at two settings, with and without a change of the rate."""
    other = {"beta": 0.5, "beta1": 0.5, "eps": "0.01", "l2": 0.1, "weight_decay": 0.1}
    other |= {"damping": 0.3, "clip_norm": 0.7, "centered": True, "momentum_decay": 1}
    other |= {"initial_accumulator": 0.2}
    for k, d in enumerate(DIALECTS.values()):
        usual = {
            key: conversions.number(v) if key == "eps" else v for key, v in d.arguments.items()
        }
        for library in LIBRARIES:
            for changed in (usual, {**usual, **{k: v for k, v in other.items() if k in usual}}):
                size = (1e-4, 1.0, 50.0)[k % 3]
                yield {"source": d.name, "target": library, "changes": k % 2 == 0, "size": size,
                       **changed}  # fmt: skip


def test_javascript_is_the_table_and_the_runs_of_python(tmp_path):
    questions = list(every_question())
    figure = live.converter()
    answers = seen(figure, tmp_path, questions)
    kinds = set()
    for asked, answer in zip(questions, answers, strict=True):
        values = {k: float(v) for k, v in asked.items() if k in DIALECTS[asked["source"]].arguments}
        at = (asked["source"], asked["target"], values)
        found = [
            c
            for c in conversions.into(*at, changes=asked["changes"])
            if c.target != asked["source"]
        ]
        assert answer["call"] == conversions.write_call(asked["source"], values)
        assert [c["name"] for c in answer["found"]] == [c.target for c in found]
        for theirs, ours in zip(answer["found"], found, strict=True):
            assert theirs.get("call") == ours.call
            assert (theirs["reasons"], theirs["notes"]) == (list(ours.reasons), list(ours.notes))
            if ours.values is not None:
                assert theirs["values"] == pytest.approx(ours.values, rel=1e-14)
        truth = paths(*at, changes=asked["changes"], size=asked["size"])
        assert answer["shown"] == (truth[0].target if truth[0] else None)
        wanted = dict(zip(("from", "to", "same"), truth[1:]))
        assert [key for key, *_ in answer["paths"]] == [
            k for k, v in wanted.items() if v is not None
        ]
        for key, places, most in answer["paths"]:
            kinds.add(key)
            np.testing.assert_allclose(
                np.array(places, float), wanted[key], rtol=1e-9, atol=1e-12, err_msg=f"{at} {key}"
            )
            if key == "to":
                assert most < 1e-9
    assert kinds == {"from", "to", "same"}


@pytest.mark.parametrize(
    "value", [0, 1e-8, 0.1000001, 1 / 3, 10000.0, 123456.75, 2.5e-5, 1e6, 0.3 - 0.1]
)
def test_numbers_are_written_alike(value, tmp_path):
    script = f"console.log(JSON.stringify(figure.numberText({value!r})));"
    assert in_node(live.converter().view.module, script, tmp_path) == conversions.number(value)


def test_the_call_that_is_copied_makes_the_same_figure():
    figure = live.converter("timm.optim.Lamb", "optax", size=0.1, changes=True, eps=1e-8)
    spec = figure.view.spec
    at = {k: spec["choices"].get(k, {v: v})[v] for k, v in spec["defaults"].items()}
    text = ", ".join(f"{k}={v!r}" for k, v in at.items())
    again = eval(f"live.converter({text})", {"live": live})
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    "arguments",
    [{}, {"target": "timm"}, {"source": "torch.optim.Adam", "target": "keras", "eps": 1},
     {"source": "keras.optimizers.SGD", "target": "torch", "changes": True}],
)  # fmt: skip
def test_pages_without_scripts_have_a_picture(arguments):
    assert live.converter(**arguments).still()[:4] == b"\x89PNG"


def test_first_sight():
    shown, mine, found, hasty = paths("torch.optim.AdamW", "papers")
    assert shown.call.endswith("λ = 1e-5")
    assert distance(mine, found) < 1e-12 and distance(mine, hasty) > 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"source": "torch.Adam"}, "no optimizer named 'torch.Adam'"),
        ({"target": "jax"}, "target is 'jax'; allowed: 'torch'"),
        ({"learning_rate": 1}, "no argument 'learning_rate'; allowed: lr, beta"),
        ({"lr": 100}, "lr is 100; this figure allows 1e-06 to 10"),
        ({"beta1": 1}, "beta1 is 1; this figure allows 0 to 0.999"),
        ({"eps": 3e-8}, "eps is 3e-08; allowed: 0, 1e-10"),
        ({"eps": None}, "eps is None; allowed"),
        ({"size": 0}, "size is 0; this figure allows"),
        ({"name": "my converter"}, "name is 'my converter'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises(ValueError, match=words):
        live.converter(**arguments)
