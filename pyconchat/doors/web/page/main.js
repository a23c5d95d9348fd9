// The page: the login, the list of places, the panel, dialogs, keys, speech and notifications.
import { Chat } from "./chat.js";
import { makeComposer } from "./composer.js";
import { Files } from "./files.js";
import { GaveUp, Link, State, TryAgain, fold } from "./link.js";
import { button, decisions, el, fill, makeLog, span, spoken, withLinks } from "./log.js";
import { answerLines, counted, dateTime, inBytes } from "./words.js";

const $ = (id) => document.getElementById(id);

const SPEECH_INTERVAL = 1000; // milliseconds between two announcements
// Codes of refusals after which the same hello may be accepted later, and the wait until then.
const LATER = { busy: 3000, "too-many": 20_000, "not-saved": 5000, trouble: 5000, unknown: 5000, taken: 1000 };

const KEYS = [
  ["Enter", "send"],
  ["Shift-Enter", "a new line"],
  ["Tab", "take the suggestion"],
  ["↑ in an empty field", "what you sent before"],
  ["Alt-1 … Alt-9", "the group with that number"],
  ["Alt-↑, Alt-↓", "the place above or below"],
  ["Ctrl-K", "find a group or person"],
  ["Esc", "to the newest message"],
  ["↑, ↓ in the log", "from message to message; → for its actions"],
  ["?", "these keys, outside a field"],
];

// What is kept in this browser: where the person was, and what they have seen.
const store = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`pyconchat ${name}`));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`pyconchat ${name}`, JSON.stringify(value));
    } catch {
      // No room, or not allowed: it is not remembered.
    }
  },
};

const clock = {
  now: () => performance.now(),
  setTimeout: setTimeout.bind(window),
  clearTimeout: clearTimeout.bind(window),
};

function openSocket(handlers) {
  const socket = new WebSocket("ws");
  socket.onopen = () => handlers.opened();
  socket.onmessage = (event) => handlers.received(event.data);
  socket.onclose = () => handlers.closed();
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => socket.close(),
  };
}

// Logging in. The session is a cookie that scripts cannot read; a guest has only a name.

const makeSession = (fields) => fetch("session", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(fields),
});

class Login {
  #name = "";
  #guest = false;
  #wasAccepted = false;
  #chosen = null; // called when the form was sent

  constructor() {
    $("loginform").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(false);
    });
    $("register").addEventListener("click", () => this.#submit(true));
    $("guest").addEventListener("click", () => this.#enter(this.#typed, true));
    $("name").addEventListener("input", () => this.#newcomer(false));
  }

  /** Resolves when there is the session of a cookie, or the name of a guest. */
  async begin() {
    const guest = sessionStorage.getItem("pyconchat-guest");
    this.#guest = this.#wasAccepted = Boolean(guest);
    this.#name = guest || (await fetch("session").then((each) => each.json()).catch(() => ({}))).name || "";
    if (!this.#name) await this.#form("");
  }

  async hello(refused) {
    if (refused !== null) {
      await this.#refused(refused);
      throw new TryAgain("", -1); // the session belongs to the connection
    }
    return { name: this.#name, guest: this.#guest, ...(this.#wasAccepted && this.#guest ? { replace: true } : {}) };
  }

  accepted(hello) {
    this.#wasAccepted = true;
    this.#name = hello.name;
    sessionStorage.setItem("pyconchat-guest", hello.registered ? "" : hello.name);
    store.set("name", hello.name);
    this.#shows(false);
  }

  async logOut() {
    await fetch("session", { method: "DELETE" }).catch(() => {});
    sessionStorage.clear();
    location.reload();
  }

  /** After a new password the old session has ended: trade the one-use *ticket* for the new one. */
  passwordChanged({ ticket }) {
    this.#guest = false;
    const lost = () => listener.failed("the new session could not be stored; log in again");
    if (ticket) makeSession({ ticket }).catch(lost);
  }

  async #refused({ code, error }) {
    if (code in LATER && (code !== "taken" || this.#wasAccepted)) throw new TryAgain(error, LATER[code]);
    if (code === "banned") throw new GaveUp(error);
    const expired = code === "bad-token" || (code === "password-needed" && !this.#guest);
    await this.#form(expired ? "Please log in again." : error);
  }

  #form(problem) {
    this.#shows(true);
    $("loginproblem").textContent = problem;
    const name = $("name");
    name.value ||= this.#name || store.get("name") || "";
    (name.value ? $("password") : name).focus();
    return new Promise((chosen) => {
      this.#chosen = chosen;
    });
  }

  get #typed() {
    return $("name").value.trim();
  }

  async #submit(register) {
    const name = this.#typed;
    const password = $("password").value;
    if (!password) {
      this.#enter(name, true);
      return;
    }
    let answer = { error: "The server cannot be reached." };
    try {
      answer = await makeSession({ name, password, register }).then((each) => each.json());
    } catch {
      // The answer says so.
    }
    if (answer.code === "new-name") {
      this.#newcomer(true);
      $("loginproblem").textContent = `${name} is new here. Is it spelled as you meant?`;
      $("register").focus();
    } else if (answer.error) {
      $("loginproblem").textContent = answer.error;
    } else {
      this.#enter(answer.name, false);
    }
  }

  #enter(name, guest) {
    if (!name) return;
    [this.#name, this.#guest] = [name, guest];
    $("password").value = "";
    $("loginproblem").textContent = "";
    this.#newcomer(false);
    this.#chosen?.();
  }

  #newcomer(isNew) {
    $("newcomer").hidden = !isNew;
    $("enter").hidden = isNew;
  }

  #shows(isForm) {
    $("login").hidden = !isForm;
    $("app").hidden = isForm;
  }
}

