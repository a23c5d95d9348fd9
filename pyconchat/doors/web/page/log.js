// The log of one place, drawn. Text from people only ever becomes text: no markup is parsed.
import { MAX_ENTRIES, says } from "./chat.js";
import { fold } from "./link.js";
import { clockTime, comesOrGoes, dateTime, dayKey, dayName, eventSentence, quoted } from "./words.js";

const TOGETHER = 5 * 60_000; // milliseconds between messages that are shown under one name
const NEAR = 40; // pixels from the end that count as the end
const FETCH_AT = 300; // pixels from the start at which older entries are fetched
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
 * The log in the element *root*. *act* has what its buttons do: `reply`, `edit`, `run(place, line)`,
 * `fetch`, `again(text)`, `cancel(request)`, `copy(text)`.
 */
export class Log {
  #root;
  #chat;
  #act;
  #place;
  #nodes = new Map();
  #due = false;
  #took = 0; // milliseconds, to draw the last time
  #atEnd = true;
  #target = 0;
  #tools;

  constructor(root, chat, act) {
    this.#root = root;
    this.#chat = chat;
    this.#act = act;
    this.#place = chat.desk;
    this.#tools = el("div", { class: "tools", role: "group", label: "Actions for this message" });
    root.addEventListener("scroll", () => this.#scrolled());
    root.addEventListener("mouseover", (event) => this.#point(event.target));
    root.addEventListener("focusin", (event) => this.#point(event.target));
    root.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(root);
  }

  /** Show *place*, at the entry *seq* if it is given. */
  show(place, seq) {
    if (place !== this.#place) {
      this.#place = place;
      this.#nodes.clear();
      this.#root.replaceChildren();
      this.#atEnd = true;
    }
    if (seq) {
      this.#target = seq;
      this.#atEnd = false;
    }
    this.draw();
  }

  /** Draw soon: many changes at once are drawn once. */
  changed(place) {
    if (place !== this.#place || this.#due) return;
    this.#due = true;
    const draw = () => {
      this.#due = false;
      const begun = performance.now();
      this.draw();
      this.#took = performance.now() - begun;
    };
    // A long log under a flood of messages is drawn for a third of the time.
    if (this.#took < 8) requestAnimationFrame(draw);
    else setTimeout(() => requestAnimationFrame(draw), 2 * this.#took);
  }

  toEnd() {
    this.#atEnd = true;
    this.#root.scrollTop = this.#root.scrollHeight;
  }

  get atEnd() {
    return this.#atEnd && !this.#place.window;
  }

  draw() {
    const root = this.#root;
    const anchor = this.#atEnd ? null : this.#anchor();
    const kept = new Map();
    let next = root.firstChild;
    for (const [key, version, make] of this.#items()) {
      let known = this.#nodes.get(key);
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
    for (const [key, { node }] of this.#nodes) if (kept.get(key)?.node !== node) node.remove();
    this.#nodes = kept;
    const target = this.#target && this.#nodes.get(`e${this.#target}`);
    if (target) {
      this.#target = 0;
      target.node.scrollIntoView({ block: "center" });
      target.node.classList.add("found");
      target.node.focus({ preventScroll: true });
    } else if (this.#atEnd) {
      root.scrollTop = root.scrollHeight;
    } else if (anchor) {
      const now = this.#nodes.get(anchor.key);
      if (now) root.scrollTop += now.node.getBoundingClientRect().top - anchor.top;
    }
    this.#scrolled();
  }

  /** Return an entry that is seen, and where: there it stays when others are drawn above it. */
  #anchor() {
    const { top } = this.#root.getBoundingClientRect();
    for (const [key, { node }] of this.#nodes) {
      const box = node.getBoundingClientRect();
      if (box.bottom > top && key.startsWith("e")) return { key, top: box.top };
    }
    return null;
  }

  #scrolled() {
    const root = this.#root;
    const left = root.scrollHeight - root.scrollTop - root.clientHeight;
    this.#atEnd = left < NEAR && !this.#place.window;
    if (root.scrollTop < FETCH_AT) this.#chat.older(this.#place);
    if (left < FETCH_AT && this.#place.window) this.#chat.newer(this.#place);
    this.#act.scrolled();
  }

  // What is shown: a key, a version, and how to draw it.

  *#items() {
    const place = this.#place;
    const chat = this.#chat;
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
        yield this.#notice(notices[at++]);
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
        yield [`e${entry.seq}`, `${sentence}${asks ? "?" : ""}`, () => this.#event(entry, sentence, asks)];
        before = null;
        continue;
      }
      const grouped = before !== null && entry.type === "message" && before.type === "message" &&
        before.from === entry.from && !entry.reply_to && Date.parse(entry.at) - Date.parse(before.at) < TOGETHER;
      const chips = reactions.get(entry.seq);
      const shown = chips ? [...chips].map(([emoji, by]) => [emoji, [...by]]) : [];
      const version = JSON.stringify([entry.type, entry.text, entry.edited, entry.quote?.text, grouped, shown]);
      yield [`e${entry.seq}`, version, () => this.#message(entry, grouped, shown)];
      before = entry;
    }
    while (at < notices.length) yield this.#notice(notices[at++]);
    if (place.window) return;
    for (const each of chat.waiting(place)) {
      if (each.arrived || !chat.isMessage(each)) continue;
      const sent = each.sentOn !== null;
      yield [`w${each.fields.id}`, `${sent}`, () => this.#waiting(each, sent)];
    }
  }

  #message(entry, grouped, chips) {
    const { type, from } = entry;
    const { isMe } = this.#chat;
    const text = type === "unsaid" ? span("gone", `removed by ${entry.by}`) : said(withLinks(entry.text));
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
    this.#time(entry),
    span("body",
      entry.reply_to && el("a", { class: "quote", tabindex: -1, href: this.#href(entry.reply_to) }, `↪ ${quote}`),
      text,
      entry.edited && span("edited", " (edited)"),
      chips.length > 0 && span("chips", chips.map(([emoji, by]) =>
        el("span", { class: "chip", title: by.join(", ") }, emoji, ` ${by.length}`, spoken(` from ${by.join(", ")}`))))));
  }

  #time({ seq, at }) {
    return el("a", { class: "time", "aria-hidden": true, tabindex: -1, href: this.#href(seq) }, clockTime(at));
  }

  #href(seq) {
    return `#${encodeURIComponent(this.#place.key)}/${seq}`;
  }

  #event(entry, sentence, asks) {
    const place = this.#place;
    const fetch = () => this.#act.fetch(place, entry.number);
    return el("div", { class: "event", tabindex: -1 },
      span("text", withLinks(sentence)),
      this.#time(entry),
      asks && span("actions", decisions(entry.name, (line) => this.#act.run(place, line))),
      entry.type === "shared" && span("actions", button("Download", fetch, { label: `Download ${entry.file}` })));
  }

  #notice({ id, lines, style, event, next, again, asked }) {
    const run = (line) => () => this.#act.run(this.#place, line);
    const only = this.#place.kind === "desk" ? "" : "only you see this";
    const invited = event?.type === "invited" && this.#chat.isMe(event.name);
    return [`n${id}`, "", () => el("div", { class: `notice ${style}${lines.length > 2 ? " table" : ""}` },
      span("text", withLinks(lines.join("\n"))),
      style !== "quiet" && span("only", [asked, only].filter(Boolean).join(" · ")),
      invited && button(`Join ${event.group}`, run(`/join ${event.group}`), { class: "primary" }),
      next && button("More", run(next)),
      again && button("Edit again", () => this.#act.again(again)))];
  }

  #waiting(request, sent) {
    return el("div", { class: "msg waiting", role: "article" },
      avatar("", "…"),
      span("head", span("who", this.#chat.me), spoken(": ")),
      span("body", said(request.info.text), span("edited", sent ? " sending" : " waiting"),
        !sent && button("Take back", () => this.#act.cancel(request))));
  }

  // The actions of a message, for the pointer and for the keys.

  #entryOf(node) {
    const seq = Number(node.dataset.key.slice(1));
    return this.#place.segment.entries.find((each) => each.seq === seq);
  }

  #point(target) {
    const node = target.closest?.(".msg[data-key^=e]");
    if (!node || node.contains(this.#tools)) return;
    const place = this.#place;
    const chat = this.#chat;
    const entry = this.#entryOf(node);
    if (!entry || entry.type === "unsaid" || !place.member) return;
    node.querySelector(".time").title = dateTime(entry.at);
    const mine = chat.isMe(entry.from);
    const { seq } = entry;
    const moderates = place.kind === "group" && (place.moderates || chat.operator);
    const tool = (text, action, label = text) => button(text, action, { label, title: label, tabindex: -1 });
    const run = (text, line, label) => tool(text, () => this.#act.run(place, line), label);
    const copyLink = () => this.#act.copy(new URL(this.#href(seq), location).href);
    fill(this.#tools,
      REACTIONS.map((emoji) => run(emoji, `/react ${seq} ${emoji}`, `React ${emoji}`)),
      tool("Reply", () => this.#act.reply(entry)),
      mine && tool("Edit", () => this.#act.edit(entry)),
      moderates && run("Pin", `/pin ${seq}`),
      (mine || moderates) && run("Remove", `/unsay ${seq}`),
      tool("Link", copyLink, "Copy a link to this message"));
    node.append(this.#tools);
  }

  /** Up and Down go from message to message, Left and Right through the actions of one. */
  #key(event) {
    const node = event.target.closest("[data-key]");
    const move = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (move && !event.altKey) {
      let to = node ? node[move] : this.#root.lastElementChild;
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

