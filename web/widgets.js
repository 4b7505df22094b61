// The widget manager of a static page. It revives the ipywidgets whose state the notebook left in
// the page, with no kernel, no loader and no address but this script's own folder.
import * as base from '@jupyter-widgets/base';
import * as controls from '@jupyter-widgets/controls';
import { ManagerBase } from '@jupyter-widgets/base-manager';
import { Widget } from '@lumino/widgets';
import '@jupyter-widgets/controls/css/labvariables.css';
import '@jupyter-widgets/controls/css/widgets-base.css';
import { nameControls } from './accessible.js';

const folder = document.currentScript.src.replace(/[^/]*$/, '');

// Labels with TeX in them go to MathJax 3, which may still be on its way.
window.bookTypeset = ([, , element]) => {
  if (!/\\\(|\\\[|\$\$/.test(element.textContent)) return;
  window.MathJax?.startup?.promise?.then(() => window.MathJax.typesetPromise([element]));
};

// anywidget ships as an AMD module with one dependency: a `define` for the time of its loading.
let anywidget;
function loadAnywidget() {
  anywidget ??= new Promise((resolve, reject) => {
    const modules = { '@jupyter-widgets/base': base };
    window.define = (names, factory) => resolve(factory(...names.map((name) => modules[name])));
    window.define.amd = {};
    const script = document.createElement('script');
    script.src = `${folder}anywidget.js`;
    script.onload = () => delete window.define;
    script.onerror = () => reject(new Error(`${script.src} did not load`));
    document.head.append(script);
  });
  return anywidget;
}

const MODULES = {
  '@jupyter-widgets/base': () => base,
  '@jupyter-widgets/controls': () => controls,
  anywidget: loadAnywidget,
};

class PageManager extends ManagerBase {
  async loadClass(name, module) {
    if (!MODULES[module]) throw new Error(`${module} is not part of this book's pages`);
    return (await MODULES[module]())[name];
  }

  // There is no kernel: comms open, and say nothing.
  async _get_comm_info() {
    return {};
  }

  async _create_comm() {
    return { on_close() {}, on_msg() {}, close() {}, send() {} };
  }
}

async function revive() {
  for (const state of document.querySelectorAll(`script[type$="jupyter.widget-state+json"]`)) {
    const manager = new PageManager();
    await manager.set_state(JSON.parse(state.textContent));
    const places = document.querySelectorAll(`script[type$="jupyter.widget-view+json"]`);
    await Promise.all([...places].map((place) => show(manager, place)));
  }
  document.documentElement.dataset.widgets = 'ready';
}

async function show(manager, place) {
  const { model_id: id } = JSON.parse(place.textContent);
  if (!manager.has_model(id)) return;
  const view = await manager.create_view(await manager.get_model(id));
  const box = document.createElement('div');
  box.className = 'widget-subarea';
  place.before(box);
  Widget.attach(view.luminoWidget, box);
}

nameControls(controls);
revive();
