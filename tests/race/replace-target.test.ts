import type pg from "pg";
import { beforeEach, describe, expect, test } from "vitest";

import { describeTable } from "../support/postgres/describe-table.ts";
import { backendOf, untilBlocked } from "../support/postgres/rivals.ts";
import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { waitFor } from "../support/wait-for.ts";

const db = sharedDatabase();
let schemas = 0;
/** Schema of this test: two tables of the old version, `logs` and `blocks`, and `new_logs`, `new_blocks` beside them. */
let ds: string;

beforeEach(async () => {
  ds = `ds_${++schemas}`;
  await db.query(`create schema ${ds}`);
  for (const table of ["blocks", "logs"]) {
    for (const [name, type, value] of [
      [table, "integer", 1],
      [`new_${table}`, "numeric(20)", 2],
    ]) {
      await db.query(`
        create table ${ds}.${name} (_id bytea primary key, _block_num_start bigint not null,
          _block_num_end bigint not null, _block_num bigint not null, note text, amount ${type});
        insert into ${ds}.${name} select int8send(n), n, n, n, 'note', ${value} from generate_series(1, 10) n`);
    }
  }
  await db.query(`
    create view ${ds}.notes as select _block_num, note from ${ds}.logs;
    create view ${ds}.notes_on_top as select note from ${ds}.notes;
    create view ${ds}.amounts as select _block_num, amount from ${ds}.logs;
    create view ${ds}.amounts_on_top as select sum(a.amount) as sum from ${ds}.amounts a join ${ds}.blocks b using (_block_num);
    create function ${ds}.total() returns text language plpgsql as
      'begin return (select sum(amount)::int from ${ds}.logs); end'`);
});

const old = (table: string) => `${ds}.${table}`;
const beside = (table: string) => `${ds}.new_${table}`;

/** Both tables change their places with those beside them; the transaction stays open. */
async function replaceBoth(client: pg.Client): Promise<void> {
  await client.query("begin");
  await client.query("select ampsync_private.lock_replacement($1)", [
    ["logs", "blocks"].flatMap((table) => [old(table), beside(table)]),
  ]);
  for (const table of ["logs", "blocks"]) {
    await client.query("select ampsync_private.replace_target($1, $2, $3, $4)", [
      old(table),
      beside(table),
      ds,
      `new_${table}`,
    ]);
  }
}

/** What readers ask; each has one row with a number that is 10 by the old version and 20 by the new one. */
function questions(): readonly [string, string][] {
  return [
    ["a table", `select sum(amount)::int as n from ${ds}.logs`],
    ["a view", `select count(*)::int * (select max(amount)::int from ${ds}.logs) as n from ${ds}.notes`],
    ["a view of a view", `select count(*)::int * ${ds}.total()::int / 10 as n from ${ds}.notes_on_top`],
    ["a view that is created again", `select sum(amount)::int as n from ${ds}.amounts`],
    ["one on top of it, and a join", `select sum::int as n from ${ds}.amounts_on_top`],
    [
      "a join of both tables",
      `select sum(l.amount * b.amount / greatest(b.amount, 1))::int as n from ${ds}.logs l join ${ds}.blocks b using (_block_num)`,
    ],
    ["a function", `select ${ds}.total()::int as n`],
  ];
}

/** The same question, as a text and as a statement prepared before. */
async function readers(): Promise<readonly { pid: number; ask: () => Promise<number> }[]> {
  return Promise.all(
    questions().flatMap(([name, text]) =>
      [{ text }, { text, name }].map(async (question) => {
        const client = await db.client();
        const ask = async () => (await client.query(question)).rows[0].n as number;
        expect(await ask()).toBe(10);
        return { pid: await backendOf(client), ask };
      }),
    ),
  );
}

