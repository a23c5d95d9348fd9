// Files: uploads, which go on by themselves after a cut, and downloads.
import { State } from "./link.js";
import { answerLines, inBytes } from "./words.js";

const MAX_FILES = 20; // that wait or are on their way
const AT_ONCE = 2;
const WAIT = 1000; // milliseconds before another attempt, doubled up to MAX_WAIT
const MAX_WAIT = 15_000;

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Return the sentence in a refusal; "" if there is none. */
function errorIn(text) {
  try {
    return JSON.parse(text).error ?? "";
  } catch {
    return "";
  }
}

/** One file on its way to a place. */
class Upload {
  sent = 0; // bytes
  attempts = 0;
  cancelled = false;
  xhr = null;

  constructor(place, file) {
    this.place = place;
    this.file = file;
  }

  get words() {
    const { name, size } = this.file;
    const percent = size ? Math.floor((100 * this.sent) / size) : 0;
    return this.xhr ? `${name}: ${percent} % of ${inBytes(size)}` : `${name}: waiting`;
  }
}

/** The uploads of a chat; *changed* is called whenever one has made progress. */
export class Files {
  uploads = [];
  #chat;
  #changed;

  constructor(chat, changed) {
    this.#chat = chat;
    this.#changed = changed;
  }

  /** Share *files* with *place*. */
  share(place, files) {
    const room = MAX_FILES - this.uploads.length;
    if (place.kind === "desk") {
      this.#chat.notice(place, ["Files are shared in a group or a private talk."], "error");
      return;
    }
    if (files.length > room) {
      this.#chat.notice(place, [`At most ${MAX_FILES} files at once; the others were left out.`], "error");
    }
    for (const file of files.slice(0, room)) this.uploads.push(new Upload(place, file));
    this.#next();
  }

  cancel(upload) {
    upload.cancelled = true;
    upload.xhr?.abort();
    this.#end(upload);
  }

  #next() {
    this.#changed();
    const running = this.uploads.filter((each) => each.running);
    for (const each of this.uploads.filter((one) => !one.running).slice(0, AT_ONCE - running.length)) {
      each.running = true;
      this.#run(each);
    }
  }

  #end(upload, problem = "") {
    const { place, file } = upload;
    this.uploads = this.uploads.filter((each) => each !== upload);
    if (problem) this.#chat.notice(place, [`${file.name} was not shared: ${problem}`], "error");
    this.#next();
  }

  /** Send the file; after a cut, what the server does not have yet. */
  async #run(upload) {
    const { place, file } = upload;
    for (;;) {
      const answer = await this.#chat.link.query({ ...place.fields, line: `/send ${file.name}` });
      if (upload.cancelled) return;
      if (answer.ok !== true) {
        this.#end(upload, answerLines(answer).join(" "));
        return;
      }
      if (file.size > answer.most) {
        this.#end(upload, `it has ${inBytes(file.size)}, and the most is ${inBytes(answer.most)}.`);
        return;
      }
      // What an earlier upload of that name has left may be of another file.
      const offset = upload.attempts ? Math.min(answer.offset ?? 0, file.size) : 0;
      const { status, problem } = await this.#put(upload, answer.ticket, offset);
      if (upload.cancelled) return;
      if (status === 201) {
        this.#end(upload);
        return;
      }
      if (status >= 400 && status < 500 && status !== 409 && status !== 408) {
        this.#end(upload, problem || `the server refused it (${status}).`);
        return;
      }
      upload.attempts += 1;
      await pause(Math.min(WAIT * 2 ** upload.attempts, MAX_WAIT));
      while (this.#chat.link.state !== State.LIVE && !upload.cancelled) await pause(300);
      if (upload.cancelled) return;
    }
  }

  /** Return the status and the problem of the answer; status 0 if the connection was lost. */
  #put(upload, ticket, offset) {
    const { file } = upload;
    return new Promise((done) => {
      const xhr = (upload.xhr = new XMLHttpRequest());
      const ended = () => {
        upload.xhr = null;
        this.#changed();
        done({ status: xhr.status, problem: errorIn(xhr.responseText) });
      };
      xhr.upload.addEventListener("progress", (event) => {
        upload.sent = offset + event.loaded;
        this.#changed();
      });
      xhr.addEventListener("loadend", ended);
      xhr.open("PUT", `/file/${ticket}`);
      const range = file.size ? `${offset}-${file.size - 1}` : "*";
      xhr.setRequestHeader("Content-Range", `bytes ${range}/${file.size}`);
      xhr.send(file.slice(offset));
      this.#changed();
    });
  }

  /** Fetch the file *number* of *place*. */
  async fetch(place, number) {
    const answer = await this.#chat.link.query({ ...place.fields, line: `/get ${number}` });
    if (answer.ok === true) this.save(answer);
    else this.#chat.notice(place, answerLines(answer), "error");
  }

  /** Let the browser save the file of the ticket in *answer*. */
  save(answer) {
    const link = document.createElement("a");
    link.href = `/file/${answer.ticket}/${encodeURIComponent(answer.name)}`;
    link.download = answer.name;
    link.click();
  }
}
