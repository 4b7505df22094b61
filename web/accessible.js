// ipywidgets leaves slider handles, readouts and Play buttons without names, and a logarithmic
// slider announces its exponent. A screen reader should hear "step size, 0.01".

let count = 0;

function labelOf(view) {
  view.label.id ||= `slider-label-${++count}`;
  return view.label.id;
}

function nameSlider(view) {
  const handles = view.$slider.querySelectorAll('.noUi-handle');
  for (const handle of handles) {
    handle.setAttribute('aria-labelledby', labelOf(view));
    if (handles.length > 1)
      handle.setAttribute('aria-description', handle === handles[0] ? 'lower end' : 'upper end');
  }
  // noUiSlider writes the position; what the reader sees is the readout
  const say = () => {
    const ends = view.readout.textContent.split(/\s[–-]\s/);
    handles.forEach((handle, i) => {
      const text = ends[Math.min(i, ends.length - 1)];
      if (text && text !== handle.getAttribute('aria-valuetext'))
        handle.setAttribute('aria-valuetext', text);
    });
  };
  view.$slider.noUiSlider.on('update', say);
  say();
  view.listenTo(view.model, 'change', () => queueMicrotask(say));

  view.readout.setAttribute('role', 'textbox');
  view.readout.setAttribute('aria-label', `${view.model.get('description')}, value`);
}

function namePlay(view) {
  const name = (button, text) => {
    button.title = text;
    button.setAttribute('aria-label', text);
  };
  const say = () =>
    name(view.playPauseButton, view.model.get('playing') ? 'Pause' : 'Play');
  name(view.stopButton, 'Stop and go back to the start');
  name(view.repeatButton, 'Repeat');
  view.listenTo(view.model, 'change:playing', say);
  say();
}

export function nameControls({ BaseIntSliderView, SelectionSliderView, PlayView }) {
  const families = [
    [BaseIntSliderView, nameSlider],
    [SelectionSliderView, nameSlider],
    [PlayView, namePlay],
  ];
  for (const [View, name] of families) {
    const { render } = View.prototype;
    View.prototype.render = function () {
      render.call(this);
      name(this);
    };
  }
}
