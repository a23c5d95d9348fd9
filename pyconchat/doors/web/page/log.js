// The log of one place, drawn. Text from people only ever becomes text: no markup is parsed.
import { MAX_ENTRIES, says } from "./chat.js";
import { fold } from "./link.js";
import { clockTime, comesOrGoes, dateTime, dayKey, dayName, eventSentence, quoted } from "./words.js";

const TOGETHER = 5 * 60_000; // milliseconds between messages that are shown under one name
const NEAR = 40; // pixels from the end that count as the end
const FETCH_AT = 300; // pixels from the start at which older entries are fetched
const QUICK = 30; // milliseconds in which a log is drawn that may be drawn for each frame
const COLOURS = 12;
const URLS = /\b(?:https?|pyconchats?):\/\/[^\s<>"]+/g;
const REACTIONS = ["👍", "❤️", "😄"];

const present = (nodes) => nodes.flat(Infinity).filter((each) => each || each === 0);

/** Show *children* in *element*: nodes and text, in arrays of any depth; without null, false and "". */
export const fill = (element, ...children) => element.replaceChildren(...present(children));

/** Make an element with *children*. Properties are attributes, `label` for `aria-label`, and `on…` listeners. */
export function el(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null) element.setAttribute(key === "label" ? "aria-label" : key, value);
  }
  element.append(...present(children));
  return element;
}

export const span = (classes, ...children) => el("span", { class: classes }, children);
/** Text for screen readers only. */
export const spoken = (text) => span("vh", text);
export const button = (text, onclick, more = {}) => el("button", { type: "button", onclick, ...more }, text);
/** The buttons with which moderators decide about *name*, who asks to join. */
export const decisions = (name, run) => [
  button("Approve", () => run(`/approve ${name}`), { class: "primary", label: `Approve ${name}` }),
  button("Reject", () => run(`/reject ${name}`), { label: `Reject ${name}` }),
];

/** Return *text* as nodes, with its URLs as links. */
export function withLinks(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(URLS)) {
    let url = found.replace(/[.,;:!?'"]+$/, "");
    if (url.endsWith(")") && !url.includes("(")) url = url.slice(0, -1);
    nodes.push(text.slice(end, index));
    nodes.push(el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, url));
    end = index + url.length;
  }
  return [...nodes, text.slice(end)];
}

/** Return the number of the colour of a name: people in one group mostly have different ones. */
export function colourOf(name) {
  let hash = 7;
  for (const char of fold(name)) hash = (hash * 31 + char.codePointAt(0)) % 65_521;
  return hash % COLOURS;
}

const avatar = (colour, letter) => el("span", { class: `avatar ${colour}`, "aria-hidden": true }, letter);
const said = (...text) => el("span", { class: "text", dir: "auto" }, text);

/**
 * The log of *chat* in the element *root*. *act* has what its buttons do: `reply`, `edit`, `run(place, line)`,
 * `fetch`, `again(text)`, `cancel(request)`, `copy(text)`.
 */
