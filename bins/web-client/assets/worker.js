// Keeps the last list, and what it needs to be shown, for when there is no network.
"use strict";

const PARTS = ["{style}", "{script}", "{icon}"];
const SHELL = "yoshi-shell {style} {script}";
const LIST = "yoshi-list";

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(SHELL);
    await cache.addAll([...PARTS, "/offline"]);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== SHELL && name !== LIST).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

async function page(request) {
  const { pathname, search } = new URL(request.url);
  try {
    const answer = await fetch(request);
    if (pathname === "/" && search === "" && answer.ok && answer.type === "basic") {
      const cache = await caches.open(LIST);
      await cache.put("/", answer.clone());
    }
    // Whoever is not logged in here must not find somebody's list.
    if (pathname === "/log-in") await caches.delete(LIST);
    return answer;
  } catch (error) {
    const kept = pathname === "/" ? await caches.match("/") : undefined;
    return kept ?? (await caches.match("/offline")) ?? Response.error();
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (PARTS.includes(new URL(request.url).pathname)) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});
