// SGD's loss floor: on a quadratic with additive noise, exactly and by a cloud of seeds; and on
// least squares, where the floor vanishes once the model can fit every row.

// ---- averages of the iterates: the weight of the newest in the mean kept after step t, 0: no mean

function weightAt({ average, decay, steps }) {
  const half = Math.floor(steps / 2);
  if (average === "EMA") return () => 1 - decay;
  return average === "last half" ? (t) => (t > half ? 1 / (t - half) : 1) : () => 1;
}

// ---- the quadratic

// All seeds at once: what is reported (the iterate or its mean) in each direction at each step,
// index (t * directions + i) * seeds + m, and the loss of each direction, the mean over the seeds.
function cloud(rule, { curvatures, start, steps, seeds, sd, hyper, z, average, decay }) {
  const dims = curvatures.length, size = dims * seeds, width = 1 + rule.state.length;
  const s = Array.from({ length: size }, () => new Float64Array(width)), g = new Float64Array(1), at = new Float64Array(1);
  const path = new Float64Array((steps + 1) * size), loss = curvatures.map(() => new Float64Array(steps + 1));
  const weight = weightAt({ average, decay, steps });
  for (let j = 0; j < size; j++) {
    rule.start.forEach((value, k) => (s[j][k + 1] = value));
    s[j][0] = path[j] = start[Math.floor(j / seeds)];
  }
  for (let i = 0; i < dims; i++) loss[i][0] = (curvatures[i] * start[i] * start[i]) / 2;
  for (let t = 1; t <= steps; t++) {
    const w = weight(t), before = (t - 1) * size, now = t * size;
    for (let i = 0, j = 0; i < dims; i++) {
      let sum = 0;
      for (let m = 0; m < seeds; m++, j++) {
        const own = s[j];
        if (rule.at) rule.at(own, t, hyper, at);
        else at[0] = own[0];
        g[0] = curvatures[i] * at[0] + sd * z[before + j];
        rule.step(own, g, t, hyper);
        const v = w === 1 ? own[0] : path[before + j] + w * (own[0] - path[before + j]);
        path[now + j] = v;
        sum += v * v;
      }
      loss[i][t] = (curvatures[i] * sum) / (2 * seeds);
    }
  }
  return { path, loss };
}

// One step on (theta, state) as a matrix by rows, and what a unit of gradient noise adds to it.
function linear(rule, curvature, h) {
  const width = 1 + rule.state.length, point = new Float64Array(1);
  const after = (s, noise) => {
    if (rule.at) rule.at(s, 1, h, point);
    else point[0] = s[0];
    rule.step(s, [curvature * point[0] + noise], 1, h);
    return s;
  };
  const columns = Array.from({ length: width }, (_, k) => after(Float64Array.from({ length: width }, (_, i) => +(i === k)), 0));
  return { rows: columns.map((_, i) => columns.map((c) => c[i])), kick: [...after(new Float64Array(width), 1)] };
}

// The same with the mean as one more entry, whose weight on the newest iterate is w.
function withMean({ rows, kick }, w) {
  return {
    rows: [...rows.map((r) => [...r, 0]), [...rows[0].map((v) => w * v), 1 - w]],
    kick: [...kick, w * kick[0]],
  };
}

const times = (a, b) => a.map((row) => b[0].map((_, j) => row.reduce((sum, v, k) => sum + v * b[k][j], 0)));
const turned = (a) => a[0].map((_, j) => a.map((row) => row[j]));
const plus = (a, b) => a.map((row, i) => row.map((v, j) => v + b[i][j]));
const outer = (b, q) => b.map((x) => b.map((y) => q * x * y));

