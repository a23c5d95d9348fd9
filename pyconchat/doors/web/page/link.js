// Link: the connection to the server, for as long as the page is open. It has no DOM.
//
// It logs in, reconnects, resumes after the last entries that it has received, and repeats each
// request until it is answered. Requests are sent in order, with keys, so that none is lost and
// none is carried out twice. What a person has typed also survives a reload of the page.
// docs/line-protocol.rst describes the objects.

export const State = Object.freeze({
  CONNECTING: "connecting",
  LOGGING_IN: "logging-in",
  CATCHING_UP: "catching-up",
  LIVE: "live",
  WAITING: "waiting",
  ENDED: "ended",
});

export const FIRST_WAIT = 300; // milliseconds before the first attempt to reconnect, and jitter
export const MAX_WAIT = 15_000; // between two attempts, and jitter
const FACTOR = 1.6;
const JITTER = 1000;

export const PING_AFTER = 20_000; // milliseconds without an object from the server
export const MAX_PING = 15_000; // until something comes after a ping; then the page reconnects
const CHECK_INTERVAL = 5000;

export const MAX_WAITING = 1000; // typed lines without an answer
const MAX_HELLO_BYTES = 8192; // of the conversations in a hello

// The server sends at most so many missed entries of a conversation, counts as shown only those
// that the page reports, and adds the words for people to its answers.
export const OPTIONS = Object.freeze({ missed: 200, reads: true, words: true });

// Reasons for which a server ends a connection and the page connects again.
const TEMPORARY = ["stopping", "late", "trouble", "wrong-password"];

export const UNCONFIRMED = "unconfirmed"; // the code of an answer that never came

const AWAY = "the server cannot be reached";
const STORED = "pyconchat-waiting";

