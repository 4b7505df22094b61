// What every live figure shares. A figure supplies
//   compute(get, memo)          -> data       get(name) is the value of a setting
//   draw(ctx, data, view)                     view: width, height, theme, memo, get
//   height(width), describe(data), table(data)
// and, if it has them: active(get) names of the settings that matter now; series(data) rows of the
// legend; handles(data, view) things to drag; press(x, y, data, view) what a click changes;
// hover(x, y, data, view) what the mouse points at, for compute to find as memo.peek;
// changed(name, get) what follows from a change; panel(node, data, set, ask) elements below the picture,
// where ask() draws again;
// span(get) first and last step, where they vary; predict(data, view), see predict.js.

const THEMES = {
  light: { dark: false, paper: "#ffffff", ink: "#1f2328", muted: "#59636e", grid: "#d8dee4" },
  dark: { dark: true, paper: "#14181d", ink: "#e6edf3", muted: "#a5afba", grid: "#3a424c" },
};

function isDark() {
  const theme = document.documentElement.dataset.theme;
  if (theme) return theme === "dark";
  const lab = document.body.dataset.jpThemeLight;
  if (lab) return lab === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

const inLab = () => "jpThemeLight" in document.body.dataset;

// ---- numbers as text

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raised = (k) => (k < 0 ? "⁻" : "") + [...String(Math.abs(k))].map((d) => SUPERSCRIPT[d]).join("");
const power = (k) => (k === 0 ? "1" : k === 1 ? "10" : "10" + raised(k));

function short(value) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = value === 0 ? "0" : size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(4));
  return text.replaceAll("-", "−");
}

const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");

// Text of a number that can be typed back: five digits, of a whole number all, in groups.
function typed(value, marks) {
  const near = +value.toPrecision(5), size = Math.abs(near);
  if (marks === "integers" && Number.isInteger(value)) return grouped(value);
  return (near !== 0 && (size < 1e-4 || size >= 1e6) ? near.toExponential().replace("e+", "e") : String(near)).replaceAll("-", "−");
}

// The number that a reader means: 0.0205, 2/101, 1e−3, 10,000. NaN for anything else.
function meant(text) {
  const parts = text.replaceAll("−", "-").replace(/[\s\u00a0]/g, "").replace(/,(?=\d{3}(\D|$))/g, "").split("/");
  if (parts.length > 2 || parts.some((p) => p === "" || !Number.isFinite(Number(p)))) return NaN;
  return parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
}

// Where a key takes a slider: way is 1 or -1, size "step", "held" (the key repeats) or "page".
// Between two numbers of three digits the author's own is a mark too.
function moved(value, way, size, marks, author, [low, high]) {
  const within = (v) => Math.min(high, Math.max(low, v));
  const after = (unit, from, count) => (way > 0 ? Math.floor(from / unit + 1e-6) + count : Math.ceil(from / unit - 1e-6) - count);
  if (typeof marks === "number") {
    const k = after(marks, value - author, size === "page" ? 10 : 1);
    return within(k ? +(author + k * marks).toPrecision(12) : author);
  }
  const digit = 10 ** (Math.floor(Math.log10(value * (1 + way * 1e-9))) - 2), unit = marks === "integers" ? Math.max(1, digit) : digit;
  let next = +(after(unit, value, 1) * unit).toPrecision(12);
  if ((author - value) * way > 1e-9 * value && (next - author) * way > 0) next = author;
  const far = onMark(value * 10 ** (way * { step: 0, held: 0.01, page: 0.1 }[size]), marks, author, [low, high]);
  return within((far - next) * way > 0 ? far : next);
}

// The mark nearest to a value that the mouse points at.
function onMark(value, marks, author, [low, high]) {
  const number = typeof marks === "number";
  const k = number && Math.round((value - author) / marks);
  const mark = number ? (k ? +(author + k * marks).toPrecision(12) : author) : +value.toPrecision(3);
  const close = !number && Math.abs(Math.log10(value / author)) < 0.003;
  return Math.min(high, Math.max(low, close ? author : marks === "integers" ? Math.round(mark) : mark));
}

// By a hundredth of the span or less, onto a whole number of steps: zero is always one of them.
function nudged(v, by, span, repeated) {
  if (by === 0) return v;
  const step = 10 ** Math.floor(Math.log10(span / 100)) * Math.min(1, Math.abs(by)), count = repeated ? 4 : 1;
  const k = by > 0 ? Math.floor(v / step + 1e-6) + count : Math.ceil(v / step - 1e-6) - count;
  return +(k * step).toPrecision(12);
}

// ---- noise

