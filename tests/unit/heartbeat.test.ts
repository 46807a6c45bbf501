import type pg from "pg";
import { afterEach, expect, test, vi } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { LeaseCalls } from "../../src/db/lease-calls.ts";
import { Heartbeat, type LeaseHolder } from "../../src/lease/heartbeat.ts";
import { createLog } from "../../src/log.ts";
import { LEASE_MS } from "../../src/model/limits.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** What a look for dead workers answers when all are alive. */
const ALL_ALIVE = { rows: [{ suspects: [] }] } as unknown as pg.QueryResult;

function isLook({ text }: pg.QueryConfig): boolean {
  return text.includes("find_dead_workers");
}

/** Beats that the test answers, or not. */
function unanswered() {
  const answers: PromiseWithResolvers<pg.QueryResult>[] = [];
  const caller = new Caller(async (statement) => {
    if (isLook(statement)) return ALL_ALIVE;
    const answer = Promise.withResolvers<pg.QueryResult>();
    answers.push(answer);
    return answer.promise;
  });
  const heartbeat = new Heartbeat(
    new LeaseCalls(caller),
    createLog("error", () => {}),
  );
  const reply = (rows: object[]) => answers.at(-1)!.resolve({ rows } as pg.QueryResult);
  return { heartbeat, answers, reply };
}

test("beats do not pile up behind one that gets no answer: it stops when that one ends", async () => {
  vi.useFakeTimers();
  const { heartbeat, answers } = unanswered();
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(600_000);
  const stopped = heartbeat.stop();
  answers[0]!.reject(new Error("no answer"));
  await stopped;
  expect(answers).toHaveLength(1);
});

test("its silence is counted from the last answer, or from its start, not from what was sent", async () => {
  vi.useFakeTimers();
  const { heartbeat, answers, reply } = unanswered();
  await vi.advanceTimersByTimeAsync(100_000);
  heartbeat.start("worker-1");
  expect(heartbeat.silentMs).toBe(0);
  await vi.advanceTimersByTimeAsync(7_000);
  expect(heartbeat.silentMs).toBe(7_000);
  reply([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(heartbeat.silentMs).toBe(0);
  await vi.advanceTimersByTimeAsync(10_000);
  answers.at(-1)!.reject(new Error("no answer"));
  await vi.advanceTimersByTimeAsync(51_000);
  expect(heartbeat.silentMs).toBe(61_000);
  answers.at(-1)!.reject(new Error("no answer"));
  await heartbeat.stop();
});

test("a verdict goes to the pass that it was asked for, and a lease that the answer does not name is lost", async () => {
  vi.useFakeTimers();
  const { heartbeat, reply } = unanswered();
  const said: string[] = [];
  const older = heartbeat.keep(lease(7n, 1n, said));
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(5_000);
  older[Symbol.dispose]();
  using _newer = heartbeat.keep(lease(7n, 2n, said));
  reply([{ stream_id: 7n, verdict: "lost", state: "live" }]);
  await vi.advanceTimersByTimeAsync(0);
  expect(said).toEqual([]);

  reply([]);
  await vi.advanceTimersByTimeAsync(0);
  expect(said).toEqual(["lost"]);
  await heartbeat.stop();
});

test("a pass is severed once its lease has run out since the last answered beat was sent", async () => {
  vi.useFakeTimers();
  const { heartbeat, answers, reply } = unanswered();
  const said: string[] = [];
  using _kept = heartbeat.keep(lease(7n, 1n, said));
  await vi.advanceTimersByTimeAsync(20_000);
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(9_000);
  reply([{ stream_id: 7n, verdict: "keep", state: "live" }]);
  await vi.advanceTimersByTimeAsync(LEASE_MS - 10_000);
  answers.at(-1)!.reject(new Error("no answer"));
  await vi.advanceTimersByTimeAsync(0);
  expect(said).toEqual(["live"]);

  await vi.advanceTimersByTimeAsync(1_000);
  answers.at(-1)!.reject(new Error("no answer"));
  await vi.advanceTimersByTimeAsync(0);
  expect(said).toEqual(["live", "severed"]);
  void heartbeat.stop();
});

/** Answers each beat as the test says, by stream; tells what was asked. */
function beating(verdict: (streamId: string) => string, state = "live") {
  const asked: { stream_id: string; epoch: string; waits: string | null; writer_waits_s: number | null }[][] =
    [];
  const caller = new Caller(async (statement) => {
    if (isLook(statement)) return ALL_ALIVE;
    const leases = JSON.parse(String(statement.values?.[1]));
    asked.push(leases);
    const rows = leases.map(({ stream_id }: { stream_id: string }) => ({
      stream_id: BigInt(stream_id),
      verdict: verdict(stream_id),
      state,
    }));
    return { rows } as pg.QueryResult;
  });
  const heartbeat = new Heartbeat(
    new LeaseCalls(caller),
    createLog("error", () => {}),
  );
  return { heartbeat, asked };
}

function lease(streamId: bigint, epoch: bigint, said: string[] = []): LeaseHolder {
  return {
    streamId,
    epoch,
    head: null,
    holds: false,
    waits: { for: "server", since: performance.now() },
    writerWait: { since: null },
    onVerdict: (verdict) => void said.push(verdict),
    onState: (state) => void said.push(state),
  };
}

test("an older pass hears of the newer one of the same stream, and takes nothing from it when it ends", async () => {
  vi.useFakeTimers();
  const { heartbeat, asked } = beating(() => "keep");
  const said: string[] = [];
  const older = heartbeat.keep(lease(7n, 1n, said));
  using _newer = heartbeat.keep(lease(7n, 2n));
  expect(said).toEqual(["lost"]);
  older[Symbol.dispose]();
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.at(-1)).toMatchObject([{ stream_id: "7", epoch: "2" }]);
  await heartbeat.stop();
});

test("each beat reports for how long a pass has waited, and its answer brings the verdict and the stored state", async () => {
  vi.useFakeTimers();
  const said: string[] = [];
  const { heartbeat, asked } = beating(() => "yield", "retrying");
  using _kept = heartbeat.keep(lease(7n, 1n, said));
  await vi.advanceTimersByTimeAsync(31_000);
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.at(-1)).toMatchObject([{ waits: "server", waits_s: 31, writer_waits_s: null }]);
  expect(said).toEqual(["yield", "retrying"]);
  await heartbeat.stop();
});

