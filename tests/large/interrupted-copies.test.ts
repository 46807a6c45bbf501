// Takes 24 s.
import { hash as hashOf, randomFillSync } from "node:crypto";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";

import pg from "pg";
import { expect, test } from "vitest";

import { Budget } from "../../src/commit/budget.ts";
import { CommitQueue } from "../../src/commit/commit-queue.ts";
import type { MicrobatchEnd } from "../../src/commit/microbatch-buffer.ts";
import { WriteTransaction } from "../../src/commit/write.ts";
import { createPool } from "../../src/db/pool.ts";
import { ServerWait } from "../../src/db/server-wait.ts";
import { NO_FAULTS } from "../../src/fault-points.ts";
import { createLog } from "../../src/log.ts";
import { COMMIT_LIMITS } from "../../src/model/limits.ts";
import { Permits } from "../../src/model/permits.ts";
import { type Dice, dice } from "../support/dice.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const SEED = Number(process.env["AMPSYNC_TEST_SEED"] ?? 1);
const MIB = 1024 * 1024;
const STREAMS = 8;
const PERMITS = 3;
/** Of one stream. */
const TOTAL_BYTES = 40 * MIB;
const FAULTS = 60;
const BUDGET_BYTES = 24 * MIB;

interface End extends MicrobatchEnd {
  /** Its last row. */
  readonly last: number;
  /** Of the stream, up to and including that row. */
  readonly bytes: number;
}

/** One row of COPY: the stream, its number, random bytes, and their hash. */
function writeRow(bytes: Uint8Array, at: number, size: number, stream: number, row: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, size);
  const content = view.subarray(22, size - 20);
  view.writeInt16BE(4, 0);
  view.writeInt32BE(4, 2);
  view.writeInt32BE(stream, 6);
  view.writeInt32BE(4, 10);
  view.writeInt32BE(row, 14);
  view.writeInt32BE(content.length, 18);
  randomFillSync(content);
  view.writeInt32BE(16, size - 20);
  view.set(hashOf("md5", content, "buffer"), size - 16);
}

function sizeOf(roll: Dice): number {
  const [least, most] = [
    [50, 500],
    [50, 70_000],
    [50, 600_000],
    [MIB - 10, MIB + 10],
    [2 * MIB, 5 * MIB],
  ][[0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 4][roll(0, 10)]!] as [number, number];
  return roll(least, most);
}

/** A stream whose rows go on from its checkpoint, however often its connection ends. */
class Source {
  /** For looks at what is committed. */
  readonly #looks: pg.Pool;
  readonly #pool: pg.Pool;
  readonly #stream: number;
  readonly #roll: Dice;
  readonly #limits: { readonly permits: Permits; readonly budget: Budget };
  #abandoned = new AbortController();
  isOver = false;

  constructor(
    looks: pg.Pool,
    pool: pg.Pool,
    stream: number,
    limits: { readonly permits: Permits; readonly budget: Budget },
  ) {
    this.#looks = looks;
    this.#pool = pool;
    this.#stream = stream;
    this.#roll = dice(100 * SEED + stream);
    this.#limits = limits;
  }

  abandon(): void {
    this.#abandoned.abort(new Error("abandoned"));
  }

  /** Begins again until all is committed. Returns how often it was interrupted. */
  async run(): Promise<number> {
    for (let interruptions = 0; ; interruptions++) {
      try {
        await this.#connection();
        this.isOver = true;
        return interruptions;
      } catch (error) {
        expect(String(error)).toMatch(/abandoned|terminat|ECONNRESET|EPIPE|ECONNREFUSED|connection/i);
      }
    }
  }

