// Everything works without this script; it saves steps. No dependency, no HTML from text.
"use strict";

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const body = document.body;
const SECURE = location.protocol === "https:" ? "; Secure" : "";

/* Another page of this website, read as a document: no script of it runs. */
function read(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 20000;
    request.onload = () => (request.status === 200 && request.response ? resolve(request) : reject(request.status));
    request.onerror = request.ontimeout = () => reject(0);
    request.send();
  });
}

let spoken;
function say(words, lasting = false) {
  const status = one("#status");
  if (!status) return;
  status.textContent = words;
  clearTimeout(spoken);
  if (!lasting) spoken = setTimeout(() => { status.textContent = ""; }, 4000);
}

/* ---- News: the list is read again when the server says that it has changed ---- */
let refreshing = null;
let again = false;
async function refresh() {
  if (refreshing) { again = true; return; }
  if (!one("#list, #task")) return;
  refreshing = true;
  try {
    const answer = await read(location.href);
    if (new URL(answer.responseURL).pathname !== location.pathname) { location.assign(answer.responseURL); return; }
    if (one("#task")) showTask(answer.response); else show(answer.response);
  } catch { /* The next news tries again. */ } finally {
    refreshing = null;
    if (again) { again = false; refresh(); }
  }
}

/* What a control is known by, when another page has the same one. */
const mark = (control) => [control.tagName, control.closest("[id]")?.id, ...["href", "name", "value"].map((name) => control.getAttribute(name))].join(" ");

/* Puts what there is now into a part of the page, if it differs. What was folded open stays open; the focus stays where it was. */
function swap(here, there) {
  if (!here || !there || here.innerHTML === there.innerHTML) return;
  const focused = here.contains(document.activeElement) ? mark(document.activeElement) : null;
  const folds = all("details[id]", here).map((fold) => [fold.id, fold.open]);
  here.replaceChildren(...document.adoptNode(there).childNodes);
  for (const [id, open] of folds) { const fold = document.getElementById(id); if (fold) fold.open = open; }
  if (focused) all("a, button, summary, input, select, textarea", here).find((control) => mark(control) === focused)?.focus({ preventScroll: true });
}

/* A task that changed; what somebody is typing, or about to press, stays. */
function showTask(page) {
  const [here, there] = [one("#task"), one("#task", page)];
  swap(one("#side"), one("#side", page));
  body.dataset.latest = page.body.dataset.latest ?? "";
  if (!here || !there) return;
  isSeen(there);
  const isNew = here.dataset.at !== there.dataset.at;
  if (!isNew && !here.dataset.old) return;
  here.dataset.at = there.dataset.at;
  const fields = all("textarea, input:not([type=hidden])", here);
  const busy = one("details.act[open], form[data-sent]", here) || here.contains(document.activeElement) || fields.some((field) => field.value !== field.defaultValue);
  if (busy) {
    for (const part of [".marks", ".asks", "#steps"]) swap(one(part, here), one(part, there));
    here.dataset.old = "1";
  } else {
    here.replaceChildren(...document.adoptNode(there).childNodes);
    delete here.dataset.old;
  }
  document.title = page.title;
  if (isNew) say("This task has changed");
}

function show(page) {
  const known = new Set(all("#list .row-title").map((link) => link.getAttribute("href")));
  for (const part of ["#list", "#side", "main > .head"]) swap(one(part), one(part, page));
  document.title = page.title;
  body.dataset.people = page.body.dataset.people ?? "";
  body.dataset.latest = page.body.dataset.latest ?? "";
  let fresh = 0;
  for (const link of all("#list .row-title")) {
    const to = link.getAttribute("href");
    if (!known.has(to)) { fresh += 1; link.closest(".row").classList.add("fresh"); }
  }
  if (fresh > 0 && known.size > 0) say(fresh === 1 ? "1 new task" : `${fresh} new tasks`);
}

