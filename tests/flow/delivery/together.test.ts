import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { untilCaptured } from "../../support/capture/rig.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// A client for which the log does not go on loads all its tables, and has them in one step.

const TABLES = ["public.orders", "public.lines"];

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query("create table orders (id integer primary key, body text)");
  await db.query("create table lines (id integer primary key, body text)");
  await db.query("insert into orders values (1, 'one'); insert into lines values (1, 'one')");
  rig = await DeliveryRig.start(db, ["orders", "lines"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

/** What the newest hello was answered, and the tables that each frame since has loaded. */
function sinceHello({ messages }: WireClient) {
  const at = messages.findLastIndex(({ t }) => t === "welcome");
  const welcome = messages[at]!;
  return {
    reasons: welcome.t === "welcome" ? welcome.shapes.map(({ reason }) => reason) : [],
    loads: messages
      .slice(at)
      .flatMap((m) => (m.t === "frame" ? [m.ops.flatMap((op) => (op.op === "load" ? [op.table] : []))] : []))
      .filter((tables) => tables.length > 0)
      .map((tables) => tables.sort()),
  };
}

describe.each<[string, (client: WireClient) => Promise<void>]>([
  [
    "forked",
    async (client) => {
      client.stamp = "1"; // Of an entry that another past of the server had at this position.
    },
  ],
  [
    "below the log's floor",
    async () => {
      await db.query("update ampsync_private.capture set log_floor = ampsync.head()");
    },
  ],
  [
    "too large",
    async () => {
      await db.query("update ampsync_private.change_tx set bytes = 17000000 where position = ampsync.head()");
    },
  ],
])("what is %s", (reason, happens) => {
  test("comes at once, and no frame before it moves the client", async () => {
    await using client = await rig.client(["orders", "lines"]);
    await client.ready();
    client.cut();
    await client.until("it is gone", () => client.closed !== null);
    await db.query("begin; update orders set body = 'both'; update lines set body = 'both'; commit");
    await untilCaptured(db);
    await happens(client);
    const { position } = client;
    const before = client.frames.length;
    await client.connect();
    await rig.agrees(client, TABLES);
    const { reasons, loads } = sinceHello(client);
    expect(reasons).toEqual([reason, reason]);
    expect(loads).toEqual([TABLES.toSorted()]);
    expect(client.frames[before]).toMatchObject({ from: position, live: [{}, {}] });
    await db.query("delete from orders where id > 1");
    await rig.agrees(client, TABLES);
  });
});

test("a crash of PostgreSQL takes the rows of snapshots: the next client gets another one, once", async () => {
  await db.query("insert into lines select n, 'line' from generate_series(100, 5000) n");
  await db.query("analyze lines");
  const snapshots = ({ messages }: WireClient) =>
    messages.flatMap((m) => (m.t === "snapshot" ? [m.snapshot] : []));
  await using first = await rig.client(["lines"]);
  await first.ready();
  expect(snapshots(first)).toHaveLength(1);
  await db.query("truncate ampsync_private.snapshot_chunk"); // Unlogged.
  await using second = await rig.client(["lines"]);
  await second.ready();
  await rig.agrees(second, ["public.lines"]);
  expect(snapshots(second)).toHaveLength(1);
  expect(snapshots(second)).not.toEqual(snapshots(first));
});
