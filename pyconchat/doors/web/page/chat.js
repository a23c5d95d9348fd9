// The places of one person (groups, private talks, the desk), their logs, and what is new.
// No DOM. The link reports to this module. `view`, in main.js, is told of changes, and with `said` of
// what is live, for speech; `store` is per browser.
import { State, UNCONFIRMED, fold } from "./link.js";
import { answerLines, comesOrGoes, eventSentence, isNews } from "./words.js";

const PAGE = 100; // entries that are fetched at once
const MAX_ENTRIES = 300; // of a log: the more, the longer each draw takes
const MAX_NOTICES = 200;
const MIN_BETWEEN_REPORTS = 1000; // milliseconds
const MAX_PARTNERS = 50;

export const says = ({ type }) => type === "message" || type === "action";

const textOf = ({ info: { text } }) => text.replace(/^\/(?=\/\S)|^\/me /, "");

/** A part of the log of a place, without gaps. */
class Segment {
  entries = [];
  loading = false;
  more = true; // whether there are older entries

  /** *isTail*: the newest entries are, or will be, in it; *loaded*: they were asked for. */
  constructor(isTail = true) {
    this.isTail = isTail;
    this.loaded = !isTail;
  }

  get last() {
    return this.entries.at(-1)?.seq ?? 0;
  }

  /** Of too many, drop the oldest entries, or the newest. */
  trim(oldest) {
    const { entries } = this;
    if (oldest && entries.length > MAX_ENTRIES) {
      this.entries = entries.slice(PAGE);
      this.more = true;
    }
    const last = !oldest && entries.filter(says)[MAX_ENTRIES]; // the others may not be shown
    if (last) {
      this.entries = entries.slice(0, entries.indexOf(last) - PAGE);
      this.isTail = false;
    }
  }

  add(...entries) {
    if (entries[0]?.seq > this.last) {
      this.entries.push(...entries);
    } else {
      const bySeq = new Map([...this.entries, ...entries].map((each) => [each.seq, each]));
      this.entries = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
    }
  }
}

/** A group, a private talk ("@bob") or the front desk (""). */
class Place {
  member = true;
  confirmed = true; // whether the server has said so since the login
  number = 0;
  topic = "";
  role = "member";
  muted = false;
  members = null; // by folded name, once they were asked for
  asking = new Map(); // join requests that were not decided, by folded name
  notices = []; // what only this person sees: answers and refusals
  draft = "";