// Mean and variance of what is reported at every step, in one direction: no sampling.
function moments(step, x0, steps, q, weight) {
  const n = step.kick.length + 1, out = { mean: new Float64Array(steps + 1), variance: new Float64Array(steps + 1) };
  let mean = new Float64Array(n), next = new Float64Array(n), kept = null, full = null;
  const cov = new Float64Array(n * n), half = new Float64Array(n * n);
  mean[0] = mean[n - 1] = out.mean[0] = x0;
  for (let t = 1; t <= steps; t++) {
    if (weight(t) !== kept) [kept, full] = [weight(t), withMean(step, weight(t))];
    const { rows, kick } = full;
    for (let i = 0; i < n; i++) {
      next[i] = 0;
      for (let k = 0; k < n; k++) next[i] += rows[i][k] * mean[k];
      for (let j = 0; j < n; j++) {
        half[i * n + j] = 0;
        for (let k = 0; k < n; k++) half[i * n + j] += rows[i][k] * cov[k * n + j];
      }
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        cov[i * n + j] = q * kick[i] * kick[j];
        for (let k = 0; k < n; k++) cov[i * n + j] += half[i * n + k] * rows[j][k];
      }
    }
    [mean, next] = [next, mean];
    out.mean[t] = mean[n - 1];
    out.variance[t] = cov[n * n - 1];
  }
  return out;
}

// The variance of one entry in the long run, Infinity where there is none: the sum of A^k Q (A^k)', doubled.
function stationary({ rows, kick }, q, at = 0) {
  let power = rows, sum = outer(kick, q);
  for (let k = 0; k < 50; k++) {
    sum = plus(sum, times(times(power, sum), turned(power)));
    power = times(power, power);
  }
  const settled = power.flat().every((v) => Math.abs(v) < 1e-3);
  return settled ? sum[at][at] : Infinity;
}

const meanOf = (values, from, to) => {
  let sum = 0;
  for (let k = from; k <= to; k++) sum += values[k];
  return sum / (to - from + 1);
};

function quadratic(spec, get, memo) {
  const { curvatures, start, steps, seeds, noise } = spec, seed = get("seed"), average = get("average"), decay = get("decay");
  const hyper = { ...RULE.hyper, ...spec.fixed };
  for (const key of spec.free) hyper[key] = get(key);
  const size = curvatures.length * seeds, sd = noise / Math.sqrt(get("batch")), q = sd * sd;
  if (memo.seed !== seed) [memo.seed, memo.z] = [seed, deviates(seed, steps * size)];
  const shown = get("shown"), key = JSON.stringify([hyper, sd, average, decay, seed]), now = { batch: get("batch"), step: Math.min(get("step"), steps), hidden: memo.asking === true };
  const withStep = (kept) => ({ ...kept, ...now, curves: kept.curves.map((c) => Object.assign(c, { on: shown.includes(c.key) })) });
  if (memo.key === key) return withStep(memo.kept);
  const found = cloud(RULE, { curvatures, start, steps, seeds, sd, hyper, z: memo.z, average, decay });
  const weight = weightAt({ average, decay, steps }), last = average === "last half";
  const from = last ? steps : Math.floor(steps / 2) + 1;
  const directions = curvatures.map((curvature, i) => {
    const step = linear(RULE, curvature, hyper), exact = moments(step, start[i], steps, q, weight);
    const expected = exact.mean.map((m, t) => (curvature * (m * m + exact.variance[t])) / 2);
    const floor = (curvature * (average === "EMA" ? stationary(withMean(step, 1 - decay), q, step.kick.length) : stationary(step, q))) / 2;
    return { curvature, exact, expected, loss: found.loss[i], floor: last && Number.isFinite(floor) ? 0 : floor };
  });
  const sum = (key) => directions[0][key].map((_, t) => directions.reduce((total, d) => total + d[key][t], 0));
  const both = { expected: sum("expected"), loss: sum("loss"), floor: directions.reduce((total, d) => total + d.floor, 0) };
  const curves = [...directions.map((d, i) => ({ ...d, key: "direction " + i, label: "curvature " + short(d.curvature) })), ...(curvatures.length > 1 ? [{ ...both, key: "sum", label: "sum of both" }] : [])];
  for (const c of curves) {
    c.measured = meanOf(c.loss, from, steps);
    c.theory = meanOf(c.expected, from, steps);
  }
  [memo.key, memo.kept] = [key, { hyper, average, steps, seeds, from, last, path: found.path, directions, curves, total: curves.at(-1), diverged: directions.some((d) => d.floor === Infinity) }];
  return withStep(memo.kept);
}

