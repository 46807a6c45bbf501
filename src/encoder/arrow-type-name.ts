import { DataType, TimeUnit } from "apache-arrow";

const UNITS: Readonly<Record<TimeUnit, string>> = {
  [TimeUnit.SECOND]: "s",
  [TimeUnit.MILLISECOND]: "ms",
  [TimeUnit.MICROSECOND]: "µs",
  [TimeUnit.NANOSECOND]: "ns",
};

/** An Arrow type as people write it; apache-arrow spells unsigned integers and decimals its own way. */
export function arrowTypeName(type: DataType): string {
  if (DataType.isInt(type)) {
    return `${type.isSigned ? "Int" : "UInt"}${type.bitWidth}`;
  }
  if (DataType.isDecimal(type)) {
    return `Decimal${type.bitWidth}(${type.precision},${type.scale})`;
  }
  if (DataType.isTimestamp(type)) {
    return `Timestamp(${UNITS[type.unit]}${type.timezone ? `, ${type.timezone}` : ""})`;
  }
  if (DataType.isList(type) || DataType.isStruct(type)) {
    return `${DataType.isList(type) ? "List" : "Struct"}<${type.children.map((child) => arrowTypeName(child.type)).join(", ")}>`;
  }
  return String(type);
}