// What is said aloud: at most one sentence a second, then how many there were.

const speech = {
  waiting: [],
  timer: null,
  say(sentence) {
    this.waiting.push(sentence);
    if (this.timer === null) this.next();
  },
  next() {
    const { length } = this.waiting;
    if (length) $("speech").textContent = length === 1 ? this.waiting[0] : counted(length, "new message");
    this.waiting = [];
    this.timer = length ? setTimeout(() => this.next(), SPEECH_INTERVAL) : null;
  },
};

// The chat, and what it tells.

const login = new Login();
let begun = false;
let panel = ""; // what it shows
let problem = "";
let before = null; // the place before this one

const listener = {
  stateChanged(state) {
    chat.stateChanged(state);
    if (state === State.LIVE) problem = "";
    drawStatus();
  },
  loggedIn(hello) {
    chat.loggedIn(hello);
    if (begun) return;
    begun = true;
    chat.begin(...address());
    composer.focus();
  },
  received: (event) => chat.received(event),
  answered: (request, answer) => chat.answered(request, answer),
  unconfirmed(requests) {
    for (const each of requests) {
      const text = each.info?.text ?? "";
      chat.notice(chat.placeFor(each), [`This may not have arrived: ${text}`], "error", { again: text });
    }
  },
  failed(reason) {
    problem = reason;
    drawStatus();
  },
  ended: (reason) => listener.failed(reason || "You have left."),
};

const view = {
  get visible() {
    return document.visibilityState === "visible";
  },
  get busy() {
    return $("field").value !== "" || document.querySelector("dialog[open]") !== null;
  },
  changed(place) {
    log.changed(place);
    soon(drawStatus);
    if (place === chat.current) soon(drawHead);
  },
  listed: () => soon(drawPlaces),
  opened(place, seq) {
    if (place !== before) {
      composer.moved(before ?? place, place);
      if (before) chat.drop(before);
      before = place;
      closePanel();
      showSide(false);
    }
    const hash = `${hashOf(place)}${seq ? `/${seq}` : ""}`;
    if ((location.hash || "#") !== hash) history.pushState(null, "", hash);
    log.show(place, seq);
    drawHead();
    drawPlaces();
    drawStatus();
  },
  said(place, entry, sentence, direct = false) {
    const here = place === chat.current;
    if (!here && !direct) return;
    const where = here || place.kind === "private" ? "" : ` in ${place.name}`;
    const text = entry && !sentence ? `${entry.from}${where}: ${entry.text}` : sentence;
    speech.say(text);
    if (entry && direct && !this.visible && notifies()) {
      const shown = new Notification(`${entry.from}${where}`, { body: entry.text ?? sentence, tag: place.key });
      shown.onclick = () => {
        window.focus();
        chat.open(place, entry.seq);
      };
    }
  },
  ask,
  took(place, answer) {
    if (answer.ok !== true) return false;
    if (answer.type === "password") login.passwordChanged(answer);
    else if (answer.type === "download") files.save(answer);
    else if (answer.type === "upload") pickFiles();
    else if (answer.type === "matches") showMatches(place, answer);
    return ["download", "upload", "matches"].includes(answer.type);
  },
};

