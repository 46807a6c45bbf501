import { afterAll, beforeAll, expect, test } from "vitest";

import { look } from "../../support/capture/look.ts";
import { Heard } from "../../support/client/heard.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { keepJournal } from "../../support/delivery/journal.ts";
import { oracle } from "../../support/delivery/oracle.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// Columns that are dropped, renamed or retyped under a client that has the table, and another one.

const db = sharedDatabase();
const heard = new Heard();
let rig: DeliveryRig;
let one: TestClient;

beforeAll(async () => {
  await db.query("create table items (id integer primary key, title text, price integer, note text)");
  await db.query("create table others (id integer primary key, body text)");
  await db.query("insert into items select n, 'title ' || n, n, 'note' from generate_series(1, 50) n");
  await db.query("insert into others select n, 'other' from generate_series(1, 10) n");
  rig = await DeliveryRig.start(db, ["items", "others"]);
  one = await TestClient.start(rig.gateway.url, {
    shapes: [{ shape: "items" }, { shape: "others" }],
    WebSocket: heard.WebSocket,
  });
  await one.client.ready();
  await keepJournal(one.client);
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

const COLUMNS = `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
  where attrelid = 'public.items'::regclass and attnum > 0 and not attisdropped order by attname`;

test.each([
  ["dropped", "alter table items drop column note"],
  ["renamed", "alter table items rename column title to name"],
  ["retyped", "alter table items alter price type numeric using price / 7.0"],
  [
    "dropped and made again with another type",
    "alter table items drop column name, add column name bigint default 7",
  ],
  [
    "renamed to each other",
    "alter table items rename name to between; alter table items rename price to name",
  ],
])("a column that is %s is a load of its table, and of no other one", async (_, alter) => {
  await oracle(db, one.client);
  const { rows: before } = await one.client.query("select xmin::text from others where id = 1");
  heard.loads.length = 0;
  await db.query(
    `begin; insert into others values ((select max(id) + 1 from others), 'before'); ${alter}; commit`,
  );
  await look(db);
  await db.query("insert into items (id) select max(id) + 1 from items");
  await db.query("update others set body = 'behind' where id > 1");
  await one.until("the load to have begun", () => heard.loads.length > 0);
  await one.until("it to have ended", ({ shapes }) => shapes.every(({ phase }) => phase === "live"));
  await oracle(db, one.client);
  expect(new Set(heard.loads)).toEqual(new Set(["public.items: definition changed"]));
  expect((await one.client.query("select xmin::text from others where id = 1")).rows).toEqual(before);
  expect((await one.client.query(COLUMNS)).rows).toEqual((await db.query(COLUMNS)).rows);
});
