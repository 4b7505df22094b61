// Races on a surface: the runs, the map with their paths and the start, the legend and the table.
// RULES, SURFACES, LOOKS are written by Python; spec.arguments says where each rule's
// hyperparameters come from: the name of a setting, or a number.

// One run, like optlib.run: it ends before the first step whose parameters are not finite.
function race(rule, surface, { start, steps, hyper, rate, noise }) {
  const n = 2, s = new Float64Array(n * (1 + rule.state.length)), g = new Float64Array(n), at = new Float64Array(n);
  rule.start.forEach((value, k) => s.fill(value, n * (k + 1), n * (k + 2)));
  s.set(start);
  const x = new Float64Array(steps + 1), y = new Float64Array(steps + 1), loss = new Float64Array(steps + 1);
  [x[0], y[0], loss[0]] = [s[0], s[1], surface.f(s[0], s[1])];
  const h = { ...hyper };
  let t = 0, diverged = null;
  while (t < steps) {
    t++;
    if (rate) h.lr = rate(t);
    if (rule.at) {
      rule.at(s, t, h, at);
      surface.grad(at[0], at[1], g);
    } else surface.grad(s[0], s[1], g);
    if (noise) {
      g[0] += noise[2 * t - 2];
      g[1] += noise[2 * t - 1];
    }
    rule.step(s, g, t, h);
    if (!Number.isFinite(s[0]) || !Number.isFinite(s[1])) {
      diverged = t--;
      break;
    }
    [x[t], y[t], loss[t]] = [s[0], s[1], surface.f(s[0], s[1])];
  }
  return { x, y, loss, last: t, diverged };
}