const link = new Link({ open: openSocket, login, listener, clock, storage: sessionStorage });
const chat = new Chat(link, view, store, clock);
const files = new Files(chat, drawUploads);
const share = (chosen) => files.share(chat.current, [...chosen]);
const pickFiles = () => $("files").click();
const composer = makeComposer(chat, { share, pickFiles, sent: () => $("toend").hidden || goToEnd() });
const log = makeLog($("log"), chat, {
  run: (place, line) => chat.type(place, line),
  reply: (entry) => composer.reply(entry),
  edit: (entry) => composer.edit(entry),
  again: (text) => composer.put(text),
  copy,
  fetch: (place, number) => files.fetch(place, number),
  cancel(request) {
    if (link.takeBack(request)) composer.put(request.info.text);
    view.changed(chat.current);
  },
  scrolled(isAtEnd) {
    $("toend").hidden = isAtEnd;
  },
});

/** Return the key and the entry of the address: ``#tea/1043``. */
function address() {
  const [key, seq] = location.hash.slice(1).split("/");
  try {
    return [decodeURIComponent(key), Number(seq) || 0];
  } catch {
    return ["", 0];
  }
}

/** Draw once before the next frame, however often it is asked for; a hidden page has no frames. */
const due = new Set();
function soon(draw) {
  if (!due.size) {
    const all = () => {
      const draws = [...due];
      due.clear();
      for (const each of draws) each();
    };
    if (document.hidden) setTimeout(all, 200);
    else requestAnimationFrame(all);
  }
  due.add(draw);
}

// The list of places, the head of the current one, and how it stands.

const titleOf = (place) => place.name || "Front desk";
const hashOf = (place) => `#${encodeURIComponent(place.key)}`;
const actsIn = (place) => place.moderates || chat.operator;

function drawPlaces() {
  for (const [id, places] of [["desk", [chat.desk]], ["groups", chat.groups.values()], ["talks", chat.privates.values()]]) {
    const links = () => [...$(id).querySelectorAll("a")];
    const focused = links().indexOf(document.activeElement);
    fill($(id), [...places].map((place) => el("li", {}, placeLink(place))));
    if (focused >= 0) links()[focused]?.focus();
  }
  $("me").textContent = `${chat.me}${chat.registered ? "" : " (guest)"}`;
  const name = chat.current.name && `${chat.current.name} – `;
  document.title = `${chat.unread ? `(${chat.unread}) ` : ""}${name}PyconChat`;
}

function placeLink(place) {
  const { unread, mentions, kind } = place;
  return el("a", {
    href: hashOf(place),
    class: `${unread ? "unread" : ""} ${place.muted ? "muted" : ""}`,
    "aria-current": place === chat.current ? "page" : null,
  },
  el("span", { class: "mark", "aria-hidden": true }, { desk: "⌂", group: place.number || "#", private: "@" }[kind]),
  span("name", titleOf(place)),
  unread > 0 && span(mentions || kind === "private" ? "badge direct" : "badge",
    unread > 999 ? "999+" : unread, spoken(mentions ? ` unread, ${counted(mentions, "mention")}` : " unread")));
}

function drawHead() {
  const place = chat.current;
  const isGroup = place.kind === "group";
  const members = place.people;
  const about = {
    desk: "Every line here is a command: join tea, who, help.",
    private: place.online === false ? "Private · offline" : "Private",
  };
  $("title").textContent = titleOf(place);
  fill($("topic"), withLinks(about[place.kind] ?? place.topic));
  const online = members.filter((each) => each.online).length;
  const asking = place.asking.size && actsIn(place) ? `, ${place.asking.size} asking` : "";
  $("showpeople").textContent = members.length ? `People ${online}/${members.length}${asking}` : "People";
  $("leave").textContent = place.member ? "Leave" : "Join";
  for (const id of ["showpeople", "leave"]) $(id).hidden = !isGroup;
  for (const id of ["showfiles", "showsearch", "attach"]) $(id).hidden = place.kind === "desk";
  composer.draw(place);
  if (panel === "people") drawPeople();
}

