/** Sockets of a client whose line can be cut, and is back when its test says so. */
export class CutLine {
  readonly WebSocket: typeof WebSocket;
  readonly #sockets = new Set<WebSocket>();
  #isUp = true;

  constructor() {
    const address = (url: string | URL) => (this.#isUp ? url : "ws://127.0.0.1:9");
    const add = (socket: WebSocket) => void this.#sockets.add(socket);
    this.WebSocket = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[] | WebSocketInit) {
        super(address(url), protocols);
        add(this);
      }
    };
  }

  cut(): void {
    this.#isUp = false;
    for (const socket of this.#sockets) socket.close();
    this.#sockets.clear();
  }

  mend(): void {
    this.#isUp = true;
  }
}