export function makeLog(root, chat, act) {
  const tools = el("div", { class: "tools", role: "group", label: "Actions for this message" });
  let place = chat.desk;
  let nodes = new Map();
  let due = false;
  let nextDraw = 0; // when it may be drawn again
  let isAtEnd = true;
  let target = 0; // the entry to go to, once it is there

  /** Show *place*, at the entry *seq* if it is given. */
  function show(next, seq) {
    if (next !== place) {
      place = next;
      nodes.clear();
      root.replaceChildren();
      isAtEnd = true;
    }
    if (seq) {
      target = seq;
      isAtEnd = false;
    }
    draw();
  }

  /** Draw soon: many changes at once are drawn once. */
  function changed(where) {
    if (where !== place || due) return;
    due = true;
    const drawTimed = () => {
      due = false;
      const begun = performance.now();
      draw();
      const ended = performance.now();
      const took = ended - begun;
      nextDraw = took < QUICK ? 0 : ended + 2 * took;
    };
    // A long log under a flood of messages is drawn for a third of the time.
    const wait = nextDraw - performance.now();
    if (wait < 16) requestAnimationFrame(drawTimed);
    else setTimeout(() => requestAnimationFrame(drawTimed), wait);
  }

  function toEnd() {
    isAtEnd = true;
    root.scrollTop = root.scrollHeight;
  }

  function draw() {
    const anchor = isAtEnd ? null : anchorNow();
    const shown = [...items()];
    const keys = new Set(shown.map(([key]) => key));
    // Before the others: else each of them would be moved, as none would stand where it should.
    for (const [key, { node }] of nodes) if (!keys.has(key)) node.remove();
    const kept = new Map();
    let next = root.firstChild;
    for (const [key, version, make] of shown) {
      let known = nodes.get(key);
      if (!known || known.version !== version) {
        const node = make();
        node.dataset.key = key;
        if (known) {
          if (known.node === next) next = next.nextSibling;
          const focused = known.node.contains(document.activeElement);
          known.node.replaceWith(node);
          if (focused) node.focus({ preventScroll: true });
        }
        known = { version, node };
      }
      if (known.node === next) next = next.nextSibling;
      else root.insertBefore(known.node, next);
      kept.set(key, known);
    }
    nodes = kept;
    const found = target && nodes.get(`e${target}`);
    if (found) {
      target = 0;
      found.node.scrollIntoView({ block: "center" });
      found.node.classList.add("found");
      found.node.focus({ preventScroll: true });
    } else if (isAtEnd) {
      root.scrollTop = root.scrollHeight;
    } else if (anchor) {
      const now = nodes.get(anchor.key);
      if (now) root.scrollTop += now.node.getBoundingClientRect().top - anchor.top;
    }
    onScroll();
  }

  /** Return an entry that is seen, and where: there it stays when others are drawn above it. */
  function anchorNow() {
    const { top } = root.getBoundingClientRect();
    for (const [key, { node }] of nodes) {
      const box = node.getBoundingClientRect();
      if (box.bottom > top && key.startsWith("e")) return { key, top: box.top };
    }
    return null;
  }

  function onScroll() {
    const left = root.scrollHeight - root.scrollTop - root.clientHeight;
    isAtEnd = left < NEAR && !place.window;
    if (root.scrollTop < FETCH_AT) chat.older(place);
    if (left < FETCH_AT && place.window) chat.newer(place);
    act.scrolled(isAtEnd);
  }

  // What is shown: a key, a version, and how to draw it.

  function* items() {
    const { segment } = place;
    const entries = segment.entries.slice(-MAX_ENTRIES);
    const loaded = new Set(entries.map((each) => each.seq));
    const reactions = reactionsIn(entries);
    const notices = place.window ? [] : place.notices;
    let at = 0;
    let day = "";
    let before = null;
    let isNew = place.newAfter === null;
    if (!segment.more && place.loaded && place.kind !== "desk") {
      const what = `${place.kind === "group" ? "" : "your talk with "}${place.name}`;
      yield ["begin", what, () => el("p", { class: "begin" }, `This is the beginning of ${what}.`)];
    }
    for (const entry of entries) {
      while (at < notices.length && notices[at].after < entry.seq) {
        yield drawNotice(notices[at++]);
        before = null;
      }
      const said = says(entry) || entry.type === "unsaid";
      if (comesOrGoes(entry, chat.me) && !chat.settings.joins) continue;
      if (["edit", "unsay", "react"].includes(entry.type) && loaded.has(entry.about)) continue;
      const sentence = said ? "" : eventSentence(entry, chat.me);
      if (!said && !sentence) continue;
      if (dayKey(entry.at) !== day) {
        day = dayKey(entry.at);
        const name = dayName(entry.at);
        yield [`d${entry.seq}`, name, () => el("h2", { class: "day" }, name)];
        before = null;
      }
      if (!isNew && entry.seq > place.newAfter) {
        isNew = true;
        const number = entries.filter((each) => each.seq >= entry.seq && says(each)).length;
        const words = `${number} new since ${dateTime(entry.at)}`;
        if (number) {
          yield ["new", words, () => el("p", { class: "new" }, words)];
          before = null;
        }
      }
      if (!said) {
        const asks = entry.type === "requested" && place.asking.get(fold(entry.name)) && (place.moderates || chat.operator);
        yield [`e${entry.seq}`, `${sentence}${asks ? "?" : ""}`, () => drawEvent(entry, sentence, asks)];
        before = null;
        continue;
      }
      const grouped = before !== null && entry.type === "message" && before.type === "message" &&
        before.from === entry.from && !entry.reply_to && Date.parse(entry.at) - Date.parse(before.at) < TOGETHER;
      const chips = reactions.get(entry.seq);
      const shown = chips ? [...chips].map(([emoji, by]) => [emoji, [...by]]) : [];
      const version = JSON.stringify([entry.type, entry.text, entry.edited, entry.quote?.text, grouped, shown]);
      yield [`e${entry.seq}`, version, () => drawMessage(entry, grouped, shown)];
      before = entry;
    }
    while (at < notices.length) yield drawNotice(notices[at++]);
    if (place.window) return;
    for (const each of chat.waiting(place)) {
      if (each.arrived || !chat.isMessage(each)) continue;
      const sent = each.sentOn !== null;
      yield [`w${each.fields.id}`, `${sent}`, () => drawWaiting(each, sent)];
    }
  }

  function drawMessage(entry, grouped, chips) {
    const { type } = entry;
    const { isMe } = chat;
    const from = String(entry.from);
    const text = type === "unsaid" ? span("gone", `removed by ${entry.by}`) : said(withLinks(String(entry.text)));
    const classes = { grouped, mine: isMe(from), names: (entry.mentions ?? []).some(isMe), action: type === "action" };
    const quote = entry.quote ? quoted(entry.quote) : `#${entry.reply_to}`;
    return el("div", {
      class: ["msg", ...Object.keys(classes).filter((each) => classes[each])].join(" "),
      role: "article",
      tabindex: -1,
    },
    avatar(`c${colourOf(from)}`, [...from][0].toUpperCase()),
    span("head", span(`who c${colourOf(from)}`, from),
      entry.hook ? span("guest", " hook") : entry.guest && span("guest", " guest"),
      spoken(type === "action" ? " " : ": ")),
    timeOf(entry),
    span("body",
      entry.reply_to && el("a", { class: "quote", tabindex: -1, href: hrefOf(entry.reply_to) }, `↪ ${quote}`),
      text,
      entry.edited && span("edited", " (edited)"),
      chips.length > 0 && span("chips", chips.map(([emoji, by]) =>
        el("span", { class: "chip", title: by.join(", ") }, emoji, ` ${by.length}`, spoken(` from ${by.join(", ")}`))))));
  }

  function timeOf({ seq, at }) {
    return el("a", { class: "time", "aria-hidden": true, tabindex: -1, href: hrefOf(seq) }, clockTime(at));
  }

  function hrefOf(seq) {
    return `#${encodeURIComponent(place.key)}/${seq}`;
  }

  function drawEvent(entry, sentence, asks) {
    const fetch = () => act.fetch(place, entry.number);
    return el("div", { class: "event", tabindex: -1 },
      span("text", withLinks(sentence)),
      timeOf(entry),
      asks && span("actions", decisions(entry.name, (line) => act.run(place, line))),
      entry.type === "shared" && span("actions", button("Download", fetch, { label: `Download ${entry.file}` })));
  }

  function drawNotice({ id, lines, style, event, next, again, asked }) {
    const run = (line) => () => act.run(place, line);
    const only = place.kind === "desk" ? "" : "only you see this";
    const words = style === "quiet" ? "" : [asked, only].filter(Boolean).join(" · ");
    const invited = event?.type === "invited" && chat.isMe(event.name);
    return [`n${id}`, "", () => el("div", { class: `notice ${style}${lines.length > 2 ? " table" : ""}` },
      span("text", withLinks(lines.join("\n"))),
      words && span("only", words),
      invited && button(`Join ${event.group}`, run(`/join ${event.group}`), { class: "primary" }),
      next && button("More", run(next)),
      again && button("Edit again", () => act.again(again)))];
  }

  function drawWaiting(request, sent) {
    return el("div", { class: "msg waiting", role: "article" },
      avatar("", "…"),
      span("head", span("who", chat.me), spoken(": ")),
      span("body", said(request.info.text), span("edited", sent ? " sending" : " waiting"),
        !sent && button("Take back", () => act.cancel(request))));
  }

  // The actions of a message, for the pointer and for the keys.

  function entryOf(node) {
    const seq = Number(node.dataset.key.slice(1));
    return place.segment.entries.find((each) => each.seq === seq);
  }

  function point({ target: over }) {
    const node = over.closest?.(".msg[data-key^=e]");
    if (!node || node.contains(tools)) return;
    const entry = entryOf(node);
    if (!entry || entry.type === "unsaid" || !place.member) return;
    node.querySelector(".time").title = dateTime(entry.at);
    const mine = chat.isMe(entry.from);
    const { seq } = entry;
    const moderates = place.kind === "group" && (place.moderates || chat.operator);
    const tool = (text, action, label = text) => button(text, action, { label, title: label, tabindex: -1 });
    const run = (text, line, label) => tool(text, () => act.run(place, line), label);
    const copyLink = () => act.copy(new URL(hrefOf(seq), location).href);
    fill(tools,
      REACTIONS.map((emoji) => run(emoji, `/react ${seq} ${emoji}`, `React ${emoji}`)),
      tool("Reply", () => act.reply(entry)),
      mine && tool("Edit", () => act.edit(entry)),
      moderates && run("Pin", `/pin ${seq}`),
      (mine || moderates) && run("Remove", `/unsay ${seq}`),
      tool("Link", copyLink, "Copy a link to this message"));
    node.append(tools);
  }

  /** Up and Down go from message to message, Left and Right through the actions of one. */
  function onKey(event) {
    const node = event.target.closest("[data-key]");
    const move = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (move && !event.altKey) {
      let to = node ? node[move] : root.lastElementChild;
      while (to && !to.hasAttribute("tabindex")) to = to[move];
      to?.focus();
      if (to) event.preventDefault();
    } else if (node && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      const buttons = [...node.querySelectorAll("button")];
      const now = buttons.indexOf(document.activeElement);
      buttons[event.key === "ArrowRight" ? now + 1 : now - 1]?.focus();
      if (event.key === "ArrowLeft" && now === 0) node.focus();
      event.preventDefault();
    }
  }

  root.addEventListener("scroll", onScroll);
  root.addEventListener("mouseover", point);
  root.addEventListener("focusin", point);
  root.addEventListener("keydown", onKey);
  new ResizeObserver(() => isAtEnd && toEnd()).observe(root);
  return { show, changed, toEnd };
}

function reactionsIn(entries) {
  const found = new Map();
  for (const each of entries) {
    if (each.type !== "react") continue;
    if (!found.has(each.about)) found.set(each.about, new Map());
    const emojis = found.get(each.about);
    emojis.set(each.emoji, (emojis.get(each.emoji) ?? new Set()).add(each.by));
  }
  return found;
}