// ---- least squares

// Rows, weights and label noise of one data set, for every number of columns: column j of the first
// d is the same whatever d.
function world(seed, n, most, noise) {
  const z = deviates(seed, n * most + most + n), w = z.subarray(n * most, n * most + most), e = z.subarray(n * most + most);
  return { n, z, w, e, noise, basis: [], sums: [new Float64Array(n * n)] };
}

// The first d columns made orthonormal, for the least possible loss; they are kept.
function orthonormal({ n, z, basis }, d) {
  for (let j = basis.length; j < d; j++) {
    const v = z.slice(j * n, j * n + n);
    for (let again = 0; again < 2; again++) {
      for (const b of basis) {
        let dot = 0;
        for (let i = 0; i < n; i++) dot += b[i] * v[i];
        for (let i = 0; i < n; i++) v[i] -= dot * b[i];
      }
    }
    const length = Math.hypot(...v);
    basis.push(v.map((x) => x / length));
  }
  return basis;
}

const STRIDE = 25;

function addColumns(into, { n, z }, from, to) {
  for (let j = from; j < to; j++) {
    for (let a = 0, k = 0; a < n; a++) {
      const v = z[j * n + a];
      for (let b = 0; b < n; b++, k++) into[k] += v * z[j * n + b];
    }
  }
}

// Inner products of the rows, row times row; every 25th is kept.
function gram(world, d) {
  const whole = Math.floor(d / STRIDE);
  for (let k = world.sums.length; k <= whole; k++) {
    const next = world.sums[k - 1].slice();
    addColumns(next, world, (k - 1) * STRIDE, k * STRIDE);
    world.sums.push(next);
  }
  const sum = world.sums[whole].slice();
  addColumns(sum, world, whole * STRIDE, d);
  return sum.map((v) => v / d);
}

// The labels; and of them what no weights can fit, whose half mean square is the least loss.
function labels(world, d) {
  const { n, z, w, e, noise } = world, y = e.map((v) => noise * v);
  for (let j = 0; j < d; j++) for (let i = 0; i < n; i++) y[i] += (z[j * n + i] * w[j]) / Math.sqrt(d);
  if (d >= n) return { y, rest: new Float64Array(n) };
  const rest = y.slice(), basis = orthonormal(world, d);
  for (let j = 0; j < d; j++) {
    let dot = 0;
    for (let i = 0; i < n; i++) dot += basis[j][i] * rest[i];
    for (let i = 0; i < n; i++) rest[i] -= dot * basis[j][i];
  }
  return { y, rest };
}

function halfSquares(r, rest) {
  let sum = 0;
  for (let i = 0; i < r.length; i++) sum += (r[i] - rest[i]) ** 2;
  return sum / (2 * r.length);
}

