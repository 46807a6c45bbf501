import { decodeFromGateway } from "../../../src/wire/codec.ts";

/** What a client is told of its shapes: the sockets to give it, and for which reasons it was to load what. */
export class Heard {
  /** "todos: forked", in the order in which they were told. */
  readonly loads: string[] = [];
  readonly WebSocket: typeof WebSocket;

  constructor() {
    const hear = (text: string) => this.#hear(text);
    this.WebSocket = class extends WebSocket {
      override set onmessage(listener: (event: MessageEvent) => void) {
        super.onmessage = (event) => {
          hear(String(event.data));
          listener.call(this, event);
        };
      }
    };
  }

  #hear(text: string): void {
    const message = decodeFromGateway(text);
    if (message.t !== "welcome" && message.t !== "shapes") return;
    for (const { mode, table, reason } of message.shapes) {
      if (mode === "load") this.loads.push(`${table}: ${reason}`);
    }
  }
}
