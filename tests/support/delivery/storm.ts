import WebSocket from "ws";

import { encode, SUBPROTOCOL } from "../../../src/wire/codec.ts";
import { waitFor } from "../wait-for.ts";
import { tokenOf } from "./gateway.ts";

/** Where a client of a storm stands. */
export interface Place {
  readonly epoch: string;
  readonly position: string;
  readonly stamp: string;
}

interface Member {
  readonly client: string;
  readonly place: Place;
  socket: WebSocket | null;
  isWelcome: boolean;
  isServed: boolean;
}

const OPEN_AT_ONCE = 200;

/** Very many sessions that keep nothing: each says hello with its place, and is live once a frame or a welcome reaches it. */
export class Storm implements AsyncDisposable {
  readonly #members: readonly Member[];
  readonly #definition: string;

  constructor(count: number, places: readonly Place[], definition: string) {
    this.#definition = definition;
    this.#members = Array.from({ length: count }, (_, n) => ({
      client: crypto.randomUUID(),
      place: places[n % places.length]!,
      socket: null,
      isWelcome: false,
      isServed: false,
    }));
  }

  get welcome(): number {
    return this.#members.filter(({ isWelcome }) => isWelcome).length;
  }

  get served(): number {
    return this.#members.filter(({ isServed }) => isServed).length;
  }

  /** All of them connect; resolves when each was let in and knows what was committed last. In milliseconds. */
  async connect(
    url: string,
    head: () => bigint,
  ): Promise<{ readonly welcomeMs: number; readonly liveMs: number }> {
    const start = performance.now();
    for (const member of this.#members) {
      member.socket?.terminate();
      member.isWelcome = member.isServed = false;
    }
    const next = this.#members.values();
    const open = async () => {
      for (const member of next) await this.#open(member, url, head);
    };
    await Promise.all(Array.from({ length: OPEN_AT_ONCE }, open));
    const deadline = 300_000;
    await waitFor("all to be let in", () => this.welcome === this.#members.length, deadline);
    const welcomeMs = Math.round(performance.now() - start);
    await waitFor("all to be live", () => this.served === this.#members.length, deadline);
    return { welcomeMs, liveMs: Math.round(performance.now() - start) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#members) socket?.terminate();
  }

  async #open(member: Member, url: string, head: () => bigint): Promise<void> {
    const { client, place } = member;
    for (;;) {
      const socket = new WebSocket(`${url.replace(/^http/, "ws")}/v1/sync`, SUBPROTOCOL);
      member.socket = socket;
      const isOpen = await new Promise<boolean>((resolve) => {
        socket.once("open", () => resolve(true));
        socket.once("error", () => resolve(false));
      });
      if (!isOpen) continue;
      socket.on("error", () => {});
      socket.on("message", (data) => {
        const message = JSON.parse(data.toString());
        if (message.t === "welcome") member.isWelcome = true;
        if (message.t !== "frame") return;
        if (BigInt(message.to) >= head()) member.isServed = true;
        socket.send(encode({ t: "ack", position: message.to, blocks: message.blocks[1] }));
      });
      socket.send(
        encode({
          t: "hello",
          client,
          token: tokenOf({ sub: client }),
          epoch: place.epoch,
          position: place.position,
          stamp: place.stamp,
          blocks: place.position,
          blocks_stamp: place.stamp,
          schema: null,
          supports: null,
          agent: "storm",
          awaiting: [],
          shapes: [{ id: "todos", shape: "todos", params: {}, definition: this.#definition }],
          staged: null,
        }),
      );
      return;
    }
  }
}
