// Rare and frequent coordinates: the step each of them gets, and what is left of it when the axes
// turn. RULES, LOOKS are written by Python; spec.arguments says where hyperparameters come from.

// The axes turn in the planes of coordinates i and n - 1 - i. z are the coordinates along the
// problem's own directions, theta those that the rule sees.
function turnBack(theta, c, s, z) {
  const n = theta.length;
  for (let a = 0, b = n - 1; a <= b; a++, b--) {
    if (a === b) z[a] = theta[a];
    else [z[a], z[b]] = [c * theta[a] + s * theta[b], c * theta[b] - s * theta[a]];
  }
}

function turn(z, c, s, theta) {
  turnBack(z, c, -s, theta);
}

// Which word comes at every step, and the noise on its gradient.
function text({ curvatures, steps }, seed) {
  const uniform = uniforms(100000 + seed), total = curvatures.reduce((a, b) => a + b, 0);
  const words = Int32Array.from({ length: steps + 1 }, () => {
    let k = 0, left = uniform() * total;
    while (k < curvatures.length - 1 && left >= curvatures[k]) left -= curvatures[k++];
    return k;
  });
  return { words, noise: deviates(seed, steps + 1) };
}

// What a run needs to know: the gradient at theta in step t, the loss, the start.
function problemAt(spec, { angle, start, noise, book }) {
  const { curvatures } = spec, n = curvatures.length, c = Math.cos((angle * Math.PI) / 180), s = Math.sin((angle * Math.PI) / 180);
  const z = new Float64Array(n), pull = new Float64Array(n), first = new Float64Array(n);
  turn(start, c, s, first);
  const loss = (theta) => {
    turnBack(theta, c, s, z);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += curvatures[i] * z[i] * z[i];
    return sum / 2;
  };
  const gradient = (theta, t, out) => {
    turnBack(theta, c, s, z);
    if (book) {
      pull.fill(0);
      pull[book.words[t]] = z[book.words[t]] + noise * book.noise[t];
    } else for (let i = 0; i < n; i++) pull[i] = curvatures[i] * z[i];
    turn(pull, c, s, out);
  };
  return { n, first, loss, gradient };
}

const TINY = 1e-170; // its square is zero: a gradient that leaves no trace, as one near zero does

// The step a coordinate would take for each unit of what the rule divides: |step| / |numerator|.
// Taken from theta = 0, so that weight decay has no part in it. NaN where nothing can be said.
function effectiveStep(rule, numerator, s, g, t, h) {
  const copy = s.slice();
  copy[0] = 0;
  const pull = Math.abs(g) < TINY ? TINY : g, lines = rule.trace(copy, [pull], t, h);
  const over = numerator === "g" ? pull : lines.find(([name]) => name === numerator)[1];
  return Math.abs(copy[0] / over);
}

function allFinite(values) {
  for (let k = 0; k < values.length; k++) if (!Number.isFinite(values[k])) return false;
  return true;
}

// One run, like optlib.run. steady: the first step from which the loss stays below the target.
// idle: the rule does nothing where the gradient is zero.
function descend(rule, problem, { steps, hyper, target, numerator, idle }) {
  const { n, first, loss, gradient } = problem, width = 1 + rule.state.length;
  const s = Array.from(first, (v) => Float64Array.from({ length: width }, (_, k) => (k ? rule.start[k - 1] : v)));
  const theta = first.slice(), at = numerator || rule.at ? new Float64Array(n) : theta, g = new Float64Array(n), one = new Float64Array(1);
  const kept = numerator && { path: [first.slice()], loss: [loss(theta)], effective: Array.from(first, () => new Float64Array(steps + 1).fill(NaN)) };
  const known = new Uint8Array(n);
  let above = loss(theta) < target ? -1 : 0, diverged = null, t = 0;
  while (t < steps) {
    t++;
    for (let i = 0; i < n; i++) {
      if (rule.at) rule.at(s[i], t, hyper, one);
      else one[0] = s[i][0];
      at[i] = one[0];
    }
    gradient(at, t, g);
    for (let i = 0; i < n; i++) {
      one[0] = g[i];
      if (g[i] !== 0) known[i] = 1;
      if (kept && known[i]) {
        const value = effectiveStep(rule, numerator, s[i], g[i], t, hyper);
        kept.effective[i][t] = Number.isFinite(value) && value > 0 ? value : kept.effective[i][t - 1];
      }
      if (idle && g[i] === 0) continue;
      rule.step(s[i], one, t, hyper);
      theta[i] = s[i][0];
    }
    if (!allFinite(theta)) {
      diverged = t--;
      break;
    }
    const now = loss(theta);
    if (!(now < target)) above = t;
    if (kept) {
      kept.path.push(theta.slice());
      kept.loss.push(now);
    }
  }
  return { ...kept, last: t, diverged, steady: diverged || above === steps ? null : above + 1 };
}

