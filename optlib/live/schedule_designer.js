// Two schedules of the step size, and the expected loss of gradient descent on a noisy quadratic:
// mean and covariance of the iterate and its average, by their recurrence. Nothing is sampled.
// SCHEDULES is written by Python.

const INK = [["#0069a8", "#58b0ff"], ["#c44e00", "#ff9a5c"]];
const DASH = [[], [7, 4]], WEIGHT = [2.2, 2];
const KEYS = ["this", "beside"];

// Step sizes of steps 1 ... steps, at index 1 ... steps.
function rates({ schedule, knots, hyper, lr }, steps) {
  const out = new Float64Array(steps + 1), all = { ...hyper, lr }, at = schedule === "knots" ? (t) => lr * height(knots, (t - 1) / steps) : null;
  const f = at || ((t) => SCHEDULES[schedule](t, all));
  for (let t = 1; t <= steps; t++) out[t] = f(t);
  return out;
}

// Knots are [share of the run, share of the step size, ...]; the height between them.
function height(knots, u) {
  let k = 2;
  while (k < knots.length - 2 && knots[k] < u) k += 2;
  const [u0, h0, u1, h1] = knots.slice(k - 2, k + 2), part = Math.min(1, Math.max(0, (u - u0) / (u1 - u0)));
  return h0 + part * (h1 - h0);
}

// The weight of the newest iterate in what is reported after step t.
function newest(average, ema, steps) {
  const half = Math.floor(steps / 2);
  if (average === "EMA") return () => 1 - ema;
  if (average === "all") return (t) => 1 / t;
  return average === "last half" ? (t) => (t > half ? 1 / (t - half) : 1) : () => 1;
}

// The expected loss at every step, and what of it the noise adds.
function effect(rate, average, ema, { curvatures, noise, from }) {
  const steps = rate.length - 1, loss = new Float64Array(steps + 1), noisy = new Float64Array(steps + 1);
  const weight = newest(average, ema, steps);
  for (const curvature of curvatures) {
    let mean = from, kept = from, own = 0, both = 0, variance = 0;
    loss[0] += (curvature * from * from) / 2;
    for (let t = 1; t <= steps; t++) {
      const factor = 1 - rate[t] * curvature, kick = rate[t] * noise, w = weight(t), rest = 1 - w;
      mean *= factor;
      own = factor * factor * own + kick * kick;
      both *= factor;
      kept = rest * kept + w * mean;
      variance = rest * rest * variance + 2 * w * rest * both + w * w * own;
      both = rest * both + w * own;
      noisy[t] += (curvature * variance) / 2;
      loss[t] += (curvature * (kept * kept + variance)) / 2;
    }
  }
  return { loss, noisy };
}

// The step sizes for any lr, to some twelve digits. A schedule is a straight line in lr: two of them
// give all the others, which a third confirms; one that is not is worked out each time.
function ratesFor(design, steps) {
  const exact = (lr) => rates({ ...design, lr }, steps), [low, high] = design.limits, first = exact(low), last = exact(high), out = new Float64Array(steps + 1);
  const between = (lr) => {
    const part = (lr - low) / (high - low);
    for (let t = 1; t <= steps; t++) out[t] = first[t] + part * (last[t] - first[t]);
    return out;
  };
  const third = Math.sqrt(low * high), same = between(third);
  return exact(third).every((v, t) => Math.abs(v - same[t]) <= 1e-12 * high) ? between : exact;
}

// The step size with the lowest final loss: the best of a grid, then golden sections around it.
function bestRate(design, ema, spec) {
  const [low, high] = design.limits.map(Math.log), count = 40, at = (k) => low + ((high - low) * k) / (count - 1);
  const rate = ratesFor(design, spec.steps), finite = (v) => (Number.isFinite(v) ? v : Infinity);
  const end = (rate) => finite(effect(rate, design.average, ema, spec).loss[spec.steps]), final = (x) => end(rate(Math.exp(x)));
  let best = 0, least = Infinity;
  for (let k = 0; k < count; k++) {
    const v = final(at(k));
    if (v < least) [best, least] = [k, v];
  }
  const x = golden(final, at(Math.max(0, best - 1)), at(Math.min(count - 1, best + 1)), 20), edge = best === 0 || best === count - 1;
  const outermost = edge && least <= final(x), lr = outermost ? design.limits[best ? 1 : 0] : Math.exp(x);
  return { lr, final: end(rates({ ...design, lr }, spec.steps)), edge: outermost };
}

