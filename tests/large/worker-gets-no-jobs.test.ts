// Takes 44 s.
import { expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

// With the times of production: it is sure after 30 s.
test.concurrent.each(Object.entries(COMMANDS))(
  "%s ends with 1 when it gets no jobs although the queue answers others",
  async (_, program) => {
    await using db = await createDatabase();
    await using proxy = await TcpProxy.toPostgres(db.url);
    proxy.watch = (connection, direction, bytes) => {
      if (direction === "up" && bytes.includes("_private_tasks")) connection.cut("reset");
    };
    const nowhere = "http://127.0.0.1:1";
    await using worker = new Worker(
      { databaseUrl: proxy.url(db.url), flightAddress: nowhere, adminAddress: nowhere },
      program,
    );
    await waitFor("trouble", () => worker.hasSaid("queue_failing"));
    proxy.watch = null;
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("worker_gets_no_jobs")).toBe(true);
  },
);
