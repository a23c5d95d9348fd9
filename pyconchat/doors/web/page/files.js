// Files: uploads, which go on by themselves after a cut, and downloads.
import * as chat from "./chat.js";
import { State } from "./link.js";
import { $, el } from "./log.js";
import { answerLines, inBytes } from "./words.js";

const MAX_FILES = 20; // that wait or are on their way
const AT_ONCE = 2;
const WAIT = 1000; // milliseconds before another attempt, doubled each time
const MAX_WAIT = 15_000;
const AGAIN = [0, 408, 409, 500, 502, 503, 504]; // statuses after which an upload goes on

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export let uploads = [];
const progress = () => chat.view.changed(chat.desk);
const complain = (place, ...lines) => chat.notice(place, lines, "error");

export const pick = () => $("files").click();

export function share(place, files) {
  const room = MAX_FILES - uploads.length;
  if (place.kind === "desk") {
    complain(place, "Files are shared in a group or a private talk.");
    return;
  }
  if (files.length > room) complain(place, `At most ${MAX_FILES} files at once; the others were left out.`);
  uploads.push(...[...files].slice(0, room).map((file) => ({ place, file, sent: 0, attempts: 0, xhr: null })));
  next();
}

function next() {
  progress();
  for (const each of uploads.slice(0, AT_ONCE)) if (!each.running) run(each);
}

function end(upload) {
  uploads = uploads.filter((each) => each !== upload);
  next();
}

export function cancel(upload) {
  upload.cancelled = true;
  upload.xhr?.abort();
  end(upload);
}

async function run(upload) {
  upload.running = true;
  const problem = await send(upload);
  if (upload.cancelled) return;
  if (problem) complain(upload.place, `${upload.file.name} was not shared: ${problem}`);
  end(upload);
}

/** Send the file, or after a cut the rest of it; return why that cannot be done. */
async function send(upload) {
  const { place, file } = upload;
  while (!upload.cancelled) {
    const answer = await chat.ask(place, `/send ${file.name}`);
    const { ok, ticket, most, offset = 0 } = answer;
    if (upload.cancelled) break;
    if (ok !== true) return answerLines(answer).join(" ");
    if (file.size > most) return `it has ${inBytes(file.size)}, and the most is ${inBytes(most)}.`;
    // What an earlier upload of that name has left may be of another file.
    const { status, responseText } = await put(upload, ticket, upload.attempts ? Math.min(offset, file.size) : 0);
    if (status === 201) break;
    if (!AGAIN.includes(status)) return responseText || `the server refused it (${status}).`;
    upload.attempts += 1;
    await pause(Math.min(WAIT * 2 ** upload.attempts, MAX_WAIT));
    while (chat.link.state !== State.LIVE && !upload.cancelled) await pause(300);
  }
  return "";
}

/** Return the request when it has ended; its status is 0 if the connection was lost. */
function put(upload, ticket, offset) {
  const { size } = upload.file;
  const xhr = (upload.xhr = new XMLHttpRequest());
  xhr.upload.onprogress = ({ loaded }) => {
    upload.sent = offset + loaded;
    progress();
  };
  xhr.open("PUT", `/file/${ticket}`);
  xhr.setRequestHeader("Content-Range", `bytes ${size ? `${offset}-${size - 1}` : "*"}/${size}`);
  xhr.send(upload.file.slice(offset));
  progress();
  return new Promise((done) => {
    xhr.onloadend = () => {
      upload.xhr = null;
      progress();
      done(xhr);
    };
  });
}

export async function fetch(place, number) {
  const answer = await chat.ask(place, `/get ${number}`);
  if (answer.ok === true) save(answer);
  else complain(place, ...answerLines(answer));
}

export function save({ ticket, name }) {
  el("a", { href: `/file/${ticket}/${encodeURIComponent(name)}`, download: name }).click();
}

