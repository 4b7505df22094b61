// Pages of the book in Firefox: `node firefox.mjs FIREFOX ADDRESS PAGE…`
// One line of JSON a page: what the console said, and for each figure whether its slider moved it.
import { createRequire } from "node:module";

const { launch } = createRequire(new URL("../../web/package.json", import.meta.url))("puppeteer-core");
const [firefox, address, ...pages] = process.argv.slice(2);

// what a figure shows beside its controls: how often it drew, and the numbers it prints
const shown = (area) =>
  [
    ...[...area.querySelectorAll("[data-n]")].map((e) => e.dataset.n),
    ...[...area.querySelectorAll("table, output, [role=status]")].map((e) => e.textContent),
  ].join("|");

const ready = () => {
  const state = document.querySelector('script[type$="jupyter.widget-state+json"]');
  return !state || document.documentElement.dataset.widgets === "ready";
};

async function moves(page, figure) {
  for (const handle of await figure.$$(".widget-slider .noUi-handle")) {
    if (!(await handle.isVisible())) continue;
    await handle.evaluate((e) => e.scrollIntoView({ block: "center", behavior: "instant" }));
    await page.waitForFunction((e) => e.querySelector("[data-n]"), {}, figure);
    await new Promise((done) => setTimeout(done, 200));
    const last = await handle.evaluate((e) => e.ariaValueNow === e.ariaValueMax);
    return answers(figure, async () => {
      await handle.focus();
      await page.keyboard.press(last ? "ArrowLeft" : "ArrowRight");
    });
  }
  for (const menu of await figure.$$(".live-control select")) {
    await menu.evaluate((e) => e.scrollIntoView({ block: "center", behavior: "instant" }));
    await page.waitForFunction((e) => e.querySelector("[data-n]"), {}, figure);
    return answers(figure, () =>
      menu.evaluate((e) => {
        e.selectedIndex = (e.selectedIndex + 1) % e.options.length;
        e.dispatchEvent(new Event("change", { bubbles: true }));
      }),
    );
  }
  return null; // nothing to move
}

// Whether the figure shows something else within two seconds of what was done.
async function answers(figure, act) {
  const before = await figure.evaluate(shown);
  await act();
  for (let i = 0; i < 20; i++) {
    await new Promise((done) => setTimeout(done, 100));
    if ((await figure.evaluate(shown)) !== before) return true;
  }
  return false;
}

const browser = await launch({ browser: "firefox", executablePath: firefox, headless: true });
try {
  for (const name of pages) {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 900 });
    const said = [];
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) said.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => said.push(`uncaught: ${error.message}`));
    await page.goto(address + name, { waitUntil: "load" });
    await page.waitForFunction(ready);
    const figures = {};
    for (const live of await page.$$(".live")) {
      const name = await live.evaluate((e) => e.id || e.getAttribute("aria-label") || "figure");
      const area = await live.evaluateHandle((e) => e.closest(".widget-subarea, .cell_output, body"));
      figures[`${name} ${Object.keys(figures).length + 1}`] = await moves(page, area.asElement());
    }
    console.log(JSON.stringify({ page: name, said, figures }));
    await page.close();
  }
} finally {
  await browser.close();
}
