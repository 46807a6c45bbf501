import { afterAll, beforeAll, expect, test } from "vitest";

import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import type { TestDatabase } from "../../support/postgres/database.ts";
import { OwnServer } from "../../support/postgres/own-server.ts";

// Row level security of tables whose owner is another role than ampsync's, which is no superuser.

const TABLES = ["shop.orders", "shop.news"];

let server: OwnServer;
let db: TestDatabase;
let rig: DeliveryRig;

beforeAll(async () => {
  server = await OwnServer.start({ wal_level: "logical" });
  await server.run("create role app login; create role installer login replication in role app");
  await server.run("create database shop owner installer encoding 'UTF8' template template0");
  await migrate(server.url("shop", "installer"), { log: createLog("warn", () => {}) });
  await server.run("create schema shop authorization app", "shop");
  for (const table of TABLES) {
    await asApp(`create table ${table} (id integer primary key, body text)`);
    await asApp(`insert into ${table} select n, 'first' from generate_series(1, 20) n`);
  }
  db = server.existing("shop");
  rig = await DeliveryRig.start(db, TABLES);
});
afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const asApp = (statement: string) => server.as("app", "shop", statement);
const failures = ({ messages }: WireClient) =>
  messages.flatMap((each) => (each.t === "failed" ? [each] : []));

test("a shape whose table is restricted for others is whole; where it is forced it is refused by name, and never a part", async () => {
  await asApp("alter table shop.orders enable row level security");
  await asApp("create policy few on shop.orders using (id < 5)");
  await using before = await rig.client(TABLES);
  await before.ready();
  await rig.agrees(before, TABLES);

  await asApp("alter table shop.orders force row level security");
  await using late = await rig.client(["shop.orders"]);
  await using other = await rig.client(["shop.news"]);
  await other.ready();
  await late.until("it is told", () => failures(late).length > 0);
  expect(failures(late)).toMatchObject([
    { id: "shop.orders", code: "42501", message: expect.stringContaining('"orders"') },
  ]);
  expect(failures(late)[0]?.hint).toContain("NO FORCE ROW LEVEL SECURITY");
  // Whoever has it follows: what the log has, no policy cuts.
  await server.run(
    "insert into shop.orders values (21, 'meanwhile'); insert into shop.news values (21, 'too')",
    "shop",
  );
  await rig.agrees(before, TABLES);
  await rig.agrees(other, ["shop.news"]);
  expect(late.live.size).toBe(0);
  expect(late.rows("shop.orders")).toEqual([]);

  await asApp("alter table shop.orders no force row level security");
  await late.ready();
  await rig.agrees(late, ["shop.orders"]);
}, 60_000);
