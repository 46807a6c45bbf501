import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { type WebSocket, WebSocketServer } from "ws";

import { SUBPROTOCOL } from "../../src/wire/codec.ts";
import { EPOCH, blocks as form } from "../../tests/support/client/tables.ts";
import { waitFor } from "../../tests/support/wait-for.ts";
import { type Figures, round } from "../figures.ts";
import type { Lab } from "../lab/lab.ts";
import { Program } from "./programs.ts";

const KEPT = 100;
const BLOCK_ROWS = 20;
const MOST_UNACKNOWLEDGED = 32;
const LONGEST_MS = 30 * 60_000;
const MIB = 2 ** 20;
const BODY = "x".repeat(260);

const AT = { stamp: "1764331200123456", blocks_stamp: "1764331200123456", at: "2026-11-28T12:00:00.123Z" };

/** What a gateway says to a client of one shape that keeps its newest blocks. */
class Feeder implements AsyncDisposable {
  readonly #server: WebSocketServer;
  #socket: WebSocket | null = null;
  #acked = 0;
  #isWelcome = false;
  at = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#socket = socket;
      socket.on("error", () => {});
      socket.on("message", (data) => this.#take(JSON.parse(String(data))));
    });
  }

  static async start(): Promise<Feeder> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => SUBPROTOCOL });
    await once(server, "listening");
    return new Feeder(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Blocks up to that one, none of them before 32 others are answered. Returns frames a second. */
  async feed(to: number): Promise<number> {
    await waitFor("the client", () => this.#isWelcome, LONGEST_MS);
    const from = this.at;
    const start = performance.now();
    while (this.#acked < to) {
      while (this.at < to && this.at - this.#acked < MOST_UNACKNOWLEDGED) this.#block(++this.at);
      await new Promise((resolve) => this.#socket!.once("message", resolve));
    }
    return ((to - from) * 1000) / (performance.now() - start);
  }

  /** The rows of a window, in one load. */
  async load(to: number): Promise<void> {
    await waitFor("the client", () => this.#isWelcome, LONGEST_MS);
    const rows = Array.from({ length: KEPT }, (_, n) => rowsOf(to - KEPT + 1 + n)).flat();
    const load = { op: "load", table: form.name, snapshots: null, rows: JSON.stringify(rows), where: null };
    this.#frame(0, to, [load]);
    await waitFor("the load", () => this.#acked >= to, LONGEST_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  #take(message: { t: string; blocks?: string; shapes?: { id: string; definition: string | null }[] }): void {
    if (message.t === "ack") this.#acked = Number(message.blocks);
    if (message.t !== "hello") return;
    const { id, definition } = message.shapes![0]!;
    const mode = definition === "d" ? "resume" : "load";
    const shape = { id, mode, table: form.name };
    this.#send({
      ...{ t: "welcome", session: EPOCH, epoch: EPOCH, head: "0", now: AT.at, schema: "1", last_seq: "0" },
      ...{ shapes: [shape], tables: [form] },
    });
    if (mode === "load") this.#frame(0, 0, [], [{ id, definition: "d" }]);
    this.#isWelcome = true;
  }

  #block(n: number): void {
    const copy = rowsOf(n)
      .map(({ _id, _block_num, hash }) => `\\${_id}\t${_block_num}\t${hash}\n`)
      .join("");
    const trim = n % (KEPT / 50) === 0 ? String(Math.max(0, n - KEPT + 1)) : null;
    this.#frame(n - 1, n, [{ op: "blocks", table: form.name, ranges: [[`${n}`, `${n}`]], copy, trim }]);
  }

  #frame(from: number, to: number, ops: readonly object[], live: readonly object[] = []): void {
    const blocks = [String(from), String(to)];
    this.#send({ t: "frame", from: "0", to: "0", ...AT, blocks, ops, live });
  }

  #send(message: object): void {
    this.#socket!.send(JSON.stringify(message));
  }
}

function rowsOf(block: number) {
  return Array.from({ length: BLOCK_ROWS }, (_, row) => {
    const end = `${block}x${row}`.padEnd(10, "-");
    const hash = Buffer.from(end).toString("hex").slice(0, 20);
    return {
      _id: `\\x${block.toString(16).padStart(12, "0")}${hash}`,
      _block_num: String(block),
      hash: BODY,
    };
  });
}

/** A window of 100 blocks that moves on, in a store on disk: its size, whether it gets slower, and how it opens after a kill. */
export async function rollingWindow(lab: Lab, blocks: number): Promise<Figures> {
  const folder = await mkdtemp(join(lab.folder, "stores-"));
  const open = (store: string, url: string) => {
    const program = new Program("pglite");
    const opened = program.ask<{ openedMs: number }>({
      ...{ order: "client", url, shape: "blocks", store: join(folder, store) },
    });
    return { program, opened };
  };
  const rates: number[] = [];
  let size = 0;
  let openedMs = 0;
  {
    await using feeder = await Feeder.start();
    const { program, opened } = open("rolling", feeder.url);
    await using _ = program;
    await opened;
    for (let part = 1; part <= 10; part++) rates.push(await feeder.feed(Math.round((blocks * part) / 10)));
  } // Killed.
  size = await sizeOf(join(folder, "rolling"));
  {
    await using feeder = await Feeder.start();
    const { program, opened } = open("rolling", feeder.url);
    await using _ = program;
    ({ openedMs } = await opened);
  }
  let fresh = 0;
  {
    await using feeder = await Feeder.start();
    const { program, opened } = open("fresh", feeder.url);
    await using _ = program;
    await opened;
    await feeder.load(blocks);
    fresh = await sizeOf(join(folder, "fresh"));
  }
  await rm(folder, { recursive: true, force: true });
  return {
    what: `a window of ${KEPT} blocks of ${BLOCK_ROWS} rows of 0.3 kB, in a folder`,
    blocks,
    mib: Math.round(size / MIB),
    fresh_mib: Math.round(fresh / MIB),
    first_tenth_per_s: Math.round(rates[0]!),
    last_tenth_per_s: Math.round(rates.at(-1)!),
    last_to_first: round(rates.at(-1)! / rates[0]!, 2),
    opened_after_kill_ms: Math.round(openedMs),
  };
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of names) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
