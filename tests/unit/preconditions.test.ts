import type pg from "pg";
import { expect, test } from "vitest";

import { checkServer } from "../../src/install/preconditions.ts";

/** What answers as a server of that version. */
function serverOf(version: string, { encoding = "UTF8", isStandby = false } = {}): pg.ClientBase {
  const [major = "", minor = ""] = version.split(".");
  const row = { encoding, version, number: Number(major) * 10_000 + Number(minor), isStandby };
  return { query: async () => ({ rows: [row] }) } as unknown as pg.ClientBase;
}

test.each(["15.0", "15.18", "16.14", "17.10", "18.4"])("PostgreSQL %s is accepted", async (version) => {
  await expect(checkServer(serverOf(version))).resolves.toBeUndefined();
});

test.each(["14.23", "9.6"])("PostgreSQL %s is refused before anything is written", async (version) => {
  await expect(checkServer(serverOf(version))).rejects.toMatchObject({
    code: "SY902",
    message: `PostgreSQL 15 or newer is needed, and this is ${version}`,
    hint: "Upgrade the server to PostgreSQL 15 or newer, then: ampsync migrate",
  });
});

test("a standby, and a database of another encoding, are refused with what to do", async () => {
  await expect(checkServer(serverOf("17.10", { isStandby: true }))).rejects.toMatchObject({
    code: "SY902",
    hint: expect.stringContaining("Set DATABASE_URL to the primary"),
  });
  await expect(checkServer(serverOf("17.10", { encoding: "LATIN1" }))).rejects.toMatchObject({
    code: "SY902",
    hint: "create database ampsync encoding 'UTF8' template template0;",
  });
});