// A page that is refused, or whose website restarts, asks again; not all pages at once.
const AGAIN_MILLIS = 5000;
let news = null;
function listen() {
  if (news || !body.dataset.live || !one("#list, #task")) return;
  news = new EventSource(body.dataset.live);
  news.addEventListener("at", (event) => {
    if (event.data !== body.dataset.latest) { body.dataset.latest = event.data; refresh(); }
  });
  news.addEventListener("ended", refresh);
  news.addEventListener("error", () => {
    // After any other answer than news a browser does not come back by itself.
    if (news?.readyState === EventSource.CLOSED) { news = null; setTimeout(hear, AGAIN_MILLIS * (1 + Math.random())); }
  });
  news.addEventListener("open", () => { if (one("#status")?.dataset.offline) { delete one("#status").dataset.offline; say(""); } });
}
const hear = () => { if (!document.hidden && navigator.onLine) listen(); };
// What comes back by its time, and times in words, change without news.
setInterval(() => { hear(); if (!document.hidden && navigator.onLine) refresh(); }, 60000);
const often = Number(one("[data-every]")?.dataset.every);
if (often) setInterval(() => { if (!document.hidden && navigator.onLine) refresh(); }, often * 1000);
// A page that the browser keeps for the way back would keep its connection, too, and few are allowed.
addEventListener("pagehide", () => { news?.close(); news = null; });
let idle;
document.addEventListener("visibilitychange", () => {
  clearTimeout(idle);
  // Browsers allow few connections to one host: a page that nobody sees lets go of its own.
  if (document.hidden) idle = setTimeout(() => { news?.close(); news = null; }, 60000);
  else { listen(); see(); }
});
function offline() {
  one("#status")?.setAttribute("data-offline", "1");
  say("Offline: this is what you saw last", true);
}
addEventListener("offline", offline);
addEventListener("online", () => { say(""); news?.close(); news = null; listen(); refresh(); });
if (!navigator.onLine) offline();

/* ---- What is done with a task, by keys ---- */
function post(form) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.getAttribute("action"));
    request.responseType = "document";
    request.timeout = 45000;
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.onload = () => (request.response ? resolve(request) : reject(request.status));
    request.onerror = request.ontimeout = () => reject(0);
    request.send(new URLSearchParams(new FormData(form)).toString());
  });
}
const named = (key, within = document) => all("form[data-key], a[data-key]", within).find((it) => it.dataset.key.split(" ").includes(key));

/* On a task's page: what asks nothing is done, what asks something is opened. */
function answerHere(key) {
  const found = named(key, one("#task"));
  if (!found) { say("There is nothing like that to do now"); return; }
  if (found.tagName === "A") { found.click(); return; }
  if ("now" in found.dataset) { found.requestSubmit(one("button[type=submit]", found)); return; }
  const fold = found.closest("details");
  if (fold) fold.open = true;
  (one("textarea, input:not([type=hidden]), button", fold ?? found) ?? found).focus();
  found.scrollIntoView({ block: "nearest" });
}

/* In a list: the same for the selected row; what asks something is asked on its page. */
let answering = false;
async function answerRow(key) {
  const link = document.activeElement?.closest?.(".row-title");
  if (!link) { say("Select a task first: j"); return; }
  if (answering) return;
  answering = true;
  const to = link.getAttribute("href");
  try {
    const page = (await read(to)).response;
    const found = named(key, page);
    if (!found) say("There is nothing like that to do now");
    else if (found.tagName === "A") location.assign(found.getAttribute("href"));
    else if (!("now" in found.dataset)) location.assign(`${to}#key-${key}`);
    else {
      const answer = await post(found);
      await refresh();
      say(one(".notice", answer.response)?.firstElementChild?.textContent ?? one(".notice", answer.response)?.textContent ?? "Done");
    }
  } catch { say("That did not work. Nothing was lost; try again."); } finally { answering = false; }
}
const answer = (key) => () => (one("#task") ? answerHere(key) : answerRow(key));

/* ---- Keys ---- */
function step(by) {
  const links = all(".row-title").filter((link) => !link.closest("details:not([open])"));
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const next = links[Math.min(links.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  next.focus();
  next.closest(".row").scrollIntoView({ block: "nearest" });
}
const go = (to) => () => location.assign(to);
const keys = {
  j: () => step(1),
  k: () => step(-1),
  c: () => (one("#quick") ? one("#quick").focus() : location.assign("/new")),
  "/": () => (one("#q") ? one("#q").focus() : location.assign("/search")),
  b: () => one("[data-back]")?.click(),
  f: () => { const fold = one(".filters"); if (fold) { fold.open = true; one("select", fold).focus(); } },
  "?": () => one("#keys")?.showModal(),
  "g i": go("/"),
  "g s": go("/asked"),
};
for (const key of "adspexuzrlmvnow") keys[key] = answer(key);
for (const digit of "123456789") keys[digit] = () => all(".option-button")[digit - 1]?.click();
const asked = /^#key-([a-z])$/.exec(location.hash);
if (asked && one("#task")) {
  history.replaceState(null, "", location.pathname);
  answerHere(asked[1]);
}
/* Who looks at a task has read it, and what is new in it; unless they have just said that they have not. */
let unseen = null, seeing, unread = /[?&]done=unread\b/.test(location.search) ? one("#task")?.dataset.at : null;
function isSeen(task) {
  if (!task || task.dataset.at === unread) return;
  unread = null;
  unseen = one("[data-seen] form", task)?.cloneNode(true);
  see();
}
function see() {
  clearTimeout(seeing);
  if (unseen && !document.hidden) seeing = setTimeout(() => { const read = unseen; unseen = null; post(read).catch(() => {}); }, 1500);
}
isSeen(one("#task"));
let leading = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
    return;
  }
  const typing = event.target.matches?.("input:not([type=radio]), textarea, select");
  if (typing) {
    if (event.key === "Escape" && !event.defaultPrevented) event.target.blur();
    return;
  }
  if (one("dialog[open]") || !body.dataset.live || body.dataset.keys === "off") return;
  const key = Date.now() - leading < 1500 ? `g ${event.key}` : event.key;
  leading = key === "g" ? Date.now() : 0;
  if (Object.hasOwn(keys, key)) { event.preventDefault(); keys[key](); }
});

