import { expect, test } from "vitest";

import type { ClientStatus } from "../../../src/client/status.ts";
import { Watchers } from "../../../src/client/watchers.ts";

const failure = { code: "SY405", message: "capture does not run", hint: null };
const shapes = [
  { id: "s1", shape: "todos", params: {}, table: "public.todos", phase: "failed" as const, error: failure },
];
const failed = { connected: false, phase: "loading", shapes } as unknown as ClientStatus;

test.each([
  ["everything", (watchers: Watchers) => watchers.ready()],
  ["a subscription", (watchers: Watchers) => watchers.settled("s1")],
])(
  "who waits for %s hears of a failure by the present connection, and not of what an earlier one was told",
  async (_, wait) => {
    let status = failed;
    const watchers = new Watchers(() => status);
    const kept = wait(watchers);
    status = {
      ...failed,
      connected: true,
      phase: "live",
      shapes: [{ ...shapes[0]!, phase: "live", error: null, reason: null, progress: null }],
    };
    watchers.tell(() => {});
    await kept;

    status = { ...failed, connected: true };
    await expect(wait(watchers)).rejects.toMatchObject({ code: "SY405" });
  },
);
