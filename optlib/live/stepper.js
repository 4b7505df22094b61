// One coordinate, one rule: the gradients, the steps they make, and every line with its numbers.
// RULES, LINES (variants of the rule), PRESETS, LOOKS are written by Python.

const FIELDS = {
  bowl: { told: "where the gradient is θ,", gradient: (theta) => theta },
  // Gradients 4, -1, -1, ... on [-1, 1], rate lr / sqrt(t): the sum is least at -1.
  reddi: {
    told: "where the gradients are 4, −1, −1, 4, −1, −1, … and θ is held to [−1, 1],",
    gradient: (theta, t) => (t % 3 === 1 ? 4 : -1), rate: (lr, t) => lr / Math.sqrt(t), held: (theta) => Math.min(1, Math.max(-1, theta)),
  },
};

// The whole run; the lines of step `stop` are written down.
function machine(rule, preset, hyper, stop) {
  const { silence = 0, gradients, field, start = 0 } = preset, source = field ? FIELDS[field] : null;
  const last = preset.steps || silence + gradients.length, first = silence + 1;
  const s = new Float64Array(1 + rule.state.length), g = new Float64Array(1), at = new Float64Array(1), h = { ...hyper };
  s[0] = start;
  rule.start.forEach((value, k) => (s[k + 1] = value));
  const theta = new Float64Array(last + 1), slope = new Float64Array(last + 1), step = new Float64Array(last + 1);
  const states = [];
  theta[0] = start;
  let before = null, lines = [], reached = last;
  for (let t = 1; t <= last; t++) {
    if (source?.rate) h.lr = source.rate(hyper.lr, t);
    if (rule.at) rule.at(s, t, h, at);
    else at[0] = s[0];
    g[0] = source ? source.gradient(at[0], t) : t > silence ? gradients[t - silence - 1] : 0;
    if (t === stop) {
      before = { theta: s[0], g: g[0], t, ...h };
      rule.state.forEach((name, k) => (before[name] = s[k + 1]));
      lines = rule.trace(s, g, t, h);
    } else rule.step(s, g, t, h);
    step[t] = (theta[t - 1] - s[0]) / h.lr;
    if (source?.held) s[0] = source.held(s[0]);
    theta[t] = s[0];
    slope[t] = g[0];
    if (t >= first) states.push(Array.from(s.subarray(1)));
    if (!Number.isFinite(s[0])) {
      reached = t - 1;
      break;
    }
  }
  return { theta, slope, step, states, before, lines, first, last, reached, diverged: reached < last ? reached + 1 : null };
}

const presetOf = (get) => (get("preset") === "own" ? { gradients: get("gradients"), silence: get("silence") } : PRESETS[get("preset")]);

function spanOf(get) {
  const { silence = 0, steps, gradients } = presetOf(get);
  return [silence + 1, steps || silence + gradients.length];
}

function compute(spec, get, memo = {}) {
  const preset = presetOf(get), variant = get("correction"), rule = RULES[variant], hyper = { ...spec.fixed };
  for (const key of Object.keys(rule.hyper)) if (!(key in hyper)) hyper[key] = get(key);
  const [first, last] = spanOf(get);
  const now = Math.min(last, Math.max(first, get("step")));
  const run = machine(rule, preset, hyper, now), source = LINES[variant];
  let peak = first;
  for (let t = first; t <= Math.min(now, run.reached); t++) if (Math.abs(run.step[t]) > (1 + 1e-9) * Math.abs(run.step[peak])) peak = t;
  return { ...run, hidden: memo.asking === true, asks: Boolean(spec.predict), pull: pulls(run, preset.field, variant, rule, hyper), preset, field: preset.field, variant, rule, hyper, now, peak, source, done: Math.min(get("line"), source.length), look: LOOKS[spec.rule], marks: marks(hyper) };
}

