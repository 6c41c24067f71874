// The package form: a file that is too large is refused before it is sent, and an answer that refuses it appears above the file,
// which stays chosen. Without JavaScript the same answer is a whole page.
const form = document.getElementById("package-form");
const refusal = document.getElementById("package-refusal");
const progress = document.getElementById("package-progress");

const showLost = () => refusal.replaceChildren(document.getElementById("package-lost").content.cloneNode(true));

form.elements.file.addEventListener("change", ({ target }) => {
  const isTooLarge = target.files[0]?.size > Number(target.dataset.maxBytes);
  target.setCustomValidity(isTooLarge ? target.dataset.tooLarge : "");
  target.reportValidity();
});
form.addEventListener("htmx:beforeRequest", () => { refusal.replaceChildren(); progress.hidden = false; });
form.addEventListener("htmx:afterRequest", () => { progress.hidden = true; });
form.addEventListener("htmx:xhr:progress", ({ detail }) => {
  progress.querySelector("[data-progress]").textContent = detail.lengthComputable ? ` ${Math.floor((100 * detail.loaded) / detail.total)} %` : "";
});
form.addEventListener("htmx:sendError", showLost);
form.addEventListener("htmx:timeout", showLost);
form.addEventListener("htmx:beforeSwap", (event) => {
  event.detail.shouldSwap = event.detail.serverResponse.includes('id="package-refusal"');
  if (!event.detail.shouldSwap) showLost();
});
