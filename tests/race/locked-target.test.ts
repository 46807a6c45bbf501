import { expect, test } from "vitest";

import { buildIndexes } from "../support/postgres/indexes.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { backendOf } from "../support/postgres/rivals.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";

test("the doctor tells who has locked a target altogether, instead of waiting behind him", async () => {
  await using db = await createDatabase();
  const stream = await SqlStream.prepare(db);
  await stream.commit(0, 9);
  await db.query("select ampsync_worker.mark_live($1, $2)", [stream.id, stream.epoch]);
  expect(await buildIndexes(db, stream)).not.toEqual([]);
  const rival = await db.client();
  const pid = await backendOf(rival);
  const findings = async () =>
    (await db.query("select * from ampsync.doctor() where subject = 'doctor'")).rows;

  await rival.query("begin; lock table chain.blocks in access exclusive mode");
  const found = await findings();
  expect(found).toMatchObject([
    {
      severity: "warning",
      finding: "its look at the indexes waited for a lock for 1 s, and was given up",
    },
  ]);
  expect((await db.query(found[0]!["fix"])).rows).toMatchObject([{ pid }]);

  await rival.query("rollback");
  expect(await findings()).toEqual([]);
});
