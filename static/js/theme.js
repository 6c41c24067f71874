// Light or dark by the reader's choice. The cookie lets the server set data-theme before the first paint.
const root = document.documentElement;
const isDark = () => getComputedStyle(root).colorScheme === "dark" ||
  (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);

function choose(theme) {
  root.dataset.theme = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  announce();
}

function announce() {
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isDark()));
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-switch]")) choose(isDark() ? "light" : "dark");
});
announce();
