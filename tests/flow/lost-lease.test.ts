import type { JobHelpers } from "graphile-worker";
import { expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import { LeaseCalls } from "../../src/db/lease-calls.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { AmpsyncError } from "../../src/errors.ts";
import { leasedPass } from "../../src/lease/leased-pass.ts";
import { createDeps } from "../../src/runtime.ts";
import { Scenario } from "../support/worker/scenario.ts";

const WORKER = "slow";

test.each([
  [
    "a beat under way has renewed, is given back, and the next pass is due",
    async () => {},
    { worker: null, is_due: true },
  ],
  [
    "another worker has taken, stays with that one",
    async (db: Scenario["db"]) => {
      await db.query("update ampsync_private.lease set epoch = epoch + 1, holder = 'other'");
    },
    { worker: "other", is_due: false },
  ],
])("the lease of a pass that was told that it ran out, and which %s", async (_, meanwhile, after) => {
  await using scenario = await Scenario.start({ source: new GeneratedSource({ blocks: 10 }) });
  const { db } = scenario;
  const sync = await scenario.sync(["blocks"], { dataset: "anvil@0.0.0" });
  const [streamId] = await sync.register();
  const deps = await createDeps(
    parseConfig({ DATABASE_URL: db.url }, () => ""),
    () => {},
  );
  try {
    await db.query("delete from graphile_worker._private_jobs");
    const task = leasedPass(deps, {
      async run({ epoch }, caller) {
        const report = {
          head: null,
          writerWaitsS: null,
          waits: null,
          waitsS: null,
          isWriterSilent: false,
          holds: null,
        };
        await new LeaseCalls(caller).renewLeases(WORKER, [{ streamId: BigInt(streamId!), epoch, ...report }]);
        await meanwhile(db);
        throw new AmpsyncError("SY001", "the lease had run out");
      },
    });
    const job = { id: "1", locked_by: WORKER };
    const helpers = { job, abortSignal: new AbortController().signal } as unknown as JobHelpers;
    await task({ stream_id: streamId }, helpers);
    const { rows } = await db.query(
      `select l.holder as worker, exists (select from graphile_worker.jobs where key like 'ampsync_stream:%') as is_due
         from ampsync_private.lease l`,
    );
    expect(rows).toEqual([after]);
  } finally {
    await deps.close();
  }
});
