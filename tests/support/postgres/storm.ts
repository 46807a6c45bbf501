import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { type Dice, dice } from "../dice.ts";
import { moveClock } from "./clock.ts";
import type { TestDatabase } from "./database.ts";
import type { Connection } from "./sql-stream.ts";
import { adopt, onePass, register, streamsOf, VERSIONS } from "./storm-worker.ts";

/** Addresses are not asked: the server is played. */
const SOURCES = ["", "http://other-amp:1602", "http://third-amp:1602"];
const RENAMES = ['{"logs": "events"}', '{"traces": "calls"}', '{"traces": null}', '{"logs": null}'];
const EXCLUDED = ['{"traces": ["note"]}', '{"traces": null}', '{"blocks": ["other"]}', '{"blocks": null}'];
const QUERY = 'SELECT * FROM \\"_/chain@1.0.0\\".logs';
const QUERIES = [`{"mart": "${QUERY}"}`, `{"logs": "${QUERY}"}`, '{"logs": null}'];
const WANTED_INDEXES = ['{"blocks": [["note"]]}', '{"blocks": [["note"], ["block_hash desc"]]}', "{}"];
/** Errors that a caller may see: ours, a lock that was not to be had, and what ends a writer. */
const EXPECTED = /^(SY[0-8]..|55P03|57P01|57014)$/;
const USER_PAUSE_MS = 25;

/** One of those who do something at once: a connection, which is made again when its backend was ended. */
class Caller implements Connection {
  readonly #storm: Storm;
  #client: pg.Client | null = null;

  constructor(storm: Storm) {
    this.#storm = storm;
  }

  async query(text: string, params: unknown[] = []): Promise<pg.QueryResult> {
    if (this.#client === null) {
      this.#client = new pg.Client({ connectionString: this.#storm.db.url });
      this.#client.on("error", () => {}); // Its queries fail as well.
      await this.#client.connect();
    }
    return await this.#client.query(text, params);
  }

  /** What fails is counted, or a fault. */
  async attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.#storm.count(`${what} ok`);
    } catch (error) {
      const { code, message, detail, where } = error as pg.DatabaseError;
      const isCut = code === undefined && /terminated|not queryable/.test(message);
      this.#storm.count(`${what} ${code ?? (isCut ? "cut" : "none")}`);
      if (!isCut && !EXPECTED.test(code ?? "")) {
        this.#storm.faults.push([what, code, message, detail, where].join(" | ").slice(0, 1000));
      }
      const hasEnded = isCut || code === "57P01";
      if (!hasEnded) await this.#client?.query("rollback");
      else await this.end();
    }
  }

  async end(): Promise<void> {
    await this.#client?.end().catch(() => {});
    this.#client = null;
  }
}

/**
 * Users, workers and jobs of several datasets at once, on real connections and in no order: what they do is drawn,
 * when they do it is not. The server is played by its answers: each version has its tables, each block one row.
 */
