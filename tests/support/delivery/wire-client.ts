import { randomUUID } from "node:crypto";
import { once } from "node:events";

import WebSocket from "ws";

import { rowsOf } from "../../../src/gateway/copy-text.ts";
import { decodeFromGateway, encode, SUBPROTOCOL } from "../../../src/wire/codec.ts";
import type { FromClient, Hello } from "../../../src/wire/from-client.ts";
import type { Frame, FromGateway, Snapshot } from "../../../src/wire/from-gateway.ts";
import type { Op } from "../../../src/wire/ops.ts";
import { waitFor } from "../wait-for.ts";
import { tokenOf } from "./gateway.ts";

export type Row = Readonly<Record<string, string | null>>;

/** A row that a client changed: as it stands in the ledger. */
export interface SentChange {
  readonly table: string;
  readonly op: "insert" | "update" | "delete";
  readonly key: Row;
  readonly patch?: Row;
}

interface Table {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly rows: Map<string, Row>;
}

export interface WireClientOptions {
  readonly url: string;
  readonly client?: string;
  readonly token?: string;
  readonly shapes?: readonly { readonly id: string; readonly shape: string; readonly params?: Row }[];
  /** Whether frames are acknowledged; false: not until `answers` is set. */
  readonly acks?: boolean;
  /** Called when all chunks of a snapshot are here, before the gateway hears of it. */
  readonly beforeStaged?: () => Promise<void>;
  /** As of a page in a browser. */
  readonly origin?: string;
}

/**
 * A client that keeps tables in memory and applies frames as the protocol says, strictly: whatever does not fit is an
 * error. For tests of the gateway alone.
 */
export class WireClient implements AsyncDisposable {
  readonly client: string;
  readonly tables = new Map<string, Table>();
  readonly frames: Frame[] = [];
  readonly messages: FromGateway[] = [];
  readonly live = new Map<string, string>();
  /** What this client sent and awaits, by transaction; as it says when it connects. */
  readonly awaiting = new Map<string, readonly SentChange[]>();
  /** Transactions that were settled, in order. */
  readonly settled: string[] = [];
  /** All that came over the socket, as it came. */
  readonly received: string[] = [];
  /** Called after each frame, when all of it is applied. */
  onFrame: (frame: Frame) => void = () => {};
  url: string;
  closed: { readonly code: number } | null = null;
  position = "0";
  blocks = "0";
  stamp: string | null = null;
  blocksStamp: string | null = null;
  epoch: string | null = null;
  /** The epoch of the last frame: only with another one positions go back. */
  life: string | null = null;
  answers: boolean;
  readonly #options: WireClientOptions;
  #token: string;
  readonly #staged = new Map<string, string>();
  #socket: WebSocket | null = null;
  #error: unknown = null;

  constructor(options: WireClientOptions) {
    this.#options = options;
    this.#token = options.token ?? tokenOf({});
    this.url = options.url;
    this.answers = options.acks !== false;
    this.client = options.client ?? randomUUID();
  }

  static async start(options: WireClientOptions): Promise<WireClient> {
    const client = new WireClient(options);
    await client.connect();
    return client;
  }

