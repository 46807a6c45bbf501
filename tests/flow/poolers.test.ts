import pg from "pg";
import { describe, expect, test } from "vitest";

import { createPool } from "../../src/db/pool.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";
import { moveClock } from "../support/postgres/clock.ts";
import { hasPgBouncer, startPgBouncer } from "../support/postgres/pgbouncer.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { TransactionPooler } from "../support/postgres/transaction-pooler.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

const log = createLog("error", () => {});
const REFUSED = expect.objectContaining({
  code: "SY902",
  message: "the database is behind a pooler in transaction mode",
  hint: expect.stringContaining("pool_mode = session"),
});

function pool(url: string) {
  return createPool({ url, max: 2, queryTimeoutMs: 0, name: "ampsync" }, log);
}

async function workers(db: TestDatabase) {
  const { rows } = await db.query("select worker, state from ampsync.workers where worker = 'pooled'");
  return rows;
}

describe("behind transaction pooling", () => {
  test("no connection is taken", async () => {
    await using db = await createDatabase();
    await using pooler = await TransactionPooler.start(db.url);
    const ours = pool(pooler.url(db.url));
    try {
      await expect(ours.connect()).rejects.toEqual(REFUSED);
      await expect(migrate(pooler.url(db.url), { log })).rejects.toEqual(REFUSED);
    } finally {
      await ours.end();
    }
  });

  test("a worker ends at once and says what to set, however it is started", async () => {
    await using db = await createDatabase();
    await using pooler = await TransactionPooler.start(db.url);
    const settings = {
      databaseUrl: pooler.url(db.url),
      flightAddress: "http://127.0.0.1:1",
      adminAddress: "http://127.0.0.1:1",
    };
    for (const program of Object.values(COMMANDS)) {
      await using worker = new Worker(settings, program);
      expect(await worker.ended).toMatchObject({ code: 1 });
      expect(worker.hasSaid("behind a pooler in transaction mode"), worker.tail()).toBe(true);
    }
  });

  test("a pool that comes there after an outage takes no further connection", async () => {
    await using db = await createDatabase();
    await using pooler = await TransactionPooler.start(db.url, { isPooling: false });
    const ours = pool(pooler.url(db.url));
    try {
      await ours.query("select 1");
      pooler.isPooling = true;
      pooler.cutAll();
      await waitFor("the loss to be seen", () => ours.totalCount === 0);
      await expect(ours.connect()).rejects.toEqual(REFUSED);
      pooler.isPooling = false;
      pooler.cutAll();
      expect((await ours.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    } finally {
      await ours.end();
    }
  });

  test("a worker that came there is judged by time: the pooler keeps the lock of its heartbeat", async () => {
    await using db = await createDatabase();
    await using pooler = await TransactionPooler.start(db.url);
    await moveClock(db, "6 s"); // The server did not start just now.
    const pooled = new pg.Client({ connectionString: pooler.url(db.url) });
    await pooled.connect();
    await pooled.query("select ampsync_worker.renew_leases('pooled', '[]')");
    await pooled.end();
    const look = async () => {
      const { rows } = await db.query(
        "select ampsync_worker.find_dead_workers('other', '{pooled}') as found",
      );
      return rows[0]!["found"];
    };
    expect(await look()).toEqual([]);
    expect(await workers(db)).toEqual([{ worker: "pooled", state: "alive" }]);
    pooler.cutAll();
    await waitFor(
      "the pooler's connection to end",
      async () => (await look()).length > 0 || (await workers(db))[0]!["state"] === "gone",
    );
  });

  test.skipIf(!hasPgBouncer)("of PgBouncer, too", async () => {
    await using db = await createDatabase();
    await using pooler = await startPgBouncer(db.url, "transaction");
    const ours = pool(pooler.url);
    try {
      await expect(ours.connect()).rejects.toEqual(REFUSED);
    } finally {
      await ours.end();
    }
  });
});

test.skipIf(!hasPgBouncer)("behind PgBouncer's session pooling all works as without it", async () => {
  const source = new GeneratedSource({ blocks: 100 });
  await using scenario = await Scenario.start({ source });
  await using pooler = await startPgBouncer(scenario.db.url, "session");
  await migrate(pooler.url, { log });
  await using _worker = scenario.startWorker({ databaseUrl: pooler.url });
  const sync = await scenario.sync();
  await sync.reaches();
  source.mine(5);
  source.reorg(4);
  await sync.reaches();
  await sync.expectSourceRows();
});
