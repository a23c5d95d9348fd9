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

/** Return a duration in its largest whole unit: ``2 hours``. */
export function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  for (const [unit, length] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (seconds >= length) return counted(Math.floor(seconds / length), unit);
  }
  return counted(seconds, "second");
}

const since = (at) => age(Date.now() - Date.parse(at));
const until = (at) => (at ? ` until ${dateTime(at)}` : "");
const because = (reason) => (reason ? `: ${reason}` : ".");
const appointed = (by) => (by ? `, appointed by ${by}` : "");
const presence = (online) => (online ? "online" : "offline");
const bracketed = (notes) => (notes.length ? ` (${notes.join(", ")})` : "");
const awayNotes = (text) =>
  text === null || text === undefined ? [] : [text ? `away: ${text}` : "away"];
const list = (value) => (Array.isArray(value) ? value.filter((each) => each !== null) : []);

/** Return ``alice "the kettle…"`` for the quote of a message. */
export const quoted = (quote) => (quote.text ? `${quote.from} "${quote.text}"` : `${quote.from}`);

const VIA = { code: () => " (with an invite code)", approval: (e) => ` (approved by ${e.by})` };
const WHY_LEFT = { "guest-gone": " (disconnected)", "server-ban": " (banned from the server)" };

const OTHERS = {
  created: (e) => `${e.by} created ${e.group} (number ${e.number}).`,
  closed: (e) => (e.by ? `${e.by} deleted ${e.group}.` : `${e.group} is closed: nobody is left.`),
  restored: (e) => `${e.by} restored ${e.name} (number ${e.number}).`,
  joined: (e) => `${e.name} has joined the chat!${(VIA[e.via] ?? (() => ""))(e)}`,
  left: (e) => `${e.name} has left the chat${WHY_LEFT[e.why] ?? ""}${because(e.reason)}`,
  kicked: (e) => `${e.name} was kicked by ${e.by}${because(e.reason)}`,
  banned: (e) => `${e.name} was banned by ${e.by}${until(e.until)}${because(e.reason)}`,
  unbanned: (e) => `${e.name} may join again: ${e.by} lifted the ban.`,
  quieted: (e) => `${e.by} made ${e.name} quiet${until(e.until)}.`,
  unquieted: (e) => `${e.name} may speak again: ${e.by} ended the quiet.`,
  slow: (e) =>
    e.seconds
      ? `${e.by} made the group slow: one message every ${counted(e.seconds, "second")}.`
      : `${e.by} made the group as fast as people type.`,
  moderator: (e) => `${e.name} is a moderator now, appointed by ${e.by}.`,
  unmoderator: (e) => `${e.name} is no longer a moderator: ${e.by} ended that.`,
  registered: (e) => `${e.name} is registered now.`,
  requested: (e) => `${e.name} asks to join ${e.group}${e.note ? `: "${e.note}"` : "."}`,
  withdrawn: (e) => `The request of ${e.name} to join ${e.group} was withdrawn.`,
  rejected: (e) => `${e.by} rejected the request of ${e.name}${because(e.reason)}`,
  invited: (e) => `${e.by} invited ${e.name}, who may join without asking.`,
  uninvited: (e) => `${e.name}, who was invited, has disconnected.`,
  "code-made": (e) =>
    `${e.by} made the invite code ${e.number}, for ${counted(e.uses, "use")}${until(e.until)}.`,
  "code-ended": (e) => `${e.by} ended the invite code ${e.number}.`,
  admin: (e) =>
    e.name
      ? `${e.name} is the admin now${appointed(e.by)}.`
      : `${e.group} has no admin now; the operators look after it.`,
  policy: (e) => `${e.by} changed the policy to ${e.policy}.`,
  topic: (e) => (e.topic ? `${e.by} changed the topic: ${e.topic}` : `${e.by} removed the topic.`),
  shared: (e) => `${e.by} shared ${e.file} (${inBytes(e.size)}), number ${e.number}`,
  removed: (e) => `${e.by} removed the file ${e.file}, number ${e.number}.`,
  "server-kicked": (e) => `${e.name} was kicked off this server by ${e.by}${because(e.reason)}`,
  "server-banned": (e) =>
    `${e.name} was banned from this server by ${e.by}${until(e.until)}${because(e.reason)}`,
  "server-unbanned": (e) => `${e.name} may log in again: ${e.by} lifted the ban.`,
  operator: (e) => `${e.name} is an operator now.`,
  "operator-removed": (e) => `${e.name} is no longer an operator.`,
  damaged: () => "An entry of the log is damaged and cannot be shown.",
  unsaid: () => "",
  edit: (e) => (e.text ? `${e.by} corrected: ${e.text}` : ""),
  unsay: (e) =>
    `${e.by} removed a message${fold(e.by) === fold(e.from) ? "" : ` of ${e.from}`}.`,
  react: (e) => `${e.by} reacted ${e.emoji} to ${about(e)}`,
  pin: (e) => `${e.by} pinned ${about(e)}`,
  unpin: (e) => `${e.by} unpinned ${about(e)}`,
  muted: (e) => (e.muted ? `${e.group} is muted.` : `${e.group} is no longer muted.`),
  settings: () => "",
};

