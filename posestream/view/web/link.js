// The connection to the viewer: a WebSocket that comes back by itself.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const SILENCE_MS = 15000; // the viewer says something every second

/** Keeps one connection; `on` has the functions status(message), moment(header, image), up() and down(). */
export class Link {
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.failures = 0;
    this.heardMs = 0;
    this.timer = 0;
    this.down = false;
    setInterval(() => this.#checkSilence(), 1000);
    addEventListener("online", () => this.retry());
    this.#open();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** Try again at once, if there is no connection. */
  retry() {
    if (this.socket?.readyState === WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.#open();
  }

  #open() {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket?.close();
    this.socket = socket;
    this.heardMs = performance.now();
    socket.onopen = () => {
      this.failures = 0;
      this.down = false;
      this.on.up();
    };
    socket.onmessage = ({ data }) => {
      this.heardMs = performance.now();
      if (typeof data === "string") this.on.status(JSON.parse(data));
      else this.on.moment(...unpack(data));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.#lost();
    };
  }

  #lost() {
    this.#askForTheToken();
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.failures) * (0.75 + Math.random() / 4);
    this.failures += 1;
    this.down = true;
    this.timer = setTimeout(() => this.#open(), waitMs);
    this.on.down();
  }

  /** A viewer that is there, and does not let this page in any longer, asks for its token. */
  async #askForTheToken() {
    const answer = await fetch("./", { method: "HEAD" }).catch(() => null);
    if (answer?.status === 401) location.reload();
  }

  #checkSilence() {
    if (this.socket.readyState <= WebSocket.OPEN && performance.now() - this.heardMs > SILENCE_MS) {
      const { socket } = this;
      socket.onclose = null; // closing a dead connection takes long to be told
      socket.close();
      this.#lost();
    }
  }
}

/** A binary message: length of the header (uint32, big endian), header (JSON), image (JPEG or PNG; may be empty). */
function unpack(data) {
  const length = new DataView(data).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  return [header, new Uint8Array(data, 4 + length)];
}