// SGD from zero weights, followed through the residuals r = y - Xw: a step on row j takes
// lr/batch * r[j] * (row j times all rows) from them, which costs n whatever d is.
function leastSquares(world, d, seed, { lr, batch, steps, average, decay }) {
  const { n } = world, K = gram(world, d), { y, rest } = labels(world, d), uniform = uniforms(100000 + seed);
  const zero = new Float64Array(n), r = y.slice(), kept = average === "none" ? r : y.slice(), rows = new Int32Array(batch), pull = new Float64Array(batch);
  const weight = weightAt({ average, decay, steps }), every = Math.max(1, Math.floor(steps / 400)), count = Math.floor(steps / every);
  const loss = new Float64Array(count + 1), above = new Float64Array(count + 1);
  loss[0] = halfSquares(y, zero);
  above[0] = halfSquares(y, rest);
  let diverged = null;
  for (let t = 1; t <= count * every; t++) {
    for (let k = 0; k < batch; k++) {
      rows[k] = Math.floor(n * uniform());
      pull[k] = (lr / batch) * r[rows[k]];
    }
    for (let k = 0; k < batch; k++) {
      const by = pull[k], at = rows[k] * n;
      for (let i = 0; i < n; i++) r[i] -= by * K[at + i];
    }
    if (kept !== r) {
      const w = weight(t);
      for (let i = 0; i < n; i++) kept[i] = w === 1 ? r[i] : kept[i] + w * (r[i] - kept[i]);
    }
    if (t % every) continue;
    loss[t / every] = halfSquares(kept, zero);
    above[t / every] = halfSquares(kept, rest);
    if (!Number.isFinite(loss[t / every])) {
      diverged = t;
      for (const curve of [loss, above]) curve.fill(Infinity, t / every);
      break;
    }
  }
  return { every, loss, above, least: halfSquares(zero, rest), diverged };
}

const lastTenth = (values) => meanOf(values, Math.ceil(0.9 * (values.length - 1)), values.length - 1);

function interpolation(spec, get, memo) {
  const { rows, columns, seeds, steps, noise } = spec, seed = get("seed"), d = get("d");
  const options = { lr: get("lr"), batch: get("batch"), steps, average: get("average"), decay: get("decay") };
  if (memo.seed !== seed) [memo.seed, memo.worlds, memo.sweeps] = [seed, Array.from({ length: seeds }, (_, m) => world(100 * seed + m, rows, columns[1], noise)), new Map()];
  const runs = memo.worlds.map((w, m) => leastSquares(w, d, 100 * seed + m, options)), { every } = runs[0];
  const mean = (key) => runs[0][key].map((_, k) => runs.reduce((sum, r) => sum + r[key][k], 0) / seeds);
  const key = JSON.stringify(options);
  if (!memo.sweeps.has(key)) {
    if (memo.sweeps.size > 20) memo.sweeps.clear();
    memo.sweeps.set(key, spec.grid.map((at) => [at, lastTenth(leastSquares(memo.worlds[0], at, 100 * seed, options).above)]));
  }
  const bad = runs.map((r) => r.diverged).filter(Boolean), diverged = bad.length ? Math.min(...bad) : null;
  const shown = get("shown"), least = runs.reduce((sum, r) => sum + r.least, 0) / seeds;
  const curves = [
    { key: "above", label: "loss above its minimum", values: mean("above") },
    { key: "loss", label: "training loss", values: mean("loss") },
    { key: "least", label: "its minimum", values: runs[0].loss.map(() => least) },
  ].map((c) => ({ ...c, on: shown.includes(c.key), end: c.values.at(-1), tail: lastTenth(c.values) }));
  return { ...options, d, n: rows, seeds, hidden: memo.asking === true, every, runs, curves, sweep: memo.sweeps.get(key), least, diverged, grows: curves[1].tail > 10 * curves[1].values[0] };
}

// ---- drawing

const FIRST = ["#0069a8", "#5cb8ff"], SECOND = ["#c44e00", "#ff9a5c"];
const tint = (k, theme) => [FIRST, SECOND, [theme.ink, theme.ink]][k][+theme.dark];
const DASH = [[], [8, 4], []];
const tall = (wide, width) => (wide ? Math.max(280, width * 0.4) : Math.max(240, width * 0.72));

// Where the loss is to be predicted, the axis must not tell how low it goes.
function quadraticScale({ curves, total }, { predict }) {
  const first = total.expected[0], seen = curves.filter((c) => c.on).flatMap((c) => [c.expected, c.loss, [Number.isFinite(c.floor) ? c.floor : 0]]);
  return { ...(predict ? decadesAround([[first / 1e5, 10 * first]], Infinity) : decadesAround(seen, 1e3 * first)), name: "loss" };
}

