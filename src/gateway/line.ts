import type { WebSocket } from "ws";

import { unlessAborted } from "../model/unless-aborted.ts";
import { encode } from "../wire/codec.ts";
import type { FromGateway } from "../wire/from-gateway.ts";
import type { Standing } from "./frame.ts";
import { Wakes } from "./wakes.ts";

const MOST_BUFFERED = 1024 * 1024;
const MOST_UNACKNOWLEDGED = 64;
const MOST_UNACKNOWLEDGED_BYTES = 8 * 1024 * 1024;
/** A socket that drains says nothing. */
const LOOK_MS = 1_000;

interface Sent extends Standing {
  readonly bytes: number;
}

/** What goes out to one client, and how much of it is on the way: a browser's socket does not slow down its sender. */
export class Line {
  readonly #socket: WebSocket;
  readonly #unacknowledged: Sent[] = [];
  readonly #acknowledged = new Wakes();
  #unackedBytes = 0;
  /** For the views. */
  frames = 0;
  bytes = 0;
  acked: Standing | null = null;
  /** When the client last took something, by performance.now(): while it has something to take, it must. */
  movedAt = performance.now();

  readonly #sent: (bytes: number) => void;

  /** `sent` is told of each frame. */
  constructor(socket: WebSocket, sent: (bytes: number) => void) {
    this.#socket = socket;
    this.#sent = sent;
  }

  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  get unacked(): number {
    return this.#unackedBytes;
  }

  /** Whether another frame may go out. */
  get isFree(): boolean {
    return (
      this.#socket.bufferedAmount < MOST_BUFFERED &&
      this.#unacknowledged.length < MOST_UNACKNOWLEDGED &&
      this.#unackedBytes < MOST_UNACKNOWLEDGED_BYTES
    );
  }

  /** Resolves when another message may go out: whoever makes messages that nobody asked for waits for it. */
  async untilFree(signal: AbortSignal): Promise<void> {
    while (!this.isFree) await unlessAborted(this.#acknowledged.next(LOOK_MS), signal);
  }

  get isIdle(): boolean {
    return this.#unacknowledged.length === 0;
  }

  /** Ticks are not counted: they say nothing, and whoever gets nothing else stands still in the views. */
  send(message: FromGateway): void {
    const text = Buffer.from(encode(message));
    if (message.t !== "tick") this.bytes += text.length;
    this.#write(text);
  }

  /** Others may be sent the same buffer. */
  sendFrame(frame: Buffer, to: Standing): void {
    const bytes = frame.length;
    if (this.isIdle) this.movedAt = performance.now();
    this.#unacknowledged.push({ ...to, bytes });
    this.#unackedBytes += bytes;
    this.frames += 1;
    this.bytes += bytes;
    this.#sent(bytes);
    this.#write(frame);
  }

  /** The client has everything up to there, on its disk. */
  acknowledge(to: Standing): void {
    let count = 0;
    for (const { position, blocks, bytes } of this.#unacknowledged) {
      if (position > to.position || blocks > to.blocks) break;
      this.#unackedBytes -= bytes;
      count += 1;
    }
    this.#unacknowledged.splice(0, count);
    this.acked = to;
    this.movedAt = performance.now();
    this.#acknowledged.wake();
  }

  #write(text: Buffer): void {
    this.#socket.send(text, { binary: false });
  }
}
