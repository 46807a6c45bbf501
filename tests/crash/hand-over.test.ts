import { afterAll, beforeAll, expect, test } from "vitest";

import { DeliveryRig } from "../support/delivery/rig.ts";
import type { WireClient } from "../support/delivery/wire-client.ts";
import { late } from "../support/late.ts";
import { changeSetting } from "../support/postgres/change-setting.ts";
import { StoppingServer } from "../support/postgres/stopping-server.ts";
import { raiseXidEpoch } from "../support/postgres/xid-epoch.ts";
import { waitFor } from "../support/wait-for.ts";

// Loads beside transactions that are neither over nor gone: prepared, or in the log before they are visible. On a server
// whose transaction ids are beyond 2^32, where the half that rows and locks have is not all of them.

/** One comes in chunks, the other one is read by the gateway. */
const TABLES = ["items", "notes"];

let server: StoppingServer;
let rig: DeliveryRig;
const db = late(() => server.db);

beforeAll(async () => {
  server = await StoppingServer.start({ synchronous_commit: "local", max_prepared_transactions: "4" });
  await server.stop();
  await raiseXidEpoch(server.dataDir);
  await server.again();
  for (const [table, rows] of [
    ["items", 4000],
    ["notes", 40],
  ]) {
    await db.query(`create table ${table} (id integer primary key, body text)`);
    await db.query(`insert into ${table} select n, 'first' from generate_series(1, ${rows}) n`);
    await db.query(`analyze ${table}`);
  }
  rig = await DeliveryRig.start(db, TABLES);
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const change = (body: string) =>
  TABLES.map(
    (table) => `
      update ${table} set body = '${body}' where id = 1;
      update ${table} set id = -id where id between 2 and 4;
      delete from ${table} where id = 5;
      insert into ${table} values (5, '${body}'), (100000 + (select count(*) from ${table}), '${body}')`,
  ).join(";");

const back = () =>
  db.query(TABLES.map((table) => `update ${table} set id = -id, body = 'back' where id < 0`).join(";"));

const bodies = (client: WireClient) =>
  new Set(TABLES.flatMap((table) => client.rows(`public.${table}`).map(({ body }) => body)));

/** A client that loads; before it says that it has the chunks, and after it was let in, something happens. */
const loading = (beforeStaged: () => Promise<void>) => rig.client(TABLES, { beforeStaged });
const agrees = (client: WireClient) =>
  rig.agrees(
    client,
    TABLES.map((table) => `public.${table}`),
  );

test("transaction ids are beyond 2^32", async () => {
  const { rows } = await db.query("select pg_current_xact_id()::text::numeric > 4294967296 as are_beyond");
  expect(rows).toEqual([{ are_beyond: true }]);
});

test.each(["commit prepared", "rollback prepared"])(
  "a transaction that was prepared before a load, and ends by %s amid it, comes whole or not at all",
  async (end) => {
    await db.query(`begin; ${change(end)}; prepare transaction 'amid'`);
    await using client = await loading(async () => void (await db.query(`${end} 'amid'`)));
    await client.ready();
    await agrees(client);
    expect(bodies(client).has(end)).toBe(end === "commit prepared");
    await back();
    await agrees(client);
  },
);

test("a transaction that is in the log, and waits for a standby that is gone, is not lost to who loads meanwhile", async () => {
  await changeSetting(db, "synchronous_standby_names", "nobody");
  const writer = await db.client();
  await writer.query("set synchronous_commit = on");
  const written = writer.query(`begin; ${change("waits")}; commit`);
  const waits = () =>
    db.query("select pid from pg_stat_activity where wait_event = 'SyncRep'").then(({ rows }) => rows[0]);
  await waitFor("the commit to wait", async () => (await waits()) !== undefined);
  await waitFor("it to be in the log", async () => {
    const { rows } = await db.query(
      "select data ->> 'body' as body from ampsync_private.change order by tx_id desc, seq desc limit 1",
    );
    return rows[0]!["body"] === "waits";
  });
  let seen = 0;
  await using client = await loading(async () => {
    const { rows } = await db.query("select count(*)::int as n from items where body = 'waits'");
    seen = rows[0]!["n"];
    // What the gateway reads itself is of the log as well.
    await using small = await rig.client(["notes"]);
    await small.ready();
    expect(bodies(small).has("waits")).toBe(true);
    await db.query("select pg_cancel_backend($1)", [(await waits())!["pid"]]);
    await written;
  });
  await client.ready();
  await changeSetting(db, "synchronous_standby_names", "");
  expect(seen).toBe(0);
  await agrees(client);
  expect(bodies(client).has("waits")).toBe(true);
  await back();
  await agrees(client);
});
