"""The surface in three dimensions, without a browser: arguments, scenes, and its mathematics."""

import gzip
import math

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import live, rule, run, surfaces
from optlib.live.playground import SURFACES


@rule
def shrink(theta, g, *, t, gain=0.1):
    theta = theta - gain * g
    return theta


def given(figure):
    """{setting: value}, the names of choices in place of their index."""
    spec = figure.view.spec
    return {k: spec["choices"].get(k, {}) and spec["choices"][k][v] or v
            for k, v in spec["defaults"].items()}  # fmt: skip


# ---------------------------------------------------------------------------- traits, arguments


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.playground()
    links = linked(figure)
    assert set(links) == set(figure.controls)
    assert {"step", "surface", "tune", "adam_lr"} <= set(links)
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)


def test_one_start_three_minima_at_first_sight():
    figure = live.playground()
    seen, ends = given(figure), []
    for r, taken in figure.view.spec["arguments"].items():
        lr = seen[taken["lr"]]
        path = run(r, surfaces.himmelblau, seen["start"], figure.view.spec["steps"], lr=lr)
        off = np.abs(path.theta[-1] - surfaces.himmelblau.minimisers).max(1)
        assert off.min() < 0.02
        ends.append(int(off.argmin()))
    assert len(ends) == len(set(ends)) == 3


def test_every_surface_has_a_scene_that_its_controls_can_show():
    figure = live.playground()
    spec = figure.view.spec
    assert tuple(spec["scenes"]) == SURFACES == tuple(spec["choices"]["surface"])
    assert set(SURFACES) == set(surfaces.ALL)
    for place, scene in spec["scenes"].items():
        s = surfaces.get(place)
        for name, value in scene.items():
            if name == "start":
                x, y = value or s.start
                assert s.window[0] <= x <= s.window[1] and s.window[2] <= y <= s.window[3]
            else:
                low, high = spec["limits"][name]
                assert low <= value <= high, (place, name)
            if name.endswith("lr"):
                path = run(name[:-3], s, scene["start"] or s.start, spec["steps"], lr=value)
                assert not path.diverged, (place, name)
                assert path.loss[-1] < path.loss[0], (place, name)


def test_what_is_given_stays_given():
    figure = live.playground(
        ("momentum", "adam"), "ravine", lr=0.01, start=(1, 0.5), azimuth=10.5, zoom=2.0, surfaces=()
    )
    assert given(figure)["lr"] == 0.01 and figure.view.start == [1, 0.5]
    assert (figure.view.azimuth, figure.view.zoom) == (10.5, 2.0)
    assert "surface" not in figure.controls
    assert live.playground(figure.view.spec["scenes"] and "adam", adam_lr=0.3).view.adam_lr == 0.3


