// The factor of the error per step on a bowl of curvatures 1 and kappa, read off the rule itself.

const POINTS = 420;

// Where f is least: the first lowest point of the grid, or a lower one beside it.
function lowest(f, grid) {
  const values = Array.from(grid, f), least = Math.min(...values), k = values.findIndex((v) => v <= least + 1e-12);
  const found = golden(f, grid[Math.max(0, k - 1)], grid[Math.min(grid.length - 1, k + 1)]);
  return f(found) < values[k] ? found : grid[k];
}

// The grid, and one more point on it in its place: the curves then have their tip.
function withPoint(grid, point) {
  const k = grid.findIndex((v) => v >= point);
  return Float64Array.from(grid[k] === point ? grid : [...grid.subarray(0, k), point, ...grid.subarray(k)]);
}

function compute(spec, get, memo = {}) {
  const name = get("rule"), rule = RULES[name], kappa = get("kappa"), lr = get("lr");
  const h = { ...rule.hyper };
  for (const key of spec.arguments[name]) h[key] = get(key);
  // lr is given in units of 1/L with L = kappa.
  const at = (scaled, curvature) => matrix(rule, curvature, { ...h, lr: scaled / kappa });
  const even = Float64Array.from({ length: POINTS + 1 }, (_, k) => (spec.reach * k) / POINTS);
  const larger = (v) => Math.max(radius(at(v, 1)), radius(at(v, kappa)));
  const best = lowest(larger, even), grid = withPoint(even, best);
  const flat = grid.map((v) => radius(at(v, 1))), steep = grid.map((v) => radius(at(v, kappa)));
  const worst = grid.map((_, k) => Math.max(flat[k], steep[k]));
  const rates = [radius(at(lr, 1)), radius(at(lr, kappa))];
  const paths = [errors(at(lr, 1), spec.steps), errors(at(lr, kappa), spec.steps)];
  return { name, look: LOOKS[name], kappa, lr, grid, flat, steep, worst, best: [best, larger(best)], rates, rho: Math.max(...rates), paths, steps: spec.steps, hidden: memo.asking === true, truth: larger };
}

const DECIDES = ["#848d97", "#7d8590"]; // the larger factor, on light and on dark

const tallness = (wide, width) => (wide ? Math.max(270, width * 0.38) : Math.max(230, width * 0.66));

const TOP = 1.3;

function drawCurve(ctx, data, { theme }, box, reach) {
  const { X, Y } = axes(ctx, box, { low: 0, high: reach, name: "step size ηL" }, { low: 0, high: TOP, name: "factor per step" }, theme, { grid: true });
  const colour = data.look[theme.dark ? 1 : 0], sayGrows = () => {
    Object.assign(ctx, { fillStyle: theme.ink, font: theme.font, textBaseline: "bottom" });
    ctx.fillText("grows", box.left + 6, Y(1) - 6);
  };
  inside(ctx, box, () => {
    ctx.fillStyle = theme.dark ? "#ff8a8018" : "#b3261e12";
    ctx.fillRect(box.left, box.top, box.width, Y(1) - box.top);
    ctx.strokeStyle = theme.ink;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    line(ctx, box.left, Y(1), box.left + box.width, Y(1));
    if (data.hidden) {
      ctx.setLineDash([]);
      sayGrows();
      return;
    }
    const curve = (values, dash, width, stroke) => {
      ctx.setLineDash(dash);
      ctx.lineWidth = width;
      ctx.strokeStyle = stroke;
      polyline(ctx, values.length, (k) => X(data.grid[k]), (k) => Y(values[k]));
    };
    curve(data.worst, [], 7, DECIDES[+theme.dark]);
    curve(data.flat, [2, 3], 2, colour);
    curve(data.steep, [8, 4], 2, colour);
    ctx.setLineDash([]);
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(data.lr), box.top, X(data.lr), box.top + box.height);
    sayGrows();
    const [x, y] = data.best.map((v, k) => (k ? Y(v) : X(v))), label = `best: ${fine(data.best[1])} at ${fine(data.best[0])}`;
    const pixels = (values) => Array.from(values, (v, k) => [X(data.grid[k]), Math.max(Y(v), box.top - 50)]);
    const limit = [[box.left, Y(1)], [box.left + box.width, Y(1)]], grows = [[box.left, Y(1) - 10], [box.left + 6 + ctx.measureText("grows").width, Y(1) - 10]];
    const size = [ctx.measureText(label).width, 14];
    const at = freePlace(x, y, ...size, box, [...[data.flat, data.steep].map(pixels), limit, grows]);
    marker(ctx, "D", x, y, 4);
    ctx.strokeStyle = theme.ink;
    line(ctx, x, y, Math.min(at.left + size[0], Math.max(at.left, x)), Math.min(at.top + size[1], Math.max(at.top, y)));
    ctx.fillStyle = theme.paper;
    ctx.fillRect(at.left - 3, at.top - 2, size[0] + 6, size[1] + 4);
    ctx.fillStyle = theme.ink;
    ctx.textBaseline = "middle";
    ctx.fillText(label, at.left, at.top + size[1] / 2 + 1);
  });
}

