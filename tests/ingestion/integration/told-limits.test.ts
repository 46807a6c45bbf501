import { describe, expect, test } from "vitest";

import type { LimitText } from "../../../src/devserver/http/limits/limit-texts.ts";
import { InProcessSource } from "../../support/http/in-process-source.ts";
import { letTimePass } from "../../support/postgres/clock.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const db = sharedDatabase();

describe("a limit that is told by status and text is none of the login, and stops nothing:", () => {
  test.each<[LimitText, number, string[]]>([
    ["google", 403, ["userRateLimitExceeded", "dailyLimitExceeded"]],
    ["salesforce", 403, ["REQUEST_LIMIT_EXCEEDED"]],
    ["facebook", 400, ["request limit reached"]],
    ["github secondary", 403, ["rate limit"]],
  ])("%s", async (text, status, match) => {
    await using source = await InProcessSource.start(db, {
      api: { records: 250 },
      source: { rate_limit: { bucket: text, status: [status], match } },
    });
    source.api.faults.next.push(null, {
      limited: { status, text, retryAfter: "seconds", retryAfterS: 3_600 },
    });
    const limited = await source.pass();
    expect(limited).toMatchObject({ state: "backfill", code: "SY304", rows: 100 });
    expect(limited.dueIn).toBeGreaterThan(3_500);
    await letTimePass(db, "1 hour");
    expect(await source.pass()).toMatchObject({ state: "complete", code: null, rows: 250 });
  });
});

test("an outage that tells how long it lasts is shown as one, with the time, and not as a limit", async () => {
  await using source = await InProcessSource.start(db, {
    api: { records: 250 },
    source: { rate_limit: { bucket: "outage" } },
  });
  source.api.faults.next.push(null, {
    limited: { status: 503, text: null, retryAfter: "seconds", retryAfterS: 3_600 },
  });
  const out = await source.pass();
  expect(out).toMatchObject({ code: "SY104", rows: 100 });
  expect(out.dueIn).toBeGreaterThan(3_500);
  await letTimePass(db, "1 hour");
  expect(await source.pass()).toMatchObject({ state: "complete", rows: 250 });
});
