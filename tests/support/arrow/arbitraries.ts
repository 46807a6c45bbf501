import fc from "fast-check";

import type { ArrowField, ArrowInt, ArrowType, ArrowUnit } from "../../../src/arrow/type.ts";
import type { Value } from "./arrow-layout.ts";

const int = (bits: ArrowInt["bits"], signed: boolean): ArrowInt => ({ kind: "int", bits, signed });
const field = (type: ArrowType, nullable = true, name = "item"): ArrowField => ({ name, nullable, type });
const units: readonly ArrowUnit[] = ["s", "ms", "µs", "ns"];
const layouts = ["offsets", "large", "view"] as const;
const utf8: ArrowType = { kind: "utf8", layout: "offsets" };

/** One of each type that is no container: a type belongs to the tests by its entry here. */
export const SCALARS: readonly ArrowType[] = [
  { kind: "null" },
  { kind: "bool" },
  ...([8, 16, 32, 64] as const).flatMap((bits) => [int(bits, true), int(bits, false)]),
  ...([16, 32, 64] as const).map((bits): ArrowType => ({ kind: "float", bits })),
  { kind: "decimal", bits: 32, precision: 9, scale: 3 },
  { kind: "decimal", bits: 64, precision: 18, scale: 0 },
  { kind: "decimal", bits: 128, precision: 38, scale: 18 },
  { kind: "decimal", bits: 256, precision: 76, scale: 0 },
  { kind: "decimal", bits: 256, precision: 76, scale: 39 },
  ...layouts.map((layout): ArrowType => ({ kind: "utf8", layout })),
  ...layouts.map((layout): ArrowType => ({ kind: "binary", layout })),
  { kind: "fixedSizeBinary", width: 32 },
  { kind: "fixedSizeBinary", width: 3 },
  { kind: "date", unit: "day" },
  { kind: "date", unit: "ms" },
  ...units.map((unit): ArrowType => ({ kind: "time", unit })),
  ...units.map((unit, i): ArrowType => ({ kind: "timestamp", unit, zone: i % 2 === 0 ? null : "+02:00" })),
  ...units.map((unit): ArrowType => ({ kind: "duration", unit })),
  { kind: "interval", unit: "yearMonth" },
  { kind: "interval", unit: "dayTime" },
  { kind: "interval", unit: "monthDayNano" },
];

/** What a type can stand in; `scalar` is wrapped by each. */
export const CONTAINERS: Readonly<Record<string, (scalar: ArrowType) => ArrowType>> = {
  List: (type) => ({ kind: "list", layout: "offsets", item: field(type) }),
  LargeList: (type) => ({ kind: "list", layout: "large", item: field(type) }),
  ListView: (type) => ({ kind: "list", layout: "view", item: field(type) }),
  LargeListView: (type) => ({ kind: "list", layout: "largeView", item: field(type) }),
  FixedSizeList: (type) => ({ kind: "fixedSizeList", size: 3, item: field(type) }),
  "lists of equal lists": (type) => ({
    kind: "list",
    layout: "offsets",
    item: field(
      {
        kind: "fixedSizeList",
        size: 2,
        item: field({ kind: "fixedSizeList", size: 3, item: field(type) }, false),
      },
      false,
    ),
  }),
  "lists of lists": (type) => ({
    kind: "list",
    layout: "view",
    item: field({ kind: "list", layout: "offsets", item: field(type) }),
  }),
  Struct: (type) => ({
    kind: "struct",
    fields: [
      field(type, true, "v"),
      field({ kind: "list", layout: "large", item: field(type) }, true, 'lists "of" it'),
      field({ kind: "runEndEncoded", runEnds: int(32, true), value: field(type) }, true, "runs"),
    ],
  }),
  "lists of structs": (type) => ({
    kind: "list",
    layout: "offsets",
    item: field({ kind: "struct", fields: [field(type, true, "v")] }),
  }),
  "Map by text": (type) => ({
    kind: "map",
    key: field(utf8, false, "key"),
    value: field(type, true, "value"),
  }),
  "Map by integer": (type) => ({
    kind: "map",
    key: field(int(64, true), false, "key"),
    value: field(type, true, "value"),
  }),
  Dictionary: (type) => ({ kind: "dictionary", id: 7n, index: int(8, true), value: type }),
  "Dictionary by UInt64": (type) => ({ kind: "dictionary", id: 8n, index: int(64, false), value: type }),
  "Dictionary of lists": (type) => ({
    kind: "dictionary",
    id: 9n,
    index: int(16, false),
    value: { kind: "list", layout: "offsets", item: field(type) },
  }),
  "Dictionary of structs": (type) => ({
    kind: "dictionary",
    id: 10n,
    index: int(32, true),
    value: {
      kind: "struct",
      fields: [field({ kind: "dictionary", id: 11n, index: int(16, true), value: type })],
    },
  }),
  "lists of dictionaries": (type) => ({
    kind: "list",
    layout: "offsets",
    item: field({ kind: "dictionary", id: 12n, index: int(32, false), value: type }),
  }),
  RunEndEncoded: (type) => ({ kind: "runEndEncoded", runEnds: int(16, true), value: field(type) }),
  "RunEndEncoded by Int64": (type) => ({ kind: "runEndEncoded", runEnds: int(64, true), value: field(type) }),
};