// ---- the two designs

function design(spec, get, key) {
  const own = key === "this" ? ["schedule", "lr", "average"] : ["beside", "beside_lr", "beside_average"];
  const [schedule, lr, average] = own.map(get), hyper = Object.fromEntries(spec.takes[schedule].map((name) => [name, get(name)]));
  return { key, schedule, lr, average, hyper, knots: schedule === "knots" ? get("knots") : null, limits: spec.limits[own[1]] };
}

function compute(spec, get, memo) {
  const ema = get("ema"), best = get("best"), shown = get("shown"), { steps } = spec;
  memo.kept ||= {};
  const asked = memo.asking === true ? "this" : null;
  const designs = KEYS.map((key) => {
    const d = design(spec, get, key), text = JSON.stringify([{ ...d, lr: 0 }, d.average === "EMA" && ema]);
    if (memo.kept[key]?.text !== text) memo.kept[key] = { text, best: bestRate(d, ema, spec) };
    const found = memo.kept[key].best, lr = best ? found.lr : d.lr, rate = rates({ ...d, lr }, steps);
    const { loss, noisy } = effect(rate, d.average, ema, spec), gone = loss.findIndex((v) => !Number.isFinite(v));
    const recorded = spec.recorded?.[`${d.schedule}|${d.average}`] || null;
    return { ...d, lr, rate, loss, noisy, recorded, best: found, diverged: gone < 0 ? null : gone, on: shown.includes(key), hidden: key === asked, title: titled(spec, d, ema) };
  });
  return { designs, on: designs.filter((d) => d.on), best, steps, step: get("step"), top: 1.06 * Math.max(...designs.map((d) => d.lr)), knots: get("schedule") === "knots" ? get("knots") : null };
}

function titled(spec, { schedule, hyper, average }, ema) {
  const name = schedule === "polynomial" && hyper.power === 1 ? "linear" : spec.titles[schedule];
  return name + { none: "", all: ", mean of all", "last half": ", averaged", EMA: `, EMA ${short(ema)}` }[average];
}

// ---- the panels: step size above, loss and its last fifth below, and last what was recorded

function layout(width, { recorded }) {
  const wide = width >= 600, box = (left, top, room, tall) => ({ left: left + 58, top: top + 10, width: room - 74, height: tall - 52 });
  const first = wide ? 210 : 190, second = wide ? 270 : 220, left = wide ? Math.round(0.6 * width) : width;
  const exact = first + second + (wide ? 0 : 190);
  return {
    rate: box(0, 0, width, first),
    loss: box(0, first, left, second),
    end: wide ? box(left, first, width - left, second) : box(0, first + second, width, 190),
    recorded: recorded && box(0, exact, width, 220),
    height: exact + (recorded ? 220 : 0),
  };
}

// The designs whose loss may be seen.
const told = ({ on }) => on.filter((d) => !d.hidden);

const scalesOf = (data, spec) => {
  const { steps, top } = data, on = told(data), late = Math.floor(0.8 * steps), cap = 30 * start(spec);
  const ends = on.flatMap((d) => [...d.loss.subarray(late)]).filter((v) => v <= cap), low = ends.length ? Math.min(...ends) : 0;
  const high = ends.length ? Math.min(Math.max(...ends), Math.max(4 * low, 2 * Math.max(...on.map((d) => d.loss[steps]).filter((v) => v <= cap), 0))) : 1;
  const room = Math.max(0.12 * (high - low), 0.02 * high, 1e-12);
  return {
    rate: [{ low: 0, high: steps, name: "step t" }, { low: 0, high: top, name: "step size η" }],
    loss: [{ low: 0, high: steps, name: "step t" }, { ...(spec.predict ? decadesAround([[start(spec) / 1e5, 2 * start(spec)]], Infinity) : decadesAround(on.map((d) => d.loss), cap)), name: "expected loss" }],
    end: [{ low: late, high: steps, name: "the last fifth" }, { low: Math.max(0, low - room), high: high + room, name: "expected loss" }],
  };
};

const start = ({ curvatures, from }) => curvatures.reduce((sum, c) => sum + (c * from * from) / 2, 0) || 1;

