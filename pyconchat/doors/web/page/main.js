// The page: the login, the places, the panel, dialogs, keys, speech and notifications.
import * as chat from "./chat.js";
import * as composer from "./composer.js";
import * as files from "./files.js";
import { GaveUp, State, TryAgain, attempt, fold, makeLink } from "./link.js";
import * as log from "./log.js";
import { answerLines, counted, dateTime, inBytes } from "./words.js";

const { $, button, decisions, el, fill, nameIn, spoken, withLinks } = log;

const SPEECH_INTERVAL = 1000; // milliseconds between two announcements
const SLOW = 30; // milliseconds of drawing, after which it is done less often
const PRESSES = { pointerdown: 1000, pointerup: 0, pointercancel: 0 }; // milliseconds without drawing
// Milliseconds after which the hello may be accepted, by the code of the refusal.
const LATER = { busy: 3000, "too-many": 20_000, "not-saved": 5000, trouble: 5000, unknown: 5000, taken: 1000 };

const KEYS = {
  Enter: "send",
  "Shift-Enter": "a new line",
  Tab: "take the suggestion",
  "↑ in an empty field": "what you sent before",
  "Alt-1 … Alt-9": "the group with that number",
  "Alt-↑, Alt-↓": "the place above or below",
  "Ctrl-K": "find a group or person",
  Esc: "to the newest message",
  "↑, ↓ in the log": "from message to message; → for its actions",
  "?": "these keys, outside a field",
};

const hasDialog = () => document.querySelector("dialog[open]");
const on = (id, event, call) => $(id).addEventListener(event, call);
/** Return a listener that calls *call* with the button of a form. */
const sending = (call) => (event) => {
  event.preventDefault();
  call(event.submitter);
};

const store = {
  get: (name) => attempt(() => JSON.parse(localStorage.getItem(`pyconchat ${name}`))),
  set: (name, value) => attempt(() => localStorage.setItem(`pyconchat ${name}`, JSON.stringify(value))),
};

const open = ({ opened, received, closed }) => Object.assign(new WebSocket("ws"), {
  onopen: opened,
  onmessage: ({ data }) => received(data),
  onclose: closed,
});

const ask = (url, options) => fetch(url, options).then((answer) => answer.json()).catch(() => ({}));
const askSession = (fields) => ask("session", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(fields),
});

// The session is a cookie that scripts cannot read; a guest has only a name.
const login = {
  name: "",
  guest: false,
  wasAccepted: false,
  chosen: null, // called with the form

  async begin() {
    const session = ask("session"); // which the browser has fetched already
    this.name = sessionStorage.getItem("pyconchat-guest");
    this.guest = this.wasAccepted = Boolean(this.name);
    this.name ||= (await session).name;
    if (!this.name) await this.form("");
  },

  async hello(refused) {
    const { name, guest, wasAccepted } = this;
    if (refused === null) return { name, guest, replace: guest && wasAccepted };
    const { code, error } = refused;
    if (code in LATER && (code !== "taken" || wasAccepted)) throw new TryAgain(error, LATER[code]);
    if (code === "banned") throw new GaveUp(error);
    const expired = code === "bad-token" || (code === "password-needed" && !guest);
    await this.form(expired ? "Please log in again." : error);
    throw new TryAgain("", -1); // the session belongs to the connection
  },

  accepted({ name, registered }) {
    this.wasAccepted = true;
    this.name = name;
    sessionStorage.setItem("pyconchat-guest", registered ? "" : name);
    store.set("name", name);
    this.show(false);
  },

  async logOut() {
    await fetch("session", { method: "DELETE" }).catch(() => {});
    sessionStorage.clear();
    location.reload();
  },

  /** A new password has ended the session: trade the *ticket* for a new one. */
  async passwordChanged({ ticket }) {
    this.guest = false;
    if (!ticket || (await askSession({ ticket })).name) return;
    chat.failed("the new session could not be stored; log in again");
  },

  form(problem) {
    this.show(true);
    this.refuse(problem);
    $("name").value ||= this.name || store.get("name") || "";
    $($("name").value ? "password" : "name").focus();
    return new Promise((chosen) => {
      this.chosen = chosen;
    });
  },

  async sent(button) {
    const name = $("name").value.trim();
    const password = $("password").value;
    if (button === $("guest") || !password) {
      this.enter(name, true);
      return;
    }
    const answer = await askSession({ name, password, register: button === $("register") });
    const isNew = answer.code === "new-name";
    this.showNewcomer(isNew);
    if (isNew) {
      this.refuse(`${name} is new here. Is it spelled as you meant?`);
      $("register").focus();
    } else if (answer.name) {
      this.enter(answer.name, false);
    } else {
      this.refuse(answer.error ?? "The server cannot be reached.");
    }
  },

  enter(name, guest) {
    Object.assign(this, { name, guest });
    $("password").value = "";
    this.refuse("");
    this.showNewcomer(false);
    this.chosen?.();
  },

  refuse(problem) {
    $("loginproblem").textContent = problem;
  },

  showNewcomer(isNew) {
    $("newcomer").hidden = !isNew;
    $("enter").hidden = isNew;
  },

  show(isForm) {
    $("login").hidden = !isForm;
    $("app").hidden = isForm;
  },
};