/** A login that failed for now: the next attempt is after *wait* milliseconds, or at once (-1). */
export class TryAgain extends Error {
  constructor(message, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

/** A login that failed for good. */
export class GaveUp extends Error {}

/** Return whether two names are the same, whatever the case of their letters. */
export const fold = (name) => String(name).toUpperCase().toLowerCase().replaceAll("ς", "σ");

/** Return a number of a server's object; 0 if *value* is none. */
export const count = (value) => (Number.isSafeInteger(value) && value > 0 ? value : 0);

/** Return the conversation of an object, as ``since`` names it: ``tea``, ``@bob``, or null. */
export function conversationOf(fields) {
  if (typeof fields.with === "string") return `@${fields.with}`;
  return typeof fields.group === "string" ? fields.group : null;
}

/** The last numbers that were received, by conversation. */
export class Cursors {
  since = new Map();
  #times = new Map();

  /** Return whether *event* was not received before, and take note of its number. */
  isNew(event) {
    if (event.type === "read") return true; // no entry: its number is that of one
    const { seq } = event;
    const conversation = conversationOf(event);
    if (conversation === null || !Number.isSafeInteger(seq)) return true;
    const at = String(event.at);
    // A later first entry belongs to a new conversation of the same name.
    const restarted =
      seq === 1 && (event.type === "created" || at > (this.#times.get(conversation) ?? ""));
    if (seq <= (this.since.get(conversation) ?? 0) && !restarted) return false;
    this.since.delete(conversation); // the newest is the last
    this.since.set(conversation, seq);
    this.#times.set(conversation, at);
    return true;
  }

  /** Return the numbers of the newest conversations, for as many as fit in a hello. */
  forHello() {
    const chosen = {};
    let left = MAX_HELLO_BYTES;
    for (const [conversation, seq] of [...this.since].reverse()) {
      left -= new TextEncoder().encode(conversation).length + String(seq).length + 4;
      if (left < 0) break;
      chosen[conversation] = seq;
    }
    return chosen;
  }

  /** Forget the groups whose last entry, in the *groups* of a hello, is before ours. */
  forgetReplaced(groups) {
    for (const group of Array.isArray(groups) ? groups : []) {
      const name = String(group?.group);
      if (Number.isSafeInteger(group?.head) && group.head < (this.since.get(name) ?? 0)) {
        this.since.delete(name);
      }
    }
  }

  clear() {
    this.since.clear();
  }
}

/** What was asked and not answered, in order. What was typed is kept in *storage*. */
class Requests {
  #all = new Map();
  #last = 0;
  #prefix;
  #storage;
  owner = ""; // who has typed what is kept, folded

  constructor(storage, random) {
    this.#storage = storage;
    this.#prefix = Array.from({ length: 12 }, () => Math.floor(random() * 16).toString(16)).join("");
    let kept = null;
    try {
      kept = JSON.parse(storage.getItem(STORED) ?? "null");
    } catch {
      // Not ours, or not readable: nothing is waiting.
    }
    if (!Array.isArray(kept?.requests)) return;
    this.owner = String(kept.owner);
    for (const { fields, info, sent } of kept.requests.slice(0, MAX_WAITING)) {
      if (!count(fields?.id)) continue;
      this.#last = Math.max(this.#last, fields.id);
      this.#all.set(fields.id, { fields, info, kept: true, quiet: false, sentOn: sent ? {} : null });
    }
  }

  /** Return the typed requests. */
  get typed() {
    return [...this.#all.values()].filter((each) => !each.quiet);
  }

  add(fields, info, { quiet = false, kept = false, done = null } = {}) {
    const id = ++this.#last;
    const request = {
      fields: { id, key: `${this.#prefix}-${id}`, ...fields },
      info, quiet, kept, done, sentOn: null,
    };
    this.#all.set(id, request);
    if (kept) this.save();
    return request;
  }

  take(id) {
    const request = typeof id === "number" ? this.#all.get(id) : undefined;
    if (request === undefined) return null;
    this.#all.delete(id);
    if (request.kept) this.save();
    return request;
  }

  takeIf(condition) {
    const taken = [...this.#all.values()].filter(condition);
    for (const each of taken) this.#all.delete(each.fields.id);
    this.save();
    return taken;
  }

  sendAll(socket) {
    for (const each of this.#all.values()) this.send(each, socket);
    this.save();
  }

  send(request, socket) {
    if (request.sentOn === socket) return;
    request.sentOn = socket;
    socket.send(JSON.stringify(request.fields));
  }

  save() {
    const requests = this.typed
      .filter((each) => each.kept)
      .map(({ fields, info, sentOn }) => ({ fields, info, sent: sentOn !== null }));
    try {
      if (requests.length) {
        this.#storage.setItem(STORED, JSON.stringify({ owner: this.owner, requests }));
      } else {
        this.#storage.removeItem(STORED);
      }
    } catch {
      // No room: what waits is kept in memory only.
    }
  }
}

/**
 * The connection.
 *
 * *open(handlers)* opens a socket, with `send(text)` and `close()`, and calls `opened()`,
 * `received(text)` and `closed()` of the handlers. *login* has `hello(refused)`, a promise of the
 * fields of the next hello, and `accepted(answer)`. *clock* has `now()` in milliseconds,
 * `setTimeout` and `clearTimeout`. *listener* gets what comes: `stateChanged(state)`,
 * `loggedIn(hello)`, `received(event)`, `answered(request, answer)`, `unconfirmed(requests)`,
 * `failed(problem)`, `ended(reason)`.
 */
export class Link {
  state = State.ENDED;
  guest = false; // whether the server knows us as a guest
  problem = ""; // why the last attempt to connect failed
  #open;
  #login;
  #listener;
  #clock;
  #random;
  #cursors = new Cursors();
  #requests;
  #socket = null;
  #loggedIn = false;
  #answerHello = null; // takes the answer to the hello
  #asking = false; // whether the login waits for a person
  #nextHello = null; // what they answered, for the next connection
  #failures = 0; // in a row
  #timer = null; // of the next attempt
  #checks = null;
  #heard = 0; // when the last object came
  #pinged = null; // when, if nothing has come since
  #refusedWait = 0;

  constructor({ open, login, listener, clock, random = Math.random, storage }) {
    this.#open = open;
    this.#login = login;
    this.#listener = listener;
    this.#clock = clock;
    this.#random = random;
    this.#requests = new Requests(storage, random);
  }

  /** Begin to connect. */
  start() {
    if (this.state !== State.ENDED) return;
    this.#failures = 0;
    this.#check();
    this.#connect();
  }

  /** Disconnect, for good; the listener is not told. */
  stop() {
    this.#change(State.ENDED);
    this.#drop();
  }

  /** Connect now, if the page waits to; test the connection, if there is one. */
  wake() {
    if (this.state === State.WAITING && !this.#asking) {
      this.#failures = 0;
      this.#connect();
    } else if (this.#loggedIn && this.#clock.now() - this.#heard > CHECK_INTERVAL) {
      this.#ping();
    }
  }

  /** Return the typed requests that were not answered yet, whether sent or not. */
  get waiting() {
    return this.#requests.typed;
  }

  /**
   * Send what a person has typed, until it is answered; return the request.
   *
   * *info* is any JSON for the listener. Unless it is *secret*, the request survives a reload.
   * Returns null if too many are waiting.
   */
  ask(fields, info = null, secret = false) {
    if (this.#requests.typed.length >= MAX_WAITING) return null;
    const request = this.#requests.add(fields, info, { kept: !secret });
    this.#sendNow(request);
    return request;
  }

  /** Make a request of the page itself; return a promise of its answer. */
  query(fields) {
    return new Promise((done) => {
      this.#sendNow(this.#requests.add(fields, null, { quiet: true, done }));
    });
  }

  /** Take back a typed request that was never sent; return whether it was. */
  takeBack(request) {
    return request.sentOn === null && this.#requests.take(request.fields.id) !== null;
  }

  #sendNow(request) {
    if (!this.#loggedIn) return;
    this.#requests.send(request, this.#socket);
    if (request.kept) this.#requests.save();
  }

  // One connection, from its opening to its end.

  #connect() {
    this.#clock.clearTimeout(this.#timer);
    this.#change(State.CONNECTING);
    this.#heard = this.#clock.now();
    this.#pinged = null;
    const handlers = {
      opened: () => this.#socket === socket && this.#logIn(socket),
      received: (text) => this.#socket === socket && this.#received(text),
      closed: () => this.#lost(socket),
    };
    const socket = (this.#socket = this.#open(handlers));
  }

  async #logIn(socket) {
    this.#change(State.LOGGING_IN);
    let refused = null;
    for (;;) {
      let hello;
      try {
        hello = await this.#helloFor(refused);
      } catch (problem) {
        this.#loginFailed(problem);
        return;
      }
      if (this.state === State.ENDED) return;
      if (this.#socket !== socket) {
        this.#nextHello = hello;
        if (this.#socket === null) this.#retry();
        return;
      }
      this.#heard = this.#clock.now();
      const answer = await new Promise((answered) => {
        this.#answerHello = answered;
        socket.send(
          JSON.stringify({ hello: 1, since: this.#cursors.forHello(), ...OPTIONS, ...hello }),
        );
      });
      if (answer === null) return; // taken by #received, or lost
      refused = answer;
    }
  }

  async #helloFor(refused) {
    if (this.#nextHello !== null && refused === null) {
      const hello = this.#nextHello;
      this.#nextHello = null;
      return hello;
    }
    this.#asking = true;
    try {
      return await this.#login.hello(refused);
    } finally {
      this.#asking = false;
    }
  }

  #loginFailed(problem) {
    if (this.state === State.ENDED) return;
    if (!(problem instanceof TryAgain)) {
      this.#end(problem instanceof GaveUp ? problem.message : String(problem));
      return;
    }
    if (problem.wait < 0) {
      this.#drop();
      this.#connect();
      return;
    }
    this.#refusedWait = problem.wait;
    this.#report(problem.message.replace(/\.$/, ""));
    if (this.#socket === null) this.#retry();
    else this.#lost(this.#socket, true);
  }

  #accepted(answer) {
    this.#login.accepted(answer);
    this.#cursors.forgetReplaced(answer.groups);
    const wasGuest = this.guest;
    this.guest = answer.registered !== true;
    const owner = fold(answer.name);
    if (this.#requests.owner !== owner) {
      const others = this.#requests.owner ? this.#requests.takeIf(() => true) : [];
      this.#requests.owner = owner;
      this.#giveUp(others.filter((each) => each.quiet));
    } else if (wasGuest || this.guest) {
      // A guest's keys are unknown on a new connection: the server might carry out a repeated
      // request twice.
      this.#giveUp(this.#requests.takeIf(({ sentOn }) => sentOn && sentOn !== this.#socket));
    }
    this.#loggedIn = true;
    this.#failures = 0;
    this.problem = "";
    this.#change(State.CATCHING_UP);
    this.#listener.loggedIn(answer);
    this.#requests.sendAll(this.#socket);
  }

  #giveUp(requests) {
    const typed = requests.filter((each) => !each.quiet);
    if (typed.length) this.#listener.unconfirmed(typed);
    for (const each of requests) each.done?.({ ok: false, code: UNCONFIRMED });
  }

  #lost(socket, explained = false) {
    if (socket !== this.#socket || this.state === State.ENDED) return;
    const wasLoggedIn = this.#loggedIn;
    this.#drop();
    if (this.guest) this.#cursors.clear(); // a guest's conversations end with the connection
    if (!wasLoggedIn && !explained && !this.problem) this.#report(AWAY);
    this.#change(State.WAITING);
    if (!this.#asking) this.#retry();
  }

  /** Close the socket and forget it: what it still delivers is ignored. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.#loggedIn = false;
    this.#pinged = null;
    this.#answerHello?.(null);
    this.#answerHello = null;
    socket?.close();
  }

  #retry() {
    const wait = Math.min(FIRST_WAIT * FACTOR ** Math.min(this.#failures, 100), MAX_WAIT);
    this.#failures += 1;
    const refused = this.#refusedWait;
    this.#refusedWait = 0;
    this.#change(State.WAITING);
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(
      () => this.state === State.WAITING && this.#connect(),
      Math.max(refused, wait + this.#random() * JITTER),
    );
  }

  #report(problem) {
    if (problem === this.problem) return;
    this.problem = problem;
    this.#listener.failed(problem);
  }

  #end(reason) {
    if (this.state === State.ENDED) return;
    this.#change(State.ENDED);
    this.#drop();
    this.#listener.ended(reason);
  }

  #change(state) {
    if (this.state === state) return;
    this.state = state;
    if (state === State.ENDED) {
      this.#clock.clearTimeout(this.#timer);
      this.#clock.clearTimeout(this.#checks);
      this.#nextHello = null;
    }
    this.#listener.stateChanged(state);
  }

  // What the server sends.

  /** Handle a frame: one or more objects, one a line. */
  #received(text) {
    this.#heard = this.#clock.now();
    this.#pinged = null;
    const socket = this.#socket;
    for (const line of String(text).split("\n")) {
      if (this.#socket !== socket) return;
      if (!line.trim()) continue;
      let fields = null;
      try {
        fields = JSON.parse(line);
      } catch {
        // Not JSON, and so no object.
      }
      if (fields?.constructor !== Object) {
        this.#lost(socket);
        return;
      }
      try {
        this.#handle(fields);
      } catch (problem) {
        // An error while one object is handled does not end the connection.
        console.error("an object from the server could not be handled", problem);
      }
    }
  }

  #handle(fields) {
    if ("hello" in fields) {
      const answered = this.#answerHello;
      if (answered === null) return;
      this.#answerHello = null;
      if (fields.ok === true) {
        answered(null);
        this.#accepted(fields);
      } else {
        answered(fields);
      }
    } else if ("re" in fields) {
      const request = this.#requests.take(fields.re);
      if (fields.type === "password" && fields.ok === true) this.guest = false;
      if (request?.quiet) request.done(fields);
      else if (request) this.#listener.answered(request, fields);
    } else if (fields.type === "live") {
      this.#change(State.LIVE);
      this.#listener.received(fields);
    } else if (fields.type === "end") {
      const text = typeof fields.text === "string" && fields.text;
      const reason = text || "The server ended the connection.";
      if (TEMPORARY.includes(fields.why)) this.#report(reason.replace(/\.$/, ""));
      else this.#end(fields.why === "bye" ? "" : reason);
    } else if (fields.type === "own-groups") {
      this.#cursors.forgetReplaced(fields.groups);
      this.#listener.received(fields);
    } else if ("type" in fields && this.#cursors.isNew(fields)) {
      this.#listener.received(fields);
    }
  }

  /** Look how long nothing has come. A browser may delay this for a page that is hidden. */
  #check() {
    this.#checks = this.#clock.setTimeout(() => this.#check(), CHECK_INTERVAL);
    const socket = this.#socket;
    if (socket === null || this.#asking) return;
    const now = this.#clock.now();
    if (this.#loggedIn) {
      if (this.#pinged !== null) {
        if (now - this.#pinged >= MAX_PING) this.#lost(socket);
      } else if (now - this.#heard >= PING_AFTER) {
        this.#ping();
      }
    } else if (now - this.#heard >= PING_AFTER + MAX_PING) {
      this.#lost(socket);
    }
  }

  #ping() {
    if (this.#pinged !== null) return;
    this.#pinged = this.#clock.now();
    this.#socket.send('{"id":0}');
  }
}
