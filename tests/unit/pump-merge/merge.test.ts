import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { fold } from "../../../src/gateway/fold.ts";
import { type Change, ChangesByInstance, eventsOf, inOrder } from "../../../src/gateway/merge.ts";

/** A row of the server's table: which instance it lies in (null: the filter is false), and a value. */
interface Row {
  readonly instance: string | null;
  readonly value: string;
}
type Server = Map<string, Row>;
type Step = { readonly key: string; readonly row: Row | null } | "truncate";

const INSTANCES = ['["a"]', '["b"]', '["c"]'];
const row = fc.record({
  instance: fc.option(fc.constantFrom(...INSTANCES), { nil: null }),
  value: fc.constantFrom("x", "y", "z"),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 15,
    arbitrary: fc.record({
      key: fc.constantFrom('["1"]', '["2"]', '["3"]'),
      row: fc.option(row, { nil: null }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>("truncate") },
);

/** What the log says of a step; nothing where neither side of it lies in an instance. */
function changeOf(server: Server, at: Step, position: bigint): Change | null {
  if (at === "truncate") {
    server.clear();
    return {
      position,
      seq: 0,
      operation: "truncate",
      was: null,
      is: null,
      key: null,
      data: null,
      unchanged: null,
    };
  }
  const old = server.get(at.key) ?? null;
  if (at.row === null) server.delete(at.key);
  else server.set(at.key, at.row);
  const was = old?.instance ?? null;
  const is = at.row?.instance ?? null;
  const operation = at.row === null ? "delete" : old === null ? "insert" : "update";
  const data = at.row === null ? null : JSON.stringify({ id: JSON.parse(at.key)[0], value: at.row.value });
  const change = { position, seq: 0, operation, was, is, key: at.key, data, unchanged: null };
  return was === null && is === null ? null : change;
}

/** The brute-force oracle: whatever the server holds in these instances. */
function held(server: Server, instances: ReadonlySet<string>): Record<string, string> {
  const rows = [...server].filter(([, { instance }]) => instance !== null && instances.has(instance));
  return Object.fromEntries(rows.map(([key, { value }]) => [key, value]));
}

function apply(client: Record<string, string>, changes: readonly Change[], instances: ReadonlySet<string>) {
  const table = { ...client };
  for (const op of fold("public.t", eventsOf(changes, instances, ["id", "value"]))) {
    if (op.op === "truncate") for (const key of Object.keys(table)) delete table[key];
    if (op.op === "delete") for (const key of JSON.parse(op.keys)) delete table[JSON.stringify(key)];
    if (op.op === "upsert")
      for (const { id, value } of JSON.parse(op.rows)) table[JSON.stringify([id])] = value;
  }
  return table;
}

describe("what a session is sent", () => {
  test("leaves it with what the server holds in its instances, wherever frames are cut", () => {
    fc.assert(
      fc.property(
        fc.subarray(INSTANCES),
        fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 8 }),
        (keys, frames) => {
          const instances = new Set(keys);
          const server: Server = new Map();
          let client: Record<string, string> = {};
          let position = 0n;
          for (const steps of frames) {
            const changes = steps
              .map((each) => changeOf(server, each, ++position))
              .filter((each) => each !== null);
            client = apply(client, changes, instances);
            expect(client).toEqual(held(server, instances));
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("is the same whether all changes are gone through or those of its instances", () => {
    const many = Array.from({ length: 12 }, (_, n) => `["other ${n}"]`);
    fc.assert(
      fc.property(
        fc.subarray(INSTANCES),
        fc.boolean(),
        fc.array(step, { maxLength: 40 }),
        (keys, hasMany, steps) => {
          const server: Server = new Map();
          const changes = steps
            .map((each, n) => changeOf(server, each, BigInt(n + 1)))
            .filter((each) => each !== null);
          const instances = new Set(hasMany ? [...keys, ...many] : keys);
          const some = new ChangesByInstance(changes).of(instances);
          const columns = ["id", "value"];
          expect(eventsOf(some, instances, columns)).toEqual(eventsOf(changes, instances, columns));
        },
      ),
    );
  });

  test("never names a row that neither was nor is in its instances", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const server: Server = new Map();
        const instances = new Set(['["a"]']);
        const seen = new Set<string>();
        for (const [n, each] of steps.entries()) {
          if (each !== "truncate" && server.get(each.key)?.instance === '["a"]') seen.add(each.key);
          const change = changeOf(server, each, BigInt(n + 1));
          if (each !== "truncate" && server.get(each.key)?.instance === '["a"]') seen.add(each.key);
          for (const event of change === null ? [] : eventsOf([change], instances, ["id", "value"])) {
            if (event.kind !== "truncate") expect(seen).toContain(event.key);
          }
        }
      }),
    );
  });

  test("is an update where the log lacks columns, with the columns that are there", () => {
    const change: Change = {
      position: 1n,
      seq: 1,
      operation: "update",
      was: "[]",
      is: "[]",
      key: '["1"]',
      data: '{"id":"1","a":null}',
      unchanged: ["b"],
    };
    expect(eventsOf([change], new Set(["[]"]), ["id", "a", "b"])).toEqual([
      { kind: "update", key: '["1"]', row: '{"id":"1","a":null}', columns: ["id", "a"] },
    ]);
  });
});

test("changes of several readings stand once each, in the order of the log", () => {
  const at = (position: bigint, seq: number) => ({ position, seq }) as Change;
  const merged = inOrder([
    [at(9n, 2), at(10n, 1)],
    [at(9n, 1), at(9n, 2), at(100n, 1)],
  ]);
  expect(merged.map(({ position, seq }) => `${position}.${seq}`)).toEqual(["9.1", "9.2", "10.1", "100.1"]);
});