// What is said aloud: at most one sentence a second, then how many there were.
let unsaid = [];
let isSpeaking = false;
function say(...sentences) {
  unsaid.push(...sentences);
  const { length } = unsaid;
  if (isSpeaking || !length) return;
  $("speech").textContent = length === 1 ? unsaid[0] : counted(length, "new message");
  unsaid = [];
  isSpeaking = true;
  setTimeout(() => {
    isSpeaking = false;
    say();
  }, SPEECH_INTERVAL);
}

/**
 * Draw once before the next frame (a hidden page has none), for a third of the time at most. An element
 * that is replaced while it is pressed gets no click.
 */
const due = new Set();
let nextDraw = 0;
let pressedUntil = 0;
function soon(...draws) {
  if (!due.size) {
    const wait = document.hidden ? 200 : nextDraw - performance.now();
    if (wait < 16) requestAnimationFrame(drawDue);
    else setTimeout(drawDue, wait);
  }
  for (const each of draws) due.add(each);
}

function drawDue() {
  const begun = performance.now();
  if (begun < pressedUntil) {
    setTimeout(drawDue, SLOW);
    return;
  }
  const draws = [...due];
  due.clear();
  for (const each of draws) each();
  const ended = performance.now();
  nextDraw = ended - begun < SLOW ? 0 : ended + 2 * (ended - begun);
}

let panel = ""; // what it shows
let before = null; // the place before this one

const view = {
  get visible() {
    return !document.hidden;
  },
  get busy() {
    return $("field").value || hasDialog();
  },
  get reads() {
    return !log.isAtEnd;
  },
  /** As in ``#tea/1043``. */
  get address() {
    const [key, seq] = location.hash.slice(1).split("/");
    return [attempt(() => decodeURIComponent(key)) ?? "", Number(seq) || 0];
  },
  changed(place) {
    soon(drawRest);
    if (place === chat.current) soon(log.draw); // the last: it needs the layout
  },
  opened(place, seq) {
    if (place !== before) {
      composer.moved(before ?? place, place);
      if (before) chat.drop(before);
      else composer.focus();
      before = place;
      closePanel();
      showSide(false);
    }
    const hash = place.hash(seq);
    if ((location.hash || "#") !== hash) history.pushState(null, "", hash);
    log.show(place, seq);
    drawRest();
  },
  said(place, entry, sentence, direct = false) {
    const here = place === chat.current;
    if (!here && !direct) return;
    const where = here || place.kind === "private" ? "" : ` in ${place.name}`;
    say(sentence || `${entry.from}${where}: ${entry.text}`);
    if (entry && direct && !this.visible && notifies()) {
      const shown = new Notification(`${entry.from}${where}`, { body: entry.text ?? sentence, tag: place.key });
      shown.onclick = () => {
        focus();
        chat.open(place, entry.seq);
      };
    }
  },
  ask: askPerson,
  took(place, answer) {
    const { type } = answer;
    if (type === "password") login.passwordChanged(answer);
    const shows = {
      download: () => files.save(answer),
      upload: files.pick,
      matches: () => showMatches(place, answer),
    }[type];
    shows?.();
    return shows !== undefined;
  },
};