// Uniform numbers from a seed (mulberry32), and normal ones by Box-Muller: the same noise for all
// that is compared.
function uniforms(seed) {
  let a = seed * 2654435761 + 1;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let u = Math.imul(a ^ (a >>> 15), a | 1);
    u ^= u + Math.imul(u ^ (u >>> 7), u | 61);
    return ((u ^ (u >>> 14)) >>> 0) / 4294967296;
  };
}

function deviates(seed, count) {
  const uniform = uniforms(seed);
  return Float64Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// ---- axes

function ticks(low, high, count) {
  const raw = (high - low) / count, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((s) => s >= raw);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, k) => +((first + k) * step).toPrecision(12));
}

function decades(low, high, count) {
  const stride = Math.max(1, Math.ceil((high - low) / count)), first = Math.ceil(low / stride - 1e-9) * stride;
  return Array.from({ length: Math.floor((high - first) / stride + 1e-9) + 1 }, (_, k) => first + k * stride);
}

// Values and texts of an axis of so many pixels, one to so many at most. They are kept: most
// drawings have the axes of the one before.
const kept = new Map();
function marksOf(axis, pixels, space) {
  if (axis.marks) return axis.marks;
  const { low, high, log } = axis, count = Math.max(3, Math.floor(pixels / space)), key = `${low},${high},${log},${count}`;
  let marks = kept.get(key);
  if (!marks) {
    const at = log ? decades(low, high, count) : ticks(low, high, count);
    marks = at.map((v) => (log ? [10 ** v, power(v)] : [v, String(v).replace("-", "−")]));
    if (kept.size > 40) kept.clear();
    kept.set(key, marks);
  }
  return marks;
}

// A frame with ticks and names. An axis is {low, high, name, log}; with log, low and high are powers
// of ten; marks, [[value, text], ...], stand in place of ticks. Returns X and Y, values to pixels.
function axes(ctx, box, x, y, theme, { grid = false } = {}) {
  const { left, top, width, height } = box;
  const unit = (axis, v) => ((axis.log ? Math.log10(v) : v) - axis.low) / (axis.high - axis.low);
  const X = (v) => left + width * unit(x, v), Y = (v) => top + height * (1 - unit(y, v));
  const across = marksOf(x, width, 60), upwards = marksOf(y, height, 34);
  ctx.save();
  ctx.font = theme.font;
  ctx.lineWidth = 1;
  ctx.fillStyle = theme.muted;
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.strokeStyle = grid ? theme.grid : theme.muted;
  ctx.beginPath();
  for (const [v, text] of across) {
    const at = X(v);
    ctx.moveTo(at, top + height);
    ctx.lineTo(at, grid ? top : top + height + 4);
    ctx.fillText(text, at, top + height + 7);
  }
  ctx.stroke();
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.beginPath();
  for (const [v, text] of upwards) {
    const at = Y(v);
    ctx.moveTo(left, at);
    ctx.lineTo(grid ? left + width : left - 4, at);
    ctx.fillText(text, left - 7, at);
  }
  ctx.stroke();
  ctx.strokeStyle = theme.muted;
  ctx.strokeRect(left, top, width, height);
  ctx.fillStyle = theme.ink;
  ctx.textAlign = "center";
  ctx.textBaseline = "bottom";
  ctx.fillText(x.name, left + width / 2, top + height + 36);
  ctx.translate(left - 45, top + height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textBaseline = "middle";
  ctx.fillText(y.name, 0, 0);
  ctx.restore();
  return { X, Y };
}

function line(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}

function inside(ctx, box, paint) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();
  paint();
  ctx.restore();
}

// Far points are brought near, where a canvas still draws them.
const near = (v) => (v > 1e4 ? 1e4 : v < -1e4 ? -1e4 : v);

function polyline(ctx, count, X, Y) {
  ctx.beginPath();
  for (let k = 0; k < count; k++) ctx.lineTo(near(X(k)), near(Y(k)));
  ctx.stroke();
}

// A curve up to now, and faintly the rest of it; part(a, b) strokes it from a to b.
function soFar(ctx, from, now, last, part) {
  if (now < last) {
    ctx.globalAlpha = 0.3;
    part(now, last);
    ctx.globalAlpha = 1;
  }
  part(from, Math.min(now, last));
}

// The last step of a run that is shown: what the reader is to predict stands still.
const upTo = (r, step) => (r.hidden ? 0 : Math.min(step, r.last));

