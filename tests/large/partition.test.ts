// Takes 60 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Lab } from "../support/worker/lab.ts";
import { EVM_TABLES } from "../support/worker/scenario.ts";

const PARTITION_MS = 45_000;
/** A try to connect that began within the partition ends after 10 s, and the longest back-off by then is 16 s. */
const RECOVERY_MS = 40_000;

test("a partition of 45 s that leaves connections hanging, old and new, is over when it is over", async () => {
  let between: TcpProxy | null = null;
  await using lab = await Lab.start({
    worker: async (server) => {
      between = await TcpProxy.toHttp(server.flightAddress);
      return { flightAddress: between.url(server.flightAddress) };
    },
  });
  await using proxy: TcpProxy = between!;
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 3 });
  const sync = await lab.sync(source, EVM_TABLES);
  await sync.reaches();

  const begun = performance.now();
  const before = proxy.connections;
  for (const connection of before) connection.stalled.add("up").add("down");
  proxy.blackHole = true;
  source.mine(5);
  await waitFor("the partition to end", () => performance.now() - begun > PARTITION_MS, PARTITION_MS + 5_000);
  expect(await sync.stream()).toMatchObject({ state: "retrying", code: "SY104" });

  proxy.blackHole = false; // For new connections: all others stay as they are.
  await lab.scenario.reaches(sync.schema, EVM_TABLES.length, source.chain.head()!, RECOVERY_MS);
  await sync.expectEqual();
  expect(await sync.events("stream_failed")).toBe(0);
}, 120_000);