test("an index whose name somebody else takes in the schema of kept tables meanwhile stays without it", async () => {
  await db.query(`create schema ${ds}_kept; create table ${ds}_kept.other (n integer)`);
  const [rival, swap] = await Promise.all([db.client(), db.client()]);
  const swapPid = await backendOf(swap);
  await rival.query(`begin; create index logs_pkey on ${ds}_kept.other (n)`);
  const replaced = swap.query("select ampsync_private.replace_target($1, $2, $3, 'kept')", [
    old("logs"),
    beside("logs"),
    `${ds}_kept`,
  ]);
  await untilBlocked(db, swapPid);
  await rival.query("commit");
  await replaced;
  const { rows } = await db.query(
    `select i.indrelid::regclass::text as table, x.relname ~ '^ampsync_index_' as is_without
       from pg_index i join pg_class x on x.oid = i.indexrelid
      where i.indrelid in ('${ds}.logs'::regclass, '${ds}_kept.kept'::regclass) order by 1`,
  );
  expect(rows).toEqual([
    { table: `${ds}.logs`, is_without: false },
    { table: `${ds}_kept.kept`, is_without: true },
  ]);
});

describe("readers of tables, views, joins and functions, also by prepared statements,", () => {
  test("wait for the transaction and then find the new tables", async () => {
    const waiting = await readers();
    const swap = await db.client();
    await replaceBoth(swap);
    const answers = Promise.all(waiting.map(({ ask }) => ask()));
    for (const { pid } of waiting) await untilBlocked(db, pid);
    await swap.query("commit");
    expect(await answers).toEqual(waiting.map(() => 20));
  });

  test("find the old ones if it is rolled back", async () => {
    const waiting = await readers();
    const swap = await db.client();
    await replaceBoth(swap);
    const answers = Promise.all(waiting.map(({ ask }) => ask()));
    for (const { pid } of waiting) await untilBlocked(db, pid);
    await swap.query("rollback");
    expect(await answers).toEqual(waiting.map(() => 10));
  });

  test("see one version or the other, and no error, however often they change", async () => {
    const asking = await readers();
    let done = false;
    const seen = asking.map(async ({ ask }) => {
      const answers = new Set<number>();
      while (!done) answers.add(await ask());
      return [...answers];
    });
    const swap = await db.client();
    let swaps = 0;
    await waitFor(
      "ten swaps among readers",
      async () => {
        try {
          await replaceBoth(swap);
          await swap.query("commit");
          swaps += 1;
        } catch (error) {
          expect(error).toMatchObject({ code: "55P03" }); // Readers came between in another order.
          await swap.query("rollback");
        }
        return swaps === 10;
      },
      60_000,
    ).finally(() => {
      done = true;
    });
    for (const answers of await Promise.all(seen)) {
      expect([10, 20]).toEqual(expect.arrayContaining(answers));
    }
  });
});

