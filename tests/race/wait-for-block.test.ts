import { expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";
import { backendOf } from "../support/postgres/rivals.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { waitFor } from "../support/wait-for.ts";

test("wait_for_block sees a block that another connection commits while it waits", async () => {
  await using db = await createDatabase();
  const stream = await SqlStream.prepare(db);
  await stream.commit(0, 9);
  const reader = await db.client();
  const pid = await backendOf(reader);
  const there = reader.query("select ampsync.wait_for_block('chain', 19) as there");
  await waitFor("the reader to wait", async () => {
    const { rowCount } = await db.query(
      "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
      [pid],
    );
    return rowCount === 1;
  });
  await stream.commit(10, 19);
  expect((await there).rows).toEqual([{ there: true }]);
});
