import { beforeEach, describe, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

let published: number;
beforeEach(async () => {
  await db.query("select ampsync_private.ensure_capture()");
  const { rows } = await db.query(
    `insert into ampsync_private.published (schema_name, table_name, mode, identity, columns, state, published_lsn, since)
     values ('public', 'todos', 'rows', 'full', '[{"name": "id", "key": true}]', 'live', '0/1', ampsync_private.now())
     returning published_id`,
  );
  published = rows[0]!["published_id"];
  await db.query(
    "create table if not exists ampsync_private.change_test partition of ampsync_private.change default",
  );
});

/** A captured transaction of so many rows; its position. */
async function captured(changes: number, { value = "a", at = "2026-01-01 00:00Z", lsn = "0/100" } = {}) {
  const { rows } = await db.query(
    `with t as (
       insert into ampsync_private.change_tx (position, kind, tx_id, lsn, xid, committed_at, recorded_at,
                                              schema_version, changes, bytes)
       select ampsync_private.take_position(), 'rows', nextval('ampsync_private.tx_id'), $4, '731', $3,
              ampsync_private.now(), '0.0.0', $1::integer, $1::bigint * length($2)
       returning position, tx_id),
     c as (
       insert into ampsync_private.change (tx_id, seq, published_id, operation, key, data)
       select t.tx_id, n, $5, 'insert', '["' || n || '"]', jsonb_build_object('id', n::text, 'v', $2::text)
         from t cross join generate_series(0, $1::integer - 1) n)
     select position from t`,
    [changes, value, at, lsn, published],
  );
  return rows[0]!["position"] as string;
}

async function read(after: string, options = "") {
  const { rows } = await db.query(`select * from ampsync.read_changes($1${options})`, [after]);
  return rows;
}

const positions = (rows: readonly Record<string, unknown>[]) => [
  ...new Set(rows.map((row) => row["position"])),
];

const epochOf = async () =>
  (await db.query("select ampsync_private.check_epoch() as epoch")).rows[0]!["epoch"];

describe("reading the log", () => {
  test("gives each change with its transaction, in order, and entries about tables with their details", async () => {
    const first = await captured(2);
    const { rows: floors } = await db.query("select ampsync_private.raise_floor($1, 'a test') as position", [
      published,
    ]);
    expect(await read("0")).toEqual([
      expect.objectContaining({
        position: first,
        epoch_id: await epochOf(),
        kind: "rows",
        table_name: "public.todos",
        operation: "insert",
        key: '["0"]',
        data: { id: "0", v: "a" },
        transaction_id: "731",
        details: null,
      }),
      expect.objectContaining({ position: first, key: '["1"]' }),
      expect.objectContaining({
        position: floors[0]!["position"],
        kind: "floor",
        table_name: "public.todos",
        operation: "floor",
        data: null,
        details: { reason: "a test", tables: [published] },
      }),
    ]);
  });

  test("goes on after the last position that was seen", async () => {
    const first = await captured(1);
    const second = await captured(1);
    expect(positions(await read(first))).toEqual([second]);
    expect(await read(second)).toEqual([]);
  });

  test("ends with the transaction that reaches the number of rows, and that one is whole", async () => {
    const all = [await captured(3), await captured(3), await captured(3)];
    expect(positions(await read("0", ", max_rows => 1"))).toEqual(all.slice(0, 1));
    expect((await read("0", ", max_rows => 4")).length).toBe(6);
    expect(positions(await read("0", ", max_rows => 6"))).toEqual(all.slice(0, 2));
    expect(positions(await read("0", ", max_rows => 7"))).toEqual(all);
  });

  test("ends with the one that reaches the number of bytes, be it the first", async () => {
    const large = await captured(4, { value: "x".repeat(1_000_000) });
    const small = await captured(1);
    const rows = await read("0", ", max_bytes => 1000");
    expect(positions(rows)).toEqual([large]);
    expect(rows).toHaveLength(4);
    expect(positions(await read(large, ", max_bytes => 1000"))).toEqual([small]);
  });

  test("sees nothing of rows that no entry names", async () => {
    await db.query(
      `insert into ampsync_private.change (tx_id, seq, published_id, operation, key) values (999, 0, $1, 'insert', '["1"]')`,
      [published],
    );
    expect(await read("0")).toEqual([]);
    expect((await db.query("select from ampsync.change_history")).rowCount).toBe(0);
  });
});

describe("a cursor is refused, with where to begin anew,", () => {
  async function refused(after: string, options = "") {
    const { code, message, detail, hint } = await refusal(
      db,
      `select * from ampsync.read_changes(${after}${options})`,
    );
    expect(code).toBe("SY406");
    await db.query(hint!); // Works as it is printed.
    return { message, detail };
  }

  test("below the floor of the log", async () => {
    const first = await captured(1);
    const second = await captured(1);
    await db.query("update ampsync_private.capture set log_floor = $1", [second]);
    expect((await refused(first)).message).toBe(`position ${first} is below the floor of the log`);
    expect(await read(second)).toEqual([]);
  });

  test("above the head", async () => {
    const head = Number(await captured(1));
    expect(await refused(String(head + 1))).toEqual({
      message: `position ${head + 1} is above the head of the log`,
      detail: `The log reaches from 0 to ${head}. Read the tables anew, and the log from the position that they were read at.`,
    });
  });

  test("of an epoch that this log never had", async () => {
    await captured(1);
    await refused("0", ", epoch => '00000000-0000-0000-0000-000000000000'");
  });

  test("of an epoch that ended below it; one at its end goes on", async () => {
    const last = await captured(1);
    const epoch = await epochOf();
    await db.query("update ampsync_private.log_epoch set timeline = timeline + 1");
    const next = await captured(1);
    expect((await refused(next, `, epoch => '${epoch}'`)).message).toBe(
      `position ${next} is of another life of this database`,
    );
    const rows = await read(last, `, epoch => '${epoch}'`);
    expect(positions(rows)).toEqual([next]);
    expect(rows[0]!["epoch_id"]).toBe(await epochOf());
    expect(rows[0]!["epoch_id"]).not.toBe(epoch);
  });

  test("that is null", async () => {
    await refused("null");
  });
});

describe("the position", () => {
  const at = async (what: string) =>
    (await db.query(`select ampsync.position_at(${what}) as position`)).rows[0]!["position"];

  test("at a time is the last one before the first entry that was committed later", async () => {
    const first = await captured(1, { at: "2026-01-01 00:00Z" });
    const second = await captured(1, { at: "2026-01-01 02:00Z" });
    const late = await captured(1, { at: "2026-01-01 01:00Z" });
    expect(await at("'2025-12-31 00:00Z'::timestamptz")).toBe("0");
    expect(await at("'2026-01-01 00:00Z'::timestamptz")).toBe(first);
    expect(await at("'2026-01-01 01:30Z'::timestamptz")).toBe(first);
    expect(await at("'2026-01-01 02:00Z'::timestamptz")).toBe(late);
    expect(await at("'2300-01-01 02:00Z'::timestamptz")).toBe(late);
    expect(second < late).toBe(true);
  });

  test("is found in a long log, wherever the time is", async () => {
    await db.query(
      `insert into ampsync_private.change_tx (position, kind, lsn, xid, committed_at, recorded_at, schema_version, changes, bytes)
       select 3 * n, 'blocks', '0/1', '1', '2026-01-01'::timestamptz + n * interval '1 min',
              '2026-01-01'::timestamptz + n * interval '1 min', '0.0.0', 1, 0
         from generate_series(1, 100) n`,
    );
    const { rows } = await db.query(
      `select n, ampsync.position_at('2026-01-01'::timestamptz + (n + 0.5) * interval '1 min') as position
         from generate_series(0, 100) n`,
    );
    expect(rows).toEqual(Array.from({ length: 101 }, (_, n) => ({ n, position: String(3 * n) })));
  });

  test("at a time before all that is kept is refused", async () => {
    const first = await captured(1);
    await captured(1, { at: "2026-01-02 00:00Z" });
    await db.query("delete from ampsync_private.change_tx where position = $1", [first]);
    await db.query("update ampsync_private.capture set log_floor = $1", [first]);
    expect(await refusal(db, "select ampsync.position_at('2026-01-01'::timestamptz)")).toMatchObject({
      code: "SY406",
    });
  });

  test("at a place in WAL is the last one before what committed beyond it", async () => {
    await db.query(
      "update ampsync_private.capture set slot_created_lsn = '0/50', end_lsn = '0/300', idle_lsn = '0/400'",
    );
    const first = await captured(1, { lsn: "0/100" });
    await db.query("select ampsync_private.log_entry('schema', '{}', '{}')");
    const second = await captured(1, { lsn: "0/200" });
    expect(await at("'0/50'::pg_lsn")).toBe("0");
    expect(Number(await at("'0/100'::pg_lsn"))).toBe(Number(second) - 1);
    expect(Number(await at("'0/100'::pg_lsn"))).toBeGreaterThan(Number(first));
    expect(await at("'0/400'::pg_lsn")).toBe(second);
    expect(await refusal(db, "select ampsync.position_at('0/401'::pg_lsn)")).toMatchObject({ code: "SY405" });
    expect(await refusal(db, "select ampsync.position_at('0/4F'::pg_lsn)")).toMatchObject({ code: "SY406" });
  });

  test("at a place in WAL is refused where none was read", async () => {
    expect(await refusal(db, "select ampsync.position_at('0/1'::pg_lsn)")).toMatchObject({ code: "SY406" });
  });
});

describe("the history of changes", () => {
  test("has the columns of the brief, in order, and none is null that must not be", async () => {
    await captured(1);
    const { fields, rows } = await db.query("select * from ampsync.change_history");
    expect(fields.map(({ name }) => name).join(" ")).toBe(
      "id lsn table_name operation data old_data transaction_id schema_version timestamp metadata client_id",
    );
    expect(rows[0]).toMatchObject({
      table_name: "public.todos",
      operation: "insert",
      data: { id: "0", v: "a" },
      metadata: { kind: "rows", key: ["0"], key_columns: ["id"], xid8: "731" },
    });
  });
});

describe("a long history", () => {
  async function plan(query: string): Promise<string> {
    const { rows } = await db.query(`explain (costs off) ${query}`);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  }

  test.each([
    ["its newest page", 'order by "timestamp" desc limit 20', "change_tx_timestamp_idx"],
    ["a time", `where "timestamp" > '2026-01-01 00:30' order by "timestamp"`, "change_tx_timestamp_idx"],
    ["a client", "where client_id = '00000000-0000-0000-0000-000000000001'", "change_tx_client_idx"],
    [
      "the newest of a table",
      `where table_name = 'public.todos' order by "timestamp" desc limit 20`,
      "timestamp_idx",
    ],
  ])("is read by indexes alone: %s", async (_, condition, index) => {
    await db.query(
      `insert into ampsync_private.change_tx (position, kind, tx_id, lsn, xid, committed_at, recorded_at,
                                              schema_version, changes, bytes, client_id)
       select n, 'rows', n, '0/1', '1', '2026-01-01 00:00Z'::timestamptz + n * interval '1 s', '2026-01-02', '0.0.0', 1, 1,
              case when n % 100 = 0 then '00000000-0000-0000-0000-000000000001'::uuid end
         from generate_series(1, 2000) n`,
    );
    await db.query(
      `insert into ampsync_private.change (tx_id, seq, published_id, operation, key)
       select n, 0, $1, 'insert', '["1"]' from generate_series(1, 2000) n`,
      [published],
    );
    await db.query("analyze ampsync_private.change_tx, ampsync_private.change");
    const text = await plan(`select * from ampsync.change_history ${condition}`);
    expect(text).toContain(index);
    expect(text).not.toMatch(/Seq Scan on change/);
  });
});
