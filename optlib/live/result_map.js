// A recorded grid: a map of what each pair of settings reached, and the runs behind one cell of it.
// RESULTS is written by Python: columns, rows, pages of cells; a cell has its runs' values and curves.

// Mean and half of its 95 % interval; runs that diverged make the mean infinite.
function summary(values) {
  const n = values.length, mean = values.reduce((a, b) => a + b, 0) / n;
  if (!values.every(Number.isFinite)) return { mean: RESULTS.worst, half: NaN, n };
  const spread = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1));
  return { mean, half: n > 1 ? (RESULTS.quantiles[n] * spread) / Math.sqrt(n) : NaN, n };
}

const number = (v) => (v === null ? RESULTS.worst : v);

function compute(spec, get, memo = {}) {
  const { columns, rows, pages, lower } = RESULTS, page = pages[spec.choices.page.indexOf(get("page"))];
  const chosen = [spec.choices.column.indexOf(get("column")), spec.choices.row.indexOf(get("row"))];
  const [column, row] = memo.peek || chosen;
  const cells = page.map((line, r) => line.map((cell, c) => cell && { r, c, ...cell, ...summary(cell.values.map(number)) }));
  const all = cells.flat().filter((cell) => cell && Number.isFinite(cell.mean));
  const best = all.length ? all.reduce((a, b) => ((lower ? b.mean < a.mean : b.mean > a.mean) ? b : a)) : null;
  // A page may leave columns or rows of the grid empty: what counts is where its own cells end.
  const ends = (list, k) => {
    const there = list.flatMap((cell, i) => (cell ? [i] : []));
    return there.length < 3 ? "" : k === there[0] ? "smallest" : k === there.at(-1) ? "largest" : "";
  };
  const found = best ? [["column", ends(cells[best.r], best.c)], ["row", ends(cells.map((line) => line[best.c]), best.r)]] : [];
  const edges = found.flatMap(([way, end]) => (spec.ordered[way] && end ? [`${end} ${spec.names[way]}`] : []));
  return { cells, all, best, edges, hidden: memo.asking === true && best !== null, here: cells[row][column], row, column, chosen, columns, rows };
}

// ---- colours: the better, the deeper (on dark: the brighter)

function scaleOf(all, log) {
  const low = Math.min(...all.map((c) => c.mean)), high = Math.max(...all.map((c) => c.mean));
  const f = log ? Math.log10 : (v) => v;
  return (v) => (high > low ? (f(v) - f(low)) / (f(high) - f(low)) : 0);
}

function fill(share, theme) {
  const [from, to] = theme.dark ? [[143, 208, 255], [30, 42, 55]] : [[10, 78, 138], [236, 242, 248]];
  return from.map((v, k) => Math.round(v + (to[k] - v) * share));
}

const ink = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#101418" : "#ffffff");
const brief = (v) => (!Number.isFinite(v) ? "div." : v !== 0 && (Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5) ? v.toExponential(0).replace("e+", "e").replaceAll("-", "−") : short(+v.toPrecision(2)));

const tall = (wide, width) => (wide ? Math.max(290, width * 0.42) : Math.max(250, width * 0.74));

// Room at the left for the names of the rows.
function mapBox(box, data) {
  const inset = Math.max(12, 6.6 * Math.max(...data.rows.map((t) => Math.min(t.length, 18))) - 34);
  return { left: box.left + inset, top: box.top, width: box.width - inset, height: box.height };
}

const cellAt = (box, data, c, r) => ({
  left: box.left + (box.width * c) / data.columns.length,
  top: box.top + (box.height * (data.rows.length - 1 - r)) / data.rows.length,
  width: box.width / data.columns.length, height: box.height / data.rows.length,
});

