// A surface in three dimensions with paths on it, and its map. What computes the race and draws the
// map comes from paths.js, the surface from surface3d.js; both stand before this file.

const TURN = ["azimuth", "elevation", "zoom"];

// ---- axes and paths

// Floor, back walls and scales; the words are returned, to be written over the surface.
function drawBox(ctx, cam, theme, { window: [x0, x1, y0, y1] }, scale) {
  const [sx, sy] = [0, 1].map((k) => (cam.back[k] > 0 ? 1 : -1));
  const stroke = (a, b) => line(ctx, ...cam.project(a), ...cam.project(b));
  const words = [], put = (text, p, colour, textAlign = "center") => words.push([text, cam.project(p), { fillStyle: colour, textAlign }]);
  // The rim, which is nearer, grows over the floor when seen from above.
  const out = 1.13 + 0.2 * cam.back[2] ** 6;
  ctx.lineWidth = 1;
  // at(v, side, z): the point at v along the axis, side across it
  for (const [name, low, high, across, at] of [["x", x0, x1, sy, (v, side, z) => [v, side, z]], ["y", y0, y1, sx, (v, side, z) => [side, v, z]]]) {
    ctx.strokeStyle = theme.grid;
    for (const tick of ticks(low, high, 5)) {
      const v = (2 * (tick - low)) / (high - low) - 1;
      stroke(at(v, -across, 0), at(v, 1.03 * across, 0));
      stroke(at(v, -across, 0), at(v, -across, TALL));
      put(short(tick), at(v, out * across, 0), theme.muted);
    }
    ctx.strokeStyle = theme.muted;
    stroke(at(-1, across, 0), at(1, across, 0));
    put(name, at(0, (out + 0.15) * across, 0), theme.ink);
  }
  if (cam.back[2] > 0.97) return words;
  // Heights stand at the corner farthest to the left.
  const [ax, ay] = [[-1, -1], [-1, 1], [1, -1], [1, 1]].sort((a, b) => cam.project([...a, 0])[0] - cam.project([...b, 0])[0])[0];
  stroke([ax, ay, 0], [ax, ay, TALL]);
  put(scale.s ? "loss, log scale" : "loss", [ax, ay, TALL], theme.ink);
  words.at(-1)[1] = [Math.max(46, words.at(-1)[1][0]), words.at(-1)[1][1] - 18];
  const tall = cam.project([ax, ay, 0])[1] - cam.project([ax, ay, TALL])[1];
  for (const v of heightTicks(scale, Math.max(0.1, 13 / tall))) {
    const z = TALL * scale.height(v);
    ctx.strokeStyle = theme.grid;
    stroke([sx, -sy, z], [-sx, -sy, z]);
    stroke([-sx, -sy, z], [-sx, sy, z]);
    put(v < 1e4 ? short(v) : power(Math.log10(v)), [ax, ay, z], theme.muted, "right");
    const at = words.at(-1)[1];
    line(ctx, at[0] - 5, at[1], at[0], at[1]);
    at[0] -= 9;
  }
  return words;
}

// A path along the surface: points in pixels, null outside the window. Each knows whether it is
// seen, how far along the line it is, and the last of a step that step's number.
function along(surface, mesh, cam, r, last) {
  const place = placer(surface, mesh.scale), points = [], jump = (k) => Math.hypot(...[0, 1].map((i) => spots[k][i] - spots[k - 1][i]));
  const spots = Array.from({ length: last + 1 }, (_, k) => place(r.x[k], r.y[k]));
  let total = 0, length = 0;
  for (let k = 1; k <= last; k++) total += Math.min(3, jump(k));
  const fine = Math.max(0.03, total / 500);
  for (let k = 0; k <= last; k++) {
    const cuts = k ? Math.max(1, Math.min(150, Math.ceil(jump(k) / fine))) : 1, from = Math.max(0, k - 1);
    for (let i = 1; i <= cuts; i++) {
      const x = r.x[from] + ((r.x[k] - r.x[from]) * i) / cuts, y = r.y[from] + ((r.y[k] - r.y[from]) * i) / cuts;
      if (!within([x, y], surface.window)) {
        points.push(null);
        continue;
      }
      const spot = place(x, y), [px, py] = cam.project(spot), before = points.at(-1);
      if (before) length += Math.hypot(px - before.x, py - before.y);
      points.push({ x: px, y: py, length, seen: !hidden(mesh, cam.eye, spot), step: i === cuts ? k : null });
    }
  }
  return points;
}

function runsOf(points, test) {
  const runs = [];
  points.forEach((p, k) => test(p) && (k && test(points[k - 1]) ? runs.at(-1).push(p) : runs.push([p])));
  return runs;
}

