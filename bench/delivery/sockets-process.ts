import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import WebSocket from "ws";

import { SUBPROTOCOL } from "../../src/wire/codec.ts";
import { tokenOf } from "../../tests/support/delivery/gateway.ts";
import { waitFor } from "../../tests/support/wait-for.ts";
import { answer } from "./answer.ts";

// Clients without a database: they say hello, fetch chunks and throw them away, and acknowledge each frame at once.

const LONGEST_MS = 10 * 60_000;
const CONNECTING_AT_ONCE = 100;

export type SocketsOrder =
  /** `param`: bound to the number of each client. `bare`: without the protocol, for comparison. */
  | {
      readonly order: "connect";
      readonly urls: readonly string[];
      readonly count: number;
      readonly shape: string;
      readonly param?: string;
      readonly bare?: boolean;
    }
  /** Until all have a frame up to there. */
  | { readonly order: "until"; readonly position: string }
  /** Until all of a bare connection have so many messages. */
  | { readonly order: "messages"; readonly count: number }
  /** Until all are live again, after the loss of their connections. */
  | { readonly order: "back" }
  /** The frames that the first client got since the last such order. */
  | { readonly order: "frames" }
  | { readonly order: "leave" };

let clients: LightClient[] = [];
let kept: string[] = [];

class LightClient {
  readonly id = randomUUID();
  readonly #n: number;
  readonly #order: SocketsOrder & { order: "connect" };
  isLive = false;
  position = "0";
  blocks = "0";
  messages = 0;
  epoch: string | null = null;
  stamps: readonly [string | null, string | null] = [null, null];
  definition: string | null = null;
  losses = 0;
  #tries = 0;
  /** Which gateway: another one once one is lost that had let it in. */
  #at = 0;
  #wasIn = false;
  #socket: WebSocket | null = null;
  #isOver = false;

  constructor(n: number, order: SocketsOrder & { order: "connect" }) {
    this.#n = n;
    this.#order = order;
  }

  connect(): Promise<void> {
    const { urls, bare } = this.#order;
    const url = `${urls[this.#at % urls.length]!.replace(/^http/, "ws")}/v1/sync`;
    const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
    this.#socket = socket;
    return new Promise((resolve) => {
      socket.on("open", () => {
        if (bare === true) this.isLive = true;
        else this.#hello();
        resolve();
      });
      socket.on("message", (data) => this.#take(data.toString()));
      socket.on("error", () => {});
      socket.on("close", () => {
        resolve();
        void this.#lost();
      });
    });
  }

  leave(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }

  /** As real clients do: full jitter, doubled with each try. */
  async #lost(): Promise<void> {
    if (this.#isOver) return;
    this.isLive = false;
    this.losses++;
    if (this.#wasIn) this.#at++;
    this.#wasIn = false;
    await pause(Math.random() * Math.min(30_000, 500 * 2 ** Math.min(this.#tries++, 6)));
    if (!this.#isOver) await this.connect();
  }

  #hello(): void {
    const { shape, param } = this.#order;
    const params = param === undefined ? {} : { [param]: String(this.#n) };
    const isNew = this.epoch === null;
    this.#send({
      t: "hello",
      client: this.id,
      token: tokenOf({}),
      epoch: this.epoch,
      position: isNew ? null : this.position,
      stamp: this.stamps[0],
      blocks: isNew ? null : this.blocks,
      blocks_stamp: this.stamps[1],
      schema: null,
      supports: null,
      agent: "bench",
      awaiting: [],
      shapes: [{ id: "s", shape, params, definition: this.definition }],
      staged: null,
    });
  }

  #send(message: object): void {
    this.#socket!.send(JSON.stringify(message));
  }

  #take(text: string): void {
    this.messages++;
    if (text.startsWith('{"t":"frame"')) {
      // What follows is what a database reads, not its client.
      const head = JSON.parse(`${text.slice(0, text.indexOf(',"ops":'))}}`);
      this.position = head.to;
      this.blocks = head.blocks[1];
      this.stamps = [head.stamp, head.blocks_stamp];
      for (const { definition } of head.live) {
        this.definition = definition;
        this.isLive = true;
      }
      if (this.#n === 0) kept.push(text);
      this.#send({ t: "ack", position: head.to, blocks: head.blocks[1] });
      return;
    }
    const message = JSON.parse(text);
    if (message.t === "welcome") {
      this.epoch = message.epoch;
      this.#tries = 0;
      this.#wasIn = true;
      this.isLive = message.shapes[0].mode === "resume";
    } else if (message.t === "snapshot") {
      void this.#stage(message.snapshot, message.chunks);
    }
  }

  async #stage(snapshot: string, chunks: readonly { n: number }[]): Promise<void> {
    const headers = { authorization: `Bearer ${tokenOf({})}` };
    const url = this.#order.urls[0]!;
    for (const { n } of chunks) {
      await (await fetch(`${url}/v1/snapshots/${snapshot}/${n}`, { headers })).arrayBuffer();
    }
    this.#send({ t: "staged", snapshot });
  }
}

async function all(what: string, isSo: (client: LightClient) => boolean): Promise<{ ms: number }> {
  const start = performance.now();
  await waitFor(what, () => clients.every(isSo), LONGEST_MS);
  return { ms: performance.now() - start };
}

answer<SocketsOrder>(async (order) => {
  switch (order.order) {
    case "connect": {
      const start = performance.now();
      clients = Array.from({ length: order.count }, (_, n) => new LightClient(n, order));
      const next = clients.values();
      await Promise.all(
        Array.from({ length: CONNECTING_AT_ONCE }, async () => {
          for (const client of next) await client.connect();
        }),
      );
      await all("all to be live", ({ isLive }) => isLive);
      for (const client of clients) client.losses = 0;
      return { ms: performance.now() - start };
    }
    case "until":
      return await all("the position", ({ position }) => BigInt(position) >= BigInt(order.position));
    case "messages":
      return await all("the messages", ({ messages }) => messages >= order.count);
    case "back":
      await all("the loss", ({ losses }) => losses > 0);
      return await all("all to be back", ({ isLive }) => isLive);
    case "frames": {
      const frames = kept;
      kept = [];
      return { frames };
    }
    case "leave":
      for (const client of clients) client.leave();
      clients = [];
      kept = [];
      return {};
  }
});