export class Storm implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly faults: string[] = [];
  readonly counts = new Map<string, number>();
  readonly datasets: readonly string[];
  readonly #callers: Caller[] = [];
  #isOver = false;

  constructor(db: TestDatabase, datasets: readonly string[]) {
    this.db = db;
    this.datasets = datasets;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Rages until somebody says `abate`. */
  async rage(seed: number): Promise<void> {
    this.#isOver = false;
    const roles = ["user", "user", "worker", "worker", "worker", "job", "job", "job"] as const;
    await Promise.all(
      roles.map(async (role, i) => {
        const roll = dice(seed * 100 + i);
        const caller = this.#caller();
        const act = {
          user: () => userCall(caller, roll, this.datasets),
          worker: () => pass(caller, roll, `worker-${i}`),
          job: () => jobCall(caller, roll, this.datasets),
        }[role];
        // Users are slower than what they set in motion, else nothing ever ends.
        for (; !this.#isOver; await pause(role === "user" ? USER_PAUSE_MS : 1)) await act();
      }),
    );
  }

  abate(): void {
    this.#isOver = true;
  }

  #caller(): Caller {
    const caller = new Caller(this);
    this.#callers.push(caller);
    return caller;
  }

  /** Nobody disturbs any more: everything is resumed, and done in turn until nothing is left; resolves to what is left. */
  async settle(): Promise<readonly string[]> {
    const caller = this.#caller();
    let left: readonly string[] = [];
    for (let round = 0; round < 40; round++) {
      await moveClock(this.db, round % 2 === 0 ? "31 s" : "16 min"); // Leases run out, and what waits for a time is due.
      for (const dataset of this.datasets) {
        if (round === 0) await caller.query("select ampsync.enqueue_sync($1)", [dataset]);
        await caller.query("select ampsync.resume_sync($1)", [dataset]);
        const { rows } = await caller.query(
          "select d.dataset_id, d.resolved_version, d.offered_version from ampsync_private.dataset d where d.name = $1",
          [dataset],
        );
        const { dataset_id: id, resolved_version: resolved, offered_version: offered } = rows[0]!;
        if (resolved === null) await register(caller, id);
        if (offered !== null) await adopt(caller, id, offered);
        for (const stream of await streamsOf(caller, id)) {
          await onePass(caller, stream, "worker-last", 7, "yielded");
          await caller.query("select ampsync_worker.swap_resync($1)", [stream]);
        }
        await caller.query("select ampsync_worker.build_indexes($1)", [id]);
        await caller.query("select ampsync_worker.advance_upgrade($1)", [id]);
        await caller.query("select ampsync_worker.advance_upgrade($1)", [id]);
      }
      left = await unsettled(this.db);
      if (left.length === 0) break;
    }
    return left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const caller of this.#callers) await caller.end();
  }
}

type Call = readonly [what: string, text: string, params?: unknown[]];

async function userCall(caller: Caller, roll: Dice, datasets: readonly string[]): Promise<void> {
  const pick = <T>(from: readonly T[]): T => from[roll(0, from.length - 1)]!;
  const dataset = pick(datasets);
  const of = (name: string, more = "", ...params: unknown[]): Call => [
    name,
    `select ampsync.${name}($1${more})`,
    [dataset, ...params],
  ];
  const calls: readonly Call[] = [
    of("enqueue_sync"),
    of("enqueue_sync", ", indexes => $2", pick(WANTED_INDEXES)),
    of("enqueue_sync", ", value_policy => $2", pick(["fail", "null"])),
    of("enqueue_sync", ", on_new_version => $2", pick(["continue", "resync"])),
    of("resume_sync"),
    of("resume_sync"),
    of("resync"),
    of("resync", ", 'blocks'"),
    of("repair", ", 'blocks', 2, 4"),
    of("rollback_version"),
    of("explain_sync"),
    of("verify"),
    of("verify", ", 'blocks'"),
    of("repair", ", 'logs', 0, 3"),
    of("cancel_repair"),
    of("cancel_repair", ", 'blocks'"),
    of("alter_sync", ", rename => $2", pick(RENAMES)),
    of("alter_sync", ", exclude_columns => $2", pick(EXCLUDED)),
    of("alter_sync", ", indexes => $2", pick(WANTED_INDEXES)),
    of("alter_sync", ", queries => $2", pick(QUERIES)),
    of("alter_sync", ", queries => $2, tables => '{blocks,logs,mart}'", pick(QUERIES)),
    of("resync", ", 'logs'"),
    of("set_source", ", $2", pick(SOURCES)),
    of("set_source"),
    ["doctor", "select * from ampsync.doctor()"],
    ["status", "select * from ampsync.status"],
    ["streams", "select * from ampsync.streams"],
    ["upgrades", "select * from ampsync.upgrades"],
    ["progress", "select * from ampsync.progress"],
    ["indexes", "select * from ampsync.indexes"],
    ["former_tables", "select * from ampsync.former_tables"],
  ];
  const rare = roll(0, 49);
  const [what, text, params] =
    rare === 0
      ? of("pause_sync")
      : rare === 1
        ? of("drop_sync", ", drop_tables => true")
        : rare === 2
          ? of("cancel_resync")
          : pick(calls);
  await caller.attempt(what, () => caller.query(text, params));
}

