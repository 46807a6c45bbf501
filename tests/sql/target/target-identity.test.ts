// Takes 12 s.
import { describe, expect, test } from "vitest";

import { findings } from "../../support/chain/linked-chain.ts";
import { moveClock } from "../../support/postgres/clock.ts";
import { journaledDetails } from "../../support/postgres/journal.ts";
import { asOperator, becomePlainRole } from "../../support/postgres/plain-role.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, startResync, swap } from "../../support/postgres/shadow.ts";
import { COLUMNS, hashOf, registerDataset, SqlStream, watermark } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

const ROWS = "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9";
/** Another table with the same columns and no row of ours under the name of the target. */
const REPLACE =
  "alter table chain.blocks rename to blocks_old; create table chain.blocks (like chain.blocks_old including all)";
const REPLACE_SCHEMA =
  "alter schema chain rename to chain_old; create schema chain; create table chain.blocks (like chain_old.blocks including all)";

/** Its pass is over, and the next one has its lease. */
async function nextPass(stream: SqlStream): Promise<SqlStream> {
  await moveClock(db, "31 s");
  await stream.acquire();
  const { rows } = await db.query(
    "select format('%I.%I', target_schema, target_table) as target from ampsync_private.stream where stream_id = $1",
    [stream.id],
  );
  return new SqlStream(db, stream.id, rows[0]!["target"], stream.hasBlockNum, stream.epoch);
}

async function rowsOf(table: string): Promise<number> {
  return Number((await db.query(`select count(*) as n from ${table}`)).rows[0]!["n"]);
}

/** The stream can be moved by its next pass, and its records agree with its table. */
async function expectHealed(stream: SqlStream): Promise<void> {
  const next = await nextPass(stream);
  await next.prepareTarget();
  await next.apply(10, 11);
  expect(await next.rows()).toBe(`${ROWS} a10 a11`);
  expect(await findings(db)).toEqual([]);
}

describe("where another table has the name of a target, it is refused with the statements that put it right:", () => {
  const CASES: readonly [string, string, string][] = [
    ["swapped by rename", REPLACE, "chain.blocks_old"],
    ["swapped by schema", REPLACE_SCHEMA, "chain_old.blocks"],
    [
      "moved, and a view in its place",
      "create schema attic; alter table chain.blocks set schema attic; create view chain.blocks as table attic.blocks",
      "attic.blocks",
    ],
    [
      "moved and renamed, and a sequence in its place",
      "create schema attic; alter table chain.blocks set schema attic; alter table attic.blocks rename to b; create sequence chain.blocks",
      "attic.b",
    ],
  ];

  test.each(CASES)("%s", async (_, change, place) => {
    const stream = await loadedStream(db);
    await db.query(change);
    const begin = await refusal(db, () => stream.beginApply());
    expect(begin).toMatchObject({
      code: "SY201",
      message: `chain.blocks is another table now; the synced one is ${place}`,
      detail: expect.stringMatching(/^Nothing was written/),
    });
    expect(await refusal(db, () => stream.beginApply({ from: 5, parentHash: hashOf(4) }))).toMatchObject({
      code: "SY201",
    });
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({
      code: "SY201",
      hint: begin.hint,
    });
    await moveClock(db, "31 s");
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY201", hint: begin.hint });

    await stream.endPass("failed", "SY201");
    await db.query(begin.hint!);
    await expectHealed(stream);
  });

  test("and what has the name may hold rows: none comes, none goes", async () => {
    const stream = await loadedStream(db);
    await db.query(`${REPLACE}; insert into chain.blocks select * from chain.blocks_old`);
    await refusal(db, () => stream.replace(5, 9, { fork: "b" }));
    expect(await rowsOf("chain.blocks")).toBe(10);
    expect(await rowsOf("chain.blocks_old")).toBe(10);
  });
});

