// chat.js: what is new, what is shown of a log, and what is typed, without a browser or a server.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const PAGE = "../../pyconchat/doors/web/page/";
const AT = "2026-11-21T09:30:00.000Z";

let chat;
let world;
let number = 0;

/** A link whose server has *history*, and what the page was told. */
class World {
  state = "live";
  guest = false;
  visible = true;
  busy = false;
  address = ["", 0];
  waiting = [];
  queries = [];
  said = [];
  stored = new Map();
  history = new Map(); // by group
  answers = { "/members": { members: [{ name: "alice", admin: true, online: true }] }, "/requests": { requests: [] } };
  get = (name) => this.stored.get(name) ?? null;
  set = (name, value) => this.stored.set(name, value);

  async query(fields) {
    this.queries.push(fields);
    const { group, line = "" } = fields;
    const history = /^\/history (\d+)(?: before (\d+))?$/.exec(line);
    if (history) {
      const all = (this.history.get(group) ?? []).filter((each) => each.seq < Number(history[2] ?? Infinity));
      const entries = all.slice(-Number(history[1]));
      return { ok: true, entries, more: all.length - entries.length };
    }
    return { ok: true, group, ...this.answers[line] };
  }

  ask(fields, info, secret) {
    const request = { fields, info, secret, sentOn: {} };
    this.waiting.push(request);
    return request;
  }
}

const settled = () => new Promise((done) => setTimeout(done, 5));
const message = (seq, text, more = {}) => ({ type: "message", group: "tea", seq, at: AT, from: "bob", text, ...more });
const group = (more = {}) => ({ group: "tea", number: 1, role: "member", muted: false, topic: "", unread: 0, mentions: 0, head: 0, ...more });

/** Log in, and open the only group. */
async function logsIn(...groups) {
  const settings = { joins: true };
  const hello = { name: "alice", registered: true, operator: false, line_bytes: 4096, settings, more: 0 };
  const commands = [
    { name: "join", also: ["1"], arguments: [{ kind: "group" }], menu: "1" },
    { name: "password", arguments: [{ secret: true }], menu: "" },
  ];
  chat.stateChanged("catching-up");
  chat.loggedIn({ ...hello, commands, groups });
  if (groups.length === 1) chat.open(chat.find(groups[0].group));
  await settled();
}

async function isLive() {
  chat.stateChanged("live");
  chat.received({ type: "live" });
  await settled();
}

beforeEach(async () => {
  world = new World();

  world.said = [];
  const said = world.said;
  const view = {
    changed() {}, opened() {}, took: () => false, ask: async () => world.typed,
    said: (place, entry, sentence) => said.push(sentence || entry.text),
    get visible() { return world.visible; },
    get busy() { return world.busy; },
    get reads() { return world.reads; },
    get address() { return world.address; },
  };
  chat = await import(`${PAGE}chat.js?${(number += 1)}`); // each test has a new page
  chat.init({ link: world, view, store: world });
});

const tea = () => chat.find("tea");
const texts = () => tea().log.entries.map((each) => each.text);

test("what the place has that is opened is fetched and seen", async () => {
  world.history.set("tea", [message(1, "a"), message(2, "b")]);
  await logsIn(group({ head: 2, unread: 1 }));
  await isLive();
  assert.deepEqual(texts(), ["a", "b"]);
  assert.equal(tea().unread, 0);
  assert.ok(world.queries.some((each) => each.group === "tea" && each.read === 2));
});

test("what is missed is counted exactly, and an exact count replaces the server's", async () => {
  await logsIn(group({ head: 12, unread: 4, mentions: 1 }), group({ group: "cups", number: 2 }));
  assert.equal(chat.current, chat.desk);
  assert.deepEqual([tea().unread, tea().mentions], [4, 1]);
  chat.received({ type: "joined", group: "tea", seq: 10, at: AT, name: "eve" });
  for (const seq of [11, 12]) chat.received(message(seq, "x", { mentions: seq === 12 ? ["alice"] : [] }));
  assert.deepEqual([tea().unread, tea().mentions, chat.unread()], [3, 1, 3]);
  await isLive();
  chat.received(message(13, "y"));
  assert.equal(tea().unread, 4);
  chat.received({ type: "read", group: "tea", seq: 12 });
  assert.deepEqual([tea().unread, tea().mentions], [1, 0]);
  chat.open(tea());
  assert.equal(chat.unread(), 0);
});