const link = makeLink({ open, login, listener: chat, clock: window, storage: sessionStorage });
chat.init({ link, view, store });
const run = (line) => chat.send(chat.current, line);
Object.assign(log.act, composer, {
  copy,
  fetch: files.fetch,
  cancel(request) {
    if (link.takeBack(request)) composer.put(request.info.text);
    view.changed(chat.current);
  },
  scrolled(isAtEnd) {
    $("toend").hidden = isAtEnd;
  },
});

function drawRest() {
  drawPlaces();
  drawHead();
  drawStatus();
  drawUploads();
}

const titleOf = (place) => place.name || "Front desk";

function drawPlaces() {
  const { desk, groups, privates } = chat;
  for (const [id, places] of Object.entries({ desk: [desk], groups: groups.values(), talks: privates.values() })) {
    const links = () => [...$(id).querySelectorAll("a")];
    const focused = links().indexOf(document.activeElement);
    fill($(id), [...places].map((place) => el("li", placeLink(place))));
    links()[focused]?.focus();
  }
  $("me").textContent = `${chat.me}${chat.registered ? "" : " (guest)"}`;
  const name = chat.current.name && `${chat.current.name} – `;
  document.title = `${chat.unread() ? `(${chat.unread()}) ` : ""}${name}PyconChat`;
}

function placeLink(place) {
  const { unread, mentions, kind, muted } = place;
  const mark = { desk: "⌂", group: place.number || "#", private: "@" }[kind];
  const current = place === chat.current ? "page" : null;
  return el(`a.${unread ? "unread" : ""}.${muted ? "muted" : ""}`, { href: place.hash(), "aria-current": current },
    el("span.mark", { "aria-hidden": true }, mark),
    el("span.name.line", titleOf(place)),
    unread > 0 && el(`span.badge.${mentions || kind === "private" ? "direct" : ""}`,
      unread > 999 ? "999+" : unread, spoken(mentions ? ` unread, ${counted(mentions, "mention")}` : " unread")));
}

function drawHead() {
  const place = chat.current;
  const { kind, people, asking, member, topic } = place;
  const about = {
    desk: "Every line here is a command: join tea, who, help.",
    group: topic,
    private: place.online === false ? "Private · offline" : "Private",
  }[kind];
  $("title").textContent = titleOf(place);
  fill($("topic"), withLinks(about));
  const online = people.filter((each) => each.online).length;
  const who = asking.size && chat.moderates(place) ? `, ${asking.size} asking` : "";
  $("showpeople").textContent = people.length ? `People ${online}/${people.length}${who}` : "People";
  $("leave").textContent = member ? "Leave" : "Join";
  for (const id of ["showpeople", "leave"]) $(id).hidden = kind !== "group";
  for (const id of ["showfiles", "showsearch", "attach"]) $(id).hidden = kind === "desk";
  composer.draw(place);
  if (panel === "people") drawPeople();
}

let status = "";
function drawStatus() {
  const { begun, problem } = chat;
  const waiting = link.waiting.filter((each) => !each.arrived).length;
  const isOver = link.state === State.ENDED;
  let text = "";
  if (begun && isOver) text = problem;
  else if (begun && link.state !== State.LIVE) text = `Offline${problem && `: ${problem}`}. Trying again.`;
  if (text && waiting) text += ` ${counted(waiting, "line")} waiting`;
  if (text === status) return; // which would be said again
  status = text;
  fill($("status"), text, text && isOver && [
    " ", button("Connect again", () => link.start()), " ", button("Log in", () => login.logOut()),
  ]);
}