describe("a schema that is renamed under a locked table is seen", () => {
  test("by commit_apply, before the lease", async () => {
    const stream = await loadedStream(db);
    await stream.beginApply();
    await db.query(REPLACE_SCHEMA);
    await stream.insert(10, 11);
    expect(await rowsOf("chain.blocks")).toBe(2); // That is what must not be committed.
    const error = await refusal(db, () => stream.commitApply([watermark(10, 11)], 2));
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining("chain_old.blocks") });
    expect(
      await refusal(db, () => stream.commitApply([watermark(10, 11)], 2, { epoch: "99" })),
    ).toMatchObject({ code: "SY201" });
  });

  test("by commit_apply where only the name is gone: the next pass follows", async () => {
    const stream = await loadedStream(db);
    await stream.beginApply();
    await db.query("alter schema chain rename to ethereum");
    expect(await refusal(db, () => stream.commitApply([watermark(10, 11)], 0))).toMatchObject({
      code: "SY205",
      message: "table chain.blocks is called ethereum.blocks now",
    });
  });

  test("by commit_repair", async () => {
    const stream = await loadedStream(db);
    await db.query("select ampsync.repair('chain', 'blocks', 5, 6)");
    await db.query("call ampsync_worker.begin_repair($1, $2, 5, 6)", [stream.id, stream.epoch]);
    await stream.insert(5, 6);
    await db.query("alter schema chain rename to chain_old");
    const end = () =>
      db.query("call ampsync_worker.commit_repair($1, $2, 5, 6, null, 2)", [stream.id, stream.epoch]);
    expect(await refusal(db, end)).toMatchObject({ code: "SY205" });
  });

  test("by begin_repair", async () => {
    const stream = await loadedStream(db);
    await db.query("select ampsync.repair('chain', 'blocks', 5, 6)");
    await db.query(REPLACE);
    const begin = () => db.query("call ampsync_worker.begin_repair($1, $2, 5, 6)", [stream.id, stream.epoch]);
    expect(await refusal(db, begin)).toMatchObject({ code: "SY201" });
  });

  test("by swap_resync, which follows a rename as a pass does", async () => {
    const stream = await loadedStream(db);
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null, fork: "b" });
    await db.query(REPLACE_SCHEMA);
    expect(await refusal(db, () => swap(db, shadow))).toMatchObject({ code: "SY201" });

    await db.query("drop table chain.blocks");
    expect(await swap(db, shadow)).toBe(true);
    expect(await rowsOf("chain_old.blocks")).toBe(10);
    expect(await stream.view()).toMatchObject({ target: "chain_old.blocks", state: "backfill" });
  });
});

