// link.js: the scenarios of the terminal client's connection (tests/client/net), without a browser.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import {
  Cursors, GaveUp, MAX_PING, MAX_WAITING, OPTIONS, PING_AFTER, State, TryAgain, UNCONFIRMED, makeLink,
} from "../../pyconchat/doors/web/page/link.js";

const ALICE = { name: "alice" };
const LIVE = { type: "live" };
const message = (seq, text, group = "tea") => ({
  type: "message", group, seq, at: "2026-11-21T09:30:00.000Z", from: "bob", text,
});
const privateMessage = (seq, text, partner = "bob", at = "2026-11-21T09:30:00.000Z") => ({
  type: "message", with: partner, seq, at, from: partner, text,
});

/** Time that passes by advance() only. */
class FakeClock {
  time = 0;
  #timers = new Map();
  #last = 0;

  performance = { now: () => this.time };

  setTimeout(call, wait) {
    this.#timers.set(++this.#last, { at: this.time + wait, call });
    return this.#last;
  }

  clearTimeout(timer) {
    this.#timers.delete(timer);
  }

  get pending() {
    return this.#timers.size;
  }

  /** Let *milliseconds* pass; what a timer begins may await something. */
  async advance(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(([, each]) => each.at <= end);
      if (!due.length) break;
      const [timer, each] = due.sort(([, a], [, b]) => a.at - b.at)[0];
      this.#timers.delete(timer);
      this.time = Math.max(this.time, each.at);
      each.call();
      await settled();
    }
    this.time = end;
    await settled();
  }
}

const settled = () => new Promise((done) => setImmediate(done));

class FakeStorage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => void this.items.set(key, value);
  removeItem = (key) => void this.items.delete(key);
}

/** One connection, as the server sees it. */
class FakeConnection {
  isOpen = true;
  #received = [];
  #handlers;

  constructor(handlers) {
    this.#handlers = handlers;
  }

  get socket() {
    return {
      send: (text) => this.#received.push(JSON.parse(text)),
      close: () => { this.isOpen = false; },
    };
  }

  /** Return what came since the last call. */
  receives() {
    return this.#received.splice(0);
  }

  opens() {
    this.#handlers.opened();
  }

  frame(text) {
    this.#handlers.received(text);
  }

  async sends(...objects) {
    this.frame(objects.map((each) => JSON.stringify(each)).join("\n"));
    await settled();
  }

  acceptsHello(...missed) {
    const hello = { hello: 1, ok: true, name: "alice", registered: true, groups: [] };
    return this.sends({ ...hello, ...this.hello }, ...missed, LIVE);
  }

  accepts(fields) {
    return this.sends({ hello: 1, ok: true, name: "alice", registered: true, groups: [], ...fields });
  }

  async acceptsLogin(...missed) {
    this.receives();
    await this.acceptsHello(...missed);
  }

  answers(request, fields = {}) {
    return this.sends({ re: request.id, ok: true, ...fields });
  }

  async disconnects() {
    this.isOpen = false;
    this.#handlers.closed();
    await settled();
  }
}

class World {
  clock = new FakeClock();
  storage = new FakeStorage();
  connections = [];
  attempts = [];
  unreachable = false;
  hanging = false;
  registered = true;
  random = 0.5;
  states = [];
  hellos = [];
  events = [];
  answers = [];
  lost = [];
  failures = [];
  ends = [];
  refusals = [];
  accepted = [];
  problem = null; // of each login
  problems = []; // of one login each
  person = null;

  constructor(storage) {
    if (storage) this.storage = storage;
    this.link = makeLink({
      open: (handlers) => this.#open(handlers),
      login: {
        hello: async (refused) => {
          this.refusals.push(refused);
          if (this.problem ?? this.problems.length) throw this.problem ?? this.problems.shift();
          return (await this.person) ?? ALICE;
        },
        accepted: (answer) => this.accepted.push(answer),
      },
      clock: this.clock,
      random: () => this.random,
      storage: this.storage,
      listener: {
        stateChanged: (state) => this.states.push(state),
        loggedIn: (hello) => { this.hellos.push(hello); this.atLogin?.(); },
        received: (event) => this.events.push(event),
        answered: (request, answer) => this.answers.push([request, answer]),
        unconfirmed: (requests) => this.lost.push(...requests.map((each) => each.fields.line)),
        failed: (problem) => this.failures.push(problem),
        ended: (reason) => this.ends.push(reason),
      },
    });
  }

