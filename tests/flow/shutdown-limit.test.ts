// Takes 5 s.
import { expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

test.each(Object.entries(COMMANDS))(
  "%s that cannot stop, since its database is silent, ends at its limit with exit code 1",
  async (_, command) => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    await using worker = new Worker(
      {
        databaseUrl: proxy.url(db.url),
        flightAddress: "http://127.0.0.1:1",
        adminAddress: "http://127.0.0.1:1",
        env: { AMPSYNC_SHUTDOWN_TIMEOUT_SECS: "1" },
      },
      command,
    );
    await waitFor("a worker", async () => (await db.query("select from ampsync.workers")).rowCount === 1);
    proxy.stalled.add("up").add("down");
    worker.signal("SIGTERM");
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("graceful_shutdown_timeout")).toBe(true);
  },
);