const within = ([x, y], [x0, x1, y0, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;

function compute(spec, get, memo) {
  const surface = SURFACES[get("surface")], steps = spec.steps, shown = get("shown");
  const chosen = get("start"), start = chosen.length && within(chosen, surface.window) ? chosen : surface.start;
  let noise = null;
  if (spec.noise && get("noise") > 0) {
    const key = get("seed");
    if (memo.seed !== key) [memo.seed, memo.deviates] = [key, deviates(key, 2 * steps)];
    noise = memo.deviates.map((z) => z * get("noise"));
  }
  const schedule = spec.schedules ? get("schedule") : "constant";
  const runs = Object.keys(RULES).map((name) => {
    const hyper = {};
    for (const [key, from] of Object.entries(spec.arguments[name])) hyper[key] = typeof from === "string" ? get(from) : from;
    const rate = schedule === "constant" ? null : (t) => SCHEDULES[schedule](t, { lr: hyper.lr });
    const on = shown.includes(name);
    const asked = spec.predict?.rule === name, hidden = asked && memo.asking === true;
    // What is to be predicted has no say in the axis, which would tell of it.
    const apart = hidden || (asked && spec.predict.what === "loss");
    return { name, on, hidden, apart, look: LOOKS[name], ...(on ? race(RULES[name], surface, { start, steps, hyper, rate, noise }) : {}) };
  });
  const lowest = surface.minimisers.length ? Math.min(...surface.minimisers.map(([x, y]) => surface.f(x, y))) : null;
  return { surface, start, steps, runs, lowest, step: Math.min(get("step"), steps), shown: runs.filter((r) => r.on) };
}

// ---- the map

// Levels follow a power of the height above the lowest point, so that half of the map lies below
// the middle level; a line is drawn where the number of levels passed is whole, smooth at any zoom.
function contours(surface, box, ratio, theme) {
  const w = Math.round(box.width * ratio), h = Math.round(box.height * ratio), [x0, x1, y0, y1] = surface.window;
  const z = new Float64Array((w + 1) * (h + 1));
  for (let j = 0, k = 0; j <= h; j++) for (let i = 0; i <= w; i++) z[k++] = surface.f(x0 + ((x1 - x0) * i) / w, y1 - ((y1 - y0) * j) / h);
  const sorted = z.filter((_, k) => k % 37 === 0).sort();
  const low = sorted[0], high = sorted[Math.floor(0.995 * (sorted.length - 1))], middle = sorted[sorted.length >> 1];
  const exponent = Math.min(1, Math.max(0.12, Math.log(0.5) / Math.log((middle - low) / (high - low))));
  const LEVELS = 16, level = z.map((v) => LEVELS * Math.max(0, (v - low) / (high - low)) ** exponent);
  const image = new ImageData(w, h), pixels = image.data;
  const [from, to, ink, weight] = theme.dark ? [[45, 62, 82], [20, 25, 31], [150, 175, 205], 0.34] : [[252, 253, 255], [196, 211, 228], [70, 95, 125], 0.36];
  for (let j = 0, k = 0; j < h; j++) {
    for (let i = 0; i < w; i++, k += 4) {
      const at = j * (w + 1) + i, q = level[at], slope = Math.hypot(level[at + 1] - q, level[at + w + 1] - q);
      const away = Math.abs(q - Math.round(q)) / (slope + 1e-12) / ratio;
      const line = slope < 0.35 ? weight * Math.max(0, 1 - away) * Math.min(1, 1.4 - 4 * slope) : 0;
      const shade = Math.min(1, q / LEVELS);
      for (let c = 0; c < 3; c++) {
        const fill = from[c] + (to[c] - from[c]) * shade;
        pixels[k + c] = fill + (ink[c] - fill) * line;
      }
      pixels[k + 3] = 255;
    }
  }
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [w, h];
  sheet.getContext("2d").putImageData(image, 0, 0);
  return sheet;
}

function cachedContours(surface, box, ratio, theme, memo) {
  memo.maps ||= new Map();
  const key = [surface.name, box.width, box.height, ratio, theme.dark].join();
  if (!memo.maps.has(key)) {
    if (memo.maps.size > 5) memo.maps.clear();
    memo.maps.set(key, contours(surface, box, ratio, theme));
  }
  return memo.maps.get(key);
}

const mapScale = (box, [x0, x1, y0, y1]) => ({
  X: (x) => box.left + (box.width * (x - x0)) / (x1 - x0),
  Y: (y) => box.top + (box.height * (y1 - y)) / (y1 - y0),
  x: (px) => x0 + ((x1 - x0) * (px - box.left)) / box.width,
  y: (py) => y1 - ((y1 - y0) * (py - box.top)) / box.height,
});

function drawMap(ctx, data, view, box) {
  const { surface, step, shown } = data, { theme } = view, [x0, x1, y0, y1] = surface.window;
  ctx.drawImage(cachedContours(surface, box, view.ratio, theme, view.memo), box.left, box.top, box.width, box.height);
  const { X, Y } = axes(ctx, box, { low: x0, high: x1, name: "x" }, { low: y0, high: y1, name: "y" }, theme);
  inside(ctx, box, () => {
    ctx.lineJoin = "round";
    for (const [x, y] of surface.minimisers) cross(ctx, X(x), Y(y), theme);
    for (const r of shown) {
      const last = upTo(r, step), px = r.x.subarray(0, last + 1).map(X), py = r.y.subarray(0, last + 1).map(Y);
      ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      // A long zigzag would cover the map: it is drawn thinner and fainter, its newest part in full.
      const weight = Math.min(1, 2500 / pixelLength(px, py));
      drawPath(ctx, r, px, py, 0, weight, theme);
      if (weight < 1) drawPath(ctx, r, px, py, Math.max(0, last - 10), 1, theme);
      const stride = Math.max(1, Math.ceil((last * weight) / 60));
      for (let k = weight < 1 ? Math.max(1, last - 10) : stride; k < last; k += stride) marker(ctx, r.look[3], px[k], py[k], 2.2);
    }
    for (const r of shown) {
      const k = upTo(r, step);
      ctx.fillStyle = theme.paper;
      marker(ctx, r.look[3], X(r.x[k]), Y(r.y[k]), 7.5);
      ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      marker(ctx, r.look[3], X(r.x[k]), Y(r.y[k]), 5.5);
    }
  });
}

function pixelLength(px, py) {
  let sum = 1;
  for (let k = 1; k < px.length; k++) sum += Math.min(1e4, Math.hypot(px[k] - px[k - 1], py[k] - py[k - 1]));
  return sum;
}

// The path from one of its points to the end; in full weight it is set off from the map.
function drawPath(ctx, r, px, py, from, weight, theme) {
  const path = new Path2D();
  for (let k = from; k < px.length; k++) path.lineTo(near(px[k]), near(py[k]));
  if (weight === 1) {
    ctx.strokeStyle = theme.paper;
    ctx.globalAlpha = 0.75;
    ctx.lineWidth = 4;
    ctx.stroke(path);
  }
  ctx.strokeStyle = r.look[theme.dark ? 1 : 0];
  ctx.globalAlpha = 0.25 + 0.75 * weight;
  ctx.lineWidth = 0.6 + 1.2 * weight;
  ctx.setLineDash(r.look[2]);
  ctx.stroke(path);
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function cross(ctx, x, y, theme) {
  for (const [width, colour] of [[5, theme.paper], [2, theme.ink]]) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    line(ctx, x - 5, y - 5, x + 5, y + 5);
    line(ctx, x - 5, y + 5, x + 5, y - 5);
  }
}

// ---- words and numbers

const state = (r, step, window) => {
  if (!r.hidden && r.diverged && step >= r.diverged) return "diverged at step " + r.diverged;
  const k = upTo(r, step);
  return within([r.x[k], r.y[k]], window) ? "" : "off the map";
};

// All of a figure but its layout: mapBox(width) is the place of the map, if it has one.
const races = (spec, mapBox) => ({
  ...toggles("tune", spec),
  compute: (get, memo) => compute(spec, get, memo),
  describe({ shown, step, surface, start }) {
    const parts = shown.map((r) => `${r.look[4]} ` + (r.hidden ? "is for you to predict" : state(r, step, surface.window).startsWith("div") ? state(r, step, surface.window) : `loss ${short(r.loss[Math.min(step, r.last)])}`));
    return `${surface.name} from (${start.map(short).join(", ")}) after ${step} steps: ${parts.join("; ") || "no optimizer shown"}.`;
  },
  series({ runs, step, surface }, { theme }) {
    return {
      head: ["optimizer", "x", "y", "loss"],
      series: runs.map((r) => {
        const k = upTo(r, step), gone = r.on && state(r, step, surface.window);
        const numbers = r.hidden && r.on ? ["?", "?", "?"] : r.on ? [short(r.x[k]), short(r.y[k]), short(r.loss[k])] : ["", "", ""];
        return { key: r.name, label: r.look[4], on: r.on, colour: r.look[theme.dark ? 1 : 0], dash: r.look[2], marker: r.look[3], cells: gone && gone.startsWith("div") ? [gone, "", ""] : numbers };
      }),
    };
  },
  table({ shown, steps }) {
    const head = ["step", ...shown.flatMap((r) => ["x", "y", "loss"].map((c) => `${r.look[4]}: ${c}`))];
    const rows = Array.from({ length: steps + 1 }, (_, t) => [t, ...shown.flatMap((r) => (t <= upTo(r, steps) ? [r.x[t], r.y[t], r.loss[t]] : ["", "", t === r.diverged && !r.hidden ? "diverged" : ""]))]);
    return { head, rows };
  },
  active(get) {
    const names = new Set(["surface", "schedule", "noise", "seed", "step", "tune", ...taken(spec, get)]);
    if (spec.noise && get("noise") === 0) names.delete("seed");
    return names;
  },
  predict: ({ runs, surface, start }, view) => pathTask(spec.predict, runs, surface.window, start, mapBox(view.width)),
  handles({ surface, start }, view) {
    const box = mapBox(view.width);
    if (!box) return [];
    const scale = mapScale(box, surface.window), [x0, x1, y0, y1] = surface.window;
    const held = (x, y) => ({ start: [Math.min(x1, Math.max(x0, x)), Math.min(y1, Math.max(y0, y))].map((v) => +v.toPrecision(4)) });
    return [{
      label: "Start", text: `x ${short(start[0])}, y ${short(start[1])}`, value: start[0], low: x0, high: x1, x: scale.X(start[0]), y: scale.Y(start[1]),
      hint: "Start: drag, or move with the arrow keys; with Shift, a tenth of the step",
      drag: (px, py) => held(scale.x(px), scale.y(py)),
      nudge: (dx, dy, repeated) => held(nudged(start[0], dx, x1 - x0, repeated), nudged(start[1], dy, y1 - y0, repeated)),
    }];
  },
  press(px, py, { surface }, view) {
    const box = mapBox(view.width), scale = box && mapScale(box, surface.window);
    if (!box || !within([scale.x(px), scale.y(py)], surface.window)) return null;
    return { start: [scale.x(px), scale.y(py)].map((v) => +v.toPrecision(4)) };
  },
});
