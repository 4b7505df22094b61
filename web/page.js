// For every page, before the theme's own scripts.

// From file:// a page may not fetch its neighbours: search lists titles without summaries there.
if (location.protocol === 'file:' && typeof DOCUMENTATION_OPTIONS !== 'undefined')
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// Whatever scrolls sideways can be reached by keyboard, and says so at its edge.
function reachScrollers() {
  const wide = ['pre', '.pst-scrollable-table-container', 'div.math', 'figure.can-grow'];
  for (const box of document.querySelectorAll(wide.map((kind) => `.bd-article ${kind}`))) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    box.classList.toggle('scrolls', scrolls);
    if (scrolls) box.tabIndex = 0;
    else if (box.getAttribute('tabindex') === '0') box.removeAttribute('tabindex');
  }
}

// A picture that a narrow page makes small can be enlarged; it then scrolls in its frame.
function letFiguresGrow() {
  for (const picture of document.querySelectorAll('.bd-article figure > img')) {
    const figure = picture.parentElement;
    const button = document.createElement('button');
    const say = () => {
      const grown = figure.classList.contains('grown');
      button.textContent = grown ? 'Fit to the page' : 'Enlarge';
      reachScrollers();
    };
    button.type = 'button';
    button.className = 'enlarge';
    button.addEventListener('click', () => {
      figure.classList.toggle('grown');
      say();
    });
    figure.classList.add('can-grow');
    picture.after(button);
    say();
  }
}

// A comma after a formula belongs to its line, and so does a bracket before it.
function keepPunctuation() {
  const text = (node) => (node?.nodeType === Node.TEXT_NODE ? node.data : '');
  for (const formula of document.querySelectorAll('span.math > mjx-container')) {
    const holder = formula.parentElement;
    const { previousSibling, nextSibling } = holder;
    const [before] = /[(“‘]*$/.exec(text(previousSibling));
    const [after] = /^[,.;:?!)’”]*/.exec(text(nextSibling));
    if (!before && !after) continue;
    const together = document.createElement('span');
    together.style.whiteSpace = 'nowrap';
    holder.before(together);
    if (before) previousSibling.data = previousSibling.data.slice(0, -before.length);
    if (after) nextSibling.data = nextSibling.data.slice(after.length);
    together.append(before, holder, after);
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
  letFiguresGrow();
  unfold();
  reachScrollers();
  window.MathJax?.startup?.promise?.then(() => {
    keepPunctuation();
    reachScrollers();
  });
});
addEventListener('hashchange', unfold);
addEventListener('resize', reachScrollers);