function drawStatus() {
  const waiting = link.waiting.filter((each) => !each.arrived).length;
  const isOver = link.state === State.ENDED;
  let text = "";
  if (begun && isOver) text = problem;
  else if (begun && link.state !== State.LIVE) text = `Offline${problem && `: ${problem}`}. Trying again.`;
  if (text && waiting) text += ` ${counted(waiting, "line")} waiting`;
  const status = $("status");
  if (text === status.dataset.drawn) return;
  status.dataset.drawn = text;
  fill(status, text, text && isOver && [
    " ", button("Connect again", () => link.start()), " ", button("Log in", () => login.logOut()),
  ]);
}

function drawUploads() {
  fill($("uploads"), files.uploads.map((upload) => {
    const { name, size } = upload.file;
    return el("li", {}, span("", upload.words),
      el("progress", { max: size || 1, value: upload.sent, label: name }),
      button("Cancel", () => files.cancel(upload), { label: `Cancel ${name}` }));
  }));
}

// The panel beside the log: people, files, search.

const PANELS = { people: showPeople, files: showFiles, search: showSearch };

const item = (name, note, ...more) => el("li", {}, span("name", name), span("note", note), more);

function openPanel(what, title) {
  panel = what;
  $("paneltitle").textContent = title;
  $("searchform").hidden = what !== "search";
  $("panelbody").replaceChildren();
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
  if (chat.current.members === null) chat.askMembers(chat.current);
  drawPeople();
}

function drawPeople() {
  const place = chat.current;
  const asking = actsIn(place) ? [...place.asking.values()] : [];
  const rank = (each) => (each.online ? 0 : 4) + (each.admin ? 0 : each.moderator ? 1 : 2);
  const members = place.people.sort((a, b) => rank(a) - rank(b) || (fold(a.name) < fold(b.name) ? -1 : 1));
  fill($("panelbody"),
    asking.length > 0 && [
      el("h3", {}, "Asking to join"),
      el("ul", {}, asking.map(({ name, note }) =>
        item(name, note && `“${note}”`, decisions(name, (line) => chat.type(place, line))))),
    ],
    el("ul", {}, members.map((each) => {
      const { name } = each;
      const notes = ["admin", "moderator", "guest", "quiet"].filter((word) => each[word]);
      if (typeof each.away === "string") notes.push("away");
      return el("li", { class: each.online ? "on" : "off" },
        el("span", { class: "dot", "aria-hidden": true }), spoken(each.online ? "online: " : "offline: "),
        chat.isMe(name) ? span("name", `${name} (you)`)
          : button(name, () => chat.talkTo(name), { class: "name", title: `Write to ${name}` }),
        span("note", notes.join(", ")));
    })));
}

async function showFiles() {
  const place = chat.current;
  openPanel("files", "Files");
  const answer = await link.query({ ...place.fields, line: "/files" });
  if (panel !== "files" || place !== chat.current) return;
  const remove = (number) => {
    chat.type(place, `/remove ${number}`);
    showFiles();
  };
  const shared = (answer.files ?? []).map(({ name, size, by, at, number }) =>
    item(name, `${inBytes(size)}, ${by}, ${dateTime(at)}`,
      button("Download", () => files.fetch(place, number), { label: `Download ${name}` }),
      (chat.isMe(by) || place.moderates) && button("Remove", () => remove(number), { label: `Remove ${name}` })));
  fill($("panelbody"),
    button("Share files", pickFiles, { class: "primary" }),
    shared.length ? el("ul", {}, shared) : el("p", {}, answerLines(answer).join(" ")));
}

function showSearch() {
  openPanel("search", `Search ${chat.current.name}`);
  $("words").focus();
}

async function search(place, line) {
  const answer = await link.query({ ...place.fields, line });
  if (panel === "search" && place === chat.current) showMatches(place, answer);
}