// In the bowl: lr / (sqrt(v) + eps) after every step, v corrected where the rule does so, and the
// value above which averaged momentum with this rate is unstable. Adam alone has it.
function pulls({ states, first }, field, variant, rule, { lr, beta1, beta2, eps }) {
  if (field !== "bowl" || !("off" in RULES)) return null;
  const v = rule.state.indexOf("v");
  const whole = variant === "on" || variant === "only v";
  const values = states.map((state, k) => lr / (Math.sqrt(state[v] / (whole ? 1 - beta2 ** (first + k) : 1)) + eps));
  return { values, limit: (2 * (1 + beta1)) / (1 - beta1) };
}

// What |step| / lr can be: the usual size, after one spike, and at most (Cauchy-Schwarz).
function marks({ beta1, beta2 }) {
  if (beta1 === undefined || beta2 === undefined) return [];
  const found = [[1, "1"], [(1 - beta1) / Math.sqrt(1 - beta2), "one spike"]];
  if (beta1 * beta1 < beta2) found.push([(1 - beta1) / Math.sqrt((1 - beta2) * (1 - (beta1 * beta1) / beta2)), "ceiling"]);
  return found;
}

// ---- the two plots

const tallness = (wide, width) => (wide ? Math.min(330, Math.max(250, width * 0.36)) : Math.max(200, width * 0.56));

function leftAxis(data) {
  if (data.field === "bowl") return { low: -24, high: 1, log: true, name: "|θ|" };
  if (data.field === "reddi") return { low: -1.15, high: 1.15, name: "θ" };
  let size = 0, low = 0, high = 0;
  for (let t = data.first; t <= data.last; t++) [low, high] = [Math.min(low, data.slope[t]), Math.max(high, data.slope[t])];
  size = Math.max(high - low, 1e-9);
  return { low: low < 0 ? low - 0.12 * size : -0.05 * size, high: high + 0.12 * size, name: "gradient g" };
}

const timeAxis = (data) => ({ low: data.first - 1, high: data.last + (data.field ? 0 : 1), name: "step t" });

function drawLeft(ctx, data, { theme }, box) {
  const scale = leftAxis(data), { X, Y } = axes(ctx, box, timeAxis(data), scale, theme, { grid: true }), colour = data.look[theme.dark ? 1 : 0];
  inside(ctx, box, () => {
    if (!data.field) {
      const width = Math.max(1, (0.7 * box.width) / (data.last - data.first + 2));
      for (let t = data.first; t <= data.last; t++) {
        const y = Y(data.slope[t]), zero = Y(0);
        ctx.globalAlpha = t > data.now ? 0.35 : 1;
        ctx.fillStyle = t === data.now ? colour : theme.muted;
        ctx.fillRect(X(t) - width / 2, Math.min(y, zero) - 0.5, width, Math.abs(y - zero) + 1);
      }
      ctx.globalAlpha = 1;
      return;
    }
    if (data.field === "reddi") {
      ctx.fillStyle = theme.ink;
      ctx.font = theme.font;
      halo(ctx, "best θ = −1", box.left + 8, Y(-1) - 5, theme);
    }
    if (data.hidden) return;
    const height = scale.log ? (t) => Y(Math.max(Math.abs(data.theta[t]), 1e-30)) : (t) => Y(data.theta[t]);
    trace(ctx, data, X, height, colour, theme, box);
  });
}

// The curve so far in full, the rest faint, and a line at the present step.
function trace(ctx, data, X, height, colour, theme, box) {
  const from = data.first - 1, { now, reached } = data;
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  line(ctx, X(now), box.top, X(now), box.top + box.height);
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.8;
  soFar(ctx, from, now, reached, (a, b) => polyline(ctx, b - a + 1, (k) => X(a + k), (k) => height(a + k)));
  ctx.fillStyle = colour;
  marker(ctx, "o", X(now), height(Math.min(now, reached)), 4.5);
}