  // Everything up to `shown` was seen; the server knows that of everything up to `reported`. The
  // entries after `countedAfter` have come as events: those in `fresh` are new, the others are not.
  head = 0;
  shown = 0;
  reported = 0;
  #countedAfter = 0;
  #fresh = [];
  #mentionsBefore = 0;
  #headAtLogin = 0;

  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
    this.forgetLog();
  }

  get key() {
    return this.kind === "private" ? `@${this.name}` : this.name;
  }

  hash(seq) {
    return `#${encodeURIComponent(this.key)}${seq ? `/${seq}` : ""}`;
  }

  get fields() {
    return { desk: {}, group: { group: this.name }, private: { with: this.name } }[this.kind];
  }

  get people() {
    return [...(this.members?.values() ?? [])];
  }

  get unread() {
    return Math.max(0, this.#countedAfter - this.shown) + this.#fresh.length;
  }

  get mentions() {
    return this.#mentionsBefore + this.#fresh.filter((each) => each.names).length;
  }

  describe(fields) {
    for (const each of ["number", "topic", "role", "muted"]) this[each] = fields[each] ?? this[each];
  }

  loggedIn(fields) {
    const { head, unread, mentions } = fields;
    const isOther = head > 0 && head < this.head;
    this.confirmed = true;
    this.describe(fields);
    this.#headAtLogin = head;
    if (isOther) this.forgetLog();
    if (this.head > 0 && !isOther) {
      this.showUpto(head - unread);
    } else {
      this.restart(head - unread, head);
      this.#mentionsBefore = mentions;
    }
  }

  forgetLog() {
    this.log = new Segment();
    this.newAfter = null; // the entry after which the line "new" is
  }

  /** Of what was missed, only the newest entries follow: there is a gap before them. */
  missed({ older, mentions }) {
    if (!older) return;
    if (this.log.isTail) this.log = new Segment();
    if (this.#countedAfter < this.#headAtLogin) {
      this.#mentionsBefore = this.mentions + mentions;
      this.#fresh = [];
      this.head = this.#countedAfter = this.#headAtLogin;
    }
  }

  arrived(seq, isNew, names) {
    if (this.head === 0 || (seq === 1 && this.kind === "group")) {
      this.restart(this.kind === "private" ? this.shown : seq - 1, seq - 1);
    }
    this.head = Math.max(this.head, seq);
    this.#countedAfter = Math.min(this.#countedAfter, seq - 1);
    if (names && this.#mentionsBefore && seq <= this.#headAtLogin) this.#mentionsBefore -= 1;
    if (isNew && seq > this.shown) this.#fresh.push({ seq, names });
  }

  joined(seq) {
    if (seq <= this.#headAtLogin) return;
    this.restart(seq, seq);
    this.reported = seq - 1;
  }

  showUpto(seq) {
    if (seq <= this.shown) return;
    this.shown = seq;
    if (seq >= this.#countedAfter) this.#mentionsBefore = 0;
    this.#fresh = this.#fresh.filter((each) => each.seq > seq);
  }

  /** The entry *seq* needs no attention, though others before it may. */
  showAlone(seq) {
    this.#fresh = this.#fresh.filter((each) => each.seq !== seq);
  }

  restart(shown, head) {
    this.shown = this.reported = shown;
    this.head = this.#countedAfter = head;
    this.#mentionsBefore = 0;
    this.#fresh = [];
  }
}

export let link, view;
let store;

export function init(parts) {
  ({ link, view, store } = parts);
}

export let begun = false;
export let problem = ""; // of the connection
export let me = "";
let operator = false;
export let registered = false;
export let joins = true; // whether the person wants to know who comes and goes
export let commands = [];
export let lineBytes = 4096;
export const desk = new Place("desk", "");
export let current = desk;
export const groups = new Map();
export const privates = new Map();
let rejoining = []; // a guest's groups before the connection was lost
let isLive = false;
let requested = ""; // the group that the person has asked to join, folded
const linked = new Map(); // by folded name of a group to join: the entry to show then
let reporting = null;
let reportedAt = 0;
let lastNotice = 0;

export const places = () => [desk, ...groups.values(), ...privates.values()];

export const unread = () => places().reduce((sum, each) => sum + (each.muted ? each.mentions : each.unread), 0);

export function find(key) {
  if (key === "") return desk;
  if (key.startsWith("@")) return privates.get(fold(key.slice(1)));
  return groups.get(fold(key)) ?? places().find((each) => each.number && each.number === Number(key));
}

export const isMe = (name = "") => fold(name) === fold(me);

export const ask = (place, line) => link.query({ ...place.fields, line });

export const moderates = (place) => operator || place.role !== "member";

export function open(place, seq) {
  const key = fold(place.key);
  seq ||= linked.get(key);
  linked.delete(key);
  if (place !== current) {
    if (!current.log.isTail) current.forgetLog();
    current.newAfter = null;
    current = place;
    if (place.unread) place.newAfter = place.shown;
    store.set(`place ${fold(me)}`, place.key);
  }
  if (!seq) toEnd(place);
  else if (!place.log.entries.some((each) => each.seq === seq)) jump(place, seq);
  load(place);
  view.opened(place, seq);
  seen();
  askMembers(place);
}

export function talkTo(name) {
  const place = find(`@${name}`);
  if (place) open(place);
  else send(desk, `/query ${name}`);
}

export function seen() {
  const place = current;
  if (!view.visible || !place.log.isTail || place.kind === "desk" || !place.head) return;
  place.showUpto(place.head);
  const wait = reportedAt + MIN_BETWEEN_REPORTS - Date.now();
  if (place.shown > place.reported) reporting ??= setTimeout(() => report(), wait);
  view.changed(place);
}

const markOf = (place) => `mark ${fold(me)} ${fold(place.key)}`;

function report() {
  reporting = null;
  if (!isLive) return;
  reportedAt = Date.now();
  for (const place of places()) {
    if (place.shown <= place.reported) continue;
    place.reported = place.shown;
    link.query({ ...place.fields, read: place.shown });
    if (place.kind === "private") store.set(markOf(place), place.shown);
  }
}

async function fetchLog(place, before) {
  const { log } = place;
  log.loading = true;
  const line = `/history ${PAGE}${before ? ` before ${before}` : ""}`;
  const answer = await ask(place, line);
  const { ok, entries, more, code } = answer;
  log.loading = false;
  if (ok === true) {
    if (!(entries[0]?.seq > log.entries[0]?.seq)) log.more = more > 0;
    log.add(...entries);
  } else if (code !== UNCONFIRMED && place.kind === "group") {
    // Of a private talk: nothing was said yet. Unconfirmed is what a guest asked before a loss.
    notice(place, answerLines(answer), "error");
  }
  view.changed(place);
  return ok === true;
}

async function load(place) {
  const { log } = place;
  if (log.loaded || place.kind === "desk" || !place.member) return;
  log.loaded = true;
  log.more = (await fetchLog(place, 0)) && log.more;
  place.head = Math.max(place.head, log.last);
  if (place === current) seen();
}

export async function older(place) {
  const { log } = place;
  if (log.loading || !log.more || !log.last) return;
  await fetchLog(place, log.entries[0].seq);
  log.trim(false);
}

export async function newer(place) {
  const { log } = place;
  const { last } = log;
  if (log.loading || log.isTail || !last) return;
  const came = await fetchLog(place, last + PAGE + 1);
  log.trim(true);
  log.isTail = came && (log.last === last || log.last === place.head);
  seen();
}

async function jump(place, seq) {
  const log = (place.log = new Segment(false));
  const came = await fetchLog(place, seq + PAGE / 2);
  if (place.log !== log) return;
  const isThere = log.entries.some((each) => each.seq === seq);
  if (!isThere) toEnd(place);
  view.opened(place, isThere ? seq : 0);
  if (came && !isThere) notice(place, [`There is no message ${seq} here that you can see.`], "error");
}

export function toEnd(place) {
  if (place.log.isTail) return;
  place.log = new Segment();
  load(place);
  view.changed(place);
}

export function notice(place, lines, style = "", extra = {}) {
  if (!lines.length) return;
  place.notices.push({ id: ++lastNotice, after: place.log.last, lines, style, ...extra });
  place.notices.splice(0, place.notices.length - MAX_NOTICES);
  view.changed(place);
  if (place === current) view.said(place, null, lines.slice(0, 3).join(" "));
}

export function send(place, text, more = {}) {
  const there = find(/^\/go\s+(\S+)\s*$/i.exec(text)?.[1] ?? "");
  if (there && there !== desk) {
    open(there);
    return true;
  }
  const fields = { ...place.fields, line: text, ...more };
  const sent = link.ask(fields, { place: place.key, text }, mayHaveSecret(place, text));
  if (sent === null) notice(place, ["Too many lines are waiting for the server."], "error");
  else view.changed(place);
  return sent !== null;
}

export function commandIn(line, place) {
  const [first, ...words] = line.trim().split(/\s+/);
  if (!first.startsWith("/") && place.kind !== "desk") return { command: null, words: [first, ...words] };
  const name = first.toLowerCase();
  const names = ({ name, also = [] }) => [name, ...also].map((each) => `/${each.toLowerCase()}`);
  const command = commands.find((each) => each.menu === name) ??
    commands.find((each) => names(each).includes(name.startsWith("/") ? name : `/${name}`));
  return { command: command ?? null, words };
}

/** Return whether *line* has, or may have, a password in it: then it is not stored. */
export function mayHaveSecret(place, line) {
  if (!commands.length) return line.startsWith("/") || place.kind === "desk";
  const { command, words } = commandIn(line, place);
  return (command?.arguments ?? []).some((each, index) => each.secret && index < words.length);
}

export const waiting = (place) => link.waiting.filter((each) => each.info.place === place.key);

export const isMessage = ({ info: { place, text } }) =>
  place !== "" && (!text.startsWith("/") || text.startsWith("//"));

const placeFor = ({ info }) => find(info.place) ?? desk;

export function answered(request, answer) {
  const place = placeFor(request);
  const isPlain = isMessage(request);
  const { text } = request.info;
  if (answer.code === "missing-argument") {
    askFor(place, request, answer);
  } else if (isPlain && answer.ok !== true) {
    notice(place, [`Not sent: ${answerLines(answer).join(" ")}`], "error", { again: text });
  } else if (!isPlain || answer.type === "sent") {
    takeAnswer(place, answer, text);
  }
  view.changed(place);
}

async function askFor(place, { fields, info }, { ask: question, secret }) {
  const typed = await view.ask(question, secret);
  if (!typed) {
    notice(place, ["Cancelled."]);
  } else if (typed.startsWith("/") && commandIn(typed, place).command) {
    send(place, typed);
  } else {
    const { id: _id, key: _key, answers = [], ...rest } = fields;
    link.ask({ ...rest, answers: [...answers, typed] }, info, true);
  }
}

function takeAnswer(place, answer, text) {
  // The command is shown with its answer; without a password that is in it.
  const asked = mayHaveSecret(place, text) ? `${text.split(" ")[0]} …` : text;
  const { ok, type, group, next } = answer;
  const lines = answerLines(answer);
  if (ok !== true) {
    notice(place, lines, "error", { asked });
    return;
  }
  if (type === "entered" || type === "query") {
    const entered = type === "query" ? addPrivate(answer.with) : addGroup(group);
    entered.describe(answer);
    open(entered);
    notice(entered, lines, "", { asked });
    return;
  }
  if (type === "asked") requested = fold(group);
  else if (type === "desk") open(desk);
  else if (type === "muted") find(group)?.describe(answer);
  else if (type === "settings") joins = answer.settings.joins;
  else if (type === "members") learnMembers(answer);
  if (!view.took(place, answer)) notice(place, lines, "", { next, asked });
}

export async function askMembers(place) {
  if (place.kind !== "group" || !place.member || place.members) return;
  place.members = new Map();
  const answer = await ask(place, "/members");
  if (answer.ok === true) learnMembers(answer);
  else place.members = null;
  if (moderates(place)) {
    const { requests = [] } = await ask(place, "/requests");
    for (const each of requests) place.asking.set(fold(each.name), each);
  }
  view.changed(place);
}

async function learnNumbers() {
  const answer = await ask(desk, "/groups");
  for (const each of answer.groups ?? []) groups.get(fold(each.group))?.describe(each);
  view.changed(current);
}

function learnMembers({ group, members, online_only: isPart, part }) {
  const place = find(group);
  if (!place || isPart || part) return;
  place.members = new Map(members.map((each) => [fold(each.name), each]));
  const own = place.members.get(fold(me));
  if (own) place.role = own.admin ? "admin" : own.moderator ? "moderator" : "member";
  view.changed(place);
}

export function people(place) {
  const names = [...[...privates.values()].reverse(), ...place.people].map((each) => each.name);
  return [...new Set(names)].filter((name) => !isMe(name));
}

function addGroup(name) {
  const place = groups.get(fold(name)) ?? new Place("group", name);
  place.member = true;
  groups.set(fold(name), place);
  return place;
}

function addPrivate(name) {
  const known = privates.get(fold(name));
  if (known) return known;
  const place = new Place("private", name);
  place.shown = place.reported = store.get(markOf(place)) ?? 0;
  privates.set(fold(name), place);
  const names = [...privates.values()].map((each) => each.name);
  store.set(`partners ${fold(me)}`, names.slice(-MAX_PARTNERS));
  return place;
}

export function loggedIn(hello) {
  ({ name: me, operator, registered, commands, line_bytes: lineBytes, settings: { joins } } = hello);
  for (const name of store.get(`partners ${fold(me)}`) ?? []) addPrivate(name);
  for (const each of groups.values()) each.confirmed = rejoining.includes(each);
  learnGroups(hello);
  for (const each of rejoining) rejoin(each);
  if (hello.motd) notice(desk, hello.motd.split("\n"));
  view.changed(current);
  if (!begun) begin();
}

function begin() {
  begun = true;
  const [key, seq] = view.address;
  const wanted = key || (store.get(`place ${fold(me)}`) ?? "");
  const place = find(wanted) ?? desk;
  open(place, place.key === key ? seq : 0);
  if (key && place === desk) offer(key, seq);
}

/** Somebody has followed a link to a place that is not theirs. */
export async function offer(key, seq) {
  open(desk);
  if (key.startsWith("@")) {
    talkTo(key.slice(1));
    return;
  }
  const { groups: listed = [] } = await ask(desk, `/groups ${key}`);
  const group = listed.find((each) => fold(each.group) === fold(key))?.group;
  if (group) {
    linked.set(fold(group), seq);
    notice(desk, [`You are not in ${group}.`], "", { event: { type: "invited", group, name: me } });
  } else {
    notice(desk, [`There is no group ${key} that you can see.`], "error");
  }
}

export function stateChanged(state) {
  isLive = state === State.LIVE;
  if (isLive) problem = "";
  if (state === State.WAITING && link.guest) {
    rejoining = [...groups.values()].filter((each) => each.member);
    for (const each of places()) each.restart(0, 0);
  }
  view.changed(current);
}

export function failed(reason) {
  problem = reason;
  view.changed(current);
}

export function ended(reason) {
  failed(reason || "You have left.");
}

export function unconfirmed(requests) {
  for (const each of requests) {
    const { text } = each.info;
    notice(placeFor(each), [`This may not have arrived: ${text}`], "error", { again: text });
  }
}

async function rejoin(place) {
  const answer = await ask(desk, `/join ${place.name}`);
  if (answer.type === "entered") return;
  place.member = false;
  notice(place, answerLines(answer), "error");
}

function learnGroups(fields) {
  for (const each of fields.groups) addGroup(each.group).loggedIn(each);
  if (fields.more) return; // the others follow
  for (const each of groups.values()) if (!each.confirmed) leave(each);
}

/** The person is no longer a member: the log stays until they go elsewhere. */
function leave(place) {
  place.member = false;
  place.members = null;
  place.asking.clear();
  place.restart(0, 0);
  if (place !== current) drop(place);
}

/** Drop a group that was left, once it is not shown. */
export function drop(place) {
  if (!place.member) groups.delete(fold(place.name));
}

export function received(event) {
  const place = placeOf(event);
  const { type, seq } = event;
  if (type === "live") {
    rejoining = [];
    load(current);
    seen();
  } else if (type === "own-groups") {
    learnGroups(event);
  } else if (type === "settings") {
    joins = event.settings.joins;
    view.changed(current);
  } else if (type === "presence") {
    presence(event);
  } else if (type === "missed") {
    place.missed(event);
  } else if (type === "read") {
    place.showUpto(seq);
  } else if (type === "muted") {
    place.describe(event);
  } else if (place === desk) {
    atDesk(event);
  } else if (seq) {
    takeEntry(place, event);
  } else {
    notice(place, [eventSentence(event, me)]);
  }
  view.changed(place);
}

function placeOf({ type, group, name, by, with: partner }) {
  if (partner) return addPrivate(partner);
  const isMine = (type === "joined" && isMe(name)) || (type === "created" && isMe(by));
  return group && isMine ? addGroup(group) : groups.get(fold(group ?? "")) ?? desk;
}

function atDesk(event) {
  const { type, name } = event;
  notice(desk, [eventSentence(event, me)].filter(Boolean), "", { event });
  if (isMe(name) && type.startsWith("operator")) operator = type === "operator";
}

function takeEntry(place, event) {
  const { type, seq } = event;
  const ofMe = isMe(event.name);
  const isMine = isMe(event.from ?? event.by ?? event.name);
  const names = (event.mentions ?? []).some(isMe);
  if (seq === 1 && place.head) place.forgetLog();
  if (ofMe && type === "joined") {
    // What was said while the person was no member was not received.
    if (place.log.last && seq > place.log.last + 1) place.forgetLog();
    place.joined(seq);
    if (!place.number) learnNumbers();
  }
  if (place === current && !view.visible && !isMine) place.newAfter ??= seq - 1;
  place.arrived(seq, isNews(event), names);
  const { log } = place;
  // Who reads further up is not disturbed: it is fetched when they come to it.
  if (place === current && view.reads && log.entries.length > MAX_ENTRIES - PAGE) log.isTail = false;
  if (log.isTail) {
    log.add(event);
    log.trim(true);
  }
  apply(place, event, ofMe);
  const wasAsked = ofMe && type === "joined" && requested === fold(place.name);
  if (wasAsked && current === desk && !view.busy) open(place);
  if (!says(event)) {
    if (ofMe || isMine) place.showAlone(seq);
  } else if (isMine) {
    const own = waiting(place).find((each) => !each.arrived && textOf(each) === event.text);
    if (own) own.arrived = true;
    if (place.unread === 1) place.showUpto(seq);
  }
  if (place === current) seen();
  if (isLive && !isMine && (joins || !comesOrGoes(event, me))) {
    const sentence = says(event) ? "" : eventSentence(event, me);
    if (says(event) || sentence) view.said(place, event, sentence, names || place.kind === "private");
  }
}

function apply(place, event, ofMe) {
  const { type, guest } = event;
  const name = fold(event.name);
  const isOut = ["left", "kicked", "banned"].includes(type);
  if (["joined", "withdrawn", "rejected"].includes(type)) place.asking.delete(name);
  if (type === "edit" || type === "unsay") amend(place, event);
  else if (type === "created" || type === "topic") place.describe(event);
  else if (type === "requested") place.asking.set(name, event);
  else if (type === "joined") place.members?.set(name, { name: event.name, online: true, guest });
  else if (["admin", "moderator", "unmoderator"].includes(type)) place.members = null; // one's own role is there
  else if (isOut) place.members?.delete(name);
  if (type === "closed" || (ofMe && isOut)) leave(place);
  if (place === current) askMembers(place);
}

function amend(place, { type, seq, about, text, by }) {
  if (type === "edit" && !text) return; // edited again since
  for (const entry of place.log.entries) {
    if (entry.seq === about) {
      Object.assign(entry, type === "edit" ? { text, edited: seq } : { type: "unsaid", by, text: "" });
    } else if (entry.reply_to === about && entry.quote) {
      entry.quote.text = type === "edit" ? text.split("\n")[0].slice(0, 40) : "";
    }
  }
}

function presence(event) {
  const name = fold(event.name);
  for (const place of places()) {
    const member = place.members?.get(name);
    if (!member && place !== privates.get(name)) continue;
    if (member) member.online = event.online;
    place.online = event.online;
    if (place === current && joins && isLive) {
      notice(place, [eventSentence(event, me)], "quiet");
    }
  }
}
