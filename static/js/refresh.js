// Parts that refresh by themselves never take the reader's place: they wait while the page is hidden, while the keyboard is in
// them or text in them is selected, and say so in their last line; what was unfolded stays unfolded.
const isTimer = (event) => event.detail.elt.getAttribute("hx-trigger")?.startsWith("every");
const isSelected = (part) => { const chosen = getSelection(); return !chosen.isCollapsed && chosen.containsNode(part, true); };
const inUse = (part) => part.matches(":has(:focus-visible, details.confirm[open])") || isSelected(part);

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isTimer(event) && (document.hidden || inUse(event.detail.elt))) event.preventDefault();
});

const tell = () => {
  for (const line of document.querySelectorAll(".refreshed")) {
    const waits = inUse(line.parentElement);
    if (line.classList.toggle("waits", waits) !== (line.textContent === line.dataset.waits)) line.textContent = waits ? line.dataset.waits : line.dataset.goes;
  }
};
for (const name of ["focusin", "focusout", "keyup", "toggle", "selectionchange"]) document.addEventListener(name, () => requestAnimationFrame(tell), true);

const unfolded = (part) => [...part.querySelectorAll("details")].map((fold) => fold.open);
const remembered = new Map();
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!("folds" in part.dataset)) remembered.set(part.id, unfolded(part)); // data-folds: a part whose folds are others each time
});
document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target;
  const before = remembered.get(part.id) ?? [];
  remembered.delete(part.id);
  part.querySelectorAll?.("details").forEach((fold, index) => { if (before[index]) fold.open = true; });
});