function showMatches(place, answer) {
  if (panel !== "search") showSearch();
  const target = chat.find(answer.with ? `@${answer.with}` : String(answer.group));
  const hits = (answer.entries ?? []).reverse().map(({ seq, from, text, at }) =>
    el("li", {}, button([el("b", {}, from), el("span", { class: "text", dir: "auto" }, " ", text), el("time", {}, dateTime(at))],
      () => target && chat.open(target, seq), { class: "hit" })));
  let found = `Nothing found for ${answer.words}`;
  if (answer.ok !== true) found = answerLines(answer).join(" ");
  else if (hits.length) found = `${answer.more ? "More than " : ""}${counted(hits.length, "hit")} for ${answer.words}`;
  fill($("panelbody"),
    el("p", { role: "status" }, found),
    el("ul", {}, hits),
    answer.next && button("Older", () => search(place, answer.next)));
}

// Dialogs.

function ask(question, secret) {
  const dialog = $("question");
  const answer = $("answer");
  $("questiontext").textContent = question.trim();
  answer.type = secret ? "password" : "text";
  answer.autocomplete = secret ? "new-password" : "off";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      done(dialog.returnValue === "ok" ? answer.value : null);
      answer.value = "";
    }, { once: true });
  });
}

function sheet(title, ...nodes) {
  $("sheettitle").textContent = title;
  fill($("sheetbody"), nodes);
  if (!$("sheet").open) $("sheet").showModal();
}

function showKeys() {
  sheet("Keys", el("dl", {}, KEYS.map(([key, does]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, does)])));
}

/** A field for a name, which *enter* takes, *more* beside it, and the *rows* for the answer to *line*. */
async function showNames(title, label, verb, enter, more, line, rows) {
  const name = el("input", { label, placeholder: "A name", maxlength: 64, required: true });
  const list = el("ul", { class: "directory" });
  const onsubmit = (event) => {
    event.preventDefault();
    if (name.value.trim()) enter(name.value.trim());
  };
  sheet(title, el("form", { class: "row", onsubmit }, name, el("button", { class: "primary" }, verb), more(name)), list);
  fill(list, rows(await link.query({ line })));
}

const leaveSheet = (act) => {
  $("sheet").close();
  act();
};

function joinButton(group, run) {
  const verb = chat.find(group)?.member ? "Open" : "Join";
  return button(verb, () => run(`/join ${group}`), { label: `${verb} ${group}` });
}

function showGroups() {
  const policies = { approval: "I approve who joins", open: "everybody can join", invite: "only people whom I invite", password: "with a password" };
  const policy = el("select", { label: "Who can join" }, Object.entries(policies).map(([value, text]) => el("option", { value }, text)));
  const run = (line) => leaveSheet(() => chat.type(chat.desk, line));
  const create = (name) => button("Create", () => name.reportValidity() && run(`/create ${name.value.trim()} ${policy.value}`));
  showNames("Join or create a group", "Name or number of a group", "Join", (name) => run(`/join ${name}`),
    (name) => [policy, create(name)], "/groups", ({ groups = [] }) => groups.map((each) =>
      item(`${each.number} ${each.group}`, `${each.policy}, ${counted(each.members, "member")}, ${each.online} online. ${each.topic}`,
        joinButton(each.group, run))));
}

function showPeopleOnline() {
  const write = (name) => leaveSheet(() => chat.talkTo(name));
  showNames("Write to a person", "Name of a person", "Write", write, () => [], "/who", ({ people = [] }) =>
    people.filter(({ name }) => !chat.isMe(name)).map(({ name, guest }) =>
      item(name, guest && "guest", button("Write", () => write(name), { label: `Write to ${name}` }))));
}

function showFinder() {
  $("findwords").value = "";
  drawFound();
  $("finder").showModal();
}