  #open(handlers) {
    this.attempts.push(this.clock.time);
    const connection = new FakeConnection(handlers);
    connection.hello = { registered: this.registered };
    this.connections.push(connection);
    if (this.unreachable) queueMicrotask(() => connection.disconnects());
    else if (!this.hanging) queueMicrotask(() => connection.opens());
    return connection.socket;
  }

  get server() {
    return this.connections.at(-1);
  }

  get texts() {
    return this.events.filter((each) => each.text).map((each) => each.text);
  }

  async starts() {
    this.link.start();
    await settled();
    return this;
  }

  async reconnects() {
    const before = this.connections.length;
    for (let i = 0; i < 400 && this.connections.length === before; i += 1) {
      await this.clock.advance(100);
    }
    assert.notEqual(this.connections.length, before, "the page does not reconnect");
    return this.server;
  }

  ask(...lines) {
    for (const line of lines) this.link.ask({ group: "tea", line });
  }
}

const linesOf = (requests) => requests.filter((each) => "line" in each).map((each) => each.line);

let world;
let link;
beforeEach(async () => {
  world = await new World().starts();
  link = world.link;
});

// Logging in.

test("a login: the hello, and the states follow each other", async () => {
  assert.deepEqual(world.server.receives(), [{ hello: 1, since: {}, ...OPTIONS, ...ALICE }]);
  assert.equal(link.state, State.LOGGING_IN);
  await world.server.acceptsHello();
  const { CONNECTING, LOGGING_IN, CATCHING_UP } = State;
  assert.deepEqual(world.states, [CONNECTING, LOGGING_IN, CATCHING_UP, State.LIVE]);
  assert.deepEqual(world.accepted, world.hellos);
  assert.deepEqual(world.events, [LIVE]);
});

test("a refused hello: the next one is sent on the same connection", async () => {
  for (const code of ["bad-token", "wrong-password"]) {
    world.server.receives();
    await world.server.sends({ hello: 1, ok: false, code });
    assert.equal(world.server.receives()[0].hello, 1);
  }
  assert.deepEqual(world.refusals.map((each) => each?.code), [undefined, "bad-token", "wrong-password"]);
  await world.server.acceptsHello();
  assert.equal(link.state, State.LIVE);
  assert.equal(world.connections.length, 1);
});

test("only true accepts a hello", async () => {
  for (const ok of [null, false, 1, "true", [true], {}]) {
    await world.server.sends({ hello: 1, ok });
    assert.equal(link.state, State.LOGGING_IN);
  }
  assert.deepEqual(world.accepted, []);
});

test("a login that gives up ends the connection, with its reason", async () => {
  world = new World();
  world.problem = new GaveUp("No such luck.");
  await world.starts();
  assert.deepEqual(world.ends, ["No such luck."]);
  assert.equal(world.link.state, State.ENDED);
  assert.equal(world.server.isOpen, false);
  await world.clock.advance(60_000);
  assert.equal(world.connections.length, 1);
});

test("a login that is refused for now is tried again", async () => {
  world = new World();
  world.problem = new TryAgain("The server is busy.", 3000);
  await world.starts();
  assert.equal(world.link.state, State.WAITING);
  assert.deepEqual(world.failures, ["The server is busy"]);
  world.problem = null;
  await world.clock.advance(2900);
  assert.equal(world.connections.length, 1);
  await (await world.reconnects()).acceptsLogin();
  assert.equal(world.link.state, State.LIVE);
});

test("a login that belongs to a new connection connects at once", async () => {
  world.problems = [new TryAgain("", -1)];
  await world.server.sends({ hello: 1, ok: false, code: "bad-token" });
  assert.equal(world.connections.length, 2);
  assert.ok(!world.connections[0].isOpen);
  await world.server.acceptsLogin();
  assert.deepEqual([link.state, world.failures], [State.LIVE, []]);
});

