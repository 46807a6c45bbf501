import { describe, expect, test } from "vitest";

import type { StoredPart } from "../../../src/db/ingest-calls.ts";
import { Part } from "../../../src/ingest/part.ts";

const STORED: StoredPart = {
  ...{ part: "0", since: null, until: null, high: null, run: "1", begunUs: "0" },
  ...{ position: { token: "b" }, previous: { token: "a" }, positionAgeS: 30, pages: 2, emptyPages: 0 },
};

const stored = (fields: Partial<StoredPart> = {}) => new Part({ ...STORED, ...fields });

describe("a position that the server does not know any more", () => {
  test("is asked for once more, then the one before it, then the run from its beginning", () => {
    const part = stored();
    expect(part.replaceExpired(null, true)).toBe("again");
    expect(part.asked).toEqual({ token: "b" });
    expect(part.replaceExpired(null, true)).toBe("previous");
    expect(part.asked).toEqual({ token: "a" });
    expect(part.position).toEqual({ token: "b" });
    expect(part.replaceExpired(null, true)).toBe("restart");
  });

  test("is not asked for once more where it is older than it lives", () => {
    expect(stored().replaceExpired(29_000, true)).toBe("previous");
    expect(stored().replaceExpired(31_000, true)).toBe("again");
  });

  test("without one before it is replaced by the beginning of the run", () => {
    expect(stored({ previous: null }).replaceExpired(0, true)).toBe("restart");
  });

  test("is replaced by nothing where there is no key", () => {
    const part = stored();
    expect([part.replaceExpired(null, false), part.replaceExpired(null, false)]).toEqual([
      "again",
      "nothing",
    ]);
  });

  /** The page before it is served again, and names another one. */
  function replaced(): Part {
    const part = stored();
    part.replaceExpired(null, true);
    part.replaceExpired(null, true);
    part.take({ kind: "go_on", next: { token: "c" } }, part.asked, 100);
    return part;
  }

  test("is replaced once by what the page before it names: is that refused as well, the run begins again", () => {
    const part = replaced();
    expect(part.asked).toEqual({ token: "c" });
    expect(part.pages).toBe(3);
    expect(part.replaceExpired(null, true)).toBe("restart");
  });

  test("is forgotten with the next page behind it: the ladder begins anew", () => {
    const part = replaced();
    part.take({ kind: "go_on", next: { token: "d" } }, part.asked, 100);
    expect(part.replaceExpired(null, true)).toBe("again");
    expect(part.replaceExpired(null, true)).toBe("previous");
    expect(part.asked).toEqual({ token: "c" });
  });

  test("is forgotten when the run begins again", () => {
    const part = replaced();
    part.begin(STORED);
    expect(part.replaceExpired(null, true)).toBe("again");
  });

  test("is asked for once more where that page is served at the second try", () => {
    const part = stored();
    part.replaceExpired(null, true);
    part.take({ kind: "go_on", next: { token: "c" } }, part.asked, 100);
    expect(part.replaceExpired(null, true)).toBe("again");
  });
});

test.each([
  [0, null, true],
  [0, { page: 7 }, true],
  [0, { offset: 300 }, false],
  [3, { page: 7 }, false],
])("after %i pages, at %j, there must be a page: %s", (pages, position, isFirstPage) => {
  expect(stored({ pages, position }).isFirstPage).toBe(isFirstPage);
});
