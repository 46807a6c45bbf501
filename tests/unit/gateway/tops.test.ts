import { describe, expect, test } from "vitest";

import type { LogPage } from "../../../src/db/gateway-answers.ts";
import { Tops } from "../../../src/gateway/tops.ts";

const page = (head: number, tables: Record<string, string | null>) =>
  ({ head: String(head), datasets: [{ dataset: "eth", cut: null, tables }] }) as unknown as LogPage;
const FROM = (low: number): [string, null][] => [[String(low), null]];

describe("blocks of a table are new to whoever stands at a position", () => {
  test("where the table ended below them there", () => {
    const tops = new Tops();
    tops.note(page(7, { "eth.logs": "100" }), "a", 0n);
    expect(tops.areNew(FROM(101), "eth.logs", "a", 7n)).toBe(true);
    expect(
      tops.areNew(
        [
          ["101", "105"],
          ["100", "100"],
        ],
        "eth.logs",
        "a",
        7n,
      ),
    ).toBe(false);
    expect(tops.areNew(FROM(100), "eth.logs", "a", 7n)).toBe(false);
  });

  test.each([
    ["another position", "eth.logs", "a", 6n],
    ["another epoch", "eth.logs", "b", 7n],
    ["another table", "eth.blocks", "a", 7n],
  ])("and not where that is not known: %s", (_, table, epoch, at) => {
    const tops = new Tops();
    tops.note(page(7, { "eth.logs": "100", "eth.empty": null }), "a", 0n);
    expect(tops.areNew(FROM(101), table, epoch, at)).toBe(false);
    expect(tops.areNew(FROM(101), "eth.empty", "a", 7n)).toBe(false);
  });

  test("and where the table was told of earlier, if all that came since was read", () => {
    const tops = new Tops();
    tops.note(page(7, { "eth.logs": "100" }), "a", 0n);
    tops.note(page(9, { "eth.blocks": "101" }), "a", 7n);
    expect(tops.areNew(FROM(101), "eth.logs", "a", 9n)).toBe(true);
    tops.note(page(12, { "eth.blocks": "103" }), "a", 10n);
    expect(tops.areNew(FROM(101), "eth.logs", "a", 12n)).toBe(false);
  });

  test("whatever an older reading, which ends later, says", () => {
    const tops = new Tops();
    tops.note(page(9, { "eth.logs": "90" }), "a", 0n);
    tops.note(page(7, { "eth.logs": "100" }), "a", 0n);
    expect(tops.areNew(FROM(91), "eth.logs", "a", 9n)).toBe(true);
  });
});
