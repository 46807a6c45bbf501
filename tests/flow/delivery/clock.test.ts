import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { frameOf } from "../../support/client/frames.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { todos } from "../../support/client/tables.ts";
import { TestClient } from "../../support/client/test-client.ts";

const HOUR = 3_600_000;
/** The server's time, in the scripted gateway's welcome. */
const NOW = Date.parse("2026-11-28T12:00:00.123Z");

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterEach(() => void vi.useRealTimers());

test("lag is that of the server's clock, whatever the client's says, and when it is set", async () => {
  vi.setSystemTime(NOW - 7 * HOUR);
  await using gateway = await ScriptedGateway.start();
  await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "todos" }] });
  const { id } = (await gateway.hears("hello")).shapes[0]!;
  gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
  const began = performance.now();
  const tick = (head: string, now: number) =>
    gateway.say({ t: "tick", head, now: new Date(now).toISOString(), progress: null });
  tick("9", NOW);
  const load = { op: "load", table: todos.name, rows: "[]", where: null };
  const at = new Date(NOW - 3_000).toISOString();
  gateway.say(frameOf({ to: "1", blocks: ["0", "9"], at, ops: [load], live: [{ id, definition: "d" }] }));
  await one.until("the frame", ({ position }) => position === "1");
  const isRight = () => {
    const lag = one.client.status.lagMs!;
    return lag >= 3_000 && lag <= 3_000 + performance.now() - began;
  };

  expect(isRight()).toBe(true);
  vi.setSystemTime(NOW + 9 * HOUR);
  expect(isRight()).toBe(true);
  vi.setSystemTime(NOW - 30 * HOUR);
  expect(isRight()).toBe(true);

  // So long an apply is said before, or the gateway would take it for silence.
  const many = JSON.stringify(
    Array.from({ length: 5_000 }, (_, n) => ({ id: String(n), title: "t".repeat(900) })),
  );
  const upsert = { op: "upsert", table: todos.name, rows: many };
  await gateway.hears("ack");
  gateway.heard.length = 0;
  gateway.say(frameOf({ from: "1", to: "9", blocks: ["9", "9"], at, ops: [upsert] }));
  await one.until("the long frame", ({ position }) => position === "9");
  await gateway.hears("ack");
  expect(gateway.heard.map(({ t }) => t).filter((t) => t !== "report")).toEqual(["busy", "ack"]);
  expect(one.client.status.lagMs).toBe(0);
});
