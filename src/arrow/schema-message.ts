import type { FlatTable } from "./flatbuffer.ts";
import type { ArrowField, ArrowInt, ArrowSchema, ArrowType, ArrowUnit, ListLayout } from "./type.ts";

/** More than a table of PostgreSQL can have; without a limit broken bytes could describe endless fields. */
const MAX_FIELDS = 10_000;
const MAX_DEPTH = 64;

const UNITS: readonly ArrowUnit[] = ["s", "ms", "µs", "ns"];

/** Reads a Schema, whose slots are: endianness, fields. Throws if the table is not a schema. */
export function readSchema(schema: FlatTable): ArrowSchema {
  if (schema.int16(0) !== 0) {
    throw new RangeError("the schema is big-endian");
  }
  const budget = { fields: MAX_FIELDS };
  return { fields: [...schema.tables(1)].map((field) => readField(field, budget, MAX_DEPTH)) };
}

/** Slots of a Field: name, nullable, kind of type, type, dictionary, children. */
function readField(field: FlatTable, budget: { fields: number }, depth: number): ArrowField {
  if (--budget.fields < 0 || depth === 0) {
    throw new RangeError("too many fields, or too deep");
  }
  const children = [...field.tables(5)].map((child) => readField(child, budget, depth - 1));
  const parameters = field.table(3);
  const value = readType(field.int8(2), parameters ?? absent("type"), children);
  const dictionary = field.table(4);
  return {
    name: field.text(0) ?? "",
    nullable: field.int8(1) !== 0,
    type: dictionary === null ? value : readDictionary(dictionary, value),
  };
}

/** Slots of a DictionaryEncoding: id, type of the indices (Int32 where absent). */
function readDictionary(dictionary: FlatTable, value: ArrowType): ArrowType {
  const index = dictionary.table(1);
  return {
    kind: "dictionary",
    id: dictionary.int64(0),
    index: index === null ? { kind: "int", bits: 32, signed: true } : readInt(index),
    value,
  };
}

/** `kind` numbers the types as the union `Type` of the format does. */
function readType(kind: number, type: FlatTable, children: readonly ArrowField[]): ArrowType {
  switch (kind) {
    case 1:
      return { kind: "null" };
    case 2:
      return readInt(type);
    case 3:
      return { kind: "float", bits: nth([16, 32, 64] as const, type.int16(0)) };
    case 4:
      return { kind: "binary", layout: "offsets" };
    case 5:
      return { kind: "utf8", layout: "offsets" };
    case 6:
      return { kind: "bool" };
    case 7:
      return readDecimal(type);
    case 8:
      return { kind: "date", unit: type.int16(0, 1) === 0 ? "day" : "ms" };
    case 9:
      return readTime(type);
    case 10:
      return { kind: "timestamp", unit: nth(UNITS, type.int16(0)), zone: type.text(1) || null };
    case 11:
      return {
        kind: "interval",
        unit: nth(["yearMonth", "dayTime", "monthDayNano"] as const, type.int16(0)),
      };
    case 12:
      return readList("offsets", children);
    case 13:
      return { kind: "struct", fields: children };
    case 14:
      return { kind: "union", mode: type.int16(0) === 0 ? "sparse" : "dense", fields: children };
    case 15:
      return { kind: "fixedSizeBinary", width: natural(type.int32(0)) };
    case 16:
      return { kind: "fixedSizeList", size: natural(type.int32(0)), item: only(children) };
    case 17:
      return readMap(only(children));
    case 18:
      return { kind: "duration", unit: nth(UNITS, type.int16(0, 1)) };
    case 19:
      return { kind: "binary", layout: "large" };
    case 20:
      return { kind: "utf8", layout: "large" };
    case 21:
      return readList("large", children);
    case 22: {
      const [runEnds, value] = pair(children);
      if (runEnds.type.kind !== "int") {
        throw new RangeError("run ends are not integers");
      }
      return { kind: "runEndEncoded", runEnds: runEnds.type, value };
    }
    case 23:
      return { kind: "binary", layout: "view" };
    case 24:
      return { kind: "utf8", layout: "view" };
    case 25:
      return readList("view", children);
    case 26:
      return readList("largeView", children);
    default:
      throw new RangeError(`type ${kind} is unknown`);
  }
}

function readInt(type: FlatTable): ArrowInt {
  return { kind: "int", bits: oneOf([8, 16, 32, 64] as const, type.int32(0)), signed: type.int8(1) !== 0 };
}

function readDecimal(type: FlatTable): ArrowType {
  const bits = oneOf([32, 64, 128, 256] as const, type.int32(2, 128));
  return { kind: "decimal", bits, precision: type.int32(0), scale: type.int32(1) };
}

function readTime(type: FlatTable): ArrowType {
  const unit = nth(UNITS, type.int16(0, 1));
  const bits = unit === "s" || unit === "ms" ? 32 : 64;
  if (type.int32(1, 32) !== bits) {
    throw new RangeError(`a time in ${unit} does not have ${bits} bits`);
  }
  return { kind: "time", unit };
}

function readList(layout: ListLayout, children: readonly ArrowField[]): ArrowType {
  return { kind: "list", layout, item: only(children) };
}

function readMap(entries: ArrowField): ArrowType {
  if (entries.type.kind !== "struct") {
    throw new RangeError("the entries of a map are not structs");
  }
  const [key, value] = pair(entries.type.fields);
  return { kind: "map", key, value };
}

/** The value of an enumeration, by its index. */
function nth<T>(values: readonly T[], index: number): T {
  return values[index] ?? absent(`parameter: it is ${index}`);
}

function oneOf<T extends number>(values: readonly T[], found: number): T {
  return values.find((value) => value === found) ?? absent(`parameter: it is ${found}`);
}

function natural(value: number): number {
  if (value < 0) {
    throw new RangeError(`a size of ${value}`);
  }
  return value;
}

function only(children: readonly ArrowField[]): ArrowField {
  const [child, ...others] = children;
  return child === undefined || others.length > 0 ? absent("only child") : child;
}

function pair(children: readonly ArrowField[]): readonly [ArrowField, ArrowField] {
  const [first, second, ...others] = children;
  return first === undefined || second === undefined || others.length > 0
    ? absent("pair of children")
    : [first, second];
}

function absent(what: string): never {
  throw new RangeError(`a field has no ${what}`);
}