async function jobCall(caller: Caller, roll: Dice, datasets: readonly string[]): Promise<void> {
  const pick = <T>(from: readonly T[]): T => from[roll(0, from.length - 1)]!;
  await caller.attempt("job", async () => {
    const { rows } = await caller.query(
      "select dataset_id, offered_version from ampsync_private.dataset where name = $1",
      [pick(datasets)],
    );
    const id: string | null = rows[0]?.dataset_id ?? null;
    const streams = await streamsOf(caller, id);
    const stream = streams.length === 0 ? null : pick(streams);
    const call = (text: string, ...params: unknown[]) =>
      caller.query(`select ampsync_worker.${text}`, params);
    const offered: string | null = rows[0]?.offered_version ?? null;
    const noteVersion = () =>
      call("note_version($1, $2, null, true, ampsync_private.now(), '5 s')", id, pick(Object.keys(VERSIONS)));
    const jobs: readonly (() => Promise<unknown>)[] = [
      () => register(caller, id),
      () =>
        call(
          "note_version($1, $2, null, true, ampsync_private.now(), '5 s')",
          id,
          pick(Object.keys(VERSIONS)),
        ),
      () => call("begin_reload($1)", id),
      () => call("supervise()"),
      () => call("build_indexes($1)", id),
      () => call("advance_upgrade($1)", id),
      () => call("advance_upgrade($1)", id),
      () => call("prune_formers()"),
      () => call("next_index_step($1)", stream),
      () => call("swap_resync($1)", stream),
      () => call("defer_swap($1, '{}')", stream),
      () =>
        caller.query(
          "delete from graphile_worker._private_jobs j where j.id = (select i.id from graphile_worker._private_jobs i limit 1 for update skip locked)",
        ),
    ];
    if (roll(0, 299) === 0) await noteVersion();
    else if (offered !== null && roll(0, 4) === 0) await adopt(caller, id!, offered);
    else await pick(jobs)();
  });
}

async function pass(caller: Caller, roll: Dice, worker: string): Promise<void> {
  await caller.attempt("pass", async () => {
    const { rows } = await caller.query(
      "select s.stream_id from ampsync_private.stream s where s.state <> 'former' order by s.stream_id",
    );
    if (rows.length === 0) return;
    const end = roll(0, 3) > 0 ? "yielded" : (["ended", "failed", "died"] as const)[roll(0, 2)]!;
    await onePass(caller, rows[roll(0, rows.length - 1)]!.stream_id, worker, roll(1, 7), end);
  });
}

/** What has neither come to rest nor says why not. */
async function unsettled(db: TestDatabase): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select format('%s.%s is %s', d.label, s.table_name, s.state) as "left"
       from ampsync_private.stream s join ampsync_private.dataset d using (dataset_id)
      where s.state not in ('live', 'former', 'orphaned') and s.error ->> 'hint' is null
         or s.shadow_of is not null and s.state <> 'former'
            and not (s.state = 'orphaned' -- With its stream, until a version has the table again.
                     and exists (select from ampsync_private.stream l
                                  where l.stream_id = s.shadow_of and l.state = 'orphaned'))
     union all
     select format('%s was offered %s', d.label, d.offered_version)
       from ampsync_private.dataset d
      where d.offered_version is not null and d.offered_error ->> 'hint' is null
     union all
     select format('%s is upgraded', d.label)
       from ampsync_private.upgrade u join ampsync_private.dataset d using (dataset_id)`,
  );
  return rows.map((row) => row["left"]);
}
