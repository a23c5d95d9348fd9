// Times, sizes and answers in words. The sentences about entries come from the server.
import { count, fold } from "./link.js";

// Made once: that takes far longer than to use one.
function format(options) {
  const made = new Intl.DateTimeFormat("en-GB", options);
  return (at) => made.format(new Date(at));
}

export const clockTime = format({ hour: "2-digit", minute: "2-digit" });
const year = format({ year: "numeric" });
const date = format({ day: "numeric", month: "short" });
const longDate = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

export function dayName(at) {
  const day = longDate(at);
  if (day === longDate(Date.now())) return "Today";
  return day === longDate(Date.now() - 86_400_000) ? "Yesterday" : day;
}

/** As ``26 Nov 15:00``, with the year if it is not this one. */
export const dateTime = (at) =>
  `${date(at)} ${year(at) === year(Date.now()) ? "" : `${year(at)} `}${clockTime(at)}`;

export const counted = (number, thing) =>
  `${count(number).toLocaleString("en-GB")} ${thing}${number === 1 ? "" : "s"}`;

export function inBytes(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let size = count(bytes);
  if (size === 1) return "1 byte";
  while (size >= 999.5 && units.length > 1) {
    size /= 1000;
    units.shift();
  }
  return `${size.toFixed(size < 9.95 && units[0] !== "bytes" ? 1 : 0)} ${units[0]}`;
}

const isSame = (name, other) => fold(name) === fold(other);

// These leave out the commands for which the page has buttons.
const OWN = {
  joined: ({ group, name, words }, me) => words ?? (isSame(name, me) && `You are in ${group}.`),
  requested: ({ name, group, note, words }) => words && `${name} asks to join ${group}${note ? `: "${note}"` : "."}`,
  shared: ({ words }) => words?.replace(/ \(\/[^(]*\)$/, ""),
  invited: ({ by, group, name, words }, me) => (isSame(name, me) ? `${by} invites you to ${group}.` : words),
};

/** Return the sentence about *event* for the reader *me*; "" if there is none. */
export function eventSentence(event, me) {
  const { type, name, online, seq, text, words } = event;
  if (type === "presence") return `${name} ${online ? "is online" : "has gone offline"}.`;
  if (!seq) return String(text ?? type);
  return (OWN[type] ? OWN[type](event, me) : words) || "";
}

export const comesOrGoes = ({ type, name, why }, me) =>
  (type === "joined" || (type === "left" && why !== "server-ban")) && !isSame(name, me);

/** Return whether *event*, an entry, counts as new. */
export const isNews = ({ type, text }) =>
  !["joined", "left", "unsaid", "tags"].includes(type) && (type !== "edit" || !!text);

/** Return the line for an *entry* in an answer, which may have those of several places. */
function logLine(entry, withPlace) {
  const { type, at, seq, from, text, group } = entry;
  const who = `${from}${withPlace ? ` in ${entry.with ?? group}` : ""}`;
  const said = { message: `${who}: ${text}`, action: `${who} ${text}` }[type] ?? eventSentence(entry, "");
  return `${dateTime(at)} #${seq} ${said}`;
}

export function answerLines({ ok, error, type, entries, online, away, lines }) {
  if (ok !== true) return [String(error || "The server refused.")];
  if (entries) {
    const found = entries.filter(isNews).map((each) => logLine(each, type === "mentions"));
    return found.length ? found : ["Nothing was said."];
  }
  return type === "sent" && online && typeof away !== "string" ? [] : lines ?? [];
}