function drawUploads() {
  fill($("uploads"), files.uploads.map((upload) => {
    const { sent, xhr, file: { name, size } } = upload;
    const done = xhr ? `${Math.floor((100 * sent) / (size || 1))} % of ${inBytes(size)}` : "waiting";
    return el("li.row", `${name}: ${done}`, el("progress", { max: size || 1, value: sent, label: name }),
      nameIn("Cancel", name, () => files.cancel(upload)));
  }));
}

const PANELS = { people: showPeople, files: showFiles, search: showSearch };

const item = (name, note, ...more) => el("li", el("span.name", name), el("span.note.soft", note), more);

function openPanel(what, title) {
  panel = what;
  $("paneltitle").textContent = title;
  $("searchform").hidden = what !== "search";
  fill($("panelbody"));
  $("panel").hidden = !what;
  for (const each in PANELS) $(`show${each}`).setAttribute("aria-expanded", each === what);
}

function closePanel() {
  if (!panel) return;
  if ($("panel").contains(document.activeElement)) $(`show${panel}`).focus();
  openPanel("", "");
}

function showPeople() {
  openPanel("people", "People");
  chat.askMembers(chat.current);
  drawPeople();
}

function drawPeople() {
  const place = chat.current;
  const asking = chat.moderates(place) ? [...place.asking.values()] : [];
  const rank = (each) => (each.online ? 0 : 4) + (each.admin ? 0 : each.moderator ? 1 : 2);
  const members = place.people.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  fill($("panelbody"),
    asking.length > 0 && [
      el("h3.soft", "Asking to join"),
      el("ul", asking.map(({ name, note }) => item(name, note && `“${note}”`, decisions(name, run)))),
    ],
    el("ul", members.map((each) => {
      const { name, online, away } = each;
      const notes = ["admin", "moderator", "guest", "quiet"].filter((word) => each[word]);
      if (typeof away === "string") notes.push("away");
      return el(`li.${online ? "on" : "off"}`,
        el("span.dot", { "aria-hidden": true }), spoken(online ? "online: " : "offline: "),
        chat.isMe(name) ? `${name} (you)`
          : button(name, () => chat.talkTo(name), { class: "plain", title: `Write to ${name}` }),
        el("span.soft", notes.join(", ")));
    })));
}

async function showFiles() {
  const place = chat.current;
  openPanel("files", "Files");
  const answer = await chat.ask(place, "/files");
  if (panel !== "files" || place !== chat.current) return;
  const remove = (number) => {
    run(`/remove ${number}`);
    showFiles();
  };
  const shared = (answer.files ?? []).map(({ name, size, by, at, number }) =>
    item(name, `${inBytes(size)}, ${by}, ${dateTime(at)}`,
      nameIn("Download", name, () => files.fetch(place, number)),
      (chat.isMe(by) || chat.moderates(place)) && nameIn("Remove", name, () => remove(number))));
  fill($("panelbody"),
    button("Share files", files.pick, { class: "primary" }),
    shared.length ? el("ul", shared) : el("p", answerLines(answer).join(" ")));
}

function showSearch() {
  openPanel("search", `Search ${chat.current.name}`);
  $("words").focus();
}

async function search(place, line) {
  const answer = await chat.ask(place, line);
  if (panel === "search" && place === chat.current) showMatches(place, answer);
}

function showMatches(place, answer) {
  if (panel !== "search") showSearch();
  const { ok, entries = [], words, more, next, group } = answer;
  const target = chat.find(answer.with ? `@${answer.with}` : group ?? "");
  const hits = entries.reverse().map(({ seq, from, text, at }) =>
    el("li", button([el("b", from), el("span.text", { dir: "auto" }, " ", text), el("time.soft", dateTime(at))],
      () => target && chat.open(target, seq), { class: "hit wide" })));
  let found = `Nothing found for ${words}`;
  if (ok !== true) found = answerLines(answer).join(" ");
  else if (hits.length) found = `${more ? "More than " : ""}${counted(hits.length, "hit")} for ${words}`;
  fill($("panelbody"),
    el("p", { role: "status" }, found),
    el("ul", hits),
    next && button("Older", () => search(place, next)));
}

