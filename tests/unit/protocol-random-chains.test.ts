import { describe, expect, test } from "vitest";

import { type BlockHash, type BlockRange, ZERO_HASH } from "../../src/protocol/block-range.ts";
import { decide, resolveOwnHash } from "../../src/protocol/decide.ts";
import type { Message } from "../../src/protocol/step.ts";
import {
  baseOf,
  committed,
  mayCommit,
  type Removal,
  rememberStream,
  type StreamMemory,
  startConnection,
} from "../../src/protocol/stream-memory.ts";
import { pruneHistory, type Watermark } from "../../src/protocol/watermark.ts";
import { type Dice, dice } from "../support/dice.ts";

const RUNS = Number(process.env["AMPSYNC_TEST_RUNS"] ?? 200);
const FIRST_SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
const RETENTION = 64n;
/** Forks stay within what the retained history can undo. */
const DEEPEST_FORK = 40;

interface Block {
  readonly number: number;
  readonly hash: BlockHash;
  readonly parent: BlockHash;
}
interface Sent extends Message {
  readonly blocks: readonly Block[];
}

/** A chain that forks, and the server's choice of the next range for a cursor. */
class ToyServer {
  readonly everyBlock = new Map<BlockHash, Block>();
  readonly #orphans = new Map<BlockHash, Block>();
  readonly #chain: Block[] = [];
  readonly #roll: Dice;
  readonly #origin: number;
  readonly #losesOrphans: boolean;
  readonly #tellsParents: boolean;
  #highest: number;

  constructor(roll: Dice) {
    this.#roll = roll;
    this.#origin = roll(0, 3);
    this.#losesOrphans = roll(0, 1) === 0;
    this.#tellsParents = roll(0, 3) > 0;
    this.#highest = this.#origin;
    this.mine(1);
  }

  get chain(): readonly Block[] {
    return this.#chain;
  }

  mine(count: number): void {
    for (let i = 0; i < count; i++) {
      const number = this.#origin + this.#chain.length;
      const unseen = number === 0 ? ZERO_HASH : hashOf(0xabcdef);
      const block = {
        number,
        hash: hashOf(this.everyBlock.size + 1),
        parent: this.#chain.at(-1)?.hash ?? unseen,
      };
      this.everyBlock.set(block.hash, block);
      this.#chain.push(block);
      this.#highest = Math.max(this.#highest, number);
    }
  }

  reorg(): void {
    const lowest = Math.max(this.#origin + 1, this.#highest - DEEPEST_FORK);
    const fork = this.#highest - this.#roll(0, 12);
    const removed = this.#chain.splice(Math.max(lowest, fork) - this.#origin);
    for (const block of this.#losesOrphans ? [] : removed) {
      this.#orphans.set(block.hash, block);
    }
    this.mine(this.#roll(1, 12));
  }

  /** Messages of the next microbatch above a cursor; empty: nothing to send. */
  next(cursor: { number: number; hash: BlockHash } | null): Sent[] {
    let start = this.#origin;
    if (cursor !== null && this.#at(cursor.number)?.hash === cursor.hash) {
      start = cursor.number + 1;
    } else if (cursor !== null) {
      start = cursor.number;
      let orphan = this.#orphans.get(cursor.hash);
      while (orphan !== undefined && this.#at(orphan.number)?.hash !== orphan.hash) {
        start = orphan.number;
        orphan = this.#orphans.get(orphan.parent);
      }
    }
    const blocks = this.#chain.slice(start - this.#origin).slice(0, this.#roll(1, 20));
    const [first, last] = [blocks[0], blocks.at(-1)];
    if (first === undefined || last === undefined) {
      return [];
    }
    const range: BlockRange = {
      network: "toy",
      start: BigInt(first.number),
      end: BigInt(last.number),
      hash: last.hash,
      prevHash: this.#tellsParents ? first.parent : null,
      timestamp: null,
    };
    const sent: Sent[] = [];
    for (let at = 0; at < blocks.length; ) {
      const part = blocks.slice(at, at + this.#roll(0, 9));
      at += part.length;
      sent.push({ metadata: { ranges: [range], complete: false }, rowCount: part.length, blocks: part });
    }
    return [...sent, { metadata: { ranges: [range], complete: true }, rowCount: 0, blocks: [] }];
  }

  #at(number: number): Block | undefined {
    return this.#chain[number - this.#origin];
  }
}

/** What the database would hold, checked at each commit. */
class ToyTable {
  rows = new Map<number, BlockHash>();
  history: readonly Watermark[] = [];
  origin: bigint | null = null;

  commit(removal: Removal | null, microbatches: readonly Microbatch[], server: ToyServer): void {
    const stillTrue = server.chain.filter((block) => this.rows.get(block.number) === block.hash);
    if (removal !== null) {
      this.#remove(removal);
    }
    for (const { rows, watermark } of microbatches) {
      for (const row of rows) {
        if (this.rows.has(row.number)) {
          expect.unreachable(`block ${row.number} is stored twice`);
        }
        this.rows.set(row.number, row.hash);
      }
      this.history = [...this.history, watermark];
      this.origin ??= watermark.start;
    }
    this.history = pruneHistory(this.history, RETENTION);

    // Readers see one chain without holes, ending at the checkpoint.
    const tip = this.history.at(-1)!;
    expect(this.rows.size).toBe(Number(tip.end - this.origin! + 1n));
    let below: BlockHash | null = null;
    for (let number = Number(this.origin); number <= Number(tip.end); number++) {
      const block = server.everyBlock.get(this.rows.get(number)!);
      if (block === undefined || (below !== null && block.parent !== below)) {
        expect.unreachable(`a hole, or two forks that meet, at block ${number}`);
      }
      below = block.hash;
    }
    expect(this.rows.get(Number(tip.end))).toBe(tip.hash);
    const vanished = stillTrue.filter((block) => this.rows.get(block.number) !== block.hash);
    expect(vanished, "canonical blocks vanish for a moment").toEqual([]);
  }

  #remove({ from, parentHash }: Removal): void {
    if (from === null) {
      this.rows.clear();
      this.history = [];
      this.origin = null;
      return;
    }
    expect(this.rows.get(Number(from) - 1)).toBe(parentHash);
    this.rows = new Map([...this.rows].filter(([number]) => BigInt(number) < from));
    this.history = this.history
      .filter((entry) => entry.start < from)
      .map((entry) => (entry.end < from ? entry : { ...entry, end: from - 1n, hash: parentHash! }));
    expect(this.history.at(-1)).toMatchObject({ end: from - 1n, hash: parentHash });
  }
}

interface Microbatch {
  readonly rows: Block[];
  readonly watermark: Watermark;
}

/** The loop around `decide`, as a pass would run it. */
class ToyClient {
  readonly table = new ToyTable();
  readonly #server: ToyServer;
  readonly #roll: Dice;
  readonly #exact: boolean;
  #memory: StreamMemory;
  #serverCursor: { number: number; hash: BlockHash } | null = null;
  #queue: Sent[] = [];
  #removal: Removal | null = null;
  #finished: Microbatch[] = [];
  #openRows: Block[] = [];

