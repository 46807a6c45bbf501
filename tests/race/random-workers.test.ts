import type pg from "pg";
import { expect, test } from "vitest";

import { chosenSeeds } from "../support/chain/seeds.ts";
import { type Dice, dice } from "../support/dice.ts";
import { freezeClock, letTimePass, moveClock } from "../support/postgres/clock.ts";
import { clearQueue, supervise } from "../support/postgres/queue.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { registerDataset } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

/** What a test of the real thing would see of one: its calls, its heartbeat session, and the passes that it runs. */
interface SimulatedWorker {
  readonly id: string;
  readonly slots: number;
  heart: pg.Client;
  suspects: readonly string[];
  isFrozen: boolean;
  readonly passes: Map<string, string>;
}

/** A stream that may run is held by nobody alive for this many seconds at most: ten of them, others may leave it to each other. */
const LONGEST_GAP_S = 16;
const STORM_S = 45;
/** Leases of a frozen worker have run out by then, and whoever was stopped is gone. */
const RECOVERED_S = 40;
/** Within this time the streams are shared evenly. */
const SHARED_S = 60;

/** Workers that live second by second, by a clock that is moved, while things happen to them. */
class Fleet {
  readonly workers = new Map<string, SimulatedWorker>();
  readonly gaps = new Map<string, number>();
  longestGap = 0;
  readonly #dice: Dice;
  readonly #name: string;
  readonly #streams: number;
  #count = 0;
  #second = 0;

  constructor(name: string, streams: number, throwing: Dice) {
    this.#name = name;
    this.#streams = streams;
    this.#dice = throwing;
  }

  get awake(): readonly SimulatedWorker[] {
    return [...this.workers.values()].filter(({ isFrozen }) => !isFrozen);
  }

  get slots(): number {
    return this.awake.reduce((sum, { slots }) => sum + slots, 0);
  }

  async start(slots = this.#slots()): Promise<void> {
    const id = `${this.#name}-${++this.#count}`;
    const heart = await session();
    this.workers.set(id, { id, slots, heart, suspects: [], isFrozen: false, passes: new Map() });
    await db.query("select ampsync_worker.register_worker($1, 'machine', 1, '1.0.0', $2)", [id, slots]);
    await this.#beat(this.workers.get(id)!);
  }

  /** Something that happens to one of the workers. */
  async event(): Promise<void> {
    const worker = this.awake[this.#dice(0, this.awake.length - 1)]!;
    const mayLose = this.slots - worker.slots >= this.#streams && this.awake.length > 1;
    switch (this.#dice(0, 5)) {
      case 0: // kill -9
        if (!mayLose) return;
        this.workers.delete(worker.id);
        return await worker.heart.end();
      case 1: // SIGTERM
        if (!mayLose) return;
        await db.query("select ampsync_worker.register_worker($1, 'machine', 1, '1.0.0', 0)", [worker.id]);
        await this.#end(worker, [...worker.passes.keys()]);
        this.workers.delete(worker.id);
        return await worker.heart.end();
      case 2:
        if (this.workers.size < 5) await this.start();
        return;
      case 3: // Stopped for a while, as by SIGSTOP
        if (mayLose) worker.isFrozen = true;
        return;
      case 4:
        await worker.heart.end();
        worker.heart = await session();
        worker.suspects = [];
        return await this.#beat(worker);
      case 5: // The server ends some streams.
        return await this.#end(
          worker,
          [...worker.passes.keys()].filter(() => this.#dice(0, 9) === 0),
          "ended",
        );
    }
  }

  wake(): void {
    for (const worker of this.workers.values()) worker.isFrozen = false;
  }

  /** One second: looks, what beats are due, the supervisor, and whatever jobs are due by then. */
  async live(): Promise<void> {
    await moveClock(db, "1 s");
    this.#second++;
    for (const worker of this.awake) {
      const { rows } = await worker.heart.query(
        "select ampsync_worker.find_dead_workers($1, $2) as suspects",
        [worker.id, worker.suspects],
      );
      worker.suspects = rows[0].suspects;
    }
    for (const [i, worker] of this.awake.entries()) {
      if ((this.#second + i) % 5 === 0) await this.#beat(worker);
    }
    if (this.#second % 5 === 0) await supervise(db);
    await this.#takeJobs();
    await this.#countGaps();
  }

  /** Heartbeats alone; resolves to how many passes they asked to yield. */
  async beat(): Promise<number> {
    let asked = 0;
    for (const worker of this.awake) asked += (await this.#verdicts(worker)).length;
    return asked;
  }

  async shares(): Promise<{ worker: string; held: number; share: number }[]> {
    const { rows } = await db.query(
      `select worker_id as worker, held::int, share::float8 from ampsync_private.sharing()
        where worker_id = any ($1) order by 1`,
      [[...this.workers.keys()]],
    );
    return rows as { worker: string; held: number; share: number }[];
  }

  async end(): Promise<void> {
    for (const { heart } of this.workers.values()) await heart.end();
  }

  /** Half of the streams at least. */
  #slots(): number {
    return this.#dice(Math.ceil(this.#streams / 2), 2 * this.#streams);
  }

  async #verdicts(worker: SimulatedWorker): Promise<{ stream_id: string; verdict: string }[]> {
    const leases = [...worker.passes].map(([stream_id, epoch]) => ({ stream_id, epoch }));
    const { rows } = await worker.heart.query(
      "select stream_id, verdict from ampsync_worker.renew_leases($1, $2) where verdict <> 'keep'",
      [worker.id, JSON.stringify(leases)],
    );
    return rows;
  }

  async #beat(worker: SimulatedWorker): Promise<void> {
    const verdicts = await this.#verdicts(worker);
    for (const { stream_id, verdict } of verdicts) if (verdict === "lost") worker.passes.delete(stream_id);
    await this.#end(
      worker,
      verdicts.filter(({ verdict }) => verdict === "yield").map(({ stream_id }) => stream_id),
    );
  }

  async #end(worker: SimulatedWorker, streams: readonly string[], outcome = "yielded"): Promise<void> {
    await db.query(
      `select ampsync_worker.end_pass(p.stream_id, p.epoch, $3, '{"code": "SY104", "message": "ended"}')
         from unnest($1::bigint[], $2::bigint[]) p (stream_id, epoch)`,
      [streams, streams.map((stream) => worker.passes.get(stream)), outcome],
    );
    for (const stream of streams) worker.passes.delete(stream);
  }

