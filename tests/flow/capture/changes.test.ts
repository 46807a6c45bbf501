import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { logged, publish, type RunningPass, startPass, untilCaptured } from "../../support/capture/rig.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const LONG = "x".repeat(3000);

const db = sharedDatabase();
let pass: RunningPass;

/** A value of each of these types, and one that is hard to keep. */
const TYPES: readonly (readonly [type: string, ...values: string[]])[] = [
  ["boolean", "true", "false"],
  ["smallint", "'-32768'"],
  ["bigint", "9007199254740993", "'-9223372036854775808'"],
  ["numeric", "'NaN'", "'Infinity'", "12345678901234567890.123456789012345678901", "0.1000"],
  ["real", "'NaN'", "'-Infinity'", "1.1", "3.4028235e38"],
  ["double precision", "0.1", "'-0'", "2.2250738585072014e-308"],
  ["text", "''", `E'line\\nbreak "quoted" \\\\ back\\u0001slash ünï€𝄞'`],
  ["char(5)", "'ab'"],
  ["varchar(10)", "'a b'"],
  ["bytea", "'\\x00ff'", "''"],
  ["date", "'0044-03-15 BC'", "'infinity'"],
  ["timestamp", "'2026-11-29 12:00:00.000001'", "'-infinity'"],
  ["timestamptz", "'2026-11-29 12:00:00.123456+05:30'"],
  ["time", "'24:00:00'"],
  ["timetz", "'12:00:00-07'"],
  ["interval", "'1 year -2 days +03:04:05.678901'"],
  ["uuid", "'6b0c0000-0000-4000-8000-000000000001'"],
  ["json", `'{"a":  1, "a": 2}'`, "'null'"],
  ["jsonb", "'null'", `'{"big": 123456789012345678901234567890}'`],
  ["int[]", "'{1,NULL,3}'", "'{{1,2},{3,4}}'"],
  ["text[]", `array['a,b', '"', null, 'NULL']`],
  ["inet", "'::1/128'"],
  ["bit varying", "B'1010'"],
  ["mood", "'not so good'"],
];

beforeAll(async () => {
  await db.query("create table todos (id int primary key, title text, big text)");
  await db.query("alter table todos alter column big set storage external");
  await db.query("create table keyed (id int primary key, title text, big text)");
  await db.query("alter table keyed alter column big set storage external");
  await db.query("create table parted (id int primary key, v text) partition by range (id)");
  await db.query("create table parted_low partition of parted for values from (0) to (100)");
  await db.query("create table parted_high partition of parted for values from (100) to (200)");
  await db.query(
    "create table computed (id int primary key, a int, twice int generated always as (a * 2) stored)",
  );
  await db.query("create type mood as enum ('not so good')");
  const columns = TYPES.map(([type], n) => `c${n} ${type}`);
  await db.query(`create table typed (id int primary key, ${columns.join(", ")})`);
  await db.query("insert into typed values (0)");
  await publish(db, ["todos", "parted", "typed"]);
  await publish(db, ["keyed", "computed"], "key");
  pass = startPass(db);
});
afterAll(() => pass.stop());

/** What the log has of a table after these statements, each in a transaction of its own. */
async function changesBy(table: string, ...statements: string[]) {
  const before = (await logged(db)).at(-1)?.position ?? 0n;
  for (const statement of statements) await db.query(statement);
  await untilCaptured(db);
  return (await logged(db)).filter((change) => change.table === table && change.position > before);
}

