import { describe, expect, test } from "vitest";

import { type Backoff, CONNECTING, OPERATING, retry } from "../../src/db/retry.ts";
import { createLog } from "../../src/log.ts";

const NEVER = new AbortController().signal;

function recorded() {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("info", (line) => lines.push(JSON.parse(line)));
  return { log, events: () => lines.map((line) => line["event"]), lines };
}

function busy(): Error {
  return Object.assign(new Error("could not serialize access"), { code: "40001" });
}

/** The same rules without the waiting. */
function quick(backoff: Backoff): Backoff {
  return { ...backoff, firstDelayMs: 0.01, longestDelayMs: 0.1 };
}

/** Work that fails so often, with the number of its tries. */
function failing(times: number, error: () => unknown = busy) {
  const work = {
    tries: 0,
    async run(): Promise<string> {
      work.tries++;
      if (work.tries <= times) throw error();
      return "done";
    },
  };
  return work;
}

test.each([
  ["connection", CONNECTING, 100, 30_000, 100],
  ["operation", OPERATING, 50, 5_000, 50],
])("a %s is tried with growing delays, and so often at most", (_, backoff, first, longest, tries) => {
  expect(backoff).toMatchObject({ firstDelayMs: first, longestDelayMs: longest, maxTries: tries });
});

test("retry_success_after_retries: what fails for a moment succeeds, and each try is logged", async () => {
  const work = failing(3);
  const { log, lines } = recorded();
  expect(await retry(work.run, OPERATING, { limitMs: 60_000 }, log, NEVER)).toBe("done");
  expect(work.tries).toBe(4);
  expect(lines).toHaveLength(3);
  for (const [index, line] of lines.entries()) {
    expect(line).toMatchObject({ event: "db_operation_retry", attempt: index + 1, code: "40001" });
    const delay = OPERATING.firstDelayMs * 2 ** index;
    expect(line["delay_ms"]).toBeGreaterThanOrEqual(Math.floor(delay * 0.8));
    expect(line["delay_ms"]).toBeLessThanOrEqual(Math.ceil(delay * 1.2));
  }
});

test("operation_circuit_breaker: an operation that goes on failing is given up when its time is over", async () => {
  const work = failing(Number.POSITIVE_INFINITY);
  const { log, events } = recorded();
  const began = performance.now();
  await expect(retry(work.run, OPERATING, { limitMs: 500 }, log, NEVER)).rejects.toThrow("serialize");
  const tookMs = performance.now() - began;
  expect(tookMs).toBeGreaterThanOrEqual(499); // Timers count whole milliseconds.
  expect(tookMs).toBeLessThan(5_000);
  expect(events().at(-1)).toBe("db_operation_circuit_breaker_triggered");
  expect(events().filter((event) => event === "db_operation_retry")).toHaveLength(work.tries - 1);
});

test.each([
  [CONNECTING, 100],
  [OPERATING, 50],
])("the time limit of a $name ends it after %i attempts, too", async (backoff, tries) => {
  const work = failing(Number.POSITIVE_INFINITY);
  const { log, events } = recorded();
  await expect(retry(work.run, quick(backoff), { limitMs: 600_000 }, log, NEVER)).rejects.toThrow(
    "serialize",
  );
  expect(work.tries).toBe(tries);
  expect(events().at(-1)).toBe(`${backoff.name}_circuit_breaker_triggered`);
});

test("without an end tries go on after the time limit, which is reported once", async () => {
  const work = failing(120);
  const { log, events } = recorded();
  const limits = { limitMs: 600_000, endless: true };
  expect(await retry(work.run, quick(CONNECTING), limits, log, NEVER)).toBe("done");
  expect(events().filter((event) => event === "db_connection_circuit_breaker_triggered")).toHaveLength(1);
});

test("an error that no retry can help is thrown at once", async () => {
  const refused = () => Object.assign(new Error("password authentication failed"), { code: "28P01" });
  const work = failing(1, refused);
  const { log, events } = recorded();
  await expect(retry(work.run, CONNECTING, { limitMs: 60_000 }, log, NEVER)).rejects.toThrow("password");
  expect(work.tries).toBe(1);
  expect(events()).toEqual([]);
});

describe("a signal", () => {
  test("ends the waiting between two tries with the error of the last one", async () => {
    const stop = new AbortController();
    const work = failing(Number.POSITIVE_INFINITY);
    const { log } = recorded();
    const slow = { ...OPERATING, firstDelayMs: 60_000, longestDelayMs: 60_000 };
    const result = retry(work.run, slow, { limitMs: 600_000 }, log, stop.signal);
    setImmediate(() => stop.abort());
    await expect(result).rejects.toThrow("serialize");
    expect(work.tries).toBe(1);
  });

  test("that came before lets the one try happen: a worker that stops still hands its lease back", async () => {
    const work = failing(0);
    const { log } = recorded();
    expect(await retry(work.run, OPERATING, { limitMs: 1000 }, log, AbortSignal.abort())).toBe("done");
    const broken = failing(1);
    await expect(retry(broken.run, OPERATING, { limitMs: 1000 }, log, AbortSignal.abort())).rejects.toThrow();
    expect(broken.tries).toBe(1);
  });
});
