// Chat: the places of one person (groups, private talks, the front desk), their logs, and how much
// of each is new. It has no DOM: `view` is told what has changed.
import { UNCONFIRMED, State, count, fold } from "./link.js";
import { answerLines, comesOrGoes, eventSentence, isNews } from "./words.js";

export const PAGE = 100; // entries that are fetched at once
export const MAX_ENTRIES = 2000; // of a log that are kept and shown
const MAX_NOTICES = 200;
const MIN_BETWEEN_MARKS = 1000; // milliseconds
const MAX_PARTNERS = 50;

const objects = (value) => (Array.isArray(value) ? value.filter((each) => each?.constructor === Object) : []);
export const says = (entry) => entry.type === "message" || entry.type === "action";

/** A part of a log without gaps. *more*: there are older entries. */
class Segment {
  entries = [];
  more = true;

  get first() {
    return this.entries[0]?.seq ?? Infinity;
  }

  get last() {
    return this.entries.at(-1)?.seq ?? 0;
  }

  add(entries) {
    const bySeq = new Map(this.entries.map((each) => [each.seq, each]));
    for (const each of entries) bySeq.set(each.seq, each);
    this.entries = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  }

  push(entry) {
    if (entry.seq > this.last) this.entries.push(entry);
    else this.add([entry]);
  }
}

/** A group, a private talk ("@bob") or the front desk (""). */
export class Place {
  member = true;
  number = 0;
  topic = "";
  role = "member";
  muted = false;
  members = null; // by folded name, once they were asked for
  asking = new Map(); // join requests that were not decided, by folded name
  tail = new Segment(); // the newest entries
  window = null; // what is shown in place of the tail, after a jump into the log
  loaded = false; // whether the log was asked for
  loading = false;
  notices = []; // what only this person sees: answers and refusals
  newAfter = null; // the entry after which the line "new" is
  draft = "";

  // Everything up to `shown` was seen; the server knows that of everything up to `reported`. The
  // entries after `countedAfter` have come as events, so those that are new are counted exactly.
  head = 0;
  shown = 0;
  reported = 0;
  #countedAfter = 0;
  #new = [];
  #naming = [];
  #mentionsBefore = 0;
  #headAtLogin = 0;

  constructor(kind, name) {
    this.kind = kind;
    this.name = name;
  }

  get key() {
    return this.kind === "private" ? `@${this.name}` : this.name;
  }

  /** The fields of a request for this place. */
  get fields() {
    return { desk: {}, group: { group: this.name }, private: { with: this.name } }[this.kind];
  }

  /** The members that are known. */
  get people() {
    return [...(this.members?.values() ?? [])];
  }

  get segment() {
    return this.window ?? this.tail;
  }

  get moderates() {
    return this.role === "admin" || this.role === "moderator";
  }

