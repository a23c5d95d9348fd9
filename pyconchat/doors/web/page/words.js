// The sentences for events and answers, as the server has them for people (pyconchat/render).
import { count, fold } from "./link.js";

// Made once: that takes far longer than to use one.
const format = (options) => new Intl.DateTimeFormat("en-GB", options);
const TIME = format({ hour: "2-digit", minute: "2-digit" });
const DAY = format({ day: "numeric", month: "short" });
const DAY_AND_YEAR = format({ day: "numeric", month: "short", year: "numeric" });
const LONG_DAY = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** Return ``18:02`` in local time. */
export const clockTime = (at) => TIME.format(new Date(at));

/** Return a key for the local day of *at*, and its name: ``Thursday, 26 November 2026``. */
export const dayKey = (at) => new Date(at).toDateString();
export function dayName(at, now = Date.now()) {
  if (dayKey(at) === dayKey(now)) return "Today";
  if (dayKey(at) === dayKey(now - 86_400_000)) return "Yesterday";
  return LONG_DAY.format(new Date(at));
}

/** Return ``26 Nov 15:00``, with the year if it is not this one. */
export function dateTime(at, now = Date.now()) {
  const then = new Date(at);
  const isThisYear = then.getFullYear() === new Date(now).getFullYear();
  return `${(isThisYear ? DAY : DAY_AND_YEAR).format(then)} ${clockTime(at)}`;
}

/** Return *number* things: ``1,200 members``. */
export const counted = (number, thing, things = `${thing}s`) =>
  `${count(number).toLocaleString("en-GB")} ${number === 1 ? thing : things}`;

/** Return a count of bytes in units of powers of 1000: ``1.2 MB``. */
export function inBytes(bytes) {
  let size = Math.max(0, Number(bytes) || 0);
  if (size === 1) return "1 byte";
  for (const unit of ["bytes", "kB", "MB", "GB"]) {
    if (size < 999.5) return `${size.toFixed(unit === "bytes" || size >= 9.95 ? 0 : 1)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}

const list = (value) => (Array.isArray(value) ? value.filter((each) => each !== null) : []);

/** Return ``alice "the kettle…"`` for the quote of a message. */
export const quoted = (quote) => (quote.text ? `${quote.from} "${quote.text}"` : `${quote.from}`);

// The server has the sentences. These leave out the commands for which the page has buttons.
const OWN = {
  joined: ({ group, name, words }, me) => words ?? (isSame(name, me) ? `You are in ${group}.` : ""),
  requested: ({ name, group, note, words }) =>
    words && `${name} asks to join ${group}${note ? `: "${note}"` : "."}`,
  invited: ({ by, group, name, words }, me) => (isSame(name, me) ? `${by} invites you to ${group}.` : words),
};

const isSame = (name, other) => fold(name) === fold(other);

/** Return the sentence about *event* for the reader *me*; "" if there is none. */
export function eventSentence(event, me) {
  if (event.type === "presence") return `${event.name} ${event.online ? "is online" : "has gone offline"}.`;
  if (!event.seq) return String(event.text ?? event.type);
  return OWN[event.type]?.(event, me) ?? event.words ?? "";
}

/** Return whether *event* is that somebody else came or went. */
export const comesOrGoes = (event, me) =>
  ["joined", "left"].includes(event.type) &&
  !isSame(event.name, me) &&
  !(event.type === "left" && event.why === "server-ban");

/** Return whether *event*, an entry, counts as new. */
export const isNews = (event) =>
  !["joined", "left", "unsaid", "tags"].includes(event.type) && (event.type !== "edit" || !!event.text);

/** Return the lines of the entries in an answer: what mentions a person may be of several places. */
function logLines({ type, entries }) {
  return list(entries).filter(isNews).map((each) => {
    const where = type === "mentions" ? ` in ${each.with ?? each.group}` : "";
    const said = each.type === "message" ? `${each.from}${where}: ${each.text}`
      : each.type === "action" ? `${each.from}${where} ${each.text}` : eventSentence(each, "");
    return `${dateTime(each.at)} #${each.seq} ${said}`;
  });
}

/** Return the lines for an answer; none if there is nothing to say. */
export function answerLines(answer) {
  if (answer.ok !== true) return [String(answer.error || "The server refused.")];
  if (answer.entries) {
    const lines = logLines(answer);
    return lines.length ? lines : ["Nothing was said."];
  }
  return answer.type === "sent" && answer.online && typeof answer.away !== "string" ? [] : list(answer.lines);
}
