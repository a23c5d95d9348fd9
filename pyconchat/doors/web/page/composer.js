// The message field: suggestions from the server's command table, recall, drafts, several lines.
import { button, el, fill } from "./log.js";

const MAX_LINES = 64; // of a message
const MAX_SUGGESTIONS = 8;
const MAX_RECALLED = 200;
const POLICIES = ["open", "approval", "invite", "password"];

const bytes = (text) => new TextEncoder().encode(text).length;

/** Return *text* in as few messages as possible, each of at most *limit* bytes. */
export function messagesOf(text, limit) {
  const messages = [];
  let size = 0;
  for (const line of text.split("\n")) {
    const added = bytes(line) + 1;
    if (!messages.length || messages.at(-1).length === MAX_LINES || size + added > limit) {
      messages.push([]);
      size = 0;
    }
    messages.at(-1).push(line);
    size += added;
  }
  return messages.map((each) => each.join("\n")).filter((each) => each.trim());
}

/**
 * The field of a form with `#field`, `#suggestions`, and `#asking` for questions about what is
 * being sent. *share(files)* takes pasted files, *pickFile* is called for a command that takes one.
 */
export class Composer {
  #field = document.getElementById("field");
  #list = document.getElementById("suggestions");
  #asking = document.getElementById("asking");
  #about = document.getElementById("about");
  #chat;
  #share;
  #pickFile;
  #pasted = false;
  #confirming = false;
  #recalled = [];
  #at = 0;
  #chosen = -1;
  #edits = null; // the entry that is being answered or edited, and how

  constructor(chat, share, pickFile) {
    this.#chat = chat;
    this.#share = share;
    this.#pickFile = pickFile;
    const field = this.#field;
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("input", () => this.#typed());
    field.addEventListener("blur", () => this.#close());
    field.addEventListener("paste", (event) => this.#paste(event));
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
      field.focus();
    });
  }

  focus() {
    this.#field.focus();
  }

  /** Show the draft of *place*, and keep that of the place before. */
  moved(before, place) {
    before.draft = this.#field.value;
    this.#cancel();
    this.#set(place.draft);
  }

  /** Show where the text goes. */
  draw(place) {
    const label = place.kind === "desk" ? "Type a command" : `Message ${place.name}`;
    this.#field.placeholder = place.member ? label : "You are no longer a member";
    this.#field.setAttribute("aria-label", label);
    this.#field.disabled = !place.member;
  }

  /** Put *text* into the field, before what is there. */
  put(text) {
    this.#set([text, this.#field.value].filter(Boolean).join("\n"));
    this.focus();
  }

  reply(entry) {
    this.#begin({ entry, fields: { reply_to: entry.seq } }, `Replying to ${entry.from}: ${entry.text}`);
  }

  edit(entry) {
    this.#begin({ entry, command: `/edit ${entry.seq} ` }, `Editing: ${entry.text}`);
    this.#set(entry.text);
  }

  #begin(edits, about) {
    this.#edits = edits;
    fill(this.#about, el("span", {}, about), button("Cancel", () => this.#cancel(true)));
    this.#about.hidden = false;
    this.focus();
  }

  #cancel(clears = false) {
    if (clears && this.#edits?.command) this.#set("");
    this.#edits = null;
    this.#about.hidden = true;
    this.#confirm(false);
    this.#close();
  }

  #set(text) {
    this.#field.value = text;
    this.#typed(false);
  }

