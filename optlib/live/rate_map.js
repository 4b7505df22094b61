// The factor of the error per step over (lr, beta) on curvatures 1 and kappa, read off the rules
// themselves, and what happens at the cursor: the two phase portraits, the loss, |sigma|.
// RULES, LOOKS are written by Python. lr is in units of 1/L, L = kappa. Python has made sure that
// the factor depends on lr times curvature alone, so curvature 1 is enough.

const TOP = 1.3;
const MOST = 50_000; // steps that are counted one by one

// The factor on curvature 1 as a function of (lr, beta); it makes nothing anew.
function factor(rule) {
  const s = new Float64Array(2), g = new Float64Array(1), at = new Float64Array(1), h = { ...rule.hyper };
  const step = (theta, u) => {
    [s[0], s[1]] = [theta, u];
    if (rule.at) rule.at(s, 1, h, at);
    else at[0] = theta;
    g[0] = at[0];
    rule.step(s, g, 1, h);
  };
  return (lr, beta) => {
    [h.lr, h.beta] = [lr, beta];
    step(1, 0);
    const a = s[0], b = s[1];
    step(0, 1);
    const half = (a + s[1]) / 2, det = a * s[1] - b * s[0], root = half * half - det;
    return root < 0 ? Math.sqrt(det) : Math.abs(half) + Math.sqrt(root);
  };
}

// The least f(lr, beta) and where: the least over lr of even betas, ever closer around the best one.
function optimum(f, [low, high], reach) {
  let best = { rho: Infinity }, [from, to] = [low, high];
  for (let round = 0; round < 11; round++) {
    const betas = Array.from({ length: 21 }, (_, k) => from + ((to - from) * k) / 20);
    for (const beta of betas) {
      const lr = golden((v) => f(v, beta), 0, reach), rho = f(lr, beta);
      if (rho < best.rho) best = { rho, lr, beta };
    }
    const width = (to - from) / 10;
    [from, to] = [Math.max(low, best.beta - width), Math.min(high, best.beta + width)];
  }
  return best;
}

// ---- what a setting does

// Both directions from the start at rest: paths, loss over the first loss, its peak, and the number
// of steps to a millionth.
function follow(matrices, kappa, start, steps) {
  const rho = Math.max(...matrices.map(radius)), [p, q] = matrices;
  const first = start[0] ** 2 + kappa * start[1] ** 2;
  const x = new Float64Array(steps + 1), y = new Float64Array(steps + 1), loss = new Float64Array(steps + 1);
  let [a, u, b, w] = [start[0], 0, start[1], 0], peak = { loss: 1, t: 0 }, needed = null;
  [x[0], y[0], loss[0]] = [a, b, 1];
  for (let t = 1; t <= MOST && (t <= steps || (needed === null && rho < 1)); t++) {
    [a, u] = [p[0][0] * a + p[1][0] * u, p[0][1] * a + p[1][1] * u];
    [b, w] = [q[0][0] * b + q[1][0] * w, q[0][1] * b + q[1][1] * w];
    const now = (a * a + kappa * b * b) / first;
    if (now > peak.loss * (1 + 1e-12)) peak = { loss: now, t };
    if (needed === null && now <= 1e-6) needed = t;
    if (t <= steps) [x[t], y[t], loss[t]] = [a, b, now];
  }
  return { rho, x, y, loss, peak, needed };
}

