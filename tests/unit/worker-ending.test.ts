import { EventEmitter } from "node:events";

import type { WorkerEvents } from "graphile-worker";
import { expect, test } from "vitest";

import { watchEnding } from "../../src/queue/ending.ts";

test.each([
  ["that ends by itself is to exit, and soon once its jobs have ended", [], ["failed: why", "rested"]],
  ["that is told to stop ends in its own time", ["gracefulShutdown"], []],
])("a worker %s", (_, told, wanted) => {
  const events = new EventEmitter();
  const called: string[] = [];
  watchEnding(
    events as WorkerEvents,
    (why) => called.push(`failed: ${why}`),
    () => called.push("rested"),
  );
  events.emit("pool:listen:connecting", {});
  for (const event of told) events.emit(event, {});
  events.emit("pool:gracefulShutdown", { message: "why" });
  events.emit("pool:gracefulShutdown:complete", {});

  expect(called).toEqual(wanted);
});
