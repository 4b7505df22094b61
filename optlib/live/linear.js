// A rule that is linear in theta and g, on one curvature at a time: the matrix of one step, read off
// the rule itself, its factor, the path it makes, and the words for all that.

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

// What the eigenvalues of a matrix with two rows are.
function nature(m) {
  const half = (m[0][0] + m[1][1]) / 2, root = half * half - (m[0][0] * m[1][1] - m[0][1] * m[1][0]);
  return Math.abs(root) < 1e-6 ? "repeated" : root < 0 ? "complex" : "real";
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

// Where f, with one valley from a to b, is least: golden sections.
function golden(f, a, b, count = 70) {
  const part = (Math.sqrt(5) - 1) / 2;
  let c = b - part * (b - a), d = a + part * (b - a), low = f(c), high = f(d);
  for (let n = 0; n < count; n++) {
    if (low <= high) {
      [b, d, high] = [d, c, low];
      low = f((c = b - part * (b - a)));
    } else {
      [a, c, low] = [c, d, high];
      high = f((d = a + part * (b - a)));
    }
  }
  return (a + b) / 2;
}

// ---- words and places

const counted = (v) => (Number.isInteger(v) ? grouped(v) : short(v));

const needed = (rho) => (rho >= 1 ? "never" : rho === 0 ? "1" : grouped(Math.ceil(Math.log(1e-6) / (2 * Math.log(rho)) - 1e-9)));

// Five digits: 1.9998 is not 2, nor 0.9998 one; what is zero but for rounding is zero.
const fine = (v) => (Math.abs(v) < 1e-9 ? "0" : Math.abs(v) < 1e-3 || Math.abs(v) >= 1e5 ? short(v) : String(+v.toPrecision(5)).replace("-", "−"));

// Points of a curve at most three pixels apart.
function dotted(curve) {
  const points = [curve[0]];
  for (const [x, y] of curve) {
    const [a, b] = points.at(-1), count = Math.floor(Math.hypot(x - a, y - b) / 3);
    for (let k = 1; k <= count; k++) points.push([a + (k / count) * (x - a), b + (k / count) * (y - b)]);
  }
  return points;
}

// A place near (x, y) for a text of this size where no curve runs: {left, top}, inside the box.
// curves are lists of pixels [x, y]; a near free place is taken, or else the least crowded.
function freePlace(x, y, width, height, box, curves) {
  const pad = 4, points = curves.flatMap(dotted);
  let found = null;
  for (const dy of [14, 22, 32, 44, 58, 74, 92]) {
    for (const dx of [14, 26, 42, 62, 90]) {
      for (const [left, top] of [[x - dx - width, y - dy - height], [x + dx, y - dy - height], [x + dx, y + dy], [x - dx - width, y + dy], [x + dx, y - height / 2], [x - dx - width, y - height / 2], [x - width / 2, y - dy - height], [x - width / 2, y + dy]]) {
        if (left < box.left + pad || left + width > box.left + box.width - pad || top < box.top + pad || top + height > box.top + box.height - pad) continue;
        const hits = points.filter(([a, b]) => a > left - pad && a < left + width + pad && b > top - pad && b < top + height + pad).length;
        const far = Math.hypot(Math.max(left - x, 0, x - left - width), Math.max(top - y, 0, y - top - height));
        if (!found || hits < found.hits || (hits === found.hits && far < found.far)) found = { left, top, hits, far };
        if (!found.hits) return found;
      }
    }
  }
  return found || { left: x, top: y, hits: 0, far: 0 };
}

// {panel: box} and the height of all: two to a row where there is room. A row with one of `tall` in
// it is higher; above[panel] is room above it.
function inRows(show, width, tall, above = {}) {
  const wide = width >= 600, rows = [], boxes = {};
  for (let k = 0; k < show.length; ) rows.push(show.slice(k, (k += wide ? 2 : 1)));
  let top = 0;
  for (const row of rows) {
    const extra = Math.max(...row.map((name) => above[name] || 0)), room = width / row.length, high = row.some((name) => tall.includes(name));
    const height = Math.round(wide ? (high || row.length === 1 ? Math.min(370, Math.max(290, width * 0.42)) : Math.min(290, width * 0.32)) : high ? Math.min(400, width * 0.86) : Math.min(300, width * 0.66));
    row.forEach((name, k) => (boxes[name] = { left: Math.round(k * room) + 58, top: top + 10 + extra, width: Math.round(room) - 74, height: height - 52 }));
    top += height + extra;
  }
  return { boxes, height: top };
}
