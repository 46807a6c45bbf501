import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { PassControl } from "../../src/lease/pass-control.ts";
import { COMMIT_LIMITS, PASS_MS, SHUTDOWN_MS } from "../../src/model/limits.ts";

const { minPassMs } = COMMIT_LIMITS;

/** Whether what the pass is at may be left. */
let canEndNow: boolean;
let shutdown: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  canEndNow = true;
  shutdown = new AbortController();
});
afterEach(() => {
  vi.useRealTimers();
});

function begin(shutdownMs = 0): PassControl {
  return new PassControl(shutdown.signal, { minPassMs, shutdownMs }, () => canEndNow);
}

/** What the pass sees of it. */
function seen({ signal, abandoned, mustYield, failure }: PassControl) {
  const code = failure === null ? null : Reflect.get(failure, "code");
  return { isOver: signal.aborted, isAbandoned: abandoned.aborted, mustYield, code };
}

const GOES_ON = { isOver: false, isAbandoned: false, mustYield: false, code: null };

describe("a slot that others wait for", () => {
  test("is kept for a while", () => {
    using control = begin();
    vi.advanceTimersByTime(minPassMs - 1);
    control.heed("yield");
    expect(seen(control)).toEqual(GOES_ON);
    vi.advanceTimersByTime(1);
    control.heed("yield");
    expect(seen(control)).toEqual({ ...GOES_ON, isOver: true, mustYield: true });
  });

  test("is given away once what was begun is finished, not before", () => {
    using control = begin();
    canEndNow = false;
    vi.advanceTimersByTime(minPassMs);
    control.heed("yield");
    expect(seen(control)).toEqual({ ...GOES_ON, mustYield: true });
    canEndNow = true;
    control.heed("yield");
    expect(seen(control)).toEqual({ ...GOES_ON, isOver: true, mustYield: true });
  });
});

test("a pass that the heartbeat ends is over at once, without a failure; its commit under way goes on", () => {
  using control = begin();
  canEndNow = false;
  control.heed("end");
  expect(seen(control)).toEqual({ ...GOES_ON, isOver: true });
});

test.each([
  ["at the end of its time", 0, PASS_MS],
  ["up to a third earlier, so that passes which began together end apart", 0.5, (PASS_MS * 5) / 6],
])("a pass ends even if nobody waits, %s", (_, random, afterMs) => {
  vi.spyOn(Math, "random").mockReturnValueOnce(random);
  using control = begin();
  vi.advanceTimersByTime(afterMs - 1);
  expect(seen(control)).toEqual(GOES_ON);
  vi.advanceTimersByTime(1);
  expect(seen(control)).toEqual({ ...GOES_ON, isOver: true, mustYield: true });
});

test.each([
  ["lost", "SY001"],
  ["severed", "SY104"],
] as const)("a lease that is %s ends the pass at once, with the commit under way", (verdict, code) => {
  using control = begin();
  canEndNow = false;
  control.heed(verdict);
  expect(seen(control)).toEqual({ isOver: true, isAbandoned: true, mustYield: false, code });
});

describe("a worker that stops", () => {
  test("ends its passes at once, and the commit under way when its time is over", () => {
    using control = begin();
    canEndNow = false;
    shutdown.abort();
    expect(seen(control)).toEqual({ ...GOES_ON, isOver: true });
    vi.advanceTimersByTime(SHUTDOWN_MS - 1);
    expect(seen(control).isAbandoned).toBe(false);
    vi.advanceTimersByTime(1);
    expect(seen(control)).toEqual({ ...GOES_ON, isOver: true, isAbandoned: true });
  });

  test("lets what is under way end by itself, where it is given a while", () => {
    using control = begin(5_000);
    canEndNow = false;
    shutdown.abort();
    expect(seen(control)).toEqual({ ...GOES_ON, mustYield: true });
    expect(control.yielding.aborted).toBe(true);
    vi.advanceTimersByTime(5_000);
    expect(seen(control)).toEqual({ ...GOES_ON, mustYield: true, isOver: true });
    vi.advanceTimersByTime(SHUTDOWN_MS);
    expect(seen(control)).toEqual({ ...GOES_ON, mustYield: true, isOver: true, isAbandoned: true });
  });

  test("begins no pass any more", () => {
    shutdown.abort();
    using control = begin();
    expect(seen(control)).toEqual({ ...GOES_ON, isOver: true });
  });

  test("does not take the end for a failure", () => {
    using control = begin();
    shutdown.abort();
    control.fail(new Error("the stream was cancelled"));
    expect(control.failure).toBeNull();
  });
});

test("the first failure is the one that is reported", () => {
  using control = begin();
  control.fail("disk full");
  control.fail(new Error("connection lost"));
  expect(control.failure).toEqual(new Error("disk full"));
});

test("nothing of a pass that is over runs on", () => {
  const control = begin();
  control[Symbol.dispose]();
  expect(control.signal.aborted).toBe(true);
  shutdown.abort();
  expect(vi.getTimerCount()).toBe(0);
  expect(control.abandoned.aborted).toBe(false);
});