  /** A socket that has said nothing yet. */
  async open(): Promise<void> {
    const { origin } = this.#options;
    const url = `${this.url.replace(/^http/, "ws")}/v1/sync`;
    const socket = new WebSocket(url, SUBPROTOCOL, origin === undefined ? {} : { origin });
    this.#socket = socket;
    this.closed = null;
    socket.on("message", (data) => {
      this.received.push(data.toString());
      this.#take(decodeFromGateway(data.toString()));
    });
    socket.on("close", (code) => {
      if (this.#socket === socket) this.closed = { code };
    });
    socket.on("error", () => {});
    await once(socket, "open");
  }

  /** `shapes`: other ones than at first. */
  async connect(shapes = this.#options.shapes ?? []): Promise<void> {
    await this.open();
    const hello: Hello = {
      t: "hello",
      client: this.client,
      token: this.#token,
      epoch: this.epoch,
      position: this.epoch === null ? null : this.position,
      stamp: this.stamp,
      blocks: this.epoch === null ? null : this.blocks,
      blocks_stamp: this.blocksStamp,
      schema: null,
      supports: null,
      agent: "test",
      awaiting: [...this.awaiting.keys()],
      shapes: shapes.map(({ params = {}, ...wish }) => ({
        ...wish,
        params,
        definition: this.live.get(wish.id) ?? null,
      })),
      staged: null,
    };
    this.send(hello);
  }

  send(message: FromClient): void {
    if (message.t === "auth") this.#token = message.token;
    this.sendText(encode(message));
  }

  sendText(text: string): void {
    this.#socket!.send(text);
  }

  /** Without a goodbye. */
  cut(): void {
    this.#socket!.terminate();
  }

  /** Reads nothing more from its socket. */
  pause(): void {
    this.#socket!.pause();
  }

  rows(table: string): Row[] {
    return [...(this.tables.get(table)?.rows.values() ?? [])];
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await waitFor(what, () => {
      if (this.#error !== null) throw this.#error;
      return condition();
    });
  }

  /** All that was asked for is here. */
  async ready(): Promise<void> {
    const { shapes = [] } = this.#options;
    await this.until("everything is live", () => shapes.every(({ id }) => this.live.has(id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.terminate();
    if (this.#error !== null) throw this.#error;
  }

  #take(message: FromGateway): void {
    try {
      this.messages.push(message);
      if (message.t === "welcome") {
        for (const { id, mode } of message.shapes) if (mode !== "resume") this.live.delete(id);
        this.epoch = message.epoch;
      }
      if (message.t === "welcome" || message.t === "shapes") {
        for (const table of message.tables) {
          const rows = this.tables.get(table.name)?.rows ?? new Map<string, Row>();
          this.tables.set(table.name, { columns: table.columns, key: table.key, rows });
        }
      }
      if (message.t === "snapshot") {
        this.#stage(message).catch((error: unknown) => {
          this.#error ??= error;
        });
      }
      if (message.t === "frame") this.#apply(message);
    } catch (error) {
      this.#error ??= error;
      this.#socket?.terminate();
    }
  }

  async #stage({ snapshot, chunks }: Snapshot): Promise<void> {
    let text = "";
    for (const { n, bytes } of chunks) {
      const answer = await fetch(`${this.url}/v1/snapshots/${snapshot}/${n}`, {
        headers: { authorization: `Bearer ${this.#token}`, "accept-encoding": "identity" },
      });
      if (answer.status !== 200) throw new Error(`chunk ${n}: ${answer.status}`);
      const raw = await answer.text();
      if (Buffer.byteLength(raw) !== bytes) throw new Error(`chunk ${n} has ${Buffer.byteLength(raw)} bytes`);
      text += raw;
    }
    this.#staged.set(snapshot, text);
    await this.#options.beforeStaged?.();
    this.send({ t: "staged", snapshot });
  }

  #apply(frame: Frame): void {
    if (frame.from !== this.position) throw new Error(`a frame from ${frame.from} at ${this.position}`);
    const [from, to] = frame.blocks.map(BigInt) as [bigint, bigint];
    if (from > BigInt(this.blocks)) throw new Error(`blocks ${from} at ${this.blocks}`);
    if (this.life === this.epoch && (to < BigInt(this.blocks) || BigInt(frame.to) < BigInt(this.position)))
      throw new Error(`back to ${frame.to}, ${to} from ${this.position}, ${this.blocks}`);
    this.life = this.epoch;
    for (const op of frame.ops) this.#run(op);
    this.position = frame.to;
    this.blocks = frame.blocks[1];
    this.stamp = frame.stamp;
    this.blocksStamp = frame.blocks_stamp;
    for (const { id, definition } of frame.live) this.live.set(id, definition);
    for (const id of frame.gone) this.live.delete(id);
    this.frames.push(frame);
    this.onFrame(frame);
    if (this.answers) this.send({ t: "ack", position: this.position, blocks: this.blocks });
  }

  /** As far as this client has a form: columns come with what older rows have in them. */
  #migrate({ statements, tables }: Op & { op: "migrate" }): void {
    for (const statement of statements) {
      const [, name, value = null] =
        /add column if not exists (\w+) .*?(?:default '(.*)')?$/.exec(statement) ?? [];
      if (name === undefined) continue;
      for (const table of tables) {
        const rows = this.tables.get(table)!.rows;
        for (const [key, row] of rows) rows.set(key, { ...row, [name]: value });
      }
    }
  }

