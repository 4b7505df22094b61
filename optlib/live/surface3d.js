// A surface in three dimensions: heights, the viewer, and the shaded surface with its level lines,
// by WebGL2 or, cell by cell, on a canvas. The box is 2 wide, 2 deep and TALL high.

const TALL = 0.95, FAR = 5.5, FINE = 144, COARSE = 48;

// ---- heights

// The loss v above the lowest point as a height from 0 to 1: linear, or log(1 + v/s), which is round
// where the loss is, with s such that half of the map lies below the middle. level counts the level
// lines passed, at about the losses of the map's lines.
function heightScale(losses, lowest) {
  const sorted = losses.filter(Number.isFinite).sort(), at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  const low = Math.min(at(0), ...lowest), range = at(1) - low || 1, middle = at(0.5) - low, most = at(0.995) - low || 1;
  const s = range > 3 * middle && middle > 0 ? middle ** 2 / (range - 2 * middle) : 0, k = s && Math.log1p(range / s);
  const power = Math.min(1, Math.max(0.12, Math.log(0.5) / Math.log(middle / most))) || 1;
  const height = (v) => (s ? Math.log1p(Math.max(0, v - low) / s) / k : Math.max(0, v - low) / range);
  const level = (h) => 16 * Math.max(0, (s ? s * Math.expm1(h * k) : h * range) / most) ** power;
  return { low, range, most, s, k, power, height, level };
}

// Round losses whose heights stand apart.
function heightTicks({ low, range, height }, gap = 0.125) {
  const found = [], high = low + range, top = Math.ceil(Math.log10(Math.max(high, -low)));
  const offer = (v) => v > low - 0.01 * range && v <= high && found.every((w) => Math.abs(height(v) - height(w)) > gap) && found.push(v);
  offer(0);
  for (const digits of top > 4 ? [[1]] : [[1], [5, 2], [3, 4, 6, 8]]) for (let k = top; k > top - 6; k--) for (const d of digits) [d, -d].forEach((v) => offer(+(v * 10 ** k).toPrecision(1)));
  return found.sort((a, b) => a - b);
}

// Heights and slopes, three numbers a point, on a grid of (n + 1) squared points: x and y from -1 to 1.
function newMesh(surface, n) {
  const [x0, x1, y0, y1] = surface.window, count = (n + 1) ** 2, losses = new Float64Array(count), data = new Float32Array(3 * count);
  for (let j = 0, k = 0; j <= n; j++) for (let i = 0; i <= n; i++) losses[k++] = surface.f(x0 + ((x1 - x0) * i) / n, y0 + ((y1 - y0) * j) / n);
  const scale = heightScale(losses, surface.minimisers.map(([x, y]) => surface.f(x, y)));
  const h = losses.map((v) => (Number.isFinite(v) ? scale.height(v) : 1));
  const slope = (k, i, by) => ((h[i < n ? k + by : k] - h[i ? k - by : k]) * TALL * n) / (i && i < n ? 4 : 2);
  for (let j = 0, k = 0; j <= n; j++) for (let i = 0; i <= n; i++, k++) data.set([h[k], slope(k, i, 1), slope(k, j, n + 1)], 3 * k);
  return { n, h, data, scale };
}

function mesh(surface, memo, n) {
  memo.meshes ||= new Map();
  const key = surface.name + n;
  if (!memo.meshes.has(key)) memo.meshes.set(key, newMesh(surface, n));
  return memo.meshes.get(key);
}

// Height anywhere, x and y from -1 to 1.
function heightAt({ n, h }, x, y) {
  const u = ((x + 1) * n) / 2, v = ((y + 1) * n) / 2, i = Math.min(n - 1, Math.floor(u)), j = Math.min(n - 1, Math.floor(v));
  const k = j * (n + 1) + i, a = u - i, b = v - j;
  return (h[k] * (1 - a) + h[k + 1] * a) * (1 - b) + (h[k + n + 1] * (1 - a) + h[k + n + 2] * a) * b;
}

// From the window to the box, on the surface.
const placer = (surface, scale) => {
  const [x0, x1, y0, y1] = surface.window;
  return (x, y) => [(2 * (x - x0)) / (x1 - x0) - 1, (2 * (y - y0)) / (y1 - y0) - 1, TALL * Math.min(1, scale.height(surface.f(x, y))) + 0.004];
};

// ---- the viewer

