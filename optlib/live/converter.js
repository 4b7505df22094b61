// One optimizer in the words of another library, and three paths on the same random gradients.
// RULES (two coordinates) and DIALECTS (optlib.conversions, its expressions as functions) are
// written by Python.

// A number as one types it: twelve digits at most.
function numberText(value) {
  const v = +value.toPrecision(12), size = Math.abs(v);
  return v !== 0 && (size < 1e-4 || size >= 1e6) ? v.toExponential().replace("e+", "e") : String(v);
}

function callText(dialect, values) {
  const chosen = dialect.text.replace(/\[(!?)(\w+)\|([^\]]*)\]/g, (whole, not, name, words) => ((values[name] === 0) === (not === "!") ? words : ""));
  return chosen.replace(/\{(\w+)\}/g, (whole, name) => numberText(values[name]));
}

const each = (table, names) => Object.fromEntries(Object.entries(table).map(([key, from]) => [key, Number(from(names))]));

// The values of the target's arguments, or null and the reasons.
function convert(source, target, values, changes) {
  const common = { ...each(source.read, values), changes: Number(changes) };
  const reasons = target.needs.filter(([holds]) => !holds(common)).map(([, words]) => words);
  if (reasons.length) return { target, values: null, reasons, notes: [] };
  const written = each(target.write, common);
  return { target, values: written, reasons, notes: target.notes.filter(([holds]) => holds(common)).map(([, words]) => words), call: callText(target, written) };
}

// The source's numbers under the target's names, unconverted.
function copied(target, values) {
  const decay = values.weight_decay ?? values.l2 ?? 0, named = { clip_norm: 0, damping: 0, ...values, weight_decay: decay, l2: decay };
  return Object.fromEntries(Object.entries(target.arguments).map(([key, usual]) => [key, named[key] ?? usual]));
}

// A run in closed loop: gradients slope * theta + noise. rates multiplies the step size.
function path(dialect, values, { start, slope, noise, steps, rates }) {
  const rule = RULES[dialect.rule], { l2 = 0, clip_norm = 0 } = values, hyper = { ...rule.hyper, ...values }, usual = hyper[dialect.rate];
  const s = new Float64Array(2 * (1 + rule.state.length)), g = new Float64Array(2), at = new Float64Array(2), out = [Float64Array.from(start)];
  s.set(start);
  rule.start.forEach((value, k) => s.fill(value, 2 * (k + 1), 2 * (k + 2)));
  for (let t = 1; t <= steps; t++) {
    if (rates) hyper[dialect.rate] = usual * rates(t);
    if (rule.at) rule.at(s, t, hyper, at);
    else at.set(s.subarray(0, 2));
    for (const i of [0, 1]) g[i] = slope[i] * at[i] + noise[2 * (t - 1) + i];
    const norm = Math.hypot(...g), scale = clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1;
    for (const i of [0, 1]) g[i] = g[i] * scale + l2 * s[i];
    rule.step(s, g, t, hyper);
    out.push(s.slice(0, 2));
  }
  return out;
}

function distances(one, two) {
  let travelled = 0;
  for (const p of one) for (const i of [0, 1]) travelled = Math.max(travelled, Math.abs(p[i] - one[0][i]));
  return one.map((p, k) => (travelled > 0 ? Math.max(Math.abs(p[0] - two[k][0]), Math.abs(p[1] - two[k][1])) / travelled : 0));
}

