// A surface in three dimensions, paths on it, and its map. What computes the race and draws the map
// comes from descent.js, which stands before this file. The surface itself is drawn by WebGL2, or
// cell by cell where there is none; everything else lies on the figure's own canvas, projected.

const TALL = 0.95, FAR = 5.5, TURN = ["azimuth", "elevation", "zoom"];

// ---- heights

// The loss v above the lowest point as a height from 0 to 1: linear, or log(1 + v/s), which is round
// where the loss is, with s such that half of the map lies below the middle. level counts the level
// lines passed, at about the losses of the map's lines.
function heightScale(losses) {
  const sorted = losses.filter(Number.isFinite).sort(), at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const low = at(0), range = at(1) - low || 1, middle = at(0.5) - low, most = at(0.995) - low || 1;
  const s = range > 3 * middle && middle > 0 ? middle ** 2 / (range - 2 * middle) : 0, k = s && Math.log1p(range / s);
  const power = Math.min(1, Math.max(0.12, Math.log(0.5) / Math.log(middle / most))) || 1;
  const height = (v) => (s ? Math.log1p(Math.max(0, v - low) / s) / k : (v - low) / range);
  const loss = (h) => low + (s ? s * Math.expm1(h * k) : h * range);
  return { low, range, most, s, k, power, height, loss, level: (h) => 16 * Math.max(0, (loss(h) - low) / most) ** power };
}

// Round losses whose heights stand apart.
function heightTicks({ low, range, height }) {
  const found = [], top = Math.ceil(Math.log10(Math.max(range, Math.abs(low + range))));
  const offer = (v) => v >= low - 1e-9 * range && v <= low + range && found.every((w) => Math.abs(height(v) - height(w)) > 0.125) && found.push(v);
  offer(0);
  for (const digits of [[1], [5, 2], [3, 4, 6, 8]]) for (let k = top; k > top - 5; k--) for (const d of digits) for (const sign of [1, -1]) offer(+(sign * d * 10 ** k).toPrecision(1));
  return found.sort((a, b) => a - b);
}

// Heights and slopes on a grid of (n + 1) squared points over the window, x from -1 to 1, y likewise.
function newMesh(surface, n) {
  const [x0, x1, y0, y1] = surface.window, count = (n + 1) ** 2, losses = new Float64Array(count), data = new Float32Array(3 * count);
  for (let k = 0; k < count; k++) losses[k] = surface.f(x0 + ((x1 - x0) * (k % (n + 1))) / n, y0 + ((y1 - y0) * Math.floor(k / (n + 1))) / n);
  const scale = heightScale(losses), h = Float64Array.from(losses, (v) => (Number.isFinite(v) ? scale.height(v) : 1));
  const slope = (k, i, stride) => ((h[i < n ? k + stride : k] - h[i > 0 ? k - stride : k]) * TALL * n) / (i > 0 && i < n ? 4 : 2);
  for (let k = 0; k < count; k++) data.set([h[k], slope(k, k % (n + 1), 1), slope(k, Math.floor(k / (n + 1)), n + 1)], 3 * k);
  return { n, h, data, scale };
}

// Height anywhere, x and y from -1 to 1.
function heightAt({ n, h }, x, y) {
  const u = Math.min(n - 1e-9, Math.max(0, ((x + 1) * n) / 2)), v = Math.min(n - 1e-9, Math.max(0, ((y + 1) * n) / 2));
  const i = Math.floor(u), j = Math.floor(v), k = j * (n + 1) + i, a = u - i, b = v - j;
  return (h[k] * (1 - a) + h[k + 1] * a) * (1 - b) + (h[k + n + 1] * (1 - a) + h[k + n + 2] * a) * b;
}

// ---- the viewer