  get unread() {
    return Math.max(0, this.#countedAfter - this.shown) + this.#new.length;
  }

  get mentions() {
    return this.#mentionsBefore + this.#naming.length;
  }

  describe(fields) {
    this.number = count(fields.number) || this.number;
    for (const each of ["topic", "role", "muted"]) {
      if (typeof fields[each] === typeof this[each]) this[each] = fields[each];
    }
  }

  /** Learn from this group in the answer to a hello. Missed entries follow. */
  loggedIn(fields) {
    const head = count(fields.head);
    const unread = count(fields.unread);
    const isOther = head > 0 && head < this.head;
    this.#headAtLogin = head;
    if (this.head > 0 && !isOther) {
      this.showUpto(head - unread);
    } else {
      if (isOther) this.forgetLog();
      this.restart(Math.max(0, head - unread), head);
      this.#mentionsBefore = count(fields.mentions);
    }
  }

  forgetLog() {
    this.tail = new Segment();
    this.window = null;
    this.loaded = false;
    this.newAfter = null;
  }

  /** Of what was missed, only the newest entries follow: there is a gap before them. */
  missed(older, mentions) {
    if (!older) return;
    this.tail = new Segment();
    this.loaded = false;
    if (this.#countedAfter < this.#headAtLogin) {
      this.#mentionsBefore += this.#naming.length + mentions;
      this.#new = [];
      this.#naming = [];
      this.head = this.#countedAfter = this.#headAtLogin;
    }
  }

  arrived(seq, isNew, namesMe) {
    if (this.head === 0 || (seq === 1 && this.kind === "group")) {
      this.restart(this.kind === "private" ? this.shown : seq - 1, seq - 1);
    }
    this.head = Math.max(this.head, seq);
    this.#countedAfter = Math.min(this.#countedAfter, seq - 1);
    if (namesMe && this.#mentionsBefore && seq <= this.#headAtLogin) this.#mentionsBefore -= 1;
    if (seq > this.shown) {
      if (isNew) this.#new.push(seq);
      if (namesMe) this.#naming.push(seq);
    }
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
    this.#new = this.#new.filter((each) => each > seq);
    this.#naming = this.#naming.filter((each) => each > seq);
  }

  /** The entry *seq* needs no attention, though others before it may. */
  showAlone(seq) {
    this.#new = this.#new.filter((each) => each !== seq);
  }

  restart(shown, head) {
    this.shown = this.reported = shown;
    this.head = this.#countedAfter = head;
    this.#mentionsBefore = 0;
    this.#new = [];
    this.#naming = [];
  }
}

/**
 * The places of one person. *link* is the connection, *store* keeps what is per browser
 * (`get(name)`, `set(name, value)`), *clock* is that of the link. *view* has
 * `changed(place)` (its log, or who is there), `listed()` (the places, or what is new in them),
 * `opened(place)`, `said(place, entry, sentence)` (something live, for speech and notifications),
 * `ask(question, secret)`, a promise of the answer or null, `took(place, answer)`, which
 * returns whether it has shown an answer, `visible`, whether the page is seen, and `busy`, whether
 * the person is typing.
 */
export class Chat {
  me = "";
  operator = false;
  registered = false;
  settings = { times: false, bell: true, joins: true };
  commands = [];
  lineBytes = 4096;
  desk = new Place("desk", "");
  current = this.desk;
  groups = new Map();
  privates = new Map();
  #unconfirmed = new Set(); // groups that may follow in the rest of a long hello
  #rejoining = []; // a guest's groups before the connection was lost
  #isLive = false;
  #requested = ""; // the group that the person has asked to join, folded
  #marks = new Map();
  #markTimer = null;
  #markedAt = -Infinity;
  #notices = 0;

  constructor(link, view, store, clock) {
    this.link = link;
    this.view = view;
    this.store = store;
    this.clock = clock;
  }

  /** All places, in the order of the list. */
  get places() {
    return [this.desk, ...this.groups.values(), ...this.privates.values()];
  }

  get unread() {
    return this.places.reduce((sum, each) => sum + (each.muted ? each.mentions : each.unread), 0);
  }

  /** Return the place with that key or number, if this person has it. */
  find(key) {
    if (key === "") return this.desk;
    if (key.startsWith("@")) return this.privates.get(fold(key.slice(1))) ?? null;
    return this.groups.get(fold(key)) ?? this.numbered(Number(key)) ?? null;
  }

  numbered(number) {
    return [...this.groups.values()].find((each) => each.number === number);
  }

  isMe = (name) => fold(name) === fold(this.me);

  // Where the person is.

  /** Show *place*; at the entry *seq*, if it is given. */
  open(place, seq = 0) {
    if (place !== this.current) {
      this.current.newAfter = null;
      this.current.window = null;
      this.current = place;
      if (place.unread) place.newAfter = place.shown;
      this.store.set(`place ${fold(this.me)}`, place.key);
    }
    if (seq && !place.tail.entries.some((each) => each.seq === seq)) this.#jump(place, seq);
    else if (!seq && place.window) this.toEnd(place);
    this.#load(place);
    this.view.opened(place, seq);
    this.seen();
    if (place.kind === "group" && place.member && place.members === null) this.askMembers(place);
  }

  /** Open the private talk with *name*, which the server may refuse. */
  talkTo(name) {
    const place = this.find(`@${name}`);
    if (place) this.open(place);
    else this.type(this.desk, `/query ${name}`);
  }

  /** The person sees the current place: what is in it is not new any more. */
  seen() {
    const place = this.current;
    if (!this.view.visible || place.window || place.kind === "desk" || !place.head) return;
    place.showUpto(place.head);
    if (place.shown > place.reported) {
      place.reported = place.shown;
      this.#marks.set(place, place.shown);
      if (place.kind === "private") this.store.set(this.#markOf(place), place.shown);
      if (this.#markTimer === null) {
        const wait = this.#markedAt + MIN_BETWEEN_MARKS - this.clock.now();
        this.#markTimer = this.clock.setTimeout(() => this.#report(), Math.max(0, wait));
      }
    }
    this.view.listed();
  }

  #markOf = (place) => `mark ${fold(this.me)} ${fold(place.key)}`;

  #report() {
    this.#markTimer = null;
    if (!this.#isLive) return;
    this.#markedAt = this.clock.now();
    for (const [place, read] of this.#marks) this.link.query({ ...place.fields, read });
    this.#marks.clear();
  }

  // The log.

  /** Fetch the entries before *before*, or the newest, into *segment*; return whether they came. */
  async #fetch(place, segment, before) {
    place.loading = true;
    const line = `/history ${PAGE}${before ? ` before ${before}` : ""}`;
    const answer = await this.link.query({ ...place.fields, line });
    place.loading = false;
    if (answer.ok === true) {
      const entries = objects(answer.entries);
      if (!(entries[0]?.seq > segment.first)) segment.more = count(answer.more) > 0;
      segment.add(entries);
    } else if (answer.code !== UNCONFIRMED && place.kind === "group") {
      // Of a private talk: nothing was said yet. Unconfirmed is what a guest asked before a loss.
      this.notice(place, answerLines(answer), "error");
    }
    this.view.changed(place);
    return answer.ok === true;
  }

  async #load(place) {
    if (place.loaded || place.kind === "desk" || !place.member) return;
    place.loaded = true;
    const { tail } = place;
    if (await this.#fetch(place, tail, 0)) {
      place.head = Math.max(place.head, tail.last);
      this.#learnAsking(place, tail.entries);
    } else {
      tail.more = false;
    }
    if (place === this.current) this.seen();
  }

  /** Fetch older entries of what is shown. */
  older(place) {
    const { segment } = place;
    if (!place.loading && segment.more && segment.entries.length) this.#fetch(place, segment, segment.first);
  }

  /** Fetch the entries after a window into the log; it joins the tail when it reaches it. */
  async newer(place) {
    const { window, tail } = place;
    if (place.loading || !window?.entries.length || !tail.entries.length) return;
    const { last } = window;
    if (last + 1 < tail.first && !(await this.#fetch(place, window, last + PAGE + 1))) return;
    if (window === place.window && (window.last === last || window.last + 1 >= tail.first)) this.#joinTail(place);
  }

  #joinTail(place) {
    const { window, tail } = place;
    tail.add(window.entries);
    tail.more = window.more;
    this.toEnd(place);
  }

  async #jump(place, seq) {
    const window = (place.window = new Segment());
    await this.#fetch(place, window, seq + PAGE / 2);
    if (place.window !== window) return;
    if (!window.entries.length) place.window = null;
    else if (window.last >= place.tail.first) this.#joinTail(place);
    this.view.opened(place, seq);
  }

  /** Show the newest entries. */
  toEnd(place) {
    if (place.window === null) return;
    place.window = null;
    this.view.changed(place);
    if (place === this.current) this.seen();
  }

  /** Show *lines* to this person only, after what was said last. */
  notice(place, lines, style = "", extra = {}) {
    if (!lines.length) return;
    place.notices.push({ id: ++this.#notices, after: place.tail.last, at: Date.now(), lines, style, ...extra });
    place.notices.splice(0, place.notices.length - MAX_NOTICES);
    this.view.changed(place);
    if (place === this.current) this.view.said(place, null, lines.slice(0, 3).join(" "));
  }

  // What the person types.

  /** Send *text*, typed in *place*, with *more* fields; return whether there was room for it. */
  type(place, text, more = {}) {
    const there = /^\/go\s+(\S+)\s*$/i.exec(text);
    if (there && this.find(there[1])) {
      this.open(this.find(there[1]));
      return true;
    }
    const info = { place: place.key, text, at: Date.now() };
    const fields = { ...place.fields, line: text, ...more };
    const sent = this.link.ask(fields, info, this.mayHaveSecret(place, text));
    if (sent === null) this.notice(place, ["Too many lines are waiting for the server."], "error");
    else this.view.changed(place);
    return sent !== null;
  }

  /** Return the command in *line*, typed in *place*, and the words after it. */
  commandIn(line, place) {
    const words = line.trim().split(/\s+/);
    let name = words[0].toLowerCase();
    if (!name.startsWith("/")) {
      if (place.kind !== "desk") return { command: null, words };
      const menu = this.commands.find((each) => each.menu && each.menu === name);
      if (menu) return { command: menu, words: words.slice(1) };
      name = `/${name}`;
    }
    name = name.slice(1);
    const command = this.commands.find(
      (each) => each.name === name || (each.also ?? []).some((other) => other.toLowerCase() === name),
    );
    return { command: command ?? null, words: words.slice(1) };
  }

  /** Return whether *line* has, or may have, a password in it: then it is not stored. */
  mayHaveSecret(place, line) {
    const { command, words } = this.commandIn(line, place);
    if (!this.commands.length) return line.startsWith("/") || place.kind === "desk";
    return (command?.arguments ?? []).some((each, index) => each.secret && index < words.length);
  }

  /** Return the typed lines of *place* that wait for an answer. Only messages are shown as such. */
  waiting(place) {
    return this.link.waiting.filter((each) => each.info?.place === place.key);
  }

  isMessage(request) {
    const { place, text } = request.info;
    return place !== "" && (!text.startsWith("/") || text.startsWith("//"));
  }

  /** The place in which *request* was typed. */
  placeFor(request) {
    return this.find(request.info?.place ?? "") ?? this.desk;
  }

  answered(request, answer) {
    const place = this.placeFor(request);
    if (answer.code === "missing-argument" && typeof answer.ask === "string") {
      this.#askFor(place, request, answer);
      return;
    }
    const message = this.isMessage(request);
    if (answer.ok !== true && message) {
      const text = request.info.text;
      this.notice(place, [`Not sent: ${answerLines(answer).join(" ")}`], "error", { again: text });
    } else if (!message || answer.type === "sent") {
      this.#take(place, answer, request);
    }
    this.view.changed(place);
    this.view.listed();
  }

  async #askFor(place, request, answer) {
    const typed = await this.view.ask(answer.ask, answer.secret === true);
    if (typed === null || typed === "") {
      this.notice(place, ["Cancelled."]);
      return;
    }
    if (typed.startsWith("/") && this.commandIn(typed, place).command) {
      this.type(place, typed);
      return;
    }
    const { id: _id, key: _key, ...fields } = request.fields;
    const answers = [...(fields.answers ?? []), typed];
    const info = { ...request.info, secret: answer.secret === true };
    this.link.ask({ ...fields, answers }, info, true);
  }

  #take(place, answer, request) {
    const asked = this.#asked(place, request.info.text);
    const lines = answerLines(answer);
    if (answer.ok !== true) {
      this.notice(place, lines, "error", { asked });
      return;
    }
    switch (answer.type) {
      case "entered":
      case "query": {
        const entered = answer.type === "query" ? this.#addPrivate(String(answer.with)) : this.#addGroup(String(answer.group));
        entered.describe(answer);
        this.open(entered);
        this.notice(entered, lines, "", { asked });
        return;
      }
      case "asked":
        this.#requested = fold(answer.group);
        break;
      case "desk":
        this.open(this.desk);
        break;
      case "muted":
        this.find(String(answer.group))?.describe(answer);
        break;
      case "settings":
        this.settings = { ...this.settings, ...answer.settings };
        break;
      case "members":
        this.#learnMembers(answer);
        break;
    }
    if (!this.view.took(place, answer)) this.notice(place, lines, "", { next: answer.next, asked });
  }

  /** Return *text*, to be shown with its answer; without a password that is in it. */
  #asked(place, text) {
    return this.mayHaveSecret(place, text) ? `${text.split(" ")[0]} …` : text;
  }

  // Who is where.

  async askMembers(place) {
    place.members = new Map();
    const answer = await this.link.query({ ...place.fields, line: "/members" });
    if (answer.ok === true) this.#learnMembers(answer);
    else place.members = null;
    if (place.moderates || this.operator) {
      const asked = await this.link.query({ ...place.fields, line: "/requests" });
      for (const each of objects(asked.requests)) place.asking.set(fold(each.name), each);
    }
    this.view.changed(place);
  }

  async #learnNumbers() {
    const answer = await this.link.query({ line: "/groups" });
    for (const each of objects(answer.groups)) this.groups.get(fold(each.group))?.describe(each);
    this.view.listed();
  }

