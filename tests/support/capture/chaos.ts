import { setTimeout as pause } from "node:timers/promises";

import type { FaultPoint } from "../../../src/fault-points.ts";
import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { waitFor } from "../wait-for.ts";
import { createLoadedTables, LOADED_TABLES, Load } from "./load.ts";
import { beginLedger, judgeLog } from "./oracle.ts";
import { PassProcess } from "./pass-worker.ts";
import { publish, untilCaptured } from "./rig.ts";

/** The statements of a pass, before and after. */
const POINTS: readonly FaultPoint[] = [
  "capture_begun",
  "capture_taken",
  "capture_before_store",
  "capture_stored",
  "capture_before_commit",
  "capture_committed",
  "capture_acknowledged",
  "capture_idle_stored",
];
/** What a process gets to live at most once it reads the slot. */
const LONGEST_LIFE_MS = 150;

interface Killed {
  readonly killed: number;
  readonly transactions: number;
  readonly changes: number;
  /** What was lost, doubled or misplaced. */
  readonly differences: readonly string[];
}

async function begin(db: TestDatabase): Promise<void> {
  await createLoadedTables(db);
  await publish(db, LOADED_TABLES);
  await beginLedger(db);
}

/** A transaction that does not fit in one call. */
async function writeLarge(db: TestDatabase, n: number): Promise<void> {
  await db.query(
    `begin; set local synchronous_commit = local;
     insert into items select 9, ${n} * 10000 + i, i from generate_series(1, 2500) i; commit`,
  );
}

/** Processes that are killed where they reach each point of a pass, under load; the last one brings all into the log. */
export async function killCaptureAt(db: TestDatabase): Promise<Killed> {
  await begin(db);
  let killed = 0;
  {
    await using _load = await Load.start(db, { writers: 2, pauseMs: 10 });
    for (const [n, point] of POINTS.entries()) {
      await using process = new PassProcess({ databaseUrl: db.url, workerId: `killed ${n}`, point });
      await writeLarge(db, n);
      await db.query("select pg_logical_emit_message(false, 'ampsync/beat', '')");
      const { signal } = await process.ended;
      killed += Number(signal === "SIGKILL");
    }
  }
  return { killed, ...(await finish(db)) };
}

/** Processes that are killed at random moments. */
export async function killCapture(
  db: TestDatabase,
  { kills, seed, onKill = () => {} }: { kills: number; seed: number; onKill?: (n: number) => void },
): Promise<Killed> {
  await begin(db);
  const throws = dice(seed);
  {
    await using _load = await Load.start(db, { seed, pauseMs: 10 });
    for (let n = 0; n < kills; n++) {
      await using process = new PassProcess({ databaseUrl: db.url, workerId: `killed ${n}` });
      if (throws(0, 2) === 0) await writeLarge(db, n);
      await waitFor("the process to read the slot", () => process.hasSaid("capture_taken"));
      await pause(throws(0, LONGEST_LIFE_MS));
      await process.kill();
      onKill(n);
    }
  }
  return { killed: kills, ...(await finish(db)) };
}

async function finish(db: TestDatabase): Promise<Omit<Killed, "killed">> {
  await using _last = new PassProcess({ databaseUrl: db.url, workerId: "last" });
  await untilCaptured(db);
  const { transactions, changes, differences } = await judgeLog(db);
  return { transactions, changes, differences: [...differences, ...(await hidden(db))] };
}

/** Rows that belong to no entry of the log are named as left over, or they would stay for ever. */
async function hidden(db: TestDatabase): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select distinct c.tx_id::text as tx_id
       from ampsync_private.change c
      where not exists (select from ampsync_private.change_tx t where t.tx_id = c.tx_id)
        and not exists (select from ampsync_private.capture p where c.tx_id = any (p.leftover))`,
  );
  return rows.map((row) => `rows of ${row["tx_id"]} belong to nothing`);
}
