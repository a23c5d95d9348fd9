// The page: the login, the list of places, the panel, dialogs, keys, speech and notifications.
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Files } from "./files.js";
import { GaveUp, Link, State, TryAgain, fold } from "./link.js";
import { Log, button, el, withLinks } from "./log.js";
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
  setTimeout: (call, wait) => setTimeout(call, wait),
  clearTimeout: (timer) => clearTimeout(timer),
};

function openSocket(handlers) {
  const url = new URL("ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url);
  socket.onopen = () => handlers.opened();
  socket.onmessage = (event) => handlers.received(event.data);
  socket.onclose = () => handlers.closed();
  return {
    send: (text) => socket.readyState === WebSocket.OPEN && socket.send(text),
    close: () => socket.close(),
  };
}

// Logging in. The session is a cookie that scripts cannot read; a guest has only a name.

class Login {
  #name = "";
  #guest = false;
  #wasAccepted = false;
  #answer = null; // takes the fields of the hello when the form was sent

  constructor() {
    $("loginform").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    $("register").addEventListener("click", () => this.#submit(true));
    $("guest").addEventListener("click", () => this.#enterAsGuest());
    $("name").addEventListener("input", () => this.#newcomer(false));
  }

  /** Resolves when there is a session, or the name of a guest. */
  async begin() {
    await this.#known();
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
    $("login").hidden = true;
    $("app").hidden = false;
  }

  async logOut() {
    await fetch("session", { method: "DELETE" }).catch(() => {});
    sessionStorage.clear();
    location.reload();
  }

  registered() {
    this.#guest = false;
  }

  /** Use the session of the cookie, or the guest of this tab. */
  async #known() {
    const guest = sessionStorage.getItem("pyconchat-guest");
    if (guest) {
      [this.#name, this.#guest, this.#wasAccepted] = [guest, true, true];
      return;
    }
    const answer = await fetch("session").then((each) => (each.ok ? each.json() : {})).catch(() => ({}));
    this.#name = answer.name ?? "";
  }

  async #refused({ code, error }) {
    if (code in LATER && (code !== "taken" || this.#wasAccepted)) throw new TryAgain(error, LATER[code]);
    if (code === "banned") throw new GaveUp(error);
    const expired = code === "bad-token" || (code === "password-needed" && !this.#guest);
    await this.#form(expired ? "Please log in again." : error);
  }

  #form(problem) {
    $("login").hidden = false;
    $("app").hidden = true;
    $("loginproblem").textContent = problem;
    const name = $("name");
    name.value ||= this.#name || store.get("name") || "";
    (name.value ? $("password") : name).focus();
    return new Promise((answer) => {
      this.#answer = answer;
    });
  }

  async #submit(isNew = false) {
    const name = $("name").value.trim();
    const password = $("password").value;
    if (!name) return;
    if (!password) {
      this.#enterAsGuest();
      return;
    }
    let status = 0;
    let answer = { error: "The server cannot be reached." };
    try {
      const response = await fetch("session", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ name, password, register: isNew }),
      });
      status = response.status;
      answer = await response.json();
    } catch {
      // The answer says so.
    }
    if (answer.code === "new-name") {
      this.#newcomer(true);
      $("loginproblem").textContent = `${name} is new here. Is it spelled as you meant?`;
      $("register").focus();
    } else if (status < 200 || status > 299) {
      $("loginproblem").textContent = answer.error ?? "The server refused.";
    } else {
      this.#done(answer.name ?? name, false);
    }
  }

  #enterAsGuest() {
    const name = $("name").value.trim();
    if (name) this.#done(name, true);
  }

  #done(name, guest) {
    [this.#name, this.#guest] = [name, guest];
    $("password").value = "";
    $("loginproblem").textContent = "";
    this.#newcomer(false);
    this.#answer?.();
    this.#answer = null;
  }

  #newcomer(isNew) {
    $("newcomer").hidden = !isNew;
    $("enter").hidden = isNew;
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
    for (const { info } of requests) {
      chat.notice(chat.find(info?.place ?? "") ?? chat.desk, [`This may not have arrived: ${info?.text ?? ""}`], "error", { again: info?.text });
    }
  },
  failed(reason) {
    problem = reason;
    drawStatus();
  },
  ended(reason) {
    problem = reason || "You have left.";
    drawStatus();
  },
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
    const hash = `#${encodeURIComponent(place.key)}${seq ? `/${seq}` : ""}`;
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
    if (entry && direct && !this.visible && store.get("notify") && window.Notification?.permission === "granted") {
      const shown = new Notification(`${entry.from}${where}`, { body: entry.text ?? sentence, tag: place.key });
      shown.onclick = () => {
        window.focus();
        chat.open(place, entry.seq);
      };
    }
  },
  ask: (question, secret) => ask(question, secret),
  took(place, answer, request) {
    if (answer.ok !== true) return false;
    if (answer.type === "download") files.save(answer);
    else if (answer.type === "upload") $("files").click();
    else if (answer.type === "matches") showMatches(place, answer);
    else if (answer.type === "password") return passwordChanged(answer);
    else return false;
    return request !== null;
  },
};

