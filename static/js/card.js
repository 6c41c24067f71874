// The model card saves itself. What is typed is kept in this browser first, then sent with a fingerprint of what was read, and only
// forgotten when the server has it (docs/governance.md, "Two writers").
const form = document.getElementById("card-form");
const status = document.getElementById("card-status");
const shelf = `card|${form.dataset.who}|${location.pathname}|`;
const tab = `${Date.now()}.${Math.random()}`;
const PAUSE_MS = 1000;
const LONGEST_WAIT_MS = 30000;
const GIVE_UP_MS = 15000;
const unsaved = new Map(); // field → its text
const contested = new Set(); // fields of which two texts are shown
const refused = new Map(); // field → the text that was refused
let timer = 0;
let isSending = false;
let failures = 0;

const control = (name) => form.elements.namedItem(name);
const seen = (name) => control(`seen.${name}`);
const plain = (text) => text.replaceAll("\r\n", "\n").trim();
const isField = (target) => target.name && seen(target.name) && !target.name.startsWith("seen.");

const say = (text, isLate = false) => {
  status.hidden = false;
  status.classList.toggle("late", isLate);
  if (status.textContent !== text) status.textContent = text;
};

const keep = (name) => {
  try {
    localStorage.setItem(`${shelf}${name}|${tab}`, JSON.stringify({ text: control(name).value, seen: seen(name).value, at: Date.now() }));
  } catch {
    say("This browser keeps nothing: save with the button before you leave.", true);
  }
};
const forget = (key) => { try { localStorage.removeItem(key); } catch { /* nothing was kept */ } };

const schedule = (wait) => { clearTimeout(timer); timer = setTimeout(send, wait); };

const typed = (name) => {
  unsaved.set(name, control(name).value);
  keep(name);
  if (!contested.has(name)) schedule(failures ? waitAfterFailure() : PAUSE_MS);
};

const waitAfterFailure = () => Math.min(LONGEST_WAIT_MS, 1000 * 2 ** failures);

const reveal = (element) => {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
};

// Two texts for one field: the writer chooses. `mark` is the fingerprint of the other text where the server has it, `key` its place
// in this browser where it does not.
const choose = (name, sentence, text, mark, key) => {
  const field = document.getElementById(`field-${name}`);
  field.querySelector(":scope > .alert")?.remove();
  const shown = document.getElementById("other-text").content.cloneNode(true).firstElementChild;
  shown.querySelector("[data-sentence]").textContent = sentence;
  shown.querySelector("[data-text]").textContent = text;
  const decide = (take) => {
    if (mark) seen(name).value = mark;
    if (take) control(name).value = text;
    contested.delete(name);
    shown.remove();
    typed(name);
    if (key) forget(key);
    schedule(0);
    control(name).focus();
  };
  shown.querySelector("[data-keep]").addEventListener("click", () => decide(false));
  shown.querySelector("[data-take]").addEventListener("click", () => decide(true));
  contested.add(name);
  field.append(shown);
  reveal(field);
};

const settle = (sent, answer) => {
  for (const [name, mark] of Object.entries(answer.saved)) {
    seen(name).value = mark;
    refused.delete(name);
    document.getElementById(`stale-${name}`)?.remove();
    if (control(name).value === sent.get(name)) {
      unsaved.delete(name);
      forget(`${shelf}${name}|${tab}`);
    } else keep(name);
  }
  for (const [name, other] of Object.entries(answer.conflicts)) choose(name, other.sentence, other.text, other.seen);
  for (const name of Object.keys(answer.refused)) if (name) refused.set(name, sent.get(name));
  const sentences = Object.entries(answer.refused).map(([name, why]) => (name ? `${labelOf(name)}: ${why}` : why));
  if (sentences.length) say(`Not saved. ${sentences.join(" ")} What you typed is kept in this browser.`, true);
  else if (contested.size) say("Somebody else wrote the same field. Choose which text stands; the rest is saved.", true);
  else if (!unsaved.size) say(`Saved at ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })}.`);
  document.body.dispatchEvent(new Event("card-saved"));
};

const labelOf = (name) => control(name).labels?.[0]?.textContent.trim().split("\n")[0] ?? name;

const failed = (text) => {
  failures += 1;
  say(text, true);
  schedule(waitAfterFailure());
};

async function send() {
  const names = [...unsaved.keys()].filter((name) => !contested.has(name) && refused.get(name) !== unsaved.get(name));
  if (isSending || !names.length) return;
  const sent = new Map(names.map((name) => [name, control(name).value]));
  const body = new FormData();
  body.set("csrfmiddlewaretoken", control("csrfmiddlewaretoken").value);
  for (const [name, text] of sent) {
    body.set(name, text);
    body.set(`seen.${name}`, seen(name).value);
  }
  isSending = true;
  if (!failures) say("Saving …");
  try {
    const response = await fetch(form.dataset.autosave, { method: "POST", body, signal: AbortSignal.timeout(GIVE_UP_MS) });
    if (response.headers.get("content-type")?.includes("json") && response.ok) {
      failures = 0;
      settle(sent, await response.json());
      if (names.some((name) => unsaved.get(name) !== undefined && unsaved.get(name) !== sent.get(name))) schedule(PAUSE_MS);
    } else if (response.status >= 500 || response.status === 429) failed("The server cannot save now. What you typed is kept in this browser and saved as soon as the server can.");
    else failed("You are signed out, or may not edit this card any more. What you typed is kept in this browser: sign in again and open this page.");
  } catch {
    failed("The server does not answer. What you typed is kept in this browser and saved as soon as it answers.");
  } finally {
    isSending = false;
  }
}

// What an earlier page kept and the server does not have: the newest text goes back into its field, another is shown beside it.
const restore = () => {
  const found = new Map();
  for (const key of Object.keys(localStorage).filter((one) => one.startsWith(shelf))) {
    const name = key.slice(shelf.length).split("|")[0];
    const kept = { key, ...JSON.parse(localStorage.getItem(key)) };
    if (!control(name) || !seen(name)) continue;
    if (plain(kept.text) !== plain(control(name).value)) found.set(name, [...(found.get(name) ?? []), kept]);
    else {
      forget(key);
      if ("bound" in form.dataset) keep(name);
    }
  }
  for (const [name, texts] of found) {
    const [newest, ...others] = texts.sort((one, other) => other.at - one.at);
    control(name).value = newest.text;
    seen(name).value = newest.seen;
    unsaved.set(name, newest.text);
    keep(name);
    forget(newest.key);
    reveal(control(name));
    const other = others.find((one) => plain(one.text) !== plain(newest.text));
    if (other) choose(name, "You typed this in another tab, earlier:", other.text, "", other.key);
  }
  if (!found.size) return;
  say(`Put back: what you typed into ${[...found.keys()].map(labelOf).join(", ")} and the server did not have.`, true);
  schedule(PAUSE_MS);
};

form.addEventListener("input", ({ target }) => { if (isField(target)) typed(target.name); });
form.addEventListener("change", ({ target }) => { if (isField(target) && unsaved.has(target.name) && !failures) schedule(0); });
addEventListener("online", () => schedule(0));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href*='#field-']");
  const field = link?.pathname === location.pathname && document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!field) return;
  event.preventDefault();
  reveal(field);
  field.querySelector("input, select, textarea").focus();
});
try { restore(); } catch { /* this browser keeps nothing */ }
