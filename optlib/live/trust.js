// How far each layer of a small made-up net moves, as a share of its norm, under several rules.
// RULES (in as many coordinates as a layer has weights) and LOOKS are written by Python.

const length = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

// Unit vectors of a layer: of its weights, of the fixed part of its gradient, of each step's own.
function directions(seed, count, size) {
  const z = deviates(seed, count * size);
  return Array.from({ length: count }, (_, k) => {
    const part = z.subarray(k * size, (k + 1) * size), norm = length(part);
    return part.map((v) => v / norm);
  });
}

// The relative step at every step, index t - 1, of one layer under one rule.
function relativeSteps(rule, norm, slope, units, steps, hyper) {
  const size = units[0].length, s = new Float64Array(size * (1 + rule.state.length)), out = new Float64Array(steps);
  for (let i = 0; i < size; i++) s[i] = norm * units[0][i];
  rule.start.forEach((value, k) => s.fill(value, (k + 1) * size, (k + 2) * size));
  for (let t = 1; t <= steps; t++) {
    const own = units[t + 1], g = units[1].map((v, i) => v + own[i]), scale = slope / length(g), before = s.slice(0, size);
    rule.step(s, g.map((v) => v * scale), t, hyper);
    out[t - 1] = length(before.map((v, i) => s[i] - v)) / length(before);
  }
  return out;
}

// Distances from the geometric mean raised to a power, inside the limits.
function spreadOut(norms, spread, [low, high]) {
  const middle = Math.exp(norms.reduce((sum, v) => sum + Math.log(v), 0) / norms.length);
  return norms.map((v) => Math.min(high, Math.max(low, middle * (v / middle) ** spread)));
}

function compute(spec, get, memo) {
  const { layers, size, steps } = spec, shown = get("shown"), step = get("step"), spread = get("spread");
  memo.units ||= layers.map((_, k) => directions(100 * spec.seed + k, steps + 2, size));
  const [weights, gradients] = ["weights", "gradients"].map((name) => spreadOut(get(name), spread, spec.norms));
  const runs = Object.entries(RULES).map(([name, rule]) => {
    const hyper = {}, on = shown.includes(name);
    for (const [key, from] of Object.entries(spec.arguments[name])) hyper[key] = typeof from === "string" ? get(from) : from;
    const moves = layers.map((_, k) => relativeSteps(rule, weights[k], gradients[k], memo.units[k], step, hyper));
    const now = moves.map((m) => m[step - 1]), least = Math.min(...now), most = Math.max(...now);
    const hidden = memo.asking === true && spec.predict.rule === name;
    return { name, on, hidden, look: LOOKS[name], now, least, most, fold: most / least };
  });
  return { layers, weights, gradients, step, runs, on: runs.filter((r) => r.on) };
}

// ---- the two panels

const tall = (wide, width) => (wide ? Math.min(360, Math.max(300, width * 0.42)) : 300);
const layout = (width) => twoPanels(width, 0.42, tall);

const columns = (layers) => ({ low: 0, high: layers.length, name: "", marks: layers.map((name, k) => [k + 0.5, name]) });
const normScale = ([low, high]) => ({ low: Math.log10(low), high: Math.log10(high), log: true, name: "norm" });

// Where the two handles of a layer stand, in units of a column.
const KINDS = [{ key: "weights", letter: "w", at: 0.25, dash: [] }, { key: "gradients", letter: "g", at: 0.75, dash: [4, 3] }];

function drawNorms(ctx, data, { theme }, box, spec) {
  const { X, Y } = axes(ctx, box, columns(data.layers), normScale(spec.norms), theme);
  inside(ctx, box, () => {
    Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, strokeStyle: theme.ink, textAlign: "center", textBaseline: "bottom", lineWidth: 1.5 });
    for (const { key, letter, at, dash } of KINDS) {
      data[key].forEach((v, k) => {
        ctx.setLineDash(dash);
        line(ctx, X(k + at), box.top + box.height, X(k + at), Y(v));
        ctx.setLineDash([]);
        halo(ctx, letter, X(k + at), Math.max(box.top + 14, Y(v) - 9), theme);
      });
    }
  });
}

// Where bars are to be predicted they have no say in the axis, which would tell of them.
function barScale({ on, step }, { predict }) {
  const found = on.filter((r) => r.name !== predict?.rule).flatMap((r) => r.now).filter((v) => v > 0 && Number.isFinite(v));
  const shortest = predict ? [1e-6, 1] : [0.5 * Math.min(...found)]; // it is seen
  return { ...decadesAround([found, shortest], 1e300), name: `‖Δw‖ / ‖w‖ at step ${step}` };
}

// Left edge of the bar of the i-th rule in the k-th layer, in units of a column, and its width.
const barAt = ({ on }, i, k) => ({ left: k + 0.08 + (0.84 * i) / Math.max(1, on.length), wide: 0.84 / Math.max(1, on.length) });