describe("a rename is followed where the old name is free:", () => {
  async function checkpoints(schema: string) {
    const { rows } = await db.query(
      `select table_name, watermark_block_num from "${schema}"._ampsync_checkpoints`,
    );
    return rows;
  }

  test("of the table", async () => {
    const stream = await loadedStream(db);
    await db.query('alter table chain.blocks rename to "Old blocks"');
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({ code: "SY205" });
    const next = await nextPass(stream);
    expect(next.target).toBe('chain."Old blocks"');
    expect(await stream.view()).toMatchObject({ target: next.target, table_name: "blocks" });
    expect(await checkpoints("chain")).toEqual([{ table_name: "Old blocks", watermark_block_num: "9" }]);
    expect(await journaledDetails(db, "target_renamed")).toEqual([{ from: "chain.blocks", to: next.target }]);
    await next.prepareTarget();
    await next.replace(8, 11, { fork: "b" });
    expect(await next.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10 b11");
  });

  test("of the schema, with its view of checkpoints, and new tables go there", async () => {
    const stream = await loadedStream(db);
    await db.query("alter schema chain rename to ethereum");
    const next = await nextPass(stream);
    expect(next.target).toBe("ethereum.blocks");
    expect(await checkpoints("ethereum")).toEqual([{ table_name: "blocks", watermark_block_num: "9" }]);
    const { rows } = await db.query("select target_schema from ampsync.status");
    expect(rows).toEqual([{ target_schema: "ethereum" }]);

    await registerDataset(db, "chain", ["blocks", "logs"]);
    expect((await db.query("select target from ampsync.streams order by 1")).rows).toEqual([
      { target: "ethereum.blocks" },
      { target: "ethereum.logs" },
    ]);
    await expectHealed(next);
  });

  test("of the schema, even for a table that was not made yet", async () => {
    const stream = await loadedStream(db);
    const logs = await SqlStream.register(db, { table: "logs" });
    await db.query("alter schema chain rename to ethereum");
    await nextPass(stream);
    expect(await logs.acquire()).toMatchObject({ target_schema: "ethereum", target_table: "logs" });
  });

  test("into a schema where another table stays behind", async () => {
    const stream = await loadedStream(db);
    const logs = await loadedStream(db, { table: "logs" });
    await db.query("create schema attic; alter table chain.blocks set schema attic");
    expect((await nextPass(stream)).target).toBe("attic.blocks");
    expect(await checkpoints("attic")).toEqual([{ table_name: "blocks", watermark_block_num: "9" }]);
    expect(await checkpoints("chain")).toEqual([{ table_name: "logs", watermark_block_num: "9" }]);
    expect((await nextPass(logs)).target).toBe("chain.logs");
    expect((await db.query("select target_schema from ampsync.status")).rows).toEqual([
      { target_schema: "chain" },
    ]);
  });

  test("not to what another stream calls its target", async () => {
    const blocks = await loadedStream(db);
    const logs = await loadedStream(db, { table: "logs" });
    await db.query("alter table chain.blocks rename to blocks_old; alter table chain.logs rename to blocks");
    await moveClock(db, "31 s");
    const error = await refusal(db, () => logs.acquire());
    expect(error).toMatchObject({
      code: "SY201",
      hint: expect.stringContaining("alter table chain.blocks rename to logs;"),
    });
    expect(await refusal(db, () => blocks.acquire())).toMatchObject({ code: "SY201" });
    await db.query(error.hint!);
    expect((await nextPass(logs)).target).toBe("chain.logs");
    expect((await nextPass(blocks)).target).toBe("chain.blocks_old");
  });

  test("and what somebody else calls _ampsync_checkpoints stays", async () => {
    const stream = await loadedStream(db);
    await db.query(
      "create schema attic; create table attic._ampsync_checkpoints (mine int); alter table chain.blocks set schema attic",
    );
    expect((await nextPass(stream)).target).toBe("attic.blocks");
    expect(await rowsOf("attic._ampsync_checkpoints")).toBe(0);
  });
});

describe("a target that was dropped", () => {
  test("is made again by resync, from the first block", async () => {
    const stream = await loadedStream(db);
    await db.query("drop table chain.blocks");
    const error = await refusal(db, () => stream.beginApply());
    expect(error).toMatchObject({
      code: "SY201",
      message: "table chain.blocks is gone",
      hint: "select ampsync.resync('chain', 'blocks');",
    });
    await moveClock(db, "31 s");
    expect(await refusal(db, () => stream.acquire())).toMatchObject({ code: "SY201", hint: error.hint });
    await stream.endPass("failed", "SY201");

    await db.query(error.hint!);
    expect(await stream.view()).toMatchObject({
      state: "waiting",
      block: null,
      rows: "0",
      error_code: null,
      rewrites: "1",
    });
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9, { expected: null });
    await expectHealed(stream);
  });

  test("is made again by resync, although a pass that got no lease before ends after it", async () => {
    const stream = await loadedStream(db);
    await db.query("drop table chain.blocks");
    await moveClock(db, "31 s");
    const { hint } = await refusal(db, () => stream.acquire());
    await db.query(hint!);
    await stream.endPass("failed", "SY201", null);
    expect(await stream.view()).toMatchObject({ state: "waiting", error_code: null });
    await stream.acquire();
    await stream.prepareTarget();
    await stream.apply(0, 9, { expected: null });
    await expectHealed(stream);
  });

  test("fails when a pass that got no lease says so", async () => {
    const stream = await loadedStream(db);
    await db.query("drop table chain.blocks");
    await moveClock(db, "31 s");
    await refusal(db, () => stream.acquire());
    await stream.endPass("failed", "SY201", null);
    expect(await stream.view()).toMatchObject({ state: "failed", error_code: "SY201" });
  });

  test("is made again with its schema, and other columns", async () => {
    const stream = await loadedStream(db);
    await db.query("drop schema chain cascade; select ampsync.resync('chain')");
    const next = await nextPass(stream);
    await next.prepareTarget([...COLUMNS, { name: "more", type: "bigint", not_null: false }]);
    await next.apply(0, 9, { expected: null });
    expect(await next.rows()).toBe(ROWS);
    expect(await findings(db)).toEqual([]);
  });

  test("while it is paused starts over when it is resumed", async () => {
    const stream = await loadedStream(db);
    await db.query(
      "select ampsync.pause_sync('chain'); drop table chain.blocks; select ampsync.resync('chain')",
    );
    expect(await stream.view()).toMatchObject({ state: "paused", block: null });
    await db.query("select ampsync.resume_sync('chain')");
    const next = await nextPass(stream);
    await next.prepareTarget();
    await next.apply(0, 9, { expected: null });
    expect(await next.rows()).toBe(ROWS);
  });

  test("and made by somebody else is refused until that is out of the way", async () => {
    const stream = await loadedStream(db);
    await db.query(
      "alter table chain.blocks rename to gone; create table chain.blocks (like chain.gone); drop table chain.gone",
    );
    const error = await refusal(db, () => stream.beginApply());
    expect(error).toMatchObject({ code: "SY201", message: "table chain.blocks is gone" });
    expect(await refusal(db, "select ampsync.resync('chain')")).toMatchObject({
      code: "SY201",
      hint: error.hint,
    });
    await db.query(error.hint!);
    const next = await nextPass(stream);
    await next.prepareTarget();
    await next.apply(0, 9, { expected: null });
    expect(await next.rows()).toBe(ROWS);
    expect(await rowsOf("chain.blocks_1")).toBe(0);
  });

  test("during a resync stops that, and begins another", async () => {
    const stream = await loadedStream(db);
    const shadow = await startResync(db, stream);
    await db.query("drop table chain.blocks");
    await shadow.apply(0, 4, { expected: null });
    const error = await refusal(db, () => swap(db, shadow));
    expect(error).toMatchObject({ code: "SY201", message: "table chain.blocks is gone" });
    await db.query(error.hint!);
    expect(await stream.view()).toMatchObject({ state: "waiting", block: null });
  });

  test("of the shadow stops a resync, too", async () => {
    const stream = await loadedStream(db);
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null });
    await db.query(`drop table ${shadow.target}`);
    const error = await refusal(db, () => shadow.beginApply());
    expect(error).toMatchObject({ code: "SY201", message: `table ${shadow.target} is gone` });
    expect(await refusal(db, () => swap(db, shadow))).toMatchObject({ code: "SY201", hint: error.hint });
    await db.query(error.hint!);
    expect(await stream.view()).toMatchObject({ state: "resyncing", block: "9" });
    expect(await stream.rows()).toBe(ROWS);
  });
});

