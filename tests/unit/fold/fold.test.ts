import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { fold, foldOwn, type RowEvent } from "../../../src/gateway/fold.ts";
import type { Op } from "../../../src/wire/ops.ts";

type Row = Readonly<Record<string, string | null>>;
type Table = Map<string, Row>;

const COLUMNS = ["id", "a", "b", "c"];
const keyOf = (row: Row) => JSON.stringify([row["id"]]);

function applyEvent(table: Table, event: RowEvent): void {
  if (event.kind === "truncate") table.clear();
  else if (event.kind === "delete") table.delete(event.key);
  else if (event.kind === "upsert") table.set(event.key, JSON.parse(event.row));
  else if (table.has(event.key)) table.set(event.key, { ...table.get(event.key), ...JSON.parse(event.row) });
}

/** As a client does: each operation is one statement, which a key may enter only once. */
function applyOp(table: Table, op: Op): void {
  if (op.op === "truncate") table.clear();
  else if (op.op === "delete") for (const key of JSON.parse(op.keys)) table.delete(JSON.stringify(key));
  else if (op.op === "upsert" || op.op === "update") {
    const rows: Row[] = JSON.parse(op.rows);
    expect(new Set(rows.map(keyOf)).size, "each key once").toBe(rows.length);
    for (const row of rows) {
      if (op.op === "upsert") {
        expect(Object.keys(row).sort()).toEqual(COLUMNS.toSorted());
        table.set(keyOf(row), row);
      } else {
        expect(Object.keys(row).sort()).toEqual(op.columns.toSorted());
        const before = table.get(keyOf(row));
        if (before !== undefined) table.set(keyOf(row), { ...before, ...row });
      }
    }
  } else throw new Error(op.op);
}

const id = fc.constantFrom("1", "2", "3", "18446744073709551616");
const value = fc.option(fc.constantFrom("x", "y\n", "9007199254740993", '"', "\\"), { nil: null });
const whole = fc.record({ id, a: value, b: value, c: value });
const partial = fc
  .tuple(whole, fc.subarray(["a", "b", "c"]))
  .map(
    ([row, columns]): Row => Object.fromEntries(["id", ...columns].map((name) => [name, row[name as "a"]])),
  );

const anyEvent: fc.Arbitrary<RowEvent> = fc.oneof(
  {
    weight: 6,
    arbitrary: whole.map((row): RowEvent => ({ kind: "upsert", key: keyOf(row), row: JSON.stringify(row) })),
  },
  {
    weight: 6,
    arbitrary: partial.map(
      (row): RowEvent => ({
        kind: "update",
        key: keyOf(row),
        row: JSON.stringify(row),
        columns: Object.keys(row),
      }),
    ),
  },
  { weight: 3, arbitrary: id.map((key): RowEvent => ({ kind: "delete", key: JSON.stringify([key]) })) },
  { weight: 1, arbitrary: fc.constant<RowEvent>({ kind: "truncate" }) },
);

/** A log never updates a row that is not there. */
function withoutUpdatesOfNothing(before: Table, events: readonly RowEvent[]): RowEvent[] {
  const table = new Map(before);
  return events.filter((event) => {
    const isPossible = event.kind !== "update" || table.has(event.key);
    if (isPossible) applyEvent(table, event);
    return isPossible;
  });
}