function drawPanel(ctx, data, { theme }, box, [x, y], values, from) {
  const { X, Y } = axes(ctx, box, x, y, theme, { grid: true }), { steps, step, on } = data;
  const bottom = y.log ? 10 ** (y.low - 1) : y.low - (y.high - y.low);
  const up = (v) => Y(Number.isFinite(v) ? Math.min(1e30, Math.max(v, bottom)) : 1e30);
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    ctx.lineJoin = "round";
    for (const d of on) {
      const k = KEYS.indexOf(d.key), last = d.diverged ? Math.max(from, d.diverged) : steps;
      ctx.strokeStyle = INK[k][+theme.dark];
      ctx.lineWidth = WEIGHT[k];
      ctx.setLineDash(DASH[k]);
      polyline(ctx, last - from + 1, (i) => X(from + i), (i) => up(values(d)[from + i]));
    }
    ctx.setLineDash([]);
  });
  for (const d of on) {
    const value = values(d)[Math.max(from, step)], at = up(value);
    ctx.fillStyle = INK[KEYS.indexOf(d.key)][+theme.dark];
    if (step >= from && Number.isFinite(value) && at >= box.top - 1 && at <= box.top + box.height + 1) marker(ctx, d.key === "this" ? "o" : "s", X(step), at, 4);
  }
}

// Real runs: mean and range over the seeds, at their own step size.
function drawRecorded(ctx, { on, step, steps }, { theme }, box) {
  const top = 1.05 * Math.max(0.01, ...on.flatMap((d) => (d.recorded ? d.recorded.high : [])));
  const { X, Y } = axes(ctx, box, { low: 0, high: 100, name: "% of the recorded run" }, { low: 0, high: top, name: "recorded loss" }, theme, { grid: true });
  const at = ({ mean }) => (i) => X((100 * i) / (mean.length - 1));
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X((100 * step) / steps), box.top, X((100 * step) / steps), box.top + box.height);
    for (const d of on.filter((each) => each.recorded)) {
      const k = KEYS.indexOf(d.key), { mean, low, high } = d.recorded, x = at(d.recorded);
      ctx.fillStyle = ctx.strokeStyle = INK[k][+theme.dark];
      ctx.globalAlpha = 0.18;
      ctx.beginPath();
      high.forEach((v, i) => ctx.lineTo(x(i), Y(v)));
      for (let i = low.length - 1; i >= 0; i--) ctx.lineTo(x(i), Y(low[i]));
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.lineWidth = WEIGHT[k];
      ctx.setLineDash(DASH[k]);
      polyline(ctx, mean.length, x, (i) => Y(mean[i]));
    }
    ctx.setLineDash([]);
  });
  Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "right", textBaseline: "top" });
  on.filter((d) => !d.recorded).forEach((d, k) => halo(ctx, `not recorded: ${d.title}`, box.left + box.width - 6, box.top + 6 + 16 * k, theme));
}

function drawFates(ctx, { on }, { theme }, box) {
  Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "right", textBaseline: "top" });
  on.filter((d) => d.diverged).forEach((d, k) => halo(ctx, `${d.title} diverged at step ${d.diverged}`, box.left + box.width - 6, box.top + 6 + 16 * k, theme));
}

// ---- knots

const tidy = (v) => +v.toPrecision(4);

// The knots with the k-th at (u, h): ends keep their place along the run, none passes a neighbour.
function withKnot(knots, k, u, h) {
  const out = knots.slice(), last = knots.length / 2 - 1;
  if (k > 0 && k < last) out[2 * k] = tidy(Math.min(knots[2 * k + 2] - 0.005, Math.max(knots[2 * k - 2] + 0.005, u)));
  out[2 * k + 1] = tidy(Math.min(1, Math.max(0, h)));
  return out;
}

const inserted = (knots, u, h) => {
  const k = knots.findIndex((v, i) => i % 2 === 0 && v > u);
  return [...knots.slice(0, k), tidy(u), tidy(h), ...knots.slice(k)];
};

// One more, in the middle of the widest gap; one less, the one that changes the curve least.
function more(knots) {
  let widest = 2;
  for (let k = 2; k < knots.length; k += 2) if (knots[k] - knots[k - 2] > knots[widest] - knots[widest - 2] + 1e-9) widest = k;
  const u = (knots[widest] + knots[widest - 2]) / 2;
  return inserted(knots, u, height(knots, u));
}

