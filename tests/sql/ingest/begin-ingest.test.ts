import { describe, expect, test } from "vitest";

import { record, records, SqlSource } from "../../support/http/sql-source.ts";
import { letTimePassWithin } from "../../support/postgres/clock.ts";
import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";

const db = rolledBackDatabase();

/** The columns of a table, as CREATE TABLE has them, and its key. */
async function layout(table: string) {
  const { rows } = await db.query<{ columns: string[]; key: string; comment: string }>(
    `select array(select concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                           case when a.attnotnull then 'not null' end,
                           case a.attidentity when 'a' then 'identity' end,
                           'default ' || pg_get_expr(d.adbin, d.adrelid))
                    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                   where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
            (select pg_get_constraintdef(k.oid) from pg_constraint k where k.conrelid = $1::regclass and k.contype = 'p') as key,
            obj_description($1::regclass, 'pg_class') as comment`,
    [table],
  );
  return rows[0]!;
}

/** Another definition for a source that exists. */
async function redefine(source: SqlSource, definition: object): Promise<void> {
  await db.query("select ampsync.enqueue_http($1, $2)", [source.name, JSON.stringify(definition)]);
}

describe("the target", () => {
  test("has the columns of the definition, its key, and when each row came", async () => {
    await SqlSource.prepare(db, {
      source: {
        columns: {
          id: "text",
          event_type: { from: "/type" },
          timestamp: "timestamptz",
          data: { from: "", type: "jsonb", not_null: true },
        },
      },
    });
    const { columns, key, comment } = await layout("public.events");
    expect(new Set(columns)).toEqual(
      new Set([
        "id text not null",
        "event_type text",
        "timestamp timestamp with time zone",
        "data jsonb not null",
        "ingested_at timestamp with time zone not null default clock_timestamp()",
      ]),
    );
    expect(columns[0]).toBe("id text not null");
    expect(columns.at(-1)).toContain("ingested_at");
    expect(key).toBe("PRIMARY KEY (id)");
    expect(comment).toMatch(/^Kept in sync by ampsync/);
  });

  test("has a key of several columns in their order", async () => {
    await SqlSource.prepare(db, {
      source: { key: ["z", "a"], columns: { a: "integer", z: "text" } },
    });
    expect((await layout("public.events")).key).toBe("PRIMARY KEY (z, a)");
  });

  test("has the hash of the record first where the content is the key", async () => {
    await SqlSource.prepare(db, {
      source: { key: "content", columns: { data: { from: "", type: "jsonb" } } },
    });
    const { columns, key } = await layout("public.events");
    expect([columns[0], key]).toEqual(["_id bytea not null", "PRIMARY KEY (_id)"]);
  });

  test("has numbered rows without a key", async () => {
    await SqlSource.prepare(db, { source: { key: null, columns: { v: "text" } } });
    const { columns, key } = await layout("public.events");
    expect([columns[0], key]).toEqual(["_row bigint not null identity", "PRIMARY KEY (_row)"]);
  });

  test("has `ingested_at` from the records where a column is mapped to it", async () => {
    const source = await SqlSource.prepare(db, {
      source: { columns: { id: "text", ingested_at: { from: "/at", type: "timestamptz" } } },
    });
    await source.page([record(1, { at: "2024-01-01" })]);
    expect(await source.rows("ingested_at")).toEqual([{ ingested_at: new Date("2024-01-01") }]);
  });

  test("is made in a schema that does not exist yet", async () => {
    const { rows } = await db.query(
      `select * from ampsync.enqueue_http('shop/orders', '{"url": "https://a.example/o", "key": ["id"],
         "pages": {"type": "none"}, "columns": {"id": "text"}}')`,
    );
    expect(rows[0]!["table_name"]).toBeTruthy();
    const { rows: streams } = await db.query(
      "select stream_id from ampsync.streams where dataset = 'shop/orders'",
    );
    const id = streams[0]!["stream_id"];
    const { rows: lease } = await db.query("select epoch from ampsync_worker.acquire_lease($1, 'w')", [id]);
    await db.query("select from ampsync_worker.begin_ingest($1, $2)", [id, lease[0]!["epoch"]]);
    expect((await layout("shop.orders")).columns[0]).toBe("id text not null");
  });

  test("is never a table that somebody else has made", async () => {
    const source = await SqlSource.define(db);
    await source.acquire();
    await db.query("create table public.events (id text primary key)");
    expect(await refusal(db, () => source.begin())).toMatchObject({ code: "SY003" });
  });

  test("gets columns that are new in the definition, NULL in the rows that are there", async () => {
    const columns = { id: "text", type: "text" };
    const source = await SqlSource.prepare(db, { source: { columns } });
    await source.page([record(1, { type: "a", size: 5 })]);
    await redefine(source, { columns: { ...columns, size: "integer" } });
    await source.acquire("worker-2");
    await source.begin();
    expect(await source.events("column_added")).toEqual([{ column: "size", type: "integer" }]);
    await source.page([record(2, { size: 6 })]);
    expect(await source.rows("id, size")).toEqual([
      { id: "1", size: null },
      { id: "2", size: 6 },
    ]);
  });

  test("may have its types altered: the mapping follows", async () => {
    const source = await SqlSource.prepare(db, { source: { columns: { id: "text", size: "integer" } } });
    await db.query("alter table public.events alter column size type numeric");
    await source.begin();
    await source.page([record(1, { size: 1.5 })]);
    expect(await source.rows("size")).toEqual([{ size: "1.5" }]);
  });

  test.each([
    ["drop column size", "its column size is gone", "alter table public.events add column size integer"],
    [
      "alter column size type varchar(5)",
      "its column size is character varying(5)",
      "alter column size type integer",
    ],
    ["alter column size type bytea using null", "its column size is bytea", "alter column size type integer"],
    ["drop constraint events_pkey", "its key (id) is gone", "alter table public.events add primary key (id)"],
  ])("is refused after %s, with the statement that mends it", async (change, fault, remedy) => {
    const source = await SqlSource.prepare(db, { source: { columns: { id: "text", size: "integer" } } });
    await db.query(`alter table public.events ${change}`);
    const error = await refusal(db, () => source.begin());
    expect(error).toMatchObject({ code: "SY201", message: expect.stringContaining(fault) });
    expect(error.hint).toContain(remedy);
  });

  test("may be a table that is there, if the definition adopts it", async () => {
    await db.query(
      "create table public.events (size integer, id text primary key, noted text, made timestamptz default now())",
    );
    const source = await SqlSource.prepare(db, {
      source: { adopt: true, columns: { id: "text", size: "integer" }, on_conflict: "replace" },
    });
    await source.page([record(1, { size: 1 })]);
    await db.query("update public.events set noted = 'mine'");
    await source.page([record(1, { size: 2 })]);
    expect(await source.rows("id, size, noted")).toEqual([{ id: "1", size: 2, noted: "mine" }]);
  });
});

