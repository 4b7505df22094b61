// The factor of the error per step on a bowl of curvatures 1 and kappa, read off the rule itself.

// What one step makes of each unit vector of (theta, state), where the gradient is curvature * theta.
function matrix(rule, curvature, h) {
  const n = 1 + rule.state.length, out = [], point = new Float64Array(1);
  for (let k = 0; k < n; k++) {
    const s = new Float64Array(n);
    s[k] = 1;
    if (rule.at) rule.at(s, 1, h, point);
    else point[0] = s[0];
    rule.step(s, [curvature * point[0]], 1, h);
    out.push(s);
  }
  return out;
}

// Largest modulus of an eigenvalue of a matrix with one or two rows.
function radius(m) {
  if (m.length === 1) return Math.abs(m[0][0]);
  const half = (m[0][0] + m[1][1]) / 2, det = m[0][0] * m[1][1] - m[0][1] * m[1][0], root = half * half - det;
  return root < 0 ? Math.sqrt(det) : Math.abs(half) + Math.sqrt(root);
}

// |error| of one coordinate that starts at 1 with the state at rest.
function errors(m, steps) {
  const out = new Float64Array(steps + 1);
  let x = 1, u = 0;
  out[0] = 1;
  for (let t = 1; t <= steps; t++) {
    [x, u] = m.length === 1 ? [m[0][0] * x, 0] : [m[0][0] * x + m[1][0] * u, m[0][1] * x + m[1][1] * u];
    out[t] = Math.abs(x);
  }
  return out;
}

const POINTS = 420;

function compute(spec, get) {
  const name = get("rule"), rule = RULES[name], kappa = get("kappa"), lr = get("lr");
  const h = { ...rule.hyper };
  for (const key of spec.arguments[name]) h[key] = get(key);
  // lr is given in units of 1/L with L = kappa.
  const at = (scaled, curvature) => matrix(rule, curvature, { ...h, lr: scaled / kappa });
  const grid = Float64Array.from({ length: POINTS + 1 }, (_, k) => (spec.reach * k) / POINTS);
  const flat = grid.map((v) => radius(at(v, 1))), steep = grid.map((v) => radius(at(v, kappa)));
  const worst = grid.map((_, k) => Math.max(flat[k], steep[k]));
  const best = worst.indexOf(Math.min(...worst));
  const rates = [radius(at(lr, 1)), radius(at(lr, kappa))];
  const paths = [errors(at(lr, 1), spec.steps), errors(at(lr, kappa), spec.steps)];
  return { name, look: LOOKS[name], kappa, lr, grid, flat, steep, worst, best: [grid[best], worst[best]], rates, rho: Math.max(...rates), paths, steps: spec.steps };
}

const needed = (rho) => (rho >= 1 ? "never" : rho === 0 ? "1" : String(Math.ceil(Math.log(1e-6) / (2 * Math.log(rho)) - 1e-9)));

const tallness = (wide, width) => (wide ? Math.max(270, width * 0.38) : Math.max(230, width * 0.66));

const TOP = 1.3;

function drawCurve(ctx, data, { theme }, box, reach) {
  const { X, Y } = axes(ctx, box, { low: 0, high: reach, name: "rate ηL" }, { low: 0, high: TOP, name: "factor per step" }, theme, { grid: true });
  const colour = data.look[theme.dark ? 1 : 0];
  inside(ctx, box, () => {
    ctx.fillStyle = theme.dark ? "#ff8a8018" : "#b3261e12";
    ctx.fillRect(box.left, box.top, box.width, Y(1) - box.top);
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    line(ctx, box.left, Y(1), box.left + box.width, Y(1));
    const curve = (values, dash, width, stroke) => {
      ctx.setLineDash(dash);
      ctx.lineWidth = width;
      ctx.strokeStyle = stroke;
      polyline(ctx, values.length, (k) => X(data.grid[k]), (k) => Y(values[k]));
    };
    curve(data.worst, [], 7, colour + "40");
    curve(data.flat, [2, 3], 2, colour);
    curve(data.steep, [8, 4], 2, colour);
    ctx.setLineDash([]);
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(data.lr), box.top, X(data.lr), box.top + box.height);
    ctx.fillStyle = theme.ink;
    ctx.font = theme.font;
    ctx.textBaseline = "bottom";
    ctx.fillText("grows", box.left + 6, Y(1) - 4);
    const [x, y] = data.best, right = X(x) > box.left + 0.6 * box.width;
    marker(ctx, "D", X(x), Y(y), 4);
    ctx.textAlign = right ? "right" : "left";
    ctx.textBaseline = "top";
    halo(ctx, `best: ${short(y)} at ${short(x)}`, X(x) + (right ? -4 : 4), Y(y) + 20, theme);
  });
}