function drawFound() {
  const words = fold($("findwords").value.replace(/^[#@]/, ""));
  const found = chat.places.filter((each) => fold(titleOf(each)).includes(words));
  found.sort((a, b) => (b.unread > 0) - (a.unread > 0));
  fill($("found"), found.slice(0, 12).map((place) => el("li", {},
    button(place.key || titleOf(place), () => {
      $("finder").close();
      go(place);
    }))));
}

async function showOtherWays() {
  const ways = await fetch("connect").then((answer) => answer.json()).catch(() => ({}));
  const lines = Object.values(ways).filter((each) => typeof each === "string");
  sheet("Connect otherwise", lines.map((line) =>
    el("p", { class: "row" }, el("code", {}, withLinks(line)), button("Copy", () => copy(line), { label: `Copy ${line}` }))));
}

async function copy(text) {
  await navigator.clipboard?.writeText(text);
  speech.say("Copied.");
}

const notifies = () => store.get("notify") === true && window.Notification?.permission === "granted";

function drawNotify() {
  $("notify").textContent = notifies() ? "Do not notify me" : "Notify me of mentions";
}

function showSide(on) {
  $("app").classList.toggle("side", on);
  $("menu").setAttribute("aria-expanded", on);
  if (on) $("places").querySelector("[aria-current]").focus();
}

// Keys, and what belongs to no other part.

function go(place) {
  if (!place) return;
  chat.open(place);
  composer.focus();
}

function goToEnd() {
  chat.toEnd(chat.current);
  log.toEnd();
}

document.addEventListener("keydown", (event) => {
  if ($("app").hidden || document.querySelector("dialog[open]")) return;
  const { key, altKey, ctrlKey, metaKey } = event;
  if (altKey && /^[1-9]$/.test(key)) {
    go(chat.numbered(Number(key)));
  } else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) {
    const { places } = chat;
    const step = key === "ArrowUp" ? places.length - 1 : 1;
    go(places[(places.indexOf(chat.current) + step) % places.length]);
  } else if ((ctrlKey || metaKey) && key.toLowerCase() === "k") {
    showFinder();
  } else if (key === "Escape" && $("panel").contains(event.target)) {
    closePanel();
  } else if (key === "Escape") {
    showSide(false);
    goToEnd();
    composer.focus();
  } else if (key === "?" && !event.target.closest("input, textarea, select")) {
    showKeys();
  } else {
    return;
  }
  event.preventDefault();
});

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
    const state = notifies() ? "on" : wanted ? "not allowed by the browser" : "off";
    speech.say(`Notifications are ${state}.`);
  },
  menu: () => showSide(true),
  closeside() {
    showSide(false);
    $("menu").focus();
  },
  closepanel: closePanel,
  closesheet: () => $("sheet").close(),
  cancelquestion: () => $("question").close(""),
  leave: () => chat.type(chat.desk, `/${chat.current.member ? "leave" : "join"} ${chat.current.name}`),
  toend: goToEnd,
  attach: pickFiles,
};
for (const [what, show] of Object.entries(PANELS)) {
  CLICKS[`show${what}`] = () => (panel === what ? closePanel() : show());
}
for (const [id, call] of Object.entries(CLICKS)) $(id).addEventListener("click", () => call());

const on = (id, event, call) => $(id).addEventListener(event, call);
on("findwords", "input", drawFound);
on("finder", "submit", (event) => {
  event.preventDefault();
  $("found").querySelector("button")?.click();
});
on("finder", "keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const stops = [...$("finder").querySelectorAll("input, button")];
  stops[stops.indexOf(event.target) + step]?.focus();
  event.preventDefault();
});
on("searchform", "submit", (event) => {
  event.preventDefault();
  const words = $("words").value.trim();
  if (words) search(chat.current, `/search ${words}`);
});
on("files", "change", () => {
  share($("files").files);
  $("files").value = "";
});
on("room", "dragover", (event) => event.preventDefault());
on("room", "drop", (event) => {
  event.preventDefault();
  share(event.dataTransfer.files);
});

window.addEventListener("hashchange", () => {
  const [key, seq] = address();
  const place = chat.find(key);
  if (place) chat.open(place, seq);
  else if (begun) chat.offer(key);
});
window.addEventListener("online", () => link.wake());
document.addEventListener("visibilitychange", () => {
  if (!view.visible) return;
  link.wake();
  chat.seen();
});
window.addEventListener("beforeunload", (event) => {
  if (files.uploads.length) event.preventDefault();
});

drawNotify();
login.begin().then(() => link.start());