  #learnMembers(answer) {
    const place = this.find(String(answer.group));
    if (!place || answer.online_only || answer.part) return;
    place.members = new Map(objects(answer.members).map((each) => [fold(each.name), each]));
    const own = place.members.get(fold(this.me));
    if (own) place.role = own.admin ? "admin" : own.moderator ? "moderator" : "member";
    this.view.changed(place);
  }

  /** Return the names of others, for suggestions: the latest partners first, then members. */
  people(place) {
    const names = [...[...this.privates.values()].reverse(), ...place.people].map((each) => each.name);
    return [...new Set(names)].filter((name) => !this.isMe(name));
  }

  #addGroup(name) {
    let place = this.groups.get(fold(name));
    if (!place) this.groups.set(fold(name), (place = new Place("group", name)));
    place.member = true;
    return place;
  }

  #addPrivate(name) {
    let place = this.privates.get(fold(name));
    if (!place) {
      this.privates.set(fold(name), (place = new Place("private", name)));
      const mark = count(this.store.get(this.#markOf(place)));
      place.shown = place.reported = mark;
      const names = [...this.privates.values()].map((each) => each.name);
      this.store.set(`partners ${fold(this.me)}`, names.slice(-MAX_PARTNERS));
    }
    return place;
  }

  // What the link reports.

  loggedIn(hello) {
    this.me = String(hello.name);
    this.operator = hello.operator === true;
    this.registered = hello.registered === true;
    this.settings = { ...this.settings, ...hello.settings };
    this.commands = objects(hello.commands);
    this.lineBytes = count(hello.line_bytes) || 4096;
    const partners = this.store.get(`partners ${fold(this.me)}`);
    for (const name of Array.isArray(partners) ? partners : []) this.#addPrivate(String(name));
    const before = this.groups;
    this.groups = new Map();
    this.#learnGroups(hello, before);
    for (const name of this.#rejoining) {
      this.link.query({ line: `/join ${name}` }).then((answer) => this.#rejoined(name, answer));
    }
    this.#unconfirmed = new Set();
    for (const [key, place] of before) {
      if (this.groups.has(key)) continue;
      this.groups.set(key, place);
      if (!this.#rejoining.includes(place.name)) this.#unconfirmed.add(key);
    }
    if (!count(hello.more)) this.#removeUnconfirmed();
    if (typeof hello.motd === "string" && hello.motd) this.notice(this.desk, hello.motd.split("\n"));
    this.view.listed();
  }

  /** After the first login, open the place of the address or of the last visit. */
  begin(key, seq) {
    const wanted = key || String(this.store.get(`place ${fold(this.me)}`) ?? "");
    const place = this.find(wanted) ?? (this.groups.size === 1 ? [...this.groups.values()][0] : this.desk);
    this.open(place, place.key === key ? seq : 0);
    if (key && place === this.desk) this.offer(key);
  }

  /** Somebody has followed a link to a place that is not theirs yet. */
  offer(key) {
    if (key.startsWith("@")) this.type(this.desk, `/query ${key.slice(1)}`);
    else this.notice(this.desk, [`You are not in ${key}.`], "", { event: { type: "invited", group: key, name: this.me } });
  }

  stateChanged(state) {
    this.#isLive = state === State.LIVE;
    if (state === State.WAITING && this.link.guest) {
      this.#rejoining = [...this.groups.values()].filter((each) => each.member).map((each) => each.name);
      for (const each of this.places) each.restart(0, 0);
    }
  }

  #rejoined(name, answer) {
    const group = this.groups.get(fold(name));
    if (!group || answer.type === "entered") return;
    group.member = false;
    this.notice(group, answerLines(answer), "error");
    this.view.listed();
  }

  #learnGroups(fields, before) {
    for (const each of objects(fields.groups)) {
      const name = String(each.group);
      const place = before.get(fold(name)) ?? new Place("group", name);
      place.member = true;
      place.describe(each);
      place.loggedIn(each);
      this.groups.set(fold(name), place);
      this.#unconfirmed.delete(fold(name));
    }
  }

  #removeUnconfirmed() {
    for (const key of this.#unconfirmed) this.#left(this.groups.get(key));
    this.#unconfirmed.clear();
  }

  /** The person is no longer a member: the log stays until they go elsewhere. */
  #left(place) {
    if (!place) return;
    place.member = false;
    place.members = null;
    place.asking.clear();
    place.restart(0, 0);
    if (place !== this.current) this.groups.delete(fold(place.name));
  }

  /** Drop a group that the person has left, once it is not shown. */
  drop(place) {
    if (!place.member && place.kind === "group") this.groups.delete(fold(place.name));
  }

  received(event) {
    const place = this.#placeOf(event);
    switch (event.type) {
      case "live":
        this.#rejoining = [];
        this.#load(this.current);
        this.seen();
        break;
      case "own-groups":
        this.#learnGroups(event, new Map(this.groups));
        if (!count(event.more)) this.#removeUnconfirmed();
        break;
      case "settings":
        this.settings = { ...this.settings, ...event.settings };
        this.view.changed(this.current);
        break;
      case "presence":
        this.#presence(event);
        break;
      case "missed":
        place.missed(count(event.older), count(event.mentions));
        break;
      case "read":
        place.showUpto(count(event.seq));
        break;
      case "muted":
        place.describe(event);
        break;
      default:
        if (count(event.seq)) this.#entered(place, event);
        else this.notice(place, [eventSentence(event, this.me)]);
    }
    this.view.listed();
  }

  #placeOf(event) {
    if (typeof event.with === "string") return this.#addPrivate(event.with);
    if (typeof event.group !== "string") return this.desk;
    const known = this.groups.get(fold(event.group));
    if (known) return known;
    const mine = (event.type === "joined" && this.isMe(event.name)) || (event.type === "created" && this.isMe(event.by));
    return mine ? this.#addGroup(event.group) : this.desk;
  }

  /** Take an entry of the log. */
  #entered(place, event) {
    const { type, seq } = event;
    const isMe = typeof event.name === "string" && this.isMe(event.name);
    const isMine = this.isMe(event.from ?? event.by ?? event.name ?? "");
    const entered = isMe && type === "joined";
    if (place.kind === "desk") {
      // About the server, or about a group of which this person is no member.
      this.notice(place, [eventSentence(event, this.me)].filter(Boolean), "", { event });
      if (isMe && type.startsWith("operator")) this.operator = type === "operator";
      return;
    }
    if (seq === 1 && place.head) place.forgetLog();
    const names = Array.isArray(event.mentions) && event.mentions.some(this.isMe);
    if (entered) {
      // What was said while the person was no member was not received.
      if (place.tail.last && seq > place.tail.last + 1) place.forgetLog();
      place.joined(seq);
      if (!place.number) this.#learnNumbers();
    }
    const unseen = place === this.current && !this.view.visible && !isMine;
    if (unseen && place.newAfter === null) place.newAfter = seq - 1;
    place.arrived(seq, isNews(event), names);
    place.tail.push(event);
    if (place.tail.entries.length > MAX_ENTRIES * 1.2) {
      place.tail.entries.splice(0, place.tail.entries.length - MAX_ENTRIES);
      place.tail.more = true;
    }
    this.#apply(place, event, isMe);
    const wasAsked = entered && this.#requested === fold(place.name);
    if (wasAsked && this.current === this.desk && !this.view.busy) this.open(place);
    if (!says(event) && (isMe || isMine)) place.showAlone(seq);
    if (says(event) && isMine) {
      const own = this.waiting(place).find((each) => !each.arrived && this.#textOf(each) === event.text);
      if (own) own.arrived = true;
      if (place.unread === 1) place.showUpto(seq);
    }
    this.view.changed(place);
    if (place === this.current) this.seen();
    if (this.#isLive && !isMine && (this.settings.joins || !comesOrGoes(event, this.me))) {
      const sentence = says(event) ? "" : eventSentence(event, this.me);
      if (says(event) || sentence) this.view.said(place, event, sentence, names || place.kind === "private");
    }
  }

  #textOf(request) {
    const { text } = request.info;
    return text.startsWith("//") && !/^\/\/\s/.test(text) ? text.slice(1) : text.startsWith("/me ") ? text.slice(4) : text;
  }

  /** Change what *event* is about. */
  #apply(place, event, isMe) {
    const { type } = event;
    const name = fold(event.name ?? "");
    this.#learnAsking(place, [event]);
    if (type === "edit" || type === "unsay") {
      this.#amend(place, event);
    } else if (type === "topic") {
      place.describe(event);
    } else if (type === "created") {
      place.number = count(event.number);
      if (this.isMe(event.by)) place.role = "admin";
    } else if (["admin", "moderator", "unmoderator"].includes(type)) {
      if (isMe) place.role = type === "unmoderator" ? "member" : type;
      else if (type === "admin" && place.role === "admin") place.role = "member";
      place.members = null;
    } else if (type === "joined") {
      place.members?.set(name, { name: event.name, online: true, guest: event.guest === true });
    } else if (["left", "kicked", "banned"].includes(type)) {
      place.members?.delete(name);
      if (isMe) this.#left(place);
    } else if (type === "closed") {
      this.#left(place);
    }
    if (place === this.current && place.member && place.members === null) this.askMembers(place);
  }

  #amend(place, event) {
    if (event.type === "edit" && !event.text) return; // edited again since
    for (const segment of [place.tail, place.window]) {
      for (const entry of segment?.entries ?? []) {
        if (entry.seq === event.about && event.type === "edit") {
          Object.assign(entry, { text: event.text, edited: event.seq });
        } else if (entry.seq === event.about) {
          Object.assign(entry, { type: "unsaid", by: event.by, text: "" });
        } else if (entry.reply_to === event.about && entry.quote) {
          entry.quote.text = event.type === "edit" ? event.text.split("\n")[0].slice(0, 40) : "";
        }
      }
    }
  }

  /** Learn who still asks to join, from the log: for what is asked there, buttons are shown. */
  #learnAsking(place, entries) {
    for (const each of entries) {
      const name = fold(each.name ?? "");
      if (each.type === "requested") place.asking.set(name, each);
      else if (["joined", "withdrawn", "rejected"].includes(each.type)) place.asking.delete(name);
    }
  }

  #presence(event) {
    const name = fold(event.name);
    for (const place of this.places) {
      const member = place.members?.get(name);
      if (!member && !(place.kind === "private" && fold(place.name) === name)) continue;
      if (member) member.online = event.online === true;
      place.online = event.online === true;
      if (place === this.current && this.settings.joins && this.#isLive) {
        this.notice(place, [eventSentence(event, this.me)], "quiet");
      } else {
        this.view.changed(place);
      }
    }
  }
}
