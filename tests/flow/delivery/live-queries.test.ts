import { afterAll, beforeAll, expect, test } from "vitest";

import type { Rows } from "../../../src/client/live.ts";
import { frameOf } from "../../support/client/frames.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { todos } from "../../support/client/tables.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { waitFor } from "../../support/wait-for.ts";

// Live queries that are made while frames come, one after the other.

const FRAMES = 80;
const EACH = 5;

let gateway: ScriptedGateway;
let one: TestClient;

beforeAll(async () => {
  gateway = await ScriptedGateway.start();
  one = await TestClient.start(gateway.url);
  await one.client.subscribe({ shape: "todos" });
  const { shapes } = await gateway.hears("hello");
  const { id } = shapes[0]!;
  gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
  gateway.say(frameOf({ live: [{ id, definition: "d" }] }));
  await one.client.ready();
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await gateway[Symbol.asyncDispose]();
});

const QUERIES: readonly { readonly sql: string; readonly params: readonly unknown[] }[] = [
  { sql: "select id from todos order by id", params: [] },
  { sql: "select t.id from todos t where t.done is distinct from $1 order by t.id", params: [true] },
  { sql: "with all_of as (select * from public.todos) select id from all_of order by id", params: [] },
];

test("a query that is made amid frames shows each of them, however it is made, and none twice or out of order", async () => {
  const seen: number[][][] = [];
  const making: Promise<unknown>[] = [];
  for (let at = 1; at <= FRAMES; at++) {
    gateway.say(
      frameOf({
        ...{ from: String(at - 1), to: String(at) },
        ops: [{ op: "upsert", table: todos.name, rows: `[{"id":"${at}","title":"a"}]` }],
      }),
    );
    if (at % EACH !== 0) continue;
    const shown: number[][] = [];
    seen.push(shown);
    const { sql, params } = QUERIES[(at / EACH) % QUERIES.length]!;
    const onRows = (rows: Rows) => void shown.push(rows.map(({ id }) => Number(id)));
    making.push(one.client.live(sql, params, onRows));
    // Some beside each other, and some when the one before is there.
    if (at % (3 * EACH) === 0) await making.at(-1);
  }
  await Promise.all(making);
  await waitFor("all frames to be applied", () => one.client.status.position === String(FRAMES));
  await one.client.query("select 1"); // What is shown of the last one is behind it.

  const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);
  for (const shown of seen) {
    expect(shown.at(-1)).toEqual(upTo(FRAMES));
    const counts = shown.map(({ length }) => length);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(shown).toEqual(counts.map(upTo));
  }
});
