// Takes 16 s.
import { afterEach, beforeEach, expect, test } from "vitest";

import { publish, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { TestGateway } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { publishLive } from "../../support/postgres/live-table.ts";
import { epochOf } from "../../support/postgres/log-entries.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";

// What gateways tell the database of their sessions, whoever holds a row there.

let db: TestDatabase;
let gateway: TestGateway;
beforeEach(async () => {
  db = await createDatabase();
  gateway = await TestGateway.start(db.url, { deadlines: { heartbeatMs: 50, tickMs: 50 } });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

async function welcomed(): Promise<WireClient> {
  const client = await WireClient.start({ url: gateway.url });
  await client.until("a welcome", () => client.messages.some(({ t }) => t === "welcome"));
  return client;
}

/** Somebody holds the row of a client in psql. */
async function hold(client: WireClient): Promise<() => Promise<void>> {
  const holder = await db.client();
  await holder.query("begin");
  await holder.query("select from ampsync_private.client where client_id = $1 for update", [client.client]);
  return async () => {
    await holder.query("rollback");
  };
}

const seen = async (client: WireClient) =>
  (await db.query("select * from ampsync.clients where client_id = $1", [client.client])).rows[0]!;

const beats = async () => {
  const { rows } = await db.query("select heartbeat_at::text as at from ampsync.gateways");
  return rows[0]?.["at"] as string;
};

async function nextBeat(): Promise<void> {
  for (let n = 0; n < 2; n++) {
    const before = await beats();
    await waitFor("the next heartbeat", async () => (await beats()) !== before);
  }
}

test("a report that could not be stored yet, since somebody held the row, is stored later", async () => {
  await using client = await welcomed();
  const release = await hold(client);
  const report = {
    t: "report",
    phase: "live",
    migrations: [],
    checks: [],
    error: null,
    store: null,
  } as const;
  client.send({ ...report, pending: 3 });
  await nextBeat();
  expect(await seen(client)).toMatchObject({ pending: 0 });
  await release();
  await waitFor("the report", async () => (await seen(client))["pending"] === 3);
  client.send({ ...report, pending: 4 });
  await waitFor("the next one", async () => (await seen(client))["pending"] === 4);
});

test("how far the load of a client is on the server is said with each tick", async () => {
  await epochOf(db);
  await db.query("select ampsync_private.ensure_capture()");
  await db.query(
    "create table items (id integer primary key); insert into items select generate_series(1, 3000)",
  );
  await db.query("analyze items");
  await publishLive(db, "public.items");
  await db.query("select ampsync.create_shape('items', 'items', public => true)");
  await using client = await WireClient.start({ url: gateway.url, shapes: [{ id: "mine", shape: "items" }] });
  const said = (done: string) =>
    client.messages.some((each) => each.t === "tick" && each.progress?.[0]?.done === done);
  await client.until("that nothing of it is ready", () => said("0"));
  const { rows } = await db.query("select ampsync_worker.take_snapshot() as taken");
  const { snapshot, attempt } = rows[0]!["taken"];
  await db.query("select ampsync_worker.store_chunk($1, $2, 0, 1234, 4, 'abc', '\\x01')", [
    snapshot,
    attempt,
  ]);
  await client.until("what is ready", () => said("1234"));

  const last = client.messages.findLast(({ t }) => t === "tick");
  expect(last).toMatchObject({ progress: [{ shape: "mine", done: "1234", of: "3000" }] });
});

test("a session whose end could not be noted, since somebody held the row, does not stay", async () => {
  await using client = await welcomed();
  const release = await hold(client);
  client.cut();
  await waitFor("the gateway gave up", async () =>
    gateway.lines.some((line) => line.includes("close_failed")),
  );
  await nextBeat();
  expect(await seen(client)).toMatchObject({ connected: true });
  await release();
  await waitFor("it is gone", async () => !(await seen(client))["connected"]);
});

test("a client that runs is seen with its store and its error and whose that is, which goes when its table was loaded by hand", async () => {
  await db.query(
    "create table things (id integer primary key); insert into things values (1); analyze things",
  );
  await publish(db, ["things"]);
  await using _pass = startPass(db);
  await untilCaptured(db);
  await db.query("select ampsync.create_shape('things', 'public.things', public => true)");
  await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "things" }] });
  await one.until("its rows", ({ phase }) => phase === "live");
  const seen = async () => (await db.query("select * from ampsync.clients")).rows[0]!;
  await one.client.query("alter table things add check (id < 100)");
  await db.query("insert into things values (100)");
  await one.until("the frame to be refused", ({ error }) => error?.code === "SY417");
  await waitFor("its error to be seen", async () => (await seen())["code"] === "SY417");
  expect(await seen()).toMatchObject({
    connected: true,
    pending: 0,
    store: { kind: "memory", status: "ok" },
    reason: one.client.debug().status.error!.message,
  });
  const { rows } = await db.query("select error ->> 'table' as of_table from ampsync_private.client");
  expect(rows).toEqual([{ of_table: "public.things" }]);
  await db.query("delete from things where id = 100");
  await untilCaptured(db);
  await one.client.reload("public.things");
  await waitFor("its error to be gone", async () => (await seen())["code"] === null);
});
