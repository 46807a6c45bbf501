import { expect, test } from "vitest";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";
import { capturedTable, row, SqlCapture } from "../../support/postgres/sql-capture.ts";

const db = sharedDatabase();

test("a NULL where none can be is seen in a transaction that was stored ahead of its end", async () => {
  const table = await capturedTable(db, "todos");
  await db.query("alter table todos alter title set not null");
  await db.query(
    "update ampsync_private.published set columns = ampsync_private.published_columns(relation)",
  );
  const pass = await SqlCapture.take(db);
  await pass.storeChanges([row(table, "1", { data: { id: "1", title: null } })]);
  await pass.storeChanges([row(table, "2")], 1);
  await pass.commit([{ lsn: 0x100, changes: [row(table, "3")], ahead: 2 }]);
  const { rows } = await db.query(
    "select t.kind, t.details ->> 'reason' as reason from ampsync_private.change_tx t order by t.position desc limit 2",
  );
  expect(rows).toEqual([
    { kind: "rows", reason: null },
    { kind: "schema", reason: "A column may be NULL." },
  ]);
});