// Twice: faint all along, so that no hill hides it, and in full where the viewer sees it.
function drawRun(ctx, points, r, theme, last) {
  const colour = r.look[theme.dark ? 1 : 0], weight = Math.min(1, 2200 / (1 + (points.findLast((p) => p)?.length || 0)));
  const stroke = (runs, style, width, alpha, dash) => {
    Object.assign(ctx, { strokeStyle: style, lineWidth: width, globalAlpha: alpha });
    ctx.setLineDash(dash);
    for (const run of runs) {
      ctx.lineDashOffset = run[0].length;
      polyline(ctx, run.length, (k) => run[k].x, (k) => run[k].y);
    }
  };
  ctx.save();
  ctx.lineJoin = ctx.lineCap = "round";
  const seen = runsOf(points, (p) => p?.seen), dash = r.look[2];
  stroke(runsOf(points, (p) => p), colour, 1.3, 0.5 * weight, dash);
  stroke(seen, theme.paper, 4.2, 0.75 * weight, []);
  stroke(seen, colour, 0.9 + 1.3 * weight, 0.3 + 0.7 * weight, dash);
  ctx.fillStyle = colour;
  const stride = Math.max(1, Math.ceil((last * weight) / 60));
  for (const p of points) {
    if (!p || p.step === null || p.step % stride || p.step === last) continue;
    ctx.globalAlpha = p.seen ? 1 : 0.4;
    marker(ctx, r.look[3], p.x, p.y, 2.4);
  }
  ctx.restore();
}

// The painted surface, kept until it, the view or the sheet changes.
function painted(mesh, cam, box, ratio, theme, memo, view) {
  const key = [...view, box.width, box.height, ratio, theme.dark].join();
  if (memo.painted?.key !== key) {
    const sheet = element("canvas", { width: Math.round(box.width * ratio), height: Math.round(box.height * ratio) }), ctx = sheet.getContext("2d");
    ctx.scale(ratio, ratio);
    ctx.translate(-box.left, -box.top);
    paint(ctx, mesh, cam, theme);
    memo.painted = { key, sheet };
  }
  return memo.painted.sheet;
}

function drawScene(ctx, { surface, shown, step, start }, { theme, memo, ratio, get }, box) {
  const fine = mesh(surface, memo, FINE), cam = camera(box, ...TURN.map(get)), place = placer(surface, fine.scale);
  if (memo.renderer === undefined || memo.renderer?.lost()) memo.renderer = webgl();
  const discs = (shape, x, y, ...rings) => rings.forEach(([radius, colour]) => {
    ctx.fillStyle = colour;
    marker(ctx, shape, x, y, radius);
  });
  inside(ctx, box, () => {
    const words = drawBox(ctx, cam, theme, surface, fine.scale);
    if (memo.renderer) ctx.drawImage(memo.renderer.draw(fine, cam, box, ratio, theme), box.left, box.top, box.width, box.height);
    else ctx.drawImage(painted(mesh(surface, memo, COARSE), cam, box, ratio, theme, memo, [surface.name, ...TURN.map(get)]), box.left, box.top, box.width, box.height);
    Object.assign(ctx, { font: theme.font, textBaseline: "middle" });
    for (const [text, [x, y], style] of words) halo(Object.assign(ctx, style), text, x, y, theme);
    const faintly = (spot) => (ctx.globalAlpha = hidden(fine, cam.eye, spot) ? 0.45 : 1);
    for (const [x, y] of surface.minimisers) {
      faintly(place(x, y));
      if (within([x, y], surface.window)) cross(ctx, ...cam.project(place(x, y)), theme);
    }
    ctx.globalAlpha = 1;
    const lines = shown.map((r) => [r, along(surface, fine, cam, r, upTo(r, step))]);
    for (const [r, points] of lines) drawRun(ctx, points, r, theme, upTo(r, step));
    faintly(place(...start));
    discs("o", ...cam.project(place(...start)), [6.5, theme.paper], [5.5, theme.ink], [3.2, theme.paper]);
    for (const [r, points] of lines) {
      const end = step > 0 && points.at(-1);
      if (!end) continue;
      ctx.globalAlpha = end.seen ? 1 : 0.6;
      discs(r.look[3], end.x, end.y, [8, theme.paper], [6, r.look[theme.dark ? 1 : 0]]);
    }
  });
}

// Side by side where there is room, else the map below.
function rooms(width) {
  const wide = width >= 600, first = wide ? Math.round(width * 0.6) : width;
  const height = Math.round(wide ? Math.min(480, Math.max(340, width * 0.52)) : Math.max(300, width * 0.92));
  const side = Math.min(width - first - 66, height - 50);
  const map = wide ? { left: first + 50, top: Math.round((height - side - 42) / 2), width: width - first - 66, height: side } : { left: 58, top: height + 8, width: width - 74, height: Math.round(Math.min(380, width * 0.66)) };
  return { scene: { left: 0, top: 0, width: first, height }, map, height: wide ? height : map.top + map.height + 42 };
}