// Stands azimuth degrees to the right of the negative y axis and elevation degrees above the
// horizon. project gives pixels; eye is where the viewer is; matrix is the same for WebGL.
function camera(box, azimuth, elevation, zoom) {
  const [a, e] = [azimuth, elevation].map((v) => (v * Math.PI) / 180), [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
  const right = [ca, sa, 0], up = [-sa * se, ca * se, ce], back = [sa * ce, -ca * ce, se], middle = 0.42 * TALL;
  const size = zoom * Math.min(box.width / 3.25, box.height / 2.75);
  const along = (d, [x, y, z]) => d[0] * x + d[1] * y + d[2] * (z - middle);
  const project = (p) => {
    const near = FAR / (FAR - along(back, p));
    return [box.left + box.width / 2 + size * near * along(right, p), box.top + box.height / 2 - size * near * along(up, p)];
  };
  const row = (d, by) => [...d.map((v) => v * by), -d[2] * middle * by];
  const rows = [row(right, (2 * size) / box.width), row(up, (2 * size) / box.height), row(back, -1 / 3), row(back, -1 / FAR)];
  rows[3][3] += 1;
  return { project, right, up, back, eye: back.map((v, k) => v * FAR + (k === 2 ? middle : 0)), matrix: [0, 1, 2, 3].flatMap((c) => rows.map((r) => r[c])) };
}

// Whether the surface stands between a point and the viewer.
function hidden(mesh, eye, [x, y, z]) {
  const [dx, dy, dz] = [eye[0] - x, eye[1] - y, eye[2] - z], step = 1 / (24 * Math.hypot(dx, dy) + 1e-9);
  for (let t = step; t < 1; t += step) {
    const [a, b, c] = [x + t * dx, y + t * dy, z + t * dz];
    if (c > TALL || Math.abs(a) > 1 || Math.abs(b) > 1) return false;
    if (c < TALL * heightAt(mesh, a, b) - 0.012) return true;
  }
  return false;
}

// ---- the surface

// Lowest and highest colour, level lines; light from the upper left of the viewer.
const GROUND = {
  light: { low: [247, 250, 254], high: [126, 164, 208], ink: [44, 72, 108], dim: 0.56, weight: 0.5 },
  dark: { low: [92, 124, 160], high: [34, 46, 62], ink: [190, 212, 238], dim: 0.46, weight: 0.42 },
};
const ground = (theme) => GROUND[theme.dark ? "dark" : "light"];
const lamp = ({ right, up, back }) => right.map((_, k) => -0.5 * right[k] + 0.62 * up[k] + 0.6 * back[k]);

const VERTEX = `#version 300 es
in vec3 a; uniform mat4 M; uniform int n; uniform float tall; out float h; out vec3 N; out vec2 p;
void main() { p = vec2(gl_VertexID % (n + 1), gl_VertexID / (n + 1)) / float(n); h = a.x; N = vec3(-a.yz, 1); gl_Position = M * vec4(p * 2. - 1., a.x * tall, 1); }`;
const FRAGMENT = `#version 300 es
precision highp float; in float h; in vec3 N; in vec2 p; out vec4 o;
uniform vec3 low, high, ink, L; uniform vec4 S; uniform float k, dim, weight, ratio;
void main() {
float v = S.x > 0. ? S.x * (exp(h * k) - 1.) : h * S.y, q = 16. * pow(max(v / S.z, 0.), S.w), w = fwidth(q);
float l = dot(normalize(N), L); if (!gl_FrontFacing) l = .3 - .3 * l;
vec3 c = mix(low, high, min(q / 16., 1.)) * (dim + (1. - dim) * (.5 + .5 * l));
float d = abs(q - round(q)) / max(w, 1e-5) / ratio;
c = mix(c, ink, weight * clamp(1.2 - d, 0., 1.) * clamp(1.6 - 3.5 * w * ratio, 0., 1.));
vec2 r = min(p, 1. - p) / fwidth(p) / ratio;
o = vec4(mix(c, ink, .8 * clamp(1.7 - min(r.x, r.y), 0., 1.)), 1); }`;

// Draws on a canvas of its own, to be copied; null where there is no WebGL2.
function webgl() {
  const sheet = globalThis.OffscreenCanvas && new OffscreenCanvas(1, 1), gl = sheet?.getContext("webgl2");
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, 0, "a");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
  gl.enable(gl.DEPTH_TEST);
  const at = (name) => gl.getUniformLocation(program, name);
  let loaded, cells = 0;
  function load(mesh) {
    const n = mesh.n, corners = new Uint32Array(6 * n * n);
    for (let k = 0; k < n * n; k++) {
      const a = k + Math.floor(k / n), b = a + n + 1;
      corners.set([a, a + 1, b + 1, a, b + 1, b], 6 * k);
    }
    gl.bufferData(gl.ARRAY_BUFFER, mesh.data, gl.STATIC_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.STATIC_DRAW);
    [loaded, cells] = [mesh, corners.length];
  }
  return {
    draw(mesh, cam, box, ratio, theme) {
      const [w, h] = [Math.round(box.width * ratio), Math.round(box.height * ratio)], look = ground(theme), { s, k, range, most, power } = mesh.scale;
      if (sheet.width !== w || sheet.height !== h) [sheet.width, sheet.height] = [w, h];
      if (loaded !== mesh) load(mesh);
      gl.viewport(0, 0, w, h);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix4fv(at("M"), false, cam.matrix);
      gl.uniform1i(at("n"), mesh.n);
      for (const [name, value] of Object.entries({ tall: TALL, k, dim: look.dim, weight: look.weight, ratio })) gl.uniform1f(at(name), value);
      for (const name of ["low", "high", "ink"]) gl.uniform3fv(at(name), look[name].map((c) => c / 255));
      gl.uniform3fv(at("L"), lamp(cam));
      gl.uniform4f(at("S"), s, range, most, power);
      gl.drawElements(gl.TRIANGLES, cells, gl.UNSIGNED_INT, 0);
      return sheet.transferToImageBitmap();
    },
    lost: () => gl.isContextLost(),
    close: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}

// The same with the canvas alone: cells from the farthest to the nearest, with their level lines.
function paint(ctx, { n, data, scale }, cam, theme) {
  const look = ground(theme), light = lamp(cam), way = (toward, k) => (toward > 0 ? k : n - 1 - k);
  const points = Array.from({ length: (n + 1) ** 2 }, (_, k) => cam.project([(2 * (k % (n + 1))) / n - 1, (2 * Math.floor(k / (n + 1))) / n - 1, TALL * data[3 * k]]));
  const levels = points.map((_, k) => scale.level(data[3 * k]));
  const mix = (a, b, t) => a.map((v, k) => v + (b[k] - v) * t);
  ctx.lineJoin = "round";
  for (let row = 0; row < n; row++) for (let column = 0; column < n; column++) {
    const k = way(cam.back[1], row) * (n + 1) + way(cam.back[0], column), four = [k, k + 1, k + n + 2, k + n + 1];
    const mean = (f) => (f(four[0]) + f(four[1]) + f(four[2]) + f(four[3])) / 4;
    const [a, b, c] = four.map((i) => points[i]), under = (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0]);
    const N = [-mean((i) => data[3 * i + 1]), -mean((i) => data[3 * i + 2]), 1], dot = N.reduce((sum, v, i) => sum + v * light[i], 0) / Math.hypot(...N);
    const shade = look.dim + (1 - look.dim) * (0.5 + 0.5 * (under ? 0.3 - 0.3 * dot : dot));
    ctx.fillStyle = ctx.strokeStyle = `rgb(${mix(look.low, look.high, Math.min(1, mean((i) => levels[i]) / 16)).map((v) => Math.round(v * shade))})`;
    ctx.lineWidth = 0.7;
    ctx.beginPath();
    polygon(ctx, four.map((i) => points[i]));
    ctx.fill();
    ctx.stroke();
    ctx.lineWidth = 1;
    ctx.strokeStyle = `rgba(${look.ink},${look.weight})`;
    for (const three of [[0, 1, 2], [0, 2, 3]]) {
      const q = three.map((i) => levels[four[i]]), low = Math.ceil(Math.min(...q)), high = Math.floor(Math.max(...q));
      if (high - low > 1) continue;
      for (let level = low; level <= high; level++) {
        const ends = [];
        for (const [i, j] of [[0, 1], [1, 2], [2, 0]]) {
          if ((q[i] < level) !== (q[j] < level)) ends.push(mix(points[four[three[i]]], points[four[three[j]]], (level - q[i]) / (q[j] - q[i])));
        }
        if (ends.length === 2) line(ctx, ...ends[0], ...ends[1]);
      }
    }
  }
}