const bigint = (bits: number, signed: boolean) => {
  const [min, max] = signed
    ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
    : [0n, 2n ** BigInt(bits) - 1n];
  const near = fc.bigInt({ min: signed ? -20n : 0n, max: 20n });
  return fc.oneof(fc.bigInt({ min, max }), near, fc.constantFrom(min, max));
};
const PER_SECOND: Readonly<Record<ArrowUnit, bigint>> = {
  s: 1n,
  ms: 1000n,
  µs: 10n ** 6n,
  ns: 10n ** 9n,
};

/** Values that can be stored; for temporal ones, that JavaScript's dates can tell too. NULL apart. */
export function valuesOf(type: ArrowType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case "null":
      return fc.constant(null);
    case "bool":
      return fc.boolean();
    case "int":
      return type.bits === 64 ? bigint(64, type.signed) : bigint(type.bits, type.signed).map(Number);
    case "float":
      if (type.bits === 64) return fc.double();
      return type.bits === 32
        ? fc.float()
        : fc
            .oneof(fc.float({ min: -65504, max: 65504 }), fc.constantFrom(Number.NaN, -0, 6e-8, Infinity))
            .map(Math.f16round);
    case "decimal": {
      const max = 10n ** BigInt(type.precision) - 1n;
      const round = fc
        .tuple(fc.integer({ min: 0, max: type.precision - 1 }), fc.bigInt({ min: -9n, max: 9n }))
        .map(([zeros, digit]) => digit * 10n ** BigInt(zeros));
      return fc.oneof(fc.bigInt({ min: -max, max }), round, fc.constantFrom(0n, max, -max));
    }
    case "utf8":
      return fc.string({ unit: "grapheme", maxLength: 12 }).filter((value) => !value.includes("\0"));
    case "binary":
      return fc.uint8Array({ maxLength: 300 });
    case "fixedSizeBinary":
      return fc.uint8Array({ minLength: type.width, maxLength: type.width });
    case "date": {
      const days = fc.oneof(fc.integer({ min: -700_000, max: 2_900_000 }), fc.integer({ min: -2, max: 2 }));
      return type.unit === "day" ? days : days.map((day) => BigInt(day) * 86_400_000n);
    }
    case "time": {
      const max = 86_400n * PER_SECOND[type.unit];
      const counts = fc.oneof(fc.bigInt({ min: 0n, max }), fc.constant(max));
      return type.unit === "s" || type.unit === "ms" ? counts.map(Number) : counts;
    }
    case "timestamp": {
      const clip = (seconds: bigint) => {
        const value = seconds * PER_SECOND[type.unit];
        return value > 2n ** 63n - 1n ? 2n ** 63n - 1n : value < -(2n ** 63n) ? -(2n ** 63n) : value;
      };
      const years = fc.bigInt({ min: clip(-62_135_596_800n), max: clip(253_402_300_799n) });
      return fc.oneof(years, fc.bigInt({ min: -20n, max: 20n }));
    }
    case "duration": {
      const max = (2n ** 63n - 1n) / (type.unit === "ns" ? 1n : 10n ** 6n / PER_SECOND[type.unit]);
      return fc.oneof(fc.bigInt({ min: -max, max }), fc.bigInt({ min: -2000n, max: 2000n }));
    }
    case "interval": {
      const part = bigint(32, true).map(Number);
      if (type.unit === "yearMonth") return part;
      return type.unit === "dayTime" ? fc.tuple(part, part) : fc.tuple(part, part, bigint(64, true));
    }
    case "list":
      return fc.array(itemsOf(type.item), { maxLength: 4 });
    case "fixedSizeList":
      return fc.array(itemsOf(type.item), { minLength: type.size, maxLength: type.size });
    case "struct":
      return fc.tuple(...type.fields.map(itemsOf));
    case "map":
      return fc.uniqueArray(fc.tuple(itemsOf(type.key), itemsOf(type.value)), {
        maxLength: 4,
        selector: ([key]) => String(key),
      });
    case "dictionary":
      return valuesOf(type.value);
    case "runEndEncoded":
      return valuesOf(type.value.type);
    case "union":
      throw new Error("unions are refused");
    default:
      return type satisfies never;
  }
}

/** Values of a field, NULL among them where it may be. */
export function itemsOf({ type, nullable }: ArrowField): fc.Arbitrary<Value> {
  return nullable ? fc.option(valuesOf(type), { freq: 4 }) : valuesOf(type);
}
