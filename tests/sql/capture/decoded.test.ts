import { beforeAll, describe, expect, test } from "vitest";

import {
  capturedTable,
  changesOf,
  createSlot,
  readSlot,
  readTransactions,
} from "../../support/capture/read-slot.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

beforeAll(async () => {
  await db.query("create table public.todos (id int primary key, v text)");
  await db.query("alter table public.todos replica identity full");
  await createSlot(db);
  await db.query("alter publication ampsync add table public.todos");
});

async function todos(): Promise<number> {
  const { rows } = await db.query("select 'public.todos'::regclass::oid::integer as oid");
  return rows[0]?.["oid"];
}

describe("What this server sends", () => {
  test("is read as lines of the log", async () => {
    await db.query("insert into public.todos values (1, 'a')");
    await db.query("update public.todos set v = 'b'");
    await db.query("delete from public.todos");
    const transactions = await readTransactions(db, [capturedTable(await todos(), "id* v")]);
    expect(transactions.flatMap(changesOf)).toMatchObject([
      { operation: "insert", key: '["1"]', data: { id: "1", v: "a" }, old: null },
      { operation: "update", key: '["1"]', data: { v: "b" }, old: { v: "a" } },
      { operation: "delete", key: '["1"]', data: null, old: { id: "1", v: "b" } },
    ]);
  });

  test("describes a table again before the first row of a new form", async () => {
    await db.query("insert into public.todos values (2, 'a')");
    await db.query("alter table public.todos add column more int");
    await db.query("insert into public.todos values (3, 'a', 5)");
    const described = (await readSlot(db)).filter((message) => message.kind === "relation");
    expect(described.map(({ columns }) => columns.length)).toEqual([2, 3]);
  });
});