// One shape per series, so that colour is never alone.
const SHAPES = {
  o: (c, r) => c.arc(0, 0, r, 0, 7),
  s: (c, r) => c.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r),
  "^": (c, r) => polygon(c, [[0, -1.2 * r], [1.1 * r, 0.8 * r], [-1.1 * r, 0.8 * r]]),
  v: (c, r) => polygon(c, [[0, 1.2 * r], [1.1 * r, -0.8 * r], [-1.1 * r, -0.8 * r]]),
  D: (c, r) => polygon(c, [[0, -1.3 * r], [1.3 * r, 0], [0, 1.3 * r], [-1.3 * r, 0]]),
  "*": (c, r) => polygon(c, around(10, (k) => (k % 2 ? 0.62 : 1.5) * r)),
  P: (c, r) => polygon(c, around(12, (k) => (k % 3 === 0 ? 0.6 : 1.3) * r, 3)),
  X: (c, r) => polygon(c, around(12, (k) => (k % 3 === 0 ? 0.6 : 1.3) * r, 1.5)),
};

const around = (count, radius, turn = 0) => Array.from({ length: count }, (_, k) => {
  const angle = (2 * Math.PI * (k + turn)) / count - Math.PI / 2;
  return [radius(k) * Math.cos(angle), radius(k) * Math.sin(angle)];
});

function polygon(ctx, points) {
  points.forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  ctx.closePath();
}

const stamps = new Map();
function marker(ctx, shape, x, y, r) {
  if (Math.abs(x) > 1e4 || Math.abs(y) > 1e4) return;
  const key = shape + r;
  if (!stamps.has(key)) {
    if (stamps.size > 40) stamps.clear();
    const path = new Path2D();
    SHAPES[shape](path, r);
    stamps.set(key, path);
  }
  ctx.translate(x, y);
  ctx.fill(stamps.get(key));
  ctx.translate(-x, -y);
}

// Text on a curve, set off from it.
function halo(ctx, text, x, y, theme) {
  ctx.save();
  ctx.strokeStyle = theme.paper;
  ctx.lineWidth = 4;
  ctx.lineJoin = "round";
  ctx.strokeText(text, x, y);
  ctx.restore();
  ctx.fillText(text, x, y);
}

// Two plots side by side where there is room, else one above the other. tall(wide, width) is the
// height of one of them with its axes.
function twoPanels(width, share, tall) {
  const wide = width >= 600, first = wide ? Math.round(width * share) : width, height = Math.round(tall(wide, width));
  const box = (left, top, room) => ({ left: left + 58, top: top + 10, width: room - 74, height: height - 52 });
  const boxes = [box(0, 0, first), wide ? box(first, 0, width - first) : box(0, height, width)];
  return { boxes, height: wide ? height : 2 * height };
}

// ---- elements

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function button(text, act, attributes = {}) {
  const node = element("button", { type: "button", ...attributes }, text);
  node.addEventListener("click", act);
  return node;
}

