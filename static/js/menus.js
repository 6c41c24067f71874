// Open <details class="menu"> close on Escape and on a click elsewhere.
const openMenus = () => document.querySelectorAll("details.menu[open]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

// Wide screens show the filters opened; a phone keeps them folded. The markup is open, so no script means visible.
const wide = matchMedia("(min-width: 56rem)");
const fold = () => document.querySelectorAll("details[data-open-wide]").forEach((d) => { d.open = wide.matches; });
wide.addEventListener("change", fold);
fold();

// [data-submit-on-change]: filters and sort apply at once where the form is not driven by htmx.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit-on-change]");
  if (form) form.requestSubmit();
});
document.documentElement.classList.add("js");