// ---- the figure

const playground = (spec) => {
  const base = races(spec, (width) => rooms(width).map), tools = element("div", { class: "live-bar" }), pad = element("div", { role: "slider", tabindex: "0", class: "live-orbit", "aria-label": "View", "aria-valuemin": -180, "aria-valuemax": 180 });
  let memo;
  return {
    ...base,
    pad,
    tools,
    aside: ["step", ...TURN],
    close: () => memo?.renderer?.close(),
    height: (width) => rooms(width).height,
    draw(ctx, data, view) {
      const { scene, map } = rooms(view.width), [a, e, z] = TURN.map(view.get).map((v) => short(Math.round(v * 10) / 10));
      memo = view.memo;
      drawScene(ctx, data, view, scene);
      drawMap(ctx, data, view, map);
      tools.style.top = scene.height - 36 + "px";
      Object.assign(pad.style, { width: scene.width + "px", height: scene.height + "px" });
      pad.setAttribute("aria-valuenow", a.replace("−", "-"));
      pad.setAttribute("aria-valuetext", `turned ${a} degrees, from ${e} degrees above, zoom ${z}`);
      pad.dataset.drawn = memo.renderer ? "webgl" : "canvas";
    },
    changed: (name, get) => (name === "surface" ? spec.scenes[get("surface")] : base.changed(name, get)),
  };
};

// Turning and zooming, by mouse, finger, wheel and key. The wheel, and a finger that moves up or
// down, belong to the page until the view has the focus.
function orbit({ pad, tools }, model) {
  const spec = model.get("spec"), held = new Map();
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const clamp = (name, value) => Math.min(spec.limits[name][1], Math.max(spec.limits[name][0], value));
  const turn = (da, de) => set({ azimuth: ((((model.get("azimuth") + da + 180) % 360) + 360) % 360) - 180, elevation: clamp("elevation", model.get("elevation") + de) });
  const zoom = (by) => set({ zoom: clamp("zoom", model.get("zoom") * by) });
  const home = () => set(Object.fromEntries(TURN.map((name) => [name, (spec.scenes[Object.keys(SURFACES)[model.get("surface")]] || spec.defaults)[name]])));
  Object.assign(pad.style, { position: "absolute", left: 0, top: 0, cursor: "grab", touchAction: "pan-y", borderRadius: "6px" });
  pad.title = "Drag, or arrow keys: turn. + and −: zoom. Home: first view.";
  const on = (type, act) => pad.addEventListener(type, act, { passive: false });
  on("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    held.set(event.pointerId, [event.clientX, event.clientY]);
    pad.style.cursor = "grabbing";
  });
  on("pointermove", (event) => {
    const before = held.get(event.pointerId), now = [event.clientX, event.clientY];
    if (!before) return;
    held.set(event.pointerId, now);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    const apart = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) + 1;
    if (other) zoom(apart(now) / apart(before));
    else turn((before[0] - now[0]) * 0.5, (now[1] - before[1]) * 0.5);
  });
  for (const type of ["pointerup", "pointercancel"]) on(type, (event) => {
    held.delete(event.pointerId);
    pad.style.cursor = "grab";
  });
  on("wheel", (event) => {
    if (document.activeElement !== pad && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(-0.0015 * Math.max(-200, Math.min(200, event.deltaY))));
  });
  on("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = event.shiftKey ? 15 : 5;
    const act = { ArrowLeft: () => turn(-by, 0), ArrowRight: () => turn(by, 0), ArrowUp: () => turn(0, by), ArrowDown: () => turn(0, -by), "+": () => zoom(1.1), "=": () => zoom(1.1), "-": () => zoom(1 / 1.1), Home: home }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  on("focus", () => Object.assign(pad.style, { touchAction: "none", outline: pad.matches(":focus-visible") ? "3px solid var(--live-mark)" : "none", outlineOffset: "-3px" }));
  on("blur", () => Object.assign(pad.style, { touchAction: "pan-y", outline: "none" }));
  const tool = (text, label, act) => button(text, act, { "aria-label": label, title: label });
  tools.append(tool("+", "Zoom in", () => zoom(1.25)), tool("−", "Zoom out", () => zoom(0.8)), tool("⌂", "First view", home));
  Object.assign(tools.style, { position: "absolute", left: "4px", gap: "0" });
}

export { RULES, SURFACES, heightScale, heightTicks, newMesh, heightAt, camera, hidden, race };
export default {
  render({ model, el }) {
    const figure = playground(model.get("spec")), stop = mount(figure, model, el);
    orbit(figure, model);
    el.querySelector(".live-stage canvas").after(figure.pad, figure.tools);
    return () => { stop(); figure.close(); };
  },
};
