import { beforeEach, describe, expect, test } from "vitest";

import { rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { loadedStream, startResync, swap } from "../../support/postgres/shadow.ts";
import type { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
let stream: SqlStream;

/** With blocks 0 to 9 of version 1.0.0. */
beforeEach(async () => {
  stream = await loadedStream(db);
});

/** What ampsync.version_history shows, as `version: first-last`. */
async function versions(): Promise<readonly string[]> {
  const { rows } = await db.query(
    `select concat(version, ': ', first_block, '-', last_block) as range from ampsync.version_history
      where dataset = 'chain' order by first_block`,
  );
  return rows.map(({ range }) => range);
}

/** From now on the stream reads this version; the pass under way still reads the old one. */
async function changeVersion(version: string, hash: string | null = null): Promise<void> {
  await db.query(
    "update ampsync_private.stream set version = $2, manifest_hash = $3, version_since = ampsync_private.now() where stream_id = $1",
    [stream.id, version, hash],
  );
}

/** The pass ends, and the next one begins. */
async function nextPass(): Promise<void> {
  await stream.endPass("yielded");
  await stream.acquire();
}

async function changeTo(version: string, hash: string | null = null): Promise<void> {
  await changeVersion(version, hash);
  await nextPass();
}

test("a table that began with a version has one entry, from the beginning", async () => {
  expect(await versions()).toEqual(["1.0.0: 0-"]);
  await nextPass();
  await stream.apply(10, 14);
  expect(await versions()).toEqual(["1.0.0: 0-"]);
});

test("a pass reads the version of its stream, and its lease knows which", async () => {
  await changeVersion("1.1.0", "cd");
  expect((await lease())["version"]).toBe("1.0.0");
  await stream.endPass("yielded");
  expect(await stream.acquire()).toMatchObject({ source_schema: "_/chain@1.1.0" });
  expect(await lease()).toEqual({ version: "1.1.0", manifest_hash: "cd" });
});

test("a version starts behind what the pass before it commits to its end", async () => {
  await changeVersion("1.1.0");
  await stream.apply(10, 14); // The pass of the old version ends with it.
  expect(await versions()).toEqual(["1.0.0: 0-"]);
  await nextPass();
  expect(await versions()).toEqual(["1.0.0: 0-14", "1.1.0: 15-"]);
  await stream.apply(15, 19);
  expect(await versions()).toEqual(["1.0.0: 0-14", "1.1.0: 15-"]);
});

test("the same version with another manifest is an entry of its own", async () => {
  await changeTo("1.0.0", "cd");
  expect(await versions()).toEqual(["1.0.0: 0-9", "1.0.0: 10-"]);
});

test("versions of which no block was committed leave no entry", async () => {
  await changeTo("1.1.0");
  await changeTo("1.2.0");
  expect(await versions()).toEqual(["1.0.0: 0-9", "1.2.0: 10-"]);
  await changeTo("1.0.0");
  expect(await versions()).toEqual(["1.0.0: 0-"]);
});

describe("a reorg", () => {
  test("below the switch: the blocks that are sent again come from the new version", async () => {
    await changeTo("1.1.0");
    await stream.apply(10, 14);
    await stream.replace(7, 15, { fork: "b" });
    expect(await versions()).toEqual(["1.0.0: 0-6", "1.1.0: 7-"]);
  });

  test("above the switch changes nothing", async () => {
    await changeTo("1.1.0");
    await stream.apply(10, 14);
    await stream.replace(12, 15, { fork: "b" });
    expect(await versions()).toEqual(["1.0.0: 0-9", "1.1.0: 10-"]);
  });

  test("below two switches swallows the version between them", async () => {
    await changeTo("1.1.0");
    await stream.apply(10, 14);
    await changeTo("1.2.0");
    await stream.apply(15, 19);
    await stream.replace(8, 20, { fork: "b" });
    expect(await versions()).toEqual(["1.0.0: 0-7", "1.2.0: 8-"]);
  });

  test("down to the first block leaves the new version alone", async () => {
    await changeTo("1.1.0");
    await stream.beginApply({ from: null, parentHash: null });
    expect(await versions()).toEqual(["1.1.0: 0-"]);
  });

  test("of a pass that still reads the old version stays with the old one", async () => {
    await changeVersion("1.1.0");
    await stream.replace(7, 12, { fork: "b" });
    expect(await versions()).toEqual(["1.0.0: 0-"]);
    await nextPass();
    expect(await versions()).toEqual(["1.0.0: 0-12", "1.1.0: 13-"]);
  });

  test("that is rolled back changes nothing", async () => {
    await changeTo("1.1.0");
    await db.query("savepoint s");
    await stream.replace(7, 15, { fork: "b" });
    await db.query("rollback to s");
    expect(await versions()).toEqual(["1.0.0: 0-9", "1.1.0: 10-"]);
  });
});

describe("a repair", () => {
  async function repair(first: number, last: number): Promise<void> {
    await db.query("select ampsync_private.record_version($1, $2, $3)", [stream.id, first, last]);
  }

  test("of blocks of an older version: they come from the new one, those around them stay", async () => {
    await changeTo("1.1.0");
    await repair(3, 5);
    expect(await versions()).toEqual(["1.0.0: 0-2", "1.1.0: 3-5", "1.0.0: 6-9", "1.1.0: 10-"]);
  });

  test("up to the switch joins the new version, from the first block on it leaves no old one before", async () => {
    await changeTo("1.1.0");
    await repair(6, 9);
    expect(await versions()).toEqual(["1.0.0: 0-5", "1.1.0: 6-"]);
    await repair(0, 3);
    expect(await versions()).toEqual(["1.1.0: 0-3", "1.0.0: 4-5", "1.1.0: 6-"]);
    await repair(2, 7);
    expect(await versions()).toEqual(["1.1.0: 0-"]);
  });

  test("of blocks of the version that is read changes nothing", async () => {
    await repair(3, 5);
    await repair(0, 9);
    expect(await versions()).toEqual(["1.0.0: 0-"]);
  });
});

test("a repair records the version that it fetched from", async () => {
  await changeTo("1.1.0");
  await db.query("select ampsync.repair('chain', 'blocks', 5, 9)");
  await db.query("select * from ampsync_worker.next_repair($1, $2)", [stream.id, stream.epoch]);
  await db.query("call ampsync_worker.begin_repair($1, $2, 5, 9)", [stream.id, stream.epoch]);
  await stream.insert(5, 9);
  await db.query("call ampsync_worker.commit_repair($1, $2, 5, 9, null, 5)", [stream.id, stream.epoch]);
  expect(await versions()).toEqual(["1.0.0: 0-4", "1.1.0: 5-"]);
});

test("a resync reads the version of its stream, and what it replaces comes from there from the beginning", async () => {
  await changeTo("1.1.0");
  const shadow = await startResync(db, stream);
  expect(await versions()).toEqual(["1.0.0: 0-9", "1.1.0: 10-"]); // Those that readers see.
  await shadow.apply(0, 9, { expected: null });
  expect(await swap(db, shadow)).toBe(true);
  expect(await versions()).toEqual(["1.1.0: 0-"]);
});

async function lease() {
  const { rows } = await db.query(
    "select version, manifest_hash from ampsync_private.lease where stream_id = $1",
    [stream.id],
  );
  return rows[0]!;
}
