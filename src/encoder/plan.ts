import { DataType, type Field, type Schema } from "apache-arrow";
import type { ColumnType, ElementType, NestedType } from "./column.ts";
import { array } from "./columns/array.ts";
import { boolean } from "./columns/boolean.ts";
import { binary, fixedSizeBinary } from "./columns/bytea.ts";
import { decimal128 } from "./columns/decimal128.ts";
import { int32 } from "./columns/int4.ts";
import { int64, uint32 } from "./columns/int8.ts";
import { jsonb } from "./columns/jsonb.ts";
import { nestedList } from "./columns/list.ts";
import { nestedStruct } from "./columns/struct.ts";
import { utf8 } from "./columns/text.ts";
import { timestamp } from "./columns/timestamp.ts";
import { uint64 } from "./columns/uint64.ts";
import { checkColumnNames, checkMemberNames, type Origin, unsupported } from "./refusals.ts";

/** The column in which servers offer each row's own block. */
const BLOCK_NUM = "_block_num";

/** One user column. */
export interface ColumnPlan {
  readonly name: string;
  /** The PostgreSQL type exactly as `format_type` prints it. */
  readonly type: string;
  readonly notNull: boolean;
  /** For the encoder. */
  readonly arrow: ColumnType;
}

/** What a schema means for its table: DDL, encoder and `_id` follow the same plan. */
export interface TablePlan {
  readonly table: string;
  /** The schema offers `_block_num`: each row knows its own block. */
  readonly exact: boolean;
  /** How many user columns stand before `_block_num` in the schema; null in range mode. */
  readonly blockPosition: number | null;
  /** User columns in the order of the schema. */
  readonly columns: readonly ColumnPlan[];
}

/** Plans the table of a schema, or refuses the schema with SY202 before anything is created. */
export function planTable(table: string, schema: Schema): TablePlan {
  checkColumnNames(
    schema.fields.map(({ name }) => name),
    table,
  );
  const columns: ColumnPlan[] = [];
  let blockPosition: number | null = null;
  for (const { name, type, nullable } of schema.fields) {
    const at = { table, column: name };
    if (name === BLOCK_NUM) {
      if (scalarType(type) !== uint64) {
        throw unsupported(type, at, `${BLOCK_NUM} must be UInt64.`);
      }
      blockPosition = columns.length;
      continue;
    }
    const arrow = columnType(type, at);
    columns.push({ name, type: arrow.name, notNull: !nullable, arrow });
  }
  return { table, exact: blockPosition !== null, blockPosition, columns };
}

/** The columns of a COPY, in the order in which the encoder writes the fields of a row. */
export function copyColumns(plan: TablePlan): readonly string[] {
  return [
    "_id",
    "_block_num_start",
    "_block_num_end",
    ...(plan.exact ? [BLOCK_NUM] : []),
    ...plan.columns.map(({ name }) => name),
  ];
}

/** The one choice by type: a scalar serves as column, as element of arrays and as value in JSON. */
function scalarType(type: DataType): ElementType | null {
  if (DataType.isBool(type)) return boolean;
  if (DataType.isInt(type) && type.bitWidth === 32) return type.isSigned ? int32 : uint32;
  if (DataType.isInt(type) && type.bitWidth === 64) return type.isSigned ? int64 : uint64;
  if (DataType.isUtf8(type)) return utf8;
  if (DataType.isBinary(type)) return binary;
  if (DataType.isFixedSizeBinary(type)) return fixedSizeBinary(type.byteWidth);
  if (DataType.isDecimal(type) && type.bitWidth === 128) return decimal128(type.precision, type.scale);
  if (DataType.isTimestamp(type)) return timestamp(type.unit, Boolean(type.timezone));
  return null;
}

/** A type as a column of its own. */
function columnType(type: DataType, at: Origin): ColumnType {
  if (DataType.isList(type)) {
    const { name, nullable, type: item } = type.valueField;
    return array({ name, notNull: !nullable, type: elementType(item, at) });
  }
  return elementType(type, at);
}

/** A type as a column or as the element of an array. */
function elementType(type: DataType, at: Origin): ElementType {
  const element = DataType.isStruct(type) ? jsonb(nestedType(type, at)) : scalarType(type);
  if (element === null) {
    throw unsupported(type, at);
  }
  return element;
}

/** A type inside JSON. */
function nestedType(type: DataType, at: Origin): NestedType {
  const member = (field: Field) => ({
    name: field.name,
    notNull: !field.nullable,
    type: nestedType(field.type, at),
  });
  if (DataType.isList(type)) {
    return nestedList(member(type.valueField));
  }
  if (DataType.isStruct(type)) {
    checkMemberNames(
      type.children.map(({ name }) => name),
      at,
    );
    return nestedStruct(type.children.map(member));
  }
  return elementType(type, at);
}
