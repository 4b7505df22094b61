// A broken training run beside a healthy one: four plots, four diagnoses to choose from. TIMES,
// HEALTHY and PATIENTS are written by Python. What was tried is kept in memo, never in a link.

const PANELS = [["loss", "loss (dotted: test)"], ["gradient", "norm of the gradient"], ["ratio", "step / weights"], ["moved", "share that moves"]];
const BROKEN = ["#c44e00", "#ff9a5c"], WELL = ["#4a4a4a", "#d6d6d6"], MENDED = ["#007a5a", "#2fc99a"];

function compute(spec, get, memo) {
  const run = get("run"), k = spec.choices.run.indexOf(run), patient = PATIENTS[k];
  const tried = ((memo.tried ||= {})[run] ||= []), solved = tried.includes(patient.right);
  const options = [patient.right, ...Object.keys(patient.others)].sort();
  const cast = [["healthy run", HEALTHY, WELL, [7, 4]], [run, patient.broken, BROKEN, []]];
  if (solved && patient.repaired) cast.push(["repaired", patient.repaired, MENDED, [2, 3]]);
  const next = spec.choices.run[(k + 1) % PATIENTS.length];
  return { run, next, patient, tried, solved, options, cast, last: tried.at(-1), memo };
}

// Two by two where there is room, else one above the other.
function places(width) {
  const wide = width >= 560, columns = wide ? 2 : 1, height = wide ? 190 : 168, room = width / columns;
  const boxes = PANELS.map((_, k) => ({ left: (k % columns) * room + 58, top: Math.floor(k / columns) * height + 10, width: room - 74, height: height - 52 }));
  return { boxes, height: (height * PANELS.length) / columns };
}

const axisOf = (cast, keys, name) => ({ ...decadesAround(cast.flatMap(([, result]) => keys.map((key) => result[key])), Infinity), name });

function drawPanel(ctx, { cast }, { theme }, box, [key, name]) {
  const keys = key === "loss" ? ["loss", "test_loss"] : [key];
  const { X, Y } = axes(ctx, box, { low: 0, high: TIMES.at(-1), name: "step" }, axisOf(cast, keys, name), theme, { grid: true });
  inside(ctx, box, () => {
    ctx.lineJoin = "round";
    for (const [, result, pair, dash] of cast) {
      ctx.strokeStyle = pair[+theme.dark];
      for (const curve of keys) {
        ctx.lineWidth = curve === "test_loss" ? 1.4 : 2;
        ctx.setLineDash(curve === "test_loss" ? [1.5, 3] : dash);
        polyline(ctx, TIMES.length, (k) => X(TIMES[k]), (k) => Y(Math.max(result[curve][k], 1e-12)));
      }
    }
  });
}

// ---- the diagnoses: buttons, and what is said to each

function sheetOf(node, set) {
  const group = element("div", { class: "live-lines", role: "group", "aria-label": "Diagnoses" });
  const answer = element("p", { class: "live-result", role: "status" }), count = element("span", { class: "live-note" });
  const sheet = { group, answer, count, run: null }, on = button("Next run", () => set({ run: sheet.next }), { class: "live-edge" });
  node.replaceChildren(element("p", { class: "live-ask" }, "What is wrong with it?"), group, answer, element("div", { class: "live-bar" }, on, count));
  return sheet;
}

function showDiagnoses(node, data, set, ask) {
  const sheet = (node.sheet ||= sheetOf(node, set)), { run, patient, tried, solved, options } = data;
  sheet.next = data.next;
  if (sheet.run !== run) {
    sheet.run = run;
    sheet.group.replaceChildren(...options.map((words) => button(words, () => {
      data.memo.tried[run].push(words);
      ask();
    }, { class: "live-edge live-choice" })));
  }
  options.forEach((words, k) => {
    const seen = tried.includes(words), one = sheet.group.children[k], mark = !seen ? "" : words === patient.right ? "✓ " : "✗ ";
    one.setAttribute("aria-pressed", seen);
    if (one.textContent !== mark + words) one.textContent = mark + words;
    one.disabled = solved && !seen;
  });
  const said = !data.last ? "" : solved ? `Yes. ${patient.why}` : `No. ${patient.others[data.last]}`;
  if (sheet.answer.textContent !== said) sheet.answer.textContent = said;
  const found = Object.entries(data.memo.tried).filter(([name, list]) => list.includes(PATIENTS[indexOf(name)].right));
  const first = found.filter(([, list]) => list.length === 1).length;
  sheet.count.textContent = found.length ? `${found.length} of ${PATIENTS.length} found, ${first} at the first try.` : "";
}

const indexOf = (name) => +name.split(" ").at(-1) - 1;

const clinic = (spec) => ({
  compute: (get, memo) => compute(spec, get, memo),
  height: (width) => places(width).height,
  draw(ctx, data, view) {
    const { boxes } = places(view.width);
    PANELS.forEach((panel, k) => drawPanel(ctx, data, view, boxes[k], panel));
  },
  describe({ cast, solved, patient }) {
    const ends = cast.map(([name, r]) => `${name}: training loss ${short(r.loss.at(-1))}, test loss ${short(r.test_loss.at(-1))}, gradient from ${short(r.gradient[0])} to ${short(r.gradient.at(-1))}, step over weights from ${short(r.ratio[0])} to ${short(r.ratio.at(-1))}, share that moves ${short(r.moved.at(-1))}`);
    return `At step ${TIMES.at(-1)}: ${ends.join("; ")}.${solved ? ` ${patient.right}.` : ""}`;
  },
  series({ cast }, { theme }) {
    const row = ([label, r, pair, dash]) => ({ key: label, label, on: true, colour: pair[+theme.dark], dash, cells: [short(r.loss.at(-1)), short(r.test_loss.at(-1)), `${short(+(100 * r.accuracy).toPrecision(3))} %`] });
    return { head: ["run", "training loss", "test loss", "test accuracy"], series: cast.map(row) };
  },
  panel: showDiagnoses,
  table: ({ cast }) => ({
    head: ["step", ...cast.flatMap(([name]) => ["loss", "test loss", "gradient", "step / weights", "share that moves"].map((what) => `${name}: ${what}`))],
    rows: TIMES.map((t, k) => [t, ...cast.flatMap(([, r]) => ["loss", "test_loss", "gradient", "ratio", "moved"].map((key) => r[key][k]))]),
  }),
});

export { compute };
export default liveFigure(clinic);
