// Takes 31 s.
import { describe, expect, test } from "vitest";

import { killCapture, killCaptureAt } from "../../support/capture/chaos.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";

describe("SIGKILL of the process that captures", () => {
  test("before and after each of its statements loses nothing, and doubles nothing", async () => {
    await using db = await createDatabase();
    const { differences, killed } = await killCaptureAt(db);
    expect(differences).toEqual([]);
    expect(killed).toBe(8);
  });

  test("at random moments, under load, loses nothing, and doubles nothing", async () => {
    await using db = await createDatabase();
    const { differences, transactions } = await killCapture(db, { kills: 5, seed: 11 });
    expect(differences).toEqual([]);
    expect(transactions).toBeGreaterThan(10);
  });
});