function drawErrors(ctx, data, { theme }, box) {
  const { X, Y } = axes(ctx, box, { low: 0, high: data.steps, name: "step t" }, { low: -8, high: 2, log: true, name: "error" }, theme, { grid: true });
  ctx.strokeStyle = data.look[theme.dark ? 1 : 0];
  ctx.lineWidth = 2;
  inside(ctx, box, () => data.paths.forEach((path, k) => {
    ctx.setLineDash([[2, 3], [8, 4]][k]);
    polyline(ctx, path.length, X, (t) => Y(Math.min(1e30, Math.max(path[t], 1e-12))));
  }));
  ctx.setLineDash([]);
}

const rate = (spec) => ({
  compute: (get) => compute(spec, get),
  height: (width) => twoPanels(width, 0.52, tallness).height,
  draw(ctx, data, view) {
    const [curve, error] = twoPanels(view.width, 0.52, tallness).boxes;
    drawCurve(ctx, data, view, curve, spec.reach);
    drawErrors(ctx, data, view, error);
  },
  describe({ look, kappa, lr, rho, best }) {
    const end = rho >= 1 ? "the error does not shrink" : `${needed(rho)} steps to a millionth of the loss`;
    return `${look[4]}, condition number ${short(kappa)}, rate ${short(lr)}/L: factor ${short(rho)} per step, ${end}; best ${short(best[1])} at ${short(best[0])}/L.`;
  },
  series({ look, kappa, rates, rho, paths, steps }, { theme }) {
    const colour = look[theme.dark ? 1 : 0];
    const row = (key, label, dash, factor, end) => ({ key, label, dash, colour, on: true, cells: [short(factor), end, needed(factor)] });
    return {
      head: ["direction", "factor", `error at ${steps}`, "steps to 10⁻⁶"],
      series: [
        row("flat", "flat, curvature 1", [2, 3], rates[0], short(paths[0][steps])),
        row("steep", `steep, curvature ${short(kappa)}`, [8, 4], rates[1], short(paths[1][steps])),
        row("both", "the slower", [], rho, short(Math.max(paths[0][steps], paths[1][steps]))),
      ],
    };
  },
  table: ({ paths, steps }) => ({ head: ["step", "error, flat direction", "error, steep direction"], rows: Array.from({ length: steps + 1 }, (_, t) => [t, paths[0][t], paths[1][t]]) }),
  active: (get) => new Set(["rule", "lr", "kappa", ...spec.arguments[get("rule")]]),
  handles({ lr, rho }, view) {
    const [curve] = twoPanels(view.width, 0.52, tallness).boxes, low = spec.limits.lr[0], high = spec.limits.lr[1];
    const to = (v) => ({ lr: +Math.min(high, Math.max(low, v)).toFixed(4) });
    return [{
      label: "Rate", text: `${short(lr)} over L`, value: lr, low, high, hint: "Rate: drag, or use the arrow keys",
      x: curve.left + (curve.width * lr) / spec.reach, y: curve.top + curve.height * (1 - Math.min(rho, TOP) / TOP),
      drag: (px) => to(((px - curve.left) / curve.width) * spec.reach),
      nudge: (dx, dy) => to(lr + 0.01 * (dx + dy)),
    }];
  },
});

export { RULES, matrix, radius, errors, compute, needed };
export default liveFigure(rate);