describe("a target that was emptied", () => {
  test.each([
    ["by TRUNCATE", "truncate chain.blocks"],
    ["by DELETE", "delete from chain.blocks"],
    ["of its newest blocks", "delete from chain.blocks where _block_num > 4"],
  ])("%s is refused by the next write, and filled by resync", async (_, change) => {
    const stream = await loadedStream(db);
    await db.query(change);
    const error = await refusal(db, () => stream.beginApply());
    expect(error).toMatchObject({
      code: "SY201",
      message: "table chain.blocks was emptied: it has no row of blocks 5 to 9, for which 5 were loaded",
      hint: "select ampsync.resync('chain', 'blocks');",
    });
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({ code: "SY201" });
    await stream.endPass("failed", "SY201");

    await db.query(error.hint!);
    const shadow = (await startResync(db, stream))!;
    await shadow.apply(0, 9, { expected: null });
    expect(await swap(db, shadow)).toBe(true);
    await expectHealed(stream);
  });

  test("may be repaired instead, as its error says", async () => {
    const stream = await loadedStream(db);
    await db.query("truncate chain.blocks");
    const { detail } = await refusal(db, () => stream.beginApply());
    await stream.endPass("failed", "SY201");
    await db.query(detail!.replace(/.* only these blocks are missing: /, ""));
    const { rows } = await db.query("select from_block, to_block from ampsync.repairs");
    expect(rows).toEqual([{ from_block: "5", to_block: "9" }]);
  });

  test("also where the newest blocks hold no rows", async () => {
    const stream = await loadedStream(db);
    await stream.beginApply();
    await stream.commitApply([watermark(10, 19)], 0);
    await db.query("truncate chain.blocks");
    expect(await refusal(db, () => stream.beginApply())).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("blocks 5 to 9"),
    });
  });

  test("is no matter where it never held a row", async () => {
    const stream = await SqlStream.prepare(db);
    await stream.beginApply();
    await stream.commitApply([watermark(0, 9)], 0);
    await stream.beginApply();
    await stream.prepareTarget();
  });

  test("of older blocks is for ampsync.verify to tell", async () => {
    const stream = await loadedStream(db);
    await db.query("delete from chain.blocks where _block_num < 5");
    await stream.apply(10, 11);
    expect(await findings(db)).toEqual([expect.stringContaining("0")]);
  });

  test("of its newest blocks can be filled by the repair that the detail names", async () => {
    const stream = await loadedStream(db);
    await db.query("delete from chain.blocks where _block_num > 4");
    const error = await refusal(db, () => stream.beginApply());
    await stream.endPass("failed", "SY201");
    await db.query(error.detail!.split(": ").slice(1).join(": "));
    const next = await nextPass(stream);
    await next.prepareTarget();
    await db.query("call ampsync_worker.begin_repair($1, $2, 5, 9)", [next.id, next.epoch]);
    await next.insert(5, 9);
    await db.query("call ampsync_worker.commit_repair($1, $2, 5, 9, null, 5)", [next.id, next.epoch]);
    await expectHealed(next);
  });
});

