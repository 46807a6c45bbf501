import { expect, test } from "vitest";

import { uninstall } from "../../src/install/uninstall.ts";
import { createLog } from "../../src/log.ts";
import { createLogicalDatabase } from "../support/postgres/logical-database.ts";
import { tendPublication } from "../support/postgres/tended.ts";

test("ampsync uninstall leaves neither slot nor publication, and tables as they were before they were published", async () => {
  await using db = await createLogicalDatabase();
  await db.query("create table todos (id integer primary key)");
  await db.query("select ampsync.publish('todos')");
  await tendPublication(db);
  const left = async () =>
    (
      await db.query(
        `select (select count(*)::integer from pg_replication_slots) as slots,
                (select count(*)::integer from pg_publication) as publications,
                (select relreplident from pg_class where relname = 'todos') as identity`,
      )
    ).rows[0];
  expect(await left()).toEqual({ slots: 1, publications: 1, identity: "f" });
  const outcome = await uninstall(db.url, { log: createLog("error", () => {}), agree: async () => true });
  expect(outcome).toBe("done");
  expect(await left()).toEqual({ slots: 0, publications: 0, identity: "d" });
});
