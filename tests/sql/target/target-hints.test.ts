import { describe, expect, test } from "vitest";

import { failureOf, reactionTo } from "../../../src/model/failure.ts";
import { asOperator, becomePlainRole } from "../../support/postgres/plain-role.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream } from "../../support/postgres/shadow.ts";
import { hashOf, SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();

/** The pass ends with what the work is refused with; returns the hint that ampsync.streams shows. */
async function passEndsWith(stream: SqlStream, code: string, work: () => Promise<unknown>): Promise<string> {
  const failure = failureOf(await refusal(db, work));
  expect(failure.code).toBe(code);
  const outcome = reactionTo(code) === "stop" ? "failed" : "ended";
  await db.query("select ampsync_worker.end_pass($1, $2, $3, $4)", [
    stream.id,
    stream.epoch,
    outcome,
    failure,
  ]);
  const { error_code, hint } = await stream.view();
  expect(error_code).toBe(code);
  return hint;
}

const removal = { from: 8, parentHash: hashOf(7) };

describe("a foreign key that refers to a target (23503): the hint makes what refers go with its rows", () => {
  test.each([
    ["without an action", ""],
    ["that restricts", " on update cascade on delete restrict"],
    ["that is deferrable", " deferrable initially immediate"],
  ])("%s", async (_, action) => {
    const stream = await loadedStream(db);
    await db.query(`create table notes (block bytea references chain.blocks (_id)${action}, text text);
      insert into notes select _id, 'mine' from chain.blocks`);
    const { rows: server } = await db.query("select current_setting('server_version_num')::int as number");
    const hasOwnCode = action.includes("restrict") && server[0]!["number"] >= 180_000;
    const hint = await passEndsWith(stream, hasOwnCode ? "23001" : "23503", () => stream.beginApply(removal));
    await db.query(hint);
    await stream.acquire();
    await stream.replace(8, 10, { fork: "b" });
    expect(await stream.rows()).toBe("a0 a1 a2 a3 a4 a5 a6 a7 b8 b9 b10");
    expect((await db.query("select from notes")).rowCount).toBe(8);
    const { rows } = await db.query(
      "select confdeltype, confupdtype, condeferrable from pg_constraint where conrelid = 'notes'::regclass",
    );
    expect(rows).toEqual([
      {
        confdeltype: "c",
        confupdtype: action.includes("update") ? "c" : "a",
        condeferrable: action.includes("deferrable"),
      },
    ]);
  });

  test("and leaves other constraints alone", async () => {
    const stream = await loadedStream(db);
    await db.query(`create table notes (block bytea references chain.blocks (_id), other bytea references chain.blocks (_id) deferrable initially deferred);
      insert into notes select _id, _id from chain.blocks`);
    const hint = await passEndsWith(stream, "23503", () => stream.beginApply(removal));
    expect(hint).toContain("notes_block_fkey");
    expect(hint).not.toContain("notes_other_fkey");
  });
});

test("a foreign key of a target whose row is missing elsewhere (23503): the hint drops it", async () => {
  const stream = await loadedStream(db);
  await db.query(`create table known (note text primary key); alter table chain.blocks alter note set default 'x';
    alter table chain.blocks add constraint known_fkey foreign key (note) references known`);
  const hint = await passEndsWith(stream, "23503", () => stream.insert(10, 11));
  expect(hint).toBe(
    "alter table chain.blocks drop constraint known_fkey; select ampsync.resume_sync('chain');",
  );
  await db.query(hint);
  await stream.acquire();
  await stream.apply(10, 11);
});

describe("what the worker's role may not (42501): the hint grants it", () => {
  test.each([
    ["rows of the table", "revoke insert, delete on chain.blocks from w"],
    ["the schema", "revoke all on schema chain from w"],
  ])("%s", async (_, revoke) => {
    const stream = await loadedStream(db);
    await becomePlainRole(db, stream);
    await asOperator(db, revoke);
    const hint = await passEndsWith(stream, "42501", async () => {
      await stream.beginApply();
      await stream.insert(10, 11);
    });
    await asOperator(db, hint);
    await stream.acquire();
    await stream.replace(8, 10, { fork: "b" });
  });

  test("the removal of rows alone", async () => {
    const stream = await loadedStream(db);
    await becomePlainRole(db, stream);
    await asOperator(db, "revoke delete on chain.blocks from w");
    const hint = await passEndsWith(stream, "42501", () => stream.replace(8, 10, { fork: "b" }));
    await asOperator(db, hint);
    await stream.acquire();
    await stream.replace(8, 10, { fork: "b" });
  });

  test("a schema for the tables", async () => {
    const stream = await loadedStream(db);
    const logs = await SqlStream.register(db, { table: "logs" });
    await becomePlainRole(db, stream);
    await asOperator(
      db,
      "alter schema chain owner to current_user; revoke create on schema chain from w; grant usage on schema chain to w",
    );
    await logs.acquire();
    const hint = await passEndsWith(logs, "42501", () => logs.prepareTarget());
    expect(hint).toBe("grant usage, create on schema chain to w; select ampsync.resume_sync('chain');");
  });

  test("schemas in the database", async () => {
    const stream = await loadedStream(db);
    const other = await SqlStream.register(db, { dataset: "other" });
    await becomePlainRole(db, stream);
    await other.acquire();
    const hint = await passEndsWith(other, "42501", () => other.prepareTarget());
    await asOperator(db, hint);
    await other.acquire();
    await other.prepareTarget();
    expect((await other.view()).target).toBe("other.blocks");
  });

  test("what a trigger may not is shown with the triggers", async () => {
    const stream = await loadedStream(db);
    await becomePlainRole(db, stream);
    await asOperator(
      db,
      `create table public.secret (n int);
       create function public.spy() returns trigger language plpgsql as 'begin perform from public.secret; return new; end';
       create trigger spy before insert on chain.blocks for each row execute function public.spy()`,
    );
    const hint = await passEndsWith(stream, "42501", () => stream.insert(10, 11));
    await db.query("reset role");
    const results = (await db.query(hint)) as unknown as { rows: object[] }[]; // One a statement.
    expect(results[0]!.rows).toEqual([{ tgname: "spy", tgfoid: "spy()" }]);
  });
});

describe("a trigger that names things without their schema: the hint gives its function a search_path", () => {
  test.each([
    ["42P01", "insert into audit values (new._block_num)"],
    ["42883", "perform tell(new._block_num)"],
    ["42704", "perform new._block_num::height"],
  ])("%s", async (code, body) => {
    const stream = await loadedStream(db);
    await db.query(
      `create table public.audit (block bigint); create domain public.height as bigint;
       create function public.tell(bigint) returns void language sql as '';
       create function public.note() returns trigger language plpgsql as 'begin ${body}; return new; end';
       create trigger note before insert on chain.blocks for each row execute function public.note()`,
    );
    const insert = async () => {
      await db.query("set local search_path = pg_catalog, pg_temp"); // As sessions of workers have it.
      await stream.insert(10, 11);
    };
    const hint = await passEndsWith(stream, code, insert);
    await db.query(hint);
    await stream.acquire();
    await insert();
  });
});

describe("a target that is not there under its name:", () => {
  const read = (stream: SqlStream) => () => db.query(`select from ${stream.target}`);

  test("renamed, the next pass follows (42P01)", async () => {
    const stream = await loadedStream(db);
    await db.query("alter table chain.blocks rename to old");
    expect(await passEndsWith(stream, "42P01", read(stream))).toContain("select * from ampsync.streams;");
    expect(await stream.view()).toMatchObject({ state: "retrying" });
  });

  test("its schema renamed, the next pass follows (3F000)", async () => {
    const stream = await loadedStream(db);
    await db.query("alter schema chain rename to old");
    const create = () => db.query("create table chain.new ()");
    expect(await passEndsWith(stream, "3F000", create)).toContain("select * from ampsync.streams;");
    expect(await stream.view()).toMatchObject({ state: "retrying" });
  });

  test("dropped, the hint makes it again (42P01)", async () => {
    const stream = await loadedStream(db);
    await db.query("drop table chain.blocks");
    const hint = await passEndsWith(stream, "42P01", read(stream));
    await db.query(hint);
    await stream.acquire();
    await stream.prepareTarget();
    expect(await stream.rows()).toBe("");
  });
});

describe("names of 63 bytes whose characters have several: the hint's own names differ from them,", () => {
  const LONG = `${"é".repeat(31)}x`;
  /** By find_target, after the stream has followed the long name. */
  async function namedLong(rename: string, other: string): Promise<SqlStream> {
    const stream = await loadedStream(db);
    await db.query(rename);
    await db.query("select ampsync_private.follow_target($1)", [stream.id]);
    await db.query(other);
    return stream;
  }
  async function goesOnAfterHint(stream: SqlStream, target: string): Promise<void> {
    const { rows } = await db.query("select hint from ampsync_private.find_target($1)", [stream.id]);
    await db.query(rows[0]!["hint"]);
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([{ target }]);
    const { rows: found } = await db.query("select fault from ampsync_private.find_target($1)", [stream.id]);
    expect(found).toEqual([{ fault: null }]);
  }

  test("for a table that has the name of a target", async () => {
    const stream = await namedLong(
      `alter table chain.blocks rename to "${LONG}"`,
      `alter table chain."${LONG}" rename to other; create table chain."${LONG}" ()`,
    );
    await goesOnAfterHint(stream, `chain."${LONG}"`);
  });

  test("for a schema that has the name of that of a target", async () => {
    const stream = await namedLong(
      `alter schema chain rename to "${LONG}"`,
      `alter schema "${LONG}" rename to other; create schema "${LONG}"; create table "${LONG}".blocks ()`,
    );
    await goesOnAfterHint(stream, `"${LONG}".blocks`);
  });

  test("for a column that a new version has", async () => {
    const stream = await loadedStream(db);
    await db.query(`alter table chain.blocks add column "${LONG}" text`);
    const columns = JSON.stringify([{ name: LONG, type: "bigint", not_null: false }]);
    const { rows } = await db.query(
      "select remedy from ampsync_private.plan_evolution($1, true, $2) where column_name = $3",
      [stream.id, columns, LONG],
    );
    await db.query(rows[0]!["remedy"]);
    const left = await db.query(
      "select from pg_attribute where attrelid = 'chain.blocks'::regclass and attname = $1",
      [LONG],
    );
    expect(left.rowCount).toBe(0);
  });
});

test("a repair that is refused tells the statement in ampsync.repairs", async () => {
  const stream = await loadedStream(db);
  await db.query(`create table notes (block bytea references chain.blocks (_id)); insert into notes select _id from chain.blocks;
    select ampsync.repair('chain', 'blocks', 3, 4)`);
  const begin = () => db.query("call ampsync_worker.begin_repair($1, $2, 3, 4)", [stream.id, stream.epoch]);
  const failure = failureOf(await refusal(db, begin));
  await db.query("select ampsync_worker.defer_repair($1, $2, 3, $3)", [stream.id, stream.epoch, failure]);
  const { rows } = await db.query("select error_code, hint from ampsync.repairs");
  expect(rows[0]).toMatchObject({
    error_code: "23503",
    hint: expect.stringContaining("on delete cascade".toUpperCase()),
  });
  await db.query(rows[0]!["hint"]);
  await begin();
});