function drawQuadraticLoss(ctx, data, { theme }, box, spec) {
  const { steps, curves, step, path, seeds, directions } = data, on = curves.filter((c) => c.on), scale = quadraticScale(data, spec);
  const { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step t" }, scale, theme, { grid: true });
  const height = (v) => Y(Math.min(1e300, Math.max(v, 10 ** (scale.low - 1))));
  if (data.hidden) return;
  inside(ctx, box, () => {
    ctx.lineJoin = "round";
    ctx.lineWidth = 1;
    ctx.strokeStyle = theme.muted;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    if (on.includes(data.total)) {
      ctx.globalAlpha = theme.dark ? 0.28 : 0.22;
      const dims = directions.length, stride = Math.max(1, Math.floor(steps / 200));
      for (let m = 0; m < Math.min(seeds, 12); m++) {
        const one = (k) => directions.reduce((sum, d, i) => sum + (d.curvature * path[(k * stride * dims + i) * seeds + m] ** 2) / 2, 0);
        polyline(ctx, Math.floor(steps / stride) + 1, (k) => X(k * stride), (k) => height(one(k)));
      }
      ctx.globalAlpha = 1;
    }
    on.forEach((c) => {
      ctx.strokeStyle = tint(c === data.total && curves.length > 1 ? 2 : curves.indexOf(c), theme);
      ctx.lineWidth = 1.4;
      ctx.globalAlpha = 0.75;
      polyline(ctx, steps + 1, X, (t) => height(c.loss[t]));
      ctx.globalAlpha = 1;
      ctx.lineWidth = 1;
      ctx.setLineDash([6, 3]);
      polyline(ctx, steps + 1, X, (t) => height(c.expected[t]));
      ctx.setLineDash([]);
    });
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    if (on.includes(data.total) && Number.isFinite(data.total.floor) && data.total.floor > 0) {
      ctx.strokeStyle = theme.ink;
      ctx.setLineDash([2, 3]);
      line(ctx, box.left, Y(data.total.floor), box.left + box.width, Y(data.total.floor));
      ctx.setLineDash([]);
    }
    ctx.textBaseline = "top";
    if (data.diverged) halo(ctx, "diverges: no floor", box.left + box.width - 6, box.top + 6, theme);
  });
}

// The seeds in the plane: level lines, and two standard deviations around the mean, in theory.
function drawCloud(ctx, data, { theme }, box, spec) {
  const { path, seeds, directions, step, average } = data, [a, b] = directions, [x0, x1, y0, y1] = spec.window;
  const { X, Y } = axes(ctx, box, { low: x0, high: x1, name: `x, curvature ${short(a.curvature)}` }, { low: y0, high: y1, name: "y" }, theme);
  const ellipse = (x, y, rx, ry) => {
    ctx.beginPath();
    ctx.ellipse(near(X(x)), near(Y(y)), Math.min(2e4, Math.abs(X(rx) - X(0))), Math.min(2e4, Math.abs(Y(ry) - Y(0))), 0, 0, 7);
    ctx.stroke();
  };
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.grid;
    ctx.lineWidth = 1;
    const top = Math.log10((a.curvature * x1 * x1 + b.curvature * y1 * y1) / 2);
    for (let k = 0; k < 9; k++) {
      const level = 10 ** (top - k / 2);
      ellipse(0, 0, Math.sqrt((2 * level) / a.curvature), Math.sqrt((2 * level) / b.curvature));
    }
    if (data.hidden) return;
    ctx.fillStyle = tint(0, theme);
    ctx.globalAlpha = 0.6;
    let out = 0;
    for (let m = 0; m < seeds; m++) {
      const x = path[2 * step * seeds + m], y = path[(2 * step + 1) * seeds + m];
      if (!(Math.abs(x) <= x1 && Math.abs(y) <= y1)) out++;
      marker(ctx, "o", X(x), Y(y), 2.2);
    }
    ctx.globalAlpha = 1;
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1.5;
    ctx.setLineDash([6, 3]);
    ellipse(a.exact.mean[step], b.exact.mean[step], 2 * Math.sqrt(a.exact.variance[step]), 2 * Math.sqrt(b.exact.variance[step]));
    ctx.setLineDash([]);
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textBaseline = "top";
    halo(ctx, `${seeds} seeds, step ${step}${out ? `: ${out} off the map` : ""}`, box.left + 6, box.top + 6, theme);
    if (average !== "none") halo(ctx, average === "EMA" ? "exponential average" : "average of the last half", box.left + 6, box.top + 22, theme);
    ctx.textBaseline = "bottom";
    halo(ctx, `y, curvature ${short(b.curvature)}`, box.left + 6, box.top + box.height - 6, theme);
  });
}