function save(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element("textarea", { "aria-hidden": "true", class: "live-hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// ---- settings in an address and in a Python call

const written = (value) => (Array.isArray(value) ? value.map(written).join(",") : typeof value === "number" ? String(+value.toPrecision(12)) : String(value));

function python(value) {
  if (Array.isArray(value)) return "(" + value.map(python).join(", ") + (value.length === 1 ? ",)" : ")");
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "string" ? JSON.stringify(value) : written(value);
}

// The value that text stands for, or undefined: same type as the default, held to the limits.
function parsed(text, initial, limits, marks) {
  if (Array.isArray(initial)) {
    const parts = text.split(",").filter(Boolean);
    return parts.every((p) => Number.isFinite(+p)) ? parts.map(Number) : parts;
  }
  if (typeof initial === "boolean") return text === "true";
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return undefined;
  const held = limits ? Math.min(Math.max(value, limits[0]), limits[1]) : value;
  // JSON does not tell 1.0 from 1; a slider with marks between the whole numbers does.
  const whole = Number.isInteger(initial) && limits?.every(Number.isInteger) && marks !== "log" && !(marks % 1);
  return whole ? Math.round(held) : held;
}

// For a figure whose legend shows and hides series: the setting `main` names one that is shown.
const toggles = (main, spec) => ({
  toggle(name, get) {
    const shown = get("shown"), next = shown.includes(name) ? shown.filter((n) => n !== name) : [...shown, name];
    const other = spec.choices[main] && !next.includes(get(main)) && next.find((n) => spec.choices[main].includes(n));
    return { shown: next, ...(other ? { [main]: other } : {}) };
  },
  changed(name, get) {
    const chosen = name === main && get(main);
    return chosen && !get("shown").includes(chosen) ? { shown: [...get("shown"), chosen] } : null;
  },
});

// The settings that the rules shown take; one rule's own only while it is the one that is tuned.
const taken = (spec, get) => Object.entries(spec.arguments).flatMap(([rule, from]) => {
  const seen = (name) => typeof name === "string" && (!spec.choices.tune || !spec.own[name] || get("tune") === rule);
  return get("shown").includes(rule) ? Object.values(from).filter(seen) : [];
});

// ---- the frame

// make(spec) gives the figure for one view.
function liveFigure(make) {
  return { render: ({ model, el }) => mount(make(model.get("spec")), model, el) };
}

function mount(figure, model, el) {
  const spec = model.get("spec"), names = Object.keys(spec.defaults), memo = {};
  const get = (name) => {
    const value = model.get(name), options = spec.choices[name];
    return options ? options[value] : value;
  };
  // Several at once; quietly: without what a figure makes follow from a change.
  let hushed = false;
  const set = (values, quietly = false) => {
    [hushed, memo.peek] = [quietly, null];
    const { step, ...others } = values;
    for (const [name, value] of Object.entries(others)) {
      const options = spec.choices[name];
      model.set(name, options && typeof value === "string" ? options.indexOf(value) : value);
    }
    if (step !== undefined) {
      setRange(); // a slider holds its value to the range it has
      model.set("step", step);
    }
    hushed = false;
    model.save_changes();
  };
  // First and last step of the scrubber; the order keeps first below last at every moment.
  const range = () => (spec.span ? [model.get("first"), model.get("last")] : spec.limits.step);
  const setRange = () => {
    if (!spec.span) return;
    const [first, last] = figure.span(get);
    const order = first > model.get("last") ? [["last", last], ["first", first]] : [["first", first], ["last", last]];
    for (const [name, value] of order) {
      if (model.get(name) === value) continue;
      model.set(name, value);
      model.save_changes();
    }
  };

  // Two figures of a page may show the same thing: the name tells them apart.
  const title = `${spec.alt} (${spec.name})`;
  const canvas = element("canvas", { role: "img" }), ctx = canvas.getContext("2d");
  const stage = element("div", { class: "live-stage" }, canvas);
  const legend = element("div", { class: "live-legend" });
  const note = element("span", { class: "live-note", role: "status" });
  const spoken = element("span", { class: "live-hidden", role: "status" });
  const values = element("details", { class: "live-values" }, element("summary", {}, "Table of values"), element("div", { tabindex: "0", role: "region", "aria-label": `Table of values: ${title}` }));
  const bar = element("div", { class: "live-bar" });
  const panel = element("div", { class: "live-panel" });
  const root = element("section", { class: "live", "aria-label": title }, legend, stage, bar, panel, values, spoken);
  const prediction = spec.predict ? newPrediction({ figure, names, get, ask, stage, canvas }) : null;
  if (prediction) {
    stage.append(prediction.pad);
    bar.before(prediction.node);
  }
  const asking = () => memo.asking === true;
  el.append(root);

  let data, view, asked = 0, stale = true, onScreen = false, printing = false, draws = 0, drawn = 0, speech = 0;

  // Asking for the width or the font in the middle of a drawing would lay the whole page out: both
  // are kept until something says that they changed.
  let room = 0, look = null;
  const measure = () => (room = Math.floor(stage.clientWidth));

  function size() {
    const width = Math.max(260, room || measure());
    return { width, height: Math.round(figure.height(width)) };
  }

  function theme() {
    const dark = isDark() && !printing;
    return (look ??= { ...THEMES[dark ? "dark" : "light"], font: "12px " + getComputedStyle(root).fontFamily });
  }

  function draw() {
    asked = 0;
    stale = false;
    try {
      setRange();
      memo.asking = prediction?.asking();
      data = figure.compute(get, memo);
      view = { ...size(), theme: theme(), memo, get };
      prediction?.show(data, view);
      memo.asking = prediction?.open();
      const ratio = window.devicePixelRatio || 1;
      const [w, h] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
      if (canvas.width !== w || canvas.height !== h) {
        [canvas.width, canvas.height] = [w, h];
        canvas.style.height = view.height + "px";
      }
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.clearRect(0, 0, view.width, view.height);
      figure.draw(ctx, data, { ...view, ratio });
      prediction?.draw(ctx, view);
      dress();
      canvas.setAttribute("aria-label", figure.describe(data));
      showSeries();
      figure.panel?.(panel, data, set, ask);
      showHandles();
      if (values.open) showTable();
      player?.show();
      clearTimeout(speech);
      if (memo.asking) spoken.textContent = ""; // what was said before may be the answer
      if (draws) speech = setTimeout(() => (spoken.textContent = figure.describe(data)), 800);
      if (note.dataset.failed) say("");
    } catch (error) {
      console.error(error);
      say("This figure stopped: " + error.message + ". Press Reset to start again.", true);
    }
    root.dataset.n = ++draws;
    root.dataset.drawn = drawn = performance.now();
  }

  // At most one drawing a frame. The first after a pause comes at the end of the event that asked
  // for it, which saves the wait for the frame; a figure out of sight waits until it is seen.
  function ask() {
    stale = true;
    if (!onScreen || asked) return;
    if (performance.now() - drawn > 16) {
      asked = -1;
      queueMicrotask(() => asked && draw());
    } else asked = requestAnimationFrame(draw);
  }

  function say(text, failed = false) {
    note.textContent = text;
    if (failed) note.dataset.failed = "1";
    else delete note.dataset.failed;
  }

  const container = () => el.closest(".live-figure");

  // What is right before anything is drawn: the scheme, and the controls that matter.
  function dress() {
    const box = container(), scheme = theme().dark ? "dark" : "light";
    if (root.dataset.scheme !== scheme) root.dataset.scheme = scheme;
    if (!box) return;
    box.classList.toggle("live-dark", scheme === "dark");
    if (adopted.size < inMarks.length) adoptControls(box);
    showControls(box);
  }

  // The sliders keep what is typed, or linked, to the last digit, and move on the marks.
  const inMarks = Object.keys(spec.marks || {}), adopted = new Set(), exact = { ...spec.defaults };
  let waiting = null;
  function adoptControls(box) {
    for (const name of inMarks) {
      const control = !adopted.has(name) && box.querySelector(":scope .live-for-" + name);
      if (!control || !adopt(control, spec, name, get, set)) continue;
      adopted.add(name);
      // Through a logarithm and back a value loses its last bit.
      const value = get(name), whole = exact[name];
      if (value !== whole && Math.abs(value - whole) < 1e-9 * Math.abs(whole)) set({ [name]: whole }, true);
    }
    if (adopted.size === inMarks.length) waiting?.disconnect();
    else if (!waiting) {
      waiting = new MutationObserver(dress);
      waiting.observe(box, { childList: true, subtree: true });
    }
  }

  let offered = "";
  function showControls(box) {
    const active = figure.active ? figure.active(get) : new Set(names);
    if (asking()) for (const name of prediction.aside) active.delete(name);
    if (player) player.node.hidden = asking();
    const now = [box.getElementsByClassName("live-control").length, ...active].join();
    if (now === offered) return;
    offered = now;
    for (const name of names) {
      for (const node of box.querySelectorAll(":scope .live-for-" + name)) node.classList.toggle("live-off", !active.has(name));
    }
    nameControls(box);
  }

  // -- legend: one row per series with its values; a button hides or shows the series

  let rows = [];
  function showSeries() {
    if (!figure.series) return;
    const { head, series } = figure.series(data, view);
    if (rows.length !== series.length) {
      rows = series.map((s) => {
        const cells = s.cells.map(() => document.createTextNode(""));
        const name = element("th", { scope: "row" });
        const swatch = element("canvas", { width: 68, height: 28, "aria-hidden": "true", class: "live-swatch" });
        const toggle = series.length > 1 && figure.toggle;
        name.append(toggle ? button("", () => set(figure.toggle(s.key, get)), { class: "live-toggle" }) : element("span", { class: "live-toggle" }));
        const label = document.createTextNode("");
        name.firstChild.append(swatch, label);
        return { label, cells, swatch, toggle: toggle && name.firstChild, row: element("tr", {}, name, ...cells.map((text) => element("td", {}, text))) };
      });
      legend.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...head.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...rows.map((r) => r.row))));
    }
    series.forEach((s, k) => {
      const r = rows[k], look = s.colour + s.on;
      if (r.label.data !== s.label) r.label.data = s.label;
      s.cells.forEach((text, i) => r.cells[i].data !== text && (r.cells[i].data = text));
      if (r.look === look) return;
      r.look = look;
      r.row.classList.toggle("live-out", !s.on);
      if (r.toggle) r.toggle.setAttribute("aria-pressed", s.on);
      swatch(r.swatch.getContext("2d"), s);
    });
  }

  function swatch(c, s) {
    c.setTransform(2, 0, 0, 2, 0, 0);
    c.clearRect(0, 0, 34, 14);
    c.strokeStyle = c.fillStyle = s.colour;
    c.globalAlpha = s.on ? 1 : 0.4;
    c.lineWidth = s.weight || 2;
    c.setLineDash(s.dash || []);
    line(c, 1, 7, 33, 7);
    if (s.marker) marker(c, s.marker, 17, 7, 4);
  }

  // -- handles: points of the picture that can be dragged, or moved with the arrow keys

  const handles = [];
  function showHandles() {
    const wanted = (asking() && prediction.handles()) || figure.handles?.(data, view) || [];
    while (handles.length < wanted.length) handles.push(newHandle(handles.length));
    while (handles.length > wanted.length) handles.pop().node.remove();
    wanted.forEach((h, k) => {
      const { node } = handles[k];
      handles[k].now = h;
      const place = `translate(${h.x}px, ${h.y}px)`;
      if (handles[k].place !== place) node.style.transform = handles[k].place = place;
      for (const [name, value] of Object.entries({ "aria-label": h.label, "aria-valuetext": h.text, "aria-valuenow": h.value, "aria-valuemin": h.low, "aria-valuemax": h.high })) {
        const text = typeof value === "number" ? String(+value.toPrecision(7)) : value;
        if (node.getAttribute(name) !== text) node.setAttribute(name, text);
      }
      if (node.title !== (h.hint || "")) node.title = h.hint || "";
      const kind = "live-handle " + (h.look || "");
      if (node.className !== kind) node.className = kind;
    });
  }

  function newHandle() {
    const node = element("div", { role: "slider", tabindex: "0", class: "live-handle" }), handle = { node };
    node.addEventListener("pointerdown", (event) => {
      node.setPointerCapture(event.pointerId);
      node.focus();
      event.preventDefault();
    });
    node.addEventListener("pointermove", (event) => {
      if (node.hasPointerCapture(event.pointerId)) set(handle.now.drag(...spot(event)), true);
    });
    node.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      if (stale) { // keys may come faster than frames
        cancelAnimationFrame(asked);
        draw();
      }
      const by = event.shiftKey ? 0.1 : 1;
      set(handle.now.nudge(way[0] * by, way[1] * by, event.repeat), true);
    });
    stage.append(node);
    return handle;
  }

  // Where an event is, in the picture's own pixels.
  function spot(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * view.width, ((event.clientY - box.top) / box.height) * view.height];
  }

  if (figure.press) {
    canvas.addEventListener("click", (event) => {
      const changes = figure.press(...spot(event), data, view);
      if (changes) set(changes, true);
    });
  }

  // The mouse may look before it chooses; whatever is set ends the look.
  if (figure.hover) {
    const peek = (found) => {
      if (String(found) === String(memo.peek ?? null)) return;
      memo.peek = found;
      ask();
    };
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && view && peek(figure.hover(...spot(event), data, view)));
    canvas.addEventListener("pointerleave", () => peek(null));
  }

  // -- tools

  function address() {
    const changed = names.filter((n) => written(model.get(n)) !== written(spec.defaults[n]));
    const query = changed.map((n) => n + "=" + encodeURIComponent(written(get(n))).replaceAll("%2C", ","));
    return location.href.split("#")[0] + "#" + spec.name + (query.length ? "?" + query.join("&") : "");
  }

  function call() {
    const said = (n) => (Array.isArray(get(n)) ? get(n).length : spec.choices[n]?.length !== 1);
    const parts = names.filter(said).map((n) => n + "=" + python(get(n)));
    return `live.${spec.kind}(${[spec.call, ...parts].filter(Boolean).join(", ")})`;
  }

  async function copySetting() {
    const text = inLab() ? call() : address();
    if (!inLab()) history.replaceState(null, "", text);
    say((await copy(text)) ? (inLab() ? "Python call copied" : "Link copied") : "Copy this: " + text);
  }

  // "#name?lr=0.1&start=1,2": only known settings, only values of the right kind.
  function readAddress() {
    const [name, query] = decodeURIComponent(location.hash.slice(1)).split("?");
    if (name !== spec.name) return;
    const changes = {};
    for (const [key, text] of new URLSearchParams(query || "")) {
      if (!(key in spec.defaults)) continue;
      const options = spec.choices[key];
      const value = options ? (options.includes(text) ? text : undefined) : parsed(text, spec.defaults[key], spec.limits[key], spec.marks?.[key]);
      if (value !== undefined) changes[key] = value;
    }
    Object.assign(exact, changes);
    set(changes, true);
    root.scrollIntoView({ block: "center" });
  }

  function picture() {
    const sheet = element("canvas"), paper = sheet.getContext("2d"), { width, height, theme: look } = view;
    const shown = figure.series ? figure.series(data, view).series.filter((s) => s.on) : [];
    const foot = 20 * shown.length + 12;
    [sheet.width, sheet.height] = [2 * width, 2 * (height + foot)];
    paper.scale(2, 2);
    paper.fillStyle = look.paper;
    paper.fillRect(0, 0, width, height + foot);
    figure.draw(paper, data, { ...view, ratio: 2 });
    prediction?.draw(paper, view);
    paper.font = look.font;
    paper.textBaseline = "middle";
    shown.forEach((s, k) => {
      const y = height + 10 + 20 * k;
      paper.fillStyle = paper.strokeStyle = s.colour;
      paper.lineWidth = s.weight || 2;
      paper.setLineDash(s.dash || []);
      line(paper, 12, y, 44, y);
      if (s.marker) marker(paper, s.marker, 28, y, 4);
      paper.fillStyle = look.ink;
      paper.fillText([s.label, ...s.cells].join("   "), 54, y);
    });
    sheet.toBlob((blob) => save(spec.name + ".png", blob));
  }

  function showTable() {
    const { head, rows: lines } = figure.table(data, view);
    const stride = Math.max(1, Math.ceil(lines.length / 50));
    const kept = lines.filter((_, k) => k % stride === 0 || k === lines.length - 1);
    const body = kept.map((cells) => element("tr", {}, ...cells.map((c, k) => element(k ? "td" : "th", k ? {} : { scope: "row" }, typeof c === "number" ? short(c) : c))));
    values.lastChild.replaceChildren(element("table", {}, element("caption", {}, figure.describe(data)), element("thead", {}, element("tr", {}, ...head.map((h) => element("th", { scope: "col" }, h)))), element("tbody", {}, ...body)));
  }

  function csv() {
    const { head, rows: lines } = figure.table(data, view);
    const quoted = (c) => (/[",\n]/.test(c) ? '"' + String(c).replaceAll('"', '""') + '"' : c);
    save(spec.name + ".csv", new Blob([[head, ...lines].map((r) => r.map(quoted).join(",")).join("\n") + "\n"], { type: "text/csv" }));
  }

  values.addEventListener("toggle", () => values.open && data && showTable());
  const player = "step" in spec.defaults && spec.limits.step ? newPlayer({ get, set, range, visible: () => onScreen }) : null;
  const tools = element("span", { class: "live-tools" },
    button("Reset", () => { set(spec.defaults, true); prediction?.reset(); say("Reset"); }),
    button(inLab() ? "Copy call" : "Copy link", copySetting),
    button("Picture", picture, { title: "Download this figure as PNG" }),
    button("CSV", csv, { title: "Download the table of values" }));
  bar.append(...(player ? [player.node] : []), note, tools);

  // -- when to draw

  const changed = Object.fromEntries(names.map((name) => [name, () => {
    const more = !hushed && figure.changed?.(name, get);
    if (more) {
      setRange();
      set(more, true);
    }
    ask();
  }]));
  names.forEach((name) => model.on("change:" + name, changed[name]));
  const sight = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1).isIntersecting;
    if (onScreen && stale) ask();
  }, { rootMargin: "200px" });
  sight.observe(stage);
  const breadth = new ResizeObserver(() => {
    measure();
    if (!view) {
      canvas.style.height = size().height + "px";
      dress();
    } else if (size().width !== view.width) ask();
  });
  breadth.observe(stage);
  const restyle = () => {
    look = null;
    dress();
    ask();
  };
  const looks = new MutationObserver(restyle);
  looks.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  looks.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)"), print = matchMedia("print");
  const onPrint = () => {
    [printing, look] = [print.matches, null];
    measure();
    draw();
  };
  scheme.addEventListener("change", restyle);
  print.addEventListener("change", onPrint);
  addEventListener("hashchange", readAddress);
  readAddress();
  // Before it is seen, and so drawn, the figure says what it shows and its buttons what they do.
  memo.asking = prediction?.asking(); // there is no size yet, so it is not known whether there is a task
  try {
    canvas.setAttribute("aria-label", figure.describe(figure.compute(get, memo)));
  } catch {
    canvas.setAttribute("aria-label", spec.alt); // the drawing will tell
  }
  player?.show();

  return () => {
    cancelAnimationFrame(asked);
    asked = 0;
    clearTimeout(speech);
    player?.stop();
    [sight, breadth, looks, waiting].forEach((observer) => observer?.disconnect());
    scheme.removeEventListener("change", restyle);
    print.removeEventListener("change", onPrint);
    removeEventListener("hashchange", readAddress);
    names.forEach((name) => model.off("change:" + name, changed[name]));
  };
}