function compute(spec, get, memo) {
  const [lr, beta, kappa] = ["lr", "beta", "kappa"].map(get), chosen = get("rule"), shown = get("shown");
  const factors = (memo.factors ||= Object.fromEntries(Object.entries(RULES).map(([name, rule]) => [name, factor(rule)])));
  const runs = Object.keys(RULES).map((name) => {
    const rule = RULES[name], on = shown.includes(name), hidden = memo.asking === true && spec.predict.rule === name;
    const matrices = [lr / kappa, lr].map((v) => matrix(rule, 1, { ...rule.hyper, lr: v, beta }));
    return { name, look: LOOKS[name], on, hidden, last: spec.steps, f: factors[name], sigma: matrices.map(radius), matrices, ...follow(matrices, kappa, spec.start, spec.steps) };
  });
  const f = factors[chosen], key = chosen + kappa;
  memo.best ||= new Map();
  if (spec.show.includes("map") && !memo.best.has(key)) {
    memo.best.set(key, optimum((v, b) => Math.max(f(v / kappa, b), f(v, b)), [0, spec.limits.beta[1]], spec.limits.lr[1]));
  }
  const step = spec.show.includes("sigma") && spec.show.length === 1 ? spec.steps : get("step");
  return { lr, beta, kappa, runs, shown: runs.filter((r) => r.on), chosen: runs.find((r) => r.name === chosen), best: memo.best.get(key), steps: spec.steps, asks: Boolean(spec.predict), step, reach: spec.limits.lr[1], high: spec.limits.beta[1] };
}

// Largest curvature that still shrinks, in units of 1 / lr; null if it is out of the picture.
function stable(f, beta, reach) {
  const count = 400;
  for (let k = 1; k <= count; k++) {
    if (f((reach * k) / count, beta) <= 1 + 1e-12) continue;
    let [a, b] = [(reach * (k - 1)) / count, (reach * k) / count];
    for (let n = 0; n < 45; n++) {
      const middle = (a + b) / 2;
      if (f(middle, beta) > 1 + 1e-12) b = middle;
      else a = middle;
    }
    return a;
  }
  return null;
}

// ---- the map

// From the fastest to the slowest, on light and on dark: light and dark alone tell them apart.
const SCALE = {
  light: [[8, 48, 107], [44, 112, 170], [122, 174, 206], [196, 219, 231], [244, 246, 246]],
  dark: [[255, 233, 128], [146, 189, 140], [62, 134, 141], [37, 80, 105], [24, 38, 56]],
};
const OUT = { light: [238, 226, 222], dark: [58, 40, 40] };
const LEVELS = [0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999];

const depth = (rho) => -Math.log10(Math.max(1e-9, 1 - rho)); // 0, 1, 2, 3 for 0, 0.9, 0.99, 0.999

function tone(theme, t) {
  const stops = SCALE[theme.dark ? "dark" : "light"], at = Math.min(0.9999, Math.max(0, t)) * (stops.length - 1), k = Math.floor(at);
  return stops[k].map((v, c) => v + (stops[k + 1][c] - v) * (at - k));
}

const COLUMNS = 160, ROWS = 120;

// Factors on a grid, row by row from beta = 0.
function grid(f, kappa, reach, high) {
  const values = new Float64Array((COLUMNS + 1) * (ROWS + 1));
  for (let j = 0, k = 0; j <= ROWS; j++) for (let i = 0; i <= COLUMNS; i++) {
    const lr = (reach * i) / COLUMNS, beta = (high * j) / ROWS;
    values[k++] = Math.max(f(lr / kappa, beta), f(lr, beta));
  }
  return values;
}

// Segments [column, row, column, row] of the line where values pass a level. Between two points of
// the grid the place is sought with at(column, row), where that is given.
function levelLine(values, level, at) {
  const found = [], n = COLUMNS + 1;
  const share = (x, y, X, Y, a, b) => {
    if (!at) return (level - a) / (b - a);
    let [low, high] = [0, 1];
    for (let k = 0; k < 14; k++) {
      const middle = (low + high) / 2;
      if (at(x + (X - x) * middle, y + (Y - y) * middle) > level === a > level) low = middle;
      else high = middle;
    }
    return low;
  };
  for (let j = 0; j < ROWS; j++) for (let i = 0; i < COLUMNS; i++) {
    const k = j * n + i, [a, b, c, d] = [values[k], values[k + 1], values[k + n + 1], values[k + n]];
    if (a > level === b > level && a > level === c > level && a > level === d > level) continue;
    const corners = [[i, j, a], [i + 1, j, b], [i + 1, j + 1, c], [i, j + 1, d]], ends = [];
    for (let e = 0; e < 4; e++) {
      const [x, y, p] = corners[e], [X, Y, q] = corners[(e + 1) % 4];
      if (p > level === q > level) continue;
      const part = share(x, y, X, Y, p, q);
      ends.push(x + (X - x) * part, y + (Y - y) * part);
    }
    for (let e = 0; e + 3 < ends.length; e += 4) found.push(ends.slice(e, e + 4));
  }
  return found;
}