function compute(spec, get, memo) {
  const { steps, start } = spec, name = get("source"), source = DIALECTS[name], size = get("size"), changes = get("changes");
  const values = Object.fromEntries(Object.keys(source.arguments).map((key) => [key, Number(get(key))]));
  memo.deviates ||= deviates(1, 2 * steps);
  const problem = { start, steps, slope: spec.slope.map((v) => v * size), noise: memo.deviates.map((z) => z * size), rates: changes ? (t) => (t <= steps / 2 ? 1 : 0.1) : null };
  const family = Object.entries(DIALECTS).filter(([n, d]) => d.family === source.family && n !== name);
  const all = family.map(([n, d]) => ({ name: n, ...convert(source, d, values, changes) }));
  const found = all.filter((c) => c.target.library === get("target")), shown = found.find((c) => c.values) || found[0] || null;
  const mine = path(source, values, problem);
  const series = [{ key: "from", label: name, path: mine, apart: null }];
  if (shown?.values) series.push({ key: "to", label: `${shown.name}, converted`, path: path(shown.target, shown.values, problem) });
  if (shown) series.push({ key: "same", label: `${shown.name}, same numbers`, path: path(shown.target, copied(shown.target, values), problem) });
  for (const s of series.slice(1)) [s.apart, s.most] = [distances(mine, s.path), 0];
  for (const s of series.slice(1)) s.most = s.apart.every(Number.isFinite) ? Math.max(...s.apart) : NaN;
  return { name, source, call: callText(source, values), library: get("target"), all, found, shown, series, steps, changes };
}

// ---- the two panels

const COLOURS = { from: ["#0069a8", "#5cb8ff"], to: ["#c44e00", "#ff9a5c"], same: ["#6b6b6b", "#b8b8b8"] };
const DASHES = { from: [], to: [9, 6], same: [2, 4] };
const LEAST = 1e-17;
const tall = (wide, width) => (wide ? Math.min(330, Math.max(250, width * 0.34)) : Math.max(210, width * 0.56));
const layout = (width) => twoPanels(width, 0.5, tall);
const time = (data) => ({ low: 0, high: data.steps, name: "step t" });

function strokes(ctx, s, theme) {
  ctx.strokeStyle = COLOURS[s.key][+theme.dark];
  ctx.lineWidth = s.key === "from" ? 4 : 2;
  ctx.setLineDash(DASHES[s.key]);
}

function drawPaths(ctx, data, { theme }, box) {
  const heights = data.series.flatMap((s) => s.path.map((p) => p[0])).filter(Number.isFinite), low = Math.min(...heights), high = Math.max(...heights);
  const pad = 0.06 * (high - low) || 0.1, scale = marksApart({ low: low - pad, high: high + pad, name: "first weight" });
  const { X, Y } = axes(ctx, box, time(data), scale, theme, { grid: true });
  inside(ctx, box, () => {
    for (const s of data.series) {
      strokes(ctx, s, theme);
      if (s.key === "from") ctx.globalAlpha = 0.55;
      polyline(ctx, s.path.length, X, (k) => Y(s.path[k][0]));
      ctx.globalAlpha = 1;
    }
    ctx.setLineDash([]);
    if (data.changes) {
      ctx.strokeStyle = theme.muted;
      ctx.lineWidth = 1;
      line(ctx, X(data.steps / 2), box.top, X(data.steps / 2), box.top + box.height);
    }
  });
}

// Where a path hardly moves, marks tell how far it went from the first one.
function marksApart(scale) {
  if (scale.high - scale.low > 1e-3) return scale;
  const middle = (scale.low + scale.high) / 2, far = (scale.high - scale.low) / 2;
  return { ...scale, marks: [[middle, short(+middle.toPrecision(4))], [middle + 0.8 * far, `+ ${short(+(0.8 * far).toPrecision(2))}`], [middle - 0.8 * far, `− ${short(+(0.8 * far).toPrecision(2))}`]] };
}

function drawApart(ctx, data, { theme }, box) {
  const { X, Y } = axes(ctx, box, time(data), { low: -17, high: 2, log: true, name: "difference / distance gone" }, theme, { grid: true });
  inside(ctx, box, () => {
    for (const s of data.series.slice(1)) {
      strokes(ctx, s, theme);
      polyline(ctx, s.apart.length - 1, (k) => X(k + 1), (k) => Y(Math.max(s.apart[k + 1], LEAST)));
    }
    ctx.setLineDash([]);
    ctx.font = theme.font;
    ctx.fillStyle = theme.muted;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    halo(ctx, data.shown ? "rounding: 1e−16" : `no ${data.source.family} of ${data.library} in the table`, box.left + box.width - 6, Y(1e-15), theme);
  });
}

