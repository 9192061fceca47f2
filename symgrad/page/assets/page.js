// What a page can do with a script; without one it is asked by its forms. Nothing is fetched but the answer.
"use strict";
document.documentElement.classList.add("js");

const form = document.getElementById("ask");
const answer = document.getElementById("answer");
const busy = document.getElementById("busy");
let running = null, timer = 0, shown = "";

function asked() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value.trim()) query.append(name, value.trim());
  return query.toString();
}

const order = ["reading", "derivatives", "judgement", "hessians", "minimum", "derivation", "explanation", "picture", "programs", "curvature", "unfinished"];

// A section takes the place of the one with its id; what is open there stays open. A new one stands where it belongs.
function place(html, first) {
  const held = document.createElement("template");
  held.innerHTML = html;
  if (!held.content.querySelector("#fault")) document.getElementById("fault")?.remove();
  for (const fresh of [...held.content.children]) {
    const old = document.getElementById(fresh.id);
    const focus = document.activeElement && document.activeElement.id;
    if (old && answer.contains(old)) {
      old.querySelectorAll("details").forEach((each, i) => {
        const same = fresh.querySelectorAll("details")[i];
        if (same && !each.id) same.open = each.open;
      });
      old.replaceWith(fresh);
    } else if (fresh.id === "fault") answer.replaceChildren(fresh);
    else answer.insertBefore(fresh, [...answer.children].find((each) => order.indexOf(each.id) > order.indexOf(fresh.id)) || null);
    if (focus && document.getElementById(focus) && fresh.querySelector("#" + CSS.escape(focus))) document.getElementById(focus).focus();
  }
  if (first) document.querySelectorAll(".start").forEach((each) => each.remove());
}

async function ask(keep) {
  const query = asked();
  if (query === shown) return;
  shown = query;
  if (running) running.abort();
  const mine = running = new AbortController();
  history.replaceState(null, "", query ? "/?" + query : "/");
  if (!new URLSearchParams(query).get("text")) { answer.replaceChildren(); busy.textContent = ""; return; }
  answer.classList.add("stale");
  const wait = setTimeout(() => { busy.textContent = "computing"; }, 400);
  try {
    const response = await fetch("/answer?" + query, { signal: mine.signal });
    const reader = response.body.getReader(), decoder = new TextDecoder();
    let text = "", ids = new Set(), first = true;
    for (;;) {
      const { done, value } = await reader.read();
      text += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const mark = "<!-- end -->", end = text.lastIndexOf(mark);
      if (end >= 0) {
        const whole = text.slice(0, end);
        text = text.slice(end + mark.length);
        for (const found of whole.matchAll(/<section id="([a-z]+)"/g)) ids.add(found[1]);
        place(whole, first);
        if (first) answer.classList.remove("stale");
        first = false;
      }
      if (done) break;
    }
    for (const old of [...answer.children]) if (!ids.has(old.id)) old.remove();
    busy.textContent = "";
  } catch (error) {
    if (error.name !== "AbortError") { busy.textContent = "The server does not answer; is it still running?"; shown = ""; }
  } finally {
    clearTimeout(wait);
    if (running === mine) { answer.classList.remove("stale"); running = null; }
  }
}

function typed() { clearTimeout(timer); timer = setTimeout(ask, 250); }

async function copy(button) {
  const from = button.dataset.from && document.getElementById(button.dataset.from);
  let text = "link" in button.dataset ? location.href : from ? from.textContent : button.dataset.copy;
  if ("text" in button.dataset) text = await (await fetch(button.href)).text();
  try { await navigator.clipboard.writeText(text); } catch {
    const area = document.createElement("textarea");
    area.value = text; document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    button.focus();
  }
  const label = button.dataset.label || (button.dataset.label = button.textContent);
  button.textContent = "Copied"; button.classList.add("done");
  setTimeout(() => { button.textContent = label; button.classList.remove("done"); }, 1200);
}

// The shape of one name, changed in place: it is declared from now on.
function reshape(names) {
  const shapes = [], by = [];
  const guessed = new Map([...names.querySelectorAll("input[type=hidden][name^=guess-]")].map((each) => [each.name.slice(6), each.value]));
  for (const each of names.querySelectorAll("input[name^=shape-]")) {
    const name = each.name.slice(6), value = each.value.trim();
    if (guessed.get(name) !== value) shapes.push(name + "=" + value);
  }
  for (const each of names.querySelectorAll("input[name=by]")) if (each.checked) by.push(each.value);
  form.elements.shapes.value = shapes.join("; ");
  form.elements.wrt.value = by.join(", ");
  ask();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-from], [data-link], [data-text]");
  if (button && !event.ctrlKey && !event.metaKey) { event.preventDefault(); copy(button); }
});

if (form && answer) {
  shown = asked();
  form.addEventListener("input", typed);
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); shown = shown === asked() ? "" : shown; ask(); });
  form.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); }
  });
  document.addEventListener("change", (event) => {
    const names = event.target.closest("form.names");
    if (names) reshape(names);
  });
  document.addEventListener("submit", (event) => {
    const names = event.target.closest("form.names");
    if (names) { event.preventDefault(); reshape(names); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select")) { event.preventDefault(); form.elements.text.focus(); }
  });
}

// A file becomes the text of the form: nothing else reads it.
document.addEventListener("change", async (event) => {
  const into = event.target.dataset && event.target.dataset.into, file = into && event.target.files[0];
  if (!file) return;
  document.getElementById(into).value = await file.text();
  const data = document.getElementById("data");
  if (data) data.value = "csv";
});
