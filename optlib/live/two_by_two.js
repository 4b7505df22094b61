// A 2×2 map, applied again and again: its place among all of them by trace and determinant, its
// eigenvalues, the orbit of a start, and how the length grows or shrinks. PRESETS is Python's.

const NAMES = ["a", "b", "c", "d"];
const REACH = { trace: 2.6, low: -1.3, high: 1.6, eigenvalue: 1.65 };
const INKS = { start: ["#0069a8", "#58b0ff"], worst: ["#767676", "#8b949e"], power: ["#c44e00", "#ff9a5c"], growth: ["#8250df", "#c297ff"] };

const times2 = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];

// Largest singular value.
function length2([a, b, c, d]) {
  const sum = a * a + b * b + c * c + d * d, det = a * d - b * c;
  return Math.sqrt((sum + Math.sqrt(Math.max(0, sum * sum - 4 * det * det))) / 2);
}

function eigenvalues([a, b, c, d]) {
  const half = (a + d) / 2, root = half * half - (a * d - b * c), size = Math.sqrt(Math.abs(root));
  if (Math.abs(root) < 1e-6) return [[half, 0], [half, 0]];
  return root < 0 ? [[half, size], [half, -size]] : [[half + size, 0], [half - size, 0]];
}

// The matrix of this trace and determinant that keeps a - d and b (b = 1 if it was 0).
function moved2([a, b, c, d], trace, det) {
  const p = (trace + a - d) / 2, q = (trace - a + d) / 2, off = b || 1;
  return [p, off, (p * q - det) / off, q];
}

function follow2(m, start, steps) {
  const z = [start.slice()], norm = [1], worst = [1], first = Math.hypot(...start) || 1;
  let [x, y] = start, power = [1, 0, 0, 1];
  for (let k = 1; k <= steps; k++) {
    [x, y] = [m[0] * x + m[1] * y, m[2] * x + m[3] * y];
    power = times2(m, power);
    z.push([x, y]);
    norm.push(Math.hypot(x, y) / first);
    worst.push(length2(power));
  }
  return { z, norm, worst };
}

function compute(spec, get, memo = {}) {
  const m = NAMES.map(get), start = get("start"), { steps } = spec, values = eigenvalues(m);
  const rho = Math.max(...values.map((v) => Math.hypot(...v)));
  const kind = nature([m.slice(0, 2), m.slice(2)]), single = kind === "repeated" && (m[1] !== 0 || m[2] !== 0);
  const powers = Array.from({ length: steps + 1 }, (_, k) => rho ** k);
  return { m, start, steps, hidden: memo.asking === true, asks: Boolean(spec.predict), step: get("step"), values, rho, kind, single, trace: m[0] + m[3], det: m[0] * m[3] - m[1] * m[2], powers, growth: single ? powers.map((v, k) => k * v) : null, ...follow2(m, start, steps) };
}

const spelled = ([[p, q], [r]]) => (q ? `${fine(p)} ± ${fine(Math.abs(q))}i` : p === r ? `${fine(p)}, twice` : `${fine(p)} and ${fine(r)}`);
const verdict = (rho) => (rho > 1 + 1e-12 ? "grows" : rho < 1 - 1e-12 ? "shrinks in the end" : "neither grows nor shrinks for good");

// ---- the panels

