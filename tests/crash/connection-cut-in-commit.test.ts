// Takes 37 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Scenario } from "../support/worker/scenario.ts";

const LOGS_PER_BLOCK = 5;
/** The message that ends a COPY; in one piece with it, or before it, commit_apply and COMMIT are on their way. */
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);
const COMMITTED = Buffer.from("COMMIT\0");
/** The separate message of a commit whose rows were written before its end was known. */
const COMMIT_CALL = Buffer.from("commit_apply");

/** What is cut before it arrives, so whether the commit counts. */
const CUTS = [
  { outcome: "not applied", when: "up", what: COPY_DONE, spillBytes: undefined },
  { outcome: "applied, unknown to the worker", when: "down", what: COMMITTED, spillBytes: undefined },
  { outcome: "not applied, of a large microbatch", when: "up", what: COMMIT_CALL, spillBytes: 1 },
  {
    outcome: "applied, unknown to the worker, of a large microbatch",
    when: "down",
    what: COMMITTED,
    spillBytes: 1,
  },
] as const;

test.each(CUTS)(
  "a connection cut while COMMIT is in flight ($outcome): the commit counts once",
  async ({ when, what, spillBytes }) => {
    const source = new GeneratedSource({ blocks: 50, logsPerBlock: LOGS_PER_BLOCK });
    await using scenario = await Scenario.start({ source });
    await using proxy = await TcpProxy.toPostgres(scenario.db.url);
    const databaseUrl = proxy.url(scenario.db.url);
    const worker = scenario.startFaultyWorker({
      databaseUrl,
      limits: spillBytes === undefined ? {} : { spillBytes },
    });
    const sync = await scenario.sync(["logs"]);
    await sync.reaches();

    for (const change of [() => source.mine(10), () => source.reorg(4, 6), () => source.reorg(10)]) {
      let cuts = 0;
      // Only a writer sends rows: the text of other transactions' COMMIT must not be taken for its.
      const writers = new Set<unknown>();
      proxy.watch = (connection, direction, bytes) => {
        if (bytes.includes("PGCOPY\n")) writers.add(connection);
        if (cuts === 0 && direction === when && writers.has(connection) && bytes.includes(what)) {
          cuts++;
          connection.cut("reset");
        }
      };
      change();
      await scenario.until("the cut", async () => cuts === 1);
      await sync.reaches();
      await sync.expectBlocks("logs", LOGS_PER_BLOCK);
    }
    expect(worker.hasEnded).toBe(false);
    await sync.expectFreshLoad();
  },
);
