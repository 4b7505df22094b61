// For every page, before the theme's own scripts.

// From file:// a page may not fetch its neighbours: search lists titles without summaries there.
if (location.protocol === 'file:' && typeof DOCUMENTATION_OPTIONS !== 'undefined')
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Whatever scrolls sideways can be reached by keyboard.
function reachScrollers() {
  const wide = '.bd-article pre, .bd-article .pst-scrollable-table-container, .bd-article div.math';
  for (const box of document.querySelectorAll(wide)) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls) box.tabIndex = 0;
    else if (box.getAttribute('tabindex') === '0') box.removeAttribute('tabindex');
  }
}

// A comma after a formula belongs to its line.
function keepPunctuation() {
  for (const formula of document.querySelectorAll('span.math > mjx-container')) {
    const holder = formula.parentElement;
    const next = holder.nextSibling;
    const mark = next?.nodeType === Node.TEXT_NODE && /^[,.;:?!)’”]+/.exec(next.data);
    if (!mark) continue;
    const together = document.createElement('span');
    together.style.whiteSpace = 'nowrap';
    holder.before(together);
    next.data = next.data.slice(mark[0].length);
    together.append(holder, mark[0]);
  }
}

// A link to something folded unfolds it.
function unfold() {
  const place = document.getElementById(location.hash.slice(1));
  const fold = place?.closest('details:not([open])');
  if (!fold) return;
  fold.open = true;
  place.scrollIntoView();
}

addEventListener('load', () => {
  unfold();
  reachScrollers();
  window.MathJax?.startup?.promise?.then(() => {
    keepPunctuation();
    reachScrollers();
  });
});
addEventListener('hashchange', unfold);
addEventListener('resize', reachScrollers);