// One direction alone: what each seed reports against the step.
function drawPaths(ctx, data, { theme }, box, spec) {
  const { path, seeds, directions, steps, step } = data, [a] = directions, [low, high] = spec.window;
  const { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step t" }, { low, high, name: "θ" }, theme, { grid: true });
  if (data.hidden) return;
  inside(ctx, box, () => {
    ctx.strokeStyle = tint(0, theme);
    ctx.lineWidth = 1;
    ctx.globalAlpha = 0.45;
    for (let m = 0; m < Math.min(seeds, 6); m++) polyline(ctx, step + 1, X, (t) => Y(path[t * seeds + m]));
    ctx.globalAlpha = 1;
    ctx.strokeStyle = theme.ink;
    ctx.setLineDash([6, 3]);
    for (const way of [-2, 2]) polyline(ctx, steps + 1, X, (t) => Y(a.exact.mean[t] + way * Math.sqrt(a.exact.variance[t])));
    ctx.setLineDash([]);
  });
}

function drawLeastSquares(ctx, data, { theme }, box) {
  const { curves, every, runs, diverged } = data, on = curves.filter((c) => c.on), count = curves[0].values.length;
  const around = data.hidden ? LEFT : decadesAround(on.map((c) => c.values), 1e3 * curves[1].values[0]), scale = { ...around, name: "loss" };
  const { X, Y } = axes(ctx, box, { low: 0, high: (count - 1) * every, name: "step t" }, scale, theme, { grid: true });
  const height = (v) => Y(Math.min(1e300, Math.max(v, 10 ** (scale.low - 1))));
  if (data.hidden) return;
  inside(ctx, box, () => {
    ctx.lineJoin = "round";
    for (const c of on) {
      const k = curves.indexOf(c);
      ctx.strokeStyle = tint(k, theme);
      ctx.lineWidth = 1;
      if (c.key === "above") {
        ctx.globalAlpha = 0.35;
        for (const r of runs) polyline(ctx, count, (i) => X(i * every), (i) => height(r.above[i]));
        ctx.globalAlpha = 1;
      }
      ctx.lineWidth = [2.4, 1.4, 1.4][k];
      ctx.setLineDash([[], [8, 4], [2, 3]][k]);
      if (c.end > 0 || k < 2) polyline(ctx, count, (i) => X(i * every), (i) => height(c.values[i]));
      ctx.setLineDash([]);
    }
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    const fate = diverged ? "diverged at step " + diverged : data.grows ? "grows: no floor" : "";
    if (fate) halo(ctx, fate, box.left + box.width - 6, box.top + 6, theme);
  });
}

const LEFT = { low: -9, high: 0, log: true }; // what may be left of the loss, where that is to be predicted

const sweepScales = (data, { columns, predict }) => ({
  x: { low: 0, high: columns[1], name: "columns d" },
  y: { ...(predict ? LEFT : decadesAround([[...data.sweep.map((p) => p[1]), data.curves[0].tail]], 1e3)), name: "loss above its minimum, at the end" },
});

function drawSweep(ctx, data, { theme }, box, spec) {
  const { x, y } = sweepScales(data, spec), { X, Y } = axes(ctx, box, x, y, theme, { grid: true });
  const height = (v) => Y(Number.isFinite(v) ? Math.min(1e300, Math.max(v, 10 ** (y.low - 1))) : 1e300);
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    line(ctx, X(data.n), box.top, X(data.n), box.top + box.height);
    ctx.setLineDash([]);
    ctx.strokeStyle = ctx.fillStyle = tint(0, theme);
    ctx.lineWidth = 1.4;
    const sweep = data.hidden ? data.sweep.slice(0, 1) : data.sweep;
    polyline(ctx, sweep.length, (k) => X(sweep[k][0]), (k) => height(sweep[k][1]));
    for (const [d, v] of sweep) marker(ctx, "o", X(d), height(v), 2.6);
    ctx.strokeStyle = theme.muted;
    if (!data.hidden) line(ctx, X(data.d), box.top, X(data.d), box.top + box.height);
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textBaseline = "bottom";
    halo(ctx, "d = n", X(data.n) + 5, box.top + box.height - 6, theme);
  });
}