function drawBars(ctx, data, { theme }, box, spec) {
  const { layers, on } = data, scale = barScale(data, spec);
  const { X, Y } = axes(ctx, box, columns(layers), scale, theme), foot = box.top + box.height;
  ctx.strokeStyle = theme.grid;
  ctx.lineWidth = 1;
  for (let k = scale.low + 1; k < scale.high; k++) line(ctx, box.left, Y(10 ** k), box.left + box.width, Y(10 ** k));
  on.forEach((r, i) => {
    if (r.hidden) return;
    ctx.fillStyle = r.look[theme.dark ? 1 : 0];
    r.now.forEach((v, k) => {
      if (!(v > 0)) return;
      const bar = barAt(data, i, k), x = X(bar.left), wide = X(bar.left + bar.wide) - x, y = Math.min(foot - 1, Math.max(box.top, Y(Math.min(v, 1e300))));
      ctx.fillRect(x + 0.5, y, wide - 1, foot - y);
      marker(ctx, r.look[3], x + wide / 2, y, Math.min(4, wide / 2.4));
    });
  });
}

const three = (v) => short(+v.toPrecision(3));
const times = (v) => (!Number.isFinite(v) ? "–" : v < 9.995 ? three(v) : grouped(+v.toPrecision(3)));

const trust = (spec) => ({
  ...toggles("tune", spec),
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => layout(width).height,
  draw(ctx, data, view) {
    const [left, right] = layout(view.width).boxes;
    drawNorms(ctx, data, view, left, spec);
    drawBars(ctx, data, view, right, spec);
  },
  describe({ on, step }) {
    const each = on.map((r) => r.hidden ? `${r.look[4]} is for you to predict` : `${r.look[4]} ${three(r.least)} to ${three(r.most)}, ${times(r.fold)}-fold`);
    return `Step of a layer over its norm, at step ${step}: ${each.join("; ") || "no rule is shown"}.`;
  },
  series: ({ runs }, { theme }) => ({
    head: ["‖Δw‖ / ‖w‖ of a layer", "smallest", "largest", "largest / smallest"],
    series: runs.map((r) => ({ key: r.name, label: r.look[4], on: r.on, colour: r.look[theme.dark ? 1 : 0], marker: r.look[3], cells: r.hidden && r.on ? ["?", "?", "?"] : r.on ? [three(r.least), three(r.most), times(r.fold)] : ["", "", ""] })),
  }),
  panel(node, { layers }) {
    const text = `A made-up net: ${layers.length} layers of ${spec.size} weights. Each gradient keeps its norm g; its direction is half fixed, half new at every step.`;
    if (node.textContent !== text) node.textContent = text;
  },
  table: ({ layers, weights, gradients, on }) => ({
    head: ["layer", "norm of weights", "norm of gradient", ...on.map((r) => r.look[4])],
    rows: layers.map((name, k) => [name, weights[k], gradients[k], ...on.map((r) => (r.hidden ? "" : r.now[k]))]),
  }),
  aside: [],
  predict(data, view) {
    const i = data.on.findIndex((r) => r.name === spec.predict.rule), r = data.on[i], { layers, step } = data, y = barScale(data, spec);
    return r ? curveTask({
      what: `the step of each layer under ${r.look[4]}, as a share of the layer's norm, at step ${step}`, bars: true,
      box: layout(view.width).boxes[1], x: { low: 0, high: layers.length, name: "layer" }, y, given: [0, 10 ** ((y.low + y.high) / 2)],
      places: layers.map((_, k) => barAt(data, i, k).left + barAt(data, i, k).wide / 2), label: (_, k) => layers[k], truth: (_, k) => r.now[k],
    }) : null;
  },
  active: (get) => new Set(["step", "spread", "tune", ...taken(spec, get)]),
  // Who moves a norm begins with the norms as they stand.
  handles(data, view) {
    const [box] = layout(view.width).boxes, { low, high } = normScale(spec.norms), { layers, weights, gradients } = data;
    return layers.flatMap((layer, k) => KINDS.map(({ key, letter, at }) => {
      const to = (power) => {
        const own = +(10 ** Math.min(high, Math.max(low, power))).toPrecision(3), now = data[key].map((v, i) => (i === k ? own : v));
        return { spread: 1, weights, gradients, [key]: now };
      };
      const power = Math.log10(data[key][k]);
      return {
        label: `Norm of ${letter}, ${layer}`, text: three(data[key][k]), value: power, low, high, look: "live-small",
        hint: `Norm of the ${key} of ${layer}: drag, or use the up and down keys, with Shift for a tenth`,
        x: box.left + (box.width * (k + at)) / layers.length, y: box.top + (box.height * (high - power)) / (high - low),
        drag: (px, py) => to(high - ((py - box.top) / box.height) * (high - low)),
        nudge(dx, dy, repeated) {
          const unit = 0.05 * Math.min(1, Math.abs(dy));
          return dy ? to(unit * Math.round(power / unit + Math.sign(dy) * (repeated ? 4 : 1))) : {};
        },
      };
    }));
  },
});

export { RULES, directions, relativeSteps, spreadOut, compute };
export default liveFigure(trust);
