// Link: the connection to the server while the page is open. No DOM. It logs in, reconnects, resumes
// after the last entries, and repeats each request until it is answered. Requests have
// keys: none is carried out twice. What a person has typed survives a reload of the page.
// docs/line-protocol.rst describes the objects.

export const State = {
  CONNECTING: "connecting", LOGGING_IN: "logging-in", CATCHING_UP: "catching-up", LIVE: "live",
  WAITING: "waiting", ENDED: "ended",
};

const FIRST_WAIT = 300; // milliseconds before the first attempt, and jitter
const MAX_WAIT = 15_000; // between two attempts
const FACTOR = 1.6;
const JITTER = 1000;

export const PING_AFTER = 20_000; // milliseconds without an object from the server
export const MAX_PING = 15_000; // until something comes after a ping; then the page reconnects
const CHECK_INTERVAL = 5000;

export const MAX_WAITING = 1000; // typed lines without an answer
const MAX_HELLO_BYTES = 8192; // of the conversations in a hello

// At most so many missed entries of a conversation, as shown only what the page reports, and words.
export const OPTIONS = { missed: 200, reads: true, words: true };

// Reasons of an end after which the page connects again.
const TEMPORARY = ["stopping", "late", "trouble", "wrong-password"];

export const UNCONFIRMED = "unconfirmed"; // the code of an answer that never came
const STORED = "pyconchat-waiting";

/** A failed login: the next attempt is after *wait* milliseconds, or at once (-1). */
export class TryAgain extends Error {
  constructor(message, wait = 0) {
    super(message);
    this.wait = wait;
  }
}

export class GaveUp extends Error {}

export const fold = (name) => String(name).toUpperCase().toLowerCase().replaceAll("ς", "σ");

/** Return a number of a server's object; 0 if *value* is none. */
export const count = (value) => (Number.isSafeInteger(value) && value > 0 ? value : 0);

/** Return the result of *call*; null if it throws. */
export function attempt(call) {
  try {
    return call();
  } catch {
    return null;
  }
}

/** The last entries that were received, by conversation: ``tea``, ``@bob``. */
export class Cursors {
  #last = new Map();

  isNew(event) {
    const { type, seq, group } = event;
    const conversation = typeof event.with === "string" ? `@${event.with}` : group;
    // The number in "read" is that of another entry.
    if (type === "read" || typeof conversation !== "string" || !Number.isSafeInteger(seq)) return true;
    const at = String(event.at);
    const last = this.#last.get(conversation) ?? { seq: 0, at: "" };
    // A later first entry belongs to a new conversation of the same name.
    const restarted = seq === 1 && (type === "created" || at > last.at);
    if (seq <= last.seq && !restarted) return false;
    this.#last.delete(conversation); // the newest is the last
    this.#last.set(conversation, { seq, at });
    return true;
  }

