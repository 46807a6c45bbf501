import { beforeEach, describe, expect, test } from "vitest";

import { installTriggerLog, logTable } from "../../support/capture/trigger-log.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();
const LOGIN = `looks_back_${process.pid}`;

/** What shows former rows, or changes what is shown. */
const CALLS = [
  `select * from ampsync.row_history('public.todos', '{"id": 1}')`,
  "select * from ampsync.table_as_of('public.todos', ampsync.head()) as t(r jsonb)",
  `select * from ampsync.restore_row('public.todos', '{"id": 1}', ampsync.head()::text)`,
  "select * from ampsync.restore_table('public.todos', ampsync.head()::text)",
  `select ampsync.erase_history('public.todos', '{"id": 1}')`,
];
/** What shows the log as a whole. */
const LOG = ["select * from ampsync.change_history", "select * from ampsync.read_changes(after => 0)"];

beforeEach(async () => {
  await installTriggerLog(db);
  await db.query("create table public.todos (id integer primary key, title text)");
  await logTable(db, "public.todos");
  await db.query("insert into public.todos values (1, 'secret')");
  await db.query("update public.todos set title = 'public'");
  await db.query(`create role ${LOGIN}`);
});

async function become(role: string, rights = "select, insert, update, delete"): Promise<void> {
  if (rights !== "") await db.query(`grant ${rights} on public.todos to ${LOGIN}`);
  await db.query(`grant ${role} to ${LOGIN}; set local role ${LOGIN}`);
}

/** The rows are those of this very transaction, which some calls refuse: but not for want of rights. */
async function expectAllowed(call: string): Promise<void> {
  await db.query("savepoint before_call");
  const code = await db.query(call).then(
    () => null,
    (error: { code: string }) => error.code,
  );
  await db.query("rollback to before_call");
  expect(code ?? "25001", call).toBe("25001");
}

describe.each(["ampsync_operator", "ampsync_worker", "ampsync_reader"])("a member of %s", (role) => {
  test("sees no row of the log, whatever rights on the table it has", async () => {
    await become(role);
    for (const call of [...CALLS, ...LOG]) expect(await refusal(db, call)).toMatchObject({ code: "42501" });
  });

  test("sees positions and publications", async () => {
    await become(role);
    expect((await db.query("select ampsync.head() > 0 as is_there")).rows).toEqual([{ is_there: true }]);
    const { rows } = await db.query("select state, floor is not null as has_floor from ampsync.publications");
    expect(rows).toEqual([{ state: "live", has_floor: true }]);
  });
});

describe("a member of ampsync_admin", () => {
  test("sees the log, and looks back at tables that it may read and write", async () => {
    await become("ampsync_admin");
    for (const call of [...LOG, ...CALLS]) await expectAllowed(call);
  });

  test("does not look back at a table that it may not read, and is told what to grant", async () => {
    await become("ampsync_admin", "");
    for (const call of CALLS) {
      expect(await refusal(db, call)).toMatchObject({
        code: "42501",
        hint: `grant select on public.todos to ${LOGIN};`,
      });
    }
  });

  test("restores nothing in a table that it may not write", async () => {
    await become("ampsync_admin", "select, insert, update");
    for (const call of CALLS.slice(2, 4)) {
      expect(await refusal(db, call)).toMatchObject({
        code: "42501",
        hint: `grant delete on public.todos to ${LOGIN};`,
      });
    }
  });

  test("whom row level security would restrict does not look back: history knows no policies", async () => {
    await db.query("alter table public.todos enable row level security");
    await become("ampsync_admin");
    for (const call of CALLS) {
      expect(await refusal(db, call)).toMatchObject({
        code: "42501",
        hint: `alter role ${LOGIN} bypassrls;`,
      });
    }
    await db.query(`reset role; alter role ${LOGIN} bypassrls; set local role ${LOGIN}`);
    for (const call of CALLS) await expectAllowed(call);
    await db.query(
      `reset role; alter role ${LOGIN} nobypassrls; alter table public.todos owner to ${LOGIN}; set local role ${LOGIN}`,
    );
    for (const call of CALLS) await expectAllowed(call);
    await db.query("alter table public.todos force row level security");
    for (const call of CALLS) expect(await refusal(db, call)).toMatchObject({ code: "42501" });
  });

  test("does not see the history of a table that is gone: nobody can tell who might read it", async () => {
    await db.query(
      "update ampsync_private.published set state = 'ended', relation = null; drop table public.todos",
    );
    await db.query(CALLS[0]!);
    await become("ampsync_admin", "");
    expect(await refusal(db, CALLS[0]!)).toMatchObject({ code: "42501" });
  });
});
