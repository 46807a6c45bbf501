import { describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

async function sanitised(sql: string) {
  const { rows } = await db.query("select * from ampsync_private.sanitise_query($1)", [sql]);
  return rows[0] as { query: string | null; removed: readonly string[]; fault: string | null };
}

async function queryOf(sql: string): Promise<string | null> {
  return (await sanitised(sql)).query;
}

describe("remove_order_by", () => {
  test.each([
    ["simple", "SELECT * FROM a.blocks ORDER BY number", "SELECT * FROM a.blocks"],
    ["descending", "SELECT * FROM a.blocks ORDER BY number DESC NULLS LAST, hash", "SELECT * FROM a.blocks"],
    ["after a filter", "select x from a.t where y > 1 order by x", "select x from a.t where y > 1"],
    ["by an expression", "select x from a.t order by abs(x - (y + 1)), (x)", "select x from a.t"],
    ["over lines", "select x\nfrom a.t\norder\n  by x", "select x\nfrom a.t"],
    ["before a semicolon", "select x from a.t order by x;", "select x from a.t"],
    [
      "in a subquery",
      "select s.x from (select x from a.t order by x) s where s.x > 1",
      "select s.x from (select x from a.t) s where s.x > 1",
    ],
    [
      "in a WITH",
      "with s as (select x from a.t order by x) select x from s",
      "with s as (select x from a.t) select x from s",
    ],
    [
      "in EXISTS",
      "select x from a.t where exists (select 1 from b.u order by 1)",
      "select x from a.t where exists (select 1 from b.u)",
    ],
    ["in parentheses of its own", "((select x from a.t order by x)) order by 1", "((select x from a.t))"],
    [
      "without a space behind",
      "(select x from a.t order by x)union all(select y from b.u order by y)",
      "(select x from a.t)union all(select y from b.u)",
    ],
  ])("%s", async (_, given, wanted) => {
    expect(await sanitised(given)).toMatchObject({ query: wanted, fault: null });
    expect((await sanitised(given)).removed).not.toEqual([]);
  });
});

describe("remove_limit", () => {
  test.each([
    ["simple", "SELECT * FROM a.blocks LIMIT 10", "SELECT * FROM a.blocks"],
    ["with an offset", "SELECT * FROM a.blocks LIMIT 10 OFFSET 5", "SELECT * FROM a.blocks"],
    ["offset first", "SELECT * FROM a.blocks OFFSET 5 ROWS LIMIT 10", "SELECT * FROM a.blocks"],
    ["all", "SELECT * FROM a.blocks LIMIT ALL OFFSET 3", "SELECT * FROM a.blocks"],
    ["two numbers", "SELECT * FROM a.blocks LIMIT 5, 10", "SELECT * FROM a.blocks"],
    ["an expression", "SELECT * FROM a.blocks LIMIT (1 + 2) * 3", "SELECT * FROM a.blocks"],
    ["a fetch", "SELECT * FROM a.blocks FETCH FIRST 5 ROWS ONLY", "SELECT * FROM a.blocks"],
    ["after ORDER BY", "SELECT * FROM a.blocks ORDER BY x LIMIT 10", "SELECT * FROM a.blocks"],
    ["before ORDER BY", "SELECT * FROM a.blocks LIMIT 10 ORDER BY x", "SELECT * FROM a.blocks"],
    [
      "in a scalar subquery",
      "select (select x from a.t order by y limit 1) as m from b.u",
      "select (select x from a.t) as m from b.u",
    ],
    [
      "two levels down",
      "select * from (select * from (select x from a.t limit 1) s limit 2) s limit 3",
      "select * from (select * from (select x from a.t) s) s",
    ],
    [
      "in a part of a WITH",
      "with s as (select x from a.t limit 5), r as (select y from b.u limit 6) select * from s limit 7",
      "with s as (select x from a.t), r as (select y from b.u) select * from s",
    ],
    ["after a quoted name", 'select "x" from a."t" limit 5', 'select "x" from a."t"'],
  ])("%s", async (_, given, wanted) => {
    expect(await sanitised(given)).toMatchObject({ query: wanted, fault: null });
    expect((await sanitised(given)).removed).not.toEqual([]);
  });
});

test("union: each part loses its clauses, and so does the whole", async () => {
  expect(
    await sanitised("select x from a.t order by x limit 3 union all select y from b.u limit 4 order by 1"),
  ).toEqual({
    query: "select x from a.t union all select y from b.u",
    removed: ["order by x", "limit 3", "limit 4", "order by 1"],
    fault: null,
  });
});

test("nested: clauses inside a clause that is removed go with it", async () => {
  expect(
    await sanitised("select x from a.t order by (select y from b.u order by y limit 1) limit 2"),
  ).toEqual({
    query: "select x from a.t",
    removed: ["order by (select y from b.u order by y limit 1)", "limit 2"],
    fault: null,
  });
});

describe("unchanged:", () => {
  test.each([
    ["join", "SELECT b.number, l.address FROM a.blocks b JOIN a.logs l ON b.number = l.block_num"],
    ["subquery", "SELECT * FROM (SELECT number FROM a.blocks WHERE number > 5) AS s"],
    [
      "an aggregate's order",
      "select array_agg(x order by y desc) as xs, string_agg(n, ',' order by (n)) from a.t",
    ],
    ["an aggregate of a subquery", "select array_agg((select 1) order by y) from a.t"],
    ["a quoted aggregate's order", 'select "array_agg"(x order by y limit 2) from a.t'],
    [
      "a window",
      "select sum(x) over (partition by y order by z rows between 1 preceding and current row) from a.t",
    ],
    ["a named window", "select sum(x) over w from a.t window w as (order by z)"],
    ["an ordered set", "select percentile_cont(0.5) within group (order by x) from a.t"],
    [
      "text",
      "select 'a '' order by x limit 5; --' as s, $$ limit 5 ' $$ as d, $q$ $$ order by x $q$ as q from a.t",
    ],
    ["quoted names", 'select "order by", "limit 5", "a""; limit" from a."limit"'],
    [
      "columns of such names",
      "select t.limit, t.offset, t.order, offset as o from a.t t where offset > 3 group by offset",
    ],
    ["an alias", "select x as limit, y as offset from a.t"],
    ["a function", "select a.limit(x), offset(y) from a.t"],
    ["operators", "select x::int, y->>'limit 5', a[offset], -1 - -2, 5/2*3 from a.t"],
    ["its spaces", "select  x ,\n\ty from   a.t"],
  ])("%s", async (_, sql) => {
    expect(await sanitised(sql)).toEqual({ query: sql, removed: [], fault: null });
  });
});

test("comments go, since one at the end would hide what is appended; what they contain is not read", async () => {
  expect(await sanitised("select x -- order by x\nfrom/* limit 5; ' */a.t -- ' the end")).toEqual({
    query: "select x  \nfrom a.t",
    removed: [],
    fault: null,
  });
  expect(await queryOf("select '-- no comment' from a.t /***/ -- /*")).toBe(
    "select '-- no comment' from a.t",
  );
});

test("SETTINGS go, which are appended once", async () => {
  expect(await queryOf("select x from a.t where y = 1 SETTINGS stream = true;")).toBe(
    "select x from a.t where y = 1",
  );
});

describe("is refused:", () => {
  test.each([
    ["", "it is blank"],
    [" \n -- nothing\n ;; ", "it is blank"],
    ["select 1; select 2", "it is more than one statement: the second one begins with select"],
    [
      "select 1 from a.t; drop table blocks",
      "it is more than one statement: the second one begins with drop",
    ],
    ["drop table blocks", "it begins with drop, not with SELECT or WITH"],
    ["insert into a.t select 1", "it begins with insert, not with SELECT or WITH"],
    ["select 'a from a.t", "it ends inside quotes or a comment, or has a comment in a comment: 'a from a.t"],
    ['select "a from a.t', 'it ends inside quotes or a comment, or has a comment in a comment: "a from a.t'],
    [
      "select 1 /* from a.t",
      "it ends inside quotes or a comment, or has a comment in a comment: /* from a.t",
    ],
    ["select $x$ 1 $$", "it ends inside quotes or a comment, or has a comment in a comment: $x$ 1 $$"],
    [
      "select 1 /* a /* b */ */",
      "it ends inside quotes or a comment, or has a comment in a comment: /* a /* b */ */",
    ],
    ["select 1 /* a /*/", "it ends inside quotes or a comment, or has a comment in a comment: /* a /*/"],
    ["select (1 from a.t", "it has an opening parenthesis too many"],
    ["select 1) from a.t", "it has a closing parenthesis too many"],
    ["select (1; 2)", "it has a semicolon inside parentheses"],
  ])("%j", async (sql, fault) => {
    expect(await sanitised(sql)).toMatchObject({ query: null, fault });
  });

  test("one of more than 16,384 characters", async () => {
    expect((await sanitised(`select ${"1,".repeat(40_000)}`)).fault).toBe(
      "it has 80007 characters, more than 16,384",
    );
  });
});

test("is the same when it is done again", async () => {
  const once = await queryOf("select x from (select y from a.t limit 5)s order by 1 -- end");
  expect(await sanitised(once!)).toEqual({ query: once, removed: [], fault: null });
});

test("a long query takes no longer than a statement may", async () => {
  const sql = `select ${Array.from({ length: 2_400 }, (_, i) => `c${i}`).join(", ")} from a.t`;
  expect(await queryOf(sql)).toBe(sql);
});

describe("suspects", () => {
  test.each<[string, readonly string[]]>([
    ["select x, y from a.t where x > 1 union all select x, y from b.u", []],
    ['select x from a.t where y is distinct from z and "count" > 1 and t.sum > 0 and max > 3', []],
    [
      "with recursive r as (select 1) select distinct count(*), sum(x) over (partition by y) from r " +
        "left join a.t on true join b.u on true group by z having count(*) > 1 union select 1",
      [
        "WITH RECURSIVE",
        "DISTINCT",
        "count()",
        "sum()",
        "window functions",
        "LEFT JOIN",
        "JOIN",
        "GROUP BY",
        "HAVING",
        "UNION without ALL",
      ],
    ],
  ])("of %s", async (sql, suspects) => {
    const { rows } = await db.query("select ampsync_private.query_suspects($1) as found", [sql]);
    expect(rows[0]!["found"]).toEqual(suspects);
  });
});

describe("the source", () => {
  test.each<[string, string | null, string | null]>([
    ['select * from "_/anvil@1.0.0".blocks', "_/anvil@1.0.0", "blocks"],
    ['with s as (select 1) select * from s join Eth."Logs" on true', "eth", "Logs"],
    ["select extract(epoch from b.ts), (a.x is distinct from c.d) from eth.blocks b", "eth", "blocks"],
    ["select a.x is not distinct from c.d from (select trim(both from c.d) from eth.logs) a", "eth", "logs"],
    ["select 'from a.t' from nothing", null, null],
  ])("of %s", async (sql, schema, table) => {
    const { rows } = await db.query("select * from ampsync_private.query_source($1)", [sql]);
    expect(rows).toEqual([{ schema_part: schema, table_name: table }]);
  });
});