describe("it gives up after 300 ms, and changes nothing,", () => {
  async function refused(swap: pg.Client): Promise<void> {
    await expect(replaceBoth(swap)).rejects.toMatchObject({ code: "55P03" });
    await swap.query("rollback");
    expect((await db.query(`select sum(amount)::int as n from ${ds}.logs`)).rows).toEqual([{ n: 10 }]);
  }

  test("while a reader goes on that has the table", async () => {
    const reader = await db.client();
    await reader.query(`begin; select from ${ds}.blocks`);
    await refused(await db.client());
    await reader.query("commit");
  });

  test("while a reader has a view of it and waits for another table", async () => {
    const [holder, reader] = [await db.client(), await db.client()];
    await db.query(
      `create table ${ds}.other (); create view ${ds}.slow as select 1 from ${ds}.other, ${ds}.logs`,
    );
    await holder.query(`begin; lock table ${ds}.other`);
    const pid = await backendOf(reader);
    const answer = reader.query(`select from ${ds}.slow`);
    await untilBlocked(db, pid);
    await refused(await db.client());
    await holder.query("commit");
    await answer;
  });

  test("waiting for a view, which it locks before the views and tables below, as readers do", async () => {
    const [holder, swap] = [await db.client(), await db.client()];
    const pid = await backendOf(swap);
    await holder.query(`begin; alter view ${ds}.notes_on_top owner to current_user`); // Locks that view alone.
    const rejected = refused(swap);
    await Promise.race([untilBlocked(db, pid), rejected]);
    const { rows } = await db.query(
      `select relation::regclass::text from pg_locks where pid = $1 and mode = 'AccessExclusiveLock' and granted
          and relation in ('${ds}.notes'::regclass, '${ds}.logs'::regclass, '${ds}.blocks'::regclass)`,
      [pid],
    );
    await rejected;
    expect(rows).toEqual([]);
    await holder.query("rollback");
  });

  test("when a reader has one table and waits for another that it has: the reader goes on", async () => {
    const [reader, swap] = [await db.client(), await db.client()];
    const pid = await backendOf(swap);
    await reader.query(`begin; select from ${ds}.new_logs`); // The newest table: locked last.
    const rejected = refused(swap);
    await Promise.race([untilBlocked(db, pid), rejected]);
    const answer = reader.query(`select sum(amount)::int as n from ${ds}.blocks`); // The oldest: locked first.
    await rejected;
    expect((await answer).rows).toEqual([{ n: 10 }]);
    await reader.query("commit");
  });
});

describe("a function in standard SQL that uses the table", () => {
  const NAMES = ["first", "second"] as const;
  /** Names the table no longer. */
  const changed = (name: string) =>
    `create or replace function ${ds}.${name}() returns numeric language plpgsql as 'begin return -1; end'`;

  beforeEach(async () => {
    for (const name of NAMES) {
      await db.query(
        `create function ${ds}.${name}() returns numeric language sql begin atomic select sum(amount) from ${ds}.logs; end`,
      );
    }
  });

  test.each(NAMES)("is never made again as it was, once somebody changed it: not %s", async (name) => {
    const [holder, user, swap] = [await db.client(), await db.client(), await db.client()];
    const [pid, userPid] = [await backendOf(swap), await backendOf(user)];
    await holder.query(`begin; alter function ${ds}.${NAMES.find((each) => each !== name)}() cost 7`);
    const swapped = replaceBoth(swap).catch((error: Error) => error);
    await Promise.race([untilBlocked(db, pid), swapped]);
    const answer = user.query(changed(name)).catch((error: Error) => error);
    await Promise.race([untilBlocked(db, userPid), answer]);
    await holder.query("rollback");
    const failed = (await swapped) instanceof Error;
    await swap.query(failed ? "rollback" : "commit");
    const isRefused = (await answer) instanceof Error;
    const { rows } = await db.query(`select ${ds}.${name}()::int as n`);
    expect(rows).toEqual([{ n: isRefused ? 20 : -1 }]);
  });

  test("keeps it waiting for 300 ms while somebody changes it; then all is as it was", async () => {
    const user = await db.client();
    await user.query(`begin; ${changed("first")}`);
    const swap = await db.client();
    await expect(replaceBoth(swap)).rejects.toMatchObject({ code: "55P03" });
    await swap.query("rollback");
    await user.query("commit");
    await replaceBoth(swap);
    await swap.query("commit");
    const { rows } = await db.query(
      `select ${NAMES.map((name) => `${ds}.${name}()::int as ${name}`).join()}`,
    );
    expect(rows).toEqual([{ first: -1, second: 20 }]);
  });

  test("has it begun again if that change comes first", async () => {
    const [user, swap] = [await db.client(), await db.client()];
    const pid = await backendOf(swap);
    await user.query(`begin; ${changed("first")}`);
    const swapped = replaceBoth(swap).catch((error: Error) => error);
    await Promise.race([untilBlocked(db, pid), swapped]);
    await user.query("commit");
    expect(await swapped).toMatchObject({ code: "55P03" });
    await swap.query("rollback");
  });
});