function drawPlane(ctx, { trace, det }, { theme }, box) {
  const x = { low: -REACH.trace, high: REACH.trace, name: "trace a + d" }, y = { low: REACH.low, high: REACH.high, name: "determinant ad − bc" };
  const { X, Y } = axes(ctx, box, x, y, theme);
  inside(ctx, box, () => {
    const region = (points, fill) => {
      ctx.beginPath();
      polygon(ctx, points.map(([u, v]) => [X(u), Y(v)]));
      ctx.fillStyle = fill;
      ctx.fill();
    };
    const parabola = Array.from({ length: 81 }, (_, k) => -3 + (6 * k) / 80).map((u) => [u, (u * u) / 4]);
    region([...parabola, [3, 3], [-3, 3]], theme.dark ? "#58b0ff26" : "#0069a81c");
    region([[-2, 1], [2, 1], [0, -1]], theme.dark ? "#7ee78730" : "#1a7f3722");
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 2;
    polyline(ctx, 4, (k) => X([-2, 2, 0, -2][k]), (k) => Y([1, 1, -1, 1][k]));
    ctx.lineWidth = 1.2;
    ctx.setLineDash([5, 4]);
    polyline(ctx, parabola.length, (k) => X(parabola[k][0]), (k) => Y(parabola[k][1]));
    ctx.setLineDash([]);
    Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "center", textBaseline: "middle" });
    for (const [text, u, v] of [["complex", 0, 1.35], ["complex, ρ < 1", 0, 0.55], ["real, ρ < 1", 0, -0.4], ["real", -1.9, -0.6], ["repeated", 2.05, 1.32]]) halo(ctx, text, X(u), Y(v), theme);
  });
}

function drawEigenvalues(ctx, { values, rho, kind }, { theme }, box) {
  const most = Math.max(REACH.eigenvalue, 1.15 * rho), tall = (most * box.height) / Math.min(box.width, box.height), wide = (most * box.width) / Math.min(box.width, box.height);
  const { X, Y } = axes(ctx, box, { low: -wide, high: wide, name: "real part" }, { low: -tall, high: tall, name: "imaginary part" }, theme);
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    line(ctx, X(0), box.top, X(0), box.top + box.height);
    line(ctx, box.left, Y(0), box.left + box.width, Y(0));
    const circle = (radius) => {
      ctx.beginPath();
      ctx.arc(X(0), Y(0), X(radius) - X(0), 0, 7);
      ctx.stroke();
    };
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1.6;
    circle(1);
    ctx.strokeStyle = INKS.power[+theme.dark];
    ctx.setLineDash([5, 4]);
    circle(rho);
    ctx.setLineDash([]);
    ctx.fillStyle = INKS.start[+theme.dark];
    for (const [p, q] of values) marker(ctx, kind === "repeated" ? "D" : "o", X(p), Y(q), 6);
    Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "left", textBaseline: "top" });
    halo(ctx, `z = ${spelled(values)}`, box.left + 6, box.top + 6, theme);
    halo(ctx, `ρ = ${fine(rho)}`, box.left + 6, box.top + 22, theme);
  });
}

// Where something is to be predicted, the axis must not tell how far the orbit goes.
function orbitScale({ z, asks }, box) {
  const first = Math.hypot(...z[0]) || 1, side = Math.min(box.width, box.height);
  const most = (asks ? 4 * first : Math.min(8 * first, Math.max(first, ...z.flat().map(Math.abs).filter(Number.isFinite)))) * 1.15;
  return { wide: (most * box.width) / side, tall: (most * box.height) / side };
}

function drawOrbit(ctx, data, { theme }, box) {
  const { z, step, steps, hidden } = data, { wide, tall } = orbitScale(data, box);
  const { X, Y } = axes(ctx, box, { low: -wide, high: wide, name: "first coordinate" }, { low: -tall, high: tall, name: "second coordinate" }, theme);
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    line(ctx, X(0), box.top, X(0), box.top + box.height);
    line(ctx, box.left, Y(0), box.left + box.width, Y(0));
    ctx.strokeStyle = ctx.fillStyle = INKS.start[+theme.dark];
    ctx.lineWidth = 1.2;
    if (hidden) marker(ctx, "o", X(z[0][0]), Y(z[0][1]), 5);
    if (hidden) return;
    soFar(ctx, 0, step, steps, (a, b) => polyline(ctx, b - a + 1, (k) => X(z[a + k][0]), (k) => Y(z[a + k][1])));
    for (let k = 1; k <= step; k++) marker(ctx, "o", X(z[k][0]), Y(z[k][1]), k === step ? 5 : 2.4);
  });
}

// Where the length is to be predicted: two decades below and above what the power of ρ says.
function normScale(data) {
  let [low, high] = [1, 1];
  for (const { values } of data.asks ? [{ values: data.powers }] : curvesOf(data)) for (const v of values) if (v > 1e-12 && v < 1e9) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (data.asks) [low, high] = [low / 100, 100 * high];
  return { low: Math.floor(Math.log10(Math.max(low, 1e-8)) - 0.01), high: Math.ceil(Math.log10(Math.min(high, 1e8)) + 0.01), log: true, name: "length / first length" };
}

