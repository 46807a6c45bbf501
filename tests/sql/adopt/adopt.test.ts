// Takes 16 s.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { moveClock } from "../../support/postgres/clock.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres/postgres.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { DATABASES } from "../../support/postgres/rust-ampsync.ts";
import { type Connection, SqlStream } from "../../support/postgres/sql-stream.ts";
import { waitFor } from "../../support/wait-for.ts";

const { ddl } = DATABASES["of 2025 with checkpoints of each network"];

/** A dataset loaded beside the old tables, and live. */
async function loaded(db: Connection, tables = ["blocks"]): Promise<SqlStream> {
  let stream: SqlStream | null = null;
  for (const table of tables) {
    stream = await SqlStream.prepare(db, { dataset: "eth", table });
    await db.query("begin");
    await stream.apply(0, 3);
    await db.query("commit");
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  }
  return stream!;
}

/** The same without transactions of its own. */
async function loadedHere(db: Connection, tables = ["blocks"]): Promise<SqlStream> {
  let stream: SqlStream | null = null;
  for (const table of tables) {
    stream = await SqlStream.prepare(db, { dataset: "eth", table });
    await stream.apply(0, 3);
    await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  }
  return stream!;
}

/** How the target of a stream stores its rows, and what it is. */
async function storageOf(db: Connection, streamId: string) {
  const { rows } = await db.query(
    `select c.oid, c.reloptions, obj_description(c.oid, 'pg_class') as comment,
            (select array_agg(concat(a.attname, a.attstorage, a.attcompression) order by a.attname)
               from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns
       from ampsync_private.stream s join pg_class c on c.oid = s.target where s.stream_id = $1`,
    [streamId],
  );
  return rows[0];
}

const OLD_ROWS = "select note from eth.blocks";

describe.each(Object.entries(DATABASES))("in a database of the Rust ampsync %s", (_, { ddl: found }) => {
  const db = rolledBackDatabase();

  test("the loaded tables take the place of the old ones, with what hangs on them, and the sync goes on", async () => {
    await db.query(found);
    await db.query(`create role reader_of_old; grant select on public.blocks to reader_of_old;
      create view public.notes as select note from public.blocks; create index of_note on public.blocks (note)`);
    const stream = await loadedHere(db, ["logs", "blocks"]);
    const storage = () => storageOf(db, stream.id);
    const before = await storage();
    await db.query("prepare notes as select count(*)::int as n from public.notes");
    expect((await db.query("execute notes")).rows).toEqual([{ n: 1 }]);

    const { rows } = await db.query("select table_name, state from ampsync.adopt('eth')");
    expect(rows).toContainEqual({ table_name: "blocks", state: "live" });
    expect((await db.query("execute notes")).rows).toEqual([{ n: 4 }]);
    expect((await db.query(OLD_ROWS)).rows).toEqual([{ note: "old" }]);
    expect(await storage()).toEqual(before);
    const { rows: kept } = await db.query(
      `select has_table_privilege('reader_of_old', 'public.blocks', 'select') as granted,
              to_regclass('public.of_note') is not null as indexed,
              to_regclass('public._ampsync_checkpoints_backup') is not null as retired,
              to_regclass('eth._ampsync_checkpoints') is null as hidden,
              (select array_agg(target order by target) from ampsync.streams) as targets,
              (select target_schema from ampsync.status) as schema,
              (select count(*)::int from ampsync.events where event = 'table_adopted') as events`,
    );
    expect(kept).toEqual([
      {
        granted: true,
        indexed: true,
        retired: found !== DATABASES["of 2026"].ddl,
        hidden: true,
        targets: ["public.blocks", "public.logs"],
        schema: "public",
        events: 2,
      },
    ]);

    expect((await db.query("select table_name, state from ampsync.adopt('eth')")).rows).toEqual(rows);
    await moveClock(db, "31 s");
    const moved = new SqlStream(db, stream.id, "public.blocks", true, stream.epoch);
    await moved.acquire("worker-2");
    await moved.prepareTarget();
    await moved.apply(4, 5);
    expect(await moved.rows()).toBe("a0 a1 a2 a3 a4 a5");
    const { rows: checkpoints } = await db.query(
      "select table_name, watermark_block_num from public._ampsync_checkpoints order by 1",
    );
    expect(checkpoints).toEqual([
      { table_name: "blocks", watermark_block_num: "5" },
      { table_name: "logs", watermark_block_num: "3" },
    ]);
    expect((await db.query("select * from ampsync.verify('eth')")).rows).toEqual([]);
  });
});

