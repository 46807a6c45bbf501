import { expect, test } from "vitest";

import { Rates } from "../../../src/gateway/rates.ts";

test("a tenant's sessions share its rate, a frame may overdraw it for a minute at most, and a new rate counts at once", () => {
  const limits = new Map([["acme", 1000]]);
  const rates = new Rates((tenant) => limits.get(tenant) ?? null);
  rates.spend("acme", 400, 0);
  expect(rates.isFree("acme", 0)).toBe(true);
  rates.spend("acme", 1600, 0); // A second's worth was there.
  expect(rates.isFree("acme", 900)).toBe(false);
  expect(rates.isFree("acme", 1100)).toBe(true);
  rates.spend("acme", 10_000_000, 1100);
  expect(rates.isFree("acme", 60_000)).toBe(false);
  expect(rates.isFree("acme", 61_200)).toBe(true);
  rates.spend("acme", 10_000_000, 61_200);
  limits.set("acme", 2000);
  expect(rates.isFree("acme", 61_200)).toBe(true);
  limits.delete("acme");
  rates.spend("acme", 10_000_000, 61_200);
  expect(rates.isFree("acme", 61_200)).toBe(true);
});

test("others are not counted", () => {
  const rates = new Rates((tenant) => (tenant === "acme" ? 10 : null));
  rates.spend("acme", 1000, 0);
  rates.spend(null, 1000, 0);
  rates.spend("other", 1000, 0);
  expect([null, "other", "acme"].map((tenant) => rates.isFree(tenant, 0))).toEqual([true, true, false]);
});