// ---- axes and paths

function drawBox(ctx, cam, theme, { window: [x0, x1, y0, y1] }, scale) {
  const side = (toward) => (toward > 0 ? 1 : -1), [sx, sy] = [side(cam.back[0]), side(cam.back[1])], flat = cam.back[2] > 0.97;
  const stroke = (a, b) => line(ctx, ...cam.project(a), ...cam.project(b));
  const put = (text, p) => ctx.fillText(text, ...cam.project(p)), minus = (v) => String(v).replace("-", "−");
  const X = (v) => (2 * (v - x0)) / (x1 - x0) - 1, Y = (v) => (2 * (v - y0)) / (y1 - y0) - 1;
  ctx.font = theme.font;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillStyle = theme.muted;
  ctx.lineWidth = 1;
  ctx.strokeStyle = theme.grid;
  for (const v of ticks(x0, x1, 5)) {
    stroke([X(v), -sy, 0], [X(v), sy * 1.03, 0]);
    stroke([X(v), -sy, 0], [X(v), -sy, TALL]);
    put(minus(v), [X(v), sy * 1.12, 0]);
  }
  for (const v of ticks(y0, y1, 5)) {
    stroke([-sx, Y(v), 0], [sx * 1.03, Y(v), 0]);
    stroke([-sx, Y(v), 0], [-sx, Y(v), TALL]);
    put(minus(v), [sx * 1.12, Y(v), 0]);
  }
  // The heights stand at the corner that is farthest to the left.
  const [ax, ay] = [[-1, -1], [-1, 1], [1, -1], [1, 1]].sort((a, b) => cam.project([...a, 0])[0] - cam.project([...b, 0])[0])[0];
  const out = (p) => [p[0] - 8, p[1]];
  if (!flat) {
    for (const v of heightTicks(scale)) {
      const z = TALL * scale.height(v), [px, py] = cam.project([ax, ay, z]);
      stroke([sx, -sy, z], [-sx, -sy, z]);
      stroke([-sx, -sy, z], [-sx, sy, z]);
      line(ctx, px - 4, py, px, py);
      ctx.textAlign = "right";
      ctx.fillText(short(v), ...out([px, py]));
    }
  }
  ctx.strokeStyle = theme.muted;
  ctx.textAlign = "center";
  stroke([-1, sy, 0], [1, sy, 0]);
  stroke([sx, -1, 0], [sx, 1, 0]);
  ctx.fillStyle = theme.ink;
  put("x", [0, sy * 1.27, 0]);
  put("y", [sx * 1.27, 0, 0]);
  if (flat) return;
  stroke([ax, ay, 0], [ax, ay, TALL]);
  const [px, py] = cam.project([ax, ay, TALL]);
  ctx.textAlign = "left";
  ctx.fillText(scale.s ? "loss, log scale" : "loss", Math.max(6, px - 44), py - 18);
}

