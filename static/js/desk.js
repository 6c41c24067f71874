// Keys of the curation desk: J and K go through the findings, Enter opens, 1 to 3 act, A assigns, D dismisses, Escape closes, ? shows the
// keys. Each key follows a link or presses a button that is there without it.
const list = document.querySelector("[data-desk]");
const keys = document.querySelector("[data-desk-keys]");
const filter = document.querySelector("[data-desk-filter]");

const rows = () => [...list.querySelectorAll(".desk-row")];
const isTyping = (target) => target.isContentEditable || target.matches("input, textarea, select");

function go(step) {
  const all = rows();
  if (!all.length) return;
  const open = all.findIndex((row) => row.getAttribute("aria-expanded") === "true");
  const focused = all.indexOf(document.activeElement);
  const from = focused >= 0 ? focused : open;
  const place = from < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, from + step));
  all[place].focus();
  all[place].scrollIntoView({ block: "nearest" });
}

function press(key) {
  const control = list.querySelector(`[data-key="${CSS.escape(key)}"]`);
  control?.click();
  return Boolean(control);
}

function answer(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && press("Escape")) { event.preventDefault(); return; }
  if (isTyping(event.target)) return;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  if (key === "J") go(1);
  else if (key === "K") go(-1);
  else if (key === "?") keys.hidden = !keys.hidden;
  else if (key === "Escape") list.querySelector(".is-open .desk-row")?.click();
  else if (!/^[123AD]$/.test(key) || !press(key)) return;
  event.preventDefault();
}

function focus() {
  const typed = list.querySelector(".desk-form :is(textarea, select, input:not([type=hidden]))");
  if (typed) typed.focus();
  else list.querySelector(".is-open .desk-row")?.focus({ preventScroll: true });
}

if (list) {
  keys.hidden = false;
  document.addEventListener("keydown", answer);
  // After the browser has gone to the address's fragment, which takes the focus away.
  addEventListener("load", () => requestAnimationFrame(focus));
}
filter?.addEventListener("change", () => filter.requestSubmit());
