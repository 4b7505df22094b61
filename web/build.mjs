// Bundles the book's browser side into a folder that the Sphinx extension hands to the pages.
// Called by tools/bundle.py as: node build.mjs OUT ANYWIDGET
//   OUT        the folder to fill (everything in it is replaced)
//   ANYWIDGET  anywidget's own browser file, from its pip package
import * as esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const [out, anywidget] = process.argv.slice(2);
const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const modules = path.join(here, 'node_modules');

fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });

// The widget manager: one classic script and one style sheet, for pages that hold widgets.
await esbuild.build({
  absWorkingDir: here,
  entryPoints: [path.join(here, 'widgets.js')],
  outfile: path.join(out, 'widgets.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2020',
  legalComments: 'linked',
  logLevel: 'warning',
  // labels are text of ours: a sanitizer with a CSS parser inside is not needed (widgets.js)
  alias: { 'sanitize-html': path.join(here, 'plain.js') },
  define: {
    'process.env.NODE_ENV': '"production"',
    global: 'window',
    // ipywidgets speaks MathJax 2; the pages carry MathJax 3 (see widgets.js)
    'MathJax.Hub.Queue': 'window.bookTypeset',
    'MathJax.Hub': 'undefined',
  },
});

// Small things for every page.
for (const name of ['page.js', 'theme.css', 'questions.js', 'questions.css'])
  await esbuild.build({
    entryPoints: [path.join(here, name)],
    outfile: path.join(out, name),
    bundle: true,
    minify: true,
    target: 'es2020',
    logLevel: 'warning',
    external: ['*.woff2', '*.svg'],
  });

// anywidget gives a figure 2 s to start and then shows an error in its place. A phone that opens a
// page of six may need longer: a minute, then.
const [limit, patience] = ['AbortSignal.timeout(2e3)', 'AbortSignal.timeout(6e4)'];
const parts = fs.readFileSync(anywidget, 'utf8').split(limit);
if (parts.length !== 2)
  throw new Error(`${anywidget}: expected ${limit} once, found it ${parts.length - 1} times`);
fs.writeFileSync(path.join(out, 'anywidget.js'), parts.join(patience));

const fonts = path.join(modules, '@fontsource/source-serif-4');
fs.mkdirSync(path.join(out, 'fonts'));
for (const subset of ['latin', 'greek'])
  for (const style of ['400-normal', '400-italic', '600-normal']) {
    const file = `source-serif-4-${subset}-${style}.woff2`;
    fs.copyFileSync(path.join(fonts, 'files', file), path.join(out, 'fonts', file));
  }

const mathjax = path.join(modules, 'mathjax/es5');
const woff = 'output/chtml/fonts/woff-v2';
fs.mkdirSync(path.join(out, 'mathjax'));
fs.copyFileSync(path.join(mathjax, 'tex-chtml.js'), path.join(out, 'mathjax/tex-chtml.js'));
fs.cpSync(path.join(mathjax, woff), path.join(out, 'mathjax', woff), { recursive: true });

// Licences travel with what they cover.
const licences = {
  'mathjax/LICENSE': path.join(modules, 'mathjax/LICENSE'),
  'fonts/LICENSE': path.join(fonts, 'LICENSE'),
};
for (const [to, from] of Object.entries(licences)) fs.copyFileSync(from, path.join(out, to));

for (const name of ['widgets.js', 'widgets.css', 'page.js', 'theme.css', 'anywidget.js']) {
  const bytes = fs.readFileSync(path.join(out, name));
  const kb = (n) => `${(n / 1000).toFixed(0)} KB`;
  console.log(`${name}: ${kb(bytes.length)}, ${kb(gzipSync(bytes, { level: 9 }).length)} gzipped`);
}
