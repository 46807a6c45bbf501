import { DataType, type Field, type Schema, TimeUnit, UnionMode } from "apache-arrow";

import { AmpsyncError } from "../../errors.ts";

const UNITS: Readonly<Record<TimeUnit, string>> = {
  [TimeUnit.SECOND]: "Second",
  [TimeUnit.MILLISECOND]: "Millisecond",
  [TimeUnit.MICROSECOND]: "Microsecond",
  [TimeUnit.NANOSECOND]: "Nanosecond",
};

/** A schema as it is written in manifests. */
export function schemaJson(schema: Schema): unknown {
  const fields = schema.fields.map(({ name, type, nullable }) => ({ name, type: typeJson(type), nullable }));
  return { arrow: { fields } };
}

function typeJson(type: DataType): unknown {
  if (DataType.isInt(type)) return `${type.isSigned ? "Int" : "UInt"}${type.bitWidth}`;
  if (DataType.isBool(type)) return "Boolean";
  if (DataType.isUtf8(type)) return "Utf8";
  if (DataType.isBinary(type)) return "Binary";
  if (DataType.isFixedSizeBinary(type)) return { FixedSizeBinary: type.byteWidth };
  if (DataType.isDecimal(type)) return { Decimal128: [type.precision, type.scale] };
  if (DataType.isTimestamp(type)) return { Timestamp: [UNITS[type.unit], type.timezone ?? null] };
  if (DataType.isList(type)) return { List: nestedJson(type.valueField) };
  if (DataType.isStruct(type)) return { Struct: type.children.map(nestedJson) };
  if (DataType.isUnion(type)) {
    const members = type.children.map((field, at) => [type.typeIds[at], nestedJson(field)]);
    return { Union: [members, UnionMode[type.mode]] };
  }
  throw new AmpsyncError("SY202", `manifests of the development server do not spell ${type}`);
}

/** Readers of nested fields require all six keys. */
function nestedJson(field: Field): unknown {
  return {
    name: field.name,
    data_type: typeJson(field.type),
    nullable: field.nullable,
    dict_id: 0,
    dict_is_ordered: false,
    metadata: {},
  };
}