test("a second answer to the hello is ignored", async () => {
  await world.server.acceptsLogin();
  await world.server.accepts({ name: "mallory" });
  assert.equal(world.hellos.length, 1);
});

test("a connection lost while a person is asked: they are not asked again", async () => {
  world = new World();
  let answer;
  world.person = new Promise((done) => { answer = done; });
  await world.starts();
  await world.server.disconnects();
  await world.clock.advance(60_000);
  assert.equal(world.connections.length, 1);
  world.person = null;
  answer(ALICE);
  const server = await world.reconnects();
  assert.equal(world.refusals.length, 1);
  assert.equal(server.receives()[0].name, "alice");
  await server.acceptsHello();
  assert.equal(world.link.state, State.LIVE);
});

// Reconnecting.

test("when the connection is lost, the page logs in again", async () => {
  await world.server.acceptsLogin();
  await world.server.disconnects();
  assert.equal(link.state, State.WAITING);
  await (await world.reconnects()).acceptsLogin();
  assert.equal(link.state, State.LIVE);
  assert.deepEqual(world.ends, []);
});

test("the intervals between attempts grow from 0.3 s to at most 16 s, with jitter", async () => {
  await world.server.acceptsLogin();
  world.unreachable = true;
  world.attempts = [world.clock.time];
  await world.server.disconnects();
  for (let i = 0; i < 250; i += 1) {
    world.random = (i * 0.37) % 1;
    await world.clock.advance(1000);
  }
  const waits = world.attempts.slice(1).map((at, i) => at - world.attempts[i]);
  waits.forEach((wait, number) => {
    const shortest = Math.min(300 * 1.6 ** number, 15_000);
    assert.ok(shortest <= wait && wait <= shortest + 1000, `${number}: ${wait}`);
  });
  assert.ok(waits.length > 14 && Math.max(...waits) <= 16_000);
  assert.ok(new Set(waits.map((wait) => wait % 100)).size > 3);
});

test("the page does not give up, and the first wait after a login is short again", async () => {
  world.unreachable = true;
  await world.server.disconnects();
  await world.clock.advance(24 * 3600_000);
  world.unreachable = false;
  await (await world.reconnects()).acceptsLogin();
  await world.server.disconnects();
  await world.clock.advance(1300);
  assert.ok(world.server.isOpen);
});

test("a woken page connects at once", async () => {
  world.unreachable = true;
  await world.server.disconnects();
  await world.clock.advance(120_000);
  world.unreachable = false;
  link.wake();
  await settled();
  await world.server.acceptsLogin();
  assert.equal(link.state, State.LIVE);
});

test("why connecting failed is reported when it is new, not at each attempt", async () => {
  world.unreachable = true;
  await world.server.disconnects();
  await world.clock.advance(60_000);
  assert.equal(world.failures.length, 1);
});

// Ends.

for (const why of ["stopping", "late", "trouble", "wrong-password"]) {
  test(`after the end "${why}" the page connects again`, async () => {
    await world.server.acceptsLogin();
    await world.server.sends({ type: "end", why, text: "Wait." });
    await world.server.disconnects();
    await (await world.reconnects()).acceptsLogin();
    assert.deepEqual([world.failures, world.ends], [["Wait"], []]);
  });
}

for (const why of ["put-off", "password", "everywhere", "replaced", "bad-json", "new", null, 1, []]) {
  test(`the end ${JSON.stringify(why)} is final, and reported once`, async () => {
    await world.server.acceptsLogin();
    await world.server.sends({ type: "end", why, text: "You were kicked off." });
    await world.server.sends({ type: "end", why, text: "Really." });
    await world.server.disconnects();
    await world.clock.advance(60_000);
    assert.deepEqual(world.ends, ["You were kicked off."]);
    assert.equal(world.connections.length, 1);
    assert.ok(!world.states.includes(State.WAITING));
  });
}