// ---- words and numbers

const gone = (v) => (Number.isFinite(v) ? short(v) : "none");

const averaged = (data) => ({ none: "the iterate", "last half": `the average since step ${Math.floor(data.steps / 2)}`, EMA: "the exponential average" })[data.average];

function quadraticWords({ hyper, batch, curves, total, diverged, hidden, ...data }) {
  const setting = `Step size ${short(hyper.lr)}, batch size ${batch}, ${averaged(data)}`;
  if (hidden) return `${setting}: the loss is for you to predict.`;
  const each = curves.map((c) => `${c.label} ${short(c.measured)} measured, ${short(c.theory)} expected`).join("; ");
  const floor = diverged ? "no floor, it diverges" : data.last ? "no floor, the average goes on falling" : `floor in theory ${short(total.floor)}`;
  return `${setting}: ${floor}. Loss ${data.last ? "at the last step" : "in the last half"}, mean of ${data.seeds} seeds: ${each}.`;
}

function leastWords({ d, n, lr, batch, curves, least, diverged, grows, seeds, steps, hidden, ...data }) {
  if (hidden) return `${n} rows, step size ${short(lr)}, batch size ${batch}: what is left of the loss is for you to predict.`;
  const [above] = curves;
  const end = diverged ? `diverged at step ${diverged}` : `${grows ? "the loss grows, no floor: " : ""}loss above the minimum ${short(above.tail)} over the last tenth of ${steps} steps`;
  return `${n} rows, ${d} columns, step size ${short(lr)}, batch size ${batch}, ${averaged({ steps, ...data })}: ${end}; least loss ${short(least)}, mean of ${seeds} data sets.`;
}