function askPerson(question, secret) {
  const dialog = $("question");
  const answer = $("answer");
  $("questiontext").textContent = question.trim();
  answer.type = secret ? "password" : "text";
  answer.autocomplete = secret ? "new-password" : "off";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => {
      done(dialog.returnValue && answer.value);
      answer.value = "";
    };
  });
}

function sheet(title, ...nodes) {
  $("sheettitle").textContent = title;
  fill($("sheetbody"), nodes);
  $("sheet").showModal();
}

function showKeys() {
  sheet("Keys", el("dl", Object.entries(KEYS).map(([key, does]) => [el("dt", el("kbd", key)), el("dd", does)])));
}

const leaving = (act) => (...about) => {
  $("sheet").close();
  act(...about);
};

/** A field that filters the *rows*, for *act*, with *more* beside it. */
async function choose(title, label, act, more, rows) {
  const list = el("ul.directory");
  const filter = () => {
    const wanted = fold(name.value.replace(/^[#@]/, ""));
    for (const each of list.children) each.hidden = !fold(each.textContent).includes(wanted);
  };
  const required = more.length ? "" : null;
  const name = el("input", { label, required, maxlength: 64, autofocus: "", oninput: filter });
  const onsubmit = sending((button) => act(name.value.trim(), button));
  sheet(title, el("form.row", { onsubmit }, name, more), list);
  fill(list, await rows);
  filter();
}

function showGroups() {
  const policies = { approval: "I approve who joins", open: "everybody can join", invite: "only people whom I invite", password: "with a password" };
  const policy = el("select", { label: "Who can join" }, Object.entries(policies).map(([value, text]) => el("option", { value }, text)));
  const enter = leaving((name, button) => run(button?.value ? `/create ${name} ${policy.value}` : `/join ${name}`));
  const buttons = [el("button.primary", "Join"), policy, el("button", { value: "create" }, "Create")];
  const rows = ({ groups = [] }) => groups.map(({ group, number, policy, members, online, topic }) =>
    item(`${number} ${group}`, `${policy}, ${counted(members, "member")}, ${online} online. ${topic}`,
      nameIn(chat.find(group)?.member ? "Open" : "Join", group, () => enter(group))));
  choose("Join or create a group", "Name or number of a group", enter, buttons, chat.ask(chat.desk, "/groups").then(rows));
}

function showPeopleOnline() {
  const write = leaving((name) => chat.talkTo(name));
  const rows = ({ people = [] }) => people.filter(({ name }) => !chat.isMe(name)).map(({ name, guest }) =>
    item(name, guest && "guest", nameIn("Write to", name, () => write(name))));
  choose("Write to a person", "Name of a person", write, [el("button.primary", "Write")], chat.ask(chat.desk, "/who").then(rows));
}

function showFinder() {
  const places = chat.places().sort((a, b) => (b.unread > 0) - (a.unread > 0));
  const first = () => $("sheetbody").querySelector("li:not([hidden]) button")?.click();
  choose("Find a group or person", "Name", first, [], places.map((place) =>
    el("li", button(place.key || titleOf(place), leaving(() => go(place)), { class: "plain wide" }))));
}

async function showOtherWays() {
  const ways = Object.values(await ask("connect"));
  sheet("Connect otherwise", ways.map((line) =>
    el("p.row", el("code", withLinks(line)), nameIn("Copy", line, () => copy(line)))));
}

async function copy(text) {
  await navigator.clipboard?.writeText(text);
  say("Copied.");
}

const notifies = () => store.get("notify") && window.Notification?.permission === "granted";

function drawNotify() {
  $("notify").textContent = notifies() ? "Do not notify me" : "Notify me of mentions";
}

function showSide(isShown) {
  $("app").classList.toggle("side", isShown);
  $("menu").setAttribute("aria-expanded", isShown);
  if (isShown) $("places").querySelector("[aria-current]").focus();
}

function go(place) {
  if (!place) return;
  chat.open(place);
  composer.focus();
}

function goToEnd() {
  chat.toEnd(chat.current);
  log.toEnd();
}

document.onkeydown = (event) => {
  if ($("app").hidden || hasDialog()) return;
  const { key, altKey, ctrlKey, metaKey, target } = event;
  const step = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (altKey && /^[1-9]$/.test(key)) {
    go(chat.find(key));
  } else if (altKey && step) {
    const places = chat.places();
    go(places.at((places.indexOf(chat.current) + step) % places.length));
  } else if ((ctrlKey || metaKey) && key.toLowerCase() === "k") {
    showFinder();
  } else if (key === "Escape" && $("panel").contains(target)) {
    closePanel();
  } else if (key === "Escape") {
    showSide(false);
    goToEnd();
    composer.focus();
  } else if (key === "?" && !target.closest("input, textarea, select")) {
    showKeys();
  } else {
    return;
  }
  event.preventDefault();
};

const CLICKS = {
  find: showFinder,
  addgroup: showGroups,
  addtalk: showPeopleOnline,
  showkeys: showKeys,
  connectother: showOtherWays,
  logout: () => login.logOut(),
  async notify() {
    const wanted = !notifies();
    store.set("notify", wanted);
    if (wanted) await window.Notification?.requestPermission();
    drawNotify();
    say(`Notifications are ${notifies() ? "on" : wanted ? "not allowed by the browser" : "off"}.`);
  },
  menu: () => showSide(true),
  closeside() {
    showSide(false);
    $("menu").focus();
  },
  closepanel: closePanel,
  cancelquestion: () => $("question").close(""),
  leave: () => chat.send(chat.desk, `/${chat.current.member ? "leave" : "join"} ${chat.current.name}`),
  toend: goToEnd,
  attach: files.pick,
};
for (const [what, show] of Object.entries(PANELS)) {
  CLICKS[`show${what}`] = () => (panel === what ? closePanel() : show());
}
for (const [id, call] of Object.entries(CLICKS)) on(id, "click", () => call());
for (const each of document.querySelectorAll("button[aria-label]")) each.title = each.ariaLabel;

on("loginform", "submit", sending((button) => login.sent(button)));
on("name", "input", () => login.showNewcomer(false));
on("sheet", "keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const stops = [...$("sheetbody").querySelectorAll("input, li:not([hidden]) button")];
  const to = stops.includes(event.target) && stops[stops.indexOf(event.target) + step];
  if (!to) return;
  to.focus();
  event.preventDefault();
});
on("searchform", "submit", sending(() => search(chat.current, `/search ${$("words").value}`)));
on("files", "change", () => {
  files.share(chat.current, $("files").files);
  $("files").value = "";
});
on("room", "dragover", (event) => event.preventDefault());
on("room", "drop", (event) => {
  event.preventDefault();
  files.share(chat.current, event.dataTransfer.files);
});

addEventListener("hashchange", () => {
  const [key, seq] = view.address;
  const place = chat.find(key);
  if (place) chat.open(place, seq);
  else if (chat.begun) chat.offer(key, seq);
});
for (const [event, wait] of Object.entries(PRESSES)) {
  addEventListener(event, () => {
    pressedUntil = performance.now() + wait;
  });
}
addEventListener("online", () => link.wake());
document.onvisibilitychange = () => {
  if (!view.visible) return;
  link.wake();
  chat.seen();
};
addEventListener("beforeunload", (event) => {
  if (files.uploads.length) event.preventDefault();
});

drawNotify();
login.begin().then(() => link.start());