// A step as a line along the surface: points of the box, of the part inside the window. The first
// number of each is the step it belongs to.
function along(surface, mesh, r, last) {
  const [x0, x1, y0, y1] = surface.window, pieces = [];
  let piece = null;
  const X = (x) => (2 * (x - x0)) / (x1 - x0) - 1, Y = (y) => (2 * (y - y0)) / (y1 - y0) - 1;
  const add = (k, x, y) => piece.push([k, X(x), Y(y), TALL * Math.min(1, mesh.scale.height(surface.f(x, y))) + 0.004]);
  let total = 0;
  for (let k = 1; k <= last; k++) total += Math.min(3, Math.hypot(X(r.x[k]) - X(r.x[k - 1]), Y(r.y[k]) - Y(r.y[k - 1])));
  const fine = Math.max(0.03, total / 500);
  for (let k = 0; k <= last; k++) {
    const [x, y] = [r.x[k], r.y[k]], here = within([x, y], surface.window);
    if (k > 0) {
      const [u, v] = [r.x[k - 1], r.y[k - 1]], [dx, dy] = [x - u, y - v];
      let from = 0, to = 1;
      for (const [p, d, low, high] of [[u, dx, x0, x1], [v, dy, y0, y1]]) {
        if (d === 0) { if (p < low || p > high) to = -1; continue; }
        const [a, b] = [(low - p) / d, (high - p) / d];
        [from, to] = [Math.max(from, Math.min(a, b)), Math.min(to, Math.max(a, b))];
      }
      if (!(to > from)) piece = here ? piece : null;
      else {
        if (from > 0 || !piece) pieces.push((piece = []));
        const cuts = Math.ceil(((to - from) * Math.hypot(X(x) - X(u), Y(y) - Y(v))) / fine) || 1;
        for (let i = piece.length ? 1 : 0; i < cuts + (to < 1 ? 1 : 0); i++) add(k - 1, u + dx * (from + ((to - from) * i) / cuts), v + dy * (from + ((to - from) * i) / cuts));
      }
    }
    if (!here) { piece = null; continue; }
    if (!piece) pieces.push((piece = []));
    add(k, x, y);
    piece.at(-1).step = k;
  }
  return pieces;
}

