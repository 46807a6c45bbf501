// Takes 17 s.
import { Decimal, DenseUnion, Field, FixedSizeBinary, Int32, Uint64, Utf8 } from "apache-arrow";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { VersionSource, type VersionTables } from "../support/chain/version-source.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { streamsAt } from "../support/postgres/tables.ts";
import { waitFor } from "../support/wait-for.ts";
import { loadUndisturbed } from "../support/worker/fresh-load.ts";
import { PassDriver, syncAtOnce } from "../support/worker/pass-driver.ts";

const VERSION = "1.0.0";
const DATASET = `chain@${VERSION}`;
const hash = { type: new FixedSizeBinary(32), nullable: false };

let db: TestDatabase;
let server: DevServer;
let chain: GeneratedSource;
let drivers: PassDriver[];

beforeEach(async () => {
  chain = new GeneratedSource({ blocks: 10 });
  drivers = [];
  const source = new VersionSource(chain, { logs: { block_hash: hash, note: new Utf8() } });
  const dataset = { namespace: "_", name: "chain", version: VERSION };
  [db, server] = await Promise.all([createDatabase(), startDevServer({ source, dataset })]);
});
afterEach(async () => {
  await drivers.at(-1)?.stop();
  await server.stop();
  await db.drop();
});

/** What the version stands for from now on. */
const publish = (columns: VersionTables[string], version = VERSION) =>
  server.publish(version, new VersionSource(chain, { logs: columns }));

/** The same columns in another order, and one more among them. */
const publishMore = () => publish({ note: new Utf8(), size: new Uint64(), block_hash: hash });

async function drive(streams: readonly string[]): Promise<PassDriver> {
  const driver = await PassDriver.start(`worker-${drivers.length}`, streams, {
    databaseUrl: db.url,
    flightAddress: server.flightAddress,
  });
  drivers.push(driver);
  return driver;
}

const atHead = (schema: string) =>
  waitFor("the head", async () => (await streamsAt(db, schema, chain.chain.head()!)) === 1);

/** Each row of some blocks as one word a column, by name: which column its value is one of. */
async function valuesFrom(block: number): Promise<string[]> {
  const { rows } = await db.query(
    `select distinct concat_ws(' ', split_part(note, ' ', 1), length(block_hash), case when size >= 0 then 'size' end) as row
       from live.logs where _block_num >= $1 and note is not null order by 1`,
    [block],
  );
  return rows.map(({ row }) => row);
}

const idsFrom = async (schema: string, block: number) =>
  (
    await db.query(
      `select encode(_id, 'hex') as id from ${schema}.logs where _block_num >= $1 order by _id`,
      [block],
    )
  ).rows;

test("values land in the columns of their names after a restart into another order with one more column (N25)", async () => {
  const streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
  const before = await drive(streams);
  await atHead("live");
  await before.stop();
  publishMore();
  chain.mine(10);
  await drive(streams);
  await atHead("live");
  const { rows } = await db.query("select * from live.logs where _block_num = 9 order by _id");
  expect(Object.keys(rows[0]!).slice(3)).toEqual(["_block_num", "block_hash", "note", "size"]);
  expect(rows.map(({ size }) => size)).toEqual([null, null]);
  expect(await valuesFrom(10)).toEqual(["note 32", "note 32 size"]);
});

test("a schema that changes under an open stream is noticed when it reconnects (N25)", async () => {
  const streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
  await drive(streams);
  await atHead("live");
  publishMore();
  chain.reorg(3, 5); // The connection is made anew at the fork, and plans again.
  await atHead("live");
  server.misbehaviour.endAtHead = true;
  chain.mine(5);
  await atHead("live");
  const head = Number(chain.chain.head()!.number);
  await waitFor("the new column", async () => {
    chain.mine();
    const { rowCount } = await db.query(
      "select from pg_attribute where attrelid = 'live.logs'::regclass and attname = 'size'",
    );
    return rowCount === 1;
  });
  server.misbehaviour.endAtHead = false;
  chain.mine(5);
  await atHead("live");
  expect((await valuesFrom(0)).every((row) => /^note 32( size)?$/.test(row))).toBe(true);
  expect(await valuesFrom(head + 1)).toContain("note 32 size");
});

test.each([
  ["more", new Decimal(2, 12, 128), new Decimal(2, 38, 128), "numeric(38,2)"],
  ["fewer", new Decimal(2, 38, 128), new Decimal(2, 12, 128), "numeric(38,2)"],
])("numerics with %s digits keep every value", async (_, before, after, type) => {
  publish({ block_hash: hash, n: before });
  const streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
  const first = await drive(streams);
  await atHead("live");
  await first.stop();
  publish({ block_hash: hash, n: after });
  chain.mine(5);
  await drive(streams);
  await atHead("live");
  publish({ block_hash: hash, n: after }, "2.0.0");
  const fresh = { dataset: "chain@2.0.0", schema: "fresh", tables: ["logs"] };
  await loadUndisturbed(db, server, fresh, chain.chain.head()!);
  const { rows: differences } = await db.query(
    "select _id, n::text from live.logs except select _id, n::text from fresh.logs",
  );
  expect(differences).toEqual([]);
  const { rows } = await db.query(
    `select count(n)::int > 10 as filled, format_type(atttypid, atttypmod) as type
       from live.logs cross join pg_attribute where attrelid = 'live.logs'::regclass and attname = 'n' group by 2`,
  );
  expect(rows).toEqual([{ filled: true, type }]);
});

