import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Reports } from "../../../src/client/reports.ts";
import type { Report } from "../../../src/wire/from-client.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const report = (...tables: string[]): Report => ({
  t: "report",
  pending: 0,
  phase: "live",
  error: null,
  migrations: [],
  checks: tables.map((table) => ({ id: "1", table, rows: "1", sum: "1", server_rows: "2", server_sum: "2" })),
  store: { kind: "memory", bytes: "0", status: "ok" },
});

test("a table that differs is told once, by the first connection that takes the report", () => {
  const said: string[][] = [];
  let isOpen = false;
  const reports = new Reports(({ checks }) => {
    if (isOpen) said.push(checks.map(({ table }) => table));
    return isOpen;
  });
  reports.offer(report("todos"));
  vi.runAllTimers();
  isOpen = true;
  for (let connection = 0; connection < 2; connection++) {
    reports.welcomed();
    reports.offer(report());
    vi.runAllTimers();
  }

  expect(said).toEqual([["todos"], []]);
});
