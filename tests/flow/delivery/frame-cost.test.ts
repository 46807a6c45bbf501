import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

import type { Frame } from "../../../src/wire/from-gateway.ts";
import { frameOf } from "../../support/client/frames.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { todos } from "../../support/client/tables.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { waitFor } from "../../support/wait-for.ts";

let gateway: ScriptedGateway;
let one: TestClient;
let heard = 0;
const seen: unknown[] = [];

class Counting extends WebSocket {
  constructor(...given: ConstructorParameters<typeof WebSocket>) {
    super(...given);
    this.addEventListener("message", () => void heard++);
  }
}

const messages = vi.spyOn(PGlite.prototype, "execProtocolRaw");

beforeAll(async () => {
  gateway = await ScriptedGateway.start();
  one = await TestClient.start(gateway.url, { WebSocket: Counting });
  await one.client.subscribe({ shape: "todos" });
  const { shapes } = await gateway.hears("hello");
  const { id } = shapes[0]!;
  gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
  gateway.say(frameOf({ live: [{ id, definition: "d" }] }));
  await one.client.ready();
  await one.client.live("select max(id) as id from todos", [], ([row]) => seen.push(row?.["id"]));
});

afterAll(async () => {
  vi.restoreAllMocks();
  await one[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const frame = (at: number): Frame =>
  frameOf({
    ...{ from: String(at - 1), to: String(at) },
    ops: [{ op: "upsert", table: todos.name, rows: `[{"id":"${at}","title":"a"}]` }],
  });
const acknowledged = (at: number) =>
  waitFor("the frame to be acknowledged", () =>
    gateway.heard.some((message) => message.t === "ack" && message.position === String(at)),
  );

/** What the database was told meanwhile. */
async function told(step: () => Promise<void>): Promise<number> {
  await one.client.query("select 1");
  messages.mockClear();
  await step();
  return messages.mock.calls.length;
}

test("a frame of one row is few messages to the database, and what the client says of itself is none", async () => {
  const cost = await told(async () => {
    gateway.say(frame(1));
    await acknowledged(1);
    await waitFor("its status", () => one.client.status.position === "1");
  });

  // Two for each statement: those of two transactions, the place, the rows and the live query. Ten more where half a minute
  // has gone by, and the size of the store is asked for.
  expect(cost).toBeLessThanOrEqual(24);
  expect(seen.at(-1)).toBe(1);
  expect(one.client.status).toMatchObject({ phase: "live", position: "1" });
});

test("frames that come together are shown once, and acknowledged once", async () => {
  seen.length = 0;
  gateway.heard.length = 0;
  const begun = heard;
  const held = Promise.withResolvers<void>();
  const cost = await told(async () => {
    const holding = one.client.pg.runExclusive(() => held.promise);
    for (let at = 2; at <= 21; at++) gateway.say(frame(at));
    await waitFor("all frames to be here", () => heard === begun + 20);
    held.resolve();
    await holding;
    await acknowledged(21);
  });

  // What was there when the first of them was begun with, and the others.
  expect(seen.at(-1)).toBe(21);
  expect(seen.length).toBeLessThanOrEqual(2);
  expect(gateway.heard.filter(({ t }) => t === "ack").length).toBeLessThanOrEqual(2);
  expect(cost).toBeLessThanOrEqual(20 * 8 + 2 * 6 + 2 * 10);
});
