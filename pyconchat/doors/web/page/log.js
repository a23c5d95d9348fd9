// The log of one place, drawn. Text from people only ever becomes text: no markup is parsed.
import { MAX_ENTRIES } from "./chat.js";
import { fold } from "./link.js";
import { clockTime, comesOrGoes, dateTime, dayKey, dayName, eventSentence, quoted } from "./words.js";

const TOGETHER = 5 * 60_000; // milliseconds between messages that are shown under one name
const NEAR = 40; // pixels from the end that count as the end
const FETCH_AT = 300; // pixels from the start at which older entries are fetched
const COLOURS = 12;
const URLS = /\b(?:https?|pyconchats?):\/\/[^\s<>"]+/g;
const REACTIONS = ["👍", "❤️", "😄"];

/** Make an element: *properties* are attributes, `on…` listeners, `text`; null ones are left out. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true && !key.startsWith("aria-") ? "" : value);
  }
  element.append(...children.filter((each) => each !== null));
  return element;
}

export const button = (text, onclick, more = {}) => el("button", { type: "button", text, onclick, ...more });

/** Return *text* as nodes, with its URLs as links. */
export function withLinks(text) {
  const nodes = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(URLS)) {
    let url = found.replace(/[.,;:!?'"]+$/, "");
    if (url.endsWith(")") && !url.includes("(")) url = url.slice(0, -1);
    nodes.push(text.slice(end, index));
    nodes.push(el("a", { href: url, target: "_blank", rel: "noopener noreferrer", text: url }));
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
    this.#tools = el("div", { class: "tools", role: "group", "aria-label": "Actions for this message" });
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
      const what = place.kind === "group" ? `the beginning of ${place.name}` : `the beginning of your talk with ${place.name}`;
      yield ["begin", what, () => el("p", { class: "begin", text: `This is ${what}.` })];
    }
    for (const entry of entries) {
      while (at < notices.length && notices[at].after < entry.seq) {
        yield this.#notice(notices[at++]);
        before = null;
      }
      const said = entry.type === "message" || entry.type === "action" || entry.type === "unsaid";
      if (comesOrGoes(entry, chat.me) && !chat.settings.joins) continue;
      if (["edit", "unsay", "react"].includes(entry.type) && loaded.has(entry.about)) continue;
      const sentence = said ? "" : eventSentence(entry, chat.me);
      if (!said && !sentence) continue;
      if (dayKey(entry.at) !== day) {
        day = dayKey(entry.at);
        const name = dayName(entry.at);
        yield [`d${entry.seq}`, name, () => el("h2", { class: "day" }, el("span", { text: name }))];
        before = null;
      }
      if (!isNew && entry.seq > place.newAfter) {
        isNew = true;
        const number = entries.filter((each) => each.seq >= entry.seq && (each.type === "message" || each.type === "action")).length;
        const words = `${number} new since ${dateTime(entry.at)}`;
        if (number) {
          yield ["new", words, () => el("p", { class: "new" }, el("span", { text: words }))];
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
    const chat = this.#chat;
    const names = (entry.mentions ?? []).some((each) => chat.isMe(each));
    const mine = chat.isMe(entry.from);
    const action = entry.type === "action";
    const who = String(entry.from);
    const text = entry.type === "unsaid"
      ? el("span", { class: "gone", text: `removed by ${entry.by}` })
      : el("span", { class: "text", dir: "auto" }, ...withLinks(String(entry.text)));
    const classes = ["msg", grouped && "grouped", mine && "mine", names && "names", action && "action"];
    return el("div", { class: classes.filter(Boolean).join(" "), role: "article", id: `e${entry.seq}`, tabindex: -1 },
      el("span", { class: `avatar c${colourOf(who)}`, "aria-hidden": true, text: [...who][0].toUpperCase() }),
      el("span", { class: "head" },
        el("span", { class: `who c${colourOf(who)}`, text: who }),
        entry.guest || entry.hook ? el("span", { class: "guest", text: entry.hook ? " hook" : " guest" }) : null,
        el("span", { class: "vh", text: action ? " " : ": " })),
      el("a", { class: "time", "aria-hidden": true, tabindex: -1, href: this.#href(entry.seq), text: clockTime(entry.at) }),
      el("span", { class: "body" },
        entry.reply_to ? this.#quote(entry) : null,
        text,
        entry.edited ? el("span", { class: "edited", text: " (edited)" }) : null,
        chips.length ? el("span", { class: "chips" }, ...chips.map(([emoji, by]) =>
          el("span", { class: "chip", title: by.join(", ") }, emoji, ` ${by.length}`, el("span", { class: "vh", text: ` from ${by.join(", ")}` })))) : null));
  }

  #quote(entry) {
    const text = entry.quote ? quoted(entry.quote) : `#${entry.reply_to}`;
    return el("a", { class: "quote", tabindex: -1, href: this.#href(entry.reply_to), text: `↪ ${text}` });
  }

  #href(seq) {
    return `#${encodeURIComponent(this.#place.key)}/${seq}`;
  }

  #event(entry, sentence, asks) {
    const place = this.#place;
    const run = (line) => () => this.#act.run(place, line);
    return el("div", { class: "event", id: `e${entry.seq}`, tabindex: -1 },
      el("span", { class: "text" }, ...withLinks(sentence)),
      el("a", { class: "time", "aria-hidden": true, tabindex: -1, href: this.#href(entry.seq), text: clockTime(entry.at) }),
      asks ? el("span", { class: "actions" },
        button("Approve", run(`/approve ${entry.name}`), { class: "primary", "aria-label": `Approve ${entry.name}` }),
        button("Reject", run(`/reject ${entry.name}`), { "aria-label": `Reject ${entry.name}` })) : null,
      entry.type === "shared" ? el("span", { class: "actions" },
        button("Download", () => this.#act.fetch(place, entry.number), { "aria-label": `Download ${entry.file}` })) : null);
  }

  #notice(notice) {
    const run = (line) => () => this.#act.run(this.#place, line);
    const { event, next, again, asked } = notice;
    const only = this.#place.kind === "desk" ? "" : "only you see this";
    const words = notice.style === "quiet" ? "" : [asked, only].filter(Boolean).join(" · ");
    const invited = event?.type === "invited" && this.#chat.isMe(event.name);
    return [`n${notice.id}`, "", () => el("div", { class: `notice ${notice.style}${notice.lines.length > 2 ? " table" : ""}` },
      el("span", { class: "text" }, ...withLinks(notice.lines.join("\n"))),
      words ? el("span", { class: "only", text: words }) : null,
      invited ? button(`Join ${event.group}`, run(`/join ${event.group}`), { class: "primary" }) : null,
      next ? button("More", run(next)) : null,
      again ? button("Edit again", () => this.#act.again(again)) : null)];
  }

  #waiting(request, sent) {
    const { text } = request.info;
    return el("div", { class: "msg waiting", role: "article" },
      el("span", { class: "avatar", "aria-hidden": true, text: "…" }),
      el("span", { class: "head" }, el("span", { class: "who", text: this.#chat.me }), el("span", { class: "vh", text: ": " })),
      el("span", { class: "body" }, el("span", { class: "text", dir: "auto", text }),
        el("span", { class: "edited", text: sent ? " sending" : " waiting" }),
        sent ? null : button("Take back", () => this.#act.cancel(request))));
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
    const run = (line) => () => this.#act.run(place, line);
    const moderates = place.kind === "group" && (place.moderates || chat.operator);
    const tool = (text, label, action) => button(text, action, { "aria-label": label, title: label, tabindex: -1 });
    this.#tools.replaceChildren(
      ...REACTIONS.map((emoji) => tool(emoji, `React ${emoji}`, run(`/react ${seq} ${emoji}`))),
      tool("Reply", "Reply", () => this.#act.reply(entry)),
      ...(mine ? [tool("Edit", "Edit", () => this.#act.edit(entry))] : []),
      ...(moderates ? [tool("Pin", "Pin", run(`/pin ${seq}`))] : []),
      ...(mine || moderates ? [tool("Remove", "Remove", run(`/unsay ${seq}`))] : []),
      tool("Link", "Copy a link to this message", () => this.#act.copy(new URL(this.#href(seq), location).href)));
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

