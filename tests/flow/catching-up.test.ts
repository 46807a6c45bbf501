import { expect, test } from "vitest";
import { startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { PassDriver, syncAtOnce } from "../support/worker/pass-driver.ts";

const BLOCKS = 300;
const TABLES = ["blocks", "logs", "transactions"];

test("streams that catch up take turns where there are more than places, and follow their heads side by side", async () => {
  await using stack = new AsyncDisposableStack();
  const db = stack.use(await createDatabase());
  const source = new GeneratedSource({ blocks: BLOCKS });
  const server = await startDevServer({ source, maxBlocksPerMicrobatch: 5 });
  stack.defer(() => server.stop());
  server.misbehaviour.delayMs = 10;
  const streams = await syncAtOnce(db, { dataset: "anvil@0.0.0", schema: "chain", tables: TABLES });
  const options = { databaseUrl: db.url, flightAddress: server.flightAddress };
  const limits = { minPassMs: 150, idleMs: 10_000 };
  const driver = await PassDriver.start("driver", streams, { ...options, limits, catchUps: 1 });
  stack.defer(() => driver.stop());

  async function blocks(): Promise<readonly number[]> {
    const { rows } = await db.query(
      "select coalesce(checkpoint_block, -1)::int as block from ampsync_private.stream order by 1",
    );
    return rows.map((row) => row["block"]);
  }

  let [most, haveShared] = [0, false];
  await waitFor("one to come near the head", async () => {
    const { openStreams } = server; // Before the look: then none had come near the head.
    const [lowest, , highest] = await blocks();
    const isFar = highest! < BLOCKS - 20;
    if (isFar) most = Math.max(most, openStreams);
    haveShared ||= lowest! >= 0 && isFar;
    return !isFar;
  });
  expect(haveShared).toBe(true);
  expect(most).toBeLessThan(3); // The end of one call and the beginning of the next one may meet.
  await waitFor("all to follow", async () => (await blocks())[0] === BLOCKS - 1 && server.openStreams === 3);
});
