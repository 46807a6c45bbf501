import type { ArrowType, ArrowUnit } from "../../../src/arrow/type.ts";
import type { Struct, Value } from "./arrow-layout.ts";

/**
 * What a column must show once it is stored, told from the values alone: `column`
 * and `json` give what the SQL expression makes of column `x`, or of a value
 * inside JSON. Nothing here knows the encoder.
 */
export interface Rendering {
  /** An expression of type json. */
  readonly sql: string;
  column(value: Value): unknown;
  json(value: Value): unknown;
}

const DIGITS: Readonly<Record<ArrowUnit, number>> = { s: 0, ms: 3, µs: 6, ns: 9 };

export function rendering(type: ArrowType): Rendering {
  switch (type.kind) {
    case "null":
      return as("to_json(x::text)", String);
    case "bool":
      return as("to_json(x)", (value) => value);
    case "int":
      return as("to_json(x::text)", String, type.bits < 64 ? Number : String);
    case "float":
      return float(type.bits);
    case "decimal":
      return as("to_json(x::text)", (value) => decimalText(BigInt(String(value)), type.scale));
    case "utf8":
      return as("to_json(x)", String);
    case "binary":
    case "fixedSizeBinary":
      return as("to_json(encode(x, 'hex'))", hex, (value) => `0x${hex(value)}`);
    case "date": {
      const days = (value: Value) =>
        type.unit === "day" ? BigInt(Number(value)) : BigInt(String(value)) / 86_400_000n;
      return as(
        "to_json((x - date '1970-01-01')::text)",
        (value) => String(days(value)),
        (value) => isoInstant(days(value) * 86_400n).slice(0, -"T00:00:00".length),
      );
    }
    case "time":
      return as("to_json((extract(epoch from x) * 1000000)::bigint::text)", micros(type.unit), (value) => {
        const [seconds, fraction] = split(BigInt(String(value)), type.unit);
        if (seconds === 86_400n) return `24:00:00${fraction}`;
        return `${isoInstant(seconds).slice("1970-01-01T".length)}${fraction}`;
      });
    case "timestamp":
      return as(timestampSql(type.zone !== null), micros(type.unit), (value) => {
        const [seconds, fraction] = split(BigInt(String(value)), type.unit);
        return `${isoInstant(seconds)}${fraction}${type.zone === null ? "" : "Z"}`;
      });
    case "duration":
      return as(
        INTERVAL_SQL,
        (value) => ["0", "0", micros(type.unit)(value)],
        (value) => `PT${decimalText(BigInt(String(value)), DIGITS[type.unit])}S`,
      );
    case "interval":
      return interval(type.unit);
    case "struct":
    case "map":
      return as("x::json", jsonOf(type));
    case "list":
    case "fixedSizeList":
      return list(type);
    case "dictionary":
      return rendering(type.value);
    case "runEndEncoded":
      return rendering(type.value.type);
    case "union":
      throw new Error("unions are refused");
    default:
      return type satisfies never;
  }
}

function as(
  sql: string,
  column: (value: Value) => unknown,
  json: (value: Value) => unknown = column,
): Rendering {
  return { sql, column, json };
}

/** Microseconds from 1970, by way of an interval: extract(epoch) rounds near the last timestamp. */
function timestampSql(zoned: boolean): string {
  return `(select to_json(trim_scale(946684800000000 + extract(day from d) * 86400000000
      + extract(hour from d) * 3600000000 + extract(minute from d) * 60000000
      + extract(microseconds from d))::text)
    from (select ${zoned ? "x at time zone 'UTC'" : "x"} - timestamp '2000-01-01' as d) as since)`;
}

const INTERVAL_SQL = `json_build_array(
  (extract(year from x) * 12 + extract(month from x))::text,
  extract(day from x)::text,
  trim_scale(extract(hour from x) * 3600000000 + extract(minute from x) * 60000000 + extract(microseconds from x))::text)`;

function interval(unit: "yearMonth" | "dayTime" | "monthDayNano"): Rendering {
  switch (unit) {
    case "yearMonth":
      return as(
        INTERVAL_SQL,
        (value) => [String(value), "0", "0"],
        (value) => `P${value}M`,
      );
    case "dayTime":
      return as(
        INTERVAL_SQL,
        (value) => ["0", String(at(value, 0)), String(Number(at(value, 1)) * 1000)],
        (value) => `P${at(value, 0)}DT${decimalText(BigInt(String(at(value, 1))), 3)}S`,
      );
    case "monthDayNano":
      return as(
        INTERVAL_SQL,
        (value) => [String(at(value, 0)), String(at(value, 1)), micros("ns")(at(value, 2))],
        (value) => `P${at(value, 0)}M${at(value, 1)}DT${decimalText(BigInt(String(at(value, 2))), 9)}S`,
      );
    default:
      return unit satisfies never;
  }
}

