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
 * The message field of *chat*, with `#suggestions`, and `#asking` for questions about what is being
 * sent. *act* has `share(files)` for pasted files, `pickFiles()` for a command that takes one, and
 * `sent()`.
 */
export function makeComposer(chat, act) {
  const [field, list, asking, aboutLine] = ["field", "suggestions", "asking", "about"].map((id) =>
    document.getElementById(id));
  const recalled = [];
  let at = 0; // in what is recalled
  let pasted = false;
  let confirming = false;
  let chosen = -1; // of the suggestions
  let picked = false; // whether it was chosen with the arrows
  let edits = null; // how the text answers or corrects an entry

  function focus() {
    field.focus();
  }

  /** Show the draft of *place*, and keep that of the place before. */
  function moved(before, place) {
    before.draft = field.value;
    cancel();
    set(place.draft);
  }

  /** Show where the text goes. */
  function draw(place) {
    const label = place.kind === "desk" ? "Type a command" : `Message ${place.name}`;
    field.placeholder = place.member ? label : "You are no longer a member";
    field.setAttribute("aria-label", label);
    field.disabled = !place.member;
  }

  /** Put *text* into the field, before what is there. */
  function put(text) {
    set([text, field.value].filter(Boolean).join("\n"));
    focus();
  }

  function reply(entry) {
    begin(`Replying to ${entry.from}: ${entry.text}`, { fields: { reply_to: entry.seq } });
  }

  function edit(entry) {
    begin(`Editing: ${entry.text}`, { command: `/edit ${entry.seq} ` });
    set(entry.text);
  }

  function begin(about, next) {
    edits = next;
    fill(aboutLine, el("span", {}, about), button("Cancel", () => cancel(true)));
    aboutLine.hidden = false;
    focus();
  }

  function cancel(clears = false) {
    if (clears && edits?.command) set("");
    edits = null;
    aboutLine.hidden = true;
    confirm(false);
    close();
  }

  function set(text) {
    field.value = text;
    typed(false);
  }

  function typed(suggests = true) {
    if (!field.value) pasted = false;
    confirm(false);
    field.style.height = "auto";
    if (field.value) field.style.height = `${field.scrollHeight}px`;
    if (suggests) suggest();
  }

  function paste(event) {
    const { files } = event.clipboardData;
    if (files.length) {
      event.preventDefault();
      act.share([...files]);
    } else if (event.clipboardData.getData("text").trim().includes("\n")) {
      pasted = true;
    }
  }

  // Sending.

  function send() {
    const place = chat.current;
    const text = field.value.replace(/\s+$/, "");
    if (!text.trim() || !place.member) return;
    const { command, words } = chat.commandIn(text, place);
    if (!edits && command?.name === "send" && !words.length) {
      set("");
      act.pickFiles();
      return;
    }
    const isCommand = command !== null && (text.startsWith("/") || place.kind === "desk");
    const messages = edits?.command ? [edits.command + text] : isCommand ? [text] : messagesOf(text, chat.lineBytes);
    const lines = text.split("\n").length;
    if (!isCommand && !confirming && (messages.length > 1 || (pasted && lines > 1))) {
      const as = messages.length > 1 ? `${messages.length} messages` : "one message";
      confirm(true, `Send ${lines} lines as ${as}? Enter sends, Esc goes back.`);
      return;
    }
    if (!messages.every((each) => chat.type(place, each, edits?.fields ?? {}))) return;
    if (!chat.mayHaveSecret(place, text)) {
      recalled.push(text);
      recalled.splice(0, recalled.length - MAX_RECALLED);
    }
    at = recalled.length;
    cancel();
    set("");
    act.sent();
  }

  function confirm(on, text = "") {
    confirming = on;
    asking.textContent = text;
    asking.hidden = !on;
  }

  // Keys.

  function onKey(event) {
    const { key } = event;
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    const open = !list.hidden;
    if (open && (key === "ArrowDown" || key === "ArrowUp")) {
      const { length } = list.children;
      choose((chosen + (key === "ArrowDown" ? 1 : length)) % length);
    } else if (open && !event.shiftKey && (key === "Tab" || (key === "Enter" && picked))) {
      take(list.children[Math.max(0, chosen)]);
    } else if (key === "Enter" && !event.shiftKey) {
      close();
      send();
    } else if (key === "Escape" && (open || confirming || edits)) {
      if (open) close();
      else if (confirming) confirm(false);
      else cancel(true);
      event.stopPropagation();
    } else if ((key === "ArrowUp" || key === "ArrowDown") && recalls()) {
      at = Math.max(0, Math.min(recalled.length, at + (key === "ArrowUp" ? -1 : 1)));
      set(recalled[at] ?? "");
    } else {
      return;
    }
    event.preventDefault();
  }

  function recalls() {
    const { value } = field;
    return recalled.length > 0 && (value === "" || value === recalled[at]);
  }

  // Suggestions.

  function suggest() {
    const { value, selectionStart: caret } = field;
    const before = value.slice(0, caret);
    const word = before.slice(before.search(/\S*$/));
    const found = completions(before, word).filter(
      ({ text }) => text.toLowerCase().startsWith(word.toLowerCase()) && text !== word,
    );
    if (!found.length) {
      close();
      return;
    }
    const onmousedown = (event) => {
      event.preventDefault();
      take(event.currentTarget);
    };
    fill(list, found.slice(0, MAX_SUGGESTIONS).map(({ text, note }, index) =>
      el("li", { id: `suggestion${index}`, role: "option", "data-text": text, onmousedown },
        el("b", {}, text), note && el("span", {}, note))));
    list.hidden = false;
    choose(0);
    picked = false;
  }

  function completions(before, word) {
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

  function choose(index) {
    chosen = index;
    picked = true;
    [...list.children].forEach((each, at) => each.setAttribute("aria-selected", at === index));
    list.children[index]?.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", `suggestion${index}`);
  }

  function take(option) {
    const before = field.value.slice(0, field.selectionStart);
    const start = before.search(/\S*$/);
    field.setRangeText(`${option.dataset.text} `, start, field.selectionStart, "end");
    close();
    typed();
  }

  function close() {
    list.hidden = true;
    chosen = -1;
    picked = false;
    field.removeAttribute("aria-activedescendant");
  }

  field.addEventListener("keydown", onKey);
  field.addEventListener("input", () => typed());
  field.addEventListener("blur", close);
  field.addEventListener("paste", paste);
  field.form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
    field.focus();
  });
  return { focus, moved, draw, put, reply, edit };
}
