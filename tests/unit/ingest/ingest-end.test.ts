import { describe, expect, test } from "vitest";

import { AmpsyncError } from "../../../src/errors.ts";
import { limitedFor, YIELDED } from "../../../src/ingest/ingest-end.ts";

const at = { bucket: "api.example.com", nowUs: 1_000_000n };
const limit = new AmpsyncError("SY304", "as the API said");

describe("a pass that ends while the limit allows no request", () => {
  test.each([0, 200, 1_000])("yields where requests are only spread out: %i ms", (ms) => {
    expect(limitedFor(ms, null, at)).toEqual(YIELDED);
  });

  test("rests where others have used it up, and shows that", () => {
    expect(limitedFor(1_000.5, null, at)).toMatchObject({
      outcome: "rested",
      dueUs: 2_000_500n,
      failure: { code: "SY304", message: "The rate limit of api.example.com is used up" },
    });
  });

  test("rests where the API refused, however short it is, and shows what it said", () => {
    expect(limitedFor(200, limit, at)).toMatchObject({
      outcome: "rested",
      dueUs: 1_200_000n,
      failure: { code: "SY304", message: "as the API said" },
    });
  });
});