const link = new Link({ open: openSocket, login, listener, clock, storage: sessionStorage });
const chat = new Chat(link, view, store, clock);
const files = new Files(chat, () => drawUploads());
const share = (chosen) => files.share(chat.current, [...chosen]);
const composer = new Composer(chat, share, () => $("files").click());
const log = new Log($("log"), chat, {
  run: (place, line) => chat.type(place, line),
  reply: (entry) => composer.reply(entry),
  edit: (entry) => composer.edit(entry),
  again: (text) => composer.put(text),
  copy: (text) => copy(text),
  fetch: (place, number) => files.fetch(place, number),
  cancel(request) {
    if (link.takeBack(request)) composer.put(request.info.text);
    view.changed(chat.current);
  },
  scrolled: () => ($("toend").hidden = log === undefined || log.atEnd),
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

/** After a new password the old session has ended: trade the one-use ticket for the new one. */
function passwordChanged({ ticket }) {
  login.registered();
  if (ticket) {
    fetch("session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ticket }) })
      .catch(() => listener.failed("the new session could not be stored; log in again"));
  }
  return false;
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

// The list of places.

function drawPlaces() {
  const draw = (list, places) => {
    const nodes = places.map((place) => {
      const here = place === chat.current;
      const name = place.kind === "desk" ? "Front desk" : place.name;
      const news = place.unread
        ? el("span", { class: place.mentions || place.kind === "private" ? "badge direct" : "badge" },
          `${place.unread > 999 ? "999+" : place.unread}`, el("span", { class: "vh", text: place.mentions ? ` unread, ${counted(place.mentions, "mention")}` : " unread" }))
        : null;
      const classes = [place.unread && "unread", place.muted && "muted"].filter(Boolean).join(" ");
      return el("li", {}, el("a", { href: `#${encodeURIComponent(place.key)}`, class: classes, "aria-current": here ? "page" : null },
        el("span", { class: "mark", "aria-hidden": true, text: { desk: "⌂", group: place.number || "#", private: "@" }[place.kind] }),
        el("span", { class: "name", text: name }), news));
    });
    const focused = [...list.querySelectorAll("a")].indexOf(document.activeElement);
    list.replaceChildren(...nodes);
    if (focused >= 0) list.querySelectorAll("a")[focused]?.focus();
  };
  draw($("desk"), [chat.desk]);
  draw($("groups"), [...chat.groups.values()]);
  draw($("talks"), [...chat.privates.values()]);
  $("me").textContent = `${chat.me}${chat.registered ? "" : " (guest)"}`;
  const name = chat.current.kind === "desk" ? "" : `${chat.current.name} – `;
  document.title = `${chat.unread ? `(${chat.unread}) ` : ""}${name}PyconChat`;
}

function drawHead() {
  const place = chat.current;
  const isGroup = place.kind === "group";
  const members = [...(place.members?.values() ?? [])];
  $("title").textContent = place.kind === "desk" ? "Front desk" : place.name;
  const about = { desk: "Every line here is a command: join tea, who, help.", private: place.online === false ? "Private · offline" : "Private" };
  $("topic").replaceChildren(...withLinks(isGroup ? place.topic : about[place.kind]));
  const online = members.filter((each) => each.online).length;
  const asking = place.asking.size && (place.moderates || chat.operator) ? `, ${place.asking.size} asking` : "";
  $("showpeople").textContent = members.length ? `People ${online}/${members.length}${asking}` : "People";
  $("showpeople").hidden = !isGroup;
  $("leave").textContent = place.member ? "Leave" : "Join";
  $("leave").hidden = !isGroup;
  $("showfiles").hidden = $("showsearch").hidden = $("attach").hidden = place.kind === "desk";
  composer.draw(place);
  if (panel === "people") drawPeople();
}

let statusDrawn = "";
function drawStatus() {
  const waiting = link.waiting.filter((each) => !each.arrived).length;
  const lines = waiting ? `${counted(waiting, "line")} waiting` : "";
  let text = "";
  if (link.state === State.ENDED && begun) text = problem;
  else if (link.state === State.LIVE) text = "";
  else if (begun) text = `Offline${problem ? `: ${problem}` : ""}. Trying again.`;
  const all = [text, text && lines].filter(Boolean).join(" ");
  if (all === statusDrawn) return;
  statusDrawn = all;
  $("status").replaceChildren(all);
  if (link.state === State.ENDED && begun) {
    $("status").append(" ", button("Connect again", () => link.start()), " ", button("Log in", () => login.logOut()));
  }
}

function drawUploads() {
  $("uploads").replaceChildren(...files.uploads.map((upload) => el("li", {},
    el("span", { text: upload.words }),
    el("progress", { max: upload.file.size || 1, value: upload.sent, "aria-label": upload.file.name }),
    button("Cancel", () => files.cancel(upload), { "aria-label": `Cancel ${upload.file.name}` }))));
}

// The panel beside the log: people, files, search.

function openPanel(what, title) {
  panel = what;
  $("paneltitle").textContent = title;
  $("searchform").hidden = what !== "search";
  $("panelbody").replaceChildren();
  $("panel").hidden = false;
  for (const each of ["people", "files", "search"]) $(`show${each}`).setAttribute("aria-expanded", each === what);
}

function closePanel() {
  if (!panel) return;
  const had = $("panel").contains(document.activeElement);
  const opener = $(`show${panel}`);
  panel = "";
  $("panel").hidden = true;
  for (const each of ["people", "files", "search"]) $(`show${each}`).setAttribute("aria-expanded", false);
  if (had) opener.focus();
}

const toggle = (what, show) => () => (panel === what ? closePanel() : show());

function showPeople() {
  openPanel("people", "People");
  if (chat.current.members === null) chat.askMembers(chat.current);
  drawPeople();
}

function drawPeople() {
  const place = chat.current;
  const act = (words, line, more) => button(words, () => chat.type(place, line), more);
  const asking = place.moderates || chat.operator ? [...place.asking.values()] : [];
  const rank = (each) => (each.online ? 0 : 4) + (each.admin ? 0 : each.moderator ? 1 : 2);
  const members = [...(place.members?.values() ?? [])].sort((a, b) => rank(a) - rank(b) || (fold(a.name) < fold(b.name) ? -1 : 1));
  $("panelbody").replaceChildren(
    ...(asking.length ? [el("h3", { text: "Asking to join" }), el("ul", {}, ...asking.map((each) => el("li", {},
      el("span", { class: "name", text: each.name }), each.note ? el("span", { class: "note", text: `“${each.note}”` }) : null,
      act("Approve", `/approve ${each.name}`, { class: "primary", "aria-label": `Approve ${each.name}` }),
      act("Reject", `/reject ${each.name}`, { "aria-label": `Reject ${each.name}` }))))] : []),
    el("ul", {}, ...members.map((each) => {
      const notes = [each.admin && "admin", each.moderator && "moderator", each.guest && "guest", each.quiet && "quiet", typeof each.away === "string" && "away"];
      return el("li", { class: each.online ? "on" : "off" },
        el("span", { class: "dot", "aria-hidden": true }), el("span", { class: "vh", text: each.online ? "online: " : "offline: " }),
        chat.isMe(each.name) ? el("span", { class: "name", text: `${each.name} (you)` })
          : button(each.name, () => chat.talkTo(each.name), { class: "name", title: `Write to ${each.name}` }),
        el("span", { class: "note", text: notes.filter(Boolean).join(", ") }));
    })));
}

async function showFiles() {
  const place = chat.current;
  openPanel("files", "Files");
  const answer = await link.query({ ...place.fields, line: "/files" });
  if (panel !== "files" || place !== chat.current) return;
  const found = answer.files ?? [];
  $("panelbody").replaceChildren(
    button("Share files", () => $("files").click(), { class: "primary" }),
    found.length ? el("ul", {}, ...found.map((each) => el("li", {},
      el("span", { class: "name", text: each.name }),
      el("span", { class: "note", text: `${inBytes(each.size)}, ${each.by}, ${dateTime(each.at)}` }),
      button("Download", () => files.fetch(place, each.number), { "aria-label": `Download ${each.name}` }),
      chat.isMe(each.by) || place.moderates ? button("Remove", async () => {
        chat.type(place, `/remove ${each.number}`);
        await link.query({ ...place.fields, line: "/files" });
        showFiles();
      }, { "aria-label": `Remove ${each.name}` }) : null))) : el("p", { text: answerLines(answer).join(" ") }));
}

function showSearch() {
  openPanel("search", `Search ${chat.current.name}`);
  $("words").focus();
}

function showMatches(place, answer) {
  if (panel !== "search") showSearch();
  const target = answer.with ? chat.find(`@${answer.with}`) : chat.find(String(answer.group));
  const entries = [...(answer.entries ?? [])].reverse();
  const more = answer.next ? button("Older", async () => showMatches(place, await link.query({ ...place.fields, line: answer.next })), {}) : null;
  $("panelbody").replaceChildren(
    el("p", { role: "status", text: entries.length ? `${answer.more ? "More than " : ""}${counted(entries.length, "hit")} for ${answer.words}` : `Nothing found for ${answer.words}` }),
    el("ul", { class: "hits" }, ...entries.map((each) => el("li", {},
      button("", () => {
        if (target) chat.open(target, each.seq);
      }, { class: "hit" }))),
    ), ...(more ? [more] : []));
  [...$("panelbody").querySelectorAll(".hit")].forEach((hit, index) => {
    const each = entries[index];
    hit.append(el("b", { text: each.from ?? "" }), el("span", { class: "text", dir: "auto", text: ` ${each.text ?? ""}` }), el("time", { text: dateTime(each.at) }));
  });
}

// Dialogs.

function ask(question, secret) {
  const dialog = $("question");
  const answer = $("answer");
  $("questiontext").textContent = question.trim();
  answer.type = secret ? "password" : "text";
  answer.autocomplete = secret ? "new-password" : "off";
  answer.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      const typed = answer.value;
      answer.value = "";
      done(dialog.returnValue === "ok" ? typed : null);
    }, { once: true });
  });
}

