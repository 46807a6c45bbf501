import { beforeAll, describe, expect, test } from "vitest";

import { Caller } from "../../../src/db/caller.ts";
import { LogRotation } from "../../../src/db/log-rotation.ts";
import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

beforeAll(async () => {
  await installTriggerLog(db);
  await db.query("create table public.todos (id integer primary key, title text)");
  await logTable(db, "public.todos");
});

async function rotate(): Promise<void> {
  await new LogRotation(
    new Caller((statement) => db.client().then((client) => client.query(statement))),
  ).rotate(new AbortController().signal);
}

/** Entries of a table with a row each, so long ago. */
async function change(count: number, age: string): Promise<void> {
  for (let i = 0; i < count; i++)
    await db.query("insert into public.todos select coalesce(max(id), 0) + 1 from public.todos");
  await db.query(
    `update ampsync_private.change_tx t set committed_at = now() - $1::interval
      where t.position in (select o.position from ampsync_private.change_tx o order by o.position desc limit $2)`,
    [age, count],
  );
}

async function log() {
  const { rows } = await db.query(
    `select (select c.log_floor::integer from ampsync_private.capture c) as floor,
            (select min(t.position)::integer from ampsync_private.change_tx t) as first,
            (select count(*)::integer from ampsync_private.change_tx t) as entries,
            (select p.rebuildable_from::integer from ampsync_private.published p) as rebuildable`,
  );
  return rows[0]!;
}

async function head(): Promise<number> {
  return (await db.query("select ampsync.head()::integer as head")).rows[0]!["head"];
}

describe("the log", () => {
  test("is kept for ever by default; else entries go that are older, and not those that a client still needs", async () => {
    await db.query("update ampsync_private.change_tx set committed_at = now() - interval '1 year'");
    await change(5, "100 days");
    const needed = await head();
    await change(5, "95 days");
    const old = await head();
    await change(5, "10 days");
    await rotate();
    expect(await log()).toMatchObject({ floor: 0, entries: 16 });

    await db.query("update ampsync_private.capture set history_retention = '90 days'");
    await db.query(
      "insert into ampsync_private.client (client_id, subject, position, first_seen, seen_at) values (gen_random_uuid(), 'me', $1, now(), now() - interval '6 days')",
      [needed],
    );
    await rotate();
    expect(await log()).toMatchObject({ floor: needed, first: needed + 1, entries: 10, rebuildable: needed });
    await db.query("update ampsync_private.client set seen_at = now() - interval '8 days'");
    await rotate();
    expect(await log()).toMatchObject({ floor: old, entries: 5, rebuildable: old });
    expect(await head()).toBe(old + 5);

    const { rows } = await db.query(`select from ampsync.row_history('public.todos', '{"id": 1}')`);
    expect(rows).toEqual([]);
    await expect(db.query("select * from ampsync.read_changes(after => 1)")).rejects.toMatchObject({
      code: "SY406",
    });
    await expect(
      db.query(`select * from ampsync.table_as_of('public.todos', ${old - 1}) as t(r jsonb)`),
    ).rejects.toMatchObject({ code: "SY406" });
    const then = await db.query(`select * from ampsync.table_as_of('public.todos', ${old}) as t(r jsonb)`);
    expect(then.rows).toHaveLength(10);
  });

  test("loses whole partitions of rows, beside a reader who has read them, and goes on after a removal that was broken off", async () => {
    await db.query("select setval('ampsync_private.tx_id', 3000000)");
    await db.query("select ampsync_private.add_change_partitions(1000000, 4000000)");
    await db.query("update ampsync_private.change_tx set committed_at = now() - interval '1 year'");
    await change(1, "10 days");
    await db.query("insert into ampsync_private.change select 2000001, 0, 1, 'insert', '[\"1\"]', '{}'");
    const reader = await db.client();
    await reader.query("begin; select count(*) from ampsync_private.change");
    const rotating = rotate().catch(() => {}); // Detached at once for others; the reader is waited for.
    await expect.poll(async () => (await pending()).length).toBe(1);
    const other = await db.client();
    await other.query("select count(*) from ampsync_private.change");
    await db.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query like '%concurrently' and pid <> pg_backend_pid() and datname = current_database()",
    );
    await rotating;
    await reader.query("commit");
    await rotate();
    const { rows } = await db.query(
      "select relname as name from pg_class where relname ~ '^change_[0-9]+$' and relkind = 'r' order by 1",
    );
    expect(rows.map(({ name }) => name)).toEqual(["change_3", "change_4"]);
  });

  async function pending() {
    return (await db.query("select from pg_inherits where inhdetachpending")).rows;
  }
});
