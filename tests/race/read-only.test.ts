import { expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";

test("the doctor tells that a database is read-only, which makes workers look dead, and its fix ends that", async () => {
  await using db = await createDatabase();
  const findings = async () => {
    const { rows } = await (await db.client()).query(
      "select severity, fix from ampsync.doctor() where subject = 'default_transaction_read_only'",
    );
    return rows;
  };
  await db.query("set default_transaction_read_only = on");
  expect(await findings()).toEqual([]); // That of one session.

  await db.query("set default_transaction_read_only = off");
  await db.query(`alter database ${db.name} set default_transaction_read_only = on`);
  const [found] = await findings();
  expect(found).toMatchObject({
    severity: "error",
    fix: expect.stringMatching(/^alter database \w+ reset default_transaction_read_only; -- /),
  });
  await db.query(found.fix.replace(/ -- .*/, ""));
  expect(await findings()).toEqual([]);
});
