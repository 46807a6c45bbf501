import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { bundleSize } from "../../support/browser/bundle-size.ts";

const PAGE = readFileSync(new URL("../../../docs/client.md", import.meta.url), "utf8");

test("the browser build needs nothing of Node, and is no larger than its page says", async () => {
  const { page, all } = await bundleSize();
  const [, saidAll, saidPage] = /(\d+) kB gzipped.*?,\s(\d+) kB of it/.exec(PAGE) ?? [];
  // Not so much smaller either that the page is wrong.
  for (const [bytes, said] of [
    [all, saidAll],
    [page, saidPage],
  ] as const) {
    expect(bytes).toBeLessThanOrEqual(Number(said) * 1000);
    expect(bytes).toBeGreaterThan((Number(said) - 5) * 1000);
  }
});
