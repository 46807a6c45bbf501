import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { Scenario } from "../support/worker/scenario.ts";

test("explain_sync says beforehand what a worker then sends to the server and makes here", async () => {
  const source = new GeneratedSource({ blocks: 30 });
  await using scenario = await Scenario.start({ source });
  await using proxy = await TcpProxy.toHttp(scenario.server.flightAddress);
  let sent = "";
  proxy.watch = (_, direction, bytes) => {
    if (direction === "up") sent += bytes.toString("latin1");
  };
  scenario.startWorker({ flightAddress: `http://127.0.0.1:${proxy.port}` });

  const explain = async () => {
    const { rows } = await scenario.db.query("select * from ampsync.explain_sync('anvil')");
    return rows;
  };
  await scenario.until("an answer of the server", async () =>
    (await explain()).some(({ step }) => step === "version"),
  );
  const before = await explain();
  const stepsOf = (step: string) => before.filter((row) => row["step"] === step);
  expect(stepsOf("load").map(({ detail }) => detail)).toEqual(Array(3).fill("30 blocks up to block 29"));

  // As it is shown, inside a transaction with other options.
  const client = await scenario.db.client();
  await client.query("begin");
  await client.query("select ampsync.enqueue_sync('anvil', from_block => 10)");
  const { rows: later } = await client.query("select * from ampsync.explain_sync('anvil')");
  await client.query("rollback");
  expect(later.filter(({ step }) => step === "query")[0].statement).toContain(
    'WHERE "_block_num" >= 10 SETTINGS',
  );
  expect((await scenario.db.query("select from ampsync.streams")).rowCount).toBe(0);

  const sync = await scenario.sync(null, { schema: "anvil" });
  await sync.catchesUp();
  const queries = stepsOf("query").map(({ statement }) => String(statement));
  expect(queries).toHaveLength(3);
  for (const query of queries) expect(sent).toContain(query);
  const after = await explain();
  expect(after.map(({ step }) => step)).toEqual(expect.arrayContaining(["query", "resume"]));
  expect(after.filter(({ step }) => step === "create")).toEqual([]);
});