// The range of the colours, and the levels in it.
function span(best) {
  const low = depth(best.rho), high = low + 2.3;
  return { low, high, levels: LEVELS.filter((v) => depth(v) > low + 0.05 && depth(v) < high) };
}

function paintMap(data, theme, box, ratio) {
  const { chosen, kappa, best, reach, high } = data, values = grid(chosen.f, kappa, reach, high);
  const { low, high: top, levels } = span(best), image = new ImageData(COLUMNS + 1, ROWS + 1);
  for (let j = 0, k = 0; j <= ROWS; j++) for (let i = 0; i <= COLUMNS; i++, k += 4) {
    const rho = values[(ROWS - j) * (COLUMNS + 1) + i];
    image.data.set(rho > 1 + 1e-9 ? OUT[theme.dark ? "dark" : "light"] : tone(theme, (depth(rho) - low) / (top - low)), k);
    image.data[k + 3] = 255;
  }
  const small = document.createElement("canvas"), sheet = document.createElement("canvas");
  [small.width, small.height] = [COLUMNS + 1, ROWS + 1];
  small.getContext("2d").putImageData(image, 0, 0);
  [sheet.width, sheet.height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  const ctx = sheet.getContext("2d");
  ctx.scale(ratio, ratio);
  ctx.imageSmoothingQuality = "high";
  // A pixel of the image is a point of the grid: its outer half lies outside.
  ctx.drawImage(small, 0.5, 0.5, COLUMNS, ROWS, 0, 0, box.width, box.height);
  const [sx, sy] = [box.width / COLUMNS, box.height / ROWS];
  const strokes = (level, at) => {
    ctx.beginPath();
    for (const [a, b, c, d] of levelLine(values, level, at)) {
      ctx.moveTo(a * sx, box.height - b * sy);
      ctx.lineTo(c * sx, box.height - d * sy);
    }
    ctx.stroke();
  };
  ctx.strokeStyle = theme.dark ? "#ffffff66" : "#00000055";
  levels.forEach((level) => strokes(level));
  ctx.strokeStyle = theme.ink;
  ctx.lineWidth = 2.2;
  strokes(1 + 1e-9, (i, j) => {
    const lr = (reach * i) / COLUMNS, beta = (high * j) / ROWS;
    return Math.max(chosen.f(lr / kappa, beta), chosen.f(lr, beta));
  });
  return sheet;
}

function cachedMap(data, theme, box, ratio, memo) {
  const key = [data.chosen.name, data.kappa, theme.dark, box.width, box.height, ratio].join();
  memo.sheets ||= new Map();
  if (!memo.sheets.has(key)) {
    if (memo.sheets.size > 5) memo.sheets.clear();
    memo.sheets.set(key, paintMap(data, theme, box, ratio));
  }
  return memo.sheets.get(key);
}

const mapPlace = (box, { reach, high }) => ({
  X: (v) => box.left + (box.width * v) / reach,
  Y: (v) => box.top + box.height * (1 - v / high),
  lr: (px) => ((px - box.left) / box.width) * reach,
  beta: (py) => (1 - (py - box.top) / box.height) * high,
});

function drawMap(ctx, data, view, box) {
  const { theme } = view, { lr, beta, best, reach, high } = data;
  ctx.drawImage(cachedMap(data, theme, box, view.ratio, view.memo), box.left, box.top, box.width, box.height);
  const { X, Y } = axes(ctx, box, { low: 0, high: reach, name: "step size ηL" }, { low: 0, high, name: "momentum β" }, theme);
  drawKey(ctx, best, theme, box);
  inside(ctx, box, () => {
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    if (data.chosen.f(reach, 0.12 * high) > 1) {
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      halo(ctx, "diverges", box.left + box.width - 8, Y(0.04 * high), theme);
    }
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([2, 3]);
    line(ctx, X(lr), box.top, X(lr), box.top + box.height);
    line(ctx, box.left, Y(beta), box.left + box.width, Y(beta));
    ctx.setLineDash([]);
    for (const [r, colour] of [[6.5, theme.paper], [4.5, theme.ink]]) {
      ctx.fillStyle = colour;
      marker(ctx, "D", X(best.lr), Y(best.beta), r);
    }
  });
}

// The colours, with the factors they stand for, above the map.
function drawKey(ctx, best, theme, box) {
  const { low, high, levels } = span(best), y = box.top - 14, place = (rho) => box.left + box.width * ((depth(rho) - low) / (high - low));
  const shade = ctx.createLinearGradient(box.left, 0, box.left + box.width, 0);
  for (let k = 0; k <= 8; k++) shade.addColorStop(k / 8, `rgb(${tone(theme, k / 8).map(Math.round)})`);
  ctx.save();
  ctx.fillStyle = shade;
  ctx.fillRect(box.left, y, box.width, 8);
  Object.assign(ctx, { font: theme.font, fillStyle: theme.muted, strokeStyle: theme.muted, textBaseline: "bottom", textAlign: "center", lineWidth: 1 });
  ctx.strokeRect(box.left, y, box.width, 8);
  ctx.fillText("ρ", box.left - 12, y + 9);
  let last = -99;
  for (const rho of levels) {
    line(ctx, place(rho), y, place(rho), y + 8);
    if (place(rho) - last < 44) continue;
    last = place(rho);
    ctx.fillText(String(rho), last, y - 2);
  }
  ctx.restore();
}

// ---- at the cursor

// The error against its change, one direction of curvature beside (or above) the other.
function drawPortrait(ctx, data, { theme }, whole) {
  const { chosen, kappa } = data, step = upTo(chosen, data.step), last = upTo(chosen, data.steps), colour = chosen.look[theme.dark ? 1 : 0], stacked = whole.height > 0.8 * whole.width;
  [chosen.x, chosen.y].forEach((path, k) => {
    const gap = 66, box = stacked
      ? { ...whole, top: whole.top + k * ((whole.height + gap) / 2), height: (whole.height - gap) / 2 }
      : { ...whole, left: whole.left + k * ((whole.width + gap) / 2), width: (whole.width - gap) / 2 };
    const change = (t) => (t ? path[t] - path[t - 1] : 0), title = k ? `steep, λ = ${counted(kappa)}` : "flat, λ = 1";
    let [reach, wide] = [0, 0];
    for (let t = 0; t <= data.steps; t++) [reach, wide] = [Math.max(reach, Math.abs(path[t])), Math.max(wide, Math.abs(change(t)))];
    const most = Math.abs(path[0]);
    reach = Math.min(1.12 * reach, 30 * most) || 1;
    wide = Math.min(1.12 * wide, 60 * most) || 1;
    const { X, Y } = axes(ctx, box, { low: -reach, high: reach, name: "error" }, { low: -wide, high: wide, name: "its change" }, theme);
    inside(ctx, box, () => {
      ctx.strokeStyle = theme.grid;
      ctx.lineWidth = 1;
      line(ctx, X(0), box.top, X(0), box.top + box.height);
      line(ctx, box.left, Y(0), box.left + box.width, Y(0));
      const part = (a, b) => polyline(ctx, b - a + 1, (n) => X(path[a + n]), (n) => Y(change(a + n)));
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 1.2;
      soFar(ctx, 0, step, last, part);
      for (let t = 0; t <= step; t++) marker(ctx, "o", X(path[t]), Y(change(t)), 2);
      marker(ctx, chosen.look[3], X(path[step]), Y(change(step)), 5);
      Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "left", textBaseline: "top" });
      halo(ctx, title, box.left + 6, box.top + 5, theme);
      ctx.textBaseline = "bottom";
      const words = [nature(chosen.matrices[k]), `|σ| ${fine(chosen.sigma[k])}`], narrow = box.width < 150;
      (narrow ? words : [`${words[1]}, ${words[0]}`]).forEach((text, row) => halo(ctx, text, box.left + 6, box.top + box.height - 5 - 15 * row, theme));
    });
  });
}

