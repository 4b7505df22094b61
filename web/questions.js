// Makes a form of each question that questions.py wrote: controls, a button, an answer that is
// spoken as well as shown. Nothing is stored and nothing is sent.

// The number in a reader's words: 1,375 · 0,5 · 1/50 · −2e-3. NaN for anything else.
export function readNumber(text) {
  const plain = text.replace(/[\s_]/g, '').replace(/[−–]/g, '-');
  const [above, below, ...more] = plain.split('/').map(readPlain);
  if (more.length) return NaN;
  return below === undefined ? above : above / below;
}

function readPlain(text) {
  // the book writes 1,375 for a thousand and more; any other comma is a decimal one
  const thousands = /^[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(text);
  const number = thousands ? text.replaceAll(',', '') : text.replace(',', '.');
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(number) ? Number(number) : NaN;
}

// Index of the first [value, tolerance] that the number meets; null stands for all others.
export function matching(number, numbers) {
  // a hair more than the tolerance, for what decimals lose in binary
  const near = ([value, tolerance]) =>
    Math.abs(number - value) <= tolerance + 1e-12 * Math.abs(value);
  return numbers.findIndex((entry) => entry === null || near(entry));
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Copies of what is folded away in the answer, without the ids that must stay unique.
function copies(nodes) {
  return [...nodes].map((node) => {
    const copy = node.cloneNode(true);
    for (const part of [copy, ...(copy.querySelectorAll?.('[id]') ?? [])])
      part.removeAttribute?.('id');
    return copy;
  });
}

function setUp(form) {
  const { kind, unit } = form.dataset;
  const body = form.querySelector('fieldset');
  const answer = form.querySelector('details');
  const reasons = [...answer.querySelectorAll(':scope > :is(ol, ul) > li')];
  const numbers = JSON.parse(form.dataset.numbers ?? '[]');
  const items = [...body.querySelectorAll(':scope > .question-options > li')];

  const choices = items.map((item, i) => {
    const type = kind === 'several' ? 'checkbox' : 'radio';
    const input = make('input', { type, name: form.id, value: i });
    const label = make('label', {}, input, make('span', {}, ...item.firstElementChild.childNodes));
    item.replaceChildren(label);
    return { input, label };
  });
  const field = make('input', { type: 'text', inputMode: kind === 'number' ? 'decimal' : 'text' });
  if (!choices.length) {
    const name = make('span', { textContent: kind === 'guess' ? 'Your guess' : 'Your answer' });
    const label = make('label', { className: 'question-field' }, name, field);
    if (unit) label.append(make('span', { textContent: unit }));
    body.append(label);
  }
  const button = make('button', {
    type: 'submit',
    textContent: kind === 'guess' ? 'Show the answer' : 'Check',
  });
  const result = make('div', { className: 'question-result' });
  result.setAttribute('role', 'status');
  result.setAttribute('aria-live', 'polite');
  body.append(button, result);
  form.classList.add('question-live');

  const right = (i) => reasons[i].classList.contains('question-right');

  // A mark beside an option is words too, and part of the option's name.
  function mark(i) {
    const [className, textContent] = right(i)
      ? ['question-right', '✓ right']
      : ['question-wrong', '✗ not right'];
    choices[i].label.append(make('strong', { className: `question-mark ${className}`, textContent }));
  }

  function clear() {
    result.replaceChildren();
    for (const mark of form.querySelectorAll('.question-mark')) mark.remove();
  }

  function say(...parts) {
    result.replaceChildren(...parts);
    window.MathJax?.startup?.promise?.then(() => window.MathJax.typesetPromise([result]));
  }

  const hint = (text) => say(make('p', { textContent: text }));
  const reason = (i) =>
    make('div', { className: reasons[i].className }, ...copies(reasons[i].childNodes));

  function checkSeveral(chosen) {
    const wrong = chosen.filter((i) => !right(i)).length;
    const missing = reasons.filter((_, i) => right(i) && !chosen.includes(i)).length;
    const verdict = [
      wrong ? `${wrong} of your ${chosen.length} not right` : '',
      missing ? `${missing} right one${missing > 1 ? 's' : ''} missing` : '',
    ].filter(Boolean);
    const list = make('ol', { className: 'loweralpha' });
    for (const i of chosen) {
      const item = make('li', { value: i + 1, className: reasons[i].className });
      item.append(...copies(reasons[i].childNodes));
      list.append(item);
    }
    const text = verdict.length ? `Not yet: ${verdict.join(', ')}.` : 'Right, all of them.';
    say(make('p', {}, make('strong', { textContent: text })), list);
  }

  function check() {
    const chosen = choices.flatMap(({ input }, i) => (input.checked ? [i] : []));
    const typed = field.value.trim();
    if (choices.length && !chosen.length) return hint('Choose first.');
    if (!choices.length && !typed)
      return hint(kind === 'guess' ? 'A guess first. A wild one will do.' : 'Type a number first.');
    if (kind === 'guess') {
      const guess = chosen.length ? choices[chosen[0]].label.children[1] : new Text(typed);
      const [words] = copies([guess]);
      const after = new Text(!chosen.length && unit ? ` ${unit}` : '');
      return say(
        make('p', {}, make('strong', { textContent: 'Your guess: ' }), words, after),
        ...copies([...answer.childNodes].slice(1)),
      );
    }
    if (kind === 'number') {
      const number = readNumber(typed);
      if (!Number.isFinite(number)) return hint(`“${typed}” is not a number. Try 12, 0.5 or 2e-3.`);
      say(reason(matching(number, numbers)));
    } else {
      chosen.forEach(mark);
      if (kind === 'several') checkSeveral(chosen);
      else say(reason(chosen[0]));
    }
    form.classList.add('question-tried');
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    clear();
    check();
  });
  form.addEventListener('input', clear);
}

if (typeof document !== 'undefined')
  for (const form of document.querySelectorAll('form.question')) setUp(form);