test("after a goodbye no reason is reported; another start connects again", async () => {
  await world.server.acceptsLogin();
  await world.server.sends({ type: "end", why: "bye", text: "Bye." });
  assert.deepEqual(world.ends, [""]);
  await world.starts();
  await world.server.acceptsLogin();
  assert.equal(link.state, State.LIVE);
});

test("stopping closes the connection in every state, and leaves nothing behind", async () => {
  for (const when of ["connecting", "asked", "hello", "live", "waiting"]) {
    world = new World();
    world.hanging = when === "connecting";
    world.person = when === "asked" ? new Promise(() => {}) : null;
    await world.starts();
    if (when === "live") await world.server.acceptsLogin();
    if (when === "waiting") await world.server.disconnects();
    world.link.stop();
    await world.clock.advance(60_000);
    assert.equal(world.attempts.length, 1, when);
    assert.ok(!world.server.isOpen);
    assert.equal(world.clock.pending, 0, when);
    assert.deepEqual(world.ends, []);
  }
});

// Silence.

test("a ping after each 20 s of silence", async () => {
  await world.server.acceptsLogin();
  for (let i = 0; i < 2; i += 1) {
    await world.clock.advance(PING_AFTER - 6000);
    assert.deepEqual(world.server.receives(), []);
    await world.clock.advance(11_000);
    assert.deepEqual(world.server.receives(), [{ id: 0 }]);
    await world.server.sends({ re: 0, ok: true });
  }
  assert.equal(link.waiting.length, 0);
});

test("a dead connection is replaced, and the requests are repeated", async () => {
  await world.server.acceptsLogin();
  world.ask("one");
  const dead = world.server;
  await world.clock.advance(PING_AFTER + MAX_PING - 1000);
  assert.ok(dead.isOpen);
  await world.clock.advance(8000);
  assert.ok(!dead.isOpen);
  const server = world.server === dead ? await world.reconnects() : world.server;
  await dead.sends(message(9, "late"));
  await server.acceptsHello();
  assert.deepEqual(linesOf(server.receives()), ["one"]);
  assert.deepEqual(world.texts, []);
});

test("a hidden page, whose timers the browser delays, does not lose its connection", async () => {
  await world.server.acceptsLogin();
  const { clock } = world;
  for (let minute = 0; minute < 5; minute += 1) {
    clock.time += 60_000; // without a timer
    await clock.advance(0);
    for (const each of world.server.receives()) await world.server.sends({ re: each.id, ok: true });
  }
  assert.equal(world.connections.length, 1);
});

test("a server that does not answer, or whose connection does not open, is tried again", async () => {
  await world.clock.advance(60_000);
  assert.ok(world.connections.length > 1);
  world = new World();
  world.hanging = true;
  await world.starts();
  await world.clock.advance(60_000);
  assert.ok(world.connections.length > 1);
});

// Requests.

test("ids and keys: no two requests have the same key", async () => {
  await world.server.acceptsLogin();
  world.ask("one", "two");
  link.query({ group: "tea", line: "/history 100" });
  const requests = world.server.receives();
  assert.equal(new Set(requests.map((each) => each.key)).size, 3);
  assert.ok(requests.every((each) => /^[ -~]{1,64}$/.test(each.key)));
  assert.deepEqual(requests.map((each) => each.id), [1, 2, 3]);
  assert.equal(link.waiting.length, 2);
});

test("requests wait for the login, and are sent in order", async () => {
  world.ask("one");
  assert.equal(world.server.receives().length, 1);
  await world.server.accepts({});
  world.ask("two");
  assert.deepEqual(linesOf(world.server.receives()), ["one", "two"]);
  await world.server.disconnects();
  world.ask("three");
  const server = await world.reconnects();
  assert.equal(server.receives()[0].hello, 1);
  await server.acceptsHello();
  assert.deepEqual(linesOf(server.receives()), ["one", "two", "three"]);
  assert.equal(link.waiting.length, 3);
});