test("a new column of a type without a counterpart stops its table, until the hint leaves it out", async () => {
  const streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
  const before = await drive(streams);
  await atHead("live");
  await before.stop();
  const odd = new DenseUnion([0], [new Field("number", new Int32(), true)]);
  publish({ block_hash: hash, odd, note: new Utf8() });
  chain.mine(3);
  await drive(streams);
  const stopped = async () =>
    (
      await db.query(
        "select reason, hint from ampsync.streams where state = 'failed' and error_code = 'SY202'",
      )
    ).rows[0];
  await waitFor("the table to stop", async () => (await stopped()) !== undefined);
  const { reason, hint } = (await stopped())!;
  expect(reason).toBe("Unsupported Arrow type DenseUnion<Int32> in column odd of table logs");
  await db.query(hint.slice(hint.indexOf("select ")));
  await atHead("live");
  const { rows } = await db.query("select count(*)::int, count(note)::int > 10 as filled from live.logs");
  expect(rows).toEqual([{ count: 26, filled: true }]);
});

test("a change waits behind a long reader, shows who it is, and is made when the reader ends (N51)", async () => {
  const streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
  const before = await drive(streams);
  await atHead("live");
  await before.stop();
  publishMore();
  chain.mine(3);
  const reader = await db.client();
  const { rows } = await reader
    .query("begin; select pg_backend_pid() as pid from live.logs limit 1")
    .then((results) => (results as unknown as { rows: { pid: number }[] }[])[1]!);
  await drive(streams);
  await waitFor("the reader to be named", async () => {
    const { rowCount } = await db.query(
      "select from ampsync.streams where state = 'retrying' and error_code = '55P03' and detail like $1",
      [`Used by backend ${rows[0]!.pid} %`],
    );
    return rowCount === 1;
  });
  await reader.query("commit");
  await atHead("live");
  expect(await valuesFrom(10)).toContain("note 32 size");
  expect((await db.query("select state from ampsync.streams")).rows).not.toEqual([{ state: "retrying" }]);
});

describe("rows loaded since a column was added have the same _id", () => {
  let streams: readonly string[];

  beforeEach(async () => {
    streams = await syncAtOnce(db, { dataset: DATASET, schema: "live", tables: ["logs"] });
    const before = await drive(streams);
    await atHead("live");
    await before.stop();
    publishMore();
    chain.mine(10);
  });

  test("when they are loaded again over the switch, by whatever pass", async () => {
    const first = await drive(streams);
    await atHead("live");
    const ids = await idsFrom("live", 10);
    await first.stop();
    await db.query("select ampsync.repair($1, 'logs', 5, 14)", [DATASET]);
    await drive(streams);
    await waitFor("the repair", async () => (await db.query("select from ampsync.repairs")).rowCount === 0);
    expect(await idsFrom("live", 10)).toEqual(ids);
    const { rows } = await db.query(
      "select count(size)::int > 0 as filled from live.logs where _block_num < 10",
    );
    expect(rows).toEqual([{ filled: true }]);
    expect((await db.query("select * from ampsync.verify($1)", [DATASET])).rows).toEqual([]);
  });

  test("as those of a resync, so that its swap replaces only the rows before", async () => {
    const driver = await drive(streams);
    await atHead("live");
    await driver.stop();
    await db.query("select ampsync.resync($1)", [DATASET]);
    const { rows: shadows } = await db.query(
      "select stream_id::text as id from ampsync_private.stream where shadow_of is not null",
    );
    await drive([shadows[0]!["id"]]);
    await waitFor("the swap", async () => {
      await db.query("select ampsync_worker.swap_resync($1)", [shadows[0]!["id"]]);
      return (await db.query("select from ampsync.events where event = 'resynced'")).rowCount === 1;
    });
    const { rows } = await db.query("select details from ampsync.events where event = 'resynced'");
    expect(rows[0]!["details"]).toMatchObject({ rows: 40, rows_deleted: 20, rows_inserted: 20 });
  });

  test("as those of a table that had the columns in that order from its beginning", async () => {
    await drive(streams);
    await atHead("live");
    publish({ block_hash: hash, note: new Utf8(), size: new Uint64() }, "2.0.0");
    const fresh = { dataset: "chain@2.0.0", schema: "fresh", tables: ["logs"] };
    await loadUndisturbed(db, server, fresh, chain.chain.head()!);
    expect(await idsFrom("live", 10)).toEqual(await idsFrom("fresh", 10));
    expect(await idsFrom("live", 0)).not.toEqual(await idsFrom("fresh", 0));
  });
});