// The numbers stand in all cells or, where one of them has no room, in none.
function drawMap(ctx, data, { theme }, whole, spec) {
  const box = mapBox(whole, data), share = scaleOf(data.all, spec.log), { columns, rows } = data;
  ctx.save();
  ctx.font = theme.font;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  const fits = (text) => ctx.measureText(text).width < box.width / columns.length - 4;
  const real = data.cells.flat().filter((cell) => cell && Number.isFinite(cell.mean)), numbers = real.every((cell) => fits(brief(cell.mean)));
  for (const [r, line] of data.hidden ? [] : data.cells.entries()) {
    for (const [c, cell] of line.entries()) {
      const { left, top, width, height } = cellAt(box, data, c, r), finite = cell && Number.isFinite(cell.mean);
      const colour = finite ? fill(spec.lower ? share(cell.mean) : 1 - share(cell.mean), theme) : null;
      ctx.fillStyle = colour ? `rgb(${colour.join(",")})` : theme.paper;
      ctx.fillRect(left, top, width + 0.5, height + 0.5);
      ctx.fillStyle = colour ? ink(colour) : theme.muted;
      const words = cell ? brief(cell.mean) : "";
      if (finite ? numbers : fits(words)) ctx.fillText(words, left + width / 2, top + height / 2);
      else if (cell && !finite) ctx.fillText("×", left + width / 2, top + height / 2);
    }
  }
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  ctx.strokeRect(box.left, box.top, box.width, box.height);
  if (data.hidden) drawGrid(ctx, data, box, theme);
  else if (String(data.chosen) !== String([data.column, data.row])) {
    const at = cellAt(box, data, data.column, data.row);
    ctx.strokeStyle = theme.ink;
    ctx.strokeRect(at.left + 1, at.top + 1, at.width - 2, at.height - 2);
  }
  if (!data.hidden && data.best) {
    const at = cellAt(box, data, data.best.c, data.best.r);
    ctx.strokeStyle = theme.dark ? "#ff9a5c" : "#c44e00";
    ctx.lineWidth = 3;
    ctx.strokeRect(at.left + 1.5, at.top + 1.5, at.width - 3, at.height - 3);
  }
  ctx.fillStyle = theme.muted;
  ctx.textBaseline = "top";
  const widest = Math.max(...columns.map((t) => ctx.measureText(t).width)) + 8, stride = Math.ceil(widest / (box.width / columns.length));
  columns.forEach((text, c) => c % stride === 0 && ctx.fillText(text, box.left + (box.width * (c + 0.5)) / columns.length, box.top + box.height + 6));
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  rows.forEach((text, r) => {
    const { top, height } = cellAt(box, data, 0, r);
    ctx.fillText(text.length > 18 ? text.slice(0, 17) + "…" : text, box.left - 6, top + height / 2);
  });
  ctx.fillStyle = theme.ink;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText(spec.names.column, box.left + box.width / 2, box.top + box.height + 36);
  if (spec.ordered.row) {
    ctx.translate(whole.left - 45, box.top + box.height / 2);
    ctx.rotate(-Math.PI / 2);
    ctx.textBaseline = "middle";
    ctx.fillText(spec.names.row, 0, 0);
  }
  ctx.restore();
}

function drawGrid(ctx, { columns, rows }, { left, top, width, height }, theme) {
  ctx.strokeStyle = theme.grid;
  for (let c = 1; c < columns.length; c++) line(ctx, left + (width * c) / columns.length, top, left + (width * c) / columns.length, top + height);
  for (let r = 1; r < rows.length; r++) line(ctx, left, top + (height * r) / rows.length, left + width, top + (height * r) / rows.length);
}

// ---- the runs of a cell

const HERE = ["#0069a8", "#5cb8ff"], BEST = ["#c44e00", "#ff9a5c"];

function averages(curves) {
  return RESULTS.times.map((_, k) => {
    const values = curves.map((c) => c[k]).filter((v) => v !== null && v !== undefined);
    return values.length === curves.length ? summary(values) : null;
  });
}

function axisAround(values, name, margin) {
  const positive = values.filter((v) => v > 0), low = Math.min(...values), high = Math.max(...values);
  if (values.length && positive.length === values.length && high / low > 20) return { low: Math.floor(Math.log10(low)), high: Math.ceil(Math.log10(high)), log: true, name };
  const pad = margin * (high - low) || Math.abs(high) * 0.1 || 1;
  return values.length ? { low: low - pad, high: high + pad, name } : { low: 0, high: 1, name };
}

function drawCurves(ctx, data, { theme }, box, spec) {
  const { here, best } = data, cast = [...(best === here ? [] : [[best, BEST, [8, 4]]]), [here, HERE, []]].filter(([cell]) => cell?.curves.length);
  const values = cast.flatMap(([cell]) => cell.curves.flat()).filter((v) => v !== null), times = RESULTS.times;
  const { X, Y } = axes(ctx, box, { low: times[0], high: times.at(-1), name: spec.names.time }, axisAround(values, spec.names.curve, 0.04), theme, { grid: true });
  const height = axisAround(values, "", 0).log ? (v) => Y(Math.max(v, 1e-300)) : Y;
  inside(ctx, box, () => {
    ctx.lineJoin = "round";
    for (const [cell, pair, dash] of cast) {
      const middle = averages(cell.curves), known = middle.filter(Boolean).length, colour = pair[+theme.dark];
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 1;
      if (cell === here) {
        ctx.globalAlpha = 0.45;
        for (const c of cell.curves) {
          const count = c.findIndex((v) => v === null || v === undefined);
          polyline(ctx, count < 0 ? c.length : count, (k) => X(times[k]), (k) => height(c[k]));
        }
        ctx.globalAlpha = 0.18;
        ctx.beginPath();
        for (let k = 0; k < known; k++) ctx.lineTo(X(times[k]), near(height(middle[k].mean - (middle[k].half || 0))));
        for (let k = known - 1; k >= 0; k--) ctx.lineTo(X(times[k]), near(height(middle[k].mean + (middle[k].half || 0))));
        ctx.fill();
        ctx.globalAlpha = 1;
      }
      ctx.lineWidth = cell === here ? 2.2 : 1.6;
      ctx.setLineDash(cell === here ? [] : dash);
      polyline(ctx, known, (k) => X(times[k]), (k) => height(middle[k].mean));
      ctx.setLineDash([]);
    }
    say(ctx, data, theme, box);
  });
}

