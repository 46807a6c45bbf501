import { beforeEach, describe, expect, test } from "vitest";

import { ROLES, VIEW_RIGHTS } from "../../../src/install/rights.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
const LOGIN = `of_a_person_${process.pid}`;

let stream: SqlStream;
beforeEach(async () => {
  stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query(`create role ${LOGIN}`); // Rolled back with the rest.
});

/** From here on the session is one of a member of this role. */
async function become(role: string): Promise<void> {
  await db.query(`grant ${role} to ${LOGIN}; set local role ${LOGIN}`);
}

describe("a member of ampsync_reader", () => {
  beforeEach(() => become("ampsync_reader"));

  test("may read every view but those of rows, and nothing else of ours", async () => {
    const { rows } = await db.query(
      "select viewname as name, format('%I.%I', schemaname, viewname) as view from pg_views where schemaname = 'ampsync'",
    );
    expect(rows.length).toBeGreaterThan(7);
    for (const { name, view } of rows) {
      if (name in VIEW_RIGHTS) expect((await refusal(db, `select * from ${view}`)).code).toBe("42501");
      else await db.query(`select * from ${view}`);
    }
    expect((await db.query("select rows, state from ampsync.streams")).rows).toEqual([
      { rows: "10", state: expect.any(String) },
    ]);
    expect((await refusal(db, "select * from ampsync_private.stream")).code).toBe("42501");
    expect((await refusal(db, "select ampsync_private.now()")).code).toBe("42501");
  });

  test("may read a table that was made meanwhile, and its checkpoints", async () => {
    expect((await db.query("select from chain.blocks")).rowCount).toBe(10);
    expect((await db.query("select from chain._ampsync_checkpoints")).rowCount).toBe(1);
    expect((await refusal(db, "delete from chain.blocks")).code).toBe("42501");
  });

  test("may ask for the cut, wait for a block, read the version and look for damage", async () => {
    expect((await db.query("select ampsync.cut('chain')")).rows).toEqual([{ cut: "9" }]);
    expect((await db.query("select ampsync.wait_for_block('chain', 9) as there")).rows).toEqual([
      { there: true },
    ]);
    expect((await db.query("select ampsync.version()")).rows).toEqual([{ version: expect.any(String) }]);
    expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
  });
});

test("verify needs SELECT on the target where it was taken back, and says how to give it", async () => {
  await db.query("revoke select on chain.blocks from ampsync_reader");
  await become("ampsync_reader");
  const { code, hint } = await refusal(db, "select * from ampsync.verify('chain')");
  expect({ code, hint }).toEqual({ code: "42501", hint: `grant select on table chain.blocks to ${LOGIN};` });
  await db.query("reset role");
  await db.query(hint!);
  await db.query(`set local role ${LOGIN}`);
  expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
});

const CHANGES = [
  "select ampsync.enqueue_sync('other')",
  "select ampsync.pause_sync('chain')",
  "select ampsync.resume_sync('chain')",
  "select ampsync.alter_sync('chain', on_deep_reorg => 'resync')",
  "select ampsync.resync('chain')",
  "select ampsync.cancel_resync('chain')",
  "select ampsync.repair('chain', 'blocks', 0, 1)",
  "select ampsync.cancel_repair('chain', 'blocks')",
  "select ampsync.explain_sync('chain')",
  "select ampsync.drop_sync('chain', drop_tables => true)",
];
const SETTINGS = [
  "select ampsync.set_source('chain', 'http://evil.example')",
  "select ampsync.set_retention()",
];

test.each(CHANGES)("an operator may, and a reader may not: %s", async (statement) => {
  await db.query(
    "do $$ begin execute format('grant create on database %I to ampsync_operator', current_database()); end $$",
  );
  await become("ampsync_reader");
  expect((await refusal(db, statement)).code).toBe("42501");
  await db.query("reset role");
  await become("ampsync_operator");
  await db.query(statement);
});

test.each(SETTINGS)("an administrator may, and an operator may not: %s", async (statement) => {
  await become("ampsync_operator");
  expect((await refusal(db, statement)).code).toBe("42501");
  await db.query("reset role");
  await become("ampsync_admin");
  await db.query(statement);
});

