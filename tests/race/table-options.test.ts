import { expect, test } from "vitest";

import { sharedDatabase } from "../support/postgres/shared-database.ts";
import { SqlStream, watermark } from "../support/postgres/sql-stream.ts";

const db = sharedDatabase();

test.each([
  ["rename", { blocks: "other" }],
  ["exclude_columns", { blocks: ["note"] }],
])("%s is refused for a table that was created, and its writer goes on", async (option, value) => {
  const stream = await SqlStream.prepare(db, { dataset: `kept_${option}` });
  const writer = await db.client();
  await writer.query("begin");
  await stream.through(writer).beginApply();
  await stream.through(writer).insert(0, 9);
  await expect(
    db.query(`select ampsync.enqueue_sync($1, ${option} => $2)`, [`kept_${option}`, JSON.stringify(value)]),
  ).rejects.toMatchObject({ code: "SY004" });
  await stream.through(writer).commitApply([watermark(0, 9)], 10);
  await writer.query("commit");
  expect((await stream.rows()).split(" ")).toHaveLength(10);
});