function fewer(knots) {
  const without = (k) => [...knots.slice(0, k), ...knots.slice(k + 2)];
  const loss = (k) => Math.abs(height(without(k), knots[k]) - knots[k + 1]);
  let least = 2;
  for (let k = 2; k < knots.length - 2; k += 2) if (loss(k) < loss(least)) least = k;
  return without(least);
}

// Who draws keeps the step sizes: the best ones would move under the hand.
const frozen = ({ designs: [a, b] }, knots) => ({ knots, best: false, lr: a.lr, beside_lr: b.lr });

function showPanel(node, data, set, spec) {
  if (!node.firstChild) {
    const act = (change) => () => set(frozen(node.data, change(node.data.knots)), true);
    node.append(element("div", { class: "live-bar" }, button("Add a knot", act(more), { class: "live-edge" }), button("Remove a knot", act(fewer), { class: "live-edge" })), element("p", { class: "live-result" }));
  }
  node.data = data;
  const [bar, words] = node.children, [add, remove] = bar.children, count = (data.knots || []).length / 2;
  bar.hidden = !data.knots;
  add.disabled = count >= spec.most;
  remove.disabled = count <= 2;
  const text = data.on.map(sized).join("; ") + (data.on.length ? "." : "");
  if (words.textContent !== text) words.textContent = text;
}

const three = (v) => short(+v.toPrecision(3));

const sized = ({ title, lr, best }) => `${title}: η = ${three(lr)}` + (Math.abs(lr / best.lr - 1) < 1e-9 ? (best.edge ? ", best at the edge of the range" : ", its best") : `, its best is ${three(best.lr)}`);

const fate = (d) => `${d.title}, step size ${three(d.lr)}: ` + (d.hidden ? "the expected loss is for you to predict" : d.diverged ? `diverged at step ${d.diverged}` : `final loss ${three(d.loss.at(-1))}`);

const columns = (d) => ["step size", "expected loss", "of it noise", ...(d.recorded ? ["recorded loss"] : [])];

// The mean at this share of the run, if that was recorded.
function recordedAt({ mean }, share) {
  const at = share * (mean.length - 1), near = Math.round(at);
  return Math.abs(at - near) < 1e-9 ? mean[near] : "";
}