function say(ctx, { here }, theme, box) {
  const lost = here ? here.values.filter((v) => v === null).length : 0;
  const words = !here ? "no runs here" : lost ? `${lost} of ${here.n} runs diverged` : "";
  ctx.font = theme.font;
  ctx.fillStyle = theme.ink;
  ctx.textAlign = "right";
  ctx.textBaseline = "top";
  if (words) halo(ctx, words, box.left + box.width - 6, box.top + 6, theme);
}

// Without curves: the row of the chosen cell, every run a dot, the mean with its interval.
function drawRow(ctx, data, { theme }, box, spec) {
  const line = data.cells[data.row], values = line.flatMap((c) => (c ? c.values.filter((v) => v !== null) : []));
  const scale = axisAround(values, spec.names.value, 0.06), { Y } = axes(ctx, box, { low: 0.3, high: 0.7, log: true, name: spec.names.column }, scale, theme, { grid: true });
  const X = (c) => box.left + (box.width * (c + 0.5)) / data.columns.length;
  // An axis between two powers of ten has no marks of its own: the columns' names are put there.
  ctx.font = theme.font;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const stride = Math.ceil((Math.max(...data.columns.map((t) => ctx.measureText(t).width)) + 8) / (box.width / data.columns.length));
  data.columns.forEach((text, c) => c % stride === 0 && ctx.fillText(text, X(c), box.top + box.height + 7));
  inside(ctx, box, () => {
    for (const cell of line.filter(Boolean)) {
      const mine = cell === data.here, colour = (mine ? HERE : [theme.muted, theme.muted])[+theme.dark];
      ctx.strokeStyle = ctx.fillStyle = colour;
      ctx.lineWidth = 2;
      for (const v of cell.values) if (v !== null) marker(ctx, "o", X(cell.c), Y(v), 2.4);
      if (!Number.isFinite(cell.mean)) continue;
      meanMark(ctx, X(cell.c), cell, Y, scale);
    }
    ctx.font = theme.font;
    ctx.fillStyle = theme.ink;
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    halo(ctx, `${spec.names.row} ${data.rows[data.row]}`, box.left + 6, box.top + 6, theme);
    say(ctx, data, theme, box);
  });
}

function meanMark(ctx, x, { mean, half }, Y, scale) {
  line(ctx, x - 9, Y(mean), x + 9, Y(mean));
  if (half > 0) line(ctx, x, Y(scale.log ? Math.max(mean - half, 10 ** (scale.low - 1)) : mean - half), x, Y(mean + half));
}

// ---- words and numbers

const interval = (cell) => (Number.isFinite(cell.half) ? `± ${short(+cell.half.toPrecision(2))}` : "");
const where = (cell, data, spec) => `${spec.names.column} ${data.columns[cell.c]}, ${spec.names.row} ${data.rows[cell.r]}`;
const told = (cell, spec) => (Number.isFinite(cell.mean) ? `${spec.names.value} ${short(cell.mean)} ${interval(cell)} over ${cell.n} runs` : `${cell.values.filter((v) => v === null).length} of ${cell.n} runs diverged`);

// The cell that was clicked on beside the best one, and how many are better.
function judged([c, r], data, spec) {
  const { cells, all, best } = data, mine = cells[r][c], ways = spec.lower ? 1 : -1;
  const place = mine && Number.isFinite(mine.mean) ? `, number ${1 + all.filter((cell) => ways * cell.mean < ways * mine.mean).length} of ${cells.flat().filter(Boolean).length}` : "";
  const said = `${where({ c, r }, data, spec)}: ${mine ? told(mine, spec) : "no runs"}${place}`;
  const text = mine === best ? `You found the best cell, ${said}.` : `You said ${said}. The best is ${where(best, data, spec)}: ${told(best, spec)}.`;
  const row = (title, cell, i, j) => [title, data.columns[i], data.rows[j], cell && Number.isFinite(cell.mean) ? cell.mean : cell ? "diverged" : "no runs"];
  return { text, head: ["cell", spec.names.column, spec.names.row, spec.names.value], rows: [row("yours", mine, c, r), row("the best", best, best.c, best.r)] };
}