function compute(spec, get, memo) {
  const words = spec.problem === "words", seed = words ? get("seed") : 0, noise = words ? get("noise") : 0;
  if (words && memo.seed !== seed) [memo.seed, memo.book] = [seed, text(spec, seed)];
  const angle = get("angle"), start = get("start").length ? get("start") : spec.start, { steps, target, grid } = spec;
  const problem = problemAt(spec, { angle, start, noise, book: memo.book });
  const shown = get("shown"), effective = get("effective");
  memo.sweeps ||= new Map();
  const runs = Object.keys(RULES).map((name) => {
    const rule = RULES[name], idle = spec.idle.includes(name), hyper = {}, on = shown.includes(name), look = LOOKS[name];
    const hidden = memo.asking === true && spec.predict.rule === name;
    for (const [key, from] of Object.entries(spec.arguments[name])) hyper[key] = typeof from === "string" ? get(from) : from;
    if (!on) return { name, on, look, hyper };
    const key = JSON.stringify([name, { ...hyper, lr: 0 }, angle, start, seed, noise]);
    if (!memo.sweeps.has(key)) {
      if (memo.sweeps.size > 40) memo.sweeps.clear();
      memo.sweeps.set(key, grid.map((lr) => descend(rule, problem, { steps, target, idle, hyper: { ...hyper, lr } }).steady));
    }
    const sweep = memo.sweeps.get(key), good = sweep.map((v, k) => (v === null ? -1 : k)).filter((k) => k >= 0);
    const best = good.length ? good.reduce((a, b) => (sweep[b] < sweep[a] ? b : a)) : null;
    if (get("best") && best !== null) hyper.lr = grid[best];
    memo.runs ||= {};
    if (memo.runs[name]?.key !== key + hyper.lr) memo.runs[name] = { key: key + hyper.lr, run: descend(rule, problem, { steps, target, idle, hyper, numerator: spec.numerators[name] }) };
    const { run } = memo.runs[name];
    return { name, on, look, hidden, hyper, sweep, best, decades: good.length / spec.perDecade, ...run };
  });
  const drawn = runs.filter((r) => r.on);
  return { angle, start, first: problem.first, runs, shown: drawn, teller: drawn.find((r) => r.name === effective) || null, steps, target, grid, step: Math.min(get("step"), steps), lr: get("lr"), together: get("best"), initial: problem.loss(problem.first), loss: problem.loss };
}

// ---- where things are

function places(spec, width) {
  const count = spec.show.length, columns = width >= 600 && count > 1 ? 2 : 1, tall = Math.round(columns === 2 ? Math.max(236, width * 0.32) : Math.max(224, width * 0.62));
  const boxes = {};
  spec.show.forEach((name, k) => {
    const alone = columns === 2 && count % 2 === 1 && k === count - 1;
    const room = width / (alone ? 1 : columns), left = alone ? 0 : (k % columns) * room;
    boxes[name] = { left: left + 58, top: Math.floor(k / columns) * tall + 12, width: room - 74, height: tall - 54 };
  });
  return { boxes, height: Math.ceil(count / columns) * tall };
}

const lightDark = (pair, theme) => pair[+theme.dark];

// From the first coordinate to the last; the frequent ones are blue.
function shade(k, n, theme) {
  const [from, to] = theme.dark ? [[92, 184, 255], [255, 154, 92]] : [[0, 105, 168], [196, 78, 0]];
  const at = n > 1 ? k / (n - 1) : 0;
  return `rgb(${from.map((v, i) => Math.round(v + (to[i] - v) * at)).join(",")})`;
}

function mapScale(box, reach) {
  const unit = Math.min(box.width, box.height) / (2 * reach), x = box.left + box.width / 2, y = box.top + box.height / 2;
  return {
    X: (v) => x + unit * v, Y: (v) => y - unit * v, x: (px) => (px - x) / unit, y: (py) => (y - py) / unit, unit,
    wide: box.width / (2 * unit), high: box.height / (2 * unit),
  };
}

