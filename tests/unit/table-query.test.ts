import { describe, expect, test } from "vitest";

import type { ArrowSchema, ArrowType } from "../../src/arrow/type.ts";
import { planTable } from "../../src/encoder/plan.ts";
import { RowEncoder } from "../../src/encoder/row-encoder.ts";
import { checkSchema, planSent } from "../../src/stream/table-query.ts";
import { buildBatch, type Value } from "../support/arrow/arrow.ts";
import { encodeBatch, h64Raw } from "../support/arrow/encode.ts";
import { MemorySink } from "../support/arrow/memory-sink.ts";

const utf8: ArrowType = { kind: "utf8", layout: "offsets" };
const encoded = (value: ArrowType): ArrowType => ({
  kind: "dictionary",
  id: 0n,
  index: { kind: "int", bits: 32, signed: true },
  value,
});
const field = (type: ArrowType, name = "x", nullable = true) => ({ name, type, nullable });
const schemaOf = (type: ArrowType, nullable = true): ArrowSchema => ({
  fields: [field(type, "x", nullable)],
});

/** A type with a place for another in it. */
const WRAPPERS: Readonly<Record<string, (inner: ArrowType) => ArrowType>> = {
  "of its own": (inner) => inner,
  "in a list": (inner) => ({ kind: "list", layout: "offsets", item: field(inner) }),
  "in a fixed-size list": (inner) => ({ kind: "fixedSizeList", size: 1, item: field(inner) }),
  "in a struct": (inner) => ({ kind: "struct", fields: [field(inner)] }),
  "in a map": (inner) => ({ kind: "map", key: field(utf8, "k", false), value: field(inner) }),
  "in runs": (inner) => ({
    kind: "runEndEncoded",
    runEnds: { kind: "int", bits: 32, signed: true },
    value: field(inner),
  }),
};

describe("a schema is sent as planned, but for dictionaries", () => {
  test.each(Object.entries(WRAPPERS))("%s", (_, wrap) => {
    const plain = schemaOf(wrap(utf8));
    const dictionary = schemaOf(wrap(encoded(utf8)));
    checkSchema(plain, dictionary);
    checkSchema(dictionary, plain);
    checkSchema(dictionary, dictionary);
    const other = schemaOf(wrap({ kind: "utf8", layout: "large" }));
    for (const planned of [plain, dictionary]) {
      expect(() => checkSchema(other, planned)).toThrow(
        expect.objectContaining({ code: "SY104", detail: expect.stringContaining("Sent: x ") }),
      );
    }
  });

  test("values that may be NULL are no values that may not", () => {
    expect(() => checkSchema(schemaOf(utf8), schemaOf(encoded(utf8), false))).toThrow(/another schema/);
  });

  test("an index is no value, though both are numbers", () => {
    const int32: ArrowType = { kind: "int", bits: 32, signed: true };
    expect(() => checkSchema(schemaOf(encoded(utf8)), schemaOf(int32))).toThrow(/another schema/);
  });
});

test("a query that is planned otherwise than its table is refused, and the error shows both", () => {
  const planned = planTable("t", { fields: [field(utf8, "a"), field(utf8, "b")] });
  const sent = { fields: [field({ kind: "int", bits: 32, signed: true }, "a"), field(utf8, "c")] };
  expect(() => planSent(planned, sent)).toThrow(
    expect.objectContaining({ code: "SY104", detail: "Planned: a text, b text. Sent: a integer, c text." }),
  );
});

test.each<[string, ArrowType, ArrowType]>([
  ["plain where a dictionary was planned", encoded(utf8), utf8],
  ["a dictionary where plain values were planned", utf8, encoded(utf8)],
])("rows are read by what is sent: %s", (_, planned, sent) => {
  const values: readonly Value[] = ["a", null, "b", "a"];
  const rowsOf = (type: ArrowType) => {
    const { schema, batch, dictionaries } = buildBatch([{ name: "x", type, values }]);
    const encoder = new RowEncoder(planSent(planTable("t", schemaOf(planned)), schema), h64Raw);
    const sink = new MemorySink();
    encoder.beginMicrobatch({ start: 0n, end: 0n });
    for (const dictionary of dictionaries) encoder.takeDictionary(dictionary);
    encodeBatch(encoder, batch, sink);
    return sink.bytes();
  };
  expect(rowsOf(sent)).toEqual(rowsOf(planned));
});
