// The log of one place, drawn. Text from people stays text: no markup is parsed.
import * as chat from "./chat.js";
import { fold } from "./link.js";
import { clockTime, comesOrGoes, dateTime, dayName, eventSentence } from "./words.js";

const TOGETHER = 5 * 60_000; // milliseconds between messages under one name
const NEAR = 40; // pixels that count as the end
const FETCH_AT = 300; // pixels from the start, where older ones are fetched
const URLS = /\b(?:https?|pyconchats?):\/\/[^\s<>"]+/g;
const REACTIONS = ["👍", "❤️", "😄"];

export const $ = (id) => document.getElementById(id);
const present = (nodes) => nodes.flat(Infinity).filter(Boolean);

/** Show *children*: nodes and text, in arrays of any depth. What is false is left out. */
export const fill = (element, ...children) => element.replaceChildren(...present(children));

/**
 * Make an element: ``el("p.hint", { title: "x" }, …)``, with *children* as for `fill`. The properties, if
 * any, are attributes, with `label` for `aria-label`, and listeners.
 */
export function el(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  const properties = children[0]?.constructor === Object ? children.shift() : {};
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") element[key] = value;
    else if (value !== null) element.setAttribute(key === "label" ? "aria-label" : key, value);
  }
  element.append(...present(children));
  return element;
}

export const spoken = (text) => el("span.vh", text);
export const button = (text, onclick, more = {}) => el("button", { type: "button", onclick, ...more }, text);
export const nameIn = (verb, name, onclick, more) => button(verb, onclick, { label: `${verb} ${name}`, ...more });
export const decisions = (name, run) => [
  nameIn("Approve", name, () => run(`/approve ${name}`), { class: "primary" }),
  nameIn("Reject", name, () => run(`/reject ${name}`)),
];