function drawMap(ctx, data, { theme }, box, spec) {
  const scale = mapScale(box, spec.reach), { X, Y } = scale, { step } = data;
  axes(ctx, box, { low: -scale.wide, high: scale.wide, name: "coordinate 1" }, { low: -scale.high, high: scale.high, name: "coordinate 2" }, theme);
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.dark ? "#5b6673" : "#b9c2cc";
    ctx.lineWidth = 1;
    for (let k = 0; k < 8; k++) {
      const level = data.initial * 4 ** (2 - k), [a, b] = spec.curvatures.map((c) => scale.unit * Math.sqrt((2 * level) / c));
      ctx.beginPath();
      ctx.ellipse(X(0), Y(0), Math.min(a, 2e4), Math.min(b, 2e4), (-data.angle * Math.PI) / 180, 0, 7);
      ctx.stroke();
    }
    ctx.lineJoin = "round";
    for (const r of data.shown) {
      const last = upTo(r, step), colour = lightDark(r.look, theme);
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 1.5;
      ctx.setLineDash(r.look[2]);
      polyline(ctx, last + 1, (k) => X(r.path[k][0]), (k) => Y(r.path[k][1]));
      ctx.setLineDash([]);
      for (let k = 1; k < Math.min(last, 30); k++) marker(ctx, r.look[3], X(r.path[k][0]), Y(r.path[k][1]), 2);
      ctx.fillStyle = theme.paper;
      marker(ctx, r.look[3], X(r.path[last][0]), Y(r.path[last][1]), 7);
      ctx.fillStyle = colour;
      marker(ctx, r.look[3], X(r.path[last][0]), Y(r.path[last][1]), 5);
    }
  });
}

const timeAxis = (steps) => ({ low: 0, high: Math.log10(steps), log: true, name: "step t" });

// The smallest and the largest value of all lists between the two bounds.
function between(lists, from, cap) {
  let low = Infinity, high = 0;
  for (const values of lists) {
    for (let k = 0; k < values.length; k++) {
      const v = values[k];
      if (!(v > from && v < cap)) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  return [low, high];
}

const coordinateName = ({ problem, curvatures }, angle, k) => {
  if (angle) return `coordinate ${k + 1}`;
  return problem === "words" ? `word ${k + 1}` : `curvature ${short(curvatures[k])}`;
};

function drawEffective(ctx, data, { theme }, box, spec) {
  const r = data.teller?.hidden ? null : data.teller, [least, most] = between(r ? r.effective : [], 0, Infinity);
  const scale = { ...decadesAround(least <= most ? [[least / 1.2, most * 1.2]] : [], Infinity), name: "effective step" }, n = spec.curvatures.length;
  const { X, Y } = axes(ctx, box, timeAxis(data.steps), scale, theme, { grid: true }), across = Float64Array.from({ length: data.steps + 1 }, (_, t) => X(t));
  if (!r) return;
  ctx.font = theme.font;
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(data.step), box.top, X(data.step), box.top + box.height);
    ctx.lineWidth = n > 3 ? 1.2 : 1.8;
    ctx.lineJoin = "round";
    r.effective.forEach((values, i) => {
      const begin = values.findIndex((v) => v > 0);
      if (begin < 0) return;
      ctx.strokeStyle = shade(spec.order[i], n, theme);
      ctx.setLineDash(spec.order[i] === n - 1 ? [8, 4] : []);
      polyline(ctx, r.last - begin + 1, (k) => across[begin + k], (k) => Y(values[begin + k]));
    });
    ctx.setLineDash([]);
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    const last = r.last, ends = r.effective.map((values, i) => [values[last], i]).filter(([v]) => v > 0);
    const told = n > 3 ? ends.filter(([, i]) => spec.order[i] === 0 || spec.order[i] === n - 1) : ends;
    const heights = [];
    for (const [v, i] of told.sort((p, q) => q[0] - p[0])) {
      let y = Math.max(box.top + 16, Y(v) - 4);
      while (heights.some((h) => Math.abs(h - y) < 14)) y += 15;
      heights.push(y);
      ctx.fillStyle = shade(spec.order[i], n, theme);
      halo(ctx, coordinateName(spec, data.angle, i), box.left + box.width - 6, Math.min(y, box.top + box.height - 3), theme);
    }
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.fillStyle = theme.ink;
    halo(ctx, r.look[4], box.left + 6, box.top + 5, theme);
  });
}