// Back, play, forward. A run takes about six seconds however long it is; where the reader asked for
// reduced motion it is shown as ten stills.
function newPlayer({ get, set, range, visible }) {
  let timer = 0, shown;
  const go = (k) => set({ step: Math.min(range()[1], Math.max(range()[0], k)) });
  const stop = () => { clearInterval(timer); timer = 0; show(); };
  const play = () => {
    if (timer) return stop();
    const [first, last] = range(), count = last - first;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pause = still ? 700 : Math.max(33, Math.min(400, 6000 / count));
    const stride = still ? Math.ceil(count / 10) : Math.max(1, Math.round((count * pause) / 6000));
    if (get("step") >= last) go(first);
    timer = setInterval(() => {
      if (!visible()) return;
      go(get("step") + stride);
      if (get("step") >= range()[1]) stop();
    }, pause);
    show();
  };
  const back = button("", () => { stop(); go(get("step") - 1); }, { "aria-label": "Back one step", title: "Back one step", class: "live-back" });
  const start = button("", play, { class: "live-play" });
  const next = button("", () => { stop(); go(get("step") + 1); }, { "aria-label": "Forward one step", title: "Forward one step", class: "live-next" });
  const count = element("span", { class: "live-count" });
  function show() {
    const text = "step " + get("step") + " of " + range()[1], state = (timer ? "Pause" : "Play") + text;
    if (state === shown) return;
    shown = state;
    start.setAttribute("aria-label", timer ? "Pause" : "Play");
    start.title = timer ? "Pause" : "Play";
    start.classList.toggle("live-playing", timer !== 0);
    count.textContent = text;
  }
  return { node: element("span", { class: "live-player", role: "group", "aria-label": "Animation" }, back, start, next, count), stop, show };
}