def test_a_rule_without_a_rate_races_too():
    figure = live.playground(("adam", shrink), "bowl", controls=None)
    assert {"gain", "adam_lr", "beta1"} <= set(figure.controls)


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.playground(name="a"),
        lambda: live.playground("adam", "beale", surfaces=("ravine",), controls=None, lr=0.2),
        lambda: live.playground(
            ("momentum", "adam"), surfaces.quadratic((1, 50)), surfaces=(), momentum_lr=0.01
        ),
        lambda: live.playground(ranges={"adam_lr": (0.01, 1)}, shown="adam", step=3, zoom=2.0),
    ],
    ids=range(4),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    settings = {
        k: v for k, v in given(figure).items() if v != [] and len(spec["choices"].get(k, "ab")) > 1
    }
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in settings.items())])
    again = eval(f"live.playground({call})", {"live": live, "surfaces": surfaces})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": "adma"}, "adma.*adam"),
        ({"surface": "ravin"}, "ravin.*ravine"),
        ({"surfaces": ("nowhere",)}, "nowhere"),
        ({"steps": 0}, "steps is 0; allowed: a whole number from 1 to 2000"),
        ({"step": 121}, "step is 121.*0 to 120"),
        ({"start": (9, 9)}, r"start is \(9, 9\).*x from -5 to 5"),
        ({"shown": "lion"}, "shown holds 'lion'"),
        ({"azimuth": 200}, "azimuth is 200; this figure allows -180 to 180"),
        ({"elevation": 95}, "elevation is 95"),
        ({"zoom": 0}, "zoom is 0; this figure allows 0.5 to 4"),
        ({"tune": "lars"}, "tune is 'lars'; allowed"),
        ({"adam_lr": -1}, "lr must be.*got -1"),
        ({"adam_lr": 5, "ranges": {"adam_lr": (0.01, 1)}}, "adam_lr is 5; this figure allows"),
        ({"bta": 0.5}, "'bta' is no hyperparameter"),
        ({"controls": ("rate",)}, "'rate' is no hyperparameter"),
        ({"name": "my figure"}, "name is 'my figure'"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.playground(**arguments)


def test_the_still_is_a_picture():
    assert live.playground("adam", "bowl", surfaces=()).still()[:4] == b"\x89PNG"


# ---------------------------------------------------------------------------- JavaScript


@pytest.fixture(scope="module")
def module():
    return live.playground().view.module


def test_the_camera_looks_where_it_says(module, tmp_path):
    script = """
    const box = {left: 10, top: 20, width: 600, height: 400}, TALL = 0.95, out = [];
    for (const a of [-170, -32.5, 0, 45, 90, 133]) for (const e of [2.5, 30, 52, 89.5]) {
      const cam = figure.camera(box, a, e, 1), at = [0.3, -0.7, 0.4], M = cam.matrix;
      const clip = [0, 1, 2, 3].map((r) => M[r] * at[0] + M[4 + r] * at[1] + M[8 + r] * at[2] + M[12 + r]);
      const pixels = [box.left + box.width * (1 + clip[0] / clip[3]) / 2, box.top + box.height * (1 - clip[1] / clip[3]) / 2];
      const corners = [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [0, TALL].map((z) => cam.project([x, y, z]))));
      out.push([a, e, cam.project(at), pixels, corners, cam.eye, [clip[2] / clip[3]]]);
    }
    const p = (a, e, v, zoom = 1) => figure.camera(box, a, e, zoom).project(v);
    const ways = [[0, [1, 0, 0], [-1, 0, 0]], [90, [0, 1, 0], [0, -1, 0]]].map(([a, u, v]) => p(a, 30, u)[0] - p(a, 30, v)[0]);
    const up = p(20, 30, [0, 0, 0])[1] - p(20, 30, [0, 0, 1])[1], near = p(0, 30, [0, -1, 0])[1] - p(0, 30, [0, 1, 0])[1];
    const far = p(0, 30, [1, 0, 0], 2)[0] - 310, half = p(0, 30, [1, 0, 0])[0] - 310;
    console.log(JSON.stringify([out, ways, up, near, far / half]));
    """  # noqa: E501
    views, ways, up, near, zoomed = in_node(module, script, tmp_path)
    for azimuth, elevation, projected, matrix, corners, eye, depth in views:
        assert projected == pytest.approx(matrix, abs=1e-9)
        assert abs(depth[0]) < 1
        for x, y in corners:
            assert 10 <= x <= 610 and 20 <= y <= 420, (azimuth, elevation)
        flat = math.hypot(eye[0], eye[1])
        assert math.degrees(math.atan2(eye[0], -eye[1])) == pytest.approx(azimuth, abs=1e-6)
        height = eye[2] - 0.4 * 0.95
        assert math.degrees(math.atan2(height, flat)) == pytest.approx(elevation, abs=1e-6)
    assert min(ways) > 0 and up > 0 and near > 0
    assert zoomed == pytest.approx(2, rel=1e-9)


def test_heights_are_what_the_axis_says(module, tmp_path):
    script = """
    const out = {};
    for (const s of Object.values(figure.SURFACES)) {
      const mesh = figure.newMesh(s, 40), {s: unit, low, range, height} = mesh.scale;
      out[s.name] = [unit, low, range, [...mesh.h], figure.heightTicks(mesh.scale).map((v) => [v, height(v)])];
    }
    console.log(JSON.stringify(out));
    """  # noqa: E501
    found = in_node(module, script, tmp_path)
    kinds = set()
    for name, (unit, low, span, h, marks) in found.items():
        s = surfaces.get(name)
        x0, x1, y0, y1 = s.window
        x, y = np.meshgrid(np.linspace(x0, x1, 41), np.linspace(y0, y1, 41))
        loss = s(np.stack([x, y])).ravel()
        lowest = min(loss.min(), s.lowest) if s.minimisers else loss.min()
        assert low == pytest.approx(lowest, abs=1e-9) and span == pytest.approx(loss.max() - low)
        above = loss - low
        truth = np.log1p(above / unit) / np.log1p(span / unit) if unit else above / span
        np.testing.assert_allclose(h, truth, atol=1e-9, err_msg=name)
        assert min(h) >= 0 and max(h) == pytest.approx(1)
        kinds.add(bool(unit))
        if unit:
            assert np.median(h) == pytest.approx(0.5, abs=0.01), name
        values, heights = np.array(marks).T
        assert len(marks) >= 3 and (np.diff(heights) > 0.12).all(), name
        assert (values <= low + span).all() and heights[-1] - heights[0] > 0.45, name
    assert kinds == {True, False}


def test_what_stands_before_a_point_hides_it(module, tmp_path):
    script = """
    const box = {left: 0, top: 0, width: 500, height: 400}, mesh = figure.newMesh(figure.SURFACES.himmelblau, 144);
    const on = (x, y) => [x, y, 0.95 * figure.heightAt(mesh, x, y) + 0.004];
    const seen = (a, e, p) => !figure.hidden(mesh, figure.camera(box, a, e, 1).eye, p);
    const all = [];
    for (let x = -0.95; x < 1; x += 0.19) for (let y = -0.95; y < 1; y += 0.19) all.push(on(x, y));
    const share = (e) => all.filter((p) => seen(30, e, p)).length / all.length;
    const pit = on(-0.7559, -0.6566), rim = on(-1, -1);
    console.log(JSON.stringify([share(89), share(50), share(5), seen(-45, 10, pit), seen(-45, 10, rim), figure.heightAt(mesh, 1, 1), mesh.h.at(-1)]));
    """  # noqa: E501
    above, slanted, level, pit, rim, corner, last = in_node(module, script, tmp_path)
    assert above == 1 and above > slanted > level > 0.02
    assert (pit, rim) == (False, True)
    assert corner == last


def test_the_module_is_small_and_closed(module):
    assert "eval(" not in module and "new Function" not in module and "http" not in module
    assert module.count("export default") == 1
    assert len(gzip.compress(module.encode())) < 25_000
