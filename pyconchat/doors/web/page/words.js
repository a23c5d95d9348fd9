// The sentences for events and answers, as the server has them for people (pyconchat/render).
import { count, fold } from "./link.js";

const two = (number) => String(number).padStart(2, "0");

/** Return ``18:02`` in local time; "" if *at* is no time. */
export function clockTime(at) {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? "" : `${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** Return a key for the local day of *at*, and its name: ``Thursday, 26 November 2026``. */
export const dayKey = (at) => new Date(at).toDateString();
export function dayName(at, now = Date.now()) {
  if (dayKey(at) === dayKey(now)) return "Today";
  if (dayKey(at) === dayKey(now - 86_400_000)) return "Yesterday";
  const options = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  return new Date(at).toLocaleDateString("en-GB", options);
}

/** Return ``26 Nov 15:00``, with the year if it is not this one. */
export function dateTime(at, now = Date.now()) {
  const then = new Date(at);
  const year = then.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  const day = then.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year });
  return `${day} ${clockTime(at)}`;
}

/** Return *number* things: ``1,200 members``. */
export const counted = (number, thing, things = `${thing}s`) =>
  `${count(number).toLocaleString("en-GB")} ${number === 1 ? thing : things}`;

/** Return a count of bytes in units of powers of 1000: ``1.2 MB``. */
export function inBytes(bytes) {
  let size = Math.max(0, Number(bytes) || 0);
  for (const unit of ["bytes", "kB", "MB", "GB"]) {
    if (size < 999.5) return `${size.toFixed(unit === "bytes" || size >= 9.95 ? 0 : 1)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}

const until = (at) => (at ? ` until ${dateTime(at)}` : "");
const because = (reason) => (reason ? `: ${reason}` : ".");
const list = (value) => (Array.isArray(value) ? value.filter((each) => each !== null) : []);

/** Return ``alice "the kettle…"`` for the quote of a message. */
export const quoted = (quote) => (quote.text ? `${quote.from} "${quote.text}"` : `${quote.from}`);

const VIA = { code: () => " (with an invite code)", approval: (e) => ` (approved by ${e.by})` };
const WHY_LEFT = { "guest-gone": " (disconnected)", "server-ban": " (banned from the server)" };

const about = (event) => (event.quote ? quoted(event.quote) : `#${event.about}`);

/** Return ``bob is`` or ``You are``, as *you* says. */
const is = (e, you) => (you ? "You are" : `${e.name} is`);
const was = (e, you) => (you ? "You were" : `${e.name} was`);
const may = (e, you) => `${you ? "You" : e.name} may`;
const requestOf = (e, you) => (you ? "Your request" : `The request of ${e.name}`);
const of = (e, you) => (you ? ` of ${e.group}` : "");
const from = (e, you) => (you ? ` from ${e.group}` : "");

// The sentences, by the type of the event: *you* are the one whom it is about, if that is true.
const SENTENCES = {
  created: (e) => `${e.by} created ${e.group} (number ${e.number}).`,
  closed: (e) => (e.by ? `${e.by} deleted ${e.group}.` : `${e.group} is closed: nobody is left.`),
  restored: (e) => `${e.by} restored ${e.name} (number ${e.number}).`,
  joined: (e, you) =>
    you
      ? `You are in ${e.group}${e.via === "approval" ? `: ${e.by} approved your request` : ""}.`
      : `${e.name} has joined the chat!${VIA[e.via]?.(e) ?? ""}`,
  left(e, you) {
    if (!you) return `${e.name} has left the chat${WHY_LEFT[e.why] ?? ""}${because(e.reason)}`;
    return e.why === "left" ? `You have left ${e.group}.` : `You are no longer a member of ${e.group}.`;
  },
  kicked: (e, you) => `${was(e, you)} kicked${from(e, you)} by ${e.by}${because(e.reason)}`,
  banned: (e, you) => `${was(e, you)} banned${from(e, you)} by ${e.by}${until(e.until)}${because(e.reason)}`,
  unbanned: (e, you) =>
    you
      ? `You may join ${e.group} again: ${e.by} lifted your ban.`
      : `${e.name} may join again: ${e.by} lifted the ban.`,
  quieted: (e, you) =>
    you
      ? `${e.by} made you quiet in ${e.group}${until(e.until)}: read, do not speak.`
      : `${e.by} made ${e.name} quiet${until(e.until)}.`,
  unquieted: (e, you) =>
    `${may(e, you)} speak${you ? ` in ${e.group}` : ""} again: ${e.by} ended ${you ? "your" : "the"} quiet.`,
  slow: (e) =>
    e.seconds
      ? `${e.by} made the group slow: one message every ${counted(e.seconds, "second")}.`
      : `${e.by} made the group as fast as people type.`,
  moderator: (e, you) => `${is(e, you)} a moderator${of(e, you)} now, appointed by ${e.by}.`,
  unmoderator: (e, you) => `${is(e, you)} no longer a moderator${of(e, you)}: ${e.by} ended that.`,
  // You have the answer to your own command.
  registered: (e, you) => (you ? "" : `${e.name} is registered now.`),
  requested: (e, you) => (you ? "" : `${e.name} asks to join ${e.group}${e.note ? `: "${e.note}"` : "."}`),
  withdrawn: (e, you) => `${requestOf(e, you)} to join ${e.group} was withdrawn.`,
  rejected: (e, you) =>
    you
      ? `Your request to join ${e.group} was rejected by ${e.by}${because(e.reason)}`
      : `${e.by} rejected the request of ${e.name}${because(e.reason)}`,
  invited: (e, you) =>
    you ? `${e.by} invites you to ${e.group}.` : `${e.by} invited ${e.name}, who may join without asking.`,
  uninvited: (e) => `${e.name}, who was invited, has disconnected.`,
  "code-made": (e) =>
    `${e.by} made the invite code ${e.number}, for ${counted(e.uses, "use")}${until(e.until)}.`,
  "code-ended": (e) =>
    e.by
      ? `${e.by} ended the invite code ${e.number}.`
      : `The invite code ${e.number} has ended: who made it can no longer invite.`,
  admin: (e, you) =>
    e.name
      ? `${is(e, you)} the admin${of(e, you)} now${e.by ? `, appointed by ${e.by}` : ""}.`
      : `${e.group} has no admin now; the operators look after it.`,
  policy: (e) => `${e.by} changed the policy to ${e.policy}.`,
  topic: (e) => (e.topic ? `${e.by} changed the topic: ${e.topic}` : `${e.by} removed the topic.`),
  shared: (e) => `${e.by} shared ${e.file} (${inBytes(e.size)}), number ${e.number}`,
  removed: (e) => `${e.by} removed the file ${e.file}, number ${e.number}.`,
  "server-kicked": (e, you) => `${was(e, you)} kicked off this server by ${e.by}${because(e.reason)}`,
  "server-banned": (e, you) =>
    `${was(e, you)} banned from this server by ${e.by}${until(e.until)}${because(e.reason)}`,
  "server-unbanned": (e) => `${e.name} may log in again: ${e.by} lifted the ban.`,
  operator: (e, you) => `${is(e, you)} an operator now.`,
  "operator-removed": (e, you) => `${is(e, you)} no longer an operator${you ? `: ${e.by} decided that` : ""}.`,
  announced: (e) => `${e.by} announces: ${e.text}`,
  "hook-added": (e) => `${e.by} added the hook ${e.name}: programs can post here.`,
  "hook-removed": (e) => `${e.by} removed the hook ${e.name}.`,
  damaged: () => "An entry of the log is damaged and cannot be shown.",
  tags: () => "",
  unsaid: () => "",
  edit: (e) => (e.text ? `${e.by} corrected: ${e.text}` : ""),
  unsay: (e) =>
    `${e.by} removed a message${fold(e.by) === fold(e.from) ? "" : ` of ${e.from}`}${because(e.reason)}`,
  react: (e) => `${e.by} reacted ${e.emoji} to ${about(e)}`,
  pin: (e) => `${e.by} pinned ${about(e)}`,
  unpin: (e) => `${e.by} unpinned ${about(e)}`,
  presence: (e) => (e.online ? `${e.name} is online.` : `${e.name} has gone offline${because(e.reason)}`),
};

/** Return the sentence about *event* for the reader *me*; "" if there is none. */
export function eventSentence(event, me) {
  const isMine = typeof event.name === "string" && fold(event.name) === fold(me);
  return (SENTENCES[event.type] ?? unknown)(event, isMine);
}

/** Return whether *event* is that somebody else came or went. */
export const comesOrGoes = (event, me) =>
  ["joined", "left"].includes(event.type) &&
  fold(event.name) !== fold(me) &&
  !(event.type === "left" && event.why === "server-ban");

/** Return whether *event*, an entry, counts as new. */
export const isNews = (event) =>
  !["joined", "left", "unsaid", "tags"].includes(event.type) && (event.type !== "edit" || !!event.text);

function unknown(fields) {
  if (typeof fields.text === "string") return fields.text;
  const rest = Object.entries(fields).filter(
    ([name]) => !["type", "re", "ok", "seq", "at", "group", "with"].includes(name),
  );
  const shown = rest.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
  return shown ? `${fields.type}: ${shown}` : `${fields.type}`;
}

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
