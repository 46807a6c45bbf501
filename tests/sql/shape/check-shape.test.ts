import { beforeEach, expect, test } from "vitest";

import { publishLive } from "../../support/postgres/live-table.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

beforeEach(async () => {
  await db.query(
    `create table public.notes (id int primary key, owner text, shared boolean);
     create index on public.notes (owner);
     insert into public.notes values (1, 'ann', false), (2, 'ann', true), (3, 'bob', false), (4, 'bob', true);
     alter table public.notes enable row level security;
     create policy own on public.notes
       using (owner = current_setting('request.jwt.claims')::jsonb ->> 'sub' and id <> 1 or shared);
     create role ampsync_test_reader;
     grant select on public.notes to ampsync_test_reader`,
  );
  await publishLive(db, "public.notes");
  await db.query(`select ampsync.create_shape('mine', 'public.notes', bind => '{"owner": "claim:sub"}')`);
});

test("names the rows that the shape gives and the role would not see, and the reverse", async () => {
  const { rows } = await db.query(
    `select * from ampsync.check_shape('mine', 'ampsync_test_reader', '{"sub": "ann"}')`,
  );
  expect(rows).toEqual([
    { row_key: '["1"]', seen_by: "shape" },
    { row_key: '["4"]', seen_by: "role" },
  ]);
  const settings = await db.query(
    "select current_setting('role') as role, current_setting('row_security') as rls",
  );
  expect(settings.rows).toEqual([{ role: "none", rls: "on" }]);
});

test("leaves the caller's role as it was where the role may not read the table", async () => {
  await db.query("revoke select on public.notes from ampsync_test_reader");
  const call = `select * from ampsync.check_shape('mine', 'ampsync_test_reader', '{"sub": "ann"}')`;
  expect(await refusal(db, call)).toMatchObject({ code: "42501" });
  expect((await db.query("select current_setting('role') as role")).rows).toEqual([{ role: "none" }]);
});