describe("nothing is changed and the hint says what to do", () => {
  const db = rolledBackDatabase();

  async function refused() {
    const error = await refusal(db, "select ampsync.adopt('eth')");
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([{ target: "eth.blocks" }]);
    expect((await db.query("select note from public.blocks")).rows).toEqual([{ note: "old" }]);
    return error;
  }

  test("while a table is still loading", async () => {
    await db.query(ddl);
    await SqlStream.prepare(db, { dataset: "eth" });
    expect(await refused()).toMatchObject({
      code: "SY004",
      message: "table blocks of eth is not live yet",
      hint: expect.stringContaining("select ampsync.adopt('eth', 'public');"),
    });
  });

  test("where the table of that name is not of the Rust ampsync", async () => {
    await db.query("create table public.blocks (note text); insert into public.blocks values ('old')");
    await loadedHere(db);
    const error = await refused();
    expect(error).toMatchObject({
      code: "SY003",
      message: "Table public.blocks was not made by the Rust ampsync",
    });
    await db.query(error.hint!);
    await db.query("select ampsync.adopt('eth')");
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([
      { target: "public.blocks" },
    ]);
  });

  test("where another role owns the old table", async () => {
    await db.query(`${ddl}; create role owner_of_old; alter table public.blocks owner to owner_of_old`);
    await loadedHere(db);
    const error = await refused();
    expect(error).toMatchObject({ code: "SY201", message: "table public.blocks belongs to owner_of_old" });
    for (const statement of error.hint!.split("; ")) await db.query(statement);
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([
      { target: "public.blocks" },
    ]);
  });

  test("for a caller without the rights of the owner of an old table, or of the schema", async () => {
    await db.query(`${ddl}; create role caller_of_adopt in role ampsync_operator`);
    await loadedHere(db);
    const ofCaller = async () => {
      await db.query("set local role caller_of_adopt");
      const error = await refusal(db, "select ampsync.adopt('eth')");
      await db.query("reset role");
      return error;
    };
    const first = await ofCaller();
    expect(first).toMatchObject({ code: "42501", hint: "grant create on schema public to caller_of_adopt;" });
    await db.query(first.hint!);
    const second = await ofCaller();
    expect(second).toMatchObject({
      code: "42501",
      message: expect.stringMatching(
        /^table public\.blocks belongs to .+, whose rights role caller_of_adopt does not/,
      ),
      hint: expect.stringMatching(/^grant .+ to caller_of_adopt; -- or as .+: select ampsync\.adopt/),
    });
    // Given to the role of the workers, together with the new one, it was given away.
    await db.query(
      "alter table public.blocks owner to ampsync_worker; alter table eth.blocks owner to ampsync_worker",
    );
    await db.query("set local role caller_of_adopt");
    await db.query("select ampsync.adopt('eth')");
    await db.query("reset role");
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([
      { target: "public.blocks" },
    ]);
  });

  test("where something hangs on the old table that cannot be kept", async () => {
    await db.query(`${ddl}; create materialized view public.copied as table public.blocks`);
    await loadedHere(db);
    expect(await refused()).toMatchObject({ code: "SY201", message: expect.stringContaining("blocks") });
  });

  test("for a schema that is not there", async () => {
    await db.query(ddl);
    await loadedHere(db);
    const error = await refusal(db, "select ampsync.adopt('eth', 'nowhere')");
    expect(error).toMatchObject({ code: "SY004", message: "there is no schema nowhere" });
    await db.query(error.hint!);
  });

  test("and checkpoints are not retired while that program has another table there", async () => {
    await db.query(`${ddl}; create table public.traces (like public.blocks including all)`);
    await loadedHere(db);
    await db.query("select ampsync.adopt('eth')");
    const { rows } = await db.query(
      "select relkind from pg_class where oid = 'public._ampsync_checkpoints'::regclass",
    );
    expect(rows).toEqual([{ relkind: "r" }]);
  });
});