test("unanswered requests are repeated as they were; answered ones are not", async () => {
  await world.server.acceptsLogin();
  world.ask("one", "two", "three", "four");
  const first = world.server.receives();
  await world.server.answers(first[1]);
  for (let i = 0; i < 3; i += 1) {
    await world.server.disconnects();
    const server = await world.reconnects();
    server.receives();
    await server.acceptsHello();
    assert.deepEqual(server.receives(), [first[0], first[2], first[3]]);
  }
  for (const request of first) await world.server.answers(request);
  assert.deepEqual(world.answers.map(([, answer]) => answer.re), [2, 1, 3, 4]);
  assert.equal(link.waiting.length, 0);
});

test("a second answer, and an answer to no request, are ignored", async () => {
  await world.server.acceptsLogin();
  world.ask("one");
  for (const re of [7, 1, 1, 0, -1, true, "1", 1.5, null, [1], { a: 1 }]) {
    await world.server.sends({ re, ok: true });
  }
  assert.equal(world.answers.length, 1);
  assert.ok(world.server.isOpen);
});

test("a request of the page's own gets its answer, also after a loss", async () => {
  await world.server.acceptsLogin();
  const answer = link.query({ group: "tea", line: "/history 100" });
  await world.server.disconnects();
  const server = await world.reconnects();
  await server.acceptsLogin();
  await server.answers(server.receives()[0], { type: "history" });
  assert.equal((await answer).type, "history");
});

test("requests that are made at the login are sent before those that waited", async () => {
  world = new World();
  world.atLogin = () => void world.link.query({ line: "/join tea" });
  world.ask("waiting");
  await world.starts();
  world.server.receives();
  await world.server.acceptsHello();
  assert.deepEqual(linesOf(world.server.receives()), ["/join tea", "waiting"]);
});

test("a request that was not sent can be taken back", async () => {
  const request = link.ask({ group: "tea", line: "oops" });
  assert.ok(link.takeBack(request));
  await world.server.acceptsLogin();
  assert.deepEqual(linesOf(world.server.receives()), []);
  world.ask("said");
  assert.ok(!link.takeBack(link.waiting[0]));
});

test("at most 1,000 lines wait", () => {
  for (let i = 0; i < MAX_WAITING; i += 1) assert.ok(link.ask({ line: `${i}` }));
  assert.equal(link.ask({ line: "one more" }), null);
});

// A reload.

test("what was typed offline is sent once after a reload, with the same keys", async () => {
  await world.server.acceptsLogin();
  world.ask("one");
  await world.server.disconnects();
  world.ask("two", "three");
  const [first] = world.connections[0].receives();
  const reloaded = await new World(world.storage).starts();
  assert.deepEqual(reloaded.link.waiting.map((each) => each.fields.line), ["one", "two", "three"]);
  await reloaded.server.acceptsLogin();
  const again = reloaded.server.receives();
  assert.deepEqual(again[0], first);
  assert.deepEqual(linesOf(again), ["one", "two", "three"]);
  for (const each of again) await reloaded.server.answers(each);
  assert.equal(world.storage.items.size, 0);
  reloaded.ask("four");
  const [fourth] = reloaded.server.receives();
  assert.ok(again.every((each) => each.id !== fourth.id && each.key !== fourth.key));
});

test("a secret is not stored, nor are the page's own requests", () => {
  link.ask({ line: "/password", answers: ["hush"] }, null, true);
  link.query({ line: "/history" });
  assert.equal(world.storage.items.size, 0);
});

test("what another person has typed is not sent", async () => {
  await world.server.acceptsLogin();
  world.server.receives();
  await world.server.disconnects();
  world.ask("alice's");
  const reloaded = await new World(world.storage).starts();
  reloaded.server.receives();
  await reloaded.server.accepts({ name: "bob" });
  assert.deepEqual(reloaded.server.receives(), []);
  assert.equal(world.storage.items.size, 0);
});

test("a storage that is unreadable or full changes nothing", async () => {
  for (const text of ["nonsense", "null", "1", "{}", '{"requests": [null, {"fields": 1}]}']) {
    const storage = new FakeStorage();
    storage.items.set("pyconchat-waiting", text);
    storage.setItem = () => { throw new Error("full"); };
    if (text.includes("null,")) continue;
    const other = await new World(storage).starts();
    other.ask("one");
    await other.server.acceptsLogin();
    assert.deepEqual(linesOf(other.server.receives()), ["one"]);
  }
});