// Stands azimuth degrees to the right of the negative y axis and elevation degrees above the
// horizon. project gives pixels; matrix does the same for WebGL; eye is where the viewer is.
function camera(box, azimuth, elevation, zoom) {
  const [a, e] = [azimuth, elevation].map((v) => (v * Math.PI) / 180), [ca, sa, ce, se] = [Math.cos(a), Math.sin(a), Math.cos(e), Math.sin(e)];
  const right = [ca, sa, 0], up = [-sa * se, ca * se, ce], back = [sa * ce, -ca * ce, se], middle = 0.4 * TALL;
  const size = zoom * Math.min((box.width - 50) / 3.1, box.height / (0.45 + 3 * se + 0.8 * ce));
  const [cx, cy] = [box.left + box.width / 2, box.top + box.height * (0.5 - 0.03 * zoom * se)];
  const along = (d, [x, y, z]) => d[0] * x + d[1] * y + d[2] * (z - middle);
  const project = (p) => {
    const near = (size * FAR) / (FAR - along(back, p));
    return [cx + near * along(right, p), cy - near * along(up, p)];
  };
  const row = (d, by) => [...d.map((v) => v * by), -d[2] * middle * by], depth = row(back, -1 / FAR), lift = 1 - (2 * (cy - box.top)) / box.height;
  depth[3] += 1;
  const rows = [row(right, (2 * size) / box.width), row(up, (2 * size) / box.height).map((v, k) => v + lift * depth[k]), row(back, -1 / 3), depth];
  return { project, right, up, back, eye: [back[0] * FAR, back[1] * FAR, back[2] * FAR + middle], matrix: [0, 1, 2, 3].flatMap((c) => rows.map((r) => r[c])) };
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
  light: { low: [247, 250, 254], high: [128, 166, 210], ink: [44, 72, 108], dim: 0.56, weight: 0.42 },
  dark: { low: [92, 124, 160], high: [34, 46, 62], ink: [190, 212, 238], dim: 0.46, weight: 0.4 },
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
c = mix(c, ink, weight * clamp(1. - d, 0., 1.) * clamp(1.6 - 3.5 * w * ratio, 0., 1.));
vec2 r = min(p, 1. - p) / fwidth(p) / ratio;
o = vec4(mix(c, ink, .8 * clamp(1.7 - min(r.x, r.y), 0., 1.)), 1); }`;

// Draws off screen, to be copied. Null where there is no WebGL2, or where the processor plays the
// graphics card: there the cells below are six times as fast.
function webgl() {
  const sheet = document.createElement("canvas"), gl = sheet.getContext("webgl2");
  if (!gl) return null;
  const close = () => gl.getExtension("WEBGL_lose_context")?.loseContext(), card = gl.getParameter(gl.RENDERER);
  const named = /WebKit/.test(card) ? gl.getParameter(gl.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER) : card;
  if (/swiftshader|llvmpipe|software|basic render/i.test(named)) return close(), null;
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return close(), null;
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  const corners = new Uint32Array(6 * FINE ** 2), at = (name) => gl.getUniformLocation(program, name), place = gl.getAttribLocation(program, "a");
  for (let k = 0; k < FINE ** 2; k++) {
    const a = k + Math.floor(k / FINE), b = a + FINE + 1;
    corners.set([a, a + 1, b + 1, a, b + 1, b], 6 * k);
  }
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, corners, gl.STATIC_DRAW);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
  let loaded;
  const draw = (mesh, cam, box, ratio, theme) => {
    const [w, h] = [Math.round(box.width * ratio), Math.round(box.height * ratio)], look = ground(theme), { s, k, range, most, power } = mesh.scale;
    if (sheet.width !== w || sheet.height !== h) [sheet.width, sheet.height] = [w, h];
    if (loaded !== mesh) gl.bufferData(gl.ARRAY_BUFFER, (loaded = mesh).data, gl.STATIC_DRAW);
    gl.viewport(0, 0, w, h);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(at("M"), false, cam.matrix);
    gl.uniform1i(at("n"), FINE);
    for (const [name, value] of Object.entries({ tall: TALL, k, dim: look.dim, weight: look.weight, ratio })) gl.uniform1f(at(name), value);
    for (const name of ["low", "high", "ink"]) gl.uniform3fv(at(name), look[name].map((c) => c / 255));
    gl.uniform3fv(at("L"), lamp(cam));
    gl.uniform4f(at("S"), s, range, most, power);
    gl.drawElements(gl.TRIANGLES, corners.length, gl.UNSIGNED_INT, 0);
    return sheet;
  };
  return { draw, close, lost: () => gl.isContextLost() };
}

// A colour between the lowest and the highest, shaded; a browser reads a text it knows faster.
const tints = new Map();
function tint({ low, high }, t, shade) {
  const key = (low[0] * 64 + t) * 128 + shade;
  if (!tints.has(key)) tints.set(key, `rgb(${low.map((from, k) => Math.round(((from + ((high[k] - from) * t) / 48) * shade) / 127))})`);
  return tints.get(key);
}

// The same with the canvas alone: cells from the farthest to the nearest, with their level lines.
function paint(ctx, { n, data, scale }, cam, theme) {
  const look = ground(theme), L = lamp(cam), count = (n + 1) ** 2, X = new Float64Array(count), Y = new Float64Array(count), Q = new Float64Array(count);
  for (let j = 0, k = 0; j <= n; j++) for (let i = 0; i <= n; i++, k++) {
    [X[k], Y[k]] = cam.project([(2 * i) / n - 1, (2 * j) / n - 1, TALL * data[3 * k]]);
    Q[k] = scale.level(data[3 * k]);
  }
  const edge = (a, b, level) => {
    const t = (level - Q[a]) / (Q[b] - Q[a]);
    return [X[a] + (X[b] - X[a]) * t, Y[a] + (Y[b] - Y[a]) * t];
  };
  const way = (toward, k) => (toward > 0 ? k : n - 1 - k), [cs, rs] = [0, 1].map((k) => (cam.back[k] > 0 ? 1 : -1)), ink = `rgba(${look.ink},${look.weight})`;
  Object.assign(ctx, { lineCap: "round", lineWidth: 0.9, strokeStyle: ink });
  for (let row = 0; row < n; row++) for (let column = 0; column < n; column++) {
    const a = way(cam.back[1], row) * (n + 1) + way(cam.back[0], column), b = a + 1, c = a + n + 2, d = a + n + 1;
    const mean = (v, by, k) => (v[a * by + k] + v[b * by + k] + v[c * by + k] + v[d * by + k]) / 4, u = mean(data, 3, 1), v = mean(data, 3, 2);
    const dot = (L[2] - u * L[0] - v * L[1]) / Math.hypot(u, v, 1), under = (X[b] - X[a]) * (Y[c] - Y[a]) > (Y[b] - Y[a]) * (X[c] - X[a]);
    const shade = look.dim + (1 - look.dim) * (0.5 + 0.5 * (under ? 0.3 - 0.3 * dot : dot)), t = Math.min(1, mean(Q, 1, 0) / 16);
    // A cell reaches a little under its neighbours still to come, so that no seam shows.
    const cx = X[b] + X[c] - X[a] - X[d], cy = Y[b] + Y[c] - Y[a] - Y[d], rx = X[c] + X[d] - X[a] - X[b], ry = Y[c] + Y[d] - Y[a] - Y[b];
    const f = (0.8 * cs) / (Math.hypot(cx, cy) + 1e-9), g = (0.8 * rs) / (Math.hypot(rx, ry) + 1e-9);
    const corner = (k, right, upper) => {
      const p = right === cs > 0 ? f : 0, q = upper === rs > 0 ? g : 0;
      ctx.lineTo(X[k] + p * cx + q * rx, Y[k] + p * cy + q * ry);
    };
    ctx.fillStyle = tint(look, Math.round(48 * t), Math.round(127 * shade));
    ctx.beginPath();
    corner(a, false, false);
    corner(b, true, false);
    corner(c, true, true);
    corner(d, false, true);
    ctx.fill();
    for (const three of [[a, b, c], [a, c, d]]) {
      const p = Q[a], q = Q[three[1]], r = Q[three[2]], low = Math.ceil(Math.min(p, q, r)), high = Math.floor(Math.max(p, q, r));
      for (let level = low; level <= high && high - low < 2; level++) {
        const ends = three.flatMap((from, k) => ((Q[from] < level) !== (Q[three[(k + 1) % 3]] < level) ? edge(from, three[(k + 1) % 3], level) : []));
        if (ends.length === 4) line(ctx, ...ends);
      }
    }
  }
}
