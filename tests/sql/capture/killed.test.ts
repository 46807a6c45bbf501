import { expect, test } from "vitest";

import {
  armCrash,
  disarmCrash,
  hasCrashed,
  installCrashPoints,
} from "../../support/postgres/crash-points.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import {
  capturedTable,
  captureRow,
  loggedEntries,
  loggedRows,
  row,
  SqlCapture,
} from "../../support/postgres/sql-capture.ts";

const db = sharedDatabase();

/** A transaction with rows of a table that goes live, one that loses rows, and a large one that was stored ahead. */
async function round(at: number, tables: readonly string[], pass: SqlCapture): Promise<void> {
  const [live = "", starting = ""] = tables;
  await pass.commit([
    { lsn: at, changes: [row(live, `a${at}`), row(starting, `b${at}`)] },
    {
      lsn: at + 0x10,
      changes: [row(live, `c${at}`), row(starting, `d${at}`)],
      marks: [{ kind: "moved_unchanged", relation: live }],
    },
  ]);
  await pass.storeChanges([row(starting, `e${at}`)]);
  await pass.commit([{ lsn: at + 0x20, ahead: 1, changes: [row(starting, `f${at}`)] }]);
}

test("a session that ends at any statement leaves whole transactions: entries have their rows, rows theirs", async () => {
  await installCrashPoints(db);
  let struck = 0;
  for (const call of ["commit_capture", "store_changes", "take_capture"]) {
    for (let nth = 1; ; nth++) {
      const name = `${call}_${nth}`;
      const tables = [await capturedTable(db, name), await capturedTable(db, `${name}_late`, "starting")];
      const at = 0x10000 * (struck + 1);
      await armCrash(db, `ampsync_worker.${call}`, nth);
      const frozen = await db.client();
      await SqlCapture.take(frozen)
        .then((pass) => round(at, tables, pass))
        .catch(() => {});
      const isOver = !(await hasCrashed(db));
      await disarmCrash(db);

      // The next pass is sent all that the log does not have, and drops what it has.
      await round(at, tables, await SqlCapture.take(db));
      const keys = (await loggedRows(db)).filter((line) => line.includes(`${at}"`));
      expect(keys.map((line) => line.split(" ").pop()?.slice(2, 3))).toEqual(["a", "b", "d", "e", "f"]);
      const { rows } = await db.query(
        `select t.changes, count(c.*)::integer as stored from ampsync_private.change_tx t
           left join ampsync_private.change c using (tx_id)
          where t.kind = 'rows' group by t.position having t.changes <> count(c.*)`,
      );
      expect(rows).toEqual([]);
      await db.query("update ampsync_private.published set state = 'ended', relation = null");
      if (isOver) break;
      struck++;
    }
  }
  expect(struck).toBeGreaterThan(5);

  while ((await db.query("select ampsync_worker.remove_leftover() as more")).rows[0]!["more"]) {
    // There is more.
  }
  const orphans = await db.query(
    "select from ampsync_private.change c where not exists (select from ampsync_private.change_tx t where t.tx_id = c.tx_id)",
  );
  expect(orphans.rowCount).toBe(0);
  expect((await captureRow(db))["leftover"]).toEqual([]);
  expect((await loggedEntries(db)).length).toBeGreaterThan(20);
});
