// Keeps the page as the cluster is. Everything here is a convenience: without it, the page reads the
// same and its forms work, and it has to be loaded again to change.
"use strict";

// The theme is set before anything is drawn; this script is loaded in the head.
const root = document.documentElement;
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
} catch { /* storage is off: the system's theme it is */ }

function toggleTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next = (root.dataset.theme || system) === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* until the page is left */ }
}

// Makes `old` like `fresh` and keeps every element that is in both, so that focus, what is typed and
// what is unfolded stay. Elements are the same by id, or by their place.
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.localName === "details")) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.localName === "input") return;
  const byId = new Map();
  for (const child of old.children) if (child.id) byId.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    let match = null;
    if (wanted.id) match = byId.get(wanted.id) || null;
    else if (at && !at.id && at.nodeType === wanted.nodeType && at.nodeName === wanted.nodeName) match = at;
    if (match && match.nodeName !== wanted.nodeName) match = null;
    if (!match) {
      old.insertBefore(wanted, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else old.insertBefore(match, at);
    if (match.nodeType === Node.ELEMENT_NODE) morph(match, wanted);
    else if (match.nodeValue !== wanted.nodeValue) match.nodeValue = wanted.nodeValue;
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function show({ id, rev, html }) {
  const part = document.getElementById(id);
  if (!part || part.dataset.rev === rev) return;
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const holder = part.cloneNode(false);
  holder.dataset.rev = rev;
  holder.append("\n", ...fresh.childNodes);
  morph(part, holder);
}

function follow(path) {
  const light = document.getElementById("live");
  const say = (state, word) => {
    light.hidden = false;
    light.dataset.state = state;
    light.lastElementChild.textContent = word;
  };
  let stream = null;
  const open = () => {
    if (stream) return;
    const query = new URLSearchParams({ path });
    const filter = new URLSearchParams(location.search).get("q");
    if (filter) query.set("q", filter);
    stream = new EventSource("/live?" + query);
    stream.addEventListener("open", () => say("on", "Live"));
    stream.addEventListener("part", (event) => show(JSON.parse(event.data)));
    stream.addEventListener("end", () => { close(); say("off", "Signed out"); location.reload(); });
    stream.addEventListener("error", () => {
      say("off", "Reconnecting");
      if (stream && stream.readyState === EventSource.CLOSED) { close(); setTimeout(open, 5000); }
    });
  };
  const close = () => { if (stream) stream.close(); stream = null; };
  // A browser has few connections to one server; hidden tabs need none.
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
  addEventListener("pagehide", close);
  open();
}

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
  // On a phone the navigation is wider than the window.
  const here = document.querySelector(".tabs [aria-current]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });
  if (document.body.dataset.live) follow(document.body.dataset.live);
});