// Where the steps are to be predicted, the axis must not tell how large they are: it follows from
// the marks, else from the gradients, and is two-sided where one of those is negative.
function stepAxis(data) {
  let [low, high, largest] = [0, 1, 1];
  for (let t = data.first; t <= data.reached; t++) {
    const v = data.asks ? Math.min(0, data.slope[t]) : data.step[t];
    [low, high, largest] = [Math.min(low, v), Math.max(high, v), Math.max(largest, Math.abs(data.slope[t]))];
  }
  const top = data.marks.length ? data.marks.at(-1)[0] : data.asks ? 10 * largest : 1, both = low < -0.02 || (data.asks && data.field);
  const reach = data.asks ? Math.max(1, Math.min(top, data.marks.length ? 12 : top)) : Math.max(high, Math.min(top, 12), -low);
  return { low: both ? -1.2 * reach : -0.04 * reach, high: 1.2 * reach, name: "step −Δθ / η" };
}

function drawSteps(ctx, data, { theme }, box) {
  const scale = stepAxis(data), low = scale.low < -0.1 * scale.high ? -1 : 0, colour = data.look[theme.dark ? 1 : 0];
  const { X, Y } = axes(ctx, box, timeAxis(data), scale, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.font = theme.font;
    ctx.textBaseline = "bottom";
    // The labels stand on the side where the largest step is not; two that would meet become one.
    const early = !data.hidden && X(data.peak) < box.left + box.width / 2, side = early ? box.left + box.width - 6 : box.left + 6;
    let above = -99;
    data.marks.forEach(([value, label], k) => {
      ctx.strokeStyle = theme.ink;
      ctx.lineWidth = 1;
      ctx.setLineDash([[1, 3], [5, 4], [9, 3, 2, 3]][k]);
      for (const v of low < 0 ? [value, -value] : [value]) line(ctx, box.left, Y(v), box.left + box.width, Y(v));
      ctx.setLineDash([]);
      ctx.fillStyle = theme.ink;
      ctx.textAlign = early ? "right" : "left";
      if (Math.abs(Y(value) - above) > 15) halo(ctx, `${label} ${label === "1" ? "" : short(+value.toPrecision(3))}`, side, Y(value) - 2, theme);
      above = Y(value);
    });
    if (data.hidden) return;
    if (data.field === "reddi") {
      ctx.fillStyle = colour;
      for (let t = data.first; t <= data.now; t++) marker(ctx, "o", X(t), Y(data.step[t]), 1.7);
    } else trace(ctx, data, X, (t) => Y(t < data.first ? 0 : data.step[t]), colour, theme, box);
    const peak = data.step[data.peak];
    if (Math.abs(peak) > 0) {
      ctx.fillStyle = colour;
      marker(ctx, "D", X(data.peak), Y(peak), 4);
      ctx.fillStyle = theme.ink;
      ctx.textAlign = early ? "left" : "right";
      ctx.textBaseline = "middle";
      halo(ctx, short(+peak.toPrecision(3)), X(data.peak) + (early ? 9 : -9), Y(peak), theme);
    }
  });
}

// The factor of the bowl, with its limit.
function drawPull(ctx, data, { theme }, box) {
  const { values, limit } = data.pull, colour = data.look[theme.dark ? 1 : 0], top = Math.log10(limit);
  let [low, high] = [top - 3, top + 1];
  if (!data.hidden) for (const value of values) if (value > 0 && value < 1e12) [low, high] = [Math.min(low, Math.log10(value)), Math.max(high, Math.log10(value))];
  const { X, Y } = axes(ctx, box, timeAxis(data), { low: Math.floor(low), high: Math.ceil(high), log: true, name: "ηλ / (√v̂ + ε)" }, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    line(ctx, box.left, Y(limit), box.left + box.width, Y(limit));
    ctx.setLineDash([]);
    if (!data.hidden) trace(ctx, data, X, (t) => Y(values[Math.max(0, t - data.first)]), colour, theme, box);
    ctx.fillStyle = theme.ink;
    ctx.font = theme.font;
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    halo(ctx, `limit ${short(+limit.toPrecision(3))}`, box.left + 6, Y(limit) - 2, theme);
  });
}