// Takes over a slider of ipywidgets: its own way from the handle to the value goes through the
// slider's step and the digits of its readout, and changes a value by being looked at.
function adopt(control, spec, name, get, set) {
  const slider = control.querySelector(".noUi-target")?.noUiSlider, readout = control.querySelector(".widget-readout");
  if (!slider || !readout) return false;
  const handle = control.querySelector(".noUi-handle");
  const marks = spec.marks[name], limits = spec.limits[name], author = spec.defaults[name];
  const put = (value) => set({ [name]: Math.min(limits[1], Math.max(limits[0], value)) });
  slider.off("update");
  slider.off("change");
  slider.on("slide", (values, index, [at]) => put(onMark(typeof marks === "number" ? at : 10 ** at, marks, author, limits)));
  // The slider measures its readout at every change, and so lays out the page, before the value is
  // written as it is shown here, for which there is room.
  for (const width of ["scrollWidth", "clientWidth"]) Object.defineProperty(readout, width, { value: 0 });
  const text = () => typed(get(name), marks);
  const tell = () => {
    if (document.activeElement === readout) return;
    if (readout.textContent !== text()) readout.textContent = text();
    handle.setAttribute("aria-valuetext", text());
  };
  new MutationObserver(tell).observe(readout, { childList: true, characterData: true, subtree: true });
  tell();
  const enter = () => {
    const value = meant(readout.textContent);
    if (readout.textContent !== text() && !Number.isNaN(value)) put(value);
    readout.textContent = text();
    handle.setAttribute("aria-valuetext", text());
  };
  // In the capture phase, above the slider's own listeners, which then hear nothing.
  const stop = (event) => event.stopPropagation();
  control.parentNode.addEventListener("blur", (event) => event.target === readout && (stop(event), enter()), true);
  control.parentNode.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (target === readout) {
      if (key === "Escape") readout.textContent = text();
      else if (key === "Enter") enter();
      else return;
    } else if (control.contains(target) && target.classList.contains("noUi-handle") && !(event.ctrlKey || event.metaKey || event.altKey)) {
      const way = { ArrowLeft: -1, ArrowDown: -1, PageDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 1 }[key];
      if (way) put(moved(get(name), way, key.startsWith("Page") ? "page" : event.repeat ? "held" : "step", marks, author, limits));
      else if (key === "Home") put(limits[0]);
      else if (key === "End") put(limits[1]);
      else return;
    } else return;
    event.preventDefault();
    stop(event);
  }, true);
  return true;
}

// ipywidgets leaves the handles of its sliders without a name, and a logarithmic one reads out its
// exponent: give them the label and the number that the eye sees, unless the page already has.
let controlCount = 0;
function nameControls(box) {
  for (const control of box.querySelectorAll(".live-control:not([data-named])")) {
    const label = control.querySelector(".widget-label"), readout = control.querySelector(".widget-readout");
    const handle = control.querySelector(".noUi-handle");
    if (!handle || !label || !readout) continue;
    control.dataset.named = "1";
    if (handle.hasAttribute("aria-labelledby")) continue;
    label.id ||= "live-label-" + ++controlCount;
    handle.setAttribute("aria-labelledby", label.id);
    readout.setAttribute("aria-labelledby", label.id);
    if (!readout.hasAttribute("role")) readout.setAttribute("role", "textbox");
    const tell = () => handle.getAttribute("aria-valuetext") !== readout.textContent && handle.setAttribute("aria-valuetext", readout.textContent);
    tell();
    new MutationObserver(tell).observe(readout, { childList: true, characterData: true, subtree: true });
    new MutationObserver(tell).observe(handle, { attributeFilter: ["aria-valuetext"] });
  }
}
