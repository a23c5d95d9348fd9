// The message field: suggestions from the server's commands, recall, drafts, several lines.
import * as chat from "./chat.js";
import * as files from "./files.js";
import { $, button, el, fill, follow } from "./log.js";

const MAX_LINES = 64; // of a message
const MAX_SUGGESTIONS = 8;
const MAX_RECALLED = 200;
const POLICIES = ["open", "approval", "invite", "password"];

/** Return *text* in as few messages as possible, each of at most *limit* bytes. */
function messagesOf(text, limit) {
  const messages = [];
  let size = Infinity;
  for (const line of text.split("\n")) {
    const added = new TextEncoder().encode(line).length + 1;
    if (size + added > limit || messages.at(-1).length === MAX_LINES) {
      messages.push([]);
      size = 0;
    }
    messages.at(-1).push(line);
    size += added;
  }
  return messages.map((each) => each.join("\n")).filter((each) => each.trim());
}

const [field, list, asking, aboutLine] = ["field", "suggestions", "asking", "about"].map($);
const recalled = [];
let at = 0; // in what is recalled
let pasted = false;
let chosen = -1; // of the suggestions
let picked = false; // whether it was chosen with the arrows
let edits = null; // how the text answers or corrects an entry

export const focus = () => field.focus();

export function moved(before, place) {
  before.draft = field.value;
  cancel();
  set(place.draft);
}

export function draw(place) {
  const label = place.kind === "desk" ? "Type a command" : `Message ${place.name}`;
  field.placeholder = place.member ? label : "You are no longer a member";
  field.ariaLabel = label;
  field.disabled = !place.member;
}

export function put(text) {
  set([text, field.value].filter(Boolean).join("\n"));
  focus();
}

export function reply({ from, text, seq }) {
  begin(`Replying to ${from}: ${text}`, { fields: { reply_to: seq } });
}

export function edit({ text, seq }) {
  begin(`Editing: ${text}`, { command: `/edit ${seq} ` });
  set(text);
}

function begin(about, next) {
  edits = next;
  fill(aboutLine, el("span.line", about), button("Cancel", () => cancel(true)));
  aboutLine.hidden = false;
  focus();
}

function cancel(clears = false) {
  if (clears && edits?.command) set("");
  edits = null;
  aboutLine.hidden = true;
  confirm("");
  close();
}

function set(text) {
  field.value = text;
  changed();
}

function changed() {
  pasted &&= field.value !== "";
  confirm("");
  field.style.height = "auto";
  if (field.value) field.style.height = `${field.scrollHeight}px`;
}

function paste(event) {
  const data = event.clipboardData;
  pasted ||= data.getData("text").trim().includes("\n");
  if (!data.files.length) return;
  event.preventDefault();
  files.share(chat.current, data.files);
}

function send() {
  const place = chat.current;
  const text = field.value.trimEnd();
  if (!text.trim() || !place.member) return;
  const { command, words } = chat.commandIn(text, place);
  if (!edits && command?.name === "send" && !words.length) {
    set("");
    files.pick();
    return;
  }
  const isCommand = command !== null && (text.startsWith("/") || place.kind === "desk");
  const messages = edits?.command ? [edits.command + text] : isCommand ? [text] : messagesOf(text, chat.lineBytes);
  const lines = text.split("\n").length;
  if (!isCommand && asking.hidden && (messages.length > 1 || (pasted && lines > 1))) {
    const as = messages.length > 1 ? `${messages.length} messages` : "one message";
    confirm(`Send ${lines} lines as ${as}? Enter sends, Esc goes back.`);
    return;
  }
  if (!messages.every((each) => chat.send(place, each, edits?.fields))) return;
  if (!chat.mayHaveSecret(place, text)) recalled.push(text);
  recalled.splice(0, recalled.length - MAX_RECALLED);
  at = recalled.length;
  cancel();
  set("");
  chat.toEnd(place);
  follow();
}

function confirm(question) {
  asking.textContent = question;
  asking.hidden = !question;
}

function onKey(event) {
  const { key } = event;
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  const open = !list.hidden;
  if (open && step) {
    const { length } = list.children;
    choose((chosen + step + length) % length);
  } else if (open && !event.shiftKey && (key === "Tab" || (key === "Enter" && picked))) {
    take(list.children[chosen]);
  } else if (key === "Enter" && !event.shiftKey) {
    close();
    send();
  } else if (key === "Escape" && (open || !asking.hidden || edits)) {
    if (open) close();
    else if (!asking.hidden) confirm("");
    else cancel(true);
    event.stopPropagation();
  } else if (step && recalled.length && (field.value === "" || field.value === recalled[at])) {
    at = Math.max(0, Math.min(recalled.length, at + step));
    set(recalled[at] ?? "");
  } else {
    return;
  }
  event.preventDefault();
}

function beforeCaret() {
  const before = field.value.slice(0, field.selectionStart);
  return [before, before.search(/\S*$/)];
}

function suggest() {
  const [before, start] = beforeCaret();
  const word = before.slice(start);
  const found = completions(before, word)
    .filter(([text]) => text.toLowerCase().startsWith(word.toLowerCase()) && text !== word)
    .slice(0, MAX_SUGGESTIONS);
  const onmousedown = (event) => {
    event.preventDefault();
    take(event.currentTarget);
  };
  fill(list, found.map(([text, note], index) =>
    el("li", { id: `suggestion${index}`, role: "option", "data-text": text, onmousedown },
      el("b", text), note && el("span.line.soft", note))));
  list.hidden = !found.length;
  if (found.length) choose(0);
  else close();
  picked = false;
}

function completions(before, word) {
  const place = chat.current;
  const slash = before.startsWith("/") ? "/" : "";
  const people = (prefix = "") => chat.people(place).map((name) => [prefix + name]);
  const commands = (prefix = "") => chat.commands.map(({ name, summary }) => [prefix + name, summary]);
  const kinds = {
    name: people,
    group: () => [...chat.groups.values()].map(({ name, topic }) => [name, topic]),
    command: commands,
    policy: () => POLICIES.map((policy) => [policy]),
  };
  if (word.startsWith("@")) return people("@");
  if (!before || (!slash && place.kind !== "desk")) return [];
  if (word === before) return commands(slash);
  const { command, words } = chat.commandIn(before, place);
  const index = words.length - (word ? 1 : 0);
  let rest = false;
  return (command?.arguments ?? []).flatMap((each, position) => {
    rest ||= each.rest;
    const fits = position === index || (position < index && rest);
    return fits ? kinds[each.kind]?.() ?? [] : [];
  });
}

function choose(index) {
  chosen = index;
  picked = true;
  [...list.children].forEach((each, position) => each.setAttribute("aria-selected", position === index));
  list.children[index].scrollIntoView({ block: "nearest" });
  field.setAttribute("aria-activedescendant", `suggestion${index}`);
}

function take(option) {
  field.setRangeText(`${option.dataset.text} `, beforeCaret()[1], field.selectionStart, "end");
  changed();
  suggest();
}

function close() {
  list.hidden = true;
  field.removeAttribute("aria-activedescendant");
}

Object.assign(field, {
  onkeydown: onKey,
  onblur: close,
  onpaste: paste,
  oninput() {
    changed();
    suggest();
  },
});
field.form.onsubmit = (event) => {
  event.preventDefault();
  send();
  focus();
};