// ---- the lines

const signs = (text) => text.replaceAll(" ** 2", "²").replaceAll("**", "^").replaceAll("*", "×").replaceAll("-", "−");

// Each line as it is written and, below, with the numbers it meets; the lines to come are dimmed.
function showLines(node, data, set) {
  const { source, lines, before, rule, hidden } = data, env = { ...before }, done = hidden ? 0 : data.done;
  if (node.dataset.variant !== data.variant) {
    node.dataset.variant = data.variant;
    const move = (by) => () => node.move(by);
    node.replaceChildren(
      element("div", { class: "live-bar" },
        button("Line back", move(-1), { class: "live-edge" }), button("Line forward", move(1), { class: "live-edge" }), element("span", { class: "live-note" })),
      element("ol", { class: "live-lines" }, ...source.map(([, text], k) => {
        const row = element("li", {}, element("code", {}, text), element("code", { class: "live-numbers" }));
        row.addEventListener("click", () => set({ line: k + 1 }));
        return row;
      })),
      element("p", { class: "live-result" }));
  }
  node.move = (by) => {
    const next = done + by;
    if (next > source.length && data.now < data.last) set({ step: data.now + 1, line: 1 });
    else if (next < 1 && data.now > data.first) set({ step: data.now - 1, line: source.length });
    else set({ line: Math.max(0, Math.min(source.length, next)) });
  };
  const state = rule.state.map((name) => `${name} = ${short(before[name])}`);
  node.firstChild.hidden = hidden;
  node.querySelector(".live-note").textContent = hidden ? "" : `before step ${data.now}: ` + [`θ = ${short(before.theta)}`, ...state, `g = ${short(before.g)}`].join(", ");
  const rows = node.querySelectorAll("li");
  source.forEach(([name, , pieces], k) => {
    const value = lines[k][1], filled = pieces.map((p) => (p[0] === "$" ? number(env[p.slice(1)]) : signs(p))).join("");
    rows[k].lastChild.textContent = k < done ? `= ${filled} = ${short(value)}` : "";
    rows[k].classList.toggle("live-next", k >= done);
    if (k === done - 1) rows[k].setAttribute("aria-current", "step");
    else rows[k].removeAttribute("aria-current");
    env[name] = value;
  });
  node.querySelector(".live-result").textContent = hidden ? "" : done < source.length ? "Δθ: some lines are still to come" : `Δθ = ${short(-data.step[data.now] * rateAt(data))}, ${short(+Math.abs(data.step[data.now]).toPrecision(3))} η; largest so far ${short(+Math.abs(data.step[data.peak]).toPrecision(3))} η at step ${data.peak}` + (data.theta[data.now] === env.theta ? "" : "; then θ is held to [−1, 1]");
}

const number = (v) => (v < 0 ? `(${short(v)})` : short(v));
const rateAt = ({ before }) => before.lr;