describe("What sessions do with a table is in the log:", () => {
  test("insert, update, delete", async () => {
    const changes = await changesBy(
      "todos",
      "insert into todos values (1, 'a')",
      "update todos set title = 'b' where id = 1",
      "delete from todos where id = 1",
    );
    expect(changes).toMatchObject([
      { operation: "insert", key: '["1"]', data: { id: "1", title: "a", big: null }, old: null },
      { operation: "update", key: '["1"]', data: { id: "1", title: "b" }, old: { id: "1", title: "a" } },
      { operation: "delete", key: '["1"]', data: null, old: { id: "1", title: "b", big: null } },
    ]);
    expect(new Set(changes.map(({ position }) => position)).size).toBe(3);
  });

  test("several statements of one transaction are one entry", async () => {
    const changes = await changesBy(
      "todos",
      "insert into todos values (2, 'a'); update todos set title = 'b' where id = 2; delete from todos where id = 2",
    );
    expect(changes.map(({ operation }) => operation)).toEqual(["insert", "update", "delete"]);
    expect(new Set(changes.map(({ position }) => position)).size).toBe(1);
  });

  test("what is rolled back is nothing", async () => {
    const changes = await changesBy(
      "todos",
      "begin; insert into todos values (3, 'a'); rollback",
      "begin; savepoint s; insert into todos values (3, 'a'); rollback to s; insert into todos values (4, 'b'); commit",
    );
    expect(changes).toMatchObject([{ key: '["4"]' }]);
  });

  test("a changed key, as two changes that name one another", async () => {
    const changes = await changesBy(
      "todos",
      `insert into todos values (5, 'a', '${LONG}')`,
      "update todos set id = 50 where id = 5",
    );
    expect(changes.slice(1)).toMatchObject([
      { operation: "delete", key: '["5"]', old: { id: "5", big: LONG }, metadata: { moved: '["50"]' } },
      { operation: "insert", key: '["50"]', data: { id: "50", big: LONG }, metadata: { moved: '["5"]' } },
    ]);
    expect(changes[1]?.position).toBe(changes[2]?.position);
  });

  test("a long value that did not change, whole", async () => {
    const changes = await changesBy(
      "todos",
      `insert into todos values (6, 'a', '${LONG}')`,
      "update todos set title = 'b' where id = 6",
    );
    expect(changes[1]).toMatchObject({
      data: { title: "b", big: LONG },
      old: { title: "a", big: LONG },
      metadata: null,
    });
  });

  test("under identity key, without what did not change, which is named", async () => {
    const changes = await changesBy(
      "keyed",
      `insert into keyed values (1, 'a', '${LONG}')`,
      "update keyed set title = 'b'",
      "delete from keyed",
    );
    expect(changes[1]).toMatchObject({ key: '["1"]', metadata: { unchanged: ["big"] } });
    expect(changes[1]?.data).toEqual({ id: "1", title: "b" });
    expect(changes[1]?.old).toEqual({ id: "1" });
    expect(changes[2]?.old).toEqual({ id: "1" });
  });

  test("under identity key, not a changed key whose row did not come whole: the table gets a new floor", async () => {
    const floor = async () => {
      const { rows } = await db.query(
        "select floor from ampsync_private.published where table_name = 'keyed'",
      );
      return BigInt(rows[0]!["floor"]);
    };
    await changesBy("keyed", `insert into keyed values (2, 'a', '${LONG}')`);
    const before = await floor();
    const changes = await changesBy("keyed", "update keyed set id = 3 where id = 2");
    expect(changes).toEqual([]);
    expect(await floor()).toBeGreaterThan(before);
    expect(await changesBy("keyed", "delete from keyed")).toMatchObject([{ key: '["3"]' }]);
  });

  test("truncate, and what follows it", async () => {
    const changes = await changesBy("todos", "truncate todos", "insert into todos values (7, 'a')");
    expect(changes).toMatchObject([
      { operation: "truncate", key: null, data: null, old: null },
      { operation: "insert", key: '["7"]' },
    ]);
  });

  test("rows of partitions, as rows of their table", async () => {
    const changes = await changesBy(
      "parted",
      "insert into parted values (1, 'low'), (101, 'high')",
      "update parted_high set v = 'changed'",
      "update parted set id = 102 where id = 1",
      "delete from parted where id = 102",
    );
    expect(changes).toMatchObject([
      { operation: "insert", key: '["1"]' },
      { operation: "insert", key: '["101"]' },
      { operation: "update", key: '["101"]', old: { v: "high" }, data: { v: "changed" } },
      { operation: "delete", key: '["1"]', old: { v: "low" } },
      { operation: "insert", key: '["102"]', data: { v: "low" } },
      { operation: "delete", key: '["102"]', old: { v: "low" } },
    ]);
  });

  test("without what the table computes itself", async () => {
    const changes = await changesBy(
      "computed",
      "insert into computed values (1, 21)",
      "update computed set a = 4",
      "delete from computed",
    );
    expect(changes.map(({ data }) => data)).toEqual([{ id: "1", a: "21" }, { id: "1", a: "4" }, null]);
  });

  test("values of every type, from which the same row can be made", async () => {
    const most = Math.max(...TYPES.map((values) => values.length - 1));
    const rows = Array.from({ length: most + 1 }, (_, row) => {
      const values = TYPES.map(([type, ...given]) =>
        given[row] === undefined ? "null" : `${given[row]}::${type}`,
      );
      return `(${[row + 1, ...values].join(", ")})`;
    });
    await changesBy("typed", `insert into typed values ${rows.join(", ")}`);
    // As a reader does: the text of each column, cast to its type.
    const read = TYPES.map(([type], n) => `(c.data ->> 'c${n}')::${type}`);
    const { rows: differing } = await db.query(
      `select t.id
         from typed t
         left join ampsync_private.change c on c.key = format('["%s"]', t.id)
          and c.published_id = (select published_id from ampsync_private.published where table_name = 'typed')
        where t.id > 0 and t::text is distinct from row(t.id, ${read.join(", ")})::text`,
    );
    expect(differing).toEqual([]);
  });
});