// A run that is to be predicted has no say in the axes: they would tell of it.
const known = ({ shown }, { predict }) => shown.filter((r) => r.name !== predict?.rule);

function lossScale(data, spec) {
  const { target, initial } = data, room = spec.predict ? 1e3 : 1;
  const ends = known(data, spec).map((r) => between([r.loss], 1e-12 * initial, r.diverged ? 1e3 * initial : Infinity));
  const low = Math.min(target / room, initial * room, ...ends.map((e) => e[0])), high = Math.max(target / room, initial * room, ...ends.map((e) => e[1]));
  return { low: Math.floor(Math.log10(low)), high: Math.ceil(Math.log10(high)), log: true, name: "loss" };
}

function drawLoss(ctx, data, { theme }, box, spec) {
  const { steps, step, target } = data, shown = data.shown.filter((r) => !r.hidden), scale = lossScale(data, spec);
  const { X, Y } = axes(ctx, box, timeAxis(steps), scale, theme, { grid: true });
  const height = (v) => Y(Math.min(1e300, Math.max(v, 10 ** (scale.low - 1))));
  inside(ctx, box, () => {
    ctx.lineWidth = 1;
    ctx.strokeStyle = theme.muted;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    ctx.strokeStyle = theme.ink;
    ctx.setLineDash([2, 3]);
    line(ctx, box.left, Y(target), box.left + box.width, Y(target));
    ctx.lineWidth = 1.8;
    ctx.lineJoin = "round";
    ctx.font = theme.font;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    for (const r of shown) {
      ctx.strokeStyle = ctx.fillStyle = lightDark(r.look, theme);
      ctx.setLineDash(r.look[2]);
      polyline(ctx, r.last, (k) => X(k + 1), (k) => height(r.loss[k + 1]));
    }
    ctx.setLineDash([]);
    ctx.fillStyle = theme.ink;
    shown.filter((r) => r.diverged).forEach((r, k) => halo(ctx, `${r.look[4]} diverged at step ${r.diverged}`, box.left + box.width - 6, box.top + 6 + 16 * k, theme));
  });
  for (const r of shown) {
    const now = Math.min(step, r.last), y = height(r.loss[now]);
    ctx.fillStyle = lightDark(r.look, theme);
    if (now > 0 && y > box.top - 1 && y <= box.top + box.height) marker(ctx, r.look[3], X(now), y, 4.5);
  }
}

const rateScales = (data, spec) => ({
  x: { low: Math.log10(spec.limits.lr[0]), high: Math.log10(spec.limits.lr[1]), log: true, name: "step size η" },
  y: { ...timeAxis(data.steps), low: Math.floor(Math.log10(Math.min(spec.predict ? 1 : data.steps / 10, ...known(data, spec).flatMap((r) => r.sweep.filter((v) => v > 0))))), name: `steps to a loss of ${short(data.target)}` },
});

function drawRates(ctx, data, { theme }, box, spec) {
  const { x, y } = rateScales(data, spec), { X, Y } = axes(ctx, box, x, y, theme, { grid: true });
  inside(ctx, box, () => {
    if (!data.together) {
      ctx.strokeStyle = theme.muted;
      ctx.lineWidth = 1;
      line(ctx, X(data.lr), box.top, X(data.lr), box.top + box.height);
    }
    ctx.lineJoin = "round";
    const shown = data.shown.filter((r) => !r.hidden);
    for (const r of shown) {
      ctx.strokeStyle = ctx.fillStyle = lightDark(r.look, theme);
      ctx.lineWidth = 1.8;
      ctx.setLineDash(r.look[2]);
      for (let k = 0; k < data.grid.length; k++) {
        let end = k;
        while (r.sweep[k] !== null && end + 1 < data.grid.length && r.sweep[end + 1] !== null) end++;
        if (r.sweep[k] === null) continue;
        const from = k;
        polyline(ctx, end - k + 1, (i) => X(data.grid[from + i]), (i) => Y(r.sweep[from + i]));
        k = end;
      }
      ctx.setLineDash([]);
      if (r.best !== null) marker(ctx, r.look[3], X(data.grid[r.best]), Y(r.sweep[r.best]), 5);
    }
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textBaseline = "top";
    shown.filter((r) => r.best === null).forEach((r, k) => halo(ctx, `${r.look[4]}: no η gets there`, box.left + 6, box.top + 6 + 16 * k, theme));
  });
}