const about = (event) => (event.quote ? quoted(event.quote) : `#${event.about}`);

const SUBJECT = {
  joined: (e) => `You are in ${e.group}${e.via === "approval" ? `: ${e.by} approved your request` : ""}.`,
  left: (e) =>
    e.why === "left" ? `You have left ${e.group}.` : `You are no longer a member of ${e.group}.`,
  kicked: (e) => `You were kicked from ${e.group} by ${e.by}${because(e.reason)}`,
  banned: (e) => `You were banned from ${e.group} by ${e.by}${until(e.until)}${because(e.reason)}`,
  unbanned: (e) => `You may join ${e.group} again: ${e.by} lifted your ban.`,
  quieted: (e) =>
    `${e.by} made you quiet in ${e.group}${until(e.until)}: read, do not speak.`,
  unquieted: (e) => `You may speak in ${e.group} again: ${e.by} ended your quiet.`,
  moderator: (e) => `You are a moderator of ${e.group} now, appointed by ${e.by}.`,
  unmoderator: (e) => `You are no longer a moderator of ${e.group}: ${e.by} ended that.`,
  registered: () => "", // these two have the answer to their own command
  requested: () => "",
  withdrawn: (e) => `Your request to join ${e.group} was withdrawn.`,
  rejected: (e) => `Your request to join ${e.group} was rejected by ${e.by}${because(e.reason)}`,
  invited: (e) => `${e.by} invites you to ${e.group}.`,
  admin: (e) => `You are the admin of ${e.group} now${appointed(e.by)}.`,
  "server-kicked": (e) => `You were kicked off this server by ${e.by}${because(e.reason)}`,
  "server-banned": (e) =>
    `You were banned from this server by ${e.by}${until(e.until)}${because(e.reason)}`,
  operator: () => "You are an operator now.",
  "operator-removed": (e) => `You are no longer an operator: ${e.by} decided that.`,
};

/** Return the sentence about *event* for the reader *me*; "" if there is none. */
export function eventSentence(event, me) {
  const isMine = typeof event.name === "string" && fold(event.name) === fold(me);
  const sentence = (isMine && SUBJECT[event.type]) || OTHERS[event.type];
  return sentence ? sentence(event) : unknown(event);
}

/** Return whether *event* is that somebody else came or went. */
export const comesOrGoes = (event, me) =>
  ["joined", "left"].includes(event.type) &&
  fold(event.name) !== fold(me) &&
  !(event.type === "left" && event.why === "server-ban");

/** Return whether *event*, an entry, counts as new. */
export const isNews = (event) =>
  !["joined", "left", "unsaid"].includes(event.type) && (event.type !== "edit" || !!event.text);

function unknown(fields) {
  if (typeof fields.text === "string") return fields.text;
  const rest = Object.entries(fields).filter(
    ([name]) => !["type", "re", "ok", "seq", "at", "group", "with"].includes(name),
  );
  const shown = rest.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
  return shown ? `${fields.type}: ${shown}` : `${fields.type}`;
}

const NEWCOMERS = {
  approval: "newcomers need your approval",
  password: "newcomers need the password",
  open: "everybody can join",
  invite: "only people whom you invite can join",
};

const pin = (line) => `Pinned #${line.seq}: ${quoted(line)}`;
const people = (answer, named) => list(answer.people ?? answer.members).map(named);
const place = (answer) => answer.with ?? answer.group;