test("after a gap, the older ones are counted as the server has them", async () => {
  await logsIn(group({ head: 900, unread: 500, mentions: 3 }), group({ group: "cups", number: 2 }));
  chat.received({ type: "missed", group: "tea", older: 300, mentions: 2 });
  chat.received(message(900, "x", { mentions: ["alice"] }));
  assert.deepEqual([tea().unread, tea().mentions], [500, 3]);
});

test("a hidden page sees nothing, and has a line before what came meanwhile", async () => {
  await logsIn(group());
  await isLive();
  world.visible = false;
  chat.received(message(1, "a"));
  chat.received(message(2, "b"));
  assert.deepEqual([tea().unread, tea().newAfter], [2, 0]);
  world.visible = true;
  chat.seen();
  assert.equal(tea().unread, 0);
});

test("a jump into the log: what comes meanwhile is not shown, until one reads on to it", async () => {
  const all = Array.from({ length: 400 }, (_, index) => message(index + 1, `line ${index + 1}`));
  world.history.set("tea", all);
  await logsIn(group({ head: 400 }));
  await isLive();
  assert.equal(texts().length, 100);
  chat.open(tea(), 200);
  await settled();
  assert.ok(texts().includes("line 200"));
  assert.ok(!tea().log.isTail);
  all.push(message(401, "new"));
  chat.received(all.at(-1));
  assert.ok(!texts().includes("new"));
  for (let i = 0; i < 5 && !tea().log.isTail; i += 1) await chat.newer(tea());
  assert.equal(texts().at(-1), "new");
  assert.equal(new Set(texts()).size, texts().length);
  await chat.older(tea());
  await settled();
  assert.equal(texts()[0], "line 50");
  assert.equal(tea().unread, 0);
});

test("a long log keeps the newest messages, and what somebody reads further up", async () => {
  const all = Array.from({ length: 900 }, (_, index) => message(index + 1, `line ${index + 1}`));
  world.history.set("tea", all.slice(0, 400));
  await logsIn(group({ head: 400 }));
  await isLive();
  for (const each of all.slice(400)) chat.received(each);
  assert.equal(texts().at(-1), "line 900");
  assert.ok(texts().length <= 300);
  world.history.set("tea", all);
  for (let i = 0; i < 5; i += 1) await chat.older(tea());
  assert.ok(texts().length <= 300);
  assert.ok(!texts().includes("line 900"));
  assert.ok(!tea().log.isTail);
  for (let i = 0; i < 9 && !tea().log.isTail; i += 1) await chat.newer(tea());
  assert.equal(texts().at(-1), "line 900");
  assert.ok(texts().length <= 300);
  world.reads = true;
  const first = texts()[0];
  for (let seq = 901; seq <= 1100; seq += 1) chat.received(message(seq, "new"));
  assert.equal(texts()[0], first);
  assert.ok(texts().length <= 300);
});

test("from a jump, the end is one step away", async () => {
  world.history.set("tea", Array.from({ length: 400 }, (_, index) => message(index + 1, `line ${index + 1}`)));
  await logsIn(group({ head: 400 }));
  chat.open(tea(), 20);
  await settled();
  chat.toEnd(tea());
  await settled();
  assert.equal(texts().at(-1), "line 400");
  assert.equal(texts().length, 100);
});

test("edits and removals change the entries, and what quotes them", async () => {
  await logsIn(group());
  await isLive();
  chat.received(message(1, "frist"));
  chat.received(message(2, "yes", { reply_to: 1, quote: { from: "bob", text: "frist" } }));
  chat.received({ type: "edit", group: "tea", seq: 3, at: AT, about: 1, by: "bob", text: "first" });
  assert.deepEqual([texts()[0], tea().log.entries[1].quote.text], ["first", "first"]);
  chat.received({ type: "unsay", group: "tea", seq: 4, at: AT, about: 1, by: "bob" });
  assert.equal(tea().log.entries[0].type, "unsaid");
});

test("a line is kept from the storage if it may have a password", async () => {
  assert.ok(chat.mayHaveSecret(chat.desk, "anything"), "the commands are not known yet");
  await logsIn(group());
  assert.ok(chat.mayHaveSecret(tea(), "/password hush"));
  assert.ok(!chat.mayHaveSecret(tea(), "password hush"));
  assert.ok(chat.mayHaveSecret(chat.desk, "password hush"));
  assert.ok(!chat.mayHaveSecret(tea(), "/password"));
  assert.equal(chat.commandIn("1 tea", chat.desk).command.name, "join");
  assert.equal(chat.commandIn("1 tea", tea()).command, null);
});