test("an index that is dropped while those before it are made for the new table is not made", async () => {
  await db.query(
    `create index one on ${old("logs")} (note); create index two on ${old("logs")} (_block_num)`,
  );
  const [writer, client] = [await db.client(), await db.client()];
  const pid = await backendOf(client);
  await writer.query(`begin; lock table ${beside("logs")} in row exclusive mode`);
  const copied = client.query("select ampsync_private.copy_indexes($1, $2) as count", [
    old("logs"),
    beside("logs"),
  ]);
  await untilBlocked(db, pid);
  await db.query(`drop index ${ds}.two`);
  await writer.query("commit");
  expect((await copied).rows).toEqual([{ count: 1 }]);
});

test.each([
  ["table", "drop table logs cascade"],
  ["primary key", "alter table logs drop constraint logs_pkey"],
])("a %s that is dropped at the same moment is no error of PostgreSQL's own", async (_, drop) => {
  const { rows } = await db.query("select $1::regclass::oid as oid", [old("logs")]);
  const rival = await db.client();
  await rival.query(`set search_path = ${ds}; begin; ${drop}`);
  const us = await db.client();
  const pid = await backendOf(us);
  const asked = us.query("select ampsync_private.check_replaceable($1::oid, '[]')", [rows[0]!["oid"]]);
  const refused = expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/^(55P03|SY201)$/) });
  await untilBlocked(db, pid);
  await rival.query("commit");
  await refused;
});

test("a worker that is killed before its commit leaves everything as it was", async () => {
  const before = await describeTable(db, old("logs"));
  const swap = await db.client();
  const pid = await backendOf(swap);
  await replaceBoth(swap);
  await db.query("select pg_terminate_backend($1)", [pid]);
  await waitFor(`backend ${pid} to end`, async () => {
    return (await db.query("select from pg_stat_activity where pid = $1", [pid])).rowCount === 0;
  });
  expect(await describeTable(db, old("logs"))).toEqual(before);
});

describe("a rehearsal", () => {
  const columns = JSON.stringify([
    { name: "note", type: "text", not_null: false },
    { name: "amount", type: "numeric(20,0)", not_null: false },
  ]);
  const rehearse = (client: pg.Client) =>
    client.query("select ampsync_private.rehearse_replacement($1, $2)", [old("logs"), columns]);

  test("gives its locks back before its transaction ends", async () => {
    const client = await db.client();
    await client.query("begin");
    await rehearse(client);
    const reader = await db.client();
    await reader.query(`set lock_timeout = '10s'; select from ${ds}.amounts_on_top`);
    await client.query("commit");
  });

  test("is left out while somebody uses the table", async () => {
    const reader = await db.client();
    await reader.query(`begin; select from ${ds}.logs`);
    await rehearse(await db.client());
    await reader.query("commit");
  });
});

describe("what readers have to know:", () => {
  test("a prepared `select *` ends with 0A000, because its columns changed", async () => {
    const reader = await db.client();
    const question = { name: "all", text: `select * from ${ds}.logs` };
    await reader.query(question);
    const swap = await db.client();
    await replaceBoth(swap);
    await swap.query("commit");
    await expect(reader.query(question)).rejects.toMatchObject({ code: "0A000" });
    expect((await reader.query(question.text)).rowCount).toBe(10);
  });

  test("a snapshot from before the new rows were loaded does not see them", async () => {
    const reader = await db.client();
    await reader.query("begin isolation level repeatable read; select 1 from pg_class");
    await db.query(`insert into ${ds}.new_logs select int8send(11), 11, 11, 11, 'late', 2`);
    const swap = await db.client();
    await replaceBoth(swap);
    await swap.query("commit");
    expect((await reader.query(`select from ${ds}.logs`)).rowCount).toBe(10);
    await reader.query("commit");
    expect((await reader.query(`select from ${ds}.logs`)).rowCount).toBe(11);
  });
});