function drawErrors(ctx, data, { theme }, box) {
  const { X, Y } = axes(ctx, box, { low: 0, high: data.steps, name: "step t" }, { low: -8, high: 2, log: true, name: "error" }, theme, { grid: true });
  if (data.hidden) return;
  ctx.strokeStyle = data.look[theme.dark ? 1 : 0];
  ctx.lineWidth = 2;
  inside(ctx, box, () => data.paths.forEach((path, k) => {
    ctx.setLineDash([[2, 3], [8, 4]][k]);
    polyline(ctx, path.length, X, (t) => Y(Math.min(1e30, Math.max(path[t], 1e-12))));
  }));
  ctx.setLineDash([]);
}

const rate = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  aside: ["lr"],
  height: (width) => twoPanels(width, 0.52, tallness).height,
  draw(ctx, data, view) {
    const [curve, error] = twoPanels(view.width, 0.52, tallness).boxes;
    drawCurve(ctx, data, view, curve, spec.reach);
    drawErrors(ctx, data, view, error);
  },
  describe({ look, kappa, lr, rho, best, hidden }) {
    if (hidden) return `${look[4]}, condition number ${counted(kappa)}: the factor per step is for you to predict.`;
    const end = rho >= 1 ? "the error does not shrink" : `${needed(rho)} ${String(needed(rho)) === "1" ? "step" : "steps"} to a millionth of the loss`;
    return `${look[4]}, condition number ${counted(kappa)}, step size ${fine(lr)}/L: factor ${fine(rho)} per step, ${end}; best ${fine(best[1])} at ${fine(best[0])}/L.`;
  },
  series({ look, kappa, rates, rho, paths, steps, hidden }, { theme }) {
    const colour = look[theme.dark ? 1 : 0];
    const row = (key, label, dash, factor, end) => ({ key, label, dash, colour, on: true, cells: hidden ? ["?", "?", "?"] : [fine(factor), end, needed(factor)] });
    return {
      head: ["direction", "factor", `error at ${steps}`, "steps to 10⁻⁶"],
      series: [
        row("flat", "flat, curvature 1", [2, 3], rates[0], short(paths[0][steps])),
        row("steep", `steep, curvature ${counted(kappa)}`, [8, 4], rates[1], short(paths[1][steps])),
        { ...row("both", "the larger, which decides", [], rho, short(Math.max(paths[0][steps], paths[1][steps]))), colour: DECIDES[+theme.dark], weight: 7 },
      ],
    };
  },
  table: ({ paths, steps, hidden }) => ({ head: ["step", "error, flat direction", "error, steep direction"], rows: Array.from({ length: hidden ? 1 : steps + 1 }, (_, t) => [t, paths[0][t], paths[1][t]]) }),
  // The larger factor, which decides, against the step size.
  predict({ look, truth }, view) {
    return curveTask({
      what: `the factor per step of ${look[4]}, in the slower of the two directions, against the step size`,
      box: twoPanels(view.width, 0.52, tallness).boxes[0], x: { low: 0, high: spec.reach, name: "step size ηL" }, y: { low: 0, high: TOP, name: "factor per step" }, given: [0, 1],
      places: Array.from({ length: 12 }, (_, k) => +((spec.reach * (k + 1)) / 12).toPrecision(6)), label: (v) => `step size ${fine(v)}/L`, truth,
    });
  },
  active: (get) => new Set(["rule", "lr", "kappa", ...spec.arguments[get("rule")]]),
  handles({ lr, rho }, view) {
    const [curve] = twoPanels(view.width, 0.52, tallness).boxes, low = spec.limits.lr[0], high = spec.limits.lr[1];
    const to = (v) => ({ lr: +Math.min(high, Math.max(low, v)).toFixed(4) });
    return [{
      label: "Step size", text: `${fine(lr)} over L`, value: lr, low, high, hint: "Step size: drag, or use the arrow keys; with Shift, a tenth of the step",
      x: curve.left + (curve.width * lr) / spec.reach, y: curve.top + curve.height * (1 - Math.min(rho, TOP) / TOP),
      drag: (px) => to(((px - curve.left) / curve.width) * spec.reach),
      nudge: (dx, dy) => to(lr + 0.01 * (dx + dy)),
    }];
  },
});

export { RULES, matrix, radius, errors, compute, needed, fine, lowest, freePlace };
export default liveFigure(rate);
