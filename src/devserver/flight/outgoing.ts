import type { ServerWritableStream } from "@grpc/grpc-js";

import type { FlightData } from "../../flight/protocol/messages.ts";
import { encodeFlightData } from "./messages.ts";

/** Messages that HTTP/2 has not yet accepted: enough to keep the connection busy, few enough to limit memory. */
const MAX_WAITING = 2;

export type DoGetCall = ServerWritableStream<Buffer, Buffer>;

/**
 * One answer to DoGet. `send` returns when the client's flow control allows the
 * next message; it rejects with the reason of `signal` when the call is over.
 */
export class Outgoing {
  readonly signal: AbortSignal;
  readonly #call: DoGetCall;
  readonly #end = new AbortController();
  #waiting = 0;
  #taken: (() => void) | null = null;

  constructor(call: DoGetCall) {
    this.#call = call;
    this.signal = this.#end.signal;
    call.on("cancelled", () => this.abort(new Error("the client cancelled the call")));
    this.signal.addEventListener("abort", () => this.#taken?.(), { once: true });
  }

  /** Ends the call from outside; the reason says how. */
  abort(reason: Error): void {
    this.#end.abort(reason);
  }

  async send(data: Partial<FlightData>): Promise<void> {
    this.signal.throwIfAborted();
    const { header = NOTHING, appMetadata = NOTHING, body = NOTHING } = data;
    this.#waiting += 1;
    this.#call.write(encodeFlightData({ header, appMetadata, body }), () => {
      this.#waiting -= 1;
      this.#taken?.();
    });
    while (this.#waiting >= MAX_WAITING) {
      await new Promise<void>((resolve) => {
        this.#taken = resolve;
      });
      this.signal.throwIfAborted();
    }
  }
}

const NOTHING = new Uint8Array(0);