describe("who owns a target decides what runs when it is written:", () => {
  test.each([
    [
      "a table of somebody else",
      "alter table chain.blocks owner to mallory",
      "table chain.blocks belongs to mallory",
    ],
    ["a schema of somebody else", "alter schema chain owner to mallory", "schema chain belongs to mallory"],
  ])("%s is refused", async (_, change, message) => {
    const stream = await loadedStream(db);
    await db.query(`create role mallory; grant create on schema chain to mallory; ${change}`);
    const error = await refusal(db, () => stream.beginApply());
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining(message) });
    expect(await refusal(db, () => stream.prepareTarget())).toMatchObject({
      code: "SY201",
      hint: error.hint,
    });
    await db.query(error.hint!);
    await expectHealed(stream);
  });

  test.each([
    ["a table", "alter table chain.blocks owner to mallory", "table chain.blocks belongs to mallory"],
    ["a schema", "alter schema chain owner to mallory", "schema chain belongs to mallory"],
  ])(
    "%s of somebody else is not read by verify and repair, and nothing of his runs",
    async (_, change, message) => {
      await loadedStream(db);
      await db.query(`create role mallory; grant create on schema chain to mallory;
      create sequence public.ran; grant all on public.ran to public;
      create function public.spy() returns boolean language sql as $$ select nextval('public.ran') > 0 $$;
      alter table chain.blocks enable row level security, force row level security;
      create policy spy on chain.blocks using (public.spy()); ${change}`);
      for (const statement of [
        "select * from ampsync.verify('chain')",
        "select * from ampsync.repair('chain', 'blocks', 1, 2)",
      ]) {
        const error = await refusal(db, statement);
        expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining(message) });
        expect(error.hint).toMatch(/^alter .+ owner to .+; select ampsync\.resume_sync\('chain'/);
      }
      expect((await db.query("select is_called from public.ran")).rows).toEqual([{ is_called: false }]);
      const { hint } = await refusal(db, "select * from ampsync.verify('chain')");
      await db.query(hint!);
      expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
    },
  );

  test.each([
    ["the role of the workers", "ampsync_worker"],
    ["a role with the rights of the owner of ampsync", "deputy"],
  ])("a table of %s is read", async (_, owner) => {
    await loadedStream(db);
    await db.query(`do $$ begin execute format('create role deputy in role %I', current_user); end $$;
      alter table chain.blocks owner to ${owner}`);
    expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
  });

  test("a resync is not merged into a table of somebody else", async () => {
    const stream = await loadedStream(db);
    const shadow = await startResync(db, stream);
    await shadow.apply(0, 9, { expected: null, fork: "b" });
    await db.query(
      "create role mallory; grant create on schema chain to mallory; alter table chain.blocks owner to mallory",
    );
    const error = await refusal(db, () => swap(db, shadow));
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining("belongs to mallory") });
    await db.query(error.hint!);
    expect(await swap(db, shadow)).toBe(true);
  });

  test("a schema of somebody else is refused before a table is made in it", async () => {
    await db.query("create role mallory; create schema chain authorization mallory");
    const stream = await SqlStream.register(db);
    await stream.acquire();
    const error = await refusal(db, () => stream.prepareTarget());
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("schema chain belongs to mallory"),
    });
    expect((await db.query("select from pg_class where relnamespace = 'chain'::regnamespace")).rowCount).toBe(
      0,
    );
    await db.query(error.hint!);
    await stream.prepareTarget();
  });

  test.each([
    ["itself", "create schema s authorization w", null],
    ["a role it is a member of", "create role r; grant r to w; create schema s authorization r", null],
    [
      "a role whose rights it has only after SET ROLE",
      "create role r; alter role w noinherit; grant r to w; create schema s authorization r",
      "r",
    ],
    ["a role it is no member of", "create role r; create schema s authorization r", "r"],
    ["a role that is a member of it", "create role r in role w; create schema s authorization r", "r"],
    ["a superuser", "create role r superuser; create schema s authorization r", null],
    ["pg_database_owner", "create schema s authorization pg_database_owner", null],
    [
      "the database's owner",
      "create role r; do $$ begin execute format('alter database %I owner to r', current_database()); end $$; create schema s authorization r",
      null,
    ],
  ])("for a worker that is no superuser, a schema of %s: untrusted is %s", async (_, setUp, owner) => {
    await db.query(`create role w; grant usage on schema ampsync_private to w;
      grant execute on function ampsync_private.untrusted_owner, ampsync_private.is_shared_writer to w; ${setUp}; set local role w`);
    const { rows } = await db.query("select ampsync_private.untrusted_owner('s') as owner");
    expect(rows).toEqual([{ owner }]);
  });

  test("for a superuser membership says nothing, since he has every role", async () => {
    await db.query("create role r; create schema s authorization r");
    expect((await db.query("select ampsync_private.untrusted_owner('s') as owner")).rows).toEqual([
      { owner: "r" },
    ]);
  });
});