const PANELS = { map: drawMap, effective: drawEffective, loss: drawLoss, rates: drawRates };

// ---- words and numbers

const lossAt = (r, step) => (r.diverged && step >= r.diverged ? `diverged at step ${r.diverged}` : short(r.loss[Math.min(step, r.last)]));
const inSteps = (v) => (v === null ? "never" : grouped(v));
const fate = (r) => (r.diverged ? `diverged at step ${r.diverged}` : r.steady === null ? "not within the run" : `${inSteps(r.steady)} steps`);

const spectrum = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => places(spec, width).height,
  draw(ctx, data, view) {
    const { boxes } = places(spec, view.width);
    for (const name of spec.show) PANELS[name](ctx, data, view, boxes[name], spec);
  },
  describe({ shown, angle, together, lr, target, step }) {
    const size = together ? "each at its best step size" : `step size ${short(lr)}`;
    const parts = shown.map((r) => r.hidden ? `${r.look[4]} is for you to predict` : `${r.look[4]} ${lossAt(r, step)} at step ${step}, to ${short(target)}: ${fate(r)}, best ${r.best === null ? "never" : `${inSteps(r.sweep[r.best])} at ${short(spec.grid[r.best])}`}, ${r.decades.toFixed(1)} decades of step sizes reach it`);
    return `Axes turned by ${short(angle)} degrees, ${size}: ${parts.join("; ") || "no optimizer shown"}.`;
  },
  series({ runs, step }, { theme }) {
    return {
      head: ["optimizer", "loss", `steps to ${short(spec.target)}`, "at best η", "decades of η"],
      series: runs.map((r) => ({
        key: r.name, label: r.look[4], on: r.on, colour: lightDark(r.look, theme), dash: r.look[2], marker: r.look[3],
        cells: r.hidden ? ["?", "?", "?", "?"] : r.on ? [lossAt(r, step).split(" ")[0], r.diverged ? "never" : inSteps(r.steady), r.best === null ? "never" : inSteps(r.sweep[r.best]), r.decades.toFixed(1)] : ["", "", "", ""],
      })),
    };
  },
  panel(node, { teller, angle, together }) {
    const what = teller && { g: "|g|, its gradient", u: "|u|, its velocity", m_hat: "|m̂|, its averaged gradient" }[spec.numerators[teller.name]];
    const told = teller ? `Effective step of ${teller.look[4]}: |Δθ| of each coordinate over ${what}. ` : "";
    const turnedBy = angle ? `Each coordinate mixes a frequent and a rare direction, ${short(angle)}° turned. ` : "";
    const each = together && teller && !teller.hidden ? `η = ${short(teller.hyper.lr)}.` : "";
    const words = told + turnedBy + each;
    if (node.textContent !== words) node.textContent = words;
  },
  table({ shown, steps, teller }) {
    const n = spec.curvatures.length, ways = teller && !teller.hidden ? Array.from({ length: n }, (_, i) => i) : [];
    const head = ["step", ...shown.map((r) => `${r.look[4]}: loss`), ...ways.map((i) => `${teller.look[4]}: effective step, coordinate ${i + 1}`)];
    const rows = Array.from({ length: steps + 1 }, (_, t) => [t, ...shown.map((r) => (t <= upTo(r, r.last) ? r.loss[t] : t === r.diverged && !r.hidden ? "diverged" : "")), ...ways.map((i) => (t > 0 && t <= teller.last && teller.effective[i][t] > 0 ? teller.effective[i][t] : ""))]);
    return { head, rows };
  },
  aside: spec.predict?.what === "rates" ? ["step", "effective", "lr", "best"] : ["step", "effective"],
  predict(data, view) {
    const { what, rule } = spec.predict, r = data.runs.find((run) => run.name === rule), { steps, grid, initial } = data, box = places(spec, view.width).boxes[what];
    if (!r.on) return null;
    if (what === "rates") {
      return curveTask({
        what: `the steps that ${r.look[4]} needs to a loss of ${short(data.target)} against the step size η, at the top where it never gets there`,
        box, ...rateScales(data, spec), given: [grid[0], steps], places: evenly(0, grid.length - 1).map((k) => grid[k]), label: (lr) => `η = ${short(lr)}`, truth: (lr) => r.sweep[grid.indexOf(lr)] ?? Infinity,
      });
    }
    const times = [...new Set(Array.from({ length: 12 }, (_, k) => Math.round(steps ** (k / 11))))];
    return curveTask({
      what: `the loss of ${r.look[4]} over ${steps} steps, from ${short(initial)}`,
      box, x: timeAxis(steps), y: lossScale(data, spec), given: [1, initial], places: times, label: (t) => `step ${t}`, truth: (t) => (t > r.last ? Infinity : r.loss[t]),
    });
  },
  toggle(key, get) {
    const shown = get("shown"), next = shown.includes(key) ? shown.filter((k) => k !== key) : [...shown, key];
    return { shown: next, ...(next.length && !next.includes(get("effective")) ? { effective: next[0] } : {}) };
  },
  changed: (name, get) => (name === "effective" && !get("shown").includes(get(name)) ? { shown: [...get("shown"), get(name)] } : null),
  active(get) {
    const names = new Set(Object.keys(spec.defaults)), shown = get("shown");
    for (const name of spec.own) if (!Object.entries(spec.arguments).some(([rule, from]) => shown.includes(rule) && Object.values(from).includes(name))) names.delete(name);
    if (get("best")) names.delete("lr");
    return names;
  },
  handles(data, view) {
    const { boxes } = places(spec, view.width), found = [];
    if (boxes.map) {
      const scale = mapScale(boxes.map, spec.reach), [x, y] = data.first, c = Math.cos((data.angle * Math.PI) / 180), s = Math.sin((data.angle * Math.PI) / 180);
      const held = (a, b) => {
        const z = [0, 0];
        turnBack([Math.min(scale.wide, Math.max(-scale.wide, a)), Math.min(scale.high, Math.max(-scale.high, b))], c, s, z);
        return { start: z.map((v) => +v.toPrecision(4)) };
      };
      found.push({
        label: "Start", text: `coordinates ${short(x)} and ${short(y)}`, value: x, low: -spec.reach, high: spec.reach, x: scale.X(x), y: scale.Y(y),
        hint: "Start: drag, or move with the arrow keys; with Shift, a tenth of the step",
        drag: (px, py) => held(scale.x(px), scale.y(py)),
        nudge: (dx, dy, repeated) => held(x + (dx * (repeated ? 4 : 1) * spec.reach) / 100, y + (dy * (repeated ? 4 : 1) * spec.reach) / 100),
      });
    }
    if (boxes.rates && !data.together && data.shown.length) {
      const box = boxes.rates, { y } = rateScales(data, spec), [low, high] = spec.limits.lr, span = Math.log10(high / low);
      const to = (v) => ({ lr: onMark(v, "log", spec.defaults.lr, spec.limits.lr) }), { steady, diverged } = data.shown.at(-1);
      const share = steady && !diverged ? (Math.log10(steady) - y.low) / (y.high - y.low) : 1;
      found.push({
        label: "Step size η", text: short(data.lr), value: data.lr, low, high, hint: "Step size: drag, or use the arrow keys",
        x: box.left + (box.width * Math.log10(data.lr / low)) / span, y: box.top + box.height * (1 - share),
        drag: (px) => to(low * 10 ** (((px - box.left) / box.width) * span)),
        nudge: (dx, dy, repeated) => ({ lr: moved(data.lr, Math.sign(dx + dy) || 1, repeated ? "held" : Math.abs(dx + dy) < 1 ? "step" : "page", "log", spec.defaults.lr, spec.limits.lr) }),
      });
    }
    return found;
  },
  press(px, py, data, view) {
    const box = places(spec, view.width).boxes.map;
    if (!box || px < box.left || px > box.left + box.width || py < box.top || py > box.top + box.height) return null;
    const scale = mapScale(box, spec.reach), z = [0, 0];
    turnBack([scale.x(px), scale.y(py)], Math.cos((data.angle * Math.PI) / 180), Math.sin((data.angle * Math.PI) / 180), z);
    return { start: z.map((v) => +v.toPrecision(4)) };
  },
});

export { RULES, turn, turnBack, text, problemAt, descend, effectiveStep, compute };
export default liveFigure(spectrum);
