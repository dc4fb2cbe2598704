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

/* A task that changed; what somebody is typing stays. */
function showTask(page) {
  const [here, there] = [one("#task"), one("#task", page)];
  const side = one("#side", page);
  if (side) one("#side").replaceChildren(...document.adoptNode(side).childNodes);
  body.dataset.latest = page.body.dataset.latest ?? "";
  if (!here || !there || here.dataset.at === there.dataset.at) return;
  here.dataset.at = there.dataset.at;
  const fields = all("textarea, input:not([type=hidden])", here);
  const busy = one("details.act[open], form[data-sent]", here) || fields.some((field) => field.value !== field.defaultValue || field === document.activeElement);
  if (busy) {
    for (const part of [".marks", ".asks", "#steps"]) {
      const [old, now] = [one(part, here), one(part, there)];
      if (old && now) old.replaceChildren(...document.adoptNode(now).childNodes);
    }
  } else here.replaceChildren(...document.adoptNode(there).childNodes);
  document.title = page.title;
  say("This task has changed");
}

function show(page) {
  const known = new Set(all("#list .row-title").map((link) => link.getAttribute("href")));
  const focused = document.activeElement?.closest?.("#list .row-title")?.getAttribute("href");
  const folds = all("#list details[id]").map((fold) => [fold.id, fold.open]);
  for (const part of ["#list", "#side", "main > .head"]) {
    const [here, there] = [one(part), one(part, page)];
    if (here && there && here.innerHTML !== there.innerHTML) here.replaceChildren(...document.adoptNode(there).childNodes);
  }
  for (const [id, open] of folds) { const fold = document.getElementById(id); if (fold) fold.open = open; }
  document.title = page.title;
  body.dataset.people = page.body.dataset.people ?? "";
  body.dataset.latest = page.body.dataset.latest ?? "";
  let fresh = 0;
  for (const link of all("#list .row-title")) {
    const to = link.getAttribute("href");
    if (!known.has(to)) { fresh += 1; link.closest(".row").classList.add("fresh"); }
    if (to === focused) link.focus({ preventScroll: true });
  }
  if (fresh > 0 && known.size > 0) say(fresh === 1 ? "1 new task" : `${fresh} new tasks`);
}

let news = null;
function listen() {
  if (news || !body.dataset.live || !one("#list, #task")) return;
  news = new EventSource(body.dataset.live);
  news.addEventListener("at", (event) => {
    if (event.data !== body.dataset.latest) { body.dataset.latest = event.data; refresh(); }
  });
  news.addEventListener("ended", refresh);
  news.addEventListener("open", () => { if (one("#status")?.dataset.offline) { delete one("#status").dataset.offline; say(""); } });
}
// What comes back by its time, and times in words, change without news.
setInterval(() => { if (!document.hidden && navigator.onLine) refresh(); }, 60000);
const often = Number(one("[data-every]")?.dataset.every);
if (often) setInterval(() => { if (!document.hidden && navigator.onLine) refresh(); }, often * 1000);
// A page that the browser keeps for the way back would keep its connection, too, and few are allowed.
addEventListener("pagehide", () => { news?.close(); news = null; });
let idle;
document.addEventListener("visibilitychange", () => {
  clearTimeout(idle);
  // Browsers allow few connections to one host: a page that nobody sees lets go of its own.
  if (document.hidden) idle = setTimeout(() => { news?.close(); news = null; }, 60000);
  else listen();
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
// Who looks at a task has read it.
const unseen = one("#task [data-seen] form");
if (unseen) setTimeout(() => { if (!document.hidden) post(unseen).catch(() => {}); }, 1500);
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
  if (one("dialog[open]") || !body.dataset.live) return;
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
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "1";
  all("button[type=submit]", form).forEach((button) => button.setAttribute("aria-busy", "true"));
});
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
if (zone && zone !== body.dataset.zone && !sessionStorage.getItem("zone-told")) {
  sessionStorage.setItem("zone-told", "1");
  document.cookie = `yoshi-zone=${zone.replaceAll("/", "%2F")}; Path=/; SameSite=Lax; Max-Age=31536000${SECURE}`;
  refresh();
}
if ("serviceWorker" in navigator) {
  const own = { createScriptURL: (address) => { if (address !== "/worker.js") throw new TypeError(address); return address; } };
  const policy = window.trustedTypes?.createPolicy("yoshi", own) ?? own;
  navigator.serviceWorker.register(policy.createScriptURL("/worker.js")).catch(() => {});
}
listen();