test("one's own message replaces the waiting one before it is answered", async () => {
  await logsIn(group());
  await isLive();
  for (const [typed, text] of [["hi", "hi"], ["//x", "/x"], ["/me waves", "waves"]]) {
    chat.send(tea(), typed);
    const [request] = chat.waiting(tea());
    chat.received(message(tea().head + 1, text, { from: "alice" }));
    assert.ok(request.arrived, typed);
    world.waiting = [];
  }
  assert.equal(tea().unread, 0);
});

test("a refused message can be edited again; an answer shows what was asked, but no password", async () => {
  await logsIn(group());
  chat.answered(chat.link.ask({}, { place: "tea", text: "hi" }), { ok: false, error: "No." });
  chat.answered(chat.link.ask({}, { place: "tea", text: "/password hush" }), { ok: true, lines: ["Done."] });
  const [refused, done] = tea().notices;
  assert.deepEqual([refused.lines, refused.again], [["Not sent: No."], "hi"]);
  assert.deepEqual([done.lines, done.asked], [["Done."], "/password …"]);
});

test("a question is asked, and its answer never stored", async () => {
  await logsIn(group());
  world.typed = "hush";
  const request = chat.link.ask({ id: 1, key: "k", line: "/password" }, { place: "tea", text: "/password" });
  chat.answered(request, { ok: false, code: "missing-argument", ask: "Password:", secret: true });
  await settled();
  const again = world.waiting.at(-1);
  assert.deepEqual([again.fields, again.secret], [{ line: "/password", answers: ["hush"] }, true]);
});

test("a group that the person has left stays while it is shown", async () => {
  await logsIn(group());
  await isLive();
  chat.received({ type: "kicked", group: "tea", seq: 1, at: AT, name: "alice", by: "bob" });
  assert.ok(!tea().member);
  const left = tea();
  chat.open(chat.desk);
  chat.drop(left);
  assert.equal(tea(), undefined);
});

test("groups that a new login does not have any more are gone, once all have come", async () => {
  await logsIn(group(), group({ group: "cups", number: 2 }), group({ group: "pots", number: 3 }));
  chat.loggedIn({ ...group(), name: "alice", settings: { joins: true }, commands: [], groups: [group()], more: 1 });
  assert.equal(chat.groups.size, 3);
  chat.received({ type: "own-groups", groups: [group({ group: "cups", number: 2 })], more: 0 });
  assert.deepEqual([...chat.groups.keys()], ["tea", "cups"]);
});

test("join requests have buttons until they are decided", async () => {
  world.answers["/requests"].requests = [{ name: "eve" }];
  await logsIn(group());
  await isLive();
  chat.received({ type: "requested", group: "tea", seq: 1, at: AT, name: "bob" });
  assert.deepEqual([...tea().asking.keys()], ["eve", "bob"]);
  chat.received({ type: "joined", group: "tea", seq: 2, at: AT, name: "bob" });
  chat.received({ type: "rejected", group: "tea", seq: 3, at: AT, name: "eve", by: "alice" });
  assert.equal(tea().asking.size, 0);
  assert.ok(chat.moderates(tea()));
});

test("sentences leave out the commands for which there are buttons", async () => {
  const { eventSentence } = await import(`${PAGE}words.js`);
  const shared = { type: "shared", seq: 1, number: 2, words: "bob shared a (b).txt (1 byte), number 2 (/get 2 tea)" };
  assert.equal(eventSentence(shared, "alice"), "bob shared a (b).txt (1 byte), number 2");
  shared.words = "bob shared a (/get b (1 byte), number 2 (/query bob, then /get 2)";
  assert.equal(eventSentence(shared, "alice"), "bob shared a (/get b (1 byte), number 2");
  const asks = { type: "requested", seq: 1, name: "bob", group: "tea", words: "bob asks (/approve bob)", note: "" };
  assert.equal(eventSentence(asks, "alice"), "bob asks to join tea.");
});

test("what is live is said, but not what one does oneself", async () => {
  await logsIn(group());
  chat.received(message(1, "missed"));
  await isLive();
  chat.received(message(2, "live"));
  chat.received(message(3, "mine", { from: "alice" }));
  chat.received({ type: "topic", group: "tea", seq: 4, at: AT, by: "bob", topic: "x", words: "bob changed it." });
  assert.deepEqual(world.said, ["live", "bob changed it."]);
});