const stepper = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  aside: ["step", "line"],
  height: (width) => twoPanels(width, 0.5, tallness).height,
  draw(ctx, data, view) {
    const [left, right] = twoPanels(view.width, 0.5, tallness).boxes;
    drawLeft(ctx, data, view, left);
    (data.pull ? drawPull : drawSteps)(ctx, data, view, right);
  },
  span: spanOf,
  panel: (node, data, set) => showLines(node, data, set),
  changed(name, get) {
    if (name !== "preset") return null;
    const { hyper = {}, step } = presetOf(get), kept = Object.entries(hyper).filter(([key]) => key in spec.defaults);
    return { ...Object.fromEntries(kept), step: step || spanOf(get)[1], line: spec.limits.line[1] };
  },
  // The steps, or where a function gives the gradient the way of theta.
  predict(data, view) {
    const { field, look, first, last, reached, theta, step } = data, [left, right] = twoPanels(view.width, 0.5, tallness).boxes, y = field ? leftAxis(data) : stepAxis(data);
    const truth = (t) => (t > reached ? Infinity : field ? (y.log ? Math.abs(theta[t]) : theta[t]) : step[t]);
    return curveTask({
      what: (field ? `${y.name} of ${look[4]}, ${FIELDS[field].told}` : `the steps of ${look[4]}, −Δθ in units of η,`) + ` from step ${first} to ${last}`,
      box: field ? left : right, x: timeAxis(data), y, given: [first - 1, field ? truth(0) : 0], places: evenly(first - 1, last), label: (t) => `step ${t}`, truth,
    });
  },
  describe({ look, now, before, step, peak, diverged, theta, field, hidden }) {
    if (hidden) return `${look[4]}: ${field ? "the run" : "the size of its steps"} is for you to predict.`;
    const size = short(+Math.abs(step[now]).toPrecision(3)), most = short(+Math.abs(step[peak]).toPrecision(3));
    const where = field ? `θ ${short(theta[now])}` : `gradient ${short(before.g)}`;
    return `${look[4]} at step ${now}: ${where}, step ${size} η; largest so far ${most} η at step ${peak}` + (diverged && now >= diverged ? `; diverged at step ${diverged}.` : ".");
  },
  table({ rule, first, reached, slope, states, theta, step, hidden, field }) {
    const made = (k) => (hidden ? ["", ...rule.state.map(() => ""), ""] : [...states[k], theta[first + k], step[first + k]]);
    const rows = Array.from({ length: reached - first + 1 }, (_, k) => [first + k, hidden && field ? "" : slope[first + k], ...made(k)]);
    return { head: ["step", "g", ...rule.state, "theta", "step / lr"], rows };
  },
  active: (get) => new Set(["step", "preset", "correction", ...Object.keys(RULES[get("correction")].hyper)]),
  // The gradient of the present step can be dragged; a click on another bar sets that one.
  handles(data, view) {
    if (data.field) return [];
    const [box] = twoPanels(view.width, 0.5, tallness).boxes, scale = leftAxis(data), time = timeAxis(data);
    const g = data.slope[data.now], unit = (scale.high - scale.low) / 40;
    return [{
      label: `Gradient at step ${data.now}`, text: short(g), value: g, low: scale.low, high: scale.high, hint: "Gradient: drag, or use the up and down keys, with Shift for a tenth; left and right go to another step", look: "live-small",
      x: box.left + (box.width * (data.now - time.low)) / (time.high - time.low),
      y: box.top + box.height * (1 - (g - scale.low) / (scale.high - scale.low)),
      drag: (px, py) => edited(data, data.now, scale.low + (scale.high - scale.low) * (1 - (py - box.top) / box.height)),
      nudge: (dx, dy) => (dx ? { step: Math.min(data.last, Math.max(data.first, data.now + Math.sign(dx))) } : edited(data, data.now, g + dy * unit)),
    }];
  },
  press(px, py, data, view) {
    const [box] = twoPanels(view.width, 0.5, tallness).boxes, time = timeAxis(data), scale = leftAxis(data);
    const part = (px - box.left) / box.width, high = 1 - (py - box.top) / box.height;
    if (part < 0 || part > 1 || high < 0 || high > 1) return null;
    const t = Math.min(data.last, Math.max(data.first, Math.round(time.low + part * (time.high - time.low))));
    return data.field ? { step: t } : edited(data, t, scale.low + high * (scale.high - scale.low));
  },
});

// An edited sequence is the reader's own.
function edited(data, t, value) {
  const gradients = Array.from(data.slope.subarray(data.first, data.last + 1));
  gradients[t - data.first] = +value.toPrecision(3);
  return { preset: "own", gradients, silence: data.first - 1, step: t };
}

export { RULES, PRESETS, machine, marks, compute };
export default liveFigure(stepper);