// ---- words

const apartText = (s) => (s.most === 0 ? "none" : short(+s.most.toPrecision(2)));
const verdict = (c) => (c.values ? c.call : c.reasons.join(" "));

function row(text, note) {
  const done = element("span", { class: "live-note", role: "status" });
  const act = async () => (done.textContent = (await copy(text)) ? "copied" : "mark the text to copy it");
  return element("li", {}, element("code", {}, text), ...(note ? [element("span", { class: "live-note" }, note)] : []), button("Copy", act, { class: "live-edge", "aria-label": `Copy ${text}` }), done);
}

function panel(node, data) {
  const key = JSON.stringify([data.call, data.library, data.found.map((c) => [c.name, verdict(c), c.notes])]);
  if (node.dataset.shown === key) return;
  node.dataset.shown = key;
  const first = [...data.found].sort((a, b) => (a.values ? 0 : 1) - (b.values ? 0 : 1));
  const blocks = first.map((c) => element("div", {}, element("p", { class: "live-result" }, element("strong", {}, c.name), c.values ? "" : ": no settings give the same path."),
    c.values ? element("ul", { class: "live-lines" }, row(c.call, c.notes.join(" "))) : element("ul", {}, ...c.reasons.map((words) => element("li", {}, words)))));
  const nothing = data.found.length ? [] : [element("p", { class: "live-result" }, `The table has no other ${data.source.family} of ${data.library}.`)];
  node.replaceChildren(element("p", { class: "live-result" }, "From ", element("strong", {}, data.name)), element("ul", { class: "live-lines" }, row(data.call, "")), element("p", { class: "live-result" }, `to ${data.library}:`), ...nothing, ...blocks);
}

const converterFigure = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => layout(width).height,
  draw(ctx, data, view) {
    const [left, right] = layout(view.width).boxes;
    drawPaths(ctx, data, view, left);
    drawApart(ctx, data, view, right);
  },
  active: (get) => new Set(["source", "target", "changes", "size", ...Object.keys(DIALECTS[get("source")].arguments)]),
  changed(name, get) {
    if (name !== "source") return null;
    const usual = Object.entries(DIALECTS[get("source")].arguments);
    return Object.fromEntries(usual.map(([key, v]) => [key, key === "eps" ? numberText(v) : key === "centered" ? v > 0 : v]));
  },
  describe(data) {
    const { shown } = data, ends = data.series.slice(1).map((s) => `${s.key === "to" ? "converted" : "with the same numbers"} ${apartText(s)} apart`);
    const other = !shown ? `nothing in ${data.library}` : shown.values ? shown.call : `no settings of ${shown.name}: ${shown.reasons.join(" ")}`;
    return `${data.call} becomes ${other}. ${ends.length ? `Paths: ${ends.join(", ")}.` : ""}`.trim();
  },
  series: (data, { theme }) => ({
    head: ["path", "first weight at the end", "largest difference / distance gone"],
    series: data.series.map((s) => ({ key: s.key, label: s.label, on: true, colour: COLOURS[s.key][+theme.dark], dash: DASHES[s.key], weight: s.key === "from" ? 4 : 2, cells: [short(s.path.at(-1)[0]), s.apart ? apartText(s) : ""] })),
  }),
  panel,
  table: (data) => ({ head: ["optimizer", "of", `${data.call} is`], rows: data.all.map((c) => [c.name, c.target.library, verdict(c)]) }),
});

export { compute, convert, copied, numberText, DIALECTS };
export default liveFigure(converterFigure);