/** Bits in columns; inside JSON the shortest digits that are read as the same float. */
function float(bits: 16 | 32 | 64): Rendering {
  const json = (value: Value): unknown => {
    const number = Number(value);
    if (!Number.isFinite(number)) return String(number);
    if (bits === 64) return number + 0;
    for (let digits = 1; ; digits++) {
      const rounded = Number(number.toPrecision(digits));
      if (Math.fround(rounded) === Math.fround(number)) return rounded + 0;
    }
  };
  return as(
    `to_json(encode(float${bits === 64 ? 8 : 4}send(x), 'hex'))`,
    (value) => {
      const view = new DataView(new ArrayBuffer(bits === 64 ? 8 : 4));
      if (bits === 64) view.setFloat64(0, Number(value));
      else view.setFloat32(0, Number(value));
      return hex(new Uint8Array(view.buffer));
    },
    json,
  );
}

/** An array, with its dimensions where it has several; else JSON. */
function list(type: Extract<ArrowType, { kind: "list" | "fixedSizeList" }>): Rendering {
  let item = type.item;
  let dimensions = 1;
  while (item.type.kind === "fixedSizeList" && !item.nullable && item.type.size > 0) {
    item = item.type.item;
    dimensions++;
  }
  const element = decoded(item.type);
  const ofLists = element.kind === "list" || element.kind === "fixedSizeList";
  const ofObjects = element.kind === "struct" || element.kind === "map";
  const json = jsonOf(type);
  if (ofLists || dimensions > 6 || (dimensions > 1 && ofObjects)) {
    return as("x::json", json);
  }
  const { sql, column } = rendering(element);
  const elements = `(select coalesce(json_agg(case when x is not null then ${sql} end), '[]') from unnest(x) as x)`;
  return as(
    `json_build_array(array_dims(x), ${elements})`,
    (value) => {
      const lengths: number[] = [];
      let flat: readonly Value[] = [value];
      for (let i = 0; i < dimensions; i++) {
        flat = flat.flatMap((each) => each as readonly Value[]); // Lists by their type.
        lengths.push(flat.length / (lengths.reduce((product, length) => product * length, 1) || 1));
      }
      const dims = flat.length === 0 ? null : lengths.map((length) => `[1:${length}]`).join("");
      return [dims, flat.map((each) => (each === null ? null : column(each)))];
    },
    json,
  );
}

function decoded(type: ArrowType): ArrowType {
  if (type.kind === "dictionary") return decoded(type.value);
  return type.kind === "runEndEncoded" ? decoded(type.value.type) : type;
}

/** A value of a nested type inside JSON. */
function jsonOf(type: ArrowType): (value: Value) => unknown {
  const within = (inner: ArrowType, value: Value) => (value === null ? null : rendering(inner).json(value));
  switch (type.kind) {
    case "struct":
      return (value) =>
        Object.fromEntries(
          type.fields.map(({ name, type: member }, i) => [
            name,
            within(member, Array.isArray(value) ? value[i] : (value as Struct)[name]!), // By its type.
          ]),
        );
    case "map": {
      const pairs = (value: Value) =>
        (value as readonly (readonly Value[])[]).map(([key, mapped]) => [
          // By its type.
          within(type.key.type, key!),
          within(type.value.type, mapped!),
        ]);
      return decoded(type.key.type).kind === "utf8"
        ? (value) => Object.fromEntries(pairs(value))
        : (value) => pairs(value).map(([key, mapped]) => ({ key, value: mapped }));
    }
    case "list":
    case "fixedSizeList":
      return (value) => (value as readonly Value[]).map((each) => within(type.item.type, each)); // By its type.
    default:
      throw new Error(`${type.kind} is not nested`);
  }
}

const at = (value: Value, index: number): Value => (value as readonly Value[])[index]!;

const hex = (value: Value) =>
  value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);

const floorDivide = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;

/** A count of a unit in microseconds, nanoseconds floored. */
function micros(unit: ArrowUnit): (value: Value) => string {
  return (value) => String(floorDivide(BigInt(String(value)) * 10n ** 6n, 10n ** BigInt(DIGITS[unit])));
}

/** Whole seconds, and the digits behind them with their point. */
function split(value: bigint, unit: ArrowUnit): readonly [bigint, string] {
  const perSecond = 10n ** BigInt(DIGITS[unit]);
  const seconds = floorDivide(value, perSecond);
  const fraction = String(value - seconds * perSecond).padStart(DIGITS[unit], "0");
  return [seconds, DIGITS[unit] === 0 ? "" : `.${fraction}`];
}

/** After so many seconds the calendar repeats, 400 years later. */
const ERA_SECONDS = 146_097n * 86_400n;

/** For instants that JavaScript's own dates do not reach, too. */
function isoInstant(seconds: bigint): string {
  const era = floorDivide(seconds, ERA_SECONDS);
  const inFirst = new Date(Number(seconds - era * ERA_SECONDS) * 1000);
  const year = inFirst.getUTCFullYear() + 400 * Number(era);
  const digits = String(Math.abs(year));
  const shown =
    year >= 0 && year <= 9999 ? digits.padStart(4, "0") : `${year < 0 ? "-" : "+"}${digits.padStart(6, "0")}`;
  return `${shown}${inFirst.toISOString().slice("1970".length, -".000Z".length)}`;
}

/** `unscaled` / 10^scale in plain digits, by long division. */
function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return String(unscaled * 10n ** BigInt(-scale));
  const magnitude = unscaled < 0n ? -unscaled : unscaled;
  const unit = 10n ** BigInt(scale);
  return `${unscaled < 0n ? "-" : ""}${magnitude / unit}.${String(magnitude % unit).padStart(scale, "0")}`;
}