function drawNorm(ctx, data, { theme }, box) {
  const { steps, step, hidden } = data, scale = normScale(data);
  const { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step k" }, scale, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    for (const { values, ink, dash, width } of curvesOf(data).filter((c) => !hidden || c.key === "power")) {
      ctx.strokeStyle = ink[+theme.dark];
      ctx.lineWidth = width;
      ctx.setLineDash(dash);
      const from = values[0] > 0 ? 0 : 1;
      polyline(ctx, steps + 1 - from, (k) => X(from + k), (k) => Y(Math.min(1e30, Math.max(values[from + k], 1e-12))));
    }
    ctx.setLineDash([]);
    ctx.fillStyle = INKS.start[+theme.dark];
    if (!hidden) marker(ctx, "o", X(step), Y(Math.max(data.norm[step], 1e-12)), 4.5);
  });
}

const curvesOf = ({ norm, worst, powers, growth, hidden }) => [
  { key: "start", label: "this start", values: norm, ink: INKS.start, dash: [], width: 2.2 },
  { key: "worst", label: "worst start, ‖Mᵏ‖", values: worst, ink: INKS.worst, dash: [], width: 1.4 },
  { key: "power", label: "ρᵏ", values: powers, ink: INKS.power, dash: [6, 4], width: 1.8 },
  { key: "growth", label: "k ρᵏ", values: hidden ? null : growth, ink: INKS.growth, dash: [2, 3], width: 1.8 },
].filter((c) => c.values);

const DRAW = { plane: drawPlane, eigenvalues: drawEigenvalues, orbit: drawOrbit, norm: drawNorm };
const peakOf = (values) => values.reduce((best, v, k) => (v > values[best] * (1 + 1e-12) ? k : best), 0);

