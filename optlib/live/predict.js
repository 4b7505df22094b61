// Predict first, then see. A figure with spec.predict supplies
//   predict(data, view) -> null or { ask, box, x, y, curve, bars, given, points: [{ label, at: [x, y] }] }
// ask: the task in words; box, x, y: where and on which axes; points: what is true, at null where
// there is no truth. In a curve x is given and only y is asked; bars: a curve of points that are not
// joined; given: where the guesses begin. An axis with cells, their names, is chosen from cell by
// cell; tell(guesses), if the figure has it, is the verdict in place of scored.
// aside: settings on which the truth does not depend (default: the step shown); they have no control
// while the figure asks, and a prediction outlives their change.
// While memo.asking is true the figure does not show what is asked. Nothing is stored or sent.

const clipped = (v, axis) => {
  const [low, high] = axis.log ? [10 ** axis.low, 10 ** axis.high] : [axis.low, axis.high];
  return Number.isNaN(v) ? high : Math.min(high, Math.max(low, v));
};
const share = (v, axis) => ((axis.log ? Math.log10(v) : v) - axis.low) / (axis.high - axis.low);
const valueAt = (part, axis) => {
  const v = axis.low + (axis.high - axis.low) * part;
  if (axis.cells) return clipped(Math.floor(v), { low: 0, high: axis.cells.length - 1 }) + 0.5;
  return clipped(+(axis.log ? 10 ** v : v).toPrecision(4), axis);
};

// The guesses beside the truth: words with their number, and rows for a table. What lies outside the
// axis counts as its edge, what is no number as the upper one.
function scored(guesses, { x, y, curve, bars, points }) {
  const known = points.map((p, k) => [p, guesses[k]]).filter(([p]) => p.at);
  if (!curve) {
    const said = points.map((p, k) => {
      const [a, b] = guesses[k], spot = (point) => `(${point.map((v) => short(+v.toPrecision(3))).join(", ")})`;
      if (!p.at) return `At ${p.label} you said ${spot([a, b])}: ${p.missing}`;
      return `Off by ${short(+Math.hypot(a - p.at[0], b - p.at[1]).toPrecision(2))} at ${p.label}: you said ${spot([a, b])}, it is ${spot(p.at)}`;
    });
    return { text: said.join(". ") + ".", head: ["point", `your ${x.name}`, `your ${y.name}`, x.name, y.name], rows: points.map((p, k) => [p.label, ...guesses[k], ...(p.at || [p.missing, ""])]) };
  }
  const off = known.map(([p, guess]) => Math.abs(share(clipped(guess[1], y), y) - share(clipped(p.at[1], y), y)) * (y.high - y.low)).sort((a, b) => a - b);
  const limit = y.log ? Math.log10(2) : 0.1 * (y.high - y.low), near = off.filter((v) => v <= limit + 1e-12).length;
  const middle = (off[(off.length - 1) >> 1] + off[off.length >> 1]) / 2;
  const text = y.log
    ? `Within a factor of 2 at ${near} of ${off.length} points. Your median error is a factor of ${short(+(10 ** middle).toPrecision(2))}.`
    : `Within 10 % of the axis at ${near} of ${off.length} points. Your median error is ${short(+middle.toPrecision(2))}.`;
  return { text, head: [x.name, `your ${y.name}`, y.name], rows: known.map(([p, guess]) => [bars ? p.label : guess[0], guess[1], p.at[1]]) };
}

// The task to draw what is true(v) at each of the places v along x; what names it in words.
const curveTask = ({ what, box, x, y, bars, given, places, label, truth }) => ({
  ask: `Before you see it: ${bars ? "set" : "draw"} ${what}, with the pointer or, at the ring, with the arrow keys.`,
  box, x, y, curve: true, bars, given,
  points: places.map((v, k) => ({ label: label(v, k), at: [v, truth(v, k)] })),
});

// Twelve whole numbers or fewer, evenly from low, which is not among them, to high.
function evenly(low, high) {
  const count = Math.min(12, high - low);
  return Array.from({ length: count }, (_, k) => low + Math.round(((high - low) * (k + 1)) / count));
}

// The task to draw what is loss(t) at step t, on the axis y in the box.
const lossTask = (title, steps, y, box, loss, quantity = "loss", time = "step t") => curveTask({
  what: `the ${quantity} of ${title} over ${steps} steps`,
  box, x: { low: 0, high: steps, name: time }, y, given: [0, loss(0)], places: evenly(0, steps), label: (t) => `step ${t}`, truth: loss,
});

