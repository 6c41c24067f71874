// Parts that refresh by themselves never take the reader's place: not while hidden, not under the focus,
// and what was unfolded stays unfolded.
const isTimer = (event) => event.detail.elt.getAttribute("hx-trigger")?.startsWith("every");
const inUse = (part) => part.contains(document.activeElement) || part.matches(":has(details.confirm[open])");

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isTimer(event) && (document.hidden || inUse(event.detail.elt))) event.preventDefault();
});

const unfolded = (part) => [...part.querySelectorAll("details")].map((fold) => fold.open);
const remembered = new Map();
document.addEventListener("htmx:beforeSwap", (event) => remembered.set(event.detail.target.id, unfolded(event.detail.target)));
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target;
  const before = remembered.get(part.id) ?? [];
  remembered.delete(part.id);
  part.querySelectorAll?.("details").forEach((fold, index) => { if (before[index]) fold.open = true; });
});
