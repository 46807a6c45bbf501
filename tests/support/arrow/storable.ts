import type { ArrowType, ArrowUnit } from "../../../src/arrow/type.ts";
import type { Struct, Value } from "./arrow-layout.ts";

const PER_SECOND: Readonly<Record<ArrowUnit, bigint>> = { s: 1n, ms: 1000n, µs: 10n ** 6n, ns: 10n ** 9n };

/** Whether PostgreSQL holds a value, told from its documented ranges alone. */
export function isStorable(type: ArrowType, value: Value): boolean {
  if (value === null) {
    return true;
  }
  switch (type.kind) {
    case "decimal": {
      const unscaled = BigInt(String(value));
      return (unscaled < 0n ? -unscaled : unscaled) < 10n ** BigInt(type.precision);
    }
    case "date": {
      const count = BigInt(String(value));
      const days = type.unit === "day" ? count : count / 86_400_000n;
      const whole = type.unit === "day" || count % 86_400_000n === 0n;
      return whole && within(days - 10_957n, -2_451_545n, 2_145_031_948n);
    }
    case "time":
      return within(micros(value, type.unit), 0n, 86_400_000_000n);
    case "timestamp": {
      const sinceEpoch = micros(value, type.unit) - 946_684_800_000_000n;
      return within(sinceEpoch, -211_813_488_000_000_000n, 9_223_371_331_199_999_999n);
    }
    case "duration":
      return within(micros(value, type.unit), -(2n ** 63n), 2n ** 63n - 1n);
    case "struct":
      return type.fields.every(
        (field, i) =>
          isStorable(field.type, Array.isArray(value) ? value[i] : (value as Struct)[field.name]!), // By its type.
      );
    case "map":
      return (value as readonly (readonly Value[])[]).every(
        // By its type.
        ([key, mapped]) => isStorable(type.key.type, key!) && isStorable(type.value.type, mapped!),
      );
    case "list":
    case "fixedSizeList":
      return (value as readonly Value[]).every((each) => isStorable(type.item.type, each)); // By its type.
    case "dictionary":
      return isStorable(type.value, value);
    case "runEndEncoded":
      return isStorable(type.value.type, value);
    default:
      return true;
  }
}

function within(value: bigint, min: bigint, max: bigint): boolean {
  return value >= min && value <= max;
}

function micros(value: Value, unit: ArrowUnit): bigint {
  const count = BigInt(String(value)) * 10n ** 6n;
  const divisor = PER_SECOND[unit];
  return (count - (((count % divisor) + divisor) % divisor)) / divisor;
}
