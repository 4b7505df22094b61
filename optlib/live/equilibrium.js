// Weights of which only the direction counts, pushed by random gradients: norm and relative step.
// RULE, compiled for blocks of spec.block weights, is written by Python.

const INKS = [["#0069a8", "#58b0ff"], ["#c44e00", "#ff9a5c"]];
const DASHES = [[], [7, 3]];
const REACH = [1e-3, 1e3];

// Norm before each step and size of the step relative to it, from a start of this norm.
function walk(rule, start, { d, block, steps, size, l2, hyper, z }) {
  const blocks = Array.from({ length: d / block }, () => new Float64Array(block * (1 + rule.state.length)));
  const g = new Float64Array(block), before = new Float64Array(block), norms = new Float64Array(steps + 1), relative = new Float64Array(steps);
  let first = 0;
  for (let i = 0; i < d; i++) first += z[i] * z[i];
  blocks.forEach((s, b) => {
    for (let i = 0; i < block; i++) s[i] = (start * z[b * block + i]) / Math.sqrt(first);
    rule.start.forEach((value, k) => s.fill(value, (k + 1) * block, (k + 2) * block));
  });
  let squared = start * start;
  norms[0] = start;
  for (let t = 1; t <= steps; t++) {
    let dot = 0, at = t * d;
    for (const s of blocks) for (let i = 0; i < block; i++) dot += s[i] * z[at++];
    const scale = size / Math.sqrt(squared), along = dot / squared;
    let next = 0, moved = 0;
    at = t * d;
    for (const s of blocks) {
      for (let i = 0; i < block; i++) {
        before[i] = s[i];
        g[i] = scale * (z[at++] - along * s[i]) + l2 * s[i];
      }
      rule.step(s, g, t, hyper);
      for (let i = 0; i < block; i++) {
        next += s[i] * s[i];
        moved += (s[i] - before[i]) ** 2;
      }
    }
    relative[t - 1] = Math.sqrt(moved / squared);
    squared = next;
    norms[t] = Math.sqrt(squared);
  }
  return { norms, relative };
}

// Where AdamW's random walk settles, v settled.
const settled = ({ lr, weight_decay, beta1 }, d) => {
  const decay = lr * weight_decay, kept = beta1 * (1 - decay);
  const square = (lr * (1 - beta1) * (1 + kept)) / (weight_decay * (1 + beta1) * (2 - decay) * (1 - kept));
  return { norm: Math.sqrt(square * d), relative: Math.sqrt((2 * decay * (1 - beta1)) / (1 + kept)) };
};

const meanFrom = (values, from) => {
  let sum = 0;
  for (let k = from; k < values.length; k++) sum += values[k];
  return sum / (values.length - from);
};

function compute(spec, get, memo) {
  const { d, block, steps, seed, beta2 } = spec, starts = get("starts"), step = get("step");
  const own = { lr: get("lr"), weight_decay: get("weight_decay"), beta1: get("beta1") }, decoupled = get("pull") === "decoupled", size = get("size");
  memo.z ||= deviates(seed, (steps + 1) * d);
  const key = JSON.stringify([own, decoupled, size]);
  if (memo.key !== key) [memo.key, memo.kept] = [key, {}];
  const hyper = { ...RULE.hyper, ...own, beta2, weight_decay: decoupled ? own.weight_decay : 0 }, late = Math.floor(0.75 * steps);
  const kept = {};
  const runs = starts.map((start) => {
    const found = memo.kept[start] || walk(RULE, start, { d, block, steps, size, l2: decoupled ? 0 : own.weight_decay, hyper, z: memo.z });
    kept[start] = found;
    return { start, ...found, norm: meanFrom(found.norms, late), turn: meanFrom(found.relative, late) };
  });
  memo.kept = kept; // a start that is dragged does not move the other
  return { d, steps, step, starts, runs, decoupled, theory: decoupled ? settled(own, d) : null, memory: 1 / (2 * own.lr * own.weight_decay) };
}

// ---- the two panels

const tall = (wide, width) => (wide ? Math.min(360, Math.max(300, width * 0.42)) : 290);
const layout = (width) => twoPanels(width, 0.5, tall);

const decadesOf = (values, name) => ({ ...decadesAround(values.filter(Number.isFinite), 1e300), name });
const normScale = ({ runs, theory }) => decadesOf([...runs.flatMap((r) => [Math.max(...r.norms), Math.min(...r.norms)]), ...(theory ? [theory.norm] : [])], "norm ‖w‖");
const turnScale = ({ runs, theory }) => decadesOf([...runs.flatMap((r) => [Math.max(...r.relative), Math.min(...r.relative)]), ...(theory ? [theory.relative] : [])], "relative step ‖Δw‖ / ‖w‖");

