// Takes 15 s.
import { expect, test } from "vitest";

import { createAdminClient } from "../../src/admin/client.ts";
import type { Generation } from "../../src/devserver/misbehaviour.ts";
import { startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Scenario } from "../support/worker/scenario.ts";

const VERSION: Record<Generation, RegExp> = {
  "2026": /^0\.10\.0$/,
  "2025-11": /^0\.10\.0$/,
  "2025-10": /^0\.10\.0-[0-9A-Za-z]+$/,
};
const GENERATIONS = Object.keys(VERSION) as readonly Generation[]; // Its own keys.

test.each(GENERATIONS)("the Admin API of a server of %s gives versions and tables", async (generation) => {
  const source = new GeneratedSource({ blocks: 1 });
  const server = await startDevServer({ source });
  try {
    server.misbehaviour.generation = generation;
    for (const version of ["0.9.0", "0.10.0", "0.1.10"]) server.publish(version);
    const admin = createAdminClient({ address: new URL(server.adminAddress), token: () => null });
    const signal = AbortSignal.timeout(10_000);
    const version = async (revision: string | null) =>
      (await admin.version({ namespace: "_", name: "anvil", revision }, signal)).version;

    for (const revision of [null, "latest", "0.10.0"]) {
      expect(await version(revision)).toMatch(VERSION[generation]);
    }
    expect(await version("0.9.0")).toMatch(/^0\.9\.0/);
    await expect(version("0.1.1")).rejects.toMatchObject({
      code: "SY103",
      message: "No versions available for _/anvil@0.1.1",
    });
    const listRequests = server.adminRequests.filter((request) => !/versions(\?limit=1000)?$/.test(request));
    expect(listRequests).toEqual([]);

    const found = await admin.resolve({ namespace: "_", name: "anvil", revision: null }, signal);
    expect(found).toMatchObject({
      hasNamespaces: generation !== "2025-10",
      tables: ["blocks", "logs", "transactions"],
    });
    const unknown = admin.resolve({ namespace: "_", name: "nothing", revision: null }, signal);
    await expect(unknown).rejects.toMatchObject({ message: "No versions available for _/nothing" });
  } finally {
    await server.stop();
  }
});

test.each(GENERATIONS)("a server of %s is synced, with and without a fixed version", async (generation) => {
  const source = new GeneratedSource({ blocks: 30 });
  await using scenario = await Scenario.start({ source });
  scenario.misbehaviour.generation = generation;
  scenario.server.publish("0.0.10", new GeneratedSource({ blocks: 3 }));
  scenario.server.publish("0.10.0", source);
  scenario.startWorker();
  const newest = await scenario.sync(null, { schema: "newest" });
  const fixed = await scenario.sync(null, { dataset: "anvil@0.0.0", schema: "fixed" });
  for (const sync of [newest, fixed]) {
    await sync.reaches();
    await sync.expectSourceRows();
  }
  source.mine(5);
  source.reorg(3);
  for (const sync of [newest, fixed]) {
    await sync.reaches();
    await sync.expectSourceRows();
  }
});
