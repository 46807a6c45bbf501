// Takes 11 s.
import pg from "pg";
import { expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";

test("a connection that the code under test left open fails the file", async () => {
  const db = await createDatabase();
  const leaked = new pg.Client({ connectionString: db.url, application_name: "leaky" });
  leaked.on("error", () => {}); // drop() terminates it.
  await leaked.connect();
  await expect(db.drop()).rejects.toThrow("leaky");
  await leaked.end();
});

test("connections of the test itself are ended with the database", async () => {
  const db = await createDatabase();
  await db.client();
  await db.query("select 1");
  await db.drop();
});