const twoByTwo = (spec) => {
  const places = (width) => inRows(spec.show, width, ["plane", "eigenvalues", "orbit"]);
  const held = (name, v) => +Math.min(spec.limits[name][1], Math.max(spec.limits[name][0], v)).toPrecision(6);
  const whole = (m) => (m.every((v, k) => Math.abs(v) <= spec.limits[NAMES[k]][1]) ? { preset: "own", ...Object.fromEntries(NAMES.map((name, k) => [name, held(name, m[k])])) } : {});
  return {
    compute: (get, memo) => compute(spec, get, memo),
    height: (width) => places(width).height,
    draw(ctx, data, view) {
      const { boxes } = places(view.width);
      for (const name of spec.show) DRAW[name](ctx, data, view, boxes[name]);
    },
    changed(name, get) {
      const chosen = PRESETS[get("preset")];
      if (name === "preset") return chosen ? Object.fromEntries(NAMES.map((n, k) => [n, chosen[k]])) : null;
      return chosen && NAMES.includes(name) && NAMES.some((n, k) => get(n) !== chosen[k]) ? { preset: "own" } : null;
    },
    describe({ m, values, rho, kind, single, norm, step, hidden }) {
      const peak = peakOf(norm), [a, b, c, d] = m.map(fine);
      const what = { real: "two real eigenvalues", complex: "a complex pair", repeated: single ? "a repeated eigenvalue with one eigenvector" : "a repeated eigenvalue, the same in every direction" }[kind];
      const rise = rho < 1 - 1e-12 && peak ? `; the length first rises to ${short(+norm[peak].toPrecision(3))} times its start at step ${peak}` : "";
      const map = `Matrix ${a}, ${b}; ${c}, ${d}: ${what}, ${spelled(values)}; largest modulus ${fine(rho)}, the map ${verdict(rho)}`;
      return hidden ? `${map}. Its orbit is for you to predict.` : `${map}${rise}. After ${step} steps ${short(+norm[step].toPrecision(4))} of the length.`;
    },
    series(data, { theme }) {
      const row = ({ key, label, values, ink, dash, width }) => {
        const peak = peakOf(values);
        return { key, label, on: true, colour: ink[+theme.dark], dash, weight: width, cells: data.hidden && key !== "power" ? ["?", "?", "?"] : [short(+values[data.step].toPrecision(4)), short(+values[peak].toPrecision(4)), String(peak)] };
      };
      return { head: ["length, first 1", `at step ${data.step}`, "largest", "at step"], series: curvesOf(data).map(row) };
    },
    table({ z, norm, worst, powers, hidden }) {
      return { head: ["step", "first", "second", "length / first", "‖M^k‖", "rho^k"], rows: z.map(([x, y], k) => [k, ...(hidden ? ["", "", "", ""] : [x, y, norm[k], worst[k]]), powers[k]]) };
    },
    predict(data, view) {
      const { boxes } = places(view.width), { steps, norm, z, start } = data, { what, step } = spec.predict;
      if (what === "norm") return lossTask("Mᵏz (first 1)", steps, normScale(data), boxes.norm, (k) => norm[k], "length", "step k");
      const { wide, tall } = orbitScale(data, boxes.orbit);
      return placeTask({
        what: `will the matrix have taken the start after ${step} steps`, label: `step ${step}`, box: boxes.orbit, given: start, at: z[step],
        x: { low: -wide, high: wide, name: "first coordinate" }, y: { low: -tall, high: tall, name: "second coordinate" },
      });
    },
    handles(data, view) {
      const { m, trace, det, start } = data;
      const { plane, orbit } = places(view.width).boxes, found = [], inBox = (box, x, y) => ({ x: Math.min(box.left + box.width, Math.max(box.left, x)), y: Math.min(box.top + box.height, Math.max(box.top, y)) });
      if (plane) {
        const wide = 2 * REACH.trace, tall = REACH.high - REACH.low, to = (u, v) => whole(moved2(m, u, v));
        found.push({
          label: "Trace and determinant", text: `trace ${fine(trace)}, determinant ${fine(det)}`, value: trace, low: -4, high: 4,
          ...inBox(plane, plane.left + (plane.width * (trace + REACH.trace)) / wide, plane.top + (plane.height * (REACH.high - det)) / tall),
          hint: "Drag, or move with the arrow keys: left and right the trace, up and down the determinant; with Shift, a tenth of the step",
          drag: (px, py) => to(((px - plane.left) / plane.width) * wide - REACH.trace, REACH.high - ((py - plane.top) / plane.height) * tall),
          nudge: (dx, dy, repeated) => to(nudged(trace, dx, 1, repeated), nudged(det, dy, 1, repeated)),
        });
      }
      if (orbit) {
        const { wide, tall } = orbitScale(data, orbit), put = (x, y) => ({ start: [x, y].map((v) => +Math.min(2, Math.max(-2, v)).toPrecision(4)) });
        found.push({
          label: "Start", text: `${short(start[0])}, ${short(start[1])}`, value: start[0], low: -2, high: 2, look: "live-small",
          ...inBox(orbit, orbit.left + (orbit.width * (start[0] + wide)) / (2 * wide), orbit.top + (orbit.height * (tall - start[1])) / (2 * tall)),
          hint: "Start: drag, or move with the arrow keys; with Shift, a tenth of the step",
          drag: (px, py) => put(((px - orbit.left) / orbit.width) * 2 * wide - wide, tall - ((py - orbit.top) / orbit.height) * 2 * tall),
          nudge: (dx, dy, repeated) => put(nudged(start[0], dx, 2, repeated), nudged(start[1], dy, 2, repeated)),
        });
      }
      return found;
    },
    press(px, py, { m }, view) {
      const { plane } = places(view.width).boxes;
      if (!plane || px < plane.left || px > plane.left + plane.width || py < plane.top || py > plane.top + plane.height) return null;
      return whole(moved2(m, ((px - plane.left) / plane.width) * 2 * REACH.trace - REACH.trace, REACH.high - ((py - plane.top) / plane.height) * (REACH.high - REACH.low)));
    },
  };
};

export { PRESETS, eigenvalues, moved2, follow2, compute, spelled };
export default liveFigure(twoByTwo);