// Guests.

async function guest() {
  world.registered = false;
  world.server.hello = { registered: false };
  await world.server.acceptsLogin();
  assert.ok(link.guest);
}

test("a guest does not resume: their conversations end with the connection", async () => {
  await guest();
  await world.server.sends(message(9, "before"));
  await world.server.disconnects();
  const server = await world.reconnects();
  assert.deepEqual(server.receives()[0].since, {});
  await server.acceptsHello(message(1, "after"));
  assert.deepEqual(world.texts, ["before", "after"]);
});

test("unconfirmed requests of a guest are reported and not sent again", async () => {
  await guest();
  world.ask("one", "two");
  const own = link.query({ group: "tea", line: "/members" });
  await world.server.answers(world.server.receives()[0]);
  await world.server.disconnects();
  world.ask("four");
  const server = await world.reconnects();
  await server.acceptsLogin();
  assert.deepEqual(world.lost, ["two"]);
  assert.deepEqual(linesOf(server.receives()), ["four"]);
  assert.equal(link.waiting.length, 1);
  assert.equal((await own).code, UNCONFIRMED);
});

test("unconfirmed requests are reported once, also after two losses", async () => {
  await guest();
  world.ask("one");
  await world.server.disconnects();
  world.ask("two");
  await (await world.reconnects()).disconnects();
  assert.deepEqual(world.lost, []);
  await (await world.reconnects()).acceptsLogin();
  assert.deepEqual(world.lost, ["one"]);
  assert.deepEqual(linesOf(world.server.receives()), ["two"]);
});

test("after a reload, a guest's sent lines are reported and the others are sent", async () => {
  await guest();
  world.ask("one");
  await world.server.disconnects();
  world.ask("two");
  const reloaded = new World(world.storage);
  reloaded.registered = false;
  await reloaded.starts();
  await reloaded.server.acceptsLogin();
  assert.deepEqual(reloaded.lost, ["one"]);
  assert.deepEqual(linesOf(reloaded.server.receives()), ["two"]);
});

test("the requests of a guest who has registered are repeated", async () => {
  await guest();
  link.ask({ line: "/password" }, null, true);
  await world.server.answers(world.server.receives()[0], { type: "password", text: "Done." });
  world.ask("one");
  const request = world.server.receives()[0];
  await world.server.disconnects();
  world.registered = true;
  const server = await world.reconnects();
  server.receives();
  await server.acceptsHello();
  assert.deepEqual(world.lost, []);
  assert.deepEqual(server.receives(), [request]);
});

// Resuming.

test("since: the last number of each conversation", async () => {
  await world.server.acceptsLogin(message(3, "a"), message(9, "b", "coffee"));
  await world.server.sends(
    message(4, "c"), privateMessage(2, "d"), privateMessage(1, "e", "Carol"),
    { type: "joined", group: "coffee", seq: 12, name: "bob", via: "open" },
    { type: "server-kicked", group: null, seq: 77, name: "bob", by: "root" },
    { type: "presence", name: "bob", online: false },
    { type: "read", group: "tea", seq: 99 },
  );
  await world.server.disconnects();
  const [hello] = (await world.reconnects()).receives();
  assert.deepEqual(hello.since, { tea: 4, coffee: 12, "@bob": 2, "@Carol": 1 });
});

test("repeated entries are dropped, and gaps in the numbers are not missed", async () => {
  await world.server.acceptsLogin();
  await world.server.sends(message(1, "one"), message(17, "two"), privateMessage(1, "private"));
  await world.server.disconnects();
  await (await world.reconnects()).acceptsLogin(
    message(1, "one"), message(17, "two"), message(18, "three"),
    privateMessage(1, "private"), privateMessage(2, "more"),
  );
  assert.deepEqual(world.texts, ["one", "two", "private", "three", "more"]);
});

test("an event with an invalid number is received, and its number ignored", async () => {
  await world.server.acceptsLogin();
  for (const seq of [null, true, "7", 1.5, [1], {}]) {
    await world.server.sends({ ...message(1, "x"), seq });
  }
  assert.equal(world.texts.length, 6);
  await world.server.disconnects();
  assert.deepEqual((await world.reconnects()).receives()[0].since, {});
});

