import { afterAll, beforeEach, expect, test } from "vitest";

import { runStatements } from "../../../src/client/requests.ts";
import { openStore } from "../../../src/client/store.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";

const { pg, release } = await openStore("memory://", READY_MADE);
afterAll(() => pg.close().finally(release));
beforeEach(async () => {
  await pg.exec(`
    drop table if exists notes;
    create table notes (id integer primary key, note text, at timestamptz, big bigint);
    delete from ampsync.request`);
});

test("a request that has written is not run again, and is answered as it was", async () => {
  const id = crypto.randomUUID();
  const statements = [
    {
      sql: `insert into notes values ($1, 'one', '2026-11-28T12:00:00.123Z', 9223372036854775807)
            on conflict (id) do update set note = 'twice' returning *`,
      params: [1],
    },
    { sql: "select count(*)::int as notes from notes" },
  ];
  const first = await runStatements(pg, statements, id);
  const again = await runStatements(pg, statements, id);
  expect(first.wrote).toBe(true);
  expect(again).toEqual({ results: first.results, wrote: false });
  expect(first.results[0]?.rows).toEqual([
    { id: 1, note: "one", at: new Date("2026-11-28T12:00:00.123Z"), big: 9223372036854775807n },
  ]);
  expect((await pg.query("select note from notes")).rows).toEqual([{ note: "one" }]);
});

test("of a result over 64 KiB the count is kept, and the caller is told", async () => {
  const id = crypto.randomUUID();
  const sql = "insert into notes select n, repeat('x', 100) from generate_series(1, 700) n returning *";
  const statements = [{ sql }, { sql: "select 1 as one" }];
  await runStatements(pg, statements, id);
  const { results } = await runStatements(pg, statements, id);
  const lost = { rows: [], rowsLost: true };
  expect(results).toEqual([
    { ...lost, affectedRows: 700 },
    { ...lost, affectedRows: 0 },
  ]);
});

test("a request that read leaves nothing behind, one that failed neither", async () => {
  const id = crypto.randomUUID();
  await runStatements(pg, [{ sql: "select 1" }], id);
  const failing = [{ sql: "insert into notes (id) values (1)" }, { sql: "select 1 / 0" }];
  await expect(runStatements(pg, failing, id)).rejects.toThrow("division by zero");
  const { rows } = await pg.query(
    "select (select count(*)::int from notes) as notes, (select count(*)::int from ampsync.request) as requests",
  );
  expect(rows).toEqual([{ notes: 0, requests: 0 }]);
});

test("requests are forgotten after an hour", async () => {
  const id = crypto.randomUUID();
  await runStatements(pg, [{ sql: "insert into notes (id) values (1)" }], id);
  await pg.query("update ampsync.request set at = now() - interval '61 minutes'");
  await runStatements(pg, [{ sql: "insert into notes (id) values (2)" }], crypto.randomUUID());
  expect((await pg.query("select id from ampsync.request where id = $1", [id])).rows).toEqual([]);
});