function sheet(title, ...nodes) {
  $("sheettitle").textContent = title;
  $("sheetbody").replaceChildren(...nodes);
  if (!$("sheet").open) $("sheet").showModal();
}

function showKeys() {
  sheet("Keys", el("dl", {}, ...KEYS.flatMap(([key, does]) => [el("dt", {}, el("kbd", { text: key })), el("dd", { text: does })])));
}

async function showDirectory() {
  const name = el("input", { "aria-label": "Name or number of a group", placeholder: "A name, old or new", maxlength: 64, required: true });
  const policies = [["approval", "I approve who joins"], ["open", "everybody can join"], ["invite", "only people whom I invite"], ["password", "with a password"]];
  const policy = el("select", { "aria-label": "Who can join" }, ...policies.map(([value, text]) => el("option", { value, text })));
  const go = (line) => {
    $("sheet").close();
    chat.type(chat.desk, line);
  };
  const form = el("form", { class: "row", onsubmit: (event) => {
    event.preventDefault();
    if (name.value.trim()) go(`/join ${name.value.trim()}`);
  } }, name, el("button", { class: "primary", text: "Join" }), policy,
  button("Create", () => name.reportValidity() && go(`/create ${name.value.trim()} ${policy.value}`)));
  const list = el("ul", { class: "directory" });
  sheet("Join or create a group", form, list);
  const answer = await link.query({ line: "/groups" });
  list.replaceChildren(...(answer.groups ?? []).map((each) => el("li", {},
    el("span", { class: "name", id: `group${each.number}`, text: `${each.number} ${each.group}` }),
    el("span", { class: "note", text: `${each.policy}, ${counted(each.members, "member")}, ${each.online} online. ${each.topic}` }),
    button(chat.find(each.group)?.member ? "Open" : "Join", () => go(`/join ${each.group}`), { "aria-describedby": `group${each.number}` }))));
}

