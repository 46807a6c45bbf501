import { once } from "node:events";

import { run } from "graphile-worker";
import { test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import { workerPreset } from "../../src/worker-preset.ts";
import { createDatabase } from "../support/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

/** 60 s in production. */
const ANSWER_MS = 500;

// The preset is what the plain graphile-worker command reads; only its tasks are replaced.
test("N34 graphile-worker leaves connections that fell silent, and takes jobs again on new ones", async () => {
  await using db = await createDatabase();
  await using proxy = await TcpProxy.toPostgres(db.url);
  const config = parseConfig({ DATABASE_URL: proxy.url(db.url) }, () => "");
  const { taskDirectory: _, crontabFile: __, ...worker } = workerPreset(config, ANSWER_MS).worker;
  let done = 0;
  const runner = await run({
    preset: { worker: { ...worker, pollInterval: 50, concurrentJobs: 1 } },
    taskList: { count: () => void done++ },
    parsedCronItems: [],
    noHandleSignals: true,
  });
  try {
    await db.query("select graphile_worker.add_job('count')");
    // A result that cannot be stored ends the worker: that is graphile-worker's way.
    const isStored = async () => (await db.query("select from graphile_worker.jobs")).rowCount === 0;
    await waitFor("a job to be done", async () => done === 1 && (await isStored()));

    for (const connection of proxy.connections) connection.stalled.add("up").add("down");
    await once(worker.events, "worker:getJob:error");
    await db.query("select graphile_worker.add_job('count')");
    await waitFor("the next one", () => done === 2);
  } finally {
    await runner.stop();
  }
});