// Twice: faint all along, so that no hill hides it, and in full where the viewer sees it.
function drawPath3(ctx, cam, mesh, surface, r, step, theme) {
  const last = Math.min(step, r.last), colour = r.look[theme.dark ? 1 : 0], pieces = along(surface, mesh, r, last), marks = [];
  const shown = pieces.map((piece) => piece.map((p) => ({ at: cam.project(p.slice(1)), seen: !hidden(mesh, cam.eye, p.slice(1)), step: p.step })));
  const length = shown.flat().reduce((sum, p, k, all) => sum + (k ? Math.hypot(p.at[0] - all[k - 1].at[0], p.at[1] - all[k - 1].at[1]) : 0), 1);
  const weight = Math.min(1, 2200 / length), stroke = (points, width, offset) => {
    ctx.lineWidth = width;
    ctx.lineDashOffset = offset;
    polyline(ctx, points.length, (k) => points[k].at[0], (k) => points[k].at[1]);
  };
  ctx.save();
  ctx.lineJoin = ctx.lineCap = "round";
  for (const points of shown) {
    const runs = [];
    let sum = 0;
    points.forEach((p, k) => {
      if (k) sum += Math.hypot(p.at[0] - points[k - 1].at[0], p.at[1] - points[k - 1].at[1]);
      if (!p.seen) return;
      if (!k || !points[k - 1].seen) runs.push({ points: [], offset: sum });
      runs.at(-1).points.push(p);
    });
    ctx.strokeStyle = colour;
    ctx.setLineDash(r.look[2]);
    ctx.globalAlpha = 0.5 * weight;
    stroke(points, 1.3, 0);
    for (const run of runs) {
      ctx.setLineDash([]);
      ctx.strokeStyle = theme.paper;
      ctx.globalAlpha = 0.8 * weight;
      stroke(run.points, 4.2, 0);
      ctx.strokeStyle = colour;
      ctx.globalAlpha = 0.3 + 0.7 * weight;
      ctx.setLineDash(r.look[2]);
      stroke(run.points, 0.9 + 1.3 * weight, run.offset);
    }
    marks.push(...points.filter((p) => p.step !== undefined));
  }
  const stride = Math.max(1, Math.ceil((last * weight) / 60));
  ctx.fillStyle = colour;
  for (const p of marks) {
    if (p.step % stride || p.step === last) continue;
    ctx.globalAlpha = p.seen ? 1 : 0.4;
    marker(ctx, r.look[3], ...p.at, 2.4);
  }
  ctx.restore();
  return marks.find((p) => p.step === last);
}

function drawScene(ctx, data, { theme, memo, ratio, get }, box) {
  const { surface, shown, step, start } = data, mesh = cachedMesh(surface, memo), cam = camera(box, ...TURN.map(get));
  const renderer = memo.renderer?.lost() === false ? memo.renderer : (memo.renderer = memo.renderer === null ? null : webgl());
  inside(ctx, box, () => {
    drawBox(ctx, cam, theme, surface, mesh.scale);
    if (renderer) {
      const image = renderer.draw(mesh, cam, box, ratio, theme);
      ctx.drawImage(image, box.left, box.top, box.width, box.height);
      image.close();
    }
    if (!renderer) paint(ctx, cachedMesh(surface, memo, 52), cam, theme);
    const [x0, x1, y0, y1] = surface.window;
    const spot = ([x, y]) => {
      const p = [(2 * (x - x0)) / (x1 - x0) - 1, (2 * (y - y0)) / (y1 - y0) - 1, TALL * mesh.scale.height(surface.f(x, y)) + 0.004];
      ctx.globalAlpha = hidden(mesh, cam.eye, p) ? 0.45 : 1;
      return cam.project(p);
    };
    for (const place of surface.minimisers) if (within(place, surface.window)) cross(ctx, ...spot(place), theme);
    ctx.globalAlpha = 1;
    const ends = shown.map((r) => [r, drawPath3(ctx, cam, mesh, surface, r, step, theme)]);
    const [px, py] = spot(start);
    for (const [radius, colour] of [[6.5, theme.paper], [5.5, theme.ink], [3.2, theme.paper]]) {
      ctx.fillStyle = colour;
      marker(ctx, "o", px, py, radius);
    }
    ctx.globalAlpha = 1;
    for (const [r, end] of ends) {
      if (!end || step === 0) continue;
      ctx.globalAlpha = end.seen ? 1 : 0.6;
      for (const [radius, colour] of [[8, theme.paper], [6, r.look[theme.dark ? 1 : 0]]]) {
        ctx.fillStyle = colour;
        marker(ctx, r.look[3], ...end.at, radius);
      }
    }
    ctx.globalAlpha = 1;
  });
}

