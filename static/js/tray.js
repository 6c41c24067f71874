// Boxes of models that join the tray (<input data-pick form="tray-compare">): ticking sends what changed, and the boxes always say
// what the tray holds, once every tick was answered. Without JavaScript the boxes belong to the tray's own form.
const waiting = new Set(); // boxes whose tick the server has not answered
const boxes = () => document.querySelectorAll("input[data-pick]");

const sync = () => {
  const tray = document.getElementById("tray");
  if (!tray || waiting.size) return;
  const picked = new Set([...tray.querySelectorAll("[data-picked]")].map((one) => one.dataset.picked));
  for (const box of boxes()) {
    box.checked = picked.has(box.value);
    box.disabled = !box.checked && tray.dataset.room === "0";
    box.removeAttribute("name");
  }
};

document.addEventListener("htmx:configRequest", (event) => {
  const box = event.detail.elt;
  if (!box.matches("input[data-pick]")) return;
  const sent = event.detail.formData;
  for (const name of [...sent.keys()]) sent.delete(name);
  sent.append(box.checked ? "add" : "remove", box.value);
});
document.addEventListener("change", ({ target }) => { if (target.matches("input[data-pick]")) waiting.add(target.value); }, true);
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.elt.matches("input[data-pick]")) return;
  waiting.delete(detail.elt.value);
  setTimeout(sync, 50); // after the swap; also when the server did not answer
});
document.addEventListener("htmx:afterSettle", sync);
sync();
