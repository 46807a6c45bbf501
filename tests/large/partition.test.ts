// Takes 69 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { EVM_TABLES } from "../support/chain/evm-tables.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";

const PARTITION_MS = 45_000;
/** A try to connect that began within the partition ends after 10 s, and the longest back-off by then is 16 s. */
const RECOVERY_MS = 40_000;

test("a partition of 45 s that leaves connections hanging, old and new, is over when it is over", async () => {
  await using scenario = await Scenario.start();
  const { flightAddress } = scenario.server;
  await using proxy = await TcpProxy.toHttp(flightAddress);
  scenario.startWorker({ flightAddress: proxy.url(flightAddress) });
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
  const sync = await scenario.follow(source, EVM_TABLES);
  await sync.catchesUp();

  const begun = performance.now();
  const before = proxy.connections;
  for (const connection of before) connection.stalled.add("up").add("down");
  proxy.blackHole = true;
  source.mine(5);
  await waitFor("the partition to end", () => performance.now() - begun > PARTITION_MS, PARTITION_MS + 5_000);
  expect(await sync.stream()).toMatchObject({ state: "retrying", code: "SY104" });

  proxy.blackHole = false; // For new connections: all others stay as they are.
  await sync.reaches({ deadlineMs: RECOVERY_MS });
  await sync.expectSourceRows();
  expect(await sync.events("stream_failed")).toBe(0);
});
