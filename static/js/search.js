// The search box of the header: "/" and Ctrl-K focus it; what is typed brings suggestions (a listbox; the box keeps the focus, arrows
// choose, Enter follows, Escape closes). Without JavaScript it is a plain form.
const form = document.querySelector("form[data-suggest]");
const PAUSE_MS = 120;
const GIVE_UP_MS = 4000;

const isTyping = (target) => target.isContentEditable || target.matches("input, textarea, select");

function combobox() {
  const box = form.elements.q;
  const list = document.getElementById("suggest");
  const status = form.querySelector("[data-suggest-status]");
  let timer = 0;
  let asking = null;
  let shown = null; // the text that the list is about

  const options = () => [...list.querySelectorAll("[role=option]")];
  const active = () => list.querySelector("[aria-selected=true]");

  const choose = (option) => {
    active()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) box.setAttribute("aria-activedescendant", option.id);
    else box.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    clearTimeout(timer);
    asking?.abort();
    choose(null);
    list.hidden = true;
    shown = null;
    box.setAttribute("aria-expanded", "false");
  };
  const show = (markup, text) => {
    list.innerHTML = markup;
    options().forEach((option, place) => { option.id = `suggest-${place}`; option.setAttribute("aria-selected", "false"); });
    list.hidden = !options().length;
    shown = text;
    box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = options().length ? `${options().length} suggestions` : "";
  };

  async function ask() {
    const text = box.value.trim();
    if (text === shown) return;
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const late = setTimeout(() => asking.abort(), GIVE_UP_MS);
    try {
      const answer = await fetch(`${form.dataset.suggest}?${new URLSearchParams({ q: text })}`, { signal, headers: { "X-Requested-With": "fetch" } });
      const isList = answer.ok && !answer.redirected;
      if (isList && document.activeElement === box) show(await answer.text(), text);
    } catch { /* a newer question, or no answer: the form still searches */ } finally {
      clearTimeout(late);
    }
  }
  const askSoon = (pause = PAUSE_MS) => { clearTimeout(timer); timer = setTimeout(ask, pause); };

  const move = (step) => {
    const all = options();
    const place = all.indexOf(active());
    choose(all[(place + step + (place < 0 && step < 0 ? 1 : 0) + all.length) % all.length]);
  };

  Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": "suggest", "aria-autocomplete": "list", "aria-haspopup": "listbox" })
    .forEach(([name, value]) => box.setAttribute(name, value));
  box.addEventListener("input", () => askSoon());
  box.addEventListener("focus", () => askSoon(0));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); event.stopPropagation(); close(); return; }
    if (event.key === "ArrowDown" && list.hidden) { shown = null; askSoon(0); }
    if (list.hidden || !["ArrowDown", "ArrowUp", "Enter"].includes(event.key)) return;
    if (event.key === "Enter") {
      if (!active()) return;
      event.preventDefault();
      active().click();
      return;
    }
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // a click keeps the focus in the box
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) close(); });
  document.addEventListener("keydown", (event) => {
    const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    const isControlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (!isSlash && !isControlK) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}

if (form) combobox();
