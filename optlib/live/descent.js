// Optimizers race over a surface: map and paths, and the loss at every step.
// The race and its map come from paths.js; SCHEDULES is written by Python.

const panels = (spec) => ({ map: spec.show.includes("map"), loss: spec.show.includes("loss") });

// Side by side where there is room, else one above the other.
function layout(spec, width) {
  const has = panels(spec), left = 58, foot = 42, top = 8;
  const wide = has.map && has.loss && width >= 600;
  const first = wide ? Math.round(width * 0.56) : width;
  const tall = wide ? Math.min(400, Math.max(280, width * 0.4)) : Math.min(420, Math.max(230, width * 0.72));
  const low = wide ? tall : Math.min(300, Math.max(180, width * 0.5));
  const map = has.map && { left, top, width: first - left - 16, height: Math.round(tall) - foot - top };
  const below = wide || !has.map ? 0 : Math.round(tall);
  const loss = has.loss && { left: (wide ? first : 0) + left, top: below + top, width: (wide ? width - first : width) - left - 16, height: Math.round(low) - foot - top };
  const height = Math.max(map ? map.top + map.height : 0, loss ? loss.top + loss.height : 0) + foot;
  return { map, loss, height };
}

// ---- the loss

// Whole powers of ten around all losses; what has exploded may leave the picture at the top.
function lossAxis({ shown, lowest }) {
  const told = shown.filter((r) => !r.apart), asks = told.length < shown.length;
  if (lowest === null) {
    let [low, high] = asks ? [shown[0].loss[0] - 5, shown[0].loss[0] + 5] : [Infinity, -Infinity];
    for (const r of told) for (let k = 0; k <= r.last; k++) [low, high] = [Math.min(low, r.loss[k]), Math.max(high, r.loss[k])];
    const first = shown.length ? shown[0].loss[0] : 1, reach = 20 * (Math.abs(first) + 1);
    [low, high] = [Math.max(low, first - reach), Math.min(high, first + reach)];
    return low < high ? { low, high, name: "loss" } : { low: first - 1, high: first + 1, name: "loss" };
  }
  const first = shown.length ? shown[0].loss[0] - lowest : 1;
  let [low, high] = asks ? [1e-8 * first, 100 * first] : [Infinity, 0];
  for (const r of told) {
    for (let k = 0; k <= r.last; k++) {
      const v = r.loss[k] - lowest;
      if (v > high) high = v;
      if (v < low && v > 0) low = v;
    }
  }
  high = Math.min(high, 1e6 * first) || 1;
  low = Math.min(Math.max(low, 1e-20 * high), high / 10);
  return { low: Math.floor(Math.log10(low)), high: Math.ceil(Math.log10(high)), log: true, name: Math.abs(lowest) < 1e-9 ? "loss" : "loss above the minimum" };
}

function drawLoss(ctx, data, view, box) {
  const { theme } = view, { step, steps, shown, lowest } = data, scale = lossAxis(data);
  const { X, Y } = axes(ctx, box, { low: 0, high: steps, name: "step t" }, scale, theme, { grid: true });
  const height = scale.log ? (v) => Y(Math.max(v - lowest, 10 ** scale.low)) : Y;
  inside(ctx, box, () => {
    ctx.strokeStyle = theme.muted;
    ctx.lineWidth = 1;
    line(ctx, X(step), box.top, X(step), box.top + box.height);
    ctx.lineJoin = "round";
    ctx.lineWidth = 1.8;
    for (const r of shown) {
      const now = upTo(r, step);
      ctx.strokeStyle = ctx.fillStyle = r.look[theme.dark ? 1 : 0];
      ctx.setLineDash(r.look[2]);
      soFar(ctx, 0, now, upTo(r, steps), (from, to) => polyline(ctx, to - from + 1, (k) => X(from + k), (k) => height(r.loss[from + k])));
    }
    ctx.setLineDash([]);
    ctx.font = theme.font;
    ctx.textAlign = "right";
    ctx.textBaseline = "top";
    ctx.fillStyle = theme.ink;
    shown.filter((r) => r.diverged && !r.hidden).forEach((r, k) => ctx.fillText(`${r.look[4]} diverged at step ${r.diverged}`, box.left + box.width - 6, box.top + 6 + 16 * k));
  });
  for (const r of shown) {
    const now = upTo(r, step), y = height(r.loss[now]);
    ctx.fillStyle = r.look[theme.dark ? 1 : 0];
    if (y > box.top - 1) marker(ctx, r.look[3], X(now), y, 4.5);
  }
}

const descent = (spec) => {
  const base = races(spec, (width) => layout(spec, width).map);
  return {
    ...base,
    height: (width) => layout(spec, width).height,
    draw(ctx, data, view) {
      const { map, loss } = layout(spec, view.width);
      if (map) drawMap(ctx, data, view, map);
      if (loss) drawLoss(ctx, data, view, loss);
    },
    predict(data, view) {
      if (spec.predict.what !== "loss") return base.predict(data, view);
      const r = data.runs.find((run) => run.name === spec.predict.rule), y = lossAxis(data);
      return r.on ? lossTask(r.look[4], data.steps, y, layout(spec, view.width).loss, (t) => (t > r.last ? Infinity : r.loss[t] - (y.log ? data.lowest : 0))) : null;
    },
  };
};

export { RULES, SURFACES, SCHEDULES, race, deviates, nudged, moved, onMark, typed, meant };
export default liveFigure(descent);
