import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { TestGateway, tokenOf } from "../../support/delivery/gateway.ts";
import { startLand } from "../../support/delivery/land.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import type { Scenario } from "../../support/worker/scenario.ts";

// A gateway that has given a chunk to one client keeps its bytes, and asks whether the next one may have them.

let db: TestDatabase;
let scenario: Scenario;
let gateway: TestGateway;
beforeAll(async () => {
  db = await createDatabase();
  scenario = await startLand(db, { items: 20_000 });
  await db.query("create index on items (owner)");
  await db.query(`select ampsync.create_shape('mine', 'public.items', bind => '{"owner": "claim:owner"}')`);
  gateway = await TestGateway.start(db.url);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await scenario[Symbol.asyncDispose]();
});

const now = () => Math.floor(Date.now() / 1000);
const of = (sub: string, owner: string, iat = now()) => tokenOf({ sub, owner, iat });

/** Loads the rows of an owner; the address of a chunk that it was given. */
async function load(owner: string): Promise<string> {
  const token = of(randomUUID(), owner);
  await using wire = await WireClient.start({
    ...{ url: gateway.url, token, shapes: [{ id: "mine", shape: "mine" }] },
  });
  await wire.ready();
  const [told] = wire.messages.filter((message) => message.t === "snapshot");
  return `${gateway.url}/v1/snapshots/${told!.snapshot}/0`;
}

const status = async (url: string, token: string) =>
  (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;

test("a chunk that is kept is for whoever has its instance, until it is revoked or the shape is another one", async () => {
  const url = await load("w1");
  const before = of("ann", "w1", now() - 10);
  expect(await status(url, before)).toBe(200);
  expect(await status(url, of("ann", "w2"))).toBe(403);
  await db.query("select ampsync.revoke_subject('ann', reason => 'a test')");
  expect(await status(url, before)).toBe(401);
  expect(await status(url, of("bob", "w1"))).toBe(200);
  await db.query(
    `select ampsync.create_shape('mine', 'public.items', bind => '{"owner": "claim:owner"}', filter => 'id > 0')`,
  );
  expect(await status(url, of("bob", "w1"))).toBe(410);
  await db.query("delete from ampsync_private.snapshot_chunk");
  await db.query("delete from ampsync_private.snapshot");
  expect(await status(url, of("bob", "w1"))).toBe(404);
});