test("a writer is severed when two beats in a row find no backend at work for the same wait", async () => {
  vi.useFakeTimers();
  const said: string[] = [];
  const { heartbeat } = beating(() => "severed");
  const writerWait = { since: 1 };
  using _kept = heartbeat.keep({ ...lease(7n, 1n, said), writerWait });
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(0);
  writerWait.since = 2; // The server answered after the beat; the next statement waits.
  await vi.advanceTimersByTimeAsync(5_000);
  expect(said).toEqual(["live", "live"]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(said).toEqual(["live", "live", "severed", "live"]);
  await heartbeat.stop();
});

/** A heartbeat whose calls fail while `isDown`; tells which were made, and when, and whom each look suspected. */
function recorded() {
  const calls: { readonly call: "beat" | "look"; readonly at: number; readonly suspects?: unknown }[] = [];
  const state = { isDown: false, free: [] as string[] };
  const caller = new Caller(async (statement) => {
    const at = performance.now();
    if (isLook(statement)) {
      calls.push({ call: "look", at, suspects: statement.values?.[1] });
    } else {
      calls.push({ call: "beat", at });
    }
    if (state.isDown) throw new Error("terminating connection");
    return { rows: isLook(statement) ? [{ suspects: state.free }] : [] } as unknown as pg.QueryResult;
  });
  const heartbeat = new Heartbeat(
    new LeaseCalls(caller),
    createLog("error", () => {}),
  );
  return { heartbeat, state, calls, times: (call: string) => calls.filter((made) => made.call === call) };
}

test("looks come with the first beat and every 500 ms after it, each told what the last one found", async () => {
  vi.useFakeTimers();
  const { heartbeat, state, times } = recorded();
  state.free = ["worker-2"];
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(1_600);
  expect(times("look").map(({ suspects }) => suspects)).toEqual([
    [],
    ["worker-2"],
    ["worker-2"],
    ["worker-2"],
  ]);
  expect(times("beat")).toHaveLength(1);
  await heartbeat.stop();
});

test("a worker that loses its session beats at once, and does not look for 5 s: others may have lost theirs", async () => {
  vi.useFakeTimers();
  const { heartbeat, state, times } = recorded();
  state.free = ["worker-2"];
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(1_600);
  heartbeat.sessionLost();
  await vi.advanceTimersByTimeAsync(0);
  expect(times("beat")).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(4_800);
  expect(times("look")).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(600);
  expect(times("look").at(-1)).toMatchObject({ suspects: [] }); // What was suspected before says nothing now.
  await heartbeat.stop();
});

test("a beat or a look that fails is followed by a beat after 100 ms, then after twice as long each time", async () => {
  vi.useFakeTimers();
  const { heartbeat, state, times } = recorded();
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(400);
  state.isDown = true;
  const lookedAt = performance.now() + 100;
  await vi.advanceTimersByTimeAsync(1_650);
  const pauses = times("beat")
    .slice(1)
    .map(({ at }) => Math.round(at - lookedAt));
  expect(pauses).toEqual([100, 300, 700, 1500]);
  state.isDown = false;
  await vi.advanceTimersByTimeAsync(1_600);
  const beats = times("beat").length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(times("beat")).toHaveLength(beats); // All is well: the next one is due after 5 s.
  await heartbeat.stop();
});

test("in a long outage it comes every second: it must be back before the others look for it", async () => {
  vi.useFakeTimers();
  const { heartbeat, state, times } = recorded();
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(400);
  state.isDown = true;
  await vi.advanceTimersByTimeAsync(60_000);
  const before = times("beat").length;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(times("beat").length - before).toBeGreaterThanOrEqual(9);
  await heartbeat.stop();
});

test("no job runs before the first beat was answered: the worker would be given no lease", async () => {
  vi.useFakeTimers();
  const { heartbeat, answers } = unanswered();
  let hasBegun = false;
  heartbeat.start("worker-1");
  const begun = heartbeat.begun().then(() => {
    hasBegun = true;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(hasBegun).toBe(false);
  answers[0]!.resolve({ rows: [] as object[] } as pg.QueryResult);
  await begun;
  await heartbeat.stop();
});

test("nor does a worker that stops wait for that beat", async () => {
  const { heartbeat } = unanswered();
  const stop = new AbortController();
  const begun = heartbeat.begun(stop.signal);
  stop.abort();
  await begun;
  await heartbeat.begun(stop.signal);
});