/* ---- The quick entry shows what it understood ---- */
for (const form of all("form[data-quick]")) {
  const [line, preview] = [one("input[name=line]", form), one(".preview", form)];
  const hint = [...preview.childNodes];
  let waiting, latest = 0;
  const ask = async () => {
    const mine = ++latest;
    if (!line.value.trim()) { preview.replaceChildren(...hint); return; }
    try {
      const answer = await read(`${form.dataset.quick}?line=${encodeURIComponent(line.value)}`);
      const found = one("#preview", answer.response);
      if (mine === latest && found) preview.replaceChildren(...document.adoptNode(found).childNodes);
    } catch { /* What was shown stays. */ }
  };
  line.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 120); });
  if (line.value) ask();
}

/* ---- Names are completed from those one has written with ---- */
function complete(input) {
  const lead = input.dataset.complete;
  const box = document.createElement("div");
  box.className = "combo";
  input.replaceWith(box);
  const list = document.createElement("ul");
  Object.assign(list, { className: "names", id: `${input.id}-names`, hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names");
  box.append(input, list);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-expanded", "false");
  let chosen = 0;

  const word = () => {
    const before = input.value.slice(0, input.selectionStart);
    const start = Math.max(before.lastIndexOf(" "), before.lastIndexOf(",")) + 1;
    const text = before.slice(start);
    if (!text.startsWith(lead)) return null;
    return { start, text: text.slice(lead.length).replace(/^@/, "").toLowerCase() };
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = () => {
    [...list.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === chosen)));
    input.setAttribute("aria-activedescendant", list.children[chosen]?.id ?? "");
    list.children[chosen]?.scrollIntoView({ block: "nearest" });
  };
  const take = (name) => {
    const found = word();
    if (!found) return;
    const rest = input.value.slice(input.selectionStart);
    const head = `${input.value.slice(0, found.start)}${lead}${name} `;
    input.value = head + rest.trimStart();
    input.setSelectionRange(head.length, head.length);
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close();
  };
  input.addEventListener("input", () => {
    const found = word();
    const people = (body.dataset.people ?? "").split(" ").filter(Boolean);
    const fits = found && (found.text || lead) ? people.filter((name) => name.startsWith(found.text) && name !== found.text).slice(0, 8) : [];
    if (fits.length === 0) { close(); return; }
    list.replaceChildren(...fits.map((name, index) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${index}`;
      item.textContent = name;
      item.setAttribute("role", "option");
      item.addEventListener("mousedown", (event) => { event.preventDefault(); take(name); });
      return item;
    }));
    chosen = 0;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  });
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      chosen = (chosen + steps[event.key] + list.children.length) % list.children.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") take(list.children[chosen].textContent);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  input.addEventListener("blur", close);
}
all("input[data-complete]").forEach((input) => {
  const wanted = document.activeElement === input || input.autofocus;
  complete(input);
  if (wanted) input.focus();
});

/* ---- The form ---- */
const kinds = one("#kinds");
if (kinds) {
  const choices = () => { one("#choices").hidden = one("input:checked", kinds)?.value !== "decide"; };
  kinds.addEventListener("change", choices);
  choices();
}
// A submit may be stopped, and nobody says so: after this long another one is let through. Two of the same do one thing.
const SUBMIT_MILLIS = 8000;
function revive(form) {
  delete form.dataset.sent;
  all("button[type=submit]", form).forEach((button) => button.removeAttribute("aria-busy"));
}
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent || (deed(form).endsWith(" comment") && hold(form))) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  all("button[type=submit]", form).forEach((button) => button.setAttribute("aria-busy", "true"));
  setTimeout(() => revive(form), SUBMIT_MILLIS);
  keep(form);
});

/* ---- A comment cannot be taken back once others have it, so it waits a moment. Whoever submits it again, or leaves, has made up their mind ---- */
const UNDO_MILLIS = 5000;
let held = null;
function hold(form) {
  if (held) { release(); return false; }
  const text = one("textarea", form);
  const notice = notify("It is sent in a moment.", "Undo", () => { release(); text.focus(); });
  notice.id = "held";
  form.after(notice);
  text.readOnly = true;
  held = { form, text, notice, timer: setTimeout(() => form.requestSubmit(), UNDO_MILLIS) };
  addEventListener("beforeunload", leave);
  return true;
}
function release() {
  removeEventListener("beforeunload", leave);
  clearTimeout(held.timer);
  held.notice.remove();
  held.text.readOnly = false;
  held = null;
}
function leave() {
  if (!held) return;
  navigator.sendBeacon(held.form.getAttribute("action"), new URLSearchParams(new FormData(held.form)));
  release();
}
// A browser waits for the first; it may drop a page before the second was told, where it has much to do. Phones know only the second.
addEventListener("pagehide", leave);
function notify(said, words, act) {
  const notice = document.createElement("div");
  notice.className = "notice caution with-undo";
  notice.setAttribute("role", "status");
  const text = document.createElement("p");
  text.textContent = said;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "secondary", textContent: words });
  button.addEventListener("click", act);
  notice.append(text, button);
  return notice;
}

/* ---- What was typed is kept until it has arrived: the log-in may have ended meanwhile ---- */
const KEPT = "yoshi-kept";
const who = () => one(".me-name")?.textContent ?? "";
const deed = (form) => `${form.getAttribute("action")} ${one("input[name=act]", form)?.value ?? ""}`;
const typed = (form) => all("textarea, select, input:not([type=hidden], [type=password], [readonly])", form).filter((field) => field.name);
function keep(form) {
  if (!who() || !typed(form).some((field) => /textarea|text/.test(field.type) && field.value.trim())) return;
  const fields = typed(form).map((field) => [field.name, field.value, field.checked ?? false]);
  try { sessionStorage.setItem(KEPT, JSON.stringify({ who: who(), page: location.pathname, deed: deed(form), fields })); } catch { /* It is too long to keep. */ }
}
function putBack(form, kept) {
  const fields = typed(form);
  for (const [name, value, checked] of kept.fields) {
    const boxes = fields.filter((field) => field.name === name && /radio|checkbox/.test(field.type));
    const field = boxes.length > 0 ? boxes.find((box) => box.value === value) : fields.find((field) => field.name === name);
    if (!field) continue;
    if (boxes.length > 0) field.checked = checked; else field.value = value;
    field.dispatchEvent(new Event(boxes.length > 0 ? "change" : "input", { bubbles: true }));
  }
  for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  fields.find((field) => field.value.trim() && /textarea|text/.test(field.type))?.focus();
  sessionStorage.removeItem(KEPT);
}
function offer() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (!kept) return;
  const keepFor = (change) => sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, ...change }));
  // The log-in, or a page that says why not: it has not arrived.
  if (!body.dataset.live) { keepFor({ refused: true }); return; }
  // Whoever comes back to a page by the browser's own button got no answer.
  const answered = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  if ((answered && !kept.refused) || kept.who !== who()) { sessionStorage.removeItem(KEPT); return; }
  const form = all("form[method=post]").find((form) => deed(form) === kept.deed);
  if (form && kept.wanted) { putBack(form, kept); return; }
  const notice = notify("What you wrote last may not have been sent. It is kept here.", "Put it back", () => {
    notice.remove();
    if (form) putBack(form, kept); else { keepFor({ wanted: true }); location.assign(kept.page); }
  });
  notice.id = "kept";
  one("#main").prepend(notice);
}
try { offer(); } catch { sessionStorage.removeItem(KEPT); }
// A page that comes back out of the browser's memory may be old, and its forms were sent.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

/* ---- What the server cannot know ---- */
for (const notice of all("[data-once]")) {
  const address = new URL(location.href);
  ["sent", "saved", "ended", "done"].forEach((name) => address.searchParams.delete(name));
  history.replaceState(null, "", address);
  if (notice.parentElement?.id !== "main") notice.removeAttribute("role");
}
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
// A zone that was chosen stays, wherever the browser is.
if (zone && !/(^|; )yoshi-zone=/.test(document.cookie)) {
  document.cookie = `yoshi-zone=${zone.replaceAll("/", "%2F")}; Path=/; SameSite=Lax; Max-Age=31536000${SECURE}`;
  refresh();
}
if ("serviceWorker" in navigator) {
  const own = { createScriptURL: (address) => { if (address !== "/worker.js") throw new TypeError(address); return address; } };
  const policy = window.trustedTypes?.createPolicy("yoshi", own) ?? own;
  navigator.serviceWorker.register(policy.createScriptURL("/worker.js")).catch(() => {});
}
listen();
