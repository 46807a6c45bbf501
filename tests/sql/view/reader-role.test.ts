import { readFileSync } from "node:fs";

import { beforeEach, expect, test } from "vitest";

import { refusal, rolledBackDatabase } from "../../support/postgres/rolled-back.ts";
import { SqlStream } from "../../support/postgres/sql-stream.ts";

const db = rolledBackDatabase();
const ROLE = `dashboards_${process.pid}`;

/** The lines that the operator's guide prints, for a role of this test. */
const grants = (() => {
  const guide = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  const block = guide.slice(guide.indexOf("### A role for dashboards")).split("```")[1]!;
  return block.replace(/^sql\n/, "").replaceAll("dashboards", ROLE);
})();

let stream: SqlStream;
beforeEach(async () => {
  stream = await SqlStream.prepare(db);
  await stream.apply(0, 9);
  await db.query(`create role ${ROLE}`); // Rolled back with the rest.
  await db.query(grants);
  await db.query(`set local role ${ROLE}`);
});

test("three lines let a role read every view, and nothing else", async () => {
  const { rows } = await db.query(
    "select format('%I.%I', schemaname, viewname) as view from pg_views where schemaname = 'ampsync'",
  );
  expect(rows.length).toBeGreaterThan(7);
  for (const { view } of rows) {
    await db.query(`select * from ${view}`);
  }
  expect((await db.query("select rows, state from ampsync.streams")).rows).toEqual([
    { rows: "10", state: expect.any(String) },
  ]);
  expect((await refusal(db, "select * from ampsync_private.stream")).code).toBe("42501");
  expect((await refusal(db, "select ampsync_private.now()")).code).toBe("42501");
});

test("it may ask for the cut, wait for a block and read the version", async () => {
  expect((await db.query("select ampsync.cut('chain')")).rows).toEqual([{ cut: "9" }]);
  expect((await db.query("select ampsync.wait_for_block('chain', 9) as there")).rows).toEqual([
    { there: true },
  ]);
  expect((await db.query("select ampsync.version()")).rows).toEqual([{ version: expect.any(String) }]);
});

test("verify needs SELECT on the target, and says how to give it", async () => {
  const { code, hint } = await refusal(db, "select * from ampsync.verify('chain')");
  expect({ code, hint }).toEqual({ code: "42501", hint: `grant select on table chain.blocks to ${ROLE};` });
  await db.query("reset role");
  await db.query(hint!);
  await db.query(`set local role ${ROLE}`);
  expect((await db.query("select * from ampsync.verify('chain')")).rows).toEqual([]);
});

test.each([
  "select ampsync.enqueue_sync('other')",
  "select ampsync.pause_sync('chain')",
  "select ampsync.resync('chain')",
  "select ampsync.repair('chain', 'blocks', 0, 1)",
])("it may not change anything: %s", async (statement) => {
  expect((await refusal(db, statement)).code).toBe("42501");
});