const scheduleDesigner = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => layout(width, spec).height,
  draw(ctx, data, view) {
    const boxes = layout(view.width, spec), scales = scalesOf(data, spec), late = scales.end[0].low, seen = { ...data, on: told(data) };
    drawPanel(ctx, data, view, boxes.rate, scales.rate, (d) => d.rate, 1);
    drawPanel(ctx, seen, view, boxes.loss, scales.loss, (d) => d.loss, 0);
    drawPanel(ctx, seen, view, boxes.end, scales.end, (d) => d.loss, late);
    drawFates(ctx, seen, view, boxes.loss);
    if (boxes.recorded) drawRecorded(ctx, seen, view, boxes.recorded);
  },
  describe({ on, step, steps }) {
    const seen = told({ on });
    const now = step < steps && seen.length ? ` Loss at step ${step}: ${seen.map((d) => `${d.title} ${three(d.loss[step])}`).join(", ")}.` : "";
    const real = seen.filter((d) => d.recorded).map((d) => `${d.title} ${three(d.recorded.mean.at(-1))}`).join(", ");
    return on.length ? `${on.map(fate).join("; ")}.${now}${real && ` Recorded final loss: ${real}.`}` : "No schedule is shown.";
  },
  series: ({ designs, step }, { theme }) => ({
    head: ["expected loss", `at step ${step}`, "final", ...(spec.recorded ? ["recorded, final"] : ["of it noise", "final at best η"])],
    series: designs.map((d, k) => {
      const last = d.loss.length - 1, now = [d.loss[step], d.loss[last]].map(three);
      const exact = d.diverged ? [step >= d.diverged ? "diverged" : now[0], "diverged"] : now;
      const more = spec.recorded ? [d.recorded ? three(d.recorded.mean.at(-1)) : "no"] : [d.diverged ? "" : three(d.noisy[last]), three(d.best.final)];
      const cells = [...exact, ...more].map((text) => (d.hidden ? "?" : text));
      return { key: d.key, label: d.title, on: d.on, colour: INK[k][+theme.dark], dash: DASH[k], weight: WEIGHT[k], cells };
    }),
  }),
  panel: (node, data, set) => showPanel(node, data, set, spec),
  table: ({ designs, steps }) => ({
    head: ["step", ...designs.flatMap((d, k) => columns(d).map((c) => `${k ? "beside: " : ""}${d.title}: ${c}`))],
    rows: Array.from({ length: steps + 1 }, (_, t) => [t, ...designs.flatMap((d) => [
      t ? d.rate[t] : "", ...(d.hidden ? ["?", "?"] : d.diverged && t >= d.diverged ? ["diverged", ""] : [d.loss[t], d.noisy[t]]),
      ...(d.recorded ? [d.hidden ? "?" : recordedAt(d.recorded, t / steps)] : []),
    ])]),
  }),
  aside: ["step"],
  predict(data, view) {
    const [d] = data.designs, value = (t) => (Number.isFinite(d.loss[t]) ? d.loss[t] : Infinity);
    return d.on ? lossTask(`the schedule “${d.title}”`, data.steps, scalesOf(data, spec).loss[1], layout(view.width, spec).loss, value, "expected loss") : null;
  },
  toggle(key, get) {
    const shown = get("shown");
    return { shown: shown.includes(key) ? shown.filter((k) => k !== key) : [...shown, key] };
  },
  active(get) {
    const best = get("best"), schedules = [get("schedule"), get("beside")], averages = [get("average"), get("beside_average")];
    const names = new Set(["step", "schedule", "average", "beside", "beside_average", "best", ...schedules.flatMap((s) => spec.takes[s])]);
    if (!best) names.add("lr").add("beside_lr");
    if (averages.includes("EMA")) names.add("ema");
    return names;
  },
  handles(data, view) {
    if (!data.knots) return [];
    const { rate: box } = layout(view.width, spec), { knots, top } = data, [{ lr }] = data.designs;
    return Array.from({ length: knots.length / 2 }, (_, k) => {
      const [u, h] = knots.slice(2 * k, 2 * k + 2), to = (v, w) => frozen(data, withKnot(knots, k, v, w));
      return {
        label: `Knot ${k + 1}`, text: `after ${short(u * 100)} % of the steps, η ${three(lr * h)}`, value: h, low: 0, high: 1, look: "live-small",
        hint: "Knot: drag, or move with the arrow keys; with Shift, a tenth of the step",
        x: box.left + box.width * u, y: box.top + box.height * (1 - (lr * h) / top),
        drag: (px, py) => to((px - box.left) / box.width, ((1 - (py - box.top) / box.height) * top) / lr),
        nudge: (dx, dy, repeated) => to(nudged(u, dx, 1, repeated), nudged(h, dy, 1, repeated)),
      };
    });
  },
  // Who wants to choose the step sizes begins with the best ones.
  changed(name, get) {
    if (name !== "best" || get("best")) return null;
    const [lr, beside_lr] = KEYS.map((key) => bestRate(design(spec, get, key), get("ema"), spec).lr);
    return { lr, beside_lr };
  },
  // A click in the drawn schedule adds a knot; elsewhere it chooses the step.
  press(px, py, data, view) {
    const boxes = layout(view.width, spec), scales = scalesOf(data, spec);
    const name = ["rate", "loss", "end"].find((n) => px >= boxes[n].left && px <= boxes[n].left + boxes[n].width && py >= boxes[n].top && py <= boxes[n].top + boxes[n].height);
    if (!name) return null;
    const box = boxes[name], [{ low, high }] = scales[name], u = (px - box.left) / box.width;
    if (name !== "rate" || !data.knots) return { step: Math.round(low + u * (high - low)) };
    const near = data.knots.some((v, k) => k % 2 === 0 && Math.abs(v - u) < 0.01), h = ((1 - (py - box.top) / box.height) * data.top) / data.designs[0].lr;
    return near || data.knots.length >= 2 * spec.most ? null : frozen(data, inserted(data.knots, u, Math.min(1, h)));
  },
});

export { SCHEDULES, rates, height, effect, bestRate, design, compute, more, fewer, withKnot, scheduleDesigner };
export default liveFigure(scheduleDesigner);
