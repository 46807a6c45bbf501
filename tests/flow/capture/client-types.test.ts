import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";

import { READY_MADE } from "../../support/client/ready-made.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

/** What PGlite has and no client is given: it names objects of one database by OID, or serves the server alone. */
const NOT_FOR_CLIENTS = /^(reg\w+|pg_(?!lsn$)\w+|aclitem|cid|tid|xid|gtsvector|refcursor|txid_snapshot)$/;

/** A value of each type, as text, which the server writes in the same way. */
const VALUES: Readonly<Record<string, string>> = {
  boolean: "true",
  '"char"': "x",
  name: "a name",
  text: 'line\nbreak "quoted" \\ ünï€𝄞',
  "character varying": "a b",
  character: "b",
  bytea: "\\x00ff5c27",
  uuid: "6b0c0000-0000-4000-8000-000000000001",
  bit: "1",
  "bit varying": "1010",
  smallint: "-32768",
  integer: "-2147483648",
  bigint: "-9223372036854775808",
  real: "3.4028235e+38",
  "double precision": "2.2250738585072014e-308",
  numeric: "12345678901234567890.123456789012345678901",
  money: "-$92,233,720,368,547,758.08",
  oid: "4294967295",
  xid8: "18446744073709551615",
  pg_lsn: "FFFFFFFF/FFFFFFFF",
  date: "0044-03-15 BC",
  "time without time zone": "24:00:00",
  "time with time zone": "12:00:00.000001-07",
  "timestamp without time zone": "2026-11-29 12:00:00.000001",
  "timestamp with time zone": "2026-11-29 06:30:00.123456+00",
  interval: "1 year -2 days +03:04:05.678901",
  json: '{"a":  1, "a": 2}',
  jsonb: '{"big": 123456789012345678901234567890}',
  jsonpath: '$."a"[*]?(@ > 1)',
  xml: "<a>ü</a>",
  tsvector: "'a':1A 'b''c':2",
  tsquery: "'a' & !'b' <-> 'c'",
  inet: "::1/64",
  cidr: "10.0.0.0/8",
  macaddr: "08:00:2b:01:02:03",
  macaddr8: "08:00:2b:01:02:03:04:05",
  point: "(1.5,-0)",
  line: "{1,2,3}",
  lseg: "[(1,2),(3,4)]",
  box: "(3,4),(1,2)",
  path: "[(1,2),(3,4)]",
  polygon: "((1,2),(3,4),(5,6))",
  circle: "<(1,2),3>",
  int4range: "[1,5)",
  int8range: "[-9223372036854775808,5)",
  numrange: "(0.10,)",
  tsrange: '["2026-11-29 12:00:00","2026-11-29 12:00:00.000001")',
  tstzrange: '["2026-11-29 12:00:00+00",infinity)',
  daterange: "[2026-11-29,2026-11-30)",
  int4multirange: "{[1,5),[7,9)}",
  int8multirange: "{[1,9223372036854775807)}",
  nummultirange: "{[0.10,0.2],(3,)}",
  tsmultirange: '{["2026-11-29 12:00:00","2026-11-29 12:00:00.000001")}',
  tstzmultirange: '{["2026-11-29 12:00:00+00",infinity)}',
  datemultirange: "{(,2026-11-30)}",
};

const db = sharedDatabase();
let client: PGlite;
beforeAll(async () => {
  client = await PGlite.create({ extensions: READY_MADE });
});
afterAll(() => client.close());

async function clientTypes(): Promise<readonly string[]> {
  const { rows } = await db.query(
    "select t.type::text as type from unnest(ampsync_private.client_types()) t(type) order by 1",
  );
  return rows.map(({ type }) => type);
}

test("columns of clients have the types that PGlite has, but for those of the server and names of objects", async () => {
  const { rows } = await client.query<{ name: string; type: string }>(
    `select t.typname as name, t.oid::regtype::text as type
       from pg_type t
      where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r', 'm') and t.typcategory <> 'A'`,
  );
  const held = rows.filter(({ name }) => !NOT_FOR_CLIENTS.test(name)).map(({ type }) => type);
  expect(await clientTypes()).toEqual(held.sort());
});

test("a value of each type, and of its arrays, is in PGlite what it is on the server", async () => {
  const types = await clientTypes();
  expect(Object.keys(VALUES).sort()).toEqual(types);
  const columns = types.flatMap((type, n) => [
    { name: `c${n}`, type },
    { name: `a${n}`, type: `${type}[]` },
  ]);
  const values = types.map((type) => VALUES[type]);
  const texts = types.flatMap((type, n) => [
    `($1::text[])[${n + 1}]::${type}::text as c${n}`,
    `array[($1::text[])[${n + 1}]::${type}, null]::text as a${n}`,
  ]);
  const { rows: onServer } = await db.query(`select ${texts.join(", ")}`, [values]);

  await client.exec(`create table held (${columns.map(({ name, type }) => `${name} ${type}`).join(", ")})`);
  const read = columns.map(({ name, type }) => `($1::jsonb ->> '${name}')::${type}`);
  await client.query(`insert into held select ${read.join(", ")}`, [JSON.stringify(onServer[0])]);
  const written = columns.map(({ name }) => `${name}::text`);
  const { rows: inClient } = await client.query(`select ${written.join(", ")} from held`);
  expect(inClient).toEqual(onServer);
  expect(types.map((_, n) => onServer[0]![`c${n}`])).toEqual(values);
});
