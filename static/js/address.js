// Addresses that htmx writes leave empty fields out, so that a shared link says only what was chosen.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  const filled = new FormData();
  for (const [name, value] of event.detail.formData.entries()) if (value !== "") filled.append(name, value);
  for (const name of [...event.detail.formData.keys()]) event.detail.formData.delete(name);
  for (const [name, value] of filled.entries()) event.detail.formData.append(name, value);
});