describe("a pass begins", () => {
  test("with the definition, staging, and the parts that have not ended", async () => {
    const source = await SqlSource.define(db);
    await source.acquire();
    const first = await source.begin();
    expect(first).toMatchObject({
      source: { key: ["id"], every_ms: null },
      staging_schema: "ampsync_private",
      staging_table: `page_${source.id}_1`,
      bucket: "api.example.com",
      nul_policy: "replace",
      parts: [{ part: "0", since: null, until: null, position: null, pages: "0" }],
    });
    expect(Math.abs(Number(first.now_us) / 1000 - Date.now())).toBeLessThan(60_000);

    await source.page(records(1, 3));
    await letTimePassWithin(db, "12 s");
    const { parts } = await source.begin();
    expect(parts).toMatchObject([{ position: { token: "p0-1" }, pages: "1" }]);
    expect(parts[0].position_age_s).toBeGreaterThanOrEqual(12);
    expect(parts[0].position_age_s).toBeLessThan(20);
  });

  test("with the same again, called again", async () => {
    const source = await SqlSource.prepare(db);
    const { now_us: _, ...first } = await source.begin();
    const { now_us: __, ...second } = await source.begin();
    expect(second).toEqual(first);
  });

  test("by declaring the limits of its bucket", async () => {
    await SqlSource.prepare(db, { source: { rate_limit: { requests: 7, per: "20 seconds" } } });
    const { rows } = await db.query("select bucket, per_s, requests from ampsync_private.rate_limit");
    expect(rows).toEqual([{ bucket: "api.example.com", per_s: 20, requests: 7 }]);
  });

  test("not without the lease", async () => {
    const source = await SqlSource.prepare(db);
    source.epoch = "9";
    expect(await refusal(db, () => source.begin())).toMatchObject({ code: "SY001" });
  });
});
