import type pg from "pg";
import { afterEach, expect, test, vi } from "vitest";

import { Calls } from "../../src/db/calls.ts";
import { Heartbeat } from "../../src/heartbeat.ts";
import { createLog } from "../../src/log.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("beats do not pile up behind one that gets no answer: it stops when that one ends", async () => {
  vi.useFakeTimers();
  const answers: PromiseWithResolvers<pg.QueryResult>[] = [];
  const calls = new Calls(() => {
    const answer = Promise.withResolvers<pg.QueryResult>();
    answers.push(answer);
    return answer.promise;
  });
  const heartbeat = new Heartbeat(
    calls,
    createLog("error", () => {}),
  );
  heartbeat.start("worker-1");
  await vi.advanceTimersByTimeAsync(600_000);
  const stopped = heartbeat.stop();
  answers[0]!.reject(new Error("no answer"));
  await stopped;
  expect(answers).toHaveLength(1);
}, 5_000);