describe("rows that cannot be removed are never left beside their replacement:", () => {
  test("row level security that is forced is refused", async () => {
    const stream = await loadedStream(db);
    await becomePlainRole(db, stream);
    await db.query(
      "alter table chain.blocks enable row level security; create policy p on chain.blocks for select using (true)",
    );
    await stream.beginApply(); // Its owner sees all.
    await db.query("alter table chain.blocks force row level security");
    const error = await refusal(db, () => stream.beginApply());
    expect(error).toMatchObject({
      code: "SY201",
      message: expect.stringContaining("row level security is forced"),
    });
    await stream.endPass("failed", "SY201");
    await asOperator(db, error.hint!);
    await stream.acquire();
    await stream.replace(8, 10, { fork: "b" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10");
  });

  test.each([
    [
      "a trigger",
      `create function chain.keep() returns trigger language plpgsql as 'begin return null; end';
       create trigger keep before delete on chain.blocks for each row execute function chain.keep()`,
    ],
    ["a rule", "create rule keep as on delete to chain.blocks do instead nothing"],
  ])("%s that keeps them is refused", async (_, keep) => {
    const stream = await loadedStream(db);
    await db.query(keep);
    const error = await refusal(db, () => stream.beginApply({ from: 8, parentHash: hashOf(7) }));
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining("cannot be deleted") });
    await stream.endPass("failed", "SY201");
    await db.query(error.hint!);
    await stream.acquire();
    await stream.replace(8, 10, { fork: "b" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10");

    const shadow = await startResync(db, stream);
    await shadow.apply(0, 10, { expected: null, fork: "c" });
    await db.query(`alter table chain.blocks enable ${keep.includes("trigger") ? "trigger" : "rule"} keep`);
    const swapped = await refusal(db, () => swap(db, shadow));
    expect(swapped).toMatchObject({ code: "SY201", hint: error.hint });
    await db.query(swapped.hint!);
    expect(await swap(db, shadow)).toBe(true);
    expect(await stream.rows()).toBe("c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10");
  });

  test("a trigger of a table that inherits from the target is noticed as well", async () => {
    const stream = await loadedStream(db);
    await db.query(`create table chain.part () inherits (chain.blocks);
      with moved as (delete from only chain.blocks where _id >= ampsync_private.block_prefix(8) returning *)
      insert into chain.part select * from moved;
      create function chain.keep() returns trigger language plpgsql as 'begin return null; end';
      create trigger keep before delete on chain.part for each row execute function chain.keep()`);
    const error = await refusal(db, () => stream.beginApply({ from: 8, parentHash: hashOf(7) }));
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining("cannot be deleted") });
  });
});