describe("in transactions of its own", () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createDatabase();
    await db.query(ddl);
    await loaded(db, ["logs", "blocks"]);
  });
  afterAll(async () => {
    await db.drop();
  });

  const untouched = async () => {
    const { rows } = await db.query(
      `select (select array_agg(target order by target) from ampsync.streams) as targets,
              (select array_agg(note) from public.blocks) as old,
              to_regclass('public._ampsync_checkpoints_backup') as retired`,
    );
    expect(rows).toEqual([{ targets: ["eth.blocks", "eth.logs"], old: ["old"], retired: null }]);
  };

  test("a reader that holds the old table is waited for 300 ms; then all is as it was", async () => {
    const reader = await db.client();
    await reader.query("begin; select from public.blocks");
    const error = await db
      .query("select ampsync.adopt('eth')")
      .catch((thrown: Error & { code?: string }) => thrown);
    expect(error).toMatchObject({
      code: "55P03",
      hint: expect.stringContaining("ampsync.adopt('eth', 'public')"),
    });
    await reader.query("rollback");
    await untouched();
  });

  test("another decision about the dataset is waited for 5 s; then the hint says it again", async () => {
    const user = await db.client();
    await user.query("begin; select from ampsync_private.dataset where name = 'eth' for no key update");
    await expect(db.query("select ampsync.adopt('eth')")).rejects.toMatchObject({
      code: "55P03",
      message: "eth is in use",
      hint: expect.stringContaining("select ampsync.adopt('eth', 'public');"),
    });
    await user.query("rollback");
    await untouched();
  });

  test("N52: Checkpoint adoption killed half-way: nothing changed", async () => {
    const adopter = await db.client();
    const { rows } = await adopter.query("select pg_backend_pid() as pid");
    await adopter.query("begin; select ampsync.adopt('eth')");
    await db.query("select pg_terminate_backend($1)", [rows[0]!["pid"]]);
    await waitFor("its end", async () => {
      const left = await db.query("select from pg_stat_activity where pid = $1", [rows[0]!["pid"]]);
      return left.rowCount === 0;
    });
    await untouched();
  });

  test("a writer that began before cannot commit into the old table after it", async () => {
    const { rows } = await db.query(
      "select stream_id, epoch from ampsync_private.stream join ampsync_private.lease using (stream_id) where table_name = 'blocks'",
    );
    const writer = new SqlStream(
      await db.client(),
      rows[0]!["stream_id"],
      "eth.blocks",
      true,
      rows[0]!["epoch"],
    );
    await db.query("select ampsync.adopt('eth')");
    await expect(writer.commit(4, 5)).rejects.toMatchObject({ code: "SY001" });
    expect((await db.query(OLD_ROWS)).rows).toEqual([{ note: "old" }]);
    expect((await db.query("select from public.blocks")).rowCount).toBe(4);
  });
});

describe("a table that somebody puts into the place of an old one while adopt waits", () => {
  const THIEF = `thief_of_adopt_${process.pid}`;
  let db: TestDatabase;
  beforeEach(async () => {
    db = await createDatabase();
    await db.query(
      `create schema legacy; create role ${THIEF}; grant usage, create on schema legacy to ${THIEF}`,
    );
    await loaded(db);
  });
  afterEach(async () => {
    await db.query(`drop owned by ${THIEF}; drop role ${THIEF}`);
    await db.drop();
  });

  /** Calls adopt, and does something else while it waits for a lock that anybody may hold. */
  async function adoptDuring(whatHappens: (thief: Connection) => Promise<unknown>) {
    const thief = await db.client();
    const key = "hashtextextended('ampsync.schema:legacy', 0)";
    await thief.query(`set role ${THIEF}; select pg_advisory_lock(${key})`);
    const adopter = await db.client();
    const { rows } = await adopter.query("select pg_backend_pid() as pid");
    const ended = adopter.query("select ampsync.adopt('eth', 'legacy')").catch((thrown: Error) => thrown);
    await waitFor("adopt to wait", async () => {
      const waiting = await db.query(
        "select from pg_locks where pid = $1 and locktype = 'advisory' and not granted",
        [rows[0]!["pid"]],
      );
      return waiting.rowCount === 1;
    });
    await whatHappens(thief);
    await thief.query(`select pg_advisory_unlock(${key})`);
    return ended;
  }

  const theft = (thief: Connection) =>
    thief.query(`
      create table legacy.ran (as_role name);
      grant insert on legacy.ran to public;
      create function legacy.spy(bytea) returns bytea language plpgsql immutable as
        $$ begin insert into legacy.ran values (current_user); return $1; end $$;
      create table legacy._ampsync_checkpoints (table_name text, network text, block_num bigint);
      create table legacy.blocks (_id bytea, _block_num_start bigint, _block_num_end bigint, hash bytea);
      create index on legacy.blocks (legacy.spy(hash))`);

  const untouched = async () =>
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([{ target: "eth.blocks" }]);

  test("is refused, and none of its functions runs", async () => {
    expect(await adoptDuring(theft)).toMatchObject({
      code: "SY201",
      message: `table legacy.blocks belongs to ${THIEF}`,
    });
    expect((await db.query("select from legacy.ran")).rowCount).toBe(0);
    await untouched();
  });

  test("is refused too where it replaces a table that was checked", async () => {
    await db.query(
      "create table legacy._ampsync_checkpoints (table_name text, network text, block_num bigint);" +
        "create table legacy.blocks (_id bytea, _block_num_start bigint, _block_num_end bigint)",
    );
    const ended = await adoptDuring(async (thief) => {
      await db.query("drop table legacy.blocks, legacy._ampsync_checkpoints");
      await theft(thief);
    });
    expect(ended).toMatchObject({ code: "SY201", message: `table legacy.blocks belongs to ${THIEF}` });
    expect((await db.query("select from legacy.ran")).rowCount).toBe(0);
    await untouched();
  });

  test("does not matter where it has another name", async () => {
    const ended = await adoptDuring((thief) => thief.query("create table legacy.others (n integer)"));
    expect(ended).toMatchObject({ rowCount: 1 });
    expect((await db.query("select target from ampsync.streams")).rows).toEqual([
      { target: "legacy.blocks" },
    ]);
  });
});