test.each(ROLES.filter((role) => role !== "ampsync_admin"))(
  "%s cannot aim a worker at another host",
  async (role) => {
    await become(role);
    for (const statement of [
      "select ampsync.set_source('chain', flight_addr => 'http://evil.example')",
      "select ampsync.alter_sync('chain', flight_addr => 'http://evil.example')",
    ]) {
      expect((await refusal(db, statement)).code).toMatch(/^42501|42883$/); // Not permitted, or no such option.
    }
    const { rows } = await db.query(
      "select has_function_privilege('ampsync.set_source(text,text,text)', 'execute') as may",
    );
    expect(rows).toEqual([{ may: false }]);
  },
);

describe("a sync is begun only where its caller may create tables:", () => {
  const enqueue = (schema: string) => `select ampsync.enqueue_sync('other', target_schema => '${schema}')`;

  test("in a schema of somebody else he needs the right, and is told so", async () => {
    await db.query("create schema theirs");
    await become("ampsync_operator");
    const refused = await refusal(db, enqueue("theirs"));
    expect(refused).toMatchObject({
      code: "42501",
      message: `role ${LOGIN} may not create tables in schema theirs`,
      hint: `grant create on schema theirs to ${LOGIN};`,
    });
    await db.query(`reset role; ${refused.hint}; set local role ${LOGIN}`);
    await db.query(enqueue("theirs"));
  });

  test("in a schema that is missing he needs the right to make schemas", async () => {
    await become("ampsync_operator");
    const refused = await refusal(db, enqueue("missing"));
    expect(refused).toMatchObject({ code: "42501", message: `role ${LOGIN} may not create schema missing` });
    await db.query(`reset role; ${refused.hint}; set local role ${LOGIN}`);
    await db.query(enqueue("missing"));
    await db.query(`reset role; revoke create on database ${db.name} from ${LOGIN}; set local role ${LOGIN}`);
    await db.query(enqueue("missing")); // It is synced already.
  });

  test("in a schema that ampsync made for tables the same right suffices", async () => {
    await db.query("create schema ours authorization ampsync_worker");
    await become("ampsync_operator");
    const refused = await refusal(db, enqueue("ours"));
    expect(refused.hint).toBe(`grant create on database ${db.name} to ${LOGIN};`);
    await db.query(`reset role; ${refused.hint}; set local role ${LOGIN}`);
    await db.query(enqueue("ours"));
  });

  test.each([
    ["a query", `queries => '{"users": "select block_num from logs"}', tables => '{blocks,users}'`],
    ["tables", "tables => '{blocks,logs}'"],
    ["tables that are given other names", `tables => '{blocks,logs}', rename => '{"logs": "users"}'`],
    ["another name", `rename => '{"logs": "users"}'`],
  ])("and so is a table that is added to it: by %s", async (_, options) => {
    await become("ampsync_operator");
    for (const door of ["alter_sync", "enqueue_sync"]) {
      const refused = await refusal(db, `select ampsync.${door}('chain', ${options})`);
      expect(refused).toMatchObject({
        code: "42501",
        message: `role ${LOGIN} may not create tables in schema chain`,
      });
    }
    await db.query("select ampsync.alter_sync('chain', tables => '{blocks}')"); // It is synced already.
  });

  test("with the right to create tables he adds one", async () => {
    await db.query(`grant create on schema chain to ${LOGIN}`);
    await become("ampsync_operator");
    await db.query("select ampsync.alter_sync('chain', tables => '{blocks,logs}')");
    await db.query(`reset role; revoke create on schema chain from ${LOGIN}; set local role ${LOGIN}`);
    await db.query("select ampsync.alter_sync('chain', tables => '{blocks,logs}')"); // It is named already.
  });

  test.each(["pg_catalog", "ampsync_private", "graphile_worker"])("never in %s", async (schema) => {
    await db.query(`grant create on database ${db.name} to ampsync_operator`);
    await become("ampsync_operator");
    expect((await refusal(db, enqueue(schema))).code).toMatch(/^42501|SY004$/);
  });
});

