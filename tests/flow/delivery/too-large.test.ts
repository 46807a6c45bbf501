// Takes 11 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { untilCaptured } from "../../support/capture/rig.ts";
import { DeliveryRig } from "../../support/delivery/rig.ts";
import type { WireClient } from "../../support/delivery/wire-client.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

// What does not fit into one frame: its tables are loaded anew, together, and nothing else is.

/** What a frame may bring here; to write more than the 16 MiB of production takes long, and large-blocks does. */
const MOST_BYTES = 1024 * 1024;
/** Rows that are more than that. */
const MANY = 900;
const BODY = Math.ceil((MOST_BYTES * 1.1) / MANY);
const LARGEST_MESSAGE = MOST_BYTES * 1.1;

const db = sharedDatabase();
let rig: DeliveryRig;

beforeAll(async () => {
  await db.query(`create or replace function ampsync_private.frame_limits(out changes bigint, out bytes bigint)
    language sql immutable set search_path = pg_catalog, pg_temp as 'select 50000, ${MOST_BYTES}'`);
  for (const table of ["bulk", "beside", "other"]) {
    await db.query(`create table ${table} (id integer primary key, body text)`);
  }
  rig = await DeliveryRig.start(db, ["bulk", "beside", "other"]);
});
afterAll(() => rig[Symbol.asyncDispose]());

const loadsOf = ({ frames }: WireClient, from = 0) =>
  frames
    .slice(from)
    .map(({ ops }) => ops.flatMap((op) => (op.op === "load" ? [op.table] : [])).sort())
    .filter((tables) => tables.length > 0);

const MANY_ROWS = `insert into bulk select n, repeat('x', ${BODY}) from generate_series(1, ${MANY}) n`;

describe("a transaction that is too large for a frame", () => {
  test("brings its tables anew, all at once, and leaves others alone", async () => {
    await using client = await rig.client(["bulk", "beside", "other"]);
    await using elsewhere = await rig.client(["other"]);
    await client.ready();
    await elsewhere.ready();
    const before = [client.frames.length, elsewhere.messages.length] as const;
    const halves: number[] = [];
    client.onFrame = () => {
      const bulk = client.rows("public.bulk").length;
      if (bulk > 0 !== client.rows("public.beside").length > 0) halves.push(bulk);
    };
    await db.query(`begin; insert into beside values (1, 'with it'); ${MANY_ROWS}; commit`);
    await rig.agrees(client, ["public.bulk", "public.beside"]);
    await db.query("insert into other values (1, 'behind it')");
    await rig.agrees(client, ["public.other"]);
    await rig.agrees(elsewhere, ["public.other"]);
    expect(halves).toEqual([]);
    expect(loadsOf(client, before[0])).toEqual([["public.beside", "public.bulk"]]);
    expect(elsewhere.messages.slice(before[1]).filter(({ t }) => t !== "frame" && t !== "tick")).toEqual([]);
    expect(loadsOf(elsewhere)).toHaveLength(1);
    await db.query("update bulk set body = 'after' where id = 1; insert into beside values (2, 'after')");
    await rig.agrees(client, ["public.bulk", "public.beside"]);
  });
});

describe("a load", () => {
  test("behind which more came than a frame may bring is made anew, and its client hears why", async () => {
    await db.query("truncate bulk, beside");
    await db.query(MANY_ROWS);
    await untilCaptured(db);
    let told = 0;
    await using client = await rig.client(["bulk"], {
      beforeStaged: async () => {
        told += 1;
        if (told > 1) return;
        await db.query(`update bulk set body = repeat('y', ${BODY})`);
        await untilCaptured(db);
      },
    });
    await client.ready();
    await rig.agrees(client, ["public.bulk"]);
    expect(told).toBe(2);
    const said = client.messages.flatMap((each) => (each.t === "shapes" ? each.shapes : []));
    expect(said).toMatchObject([{ id: "bulk", mode: "load", code: "SY416" }]);
    expect(said[0]?.message).toContain("public.bulk");
    expect(loadsOf(client)).toEqual([["public.bulk"]]);
    expect(Math.max(...client.received.map(({ length }) => length))).toBeLessThan(LARGEST_MESSAGE);
  });

  test("of two tables, whose snapshots are there, with more behind both together than a frame may bring ends", async () => {
    await db.query("truncate bulk, beside");
    const tables = ["public.bulk", "public.beside"];
    // More than 2,000 rows come in chunks; each table alone is less than a frame may bring.
    const rows = 2500;
    const body = Math.floor((MOST_BYTES * 0.6) / rows);
    for (const table of tables) {
      await db.query(
        `insert into ${table} select n, repeat('x', ${body}) from generate_series(1, ${rows}) n`,
      );
    }
    await untilCaptured(db);
    await using first = await rig.client(["bulk", "beside"]);
    await first.ready();
    for (const table of tables) await db.query(`update ${table} set body = repeat('y', ${body})`);
    await untilCaptured(db);

    await using client = await rig.client(["bulk", "beside"]);
    await client.ready();
    await rig.agrees(client, tables);
    expect(loadsOf(client)).toEqual([["public.beside", "public.bulk"]]);
  });
});