const resultMap = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  aside: ["column", "row"],
  height: (width) => twoPanels(width, 0.52, tall).height,
  draw(ctx, data, view) {
    const [left, right] = twoPanels(view.width, 0.52, tall).boxes;
    drawMap(ctx, data, view, left, spec);
    if (!data.hidden) (spec.curves ? drawCurves : drawRow)(ctx, data, view, right, spec);
  },
  describe(data) {
    const { here, best } = data, spot = { c: data.column, r: data.row };
    if (data.hidden) return `${spec.names.value} over ${spec.names.column} and ${spec.names.row}: the best cell is for you to predict.`;
    const now = `${where(spot, data, spec)}: ${here ? told(here, spec) : "no runs"}`;
    return `${now}. ${best ? `Best at ${where(best, data, spec)}: ${told(best, spec)}` : "All runs diverged"}.`;
  },
  series(data, { theme }) {
    const reached = (cell) => (data.hidden ? ["?", "?"] : !cell ? ["no runs", ""] : Number.isFinite(cell.mean) ? [short(cell.mean), interval(cell)] : ["diverged", ""]);
    const row = (label, cell, c, r, pair, dash) => ({ key: label, label, on: true, colour: pair[+theme.dark], dash, cells: [...(data.hidden ? ["?", "?"] : [data.columns[c] ?? "", data.rows[r] ?? ""]), ...reached(cell)] });
    return { head: ["cell", spec.names.column, spec.names.row, spec.names.value, "95 %"], series: [row("this one", data.here, data.column, data.row, HERE, []), row("the best", data.best, data.best?.c, data.best?.r, BEST, [8, 4])] };
  },
  panel(node, { edges, best, hidden }) {
    const words = !best || hidden ? "" : edges.length ? `The best cell has the ${edges.join(" and the ")} of the grid: a better one may lie beyond.` : "The best cell lies inside the grid.";
    if (node.textContent !== words) node.textContent = words;
  },
  table: (data) => ({
    head: [spec.names.column, spec.names.row, spec.names.value, "half of the 95 % interval", "runs", "diverged"],
    rows: data.hidden ? [] : data.cells.flat().filter(Boolean).map((c) => [data.columns[c.c], data.rows[c.r], Number.isFinite(c.mean) ? c.mean : "diverged", Number.isFinite(c.half) ? c.half : "", c.n, c.values.filter((v) => v === null).length]),
  }),
  predict(data, view) {
    const { columns, rows, best } = data;
    return best && placeTask({
      what: `is the ${spec.lower ? "lowest" : "highest"} ${spec.names.value}, over ${spec.names.column} and ${spec.names.row}`, label: "the best cell",
      box: mapBox(twoPanels(view.width, 0.52, tall).boxes[0], data), given: [columns.length >> 1, rows.length >> 1].map((k) => k + 0.5), at: [best.c + 0.5, best.r + 0.5],
      x: { low: 0, high: columns.length, name: spec.names.column, cells: columns }, y: { low: 0, high: rows.length, name: spec.names.row, cells: rows },
      tell: ([guess]) => judged(guess.map(Math.floor), data, spec),
    });
  },
  handles(data, view) {
    const box = mapBox(twoPanels(view.width, 0.52, tall).boxes[0], data), { columns, rows, chosen: [column, row] } = data, at = cellAt(box, data, column, row);
    const to = (c, r) => ({ column: columns[Math.min(columns.length - 1, Math.max(0, c))], row: rows[Math.min(rows.length - 1, Math.max(0, r))] });
    return [{
      label: "Cell", text: where({ c: column, r: row }, data, spec), value: row * columns.length + column, low: 0, high: columns.length * rows.length - 1, hint: "Cell: drag, click another, or use the arrow keys",
      x: at.left + at.width / 2, y: at.top + at.height / 2, look: "live-cell",
      drag: (px, py) => to(...cellUnder(box, data, px, py)),
      nudge: (dx, dy) => to(column + Math.sign(dx), row + Math.sign(dy)),
    }];
  },
  hover(px, py, data, view) {
    const box = mapBox(twoPanels(view.width, 0.52, tall).boxes[0], data), [c, r] = cellUnder(box, data, px, py);
    return c in data.columns && r in data.rows ? [c, r] : null;
  },
  press(px, py, data, view) {
    const at = this.hover(px, py, data, view);
    return at && { column: data.columns[at[0]], row: data.rows[at[1]] };
  },
});

const cellUnder = (box, { columns, rows }, px, py) => [Math.floor(((px - box.left) / box.width) * columns.length), rows.length - 1 - Math.floor(((py - box.top) / box.height) * rows.length)];

export { RESULTS, summary, compute, axisAround, cellUnder };
export default liveFigure(resultMap);