test("a group that was created again starts at 1", async () => {
  await world.server.acceptsLogin(message(50, "old"));
  await world.server.sends({ type: "created", group: "tea", seq: 1 }, message(2, "new"));
  assert.deepEqual(world.texts, ["old", "new"]);
  await world.server.disconnects();
  const server = await world.reconnects();
  server.receives();
  await server.accepts({ groups: [{ group: "tea", head: 1 }] });
  await server.sends(message(1, "newer"));
  assert.deepEqual(world.texts, ["old", "new", "newer"]);
});

test("a partner who is another guest starts at 1", async () => {
  await world.server.acceptsLogin(privateMessage(1, "hello"), privateMessage(2, "bye"));
  await world.server.sends(privateMessage(1, "back", "bob", "2026-11-21T10:00:00.000Z"));
  assert.deepEqual(world.texts, ["hello", "bye", "back"]);
});

test("the hello is bounded: the newest conversations are in it", () => {
  const cursors = new Cursors();
  for (let i = 0; i < 5000; i += 1) cursors.isNew(privateMessage(7, "hi", `partner${i}`));
  const since = cursors.forHello();
  assert.ok(JSON.stringify(since).length < 9000);
  assert.equal(since["@partner4999"], 7);
  assert.ok(!("@partner0" in since));
});

// A connection that is lost at any point.

const STORY = [
  { hello: 1, ok: true, name: "alice", registered: true, groups: [] },
  message(4, "missed in tea"),
  privateMessage(7, "missed from bob"),
  LIVE,
  message(5, "in tea"),
  { re: 1, ok: true, seq: 5 },
  message(2, "in coffee", "coffee"),
  privateMessage(8, "from bob"),
  { re: 2, ok: true },
  message(6, "more in tea"),
];

test("a connection lost after any object: each entry comes once, each request is answered once", async () => {
  const entries = STORY.filter((each) => "seq" in each && "type" in each);
  for (let sent = 0; sent <= STORY.length; sent += 1) {
    for (const framing of ["one frame", "frames"]) {
      const each = new World();
      each.ask("one", "two");
      await each.starts();
      const frames = STORY.slice(0, sent).map((object) => JSON.stringify(object));
      if (framing === "frames") frames.forEach((line) => each.server.frame(`${line}\n`));
      else each.server.frame(frames.join("\n"));
      const before = new Map(each.server.receives().map((request) => [request.id, request]));
      await each.server.disconnects();
      const server = await each.reconnects();
      const { since } = server.receives()[0];
      const missed = entries.filter((e) => e.seq > (since[e.group ?? `@${e.with}`] ?? 0));
      await server.acceptsHello(...missed);
      const again = server.receives();
      for (const request of again) await server.answers(request);
      assert.deepEqual(each.texts, entries.map((e) => e.text), `${framing}, ${sent}`);
      assert.deepEqual(each.answers.map(([, answer]) => answer.re).sort(), [1, 2]);
      assert.ok(again.every((r) => !before.has(r.id) || before.get(r.id).key === r.key));
      assert.equal(each.link.waiting.length, 0);
    }
  }
});

test("a frame that is not JSON ends the connection, and the page reconnects", async () => {
  for (const frame of ["nonsense", "[1]", "null", "3", '{"a": 1']) {
    const each = await new World().starts();
    await each.server.acceptsLogin();
    each.server.frame(frame);
    assert.ok(!each.server.isOpen);
    await (await each.reconnects()).acceptsLogin();
    assert.equal(each.link.state, State.LIVE);
  }
});

test("an error while one object is handled does not end the connection", async (context) => {
  context.mock.method(console, "error", () => {});
  await world.server.acceptsLogin();
  world.events.push = () => { throw new Error("a fault of the page"); };
  await world.server.sends(message(1, "x"));
  delete world.events.push;
  await world.server.sends(message(2, "y"));
  assert.deepEqual(world.texts, ["y"]);
});