function entered(a) {
  const lines = [];
  if (a.created) {
    const admin = a.admin ? "you are its admin, and " : "";
    lines.push(`You are in ${a.group} (number ${a.number}), which is new: ${admin}${NEWCOMERS[a.policy]}.`);
    if (a.temporary) lines.push("It ends with its last guest, because you are one: /password keeps it.");
  } else {
    const admin = a.admin ? `the admin is ${a.admin}` : "the operators look after it";
    lines.push(`You are in ${a.group} (number ${a.number}): ${counted(a.members, "member")}, ${a.online} online; ${admin}.`);
  }
  if (a.topic) lines.push(`Topic: ${a.topic}`);
  return [...lines, ...list(a.pins).map(pin)];
}

function whois(a) {
  const said = [
    a.online ? "online" : `offline${a.seen ? `, last seen ${dateTime(a.seen)}` : ""}`,
    ...(a.idle >= 60 ? [`idle for ${age(a.idle * 1000)}`] : []),
    a.guest ? "a guest" : `registered${a.since ? ` since ${dateTime(a.since)}` : ""}`,
    ...(a.operator ? ["an operator"] : []),
    ...(list(a.groups).length ? [`with you in ${a.groups.join(", ")}`] : []),
  ];
  const lines = [`${a.name} is ${said.join(", ")}.`];
  if (a.away !== null && a.away_since) {
    lines.push(`${a.name} is away since ${dateTime(a.away_since)}${because(a.away)}`);
  }
  return lines;
}

function help(a) {
  const commands = list(a.commands);
  if (commands.length === 1) {
    const [command] = commands;
    const also = list(command.also).map((each) => `/${each}`);
    return [command.usage, command.summary, ...(also.length ? [`Also ${also.join(", ")}.`] : [])];
  }
  const subjects = new Map();
  for (const each of commands) {
    const needed = list(each.arguments).filter((part) => !part.optional).map((part) => part.label);
    const usage = [`/${each.name}`, ...needed].join(" ");
    subjects.set(each.subject, [...(subjects.get(each.subject) ?? []), usage]);
  }
  return [
    "What you type is a message, except for these commands:",
    ...[...subjects].map(([subject, usages]) => `${subject || "other"}: ${usages.join("  ")}`),
    "/help COMMAND explains one. //text sends a message that starts with a slash.",
  ];
}

function stats(a) {
  const ms = (seconds) => `${(seconds * 1000).toPrecision(3)} ms`;
  const spread = (d) => `p50 ${ms(d.p50)}, p99 ${ms(d.p99)}, longest ${ms(d.longest)}`;
  return [
    `PyconChat ${a.version}, up for ${age(a.uptime * 1000)}, with ${inBytes(a.memory)} of memory.`,
    `${counted(a.sessions, "session")} of ${counted(a.accounts, "person", "people")}, ${counted(a.groups, "group")}, ${counted(a.connections, "connection")}, ${a.strangers} of them not logged in.`,
    `${counted(a.messages, "message")} delivered ${counted(a.deliveries, "time")}; ${counted(a.entries, "entry", "entries")} stored, ${a.not_saved} not saved.`,
    `${counted(a.commits.count, "commit")}: ${spread(a.commits)}. Reactor lag: ${spread(a.lag)}.`,
  ];
}

