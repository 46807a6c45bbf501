import { describe, expect, test } from "vitest";

import { Liveness } from "../../src/stream/liveness.ts";

/**
 * A chain that grows by a block every `blockMs`, a stream that commits each `commitMs` what was there `delayMs`
 * before, and a server that is asked every 10 s, as HeadWatch does. Tells since when the stream is live.
 */
function follow(
  { blockMs, delayMs, commitMs = 50 }: { blockMs: number; delayMs: number; commitMs?: number },
  untilMs = 60_000,
) {
  const height = (at: number) => BigInt(Math.floor(at / blockMs)) + 1_000n;
  const liveness = new Liveness(0n, false, 0);
  let changes = 0;
  let liveSince: number | null = null;
  for (let at = 0; at <= untilMs; at += 10) {
    const before = liveness.isLive;
    if (at % 10_000 === 0) liveness.answered(height(at), at);
    liveness.received(height(at), at);
    if (at % commitMs === 0 && at >= delayMs) liveness.committed(height(at - delayMs), at);
    if (at % 1_000 === 0) liveness.look(at);
    if (liveness.isLive !== before) {
      changes++;
      liveSince = liveness.isLive ? at : null;
    }
  }
  return { isLive: liveness.isLive, changes, liveSince };
}

describe("a stream that keeps up is live within seconds, and stays so", () => {
  test.each([
    ["20 ms", 20, 100],
    ["20 ms, a second late", 20, 1_000],
    ["100 ms", 100, 300],
    ["250 ms", 250, 300],
    ["12 s", 12_000, 500],
  ])("with a block every %s", (_, blockMs, delayMs) => {
    const { isLive, changes, liveSince } = follow({ blockMs, delayMs });
    expect(isLive).toBe(true);
    expect(changes).toBe(1);
    expect(liveSince).toBeLessThanOrEqual(2_000);
  });
});

test.each([
  ["20 ms", 20, 4_000],
  ["100 ms", 100, 5_000],
])(
  "a stream that is more than 2 s and 10 blocks late is not live, with a block every %s",
  (_, blockMs, delayMs) => {
    expect(follow({ blockMs, delayMs }).isLive).toBe(false);
  },
);

test("a live stream that falls behind is live for 10 s more, and not longer", () => {
  const liveness = new Liveness(100n, false, 0);
  liveness.answered(100n, 0);
  expect(liveness.isLive).toBe(true);
  liveness.received(111n, 1_000);
  liveness.look(9_900);
  expect(liveness.isLive).toBe(true);
  liveness.look(10_000);
  expect(liveness.isLive).toBe(false);
});

test("ten blocks behind are close enough, eleven are not", () => {
  const ten = new Liveness(90n, false, 0);
  ten.answered(100n, 0);
  expect(ten.isLive).toBe(true);
  const eleven = new Liveness(89n, false, 0);
  eleven.answered(100n, 0);
  expect(eleven.isLive).toBe(false);
});

test("a backfill that passes the last known head is not live because of that: the server has to say so", () => {
  const liveness = new Liveness(0n, false, 0);
  liveness.answered(100_000n, 0);
  liveness.received(100_050n, 5_000);
  liveness.committed(100_050n, 5_000);
  expect(liveness.isLive).toBe(false);
  expect(liveness.hasArrived).toBe(true);
  liveness.answered(200_000n, 5_100);
  expect(liveness.isLive).toBe(false);
});

test("a stream whose head nobody knows any more is not live after 10 s", () => {
  const liveness = new Liveness(100n, true, 0);
  liveness.answered(100n, 0);
  liveness.forget();
  liveness.look(10_000);
  expect(liveness.isLive).toBe(false);
});

test("an older target that was missed does not keep a stream from meeting the next one", () => {
  const liveness = new Liveness(0n, false, 0);
  liveness.answered(1_000n, 0);
  liveness.committed(1_000n, 5_000);
  expect(liveness.isLive).toBe(false);
  liveness.answered(2_000n, 10_000);
  liveness.committed(2_000n, 11_900);
  expect(liveness.isLive).toBe(true);
});
