import { describe, expect, test } from "vitest";

import { Budget } from "../../../src/gateway/budget.ts";
import { Connects } from "../../../src/gateway/connects.ts";

describe("a budget", () => {
  test("gives what it has at once, and then what time brings, never more than the most", () => {
    const budget = new Budget(100, 10, 0);
    budget.spend(250, 0);
    expect(budget.left(0)).toBe(-150);
    expect(budget.left(15_000)).toBe(0);
    budget.spend(1, 20_000);
    expect(budget.left(20_000)).toBe(49);
    expect(budget.isFull(25_000)).toBe(false);
    expect(budget.left(3_600_000)).toBe(100);
    expect(budget.isFull(3_600_000)).toBe(true);
  });

  test("loses nothing where a clock stands still or goes back", () => {
    const budget = new Budget(10, 1, 5_000);
    budget.spend(4, 5_000);
    expect(budget.left(1_000)).toBe(6);
    expect(budget.left(5_000)).toBe(6);
  });
});

describe("a client", () => {
  const tries = (connects: Connects, count: number, now: number, client = "a") => {
    let let_in = 0;
    for (let n = 0; n < count; n++) {
      try {
        connects.count("ann", client, now);
        let_in += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: "SY416" });
      }
    }
    return let_in;
  };

  test("connects thirty times at once, and then ten times a minute", () => {
    const connects = new Connects();
    expect(tries(connects, 100, 0)).toBe(30);
    expect(tries(connects, 100, 60_000)).toBe(10);
    expect(tries(connects, 100, 90_000)).toBe(5);
    expect(tries(connects, 100, 90_000 + 600_000)).toBe(30);
  });

  test("is told when it may come again, and comes in then", () => {
    const connects = new Connects();
    tries(connects, 30, 0);
    const wait = (() => {
      try {
        connects.count("ann", "a", 1_000);
      } catch (error) {
        return (error as { retryAfterS: number }).retryAfterS;
      }
      return 0;
    })();
    expect(wait).toBeCloseTo(5);
    expect(tries(connects, 2, 1_000 + wait * 1000 + 1)).toBe(1);
  });

  test("has its own count, which no other client or subject uses up", () => {
    const connects = new Connects();
    tries(connects, 100, 0);
    expect(tries(connects, 100, 0, "b")).toBe(30);
    expect(() => connects.count("bob", "a", 0)).not.toThrow();
  });
});