export function withLinks(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(URLS)) {
    let url = found.replace(/[.,;:!?'"]+$/, "");
    if (url.endsWith(")") && !url.includes("(")) url = url.slice(0, -1);
    nodes.push(text.slice(end, index), el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
    end = index + url.length;
  }
  return [...nodes, text.slice(end)];
}

function hueOf(name) {
  let hash = 7;
  for (const char of fold(name)) hash = (hash * 31 + char.codePointAt(0)) % 65_521;
  return 15 + (hash % 12) * 30;
}

const avatar = (letter) => el("span.avatar", { "aria-hidden": true }, letter);
const said = (text) => el("span.text", { dir: "auto" }, text);

// What the log's buttons do elsewhere.
export const act = {};
const root = $("log");
const tools = el("div.tools", { role: "group", label: "Actions for this message" });
let place = chat.desk;
let nodes = new Map();
export let isAtEnd = true;
let seen = 0; // the last known `scrollTop`
let target = 0; // the entry to go to, once it is there

export function show(next, seq) {
  if (next !== place) {
    place = next;
    nodes.clear();
    root.replaceChildren();
  }
  target = seq;
  follow();
  isAtEnd = !seq;
  draw();
}

/** Show the end when it is drawn next. */
export function follow() {
  isAtEnd = true;
  seen = root.scrollTop;
}

export function toEnd() {
  follow();
  root.scrollTop = root.scrollHeight;
}

export function draw() {
  if (seen !== root.scrollTop) onScroll(); // its event is to come
  const anchor = isAtEnd ? null : anchorNow();
  const focused = document.activeElement.closest("[data-key]")?.dataset.key;
  const before = nodes;
  nodes = new Map();
  for (const [key, version, make] of items()) {
    let known = before.get(key);
    if (known?.version !== version) {
      known = { version, node: make() };
      known.node.dataset.key = key;
    }
    nodes.set(key, known);
  }
  // Before the others, which would be moved.
  for (const [key, { node }] of before) if (nodes.get(key)?.node !== node) node.remove();
  let next = root.firstChild;
  for (const { node } of nodes.values()) {
    if (node === next) next = node.nextSibling;
    else root.insertBefore(node, next);
  }
  if (focused && document.activeElement === document.body) (nodes.get(focused)?.node ?? root).focus({ preventScroll: true });
  const found = target && nodes.get(`e${target}`)?.node;
  const now = anchor && nodes.get(anchor.key)?.node;
  if (found) {
    target = 0;
    found.scrollIntoView({ block: "center" });
    root.querySelector(".found")?.classList.remove("found");
    found.classList.add("found");
    found.focus({ preventScroll: true });
  } else if (isAtEnd) {
    toEnd();
  } else if (now) {
    root.scrollTop += now.getBoundingClientRect().top - anchor.top;
  }
  onScroll();
}

/** Return an entry that is seen, and where. */
function anchorNow() {
  const { top } = root.getBoundingClientRect();
  for (const [key, { node }] of nodes) {
    const box = node.getBoundingClientRect();
    if (box.bottom > top && key.startsWith("e")) return { key, top: box.top };
  }
  return null;
}

function onScroll() {
  seen = root.scrollTop;
  const left = root.scrollHeight - seen - root.clientHeight;
  isAtEnd = left < NEAR && place.log.isTail;
  if (seen < FETCH_AT) chat.older(place);
  if (left < FETCH_AT) chat.newer(place);
  act.scrolled(isAtEnd);
}

// What is shown: a key, a version, and how to draw it.

function* items() {
  const { log, newAfter } = place;
  const { entries } = log;
  const loaded = new Set(entries.map((each) => each.seq));
  const reactions = Map.groupBy(entries.filter((each) => each.type === "react"), (each) => each.about);
  const notices = log.isTail ? [...place.notices] : [];
  let day = "";
  let before = null;
  let isNew = newAfter === null;
  if (!log.more && place.kind !== "desk") {
    const what = `${place.kind === "group" ? "" : "your talk with "}${place.name}`;
    yield ["begin", what, () => el("p.begin", `This is the beginning of ${what}.`)];
  }
  for (const entry of entries) {
    const { seq, type, at, about } = entry;
    while (notices[0]?.after < seq) {
      yield drawNotice(notices.shift());
      before = null;
    }
    const isSaid = chat.says(entry) || type === "unsaid";
    const sentence = isSaid ? "" : eventSentence(entry, chat.me);
    if (!isSaid && !sentence) continue;
    if (comesOrGoes(entry, chat.me) && !chat.joins) continue;
    if (["edit", "unsay", "react"].includes(type) && loaded.has(about)) continue;
    const date = new Date(at).toDateString();
    if (date !== day) {
      day = date;
      const name = dayName(at);
      yield [`d${seq}`, name, () => el("h2.day", name)];
      before = null;
    }
    if (!isNew && seq > newAfter) {
      isNew = true;
      const number = entries.filter((each) => each.seq >= seq && chat.says(each)).length;
      const words = `${number} new since ${dateTime(at)}`;
      if (number) yield ["new", words, () => el("p.new", words)];
      before = null;
    }
    if (!isSaid) {
      const asks = type === "requested" && place.asking.has(fold(entry.name)) && chat.moderates(place);
      yield [`e${seq}`, `${sentence}${asks}`, () => drawEvent(entry, sentence, asks)];
      before = null;
      continue;
    }
    const grouped = before?.type === "message" && type === "message" && before.from === entry.from &&
      !entry.reply_to && Date.parse(at) - Date.parse(before.at) < TOGETHER;
    const chips = chipsOf(reactions.get(seq));
    const version = JSON.stringify([type, entry.text, entry.edited, entry.quote?.text, grouped, chips]);
    yield [`e${seq}`, version, () => drawMessage(entry, grouped, chips)];
    before = entry;
  }
  for (const each of notices) yield drawNotice(each);
  if (!log.isTail) return;
  for (const each of chat.waiting(place)) {
    if (each.arrived || !chat.isMessage(each)) continue;
    const sent = each.sentOn !== null;
    yield [`w${each.fields.id}`, sent, () => drawWaiting(each, sent)];
  }
}

function drawMessage(entry, grouped, chips) {
  const { type, quote, reply_to: answered } = entry;
  const from = String(entry.from);
  const names = (entry.mentions ?? []).some(chat.isMe);
  const quoted = quote ? `${quote.from}${quote.text && ` "${quote.text}"`}` : `#${answered}`;
  const classes = `${type}${grouped ? ".grouped" : ""}${names ? ".names" : ""}`;
  const node = el(`div.msg.${classes}`, { role: "article", tabindex: -1 },
    avatar([...from][0].toUpperCase()),
    el("span.head", el("span.who", from),
      (entry.hook || entry.guest) && el("span.guest", entry.hook ? " hook" : " guest"),
      spoken(type === "action" ? " " : ": ")),
    timeOf(entry),
    el("span.body",
      answered && el("a.quote.line.soft", { tabindex: -1, href: place.hash(answered) }, `↪ ${quoted}`),
      type === "unsaid" ? el("span.gone", `removed by ${entry.by}`) : said(withLinks(String(entry.text))),
      entry.edited && el("span.edited", " (edited)"),
      chips.length > 0 && el("span.row", chips.map(([emoji, number, names]) =>
        el("span.chip", { title: names }, `${emoji} ${number}`, spoken(` from ${names}`))))));
  node.style.setProperty("--hue", hueOf(from));
  return node;
}

const timeOf = ({ seq, at }) =>
  el("a.time", { "aria-hidden": true, tabindex: -1, href: place.hash(seq) }, clockTime(at));

function drawEvent(entry, sentence, asks) {
  const { type, name, file, number } = entry;
  return el("div.event", { tabindex: -1 },
    el("span.text", withLinks(sentence)),
    timeOf(entry),
    asks && el("span.actions", decisions(name, (line) => chat.send(place, line))),
    type === "shared" && el("span.actions", nameIn("Download", file, () => act.fetch(place, number))));
}

function drawNotice({ id, lines, style, event, next, again, asked }) {
  const run = (line) => () => chat.send(place, line);
  const words = [asked, place.kind !== "desk" && "only you see this"].filter(Boolean).join(" · ");
  const invited = event?.type === "invited" && chat.isMe(event.name);
  return [`n${id}`, "", () => el(`div.notice.${style}${lines.length > 2 ? ".table" : ""}`, { tabindex: -1 },
    el("span.text", withLinks(lines.join("\n"))),
    style !== "quiet" && words && el("span.only.end", words),
    invited && button(`Join ${event.group}`, run(`/join ${event.group}`), { class: "primary" }),
    next && button("More", run(next)),
    again && button("Edit again", () => act.put(again)))];
}

function drawWaiting(request, sent) {
  return el("div.msg.waiting", { role: "article", tabindex: -1 },
    avatar("…"),
    el("span.head", el("span.who", chat.me), spoken(": ")),
    el("span.body", said(request.info.text), el("span.edited", sent ? " sending" : " waiting"),
      !sent && button("Take back", () => act.cancel(request), { class: "plain" })));
}

function point({ target: over }) {
  const node = over.closest?.(".msg[data-key^=e]");
  if (!node || node.contains(tools)) return;
  const seq = Number(node.dataset.key.slice(1));
  const entry = place.log.entries.find((each) => each.seq === seq);
  if (!entry || entry.type === "unsaid" || !place.member) return;
  node.querySelector(".time").title = dateTime(entry.at);
  const mine = chat.isMe(entry.from);
  const moderates = place.kind === "group" && chat.moderates(place);
  const tool = (text, action, label = text) => button(text, action, { class: "plain", label, title: label, tabindex: -1 });
  const run = (text, line, label) => tool(text, () => chat.send(place, line), label);
  fill(tools,
    REACTIONS.map((emoji) => run(emoji, `/react ${seq} ${emoji}`, `React ${emoji}`)),
    tool("Reply", () => act.reply(entry)),
    mine && tool("Edit", () => act.edit(entry)),
    moderates && run("Pin", `/pin ${seq}`),
    (mine || moderates) && run("Remove", `/unsay ${seq}`),
    tool("Link", () => act.copy(new URL(place.hash(seq), location).href), "Copy a link to this message"));
  node.append(tools);
}

/** Up and Down go from message to message, Left and Right through the actions of one. */
function onKey(event) {
  const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
  if (!step || event.altKey) return;
  const here = ":focus-within[tabindex]";
  const across = /Left|Right/.test(event.key);
  const stops = [...root.querySelectorAll(across ? `${here}, ${here} button` : ":scope > [tabindex]")];
  const now = across ? document.activeElement : root.querySelector(here);
  const to = now ? stops[stops.indexOf(now) + step] : stops.at(-1);
  to?.focus();
  if (to) event.preventDefault();
}

Object.assign(root, { onscroll: onScroll, onmousemove: point, onkeydown: onKey });
root.addEventListener("focusin", point);
new ResizeObserver(() => isAtEnd && toEnd()).observe(root);
const chipsOf = (reactions = []) =>
  Object.entries(Object.groupBy(reactions, (each) => each.emoji)).map(([emoji, all]) => {
    const names = new Set(all.map((each) => each.by));
    return [emoji, names.size, [...names].join(", ")];
  });
