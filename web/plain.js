// What a label may hold here: its text. Markup is not interpreted.
export default function plain(source) {
  const box = document.createElement('div');
  box.textContent = source;
  return box.innerHTML;
}