// Where a loss is to be drawn, the axis must not tell how far it goes: it is always the same, six decades up and down.
function lossAxis({ shown, asks }) {
  let [low, high] = asks ? [1e-6, 1e6] : [1, 1];
  for (const r of asks ? [] : shown) for (const v of r.loss) if (v > 0 && Number.isFinite(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return { low: Math.floor(Math.log10(Math.max(low, 1e-12))), high: Math.max(1, Math.ceil(Math.log10(Math.min(high, 1e6)))), log: true, name: "loss / first loss" };
}

function drawLosses(ctx, data, { theme }, box) {
  const { shown, step, steps } = data, scale = lossAxis(data);
  const { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step t" }, scale, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    ctx.strokeStyle = theme.ink;
    ctx.setLineDash([5, 4]);
    line(ctx, box.left, Y(1), box.left + box.width, Y(1));
    const at = (r, t) => Y(Math.min(1e30, Math.max(r.loss[t], 10 ** scale.low)));
    for (const r of shown) {
      ctx.strokeStyle = ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      ctx.setLineDash(r.look[2]);
      ctx.lineWidth = 1.8;
      const now = upTo(r, step);
      soFar(ctx, 0, now, upTo(r, steps), (a, b) => polyline(ctx, b - a + 1, (k) => X(a + k), (k) => at(r, a + k)));
      ctx.setLineDash([]);
      marker(ctx, r.look[3], X(now), at(r, now), 4.5);
    }
    const labels = shown.filter((r) => !r.hidden && r.rho < 1 && r.peak.t && r.peak.t <= steps).sort((a, b) => b.peak.loss - a.peak.loss);
    for (const r of labels.slice(0, 1)) {
      const [x, y] = [X(r.peak.t), at(r, r.peak.t)];
      ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      marker(ctx, "D", x, y, 4);
      Object.assign(ctx, { font: theme.font, fillStyle: theme.ink, textAlign: "left", textBaseline: "middle" });
      halo(ctx, `×${times(r.peak.loss)}`, x + 6, Math.max(y - 12, box.top + 9), theme);
    }
  });
}

function drawSigma(ctx, data, { theme }, box) {
  const { shown, lr, beta, kappa, reach } = data, x = { low: 0, high: reach, name: "step size times curvature, ηλ" };
  const { X, Y } = axes(ctx, box, x, { low: 0, high: TOP, name: "factor |σ|" }, theme, { grid: true });
  inside(ctx, box, () => {
    ctx.fillStyle = theme.dark ? "#ff8a8018" : "#b3261e12";
    ctx.fillRect(box.left, box.top, box.width, Y(1) - box.top);
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    line(ctx, box.left, Y(1), box.left + box.width, Y(1));
    ctx.setLineDash([]);
    const marks = kappa === 1 ? [[lr, "ηλ"]] : [[lr / kappa, "flat"], [lr, "steep"]];
    Object.assign(ctx, { font: theme.font, textBaseline: "bottom" });
    marks.forEach(([v, label], k) => {
      ctx.strokeStyle = theme.muted;
      line(ctx, X(v), box.top, X(v), box.top + box.height);
      ctx.fillStyle = theme.ink;
      const left = X(v) > box.left + 0.85 * box.width;
      ctx.textAlign = left ? "right" : "left";
      halo(ctx, label, X(v) + (left ? -5 : 5), box.top + box.height - 5 - 14 * (k && X(marks[1][0]) - X(marks[0][0]) < 30), theme);
    });
    ctx.textAlign = "right";
    ctx.fillStyle = theme.ink;
    ctx.fillText("grows", box.left + box.width - 6, Y(1) - 4);
    const count = 2 * Math.round(box.width);
    for (const r of shown) {
      ctx.strokeStyle = ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      ctx.lineWidth = 2.2;
      ctx.setLineDash(r.look[2]);
      polyline(ctx, count + 1, (k) => box.left + k / 2, (k) => Y(r.f((reach * k) / count, beta)));
      ctx.setLineDash([]);
      for (const [v] of marks) marker(ctx, r.look[3], X(v), Y(Math.min(TOP, r.f(v, beta))), 4.5);
    }
  });
}

// ---- the panels

const DRAW = { map: drawMap, portrait: drawPortrait, path: drawLosses, sigma: drawSigma };
const KEY = 22; // room above the map for its colours

const places = (spec, width) => inRows(spec.show, width, ["map"], { map: KEY });

const times = (v) => (v >= 1000 ? short(v) : String(+v.toPrecision(3)));
const steps6 = (r) => (r.rho > 1 + 1e-12 ? "diverges" : r.needed ? grouped(r.needed) : r.rho >= 1 - 1e-12 ? "never" : "about " + needed(r.rho));
const rises = (r) => (r.rho > 1 + 1e-12 ? "diverges" : r.peak.t ? `×${times(r.peak.loss)}` : "none");

const rateMap = (spec) => {
  const only = spec.show.length === 1 && spec.show[0] === "sigma";
  const limited = (name, v) => +Math.min(spec.limits[name][1], Math.max(spec.limits[name][0], v)).toFixed(4);
  return {
    ...toggles("rule", spec),
    compute: (get, memo) => compute(spec, get, memo),
    height: (width) => places(spec, width).height,
    draw(ctx, data, view) {
      const { boxes } = places(spec, view.width);
      for (const name of spec.show) DRAW[name](ctx, data, view, boxes[name]);
    },
    describe({ lr, beta, kappa, shown, best, chosen }) {
      const where = `step size ${fine(lr)}/L, momentum ${fine(beta)}, condition number ${counted(kappa)}`;
      const said = shown.map((r) => {
        if (only) return `${r.look[4]} |σ| ${fine(r.sigma[1])}` + (r.sigma[1] > 1 + 1e-12 ? ", grows" : "");
        const end = r.hidden ? "the loss is for you to predict" : r.rho > 1 + 1e-12 ? "diverges" : `${steps6(r)} steps to a millionth of the loss` + (r.peak.t ? `, first multiplies the loss by ${times(r.peak.loss)} (step ${r.peak.t})` : "");
        return `${r.look[4]} factor ${fine(r.rho)} per step, ${end}`;
      });
      return `At ${where}: ${said.join("; ") || "no optimizer shown"}.` + (best ? ` Best for ${chosen.look[4]}: ${fine(best.rho)} at ${fine(best.lr)}/L and ${fine(best.beta)}.` : "");
    },
    series({ runs, beta, kappa, reach }, { theme }) {
      const limit = (r) => stable(r.f, beta, reach);
      const cells = only
        ? (r) => [...(kappa === 1 ? [] : [fine(r.sigma[0])]), fine(r.sigma[1]), limit(r) === null ? `none to ${short(reach)}` : fine(limit(r))]
        : (r) => [fine(r.rho), ...(r.hidden ? ["?", "?"] : [steps6(r), rises(r)])];
      const columns = only ? (kappa === 1 ? 2 : 3) : 3;
      return {
        head: ["optimizer", ...(only ? [...(kappa === 1 ? ["|σ|"] : ["|σ| flat", "|σ| steep"]), "grows beyond ηλ"] : ["ρ", "steps to 10⁻⁶", "peak of the loss"])],
        series: runs.map((r) => ({ key: r.name, label: r.look[4], on: r.on, colour: r.look[theme.dark ? 1 : 0], dash: r.look[2], marker: r.look[3], cells: r.on ? cells(r) : Array(columns).fill("") })),
      };
    },
    table({ shown, steps, reach, beta }) {
      if (only) {
        const rows = Array.from({ length: 85 }, (_, k) => (reach * k) / 84).map((v) => [+v.toFixed(6), ...shown.map((r) => r.f(v, beta))]);
        return { head: ["eta lambda", ...shown.map((r) => `${r.look[4]}: |sigma|`)], rows };
      }
      const head = ["step", ...shown.flatMap((r) => ["flat error", "steep error", "loss / first loss"].map((c) => `${r.look[4]}: ${c}`))];
      return { head, rows: Array.from({ length: steps + 1 }, (_, t) => [t, ...shown.flatMap((r) => (t <= upTo(r, steps) ? [r.x[t], r.y[t], r.loss[t]] : ["", "", ""]))]) };
    },
    // The loss of one rule, relative to the first, at so many steps.
    predict(data, view) {
      const r = data.runs.find((run) => run.name === spec.predict.rule), { steps } = data;
      return r.on ? lossTask(r.look[4], steps, lossAxis(data), places(spec, view.width).boxes.path, (t) => r.loss[t]) : null;
    },
    handles({ lr, beta, chosen, reach, high }, view) {
      const { map, sigma } = places(spec, view.width).boxes, set = (v, b) => ({ lr: limited("lr", v), beta: limited("beta", b) });
      if (map) {
        const at = mapPlace(map, { reach, high });
        return [{
          label: "Step size and momentum", text: `step size ${fine(lr)} over L, momentum ${fine(beta)}`, value: lr, low: 0, high: reach, x: at.X(lr), y: at.Y(beta),
          hint: "Drag, or move with the arrow keys: left and right the step size, up and down the momentum; with Shift, a tenth of the step",
          drag: (px, py) => set(at.lr(px), at.beta(py)),
          nudge: (dx, dy, repeated) => set(nudged(lr, dx, reach, repeated), nudged(beta, dy, 1, repeated)),
        }];
      }
      if (!sigma) return [];
      return [{
        label: "Step size", text: `${fine(lr)} over L`, value: lr, low: 0, high: reach, x: sigma.left + (sigma.width * lr) / reach, y: sigma.top + sigma.height * (1 - Math.min(TOP, chosen.sigma[1]) / TOP),
        hint: "Step size: drag, or use the arrow keys; with Shift, a tenth of the step",
        drag: (px) => set(((px - sigma.left) / sigma.width) * reach, beta),
        nudge: (dx, dy, repeated) => set(nudged(lr, dx || dy, reach, repeated), beta),
      }];
    },
    press(px, py, data, view) {
      const { map, sigma } = places(spec, view.width).boxes;
      const hit = (box) => box && px >= box.left && px <= box.left + box.width && py >= box.top && py <= box.top + box.height;
      if (hit(map)) return { lr: limited("lr", mapPlace(map, data).lr(px)), beta: limited("beta", mapPlace(map, data).beta(py)) };
      return hit(sigma) ? { lr: limited("lr", ((px - sigma.left) / sigma.width) * data.reach) } : null;
    },
  };
};

export { RULES, factor, optimum, follow, matrix, levelLine, grid, stable, compute, fine };
export default liveFigure(rateMap);
