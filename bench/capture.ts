import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import { PgOutputDecoder } from "../src/capture/pgoutput.ts";
import { Replication } from "../src/capture/replication.ts";
import { lsnOf } from "../src/model/lsn.ts";
import { PassProcess } from "../tests/support/capture/pass-worker.ts";
import { publish } from "../tests/support/capture/rig.ts";
import { connectDatabase, type TestDatabase } from "../tests/support/postgres/database.ts";
import { waitFor } from "../tests/support/wait-for.ts";
import { type Figures, median, round } from "./figures.ts";
import { Lab } from "./lab/lab.ts";
import type { Report } from "./print.ts";

const ROWS_PER_TRANSACTION = 10;
const MIB = 1024 * 1024;
const LONGEST_MS = 15 * 60_000;

export interface CaptureOptions {
  readonly rows: number;
  readonly commits: number;
  /** Of the one large transaction; null: none. */
  readonly large: number | null;
}

/** Changes of a table on their way into the log: how many a second, how late, and what a process takes for them. */
export async function benchCapture({ rows, commits, large }: CaptureOptions): Promise<Report> {
  await using lab = await Lab.start({ wal_level: "logical" });
  await using made = await lab.createDatabase();
  await using db = connectDatabase("bench", made.url, async () => {});
  await db.query("create table items (id bigint primary key, body text)");
  await publish(db, ["items"]);
  await db.query(
    `create procedure fill(from_id bigint, rows bigint) language plpgsql as $$
     begin
       for i in 0 .. rows / ${ROWS_PER_TRANSACTION} - 1 loop
         insert into items select from_id + i * ${ROWS_PER_TRANSACTION} + n, repeat(md5(n::text), 15)
           from generate_series(1, ${ROWS_PER_TRANSACTION}) n;
         commit;
       end loop;
     end; $$`,
  );
  const cases: Figures = {};
  Object.assign(cases, await rates(db, rows));
  await using process = new PassProcess({ databaseUrl: db.url, workerId: "bench" });
  await waitFor("the pass to read", () => process.hasSaid("capture_taken"), LONGEST_MS);
  Object.assign(cases, await delays(db, commits));
  if (large !== null) Object.assign(cases, await memory(db, process.pid, large));
  return { about: { postgres: lab.postgresVersion, rows, commits }, cases: [cases] };
}

/** The same changes read and thrown away, and brought into the log. */
async function rates(db: TestDatabase, rows: number): Promise<Figures> {
  const { rows: made } = await db.query(
    "select lsn::text as lsn from pg_create_logical_replication_slot('bench_bare', 'pgoutput')",
  );
  await db.query("call fill(0, $1)", [rows]);
  const transactions = rows / ROWS_PER_TRANSACTION;
  const bareMs = await timed(() => readBare(db.url, lsnOf(made[0]!["lsn"]), transactions));
  await db.query("select pg_drop_replication_slot('bench_bare')");
  await using _process = new PassProcess({ databaseUrl: db.url, workerId: "bench rates" });
  await waitFor("the pass to read", () => _process.hasSaid("capture_taken"), LONGEST_MS);
  const capturedMs = await timed(async () => await untilLogged(db, transactions));
  return {
    changes_per_s: Math.round(rows / (capturedMs / 1000)),
    bare_per_s: Math.round(rows / (bareMs / 1000)),
    ratio: round(bareMs / capturedMs, 2),
  };
}

async function readBare(url: string, startLsn: bigint, transactions: number): Promise<void> {
  const signal = new AbortController().signal;
  await using replication = await Replication.open({
    ...{ url, slot: "bench_bare", publication: "ampsync", workerId: "reader", startLsn, signal },
  });
  let commits = 0;
  for await (const frame of replication.frames(signal)) {
    if (frame.kind === "data" && frame.bytes[0] === "C".charCodeAt(0)) {
      const { kind } = new PgOutputDecoder().decode(frame.bytes);
      if (kind === "commit" && ++commits === transactions) return;
    }
  }
}

async function untilLogged(db: TestDatabase, transactions: number): Promise<void> {
  await waitFor(
    "the log to have it",
    async () => {
      const { rows } = await db.query(
        "select count(*)::int as n from ampsync_private.change_tx t where t.kind = 'rows'",
      );
      return rows[0]!["n"] >= transactions;
    },
    LONGEST_MS,
  );
}

/** From the answer to COMMIT until a listener has heard that the log has it. */
async function delays(db: TestDatabase, commits: number): Promise<Figures> {
  const [writer, listener] = [await db.client(), await db.client()];
  await listener.query("listen ampsync_log");
  const late: number[] = [];
  const committing: number[] = [];
  for (let n = 0; n < commits; n++) {
    await pause(60); // Notifications come every 50 ms at most: this one is to come at once.
    const heard = new Promise<void>((resolve) => listener.once("notification", () => resolve()));
    committing.push(
      await timed(async () => void (await writer.query("insert into items values ($1, 'a')", [-n - 1]))),
    );
    late.push(await timed(async () => await heard));
  }
  const [p50, p99] = [at(late, 0.5), at(late, 0.99)];
  return {
    commit_ms: round(median(committing), 2),
    commit_to_log_p50_ms: round(p50, 2),
    commit_to_log_p99_ms: round(p99, 2),
    p50_in_commits: round(p50 / median(committing), 2),
  };
}

async function memory(db: TestDatabase, pid: number, rows: number): Promise<Figures> {
  const before = rssOf(pid);
  let most = before;
  const looks = setInterval(() => {
    most = Math.max(most, rssOf(pid));
  }, 20);
  await db.query(
    "insert into items select 1000000000 + i, repeat(md5(i::text), 15) from generate_series(1, $1::bigint) i",
    [rows],
  );
  const ms = await timed(async () => {
    await waitFor(
      "the log to have it",
      async () => {
        const { rows: found } = await db.query(
          "select max(t.changes) as most from ampsync_private.change_tx t",
        );
        return found[0]!["most"] === rows;
      },
      LONGEST_MS,
    );
  });
  clearInterval(looks);
  return {
    large_rows: rows,
    large_per_s: Math.round(rows / (ms / 1000)),
    large_memory_mib: Math.round((most - before) / MIB),
  };
}

/** Linux alone tells. */
function rssOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function at(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
