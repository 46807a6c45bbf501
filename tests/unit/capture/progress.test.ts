import { expect, test } from "vitest";

import { Progress } from "../../../src/capture/progress.ts";

test("what came and is not stored is told once", () => {
  const progress = new Progress();
  expect(progress.of({ news: null, lookMs: 0 })).toBeNull();
  expect(progress.of({ news: 7n, lookMs: 0 })).toEqual({ received: 7n, lookMs: null });
  expect(progress.of({ news: 7n, lookMs: 0 })).toBeNull();
  expect(progress.of({ news: null, lookMs: 0 })).toBeNull();
  expect(progress.of({ news: 8n, lookMs: 0 })).toEqual({ received: 8n, lookMs: null });
});

test("looks that take long are told, when they do, when it is twice or half as long, and when they are half as long as that", () => {
  const progress = new Progress();
  const told = [250, 251, 249, 300, 502, 503, 400, 251, 250, 125, 0, 250].map((lookMs) =>
    progress.of({ news: null, lookMs }),
  );
  const looks = told.map((report) => (report === null ? "-" : report.lookMs));
  expect(looks).toEqual(["-", 251, "-", "-", "-", 503, "-", 251, "-", null, "-", "-"]);
});
