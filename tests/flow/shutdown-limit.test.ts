import { expect, test } from "vitest";

import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

/** A worker whose database falls silent, so that it cannot give its leases back. */
async function silenced(db: TestDatabase, proxy: TcpProxy, command: readonly string[], limitSecs: number) {
  const worker = new Worker(
    {
      databaseUrl: proxy.url(db.url),
      flightAddress: "http://127.0.0.1:1",
      adminAddress: "http://127.0.0.1:1",
      env: { AMPSYNC_SHUTDOWN_TIMEOUT_SECS: `${limitSecs}` },
    },
    command,
  );
  await waitFor("a worker", async () => (await db.query("select from ampsync.workers")).rowCount === 1);
  proxy.stalled.add("up").add("down");
  return worker;
}

test.each(Object.entries(COMMANDS))(
  "%s that cannot stop ends at its limit with exit code 1",
  async (_, command) => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using worker = await silenced(db, proxy, command, 1);
    worker.signal("SIGTERM");
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("graceful_shutdown_timeout")).toBe(true);
  },
);

test("ampsync worker that cannot stop ends at once with exit code 130 at a second signal", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  await using worker = await silenced(db, proxy, COMMANDS["ampsync worker"], 300);
  await waitFor("the end", () => {
    worker.signal("SIGTERM"); // Two that come at once are one.
    return worker.hasEnded;
  });
  expect(await worker.ended).toEqual({ code: 130, signal: null });
});