function drawCurves(ctx, data, { theme }, box, scale, pick, level) {
  const { steps, step, runs } = data, { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step t" }, scale, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    runs.forEach((r, k) => {
      const values = pick(r), shift = steps + 1 - values.length;
      ctx.strokeStyle = INKS[k][+theme.dark];
      ctx.lineWidth = 1.8;
      ctx.setLineDash(DASHES[k]);
      soFar(ctx, 0, Math.max(0, step - shift), steps - shift, (a, b) => polyline(ctx, b - a + 1, (i) => X(a + i + shift), (i) => Y(values[a + i])));
    });
    if (level) {
      ctx.strokeStyle = theme.ink;
      ctx.lineWidth = 1.4;
      ctx.setLineDash([2, 3]);
      line(ctx, box.left, Y(level), box.left + box.width, Y(level));
    }
    ctx.setLineDash([]);
  });
}

const three = (v) => short(+v.toPrecision(3));

const equilibrium = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => layout(width).height,
  draw(ctx, data, view) {
    const [left, right] = layout(view.width).boxes, { theory } = data;
    drawCurves(ctx, data, view, left, normScale(data), (r) => r.norms, theory?.norm);
    drawCurves(ctx, data, view, right, turnScale(data), (r) => r.relative, theory?.relative);
  },
  describe({ runs, step, steps, theory }) {
    const each = runs.map((r) => `from ${three(r.start)}: ${three(r.norms[step])} at step ${step}, mean of the last quarter ${three(r.norm)}, relative step ${three(r.turn)}`);
    const expected = theory ? ` The random walk settles at ${three(theory.norm)}, relative step ${three(theory.relative)}.` : " With L2 no level is predicted: it depends on the gradients' size.";
    return `Norm of the weights over ${steps} steps, ${each.join("; ")}.${expected}`;
  },
  series({ runs, step, steps, theory }, { theme }) {
    const rows = runs.map((r, k) => ({ key: `start ${k}`, label: `from ${three(r.start)}`, on: true, colour: INKS[k][+theme.dark], dash: DASHES[k], weight: 1.8, cells: [three(r.norms[step]), three(r.norm), three(r.turn)] }));
    if (theory) rows.push({ key: "theory", label: "theory", on: true, colour: theme.ink, dash: [2, 3], weight: 1.4, cells: ["", three(theory.norm), three(theory.relative)] });
    return { head: [`means from step ${grouped(Math.floor(0.75 * steps))}`, `norm at ${step}`, "norm", "relative step"], series: rows };
  },
  panel(node, { d, memory, decoupled }) {
    const lasting = `${d} weights, random gradients orthogonal to them. Memory of ‖w‖², 1/(2ηλ): ${grouped(+memory.toPrecision(3))} steps.`;
    const text = decoupled ? lasting : `${d} weights, random gradients orthogonal to them. The decay is part of the gradient: Adam divides it by the gradients' size.`;
    if (node.textContent !== text) node.textContent = text;
  },
  table: ({ runs, steps }) => ({
    head: ["step", ...runs.flatMap((r) => [`norm from ${three(r.start)}`, `relative step from ${three(r.start)}`])],
    rows: Array.from({ length: steps + 1 }, (_, t) => [t, ...runs.flatMap((r) => [r.norms[t], t ? r.relative[t - 1] : ""])]),
  }),
  // The size of the gradients has no influence under AdamW.
  active: (get) => new Set(["step", "lr", "weight_decay", "beta1", "pull", ...(get("pull") === "L2" ? ["size"] : [])]),
  handles(data, view) {
    const [box] = layout(view.width).boxes, { starts } = data, scale = normScale(data);
    return starts.map((start, k) => {
      const power = Math.log10(start), low = Math.log10(REACH[0]), high = Math.log10(REACH[1]);
      const to = (p) => ({ starts: starts.map((v, i) => (i === k ? +(10 ** Math.min(high, Math.max(low, p))).toPrecision(3) : v)) });
      return {
        label: `First norm ${k + 1}`, text: three(start), value: power, low, high, look: "live-small",
        hint: "First norm: drag, or use the up and down keys, with Shift for a tenth",
        x: box.left, y: box.top + (box.height * (scale.high - power)) / (scale.high - scale.low),
        drag: (px, py) => to(scale.high - ((py - box.top) / box.height) * (scale.high - scale.low)),
        nudge(dx, dy, repeated) {
          const unit = 0.05 * Math.min(1, Math.abs(dy));
          return dy ? to(unit * Math.round(power / unit + Math.sign(dy) * (repeated ? 4 : 1))) : {};
        },
      };
    });
  },
});

export { RULE, walk, settled, compute };
export default liveFigure(equilibrium);