  forHello() {
    const chosen = {};
    let left = MAX_HELLO_BYTES;
    for (const [conversation, { seq }] of [...this.#last].reverse()) {
      left -= new TextEncoder().encode(conversation).length + String(seq).length + 4;
      if (left < 0) break;
      chosen[conversation] = seq;
    }
    return chosen;
  }

  /** Forget those of the *groups* of a hello whose last entry is before ours. */
  forgetReplaced(groups) {
    for (const { group, head } of Array.isArray(groups) ? groups : []) {
      if (head < this.#last.get(group)?.seq) this.#last.delete(group);
    }
  }

  clear() {
    this.#last.clear();
  }
}

/** What was asked and not answered, in order. What was typed is kept in *storage*. */
function makeRequests(storage, random) {
  const prefix = random().toString(16).slice(2);
  const all = new Map();
  let last = 0;
  let owner = ""; // who has typed what is kept, folded

  const stored = attempt(() => JSON.parse(storage.getItem(STORED)));
  if (Array.isArray(stored?.requests)) {
    owner = String(stored.owner);
    for (const { fields, info, sent } of stored.requests.slice(0, MAX_WAITING)) {
      if (!count(fields?.id)) continue;
      last = Math.max(last, fields.id);
      all.set(fields.id, { fields, info, kept: true, sentOn: sent ? {} : null });
    }
  }

  const typed = () => [...all.values()].filter((each) => !each.done);

  /** *more* is `kept` for what is stored; `done`, which takes the answer, for the page's own. */
  function add(fields, info, more) {
    const id = ++last;
    const request = { fields: { id, key: `${prefix}-${id}`, ...fields }, info, sentOn: null, ...more };
    all.set(id, request);
    save();
    return request;
  }

  function take(condition) {
    const taken = [...all.values()].filter(condition);
    for (const each of taken) all.delete(each.fields.id);
    if (taken.some((each) => each.kept)) save();
    return taken;
  }

  function claim(name) {
    const others = owner && owner !== name ? take(() => true) : [];
    owner = name;
    return others;
  }

  function send(socket, requests = all.values()) {
    for (const each of requests) {
      if (each.sentOn === socket) continue;
      each.sentOn = socket;
      socket.send(JSON.stringify(each.fields));
    }
    save();
  }

  function save() {
    const requests = typed()
      .filter((each) => each.kept)
      .map(({ fields, info, sentOn }) => ({ fields, info, sent: sentOn !== null }));
    attempt(() => requests.length
      ? storage.setItem(STORED, JSON.stringify({ owner, requests }))
      : storage.removeItem(STORED));
  }

  return { typed, add, take, claim, send };
}

/**
 * The connection. *open(handlers)* opens a socket; *login* has `hello(refused)`, a promise of the next
 * hello, and `accepted(answer)`; *listener* is told what comes; *clock* is a window.
 */
export function makeLink({ open, login, listener, clock, storage, random = Math.random }) {
  const cursors = new Cursors();
  const requests = makeRequests(storage, random);
  const now = () => clock.performance.now();
  let state = State.ENDED;
  let guest = false; // whether the server knows us as a guest
  let problem = ""; // why the last attempt to connect failed
  let socket = null;
  let loggedIn = false;
  let answerHello = null; // takes the answer to the hello
  let asking = false; // whether the login waits for a person
  let nextHello = null; // their answer, for the next connection
  let failures = 0; // in a row
  let timer = null; // of the next attempt
  let checks = null;
  let heard = 0; // when the last object came
  let pinged = null; // when, if nothing has come since
  let refusedWait = 0;

  function start() {
    if (state !== State.ENDED) return;
    failures = 0;
    check();
    connect();
  }

  function stop() {
    change(State.ENDED);
    drop();
  }

  function wake() {
    if (state === State.WAITING && !asking) {
      failures = 0;
      connect();
    } else if (loggedIn && now() - heard > CHECK_INTERVAL) {
      ping();
    }
  }

  /** Send what was typed, until it is answered; return null if too many lines wait. */
  function ask(fields, info = null, secret = false) {
    return requests.typed().length < MAX_WAITING ? sendNow(requests.add(fields, info, { kept: !secret })) : null;
  }

  function query(fields) {
    return new Promise((done) => {
      sendNow(requests.add(fields, null, { done }));
    });
  }

  function takeBack(request) {
    return request.sentOn === null && requests.take((each) => each === request).length > 0;
  }

  function sendNow(request) {
    if (loggedIn) requests.send(socket, [request]);
    return request;
  }

  function connect() {
    clock.clearTimeout(timer);
    change(State.CONNECTING);
    heard = now();
    pinged = null;
    const opening = (socket = open({
      opened: () => socket === opening && logIn(opening),
      received: (text) => socket === opening && received(text),
      closed: () => lost(opening),
    }));
  }

  async function logIn(mine) {
    change(State.LOGGING_IN);
    let refused = null;
    do {
      let hello;
      try {
        hello = await helloFor(refused);
      } catch (reason) {
        loginFailed(reason);
        return;
      }
      if (state === State.ENDED) return;
      if (socket !== mine) {
        nextHello = hello;
        if (socket === null) retry();
        return;
      }
      heard = now();
      refused = await new Promise((answered) => {
        answerHello = answered;
        mine.send(JSON.stringify({ hello: 1, since: cursors.forHello(), ...OPTIONS, ...hello }));
      });
    } while (refused !== null); // else it was accepted, or the connection is lost
  }

  async function helloFor(refused) {
    const known = nextHello;
    nextHello = null;
    if (known) return known;
    asking = true;
    try {
      return await login.hello(refused);
    } finally {
      asking = false;
    }
  }

  function loginFailed(reason) {
    if (state === State.ENDED) return;
    if (!(reason instanceof TryAgain)) {
      end(reason instanceof GaveUp ? reason.message : String(reason));
    } else if (reason.wait < 0) {
      drop();
      connect();
    } else {
      refusedWait = reason.wait;
      report(reason.message);
      if (socket === null) retry();
      else lost(socket, true);
    }
  }

  function accepted(answer) {
    login.accepted(answer);
    cursors.forgetReplaced(answer.groups);
    const wasGuest = guest;
    guest = answer.registered !== true;
    giveUp(requests.claim(fold(answer.name)).filter((each) => each.done));
    // A new connection does not know a guest's keys: it could be carried out twice.
    if (wasGuest || guest) giveUp(requests.take(({ sentOn }) => sentOn && sentOn !== socket));
    loggedIn = true;
    failures = 0;
    problem = "";
    change(State.CATCHING_UP);
    listener.loggedIn(answer);
    requests.send(socket);
  }

  function giveUp(gone) {
    const typed = gone.filter((each) => !each.done);
    if (typed.length) listener.unconfirmed(typed);
    for (const each of gone) each.done?.({ ok: false, code: UNCONFIRMED });
  }

  function lost(mine, explained = false) {
    if (mine !== socket || state === State.ENDED) return;
    explained ||= loggedIn || problem;
    drop();
    if (guest) cursors.clear(); // a guest's conversations end with the connection
    if (!explained) report("the server cannot be reached");
    change(State.WAITING);
    if (!asking) retry();
  }

  /** Close the socket and forget it: what it still delivers is ignored. */
  function drop() {
    const closing = socket;
    socket = null;
    loggedIn = false;
    pinged = null;
    answerHello?.(null);
    answerHello = null;
    closing?.close();
  }

  function retry() {
    const wait = Math.min(FIRST_WAIT * FACTOR ** failures, MAX_WAIT) + random() * JITTER;
    failures += 1;
    change(State.WAITING);
    clock.clearTimeout(timer);
    timer = clock.setTimeout(() => state === State.WAITING && connect(), Math.max(refusedWait, wait));
    refusedWait = 0;
  }

  function report(sentence) {
    const reason = sentence.replace(/\.$/, "");
    if (reason === problem) return;
    problem = reason;
    listener.failed(problem);
  }

  function end(reason) {
    stop();
    listener.ended(reason);
  }

  function change(next) {
    if (state === next) return;
    state = next;
    if (state === State.ENDED) {
      clock.clearTimeout(timer);
      clock.clearTimeout(checks);
      nextHello = null;
    }
    listener.stateChanged(state);
  }

  function received(text) {
    heard = now();
    pinged = null;
    const mine = socket;
    for (const line of String(text).split("\n")) {
      if (socket !== mine) return;
      if (!line.trim()) continue;
      const fields = attempt(() => JSON.parse(line));
      if (fields?.constructor !== Object) {
        lost(mine);
        return;
      }
      try {
        handle(fields);
      } catch (reason) {
        console.error("an object from the server could not be handled", reason);
      }
    }
  }

  function handle(fields) {
    const { ok, re, type, why, text } = fields;
    if ("hello" in fields) {
      const answered = answerHello;
      answerHello = null;
      answered?.(ok === true ? null : fields);
      if (answered && ok === true) accepted(fields);
    } else if ("re" in fields) {
      const [request] = requests.take((each) => each.fields.id === re);
      if (type === "password" && ok === true) guest = false;
      if (request?.done) request.done(fields);
      else if (request) listener.answered(request, fields);
    } else if (type === "end") {
      const reason = text ? String(text) : "The server ended the connection.";
      if (TEMPORARY.includes(why)) report(reason);
      else end(why === "bye" ? "" : reason);
    } else if (type && cursors.isNew(fields)) {
      if (type === "live") change(State.LIVE);
      if (type === "own-groups") cursors.forgetReplaced(fields.groups);
      listener.received(fields);
    }
  }

  /** Look how long nothing has come; delayed in a hidden page. */
  function check() {
    checks = clock.setTimeout(check, CHECK_INTERVAL);
    if (socket === null || asking) return;
    const silent = now() - heard;
    if (!loggedIn) {
      if (silent >= PING_AFTER + MAX_PING) lost(socket);
    } else if (pinged !== null) {
      if (now() - pinged >= MAX_PING) lost(socket);
    } else if (silent >= PING_AFTER) {
      ping();
    }
  }

  function ping() {
    if (pinged !== null) return;
    pinged = now();
    socket.send('{"id":0}');
  }

  return {
    start, stop, wake, ask, query, takeBack,
    get state() { return state; },
    get guest() { return guest; },
    get waiting() { return requests.typed(); },
  };
}
