import { expect, test } from "vitest";

import { copyOut } from "../../src/db/copy-out.ts";
import { createPool } from "../../src/db/pool.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase } from "../support/postgres/postgres.ts";

test("a COPY that ended in time leaves no timer, nor an error later", async () => {
  await using db = await createDatabase();
  const pool = createPool(
    { url: db.url, max: 1, queryTimeoutMs: 60_000, name: "copy" },
    createLog("error", () => {}),
  );
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  try {
    const client = await pool.connect();
    await client.query("select");
    const before = timers();
    for (let n = 0; n < 20; n++) {
      expect(await copyOut(client, "copy (values ('a'), ('b')) to stdout")).toBe("a\nb\n");
      await expect(copyOut(client, "copy (select 1 / 0) to stdout")).rejects.toMatchObject({ code: "22012" });
    }
    expect(timers()).toBeLessThan(before + 20);
    client.release();
  } finally {
    await pool.end();
  }
});

test("a COPY that does not end in time is given up", async () => {
  await using db = await createDatabase();
  const pool = createPool(
    { url: db.url, max: 1, queryTimeoutMs: 200, name: "copy" },
    createLog("error", () => {}),
  );
  try {
    const client = await pool.connect();
    const given = copyOut(client, "copy (select pg_sleep(2)) to stdout");
    await expect(given).rejects.toThrow("Query read timeout");
    client.release(true);
  } finally {
    await pool.end();
  }
});