describe("a folded frame", () => {
  test("does what its events do one by one", () => {
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 3 }), fc.array(anyEvent, { maxLength: 30 }), (rows, all) => {
        const start: Table = new Map(rows.map((row) => [keyOf(row), row]));
        const events = withoutUpdatesOfNothing(start, all);
        const oneByOne = new Map(start);
        for (const event of events) applyEvent(oneByOne, event);
        const folded = new Map(start);
        for (const op of fold("public.t", events)) applyOp(folded, op);
        expect(Object.fromEntries(folded)).toEqual(Object.fromEntries(oneByOne));
      }),
      { numRuns: 1000 },
    );
  });

  test("has each kind of operation once, updates once for each set of columns, in the order that never collides", () => {
    const row = (columns: Row) => JSON.stringify(columns);
    const ops = fold("public.t", [
      { kind: "delete", key: '["9"]' },
      { kind: "truncate" },
      { kind: "upsert", key: '["1"]', row: row({ id: "1", a: "x", b: null, c: null }) },
      { kind: "update", key: '["2"]', row: row({ id: "2", a: "x" }), columns: ["id", "a"] },
      { kind: "update", key: '["3"]', row: row({ a: "y", id: "3" }), columns: ["a", "id"] },
      { kind: "update", key: '["4"]', row: row({ id: "4", b: "z" }), columns: ["id", "b"] },
    ]);
    expect(ops.map((op) => (op.op === "update" ? `${op.op} ${op.columns}` : op.op))).toEqual([
      "truncate",
      "update a,id",
      "update b,id",
      "upsert",
    ]);
  });

  test("of a row that came and went is its delete alone", () => {
    const row = '{"id":"1","a":null,"b":null,"c":null}';
    expect(
      fold("public.t", [
        { kind: "upsert", key: '["1"]', row },
        { kind: "delete", key: '["1"]' },
      ]),
    ).toEqual([{ op: "delete", table: "public.t", keys: '[["1"]]' }]);
  });

  test("with own rows does what its events do, where each of these is what was there, what was sent, and what differs", () => {
    const steps = fc.array(fc.tuple(anyEvent, fc.constantFrom(null, null, "t1", "t2")), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 3 }), steps, (rows, all) => {
        const start: Table = new Map(rows.map((row) => [keyOf(row), row]));
        const marked = all.map(([event, tx]): RowEvent => {
          if (tx === null || event.kind === "truncate" || event.kind === "delete") return event;
          return { ...event, own: { tx, set: "" } };
        });
        // Nothing of a row is as it was sent, and a transaction says at once what it did to it.
        const sets = new Map<string, Row>();
        const possible = withoutUpdatesOfNothing(start, marked);
        for (const event of possible) {
          if (event.kind === "truncate" || event.kind === "delete" || event.own === undefined) continue;
          const name = `${event.own.tx} ${event.key}`;
          sets.set(name, { ...sets.get(name), ...JSON.parse(event.row) });
        }
        const events = possible.map((event): RowEvent => {
          if (event.kind === "truncate" || event.kind === "delete" || event.own === undefined) return event;
          const { tx } = event.own;
          return { ...event, own: { tx, set: JSON.stringify(sets.get(`${tx} ${event.key}`)) } };
        });
        const oneByOne = new Map(start);
        for (const event of events) applyEvent(oneByOne, event);
        const { ops, own } = foldOwn("public.t", events);
        const folded = new Map(start);
        for (const op of ops) applyOp(folded, op);
        const named = new Set<string>();
        for (const { tx, text } of own) {
          const { table, key, set } = JSON.parse(text);
          expect(table).toBe("public.t");
          const name = JSON.stringify(key);
          named.add(name);
          folded.set(name, { ...folded.get(name), ...set });
          const own = events.filter((event) => event.kind !== "truncate" && event.key === name);
          const after = events.findLastIndex(({ kind }) => kind === "truncate");
          for (const event of own.filter((each) => events.indexOf(each) > after)) {
            expect(event, "no other transaction is in it").toMatchObject({ own: { tx } });
          }
        }
        expect(named.size, "each row once").toBe(own.length);
        expect(Object.fromEntries(folded)).toEqual(Object.fromEntries(oneByOne));
        const others = events.map((event): RowEvent => {
          if (event.kind === "truncate" || event.kind === "delete") return event;
          const { own: _, ...rest } = event;
          return rest;
        });
        expect(fold("public.t", events)).toEqual(fold("public.t", others));
      }),
      { numRuns: 1000 },
    );
  });

  test("sends a row whole that another transaction changed too, before the own one or after it, and no other row", () => {
    const row = (title: string) => JSON.stringify({ id: "1", a: title, b: null, c: null });
    const own = { tx: "t1", set: '{"b":"of a trigger"}' };
    const mine: RowEvent = { kind: "upsert", key: '["1"]', row: row("mine"), own };
    const theirs: RowEvent = { kind: "upsert", key: '["1"]', row: row("theirs") };
    const beside: RowEvent = { kind: "upsert", key: '["2"]', row: '{"id":"2"}', own };
    const rowsOf = (events: readonly RowEvent[]) => {
      const folded = foldOwn("public.t", events);
      return { ops: folded.ops, own: folded.own.map(({ text }) => JSON.parse(text).key) };
    };
    const whole = (rows: string) => [{ op: "upsert", table: "public.t", rows: `[${rows}]` }];
    expect(rowsOf([mine, beside, theirs])).toEqual({ ops: whole(row("theirs")), own: [["2"]] });
    expect(rowsOf([theirs, mine, beside])).toEqual({ ops: whole(row("mine")), own: [["2"]] });
    const again: RowEvent = { ...mine, own: { ...own, tx: "t2" } };
    expect(rowsOf([mine, again])).toEqual({ ops: whole(row("mine")), own: [] });
    expect(rowsOf([mine, beside])).toEqual({ ops: [], own: [["1"], ["2"]] });
    expect(rowsOf([mine, mine]), "changed twice by one transaction").toEqual({ ops: [], own: [["1"]] });
    expect(rowsOf([mine, { kind: "delete", key: '["1"]' }]).own).toEqual([]);
    expect(rowsOf([mine, { kind: "truncate" }])).toEqual({
      ops: [{ op: "truncate", table: "public.t" }],
      own: [],
    });
  });

  test("of nothing is nothing", () => {
    expect(fold("public.t", [])).toEqual([]);
  });
});
