import { expect, test } from "vitest";

import { HealthReads } from "../../../src/db/health-reads.ts";
import { createLog } from "../../../src/log.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";

const db = sharedDatabase();
const log = createLog("error", () => {});

test("what monitors are told is read with its types", async () => {
  const stream = await SqlStream.prepare(db);
  await stream.commit(0, 9);
  const reads = new HealthReads(db.url, 5_000, log);
  try {
    expect(await reads.readiness()).toEqual([
      {
        dataset: "chain",
        table_name: "blocks",
        ready: false,
        reason: "no worker has sent a heartbeat for 60 s",
        state: "backfill",
        block: 9n,
        age_s: expect.any(Number),
        error_code: null,
      },
    ]);
    expect(await reads.metrics()).toContainEqual({
      metric: "ampsync_checkpoint_block",
      type: "gauge",
      labels: { dataset: "chain", table: "blocks" },
      value: 9,
      help: expect.any(String),
    });
  } finally {
    await reads.close();
  }
});

test("a connection whose network is dead is given up, and the next question goes over another one", async () => {
  await using proxy = await TcpProxy.toPostgres(db.url);
  const reads = new HealthReads(proxy.url(db.url), 1_000, log);
  try {
    await reads.readiness();
    for (const connection of proxy.connections) connection.stalled.add("up").add("down");
    await expect(reads.readiness()).rejects.toThrow("timeout");
    await reads.readiness();
  } finally {
    await reads.close();
  }
});