  #typed(suggests = true) {
    const field = this.#field;
    if (!field.value) this.#pasted = false;
    this.#confirm(false);
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
    if (suggests) this.#suggest();
  }

  #paste(event) {
    const { files } = event.clipboardData;
    if (files.length) {
      event.preventDefault();
      this.#share([...files]);
    } else if (event.clipboardData.getData("text").trim().includes("\n")) {
      this.#pasted = true;
    }
  }

  // Sending.

  #send() {
    const field = this.#field;
    const place = this.#chat.current;
    const text = field.value.replace(/\s+$/, "");
    if (!text.trim() || !place.member) return;
    const edits = this.#edits;
    const { command, words } = this.#chat.commandIn(text, place);
    if (!edits && command?.name === "send" && !words.length) {
      this.#set("");
      this.#pickFile();
      return;
    }
    const isCommand = command !== null && (text.startsWith("/") || place.kind === "desk");
    const messages = edits?.command ? [edits.command + text] : isCommand ? [text] : messagesOf(text, this.#chat.lineBytes);
    const lines = text.split("\n").length;
    if (!isCommand && !this.#confirming && (messages.length > 1 || (this.#pasted && lines > 1))) {
      const as = messages.length > 1 ? `${messages.length} messages` : "one message";
      this.#confirm(true, `Send ${lines} lines as ${as}? Enter sends, Esc goes back.`);
      return;
    }
    if (!messages.every((each) => this.#chat.type(place, each, edits?.fields ?? {}))) return;
    if (!this.#chat.mayHaveSecret(place, text)) {
      this.#recalled.push(text);
      this.#recalled.splice(0, this.#recalled.length - MAX_RECALLED);
    }
    this.#at = this.#recalled.length;
    this.#pasted = false;
    this.#cancel();
    this.#set("");
  }

  #confirm(on, text = "") {
    this.#confirming = on;
    this.#asking.textContent = text;
    this.#asking.hidden = !on;
  }

  // Keys.

  #key(event) {
    const { key } = event;
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const open = !this.#list.hidden;
    if (open && (key === "ArrowDown" || key === "ArrowUp")) {
      const { length } = this.#list.children;
      this.#choose((this.#chosen + (key === "ArrowDown" ? 1 : length)) % length);
    } else if (open && !event.shiftKey && (key === "Tab" || (key === "Enter" && this.#picked))) {
      this.#take(this.#list.children[Math.max(0, this.#chosen)]);
    } else if (key === "Enter" && !event.shiftKey) {
      this.#close();
      this.#send();
    } else if (key === "Escape" && (open || this.#confirming || this.#edits)) {
      if (open) this.#close();
      else if (this.#confirming) this.#confirm(false);
      else this.#cancel(true);
      event.stopPropagation();
    } else if ((key === "ArrowUp" || key === "ArrowDown") && this.#recalls()) {
      this.#at = Math.max(0, Math.min(this.#recalled.length, this.#at + (key === "ArrowUp" ? -1 : 1)));
      this.#set(this.#recalled[this.#at] ?? "");
    } else {
      return;
    }
    event.preventDefault();
  }

  #recalls() {
    const { value } = this.#field;
    return this.#recalled.length > 0 && (value === "" || value === this.#recalled[this.#at]);
  }

  // Suggestions.

  #picked = false; // whether one was chosen with the arrows

  #suggest() {
    const { value, selectionStart: caret } = this.#field;
    const before = value.slice(0, caret);
    const word = before.slice(before.search(/\S*$/));
    const found = this.#completions(before, word).filter(
      ({ text }) => text.toLowerCase().startsWith(word.toLowerCase()) && text !== word,
    );
    if (!found.length) {
      this.#close();
      return;
    }
    const onmousedown = (event) => {
      event.preventDefault();
      this.#take(event.currentTarget);
    };
    fill(this.#list, found.slice(0, MAX_SUGGESTIONS).map(({ text, note }, index) =>
      el("li", { id: `suggestion${index}`, role: "option", "data-text": text, onmousedown },
        el("b", {}, text), note && el("span", {}, note))));
    this.#list.hidden = false;
    this.#choose(0);
    this.#picked = false;
  }

  #completions(before, word) {
    const chat = this.#chat;
    const place = chat.current;
    const slash = before.startsWith("/") ? "/" : "";
    const commands = (prefix) => chat.commands.map(({ name, summary }) => ({ text: prefix + name, note: summary }));
    const kinds = {
      name: () => chat.people(place).map((text) => ({ text })),
      group: () => [...chat.groups.values()].map(({ name, topic }) => ({ text: name, note: topic })),
      command: () => commands(""),
      policy: () => POLICIES.map((text) => ({ text })),
    };
    if (word.startsWith("@")) return kinds.name().map(({ text }) => ({ text: `@${text}` }));
    if (!before || (!slash && place.kind !== "desk")) return [];
    if (word === before) return commands(slash);
    const { command, words } = chat.commandIn(before, place);
    const index = words.length - (/\s$/.test(before) ? 0 : 1);
    const found = [];
    let rest = false;
    for (const [position, each] of (command?.arguments ?? []).entries()) {
      rest ||= each.rest;
      if (position === index || (position < index && rest)) found.push(...(kinds[each.kind]?.() ?? []));
    }
    return found;
  }

  #choose(index) {
    this.#chosen = index;
    this.#picked = true;
    [...this.#list.children].forEach((each, at) => each.setAttribute("aria-selected", at === index));
    this.#list.children[index]?.scrollIntoView({ block: "nearest" });
    this.#field.setAttribute("aria-activedescendant", `suggestion${index}`);
  }

  #take(option) {
    const field = this.#field;
    const before = field.value.slice(0, field.selectionStart);
    const start = before.search(/\S*$/);
    field.setRangeText(`${option.dataset.text} `, start, field.selectionStart, "end");
    this.#close();
    this.#typed();
  }

  #close() {
    this.#list.hidden = true;
    this.#chosen = -1;
    this.#picked = false;
    this.#field.removeAttribute("aria-activedescendant");
  }
}