  constructor(server: ToyServer, roll: Dice) {
    this.#server = server;
    this.#roll = roll;
    this.#exact = roll(0, 1) === 0;
    this.#memory = rememberStream({ network: null, committed: [], origin: null, retention: RETENTION });
  }

  /** Take one message; false: the server has none. */
  receive(): boolean {
    if (this.#queue.length === 0) {
      this.#queue = this.#server.next(this.#serverCursor);
      const range = this.#queue[0]?.metadata?.ranges[0];
      if (range === undefined) {
        this.#commitAll();
        return false;
      }
      this.#serverCursor = { number: Number(range.end), hash: range.hash };
    }
    this.#handle(this.#queue.shift()!);
    return true;
  }

  /** Connect again, as after a broken connection; a new process knows only the table. */
  connect(options: { newProcess: boolean }): void {
    this.#memory = options.newProcess
      ? rememberStream({
          network: this.#memory.network,
          committed: this.table.history,
          origin: this.table.origin,
          retention: RETENTION,
        })
      : startConnection(this.#memory);
    const base = baseOf(this.#memory);
    this.#serverCursor = base && { number: Number(base.end), hash: base.hash };
    this.#queue = [];
    this.#removal = null;
    this.#finished = [];
    this.#openRows = [];
  }

  #handle(message: Sent): void {
    let step = decide(this.#memory, message);
    if (step.kind === "flush") {
      this.#commitAll();
      step = decide(this.#memory, message);
    }
    if (step.kind === "ask_own_hash") {
      const own = this.#exact ? (this.table.rows.get(Number(step.block)) ?? null) : null;
      step = resolveOwnHash(this.#memory, message, own);
    }
    if (step.kind === "reconnect") {
      this.#memory = step.next;
      this.connect({ newProcess: false });
      expect(baseOf(this.#memory)).toEqual(step.cursor);
      return;
    }
    if (step.kind === "fail") {
      throw step.error;
    }
    if (step.kind !== "append") {
      expect.unreachable(`${step.kind} is not expected of this server`);
    }
    this.#memory = step.next;
    if (step.removal !== null) {
      expect(this.#finished).toEqual([]);
      this.#removal = step.removal;
    }
    this.#openRows.push(...message.blocks);
    if (step.watermark !== null) {
      this.#finished.push({ rows: this.#openRows, watermark: step.watermark });
      this.#openRows = [];
      if (step.mayCommit && this.#roll(0, 2) === 0) {
        this.#commitAll();
      }
    }
  }

  #commitAll(): void {
    const last = this.#finished.at(-1);
    if (last === undefined || !mayCommit(this.#memory)) {
      return;
    }
    this.table.commit(this.#removal, this.#finished, this.#server);
    this.#memory = committed(this.#memory, last.watermark);
    expect(this.#memory.committed).toEqual(this.table.history);
    expect(this.#memory.origin).toBe(this.table.origin);
    this.#removal = null;
    this.#finished = [];
  }
}

function hashOf(value: number): BlockHash {
  return `0x${value.toString(16).padStart(64, "0")}`;
}

function run(seed: number): void {
  const roll = dice(seed);
  const server = new ToyServer(roll);
  const client = new ToyClient(server, roll);
  for (let event = 0; event < 200; event++) {
    const what = roll(0, 19);
    if (what < 2) server.mine(roll(1, 30));
    else if (what < 4) server.reorg();
    else if (what === 4) client.connect({ newProcess: roll(0, 1) === 0 });
    else client.receive();
  }

  // The chain comes to rest beyond all that was ever seen, so that no replacement has to wait.
  server.mine(60);
  let messages = 0;
  while (client.receive()) {
    messages += 1;
    if (messages > 5_000) {
      expect.unreachable("the stream never comes to rest");
    }
  }
  expect([...client.table.rows.values()]).toEqual(server.chain.map((block) => block.hash));
}

describe("a chain that forks at random, borders at random, connections that break", () => {
  test(`every commit shows one whole chain, and the last one the canonical chain (${RUNS} seeds from ${FIRST_SEED})`, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      try {
        run(seed);
      } catch (cause) {
        throw new Error(`AMPSYNC_TEST_SEED=${seed} AMPSYNC_TEST_RUNS=1 fails`, { cause });
      }
    }
  });
});