  async #connection(): Promise<void> {
    this.#abandoned = new AbortController();
    const { rows: found } = await this.#looks.query(
      "select coalesce(max(last), -1) as last, coalesce(max(bytes), 0) as bytes from checkpoint where stream = $1",
      [this.#stream],
    );
    let row = found[0]!["last"] + 1;
    let bytes = found[0]!["bytes"];
    if (bytes >= TOTAL_BYTES) return; // Cut off after COMMIT, before the answer.
    const target = { schema: "public", table: "loaded", columns: ["stream", "row", "content", "hash"] };
    const options = { pool: this.#pool, target, wait: new ServerWait(), faults: NO_FAULTS };
    await using queue = new CommitQueue<string, End>({
      statements: {
        begin: () => "do $$ begin end $$",
        end: (ends) =>
          `insert into public.checkpoint values (${this.#stream}, ${ends.at(-1)!.last}, ${ends.at(-1)!.bytes})`,
      },
      open: (begin, end, signal) => WriteTransaction.open({ ...options, signal }, begin, end),
      limits: { ...COMMIT_LIMITS, spillBytes: [1, MIB, 8 * MIB][this.#roll(0, 2)]! },
      ...this.#limits,
      onCommitted: () => {},
      onFailed: () => {},
      abandoned: this.#abandoned.signal,
    });
    while (bytes < TOTAL_BYTES) {
      queue.openMicrobatch(null);
      const before = { row, bytes };
      for (const most = [1, MIB, 20 * MIB][this.#roll(0, 2)]!; bytes < before.bytes + most; row++) {
        const size = sizeOf(this.#roll);
        const reserved = queue.reserve(size);
        writeRow(reserved.bytes, reserved.at, size, this.#stream, row);
        queue.addRows(1);
        bytes += size;
        if (this.#roll(0, 3) === 0) await queue.room();
        if (this.#roll(0, 3) === 0) await turn();
      }
      if (this.#roll(0, 5) === 0) {
        queue.dropMicrobatch();
        ({ row, bytes } = before);
      } else {
        const end = { last: row - 1, bytes, ledger: { rows: row - before.row, idXor: 0n } };
        queue.finishMicrobatch({ ...end, report: { rejected: [], nulled: [], nuls: [] } }, true);
      }
      await queue.room();
    }
    await queue.settle();
  }
}

test("COPYs that are cut, stalled, terminated and abandoned at any moment leave whole rows, each once, and give back all that they hold", async () => {
  await using stack = new AsyncDisposableStack();
  const db = stack.use(await createDatabase({ empty: true }));
  await db.query(`
    create unlogged table loaded (stream int, row int, content bytea, hash bytea);
    alter table loaded alter content set storage external;
    create unlogged table checkpoint (stream int, last int, bytes int)`);
  const looks = new pg.Pool({ connectionString: db.url, max: 2 });
  stack.defer(() => looks.end());
  const proxy = stack.use(await TcpProxy.toPostgres(db.url));
  const log = createLog("error", () => {});
  const pool = createPool({ url: proxy.url(db.url), max: PERMITS, queryTimeoutMs: 0, name: "copies" }, log);
  stack.defer(() => pool.end());
  stack.defer(() => proxy.resume());

  const permits = new Permits(PERMITS);
  const budget = new Budget(BUDGET_BYTES);
  const sources = Array.from(
    { length: STREAMS },
    (_, stream) => new Source(looks, pool, stream, { permits, budget }),
  );
  const running = Promise.all(sources.map((source) => source.run()));
  running.catch(() => {}); // Told at the end.

  const roll = dice(SEED);
  for (let fault = 0; fault < FAULTS && !sources.every(({ isOver }) => isOver); fault++) {
    await pause(roll(0, 150));
    const { connections } = proxy;
    switch (roll(0, 4)) {
      case 0:
        connections[roll(0, connections.length - 1)]?.cut(roll(0, 1) === 0 ? "reset" : "end");
        break;
      case 1:
        await db.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'copies' and datname = current_database() offset $1 limit 1`,
          [roll(0, PERMITS - 1)],
        );
        break;
      case 2:
        sources[roll(0, STREAMS - 1)]!.abandon();
        break;
      case 3: // Half open: what was sent is on its way, and nothing answers.
        proxy.stallAll();
        await pause(roll(0, 100));
        if (roll(0, 1) === 0) proxy.cutAll();
        proxy.resume();
        break;
      case 4: // A slow network.
        proxy.watch = roll(0, 1) === 0 ? null : () => turn();
    }
  }
  proxy.watch = null;
  const interruptions = (await running).reduce((sum, each) => sum + each);
  expect(interruptions).toBeGreaterThan(10);

  const { rows: found } = await db.query(
    `select stream, count(*)::int as rows, count(distinct row)::int as different, max(row) as last,
            (select max(c.last) from checkpoint c where c.stream = l.stream) as checkpoint,
            bool_and(hash = decode(md5(content), 'hex')) as "areWhole"
       from loaded l group by stream order by stream`,
  );
  expect(found).toHaveLength(STREAMS);
  for (const { rows, different, last, checkpoint, areWhole } of found) {
    expect([different, last, checkpoint, areWhole]).toEqual([rows, rows - 1, rows - 1, true]);
  }
  budget.take(BUDGET_BYTES - 1); // Nothing else is held.
  expect(budget.isExhausted).toBe(false);
  const all = await Promise.all(
    Array.from({ length: PERMITS }, () => permits.take(AbortSignal.timeout(1_000))),
  );
  expect(all).toHaveLength(PERMITS);
});