function cachedMesh(surface, memo, n = 144) {
  memo.meshes ||= new Map();
  const key = surface.name + n;
  if (!memo.meshes.has(key)) memo.meshes.set(key, newMesh(surface, n));
  return memo.meshes.get(key);
}

// Side by side where there is room, else the map below.
function rooms(width) {
  const wide = width >= 600, first = wide ? Math.round(width * 0.6) : width;
  const height = Math.round(wide ? Math.min(470, Math.max(330, width * 0.5)) : Math.max(300, width * 0.92));
  const scene = { left: 0, top: 0, width: first, height };
  const side = wide ? Math.min(width - first - 66, height - 50) : 0;
  const map = wide ? { left: first + 50, top: Math.round((height - side - 42) / 2), width: width - first - 66, height: side } : { left: 58, top: height + 8, width: width - 74, height: Math.round(Math.min(380, width * 0.66)) };
  return { scene, map, height: wide ? height : map.top + map.height + 42 };
}

// ---- the figure

const playground = (spec) => {
  const base = descent(spec), pad = element("div", { role: "slider", tabindex: "0", class: "live-orbit", "aria-label": "View", "aria-valuemin": -180, "aria-valuemax": 180 });
  let memo;
  return {
    ...base,
    pad,
    close: () => memo?.renderer?.close(),
    height: (width) => rooms(width).height,
    draw(ctx, data, view) {
      const { scene, map } = rooms(view.width), [a, e, z] = TURN.map(view.get).map((v) => short(Math.round(v * 10) / 10));
      memo = view.memo;
      drawScene(ctx, data, view, scene);
      drawMap(ctx, data, view, map);
      Object.assign(pad.style, { width: scene.width + "px", height: scene.height + "px" });
      pad.setAttribute("aria-valuenow", a.replace("−", "-"));
      pad.setAttribute("aria-valuetext", `turned ${a} degrees, from ${e} degrees above, zoom ${z}`);
      pad.dataset.drawn = memo.renderer ? "webgl" : "canvas";
    },
    changed: (name, get) => (name === "surface" ? spec.scenes[get("surface")] : base.changed(name, get)),
    handles({ surface, start }, view) {
      const scale = mapScale(rooms(view.width).map, surface.window), [x0, x1, y0, y1] = surface.window;
      const held = (x, y) => ({ start: [Math.min(x1, Math.max(x0, x)), Math.min(y1, Math.max(y0, y))].map((v) => +v.toPrecision(4)) });
      return [{
        label: "Start", text: `x ${short(start[0])}, y ${short(start[1])}`, value: start[0], low: x0, high: x1, x: scale.X(start[0]), y: scale.Y(start[1]),
        hint: "Start: drag, or move with the arrow keys",
        drag: (px, py) => held(scale.x(px), scale.y(py)),
        nudge: (dx, dy) => held(start[0] + (dx * (x1 - x0)) / 100, start[1] + (dy * (y1 - y0)) / 100),
      }];
    },
    press(px, py, { surface }, view) {
      const scale = mapScale(rooms(view.width).map, surface.window), place = [scale.x(px), scale.y(py)];
      return within(place, surface.window) ? { start: place.map((v) => +v.toPrecision(4)) } : null;
    },
  };
};

// Turning and zooming, by mouse, finger, wheel and key. The wheel, and a finger that moves up or
// down, belong to the page until the view has the focus.
function orbit(pad, model) {
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
  const tools = element("div", { class: "live-bar" }, tool("+", "Zoom in", () => zoom(1.25)), tool("−", "Zoom out", () => zoom(0.8)), tool("⌂", "First view", home));
  Object.assign(tools.style, { position: "absolute", left: "4px", bottom: "2px", gap: "0" });
  return [pad, tools];
}

export { RULES, SURFACES, heightScale, heightTicks, newMesh, heightAt, camera, hidden, along, race };
export default {
  render({ model, el }) {
    const figure = playground(model.get("spec")), stop = mount(figure, model, el);
    el.querySelector(".live-stage canvas").after(...orbit(figure.pad, model));
    return () => { stop(); figure.close(); };
  },
};
