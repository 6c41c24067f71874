// <button data-copy="#id">: copies the text of that element and says so. Hidden without JavaScript.
const reveal = (scope) => scope.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = button.dataset.copyBefore ??= label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    label.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { label.textContent = before; }, 2500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
document.addEventListener("htmx:afterSwap", (event) => reveal(event.target));
reveal(document);