async function showPeopleOnline() {
  const name = el("input", { "aria-label": "Name of a person", placeholder: "A name", maxlength: 64, required: true });
  const go = (who) => {
    $("sheet").close();
    chat.talkTo(who);
  };
  const form = el("form", { class: "row", onsubmit: (event) => {
    event.preventDefault();
    go(name.value.trim());
  } }, name, el("button", { class: "primary", text: "Write" }));
  const list = el("ul", { class: "directory" });
  sheet("Write to a person", form, list);
  const answer = await link.query({ line: "/who" });
  list.replaceChildren(...(answer.people ?? []).filter((each) => !chat.isMe(each.name)).map((each) => el("li", {},
    el("span", { class: "name", text: each.name }), el("span", { class: "note", text: each.guest ? "guest" : "" }),
    button("Write", () => go(each.name), { "aria-label": `Write to ${each.name}` }))));
}

function showFinder() {
  $("findwords").value = "";
  drawFound();
  $("finder").showModal();
}

function drawFound() {
  const words = fold($("findwords").value.replace(/^[#@]/, ""));
  const found = chat.places.filter((each) => fold(each.name || "front desk").includes(words));
  found.sort((a, b) => (b.unread > 0) - (a.unread > 0));
  $("found").replaceChildren(...found.slice(0, 12).map((place) => el("li", {},
    button(place.key || "Front desk", () => {
      $("finder").close();
      chat.open(place);
      composer.focus();
    }))));
}

async function showOtherWays() {
  const ways = await fetch("connect").then((answer) => answer.json()).catch(() => ({}));
  const lines = Object.values(ways).filter((each) => typeof each === "string");
  sheet("Connect otherwise", ...lines.map((line) => el("p", { class: "row" }, el("code", { text: line }), button("Copy", () => copy(line), { "aria-label": `Copy ${line}` }))));
}

async function copy(text) {
  await navigator.clipboard?.writeText(text);
  speech.say("Copied.");
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

document.addEventListener("keydown", (event) => {
  if ($("app").hidden || document.querySelector("dialog[open]")) return;
  const { key, altKey, ctrlKey, metaKey } = event;
  const typing = event.target.closest("input, textarea, select");
  if (altKey && /^[1-9]$/.test(key)) {
    go(chat.numbered(Number(key)));
  } else if (altKey && (key === "ArrowUp" || key === "ArrowDown")) {
    const { places } = chat;
    const step = key === "ArrowUp" ? places.length - 1 : 1;
    go(places[(places.indexOf(chat.current) + step) % places.length]);
  } else if ((ctrlKey || metaKey) && key.toLowerCase() === "k") {
    showFinder();
  } else if (key === "Escape") {
    if (panel && $("panel").contains(event.target)) {
      closePanel();
    } else {
      showSide(false);
      chat.toEnd(chat.current);
      log.toEnd();
      composer.focus();
    }
  } else if (key === "?" && !typing) {
    showKeys();
  } else {
    return;
  }
  event.preventDefault();
});

const on = (id, event, call) => $(id).addEventListener(event, call);
on("find", "click", showFinder);
on("findwords", "input", drawFound);
on("finder", "submit", (event) => {
  event.preventDefault();
  $("found").querySelector("button")?.click();
});
on("found", "keydown", (event) => {
  const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  if (to) event.target.closest("li")[to]?.querySelector("button").focus();
});
on("findwords", "keydown", (event) => {
  if (event.key === "ArrowDown") $("found").querySelector("button")?.focus();
});
on("addgroup", "click", showDirectory);
on("addtalk", "click", showPeopleOnline);
on("showkeys", "click", showKeys);
on("connectother", "click", showOtherWays);
on("logout", "click", () => login.logOut());
on("notify", "click", async () => {
  const allowed = (await window.Notification?.requestPermission()) === "granted";
  store.set("notify", allowed);
  speech.say(allowed ? "Notifications are on." : "The browser does not allow notifications.");
  $("notify").textContent = allowed ? "Notifications are on" : "Notifications are not allowed";
});
on("menu", "click", () => showSide(true));
on("closeside", "click", () => {
  showSide(false);
  $("menu").focus();
});
on("showpeople", "click", toggle("people", showPeople));
on("showfiles", "click", toggle("files", showFiles));
on("showsearch", "click", toggle("search", showSearch));
on("closepanel", "click", closePanel);
on("closesheet", "click", () => $("sheet").close());
on("cancelquestion", "click", () => $("question").close(""));
on("leave", "click", () => chat.type(chat.desk, chat.current.member ? `/leave ${chat.current.name}` : `/join ${chat.current.name}`));
on("toend", "click", () => {
  chat.toEnd(chat.current);
  log.toEnd();
});
on("searchform", "submit", async (event) => {
  event.preventDefault();
  const place = chat.current;
  const words = $("words").value.trim();
  if (!words) return;
  const answer = await link.query({ ...place.fields, line: `/search ${words}` });
  if (panel !== "search" || place !== chat.current) return;
  if (answer.ok === true) showMatches(place, answer);
  else $("panelbody").replaceChildren(el("p", { text: answerLines(answer).join(" ") }));
});
on("attach", "click", () => $("files").click());
on("files", "change", () => {
  share($("files").files);
  $("files").value = "";
});
on("room", "dragover", (event) => event.preventDefault());
on("room", "drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) share(event.dataTransfer.files);
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

login.begin().then(() => link.start());