describe("code of an operator that PostgreSQL runs in a superuser's session", () => {
  beforeEach(async () => {
    await db.query(`create schema theirs; create schema own authorization ${LOGIN}`);
    await become("ampsync_operator");
    await db.query(
      `create function own.call_door(integer) returns integer language plpgsql immutable as $$
       begin
         if current_setting('role') = 'none' then
           perform ampsync.enqueue_sync('other', target_schema => 'theirs');
         end if;
         return $1;
       end $$;
       create table own.bait as select 1 as n;
       create index on own.bait (own.call_door(n));
       create materialized view own.view as select own.call_door(n) from own.bait;
       reset role`,
    );
  });

  test.each([
    "analyze own.bait",
    "reindex table own.bait",
    "cluster own.bait using bait_call_door_idx",
    "refresh materialized view own.view",
  ])("does not pass for the superuser: %s", async (statement) => {
    const refused = await refusal(db, statement);
    expect(refused).toMatchObject({
      code: "42501",
      message: "functions of ampsync cannot be called from an index or a materialized view",
    });
    await db.query("select ampsync.enqueue_sync('other', target_schema => 'theirs')"); // As himself he may.
  });

  test("nor is it known who looks for damage there", async () => {
    await db.query(
      "create materialized view own.damage as select * from ampsync.verify('chain') with no data",
    );
    expect((await refusal(db, "refresh materialized view own.damage")).code).toBe("42501");
    await db.query("create materialized view own.cut as select ampsync.cut('chain')"); // Returns the same to everybody.
  });
});

test("a caller is known where nothing may be written", async () => {
  await become("ampsync_reader");
  await db.query("set transaction read only");
  expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
});

describe("the values of rejected rows", () => {
  const shown = async () =>
    (await db.query("select column_name, sqlstate, reason, row_values from ampsync.rejects")).rows;
  const ALL = { column_name: "n", sqlstate: "SY203", reason: "n is 7", row_values: { n: 7 } };
  const HIDDEN = { ...ALL, reason: null, row_values: null };

  beforeEach(async () => {
    await db.query(
      `insert into ampsync_private.reject
         (stream_id, block, row_number, column_name, sqlstate, reason, row_values, rejected_at)
       values ($1, 5, 0, 'n', 'SY203', 'n is 7', '{"n": 7}', now())`,
      [stream.id],
    );
  });

  test("are shown to whoever may read the table", async () => {
    expect(await shown()).toEqual([ALL]);
    await become("ampsync_reader");
    expect(await shown()).toEqual([ALL]);
  });

  test("are not shown to whoever may not", async () => {
    await db.query("revoke select on chain.blocks from ampsync_reader");
    await become("ampsync_reader");
    expect(await shown()).toEqual([HIDDEN]);
    await db.query(`reset role; grant select on chain.blocks to ${LOGIN}; set local role ${LOGIN}`);
    expect(await shown()).toEqual([ALL]);
  });

  test("are not shown to whoever may read some rows of it", async () => {
    await db.query("alter table chain.blocks enable row level security");
    await become("ampsync_reader");
    expect(await shown()).toEqual([HIDDEN]);
  });
});

test("what somebody else does again does not overwrite who did it before", async () => {
  const twelve = async () => {
    for (let turn = 0; turn < 12; turn++) {
      await db.query("select ampsync.pause_sync('chain'); select ampsync.resume_sync('chain')");
    }
  };
  await twelve();
  await become("ampsync_operator");
  await twelve();
  await db.query("reset role");
  const { rows } = await db.query(
    `select actor, count(*)::int as rows, sum((details ->> 'repeated')::int)::int as repeated
       from ampsync.events where event = 'paused' group by actor order by actor = $1`,
    [LOGIN],
  );
  expect(rows).toEqual([
    { actor: expect.any(String), rows: 10, repeated: 2 },
    { actor: LOGIN, rows: 10, repeated: 2 },
  ]);
});

test("the journal says who called", async () => {
  await become("ampsync_operator");
  await db.query("select ampsync.pause_sync('chain')");
  await db.query("reset role");
  const { rows } = await db.query("select distinct actor from ampsync.events where event = 'paused'");
  expect(rows).toEqual([{ actor: LOGIN }]);
});