  /** Whoever has a free slot takes the next pass, by chance. Short jobs have slots of their own. */
  async #takeJobs(): Promise<void> {
    await db.query("delete from graphile_worker._private_jobs where key !~ '^ampsync_stream:'");
    const free = this.awake.flatMap((worker) =>
      Array<SimulatedWorker>(Math.max(0, worker.slots - worker.passes.size)).fill(worker),
    );
    const { rows } = await db.query(
      `with due as (select j.id, j.key from graphile_worker.jobs j
                     where j.task_identifier = 'ampsync_stream' and j.locked_at is null
                       and j.run_at <= greatest(ampsync_private.now(), clock_timestamp())
                     order by j.id limit $1)
       select d.key, (select count(*) from graphile_worker.complete_jobs(array(select id from due))) as done
         from due d`,
      [free.length],
    );
    const takers = rows.map(() => free.splice(this.#dice(0, free.length - 1), 1)[0]!);
    const { rows: granted } = await db.query(
      `select p.stream_id, p.worker_id, a.epoch
         from unnest($1::bigint[], $2::text[]) p (stream_id, worker_id)
        cross join lateral ampsync_worker.acquire_lease(p.stream_id, p.worker_id) a`,
      [rows.map((row) => String(row["key"]).split(":")[1]), takers.map(({ id }) => id)],
    );
    for (const { stream_id, worker_id, epoch } of granted)
      this.workers.get(worker_id)!.passes.set(stream_id, epoch);
  }

  /** A frozen worker holds its streams until its leases run out. */
  async #countGaps(): Promise<void> {
    const { rows } = await db.query(
      `select l.stream_id from ampsync_private.lease l
         join ampsync_private.stream s using (stream_id)
        where (l.lease_until > ampsync_private.now() and l.holder = any ($1)) is not true
          and (s.next_retry > ampsync_private.now()) is not true`,
      [[...this.workers.keys()]],
    );
    const idle = new Set(rows.map((row) => row["stream_id"] as string));
    for (const stream of this.gaps.keys()) if (!idle.has(stream)) this.gaps.delete(stream);
    for (const stream of idle) {
      const gap = (this.gaps.get(stream) ?? 0) + 1;
      this.gaps.set(stream, gap);
      this.longestGap = Math.max(this.longestGap, gap);
    }
  }
}

async function session(): Promise<pg.Client> {
  const client = await db.client();
  client.on("error", () => {});
  return client;
}

test.each(chosenSeeds() ?? [1])(
  "workers that start, stop, die and freeze: each stream is held again soon, all are shared evenly, and then none moves (%i)",
  async (seed) => {
    const throwing = dice(seed);
    const streams = throwing(10, 60);
    await db.query("truncate ampsync_private.dataset, ampsync_private.worker cascade");
    await clearQueue(db);
    await freezeClock(db); // A second takes as long as it takes.
    await moveClock(db, "6 s"); // The server did not start just now.
    await registerDataset(
      db,
      `chain_${seed}`,
      Array.from({ length: streams }, (_, i) => `t${i}`),
    );
    const fleet = new Fleet(`w${seed}`, streams, throwing);
    for (let i = throwing(1, 4); i > 0 || fleet.slots < streams; i--) await fleet.start();
    for (let second = 0; second < STORM_S; second++) {
      if (throwing(0, 5) === 0) await fleet.event();
      await fleet.live();
    }
    fleet.wake();
    for (let second = 0; second < RECOVERED_S; second++) await fleet.live();
    await letTimePass(db, "5 min"); // Whoever had to take streams keeps them for so long.
    for (let second = 0; second < SHARED_S; second++) await fleet.live();
    expect(fleet.longestGap).toBeLessThanOrEqual(LONGEST_GAP_S);

    const shares = await fleet.shares();
    const told = JSON.stringify(shares);
    if (fleet.workers.size > 1) {
      expect(shares.reduce((sum, { held }) => sum + held, 0)).toBe(streams);
      for (const { held, share } of shares) {
        expect(held, told).toBeGreaterThanOrEqual(Math.floor(0.9 * share));
        expect(held, told).toBeLessThanOrEqual(Math.max(Math.ceil(share), 1.1 * share));
      }
    }
    for (let beats = 0; beats < 20; beats++) {
      await letTimePass(db, "30 s");
      await clearQueue(db); // The supervisor's next run.
      expect(await fleet.beat()).toBe(0);
    }
    expect(await fleet.shares()).toEqual(shares);
    await fleet.end();
  },
);