const ANSWERS = {
  entered,
  whois,
  help,
  stats,
  sent: (a) => [
    ...(a.online ? [] : [`${a.with} is offline and will read it at the next login.`]),
    ...(typeof a.away === "string" ? [`${a.with} is away${because(a.away)}`] : []),
  ],
  query: (a) => {
    const notes = [presence(a.online), ...(a.guest ? ["a guest"] : []), ...awayNotes(a.away)];
    return [`You are talking to ${a.with} in private${bracketed(notes)}.`];
  },
  asked: (a) => [
    a.admin
      ? `You asked to join ${a.group}; its admin, ${a.admin}, has to approve.`
      : `You asked to join ${a.group}; an operator of this server has to approve.`,
    ...(a.admin && !a.online ? [`${a.admin} is not online; you will hear when it is decided.`] : []),
  ],
  desk: (a) => (a.left ? [`You are still a member of ${a.left}.`] : []),
  groups: (a) => list(a.groups).map((each) =>
    `${each.number} ${each.group} (${each.policy}): ${counted(each.members, "member")}, ${each.online} online${each.topic ? `. ${each.topic}` : ""}`),
  requests: (a) => list(a.requests).map((each) =>
    `${each.name} asks to join ${a.group}, for ${since(each.at)}${each.note ? `: "${each.note}"` : ""}`),
  members: (a) => [
    `${counted(list(a.members).length + count(a.more), "member")} of ${a.group}${a.online_only ? " online" : ""}:`,
    ...people(a, (each) => `${each.name}${bracketed([
      ...(each.admin ? ["admin"] : []), ...(each.moderator ? ["moderator"] : []),
      ...(each.guest ? ["guest"] : []), ...(each.quiet ? ["quiet"] : []),
      ...(a.online_only ? [] : [presence(each.online)]), ...awayNotes(each.away),
    ])}`),
  ],
  who: (a) => [
    `Online: ${list(a.people).length + count(a.more)}`,
    ...people(a, (each) => `${each.name}${bracketed([
      ...(each.operator ? ["operator"] : []), ...(each.guest ? ["guest"] : []),
      ...awayNotes(each.away), ...(list(each.groups).length ? [`in ${each.groups.join(", ")}`] : []),
    ])}`),
  ],
  "admin-is": (a) => {
    const others = list(a.moderators).map((each) => `${each.name} (${presence(each.online)})`);
    return [
      a.admin
        ? `The admin of ${a.group} is ${a.admin}, who is ${presence(a.online)}.`
        : `${a.group} has no admin; the operators look after it.`,
      ...(others.length ? [`Moderators: ${others.join(", ")}.`] : []),
    ];
  },
  "invite-code": (a) => [
    `The code, shown only now, for ${counted(a.uses, "use")}${until(a.until)}: /join ${a.group} ${a.code}`,
  ],
  "invite-codes": (a) => list(a.codes).map((each) =>
    `${each.number}, by ${each.by}: ${each.uses - each.used} of ${counted(each.uses, "use")} left${until(each.until)}`),
  bans: (a) => list(a.bans).map((each) =>
    `${each.name}, banned by ${each.by}${until(each.until)}${each.reason ? `: ${each.reason}` : ""}`),
  pins: (a) => list(a.pins).map(pin),
  muted: (a) => [a.muted
    ? `${a.group} is muted: while you are elsewhere, only what mentions you is shown.`
    : `${a.group} is no longer muted.`],
  files: (a) => list(a.files).map((each) =>
    `${each.number} ${each.name}, ${inBytes(each.size)}, by ${each.by}, ${dateTime(each.at)}`),
  settings: (a) => [
    `Your settings: ${Object.entries(a.settings).map(([name, on]) => `${name} ${on ? "on" : "off"}`).join(", ")}.`,
  ],
  presence: (a) => [
    a.online ? `${a.name} is online.` : `${a.name} has gone offline${because(a.reason)}`,
  ],
  history: (a) => logLines(a),
  mentions: (a) => logLines(a),
};

const NOTHING = {
  groups: () => "There are no groups yet.",
  requests: (a) => `Nobody asks to join ${a.group}.`,
  bans: (a) => `Nobody is banned from ${a.group ?? "this server"}.`,
  "invite-codes": (a) => `${a.group} has no invite codes; /invite code USES DAYS makes one.`,
  pins: (a) => `Nothing is pinned in ${a.group}.`,
  files: (a) => `No file was shared with ${place(a)}.`,
  history: () => "Nothing was said.",
  mentions: () => "Nobody has mentioned you yet.",
};

function logLines(answer) {
  return list(answer.entries).filter(isNews).map((each) => {
    const where = answer.type === "mentions" ? ` in ${place(each)}` : "";
    const said = each.type === "message" ? `${each.from}${where}: ${each.text}`
      : each.type === "action" ? `${each.from}${where} ${each.text}` : eventSentence(each, "");
    return `${dateTime(each.at)} #${each.seq} ${said}`;
  });
}

/** Return the lines for an answer; none if there is nothing to say. */
export function answerLines(answer) {
  if (answer.ok !== true) return [String(answer.error || "The server refused.")];
  if (!answer.type) return [];
  const lines = ANSWERS[answer.type]?.(answer) ?? [unknown(answer)];
  return lines.length || !NOTHING[answer.type] ? lines : [NOTHING[answer.type](answer)];
}