const PROBLEMS = {
  quadratic: (spec) => ({
    compute: (get, memo) => quadratic(spec, get, memo),
    draw(ctx, data, view) {
      const [left, right] = twoPanels(view.width, 0.44, tall).boxes;
      (data.directions.length > 1 ? drawCloud : drawPaths)(ctx, data, view, left, spec);
      drawQuadraticLoss(ctx, data, view, right, spec);
    },
    describe: quadraticWords,
    series: ({ curves, total, last, hidden }, { theme }) => ({
      head: ["loss", "floor in theory", "expected", "measured"],
      series: curves.map((c, i) => ({ key: c.key, label: c.label, on: c.on, colour: tint(c === total && curves.length > 1 ? 2 : i, theme), cells: hidden ? ["?", "?", "?"] : [Number.isFinite(c.floor) && last ? "→ 0" : gone(c.floor), short(c.theory), short(c.measured)] })),
    }),
    panel(node, data) {
      const when = data.last ? `at step ${data.steps}` : `mean of steps ${data.from} to ${data.steps}`;
      const text = `Expected (dashed): exact. Measured: ${data.seeds} seeds. Both: ${when}, of ${averaged(data)}.`;
      if (node.textContent !== text) node.textContent = text;
    },
    predict: (data, view) => lossTask(`${averaged(data)}, with noise of standard deviation ${short(spec.noise / Math.sqrt(data.batch))} on each gradient component,`, data.steps, quadraticScale(data, spec), twoPanels(view.width, 0.44, tall).boxes[1], (t) => data.total.expected[t], "expected loss"),
    table: ({ curves, steps, hidden }) => ({
      head: ["step", ...curves.flatMap((c) => [`${c.label}: expected`, `${c.label}: measured`])],
      rows: Array.from({ length: hidden ? 1 : steps + 1 }, (_, t) => [t, ...curves.flatMap((c) => [c.expected[t], c.loss[t]])]),
    }),
  }),
  least_squares: (spec) => ({
    aside: ["d"],
    compute: (get, memo) => interpolation(spec, get, memo),
    draw(ctx, data, view) {
      const [left, right] = twoPanels(view.width, 0.54, tall).boxes;
      drawLeastSquares(ctx, data, view, left);
      drawSweep(ctx, data, view, right, spec);
    },
    describe: leastWords,
    series: ({ curves, diverged, hidden }, { theme }) => ({
      head: ["loss", "at the last step", "mean of the last tenth"],
      series: curves.map((c, k) => ({ key: c.key, label: c.label, on: c.on, colour: tint(k, theme), dash: [[], [8, 4], [2, 3]][k], weight: [2.4, 1.4, 1.4][k], cells: hidden ? ["?", "?"] : diverged && k < 2 ? ["diverged at step " + diverged, ""] : [short(c.end), short(c.tail)] })),
    }),
    table: ({ curves, every, hidden }) => ({ head: ["step", ...curves.map((c) => c.label)], rows: Array.from(hidden ? [] : curves[0].values, (_, k) => [k * every, ...curves.map((c) => c.values[k])]) }),
    // What is left of the loss against d; what is left with the fewest columns is given.
    predict({ n, sweep, ...data }, view) {
      const [given, ...rest] = sweep, marks = evenly(0, spec.columns[1]).map((d) => rest.reduce((a, b) => (Math.abs(b[0] - d) < Math.abs(a[0] - d) ? b : a)));
      return curveTask({
        what: `how far the training loss on ${n} rows ends above its minimum, against the number of columns d (first point: ${short(given[1])} with ${given[0]} columns)`,
        box: twoPanels(view.width, 0.54, tall).boxes[1], ...sweepScales({ sweep, ...data }, spec), given,
        places: [...new Set(marks)].map(([d]) => d), label: (d) => `d = ${d}`, truth: (d) => sweep.find((p) => p[0] === d)[1],
      });
    },
    handles(data, view) {
      const [, box] = twoPanels(view.width, 0.54, tall).boxes, [low, high] = spec.columns, { y } = sweepScales(data, spec);
      const to = (v) => ({ d: Math.min(high, Math.max(low, Math.round(v))) }), at = data.curves[0].tail;
      const share = Math.min(1, Math.max(0, ((at > 0 ? Math.log10(at) : y.low) - y.low) / (y.high - y.low)));
      return [{
        label: "Columns d", text: String(data.d), value: data.d, low, high, hint: "Columns d: drag, or use the arrow keys; a held key goes by tens",
        x: box.left + (box.width * data.d) / high, y: box.top + box.height * (1 - (Number.isFinite(share) ? share : 1)),
        drag: (px) => to(((px - box.left) / box.width) * high),
        nudge: (dx, dy, repeated) => to(data.d + Math.sign(dx + dy) * (repeated ? 10 : 1)),
      }];
    },
  }),
};

const noiseFloor = (spec) => ({
  ...PROBLEMS[spec.problem](spec),
  height: (width) => twoPanels(width, 0.5, tall).height,
  toggle(key, get) {
    const shown = get("shown");
    return { shown: shown.includes(key) ? shown.filter((k) => k !== key) : [...shown, key] };
  },
  active: (get) => new Set(Object.keys(spec.defaults).filter((name) => name !== "decay" || get("average") === "EMA")),
});

export { RULE, uniforms, deviates, cloud, linear, moments, stationary, withMean, world, leastSquares, quadratic, interpolation };
export default liveFigure(noiseFloor);