// The task to find one place on a map: what it is that will be there, the place, and why there is none.
const placeTask = ({ what, label, at, missing, ...more }) => ({
  ask: `Before you see it: where ${what}? Click on the map, or move the ring with the arrow keys.`,
  points: [{ label, at, missing }], ...more,
});

// The place of a run after so many steps.
function pathTask({ rule, step }, runs, [x0, x1, y0, y1], start, box) {
  const r = runs.find((run) => run.name === rule);
  return r.on ? placeTask({
    what: `will ${r.look[4]} be after ${step} steps`, label: `step ${step}`,
    box, x: { low: x0, high: x1, name: "x" }, y: { low: y0, high: y1, name: "y" }, given: start,
    at: step <= r.last ? [r.x[step], r.y[step]] : null, missing: `it diverged at step ${r.diverged}`,
  }) : null;
}

// For one figure: the words and buttons, the pad on which to draw, the handles, the guesses.
function newPrediction({ figure, names, get, ask, stage, canvas }) {
  let state = "asking", guesses = [], at = 0, task = null, view = null, stamp = "";
  const aside = figure.aside || ["step"], settings = () => names.filter((n) => !aside.includes(n)).map((n) => written(get(n))).join();
  const words = element("p", { class: "live-ask" }), verdict = element("p", { class: "live-verdict", role: "status" });
  const rows = element("details", {}, element("summary", {}, "Your prediction in numbers"), element("table"));
  let refocus = false;
  const turn = (next) => {
    if (next === "asking") [guesses, at] = [[], 0];
    [state, stamp] = [next, settings()];
    ask();
  };
  // The button that was pressed goes away: the one in its place has the focus.
  const go = (next) => () => {
    refocus = true;
    turn(next);
  };
  const compare = button("Compare", go("answered"), { class: "live-edge" }), skip = button("Show without a guess", go("free"), { class: "live-edge" }), again = button("Predict again", go("asking"), { class: "live-edge" });
  const node = element("div", { class: "live-predict", role: "group", "aria-label": "Prediction" }, words, verdict, element("div", { class: "live-bar" }, compare, skip, again), rows);
  const pad = element("div", { class: "live-pad", "aria-hidden": "true" });

  const place = (k, px, py) => {
    const { box, x, y, curve } = task, across = (px - box.left) / box.width;
    guesses[k] = [curve ? guesses[k][0] : valueAt(across, x), valueAt(1 - (py - box.top) / box.height, y)];
    at = k;
  };
  const X = (v) => task.box.left + task.box.width * share(v, task.x), Y = (v) => task.box.top + task.box.height * (1 - share(v, task.y));
  const nearest = (px, py) => {
    const far = task.points.map((_, k) => (task.curve ? Math.abs(X(guesses[k][0]) - px) : Math.hypot(X(guesses[k][0]) - px, Y(guesses[k][1]) - py)));
    return far.indexOf(Math.min(...far));
  };
  let before, drawing;
  const stroke = (px, py) => {
    if (!task.curve) place((drawing ??= nearest(px, py)), px, py);
    else {
      // every point that the pointer passed since it was last seen
      const [qx, qy] = before, touched = px === qx ? [] : task.points.map((_, k) => k).filter((k) => (X(guesses[k][0]) - px) * (X(guesses[k][0]) - qx) <= 0);
      for (const k of touched) place(k, px, qy + ((py - qy) * (X(guesses[k][0]) - qx)) / (px - qx));
      place(nearest(px, py), px, py);
    }
    before = [px, py];
    ask();
  };
  const spot = (event) => {
    const area = canvas.getBoundingClientRect(), scale = view.width / area.width;
    return [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
  };
  // Also where the ring is taken, which draws as well.
  stage.addEventListener("pointerdown", (event) => ([before, drawing] = [view && spot(event), null]), true);
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    event.preventDefault();
    stroke(...spot(event));
  });
  pad.addEventListener("pointermove", (event) => pad.hasPointerCapture(event.pointerId) && stroke(...spot(event)));

  return {
    node,
    pad,
    aside,
    asking: () => state === "asking",
    // With nothing to predict here, nothing is asked.
    open: () => state === "asking" && task !== null,
    reset: () => turn("asking"),
    // What follows from the data just computed.
    show(data, now) {
      view = now;
      if (state === "answered" && stamp !== settings()) state = "free";
      task = figure.predict(data, view);
      const asking = state === "asking" && task !== null;
      node.hidden = !task;
      pad.hidden = !asking;
      if (!task) return;
      const start = task.points.map((p) => (task.curve ? [p.at[0], task.given[1]] : task.given.slice()));
      if (guesses.length !== start.length || (task.curve && start.some(([x], k) => x !== guesses[k][0]))) guesses = start;
      for (const guess of guesses) [guess[0], guess[1]] = [clipped(guess[0], task.x), clipped(guess[1], task.y)];
      Object.assign(pad.style, { left: task.box.left + "px", top: task.box.top + "px", width: task.box.width + "px", height: task.box.height + "px" });
      words.textContent = asking ? task.ask : "";
      const answer = state === "answered" ? (task.tell || scored)(guesses, task) : null;
      if (verdict.textContent !== (answer?.text ?? "")) verdict.textContent = answer?.text ?? "";
      [compare.hidden, skip.hidden, again.hidden, rows.hidden] = [!asking, !asking, asking, !answer];
      if (answer) {
        const row = (cells) => element("tr", {}, ...cells.map((c, k) => element(k ? "td" : "th", k ? {} : { scope: "row" }, typeof c === "number" ? short(c) : c)));
        rows.lastChild.replaceChildren(element("thead", {}, element("tr", {}, ...answer.head.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...answer.rows.map(row)));
      }
    },
    draw(ctx, { theme }) {
      if (refocus) (state === "asking" ? compare : again).focus();
      refocus = false;
      if (!task || state === "free") return;
      const { box, curve, bars, points, given } = task;
      inside(ctx, { left: box.left - 8, top: box.top - 8, width: box.width + 16, height: box.height + 16 }, () => {
        ctx.strokeStyle = ctx.fillStyle = theme.ink;
        ctx.lineWidth = 1.4;
        if (state === "answered") {
          ctx.setLineDash([2, 2]);
          points.forEach((p, k) => p.at && line(ctx, X(guesses[k][0]), Y(guesses[k][1]), near(X(clipped(p.at[0], task.x))), near(Y(clipped(p.at[1], task.y)))));
          ctx.setLineDash([]);
        }
        const path = [given, ...guesses], foot = box.top + box.height;
        if (bars) for (const [x, y] of guesses) line(ctx, X(x), foot, X(x), Y(y));
        if (curve && !bars) polyline(ctx, path.length, (k) => X(path[k][0]), (k) => Y(clipped(path[k][1], task.y)));
        for (const [x, y] of guesses) marker(ctx, curve ? "o" : "X", X(x), Y(y), curve ? 3.2 : 6);
        if (state !== "answered" || curve) return;
        points.forEach((p) => p.at && marker(ctx, "D", X(clipped(p.at[0], task.x)), Y(clipped(p.at[1], task.y)), 5));
      });
    },
    handles() {
      if (!task) return null;
      const { x, y, curve, points } = task, said = (v, axis) => (axis.cells ? axis.cells[Math.floor(v)] : short(v));
      const keyed = (v, axis, by) => valueAt(share(v, axis) + (axis.cells ? Math.sign(by) / axis.cells.length : by / 50), axis), one = (k) => ({
        label: `Your prediction, ${points[k].label}`, text: curve ? short(guesses[k][1]) : `${x.name} ${said(guesses[k][0], x)}, ${y.name} ${said(guesses[k][1], y)}`,
        value: share(guesses[k][1], y), low: 0, high: 1, x: X(guesses[k][0]), y: Y(guesses[k][1]), look: "live-small",
        hint: curve ? "Drag or draw; up and down keys change this point, with Shift by less; left and right go to the next" : "Drag, click, or move with the arrow keys; with Shift, a tenth of the step",
        drag(px, py) {
          drawing ??= k;
          stroke(px, py);
          return {};
        },
        nudge(dx, dy) {
          if (curve && dx) at = Math.min(points.length - 1, Math.max(0, k + Math.sign(dx)));
          else guesses[k] = [curve ? guesses[k][0] : keyed(guesses[k][0], x, dx), keyed(guesses[k][1], y, dy)];
          ask();
          return {};
        },
      });
      return curve ? [one(at)] : points.map((_, k) => one(k));
    },
  };
}

export { scored };