  /** Each row that it names becomes what the server had, what was sent, and what differs from that. */
  #settle({ tx, tables, rows }: Op & { op: "own" }): void {
    const sent = this.awaiting.get(tx);
    this.awaiting.delete(tx);
    this.settled.push(tx);
    const parts: { table: string; key: string[]; set: Row }[] = JSON.parse(rows);
    if (JSON.stringify([...new Set(parts.map(({ table }) => table))]) !== JSON.stringify(tables)) {
      throw new Error(`${JSON.stringify(tables)} are not the tables of ${rows}`);
    }
    for (const { table: name, key, set } of parts) {
      const table = this.tables.get(name)!;
      const isOf = (change: SentChange) =>
        change.table === name && table.key.every((column, n) => change.key[column] === key[n]);
      const [change, ...more] = (sent ?? []).filter(isOf);
      const before = table.rows.get(JSON.stringify(key));
      if (change === undefined || more.length > 0 || change.op === "delete")
        throw new Error(`${JSON.stringify(key)} of ${name} was not sent once by ${tx}`);
      if ((before === undefined) !== (change.op === "insert")) {
        throw new Error(`a row of ${name} that was there, or was not, for an ${change.op}`);
      }
      const empty = Object.fromEntries(table.columns.map((column) => [column, null]));
      table.rows.set(JSON.stringify(key), {
        ...(before ?? { ...empty, ...change.key }),
        ...change.patch,
        ...set,
      });
    }
  }

  #run(op: Op): void {
    if (op.op === "dataset" || op.op === "check") return;
    if (op.op === "own") {
      this.#settle(op);
      return;
    }
    if (op.op === "migrate") {
      this.#migrate(op);
      return;
    }
    const table = this.tables.get(op.table);
    if (table === undefined) throw new Error(`${op.op} of a table that was not described: ${op.table}`);
    const { rows, key, columns } = table;
    const keyOf = (row: Row) => JSON.stringify(key.map((column) => row[column]));
    const matches = (row: Row, where: Readonly<Record<string, string>> | null) =>
      where === null || Object.entries(where).every(([column, value]) => row[column] === value);
    switch (op.op) {
      case "upsert":
        for (const row of JSON.parse(op.rows) as Row[]) rows.set(keyOf(row), row);
        return;
      case "update":
        for (const row of JSON.parse(op.rows) as Row[]) {
          const before = rows.get(keyOf(row));
          if (before === undefined) throw new Error("an update of a row that is not there");
          rows.set(keyOf(row), { ...before, ...row });
        }
        return;
      case "delete":
        for (const each of JSON.parse(op.keys)) rows.delete(JSON.stringify(each));
        return;
      case "truncate":
        rows.clear();
        return;
      case "drop":
        for (const [each, row] of rows) if (matches(row, op.where)) rows.delete(each);
        return;
      case "load": {
        for (const [each, row] of rows) if (matches(row, op.where)) rows.delete(each);
        for (const snapshot of op.snapshots ?? []) {
          for (const row of rowsOf(this.#staged.get(snapshot)!, columns)) {
            rows.set(keyOf(JSON.parse(row)), JSON.parse(row));
          }
        }
        for (const row of JSON.parse(op.rows ?? "[]") as Row[]) rows.set(keyOf(row), row);
        return;
      }
      case "blocks": {
        const blockOf = (row: Row) => BigInt(`0x${row["_id"]!.slice(2, 14)}`);
        for (const [each, row] of rows) {
          const block = blockOf(row);
          const isDirty = op.ranges.some(
            ([first, last]) => block >= BigInt(first) && (last === null || block <= BigInt(last)),
          );
          if (isDirty || (op.trim !== null && block < BigInt(op.trim))) rows.delete(each);
        }
        for (const text of rowsOf(op.copy, columns)) {
          const row: Row = JSON.parse(text);
          if (rows.has(keyOf(row))) throw new Error(`a row of ${op.table} twice`);
          if (op.trim === null || blockOf(row) >= BigInt(op.trim)) rows.set(keyOf(row), row);
        }
        return;
      }
    }
  }
}
