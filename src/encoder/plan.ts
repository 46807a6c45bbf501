import type { ArrowField, ArrowSchema, ArrowType } from "../arrow/type.ts";
import type { ColumnType, ElementType, NestedType, ScalarType } from "./column.ts";
import { array, type InnerDimension } from "./columns/array.ts";
import { boolean } from "./columns/boolean.ts";
import { binary, fixedSizeBinary } from "./columns/bytea.ts";
import { date32, date64 } from "./columns/date.ts";
import { decimal } from "./columns/decimal.ts";
import { float16, float32 } from "./columns/float4.ts";
import { float64 } from "./columns/float8.ts";
import { indirectColumn, indirectNested } from "./columns/indirect.ts";
import { int2 } from "./columns/int2.ts";
import { int4 } from "./columns/int4.ts";
import { int64, uint32 } from "./columns/int8.ts";
import { dayTime, duration, monthDayNano, yearMonth } from "./columns/interval.ts";
import { jsonb } from "./columns/jsonb.ts";
import { nestedList } from "./columns/list.ts";
import { nestedMap } from "./columns/map.ts";
import { nothing } from "./columns/null.ts";
import { nestedStruct } from "./columns/struct.ts";
import { text } from "./columns/text.ts";
import { time } from "./columns/time.ts";
import { timestamp } from "./columns/timestamp.ts";
import { uint64 } from "./columns/uint64.ts";
import { dictionaryLayout, type IndirectionLayout, runEndLayout } from "./indirection.ts";
import type { ListShape } from "./spans.ts";
import {
  checkColumnNames,
  checkMemberNames,
  checkRowWidth,
  type Origin,
  unsupportedType,
} from "./unsupported.ts";

/** The column in which servers give each row's own block. */
const BLOCK_NUM = "_block_num";

/** What the key of a row says: its block and values, or the microbatch that brought it. */
export type Identity = "content" | "transaction";

const KEYS: Readonly<Record<Identity, readonly string[]>> = {
  content: ["_id"],
  transaction: ["_tx_id", "_row_index"],
};

/** One user column. */
export interface ColumnPlan {
  readonly name: string;
  /** The PostgreSQL type exactly as `format_type` prints it. */
  readonly type: string;
  readonly notNull: boolean;
  /** For the encoder. */
  readonly arrow: ColumnType;
  /** For rows that are kept aside instead of stored. */
  readonly json: NestedType;
}

/** What a schema means for its table: DDL, encoder and `_id` all follow this plan. */
export interface TablePlan {
  readonly table: string;
  /** The schema has `_block_num`: each row knows its own block. */
  readonly hasBlockNum: boolean;
  /** How many user columns come before `_block_num` in the schema; null without `_block_num`. */
  readonly blockPosition: number | null;
  /** User columns in the order of the schema. */
  readonly columns: readonly ColumnPlan[];
}

/** Plans the table of a schema, or refuses the schema with SY202 before anything is created. */
export function planTable(table: string, schema: ArrowSchema): TablePlan {
  checkColumnNames(
    schema.fields.map(({ name }) => name),
    table,
  );
  const columns: ColumnPlan[] = [];
  let blockPosition: number | null = null;
  for (const { name, type, nullable } of schema.fields) {
    const at = { table, column: name };
    if (name === BLOCK_NUM) {
      if (type.kind !== "int" || type.bits !== 64 || type.signed) {
        throw unsupportedType(type, at, `${BLOCK_NUM} must be UInt64.`);
      }
      blockPosition = columns.length;
      continue;
    }
    const arrow = columnType(type, at);
    columns.push({ name, type: arrow.name, notNull: !nullable, arrow, json: nestedType(type, at) });
  }
  checkRowWidth(columns, table);
  return { table, hasBlockNum: blockPosition !== null, blockPosition, columns };
}

/** The columns of a COPY, in the order in which the encoder writes the fields of a row. */
export function copyColumns(plan: TablePlan, identity: Identity = "content"): readonly string[] {
  return [
    ...KEYS[identity],
    "_block_num_start",
    "_block_num_end",
    ...(plan.hasBlockNum ? [BLOCK_NUM] : []),
    ...plan.columns.map(({ name }) => name),
  ];
}

/** The one switch on type: a scalar serves as a column, as an element of arrays and as a value in JSON. */
function scalarType(type: ArrowType): ScalarType | null {
  switch (type.kind) {
    case "null":
      return nothing;
    case "bool":
      return boolean;
    case "int":
      if (type.bits === 64) return type.signed ? int64 : uint64;
      if (type.bits === 32) return type.signed ? int4(type) : uint32;
      return type.bits === 16 && !type.signed ? int4(type) : int2(type);
    case "float":
      return { 16: float16, 32: float32, 64: float64 }[type.bits];
    case "decimal":
      return decimal(type.bits, type.precision, type.scale);
    case "utf8":
      return text(type.layout);
    case "binary":
      return binary(type.layout);
    case "fixedSizeBinary":
      return fixedSizeBinary(type.width);
    case "date":
      return type.unit === "day" ? date32 : date64;
    case "time":
      return time(type.unit);
    case "timestamp":
      return timestamp(type.unit, type.zone !== null);
    case "duration":
      return duration(type.unit);
    case "interval":
      return { yearMonth, dayTime, monthDayNano }[type.unit];
    default:
      return null;
  }
}

/** A type as a column of its own. */
function columnType(type: ArrowType, at: Origin): ColumnType {
  const list = listOf(type);
  if (list !== null) {
    return arrayType(list, at) ?? jsonb(nestedType(type, at));
  }
  if (isIndirect(type)) {
    const value = columnType(encodedType(type), at);
    return { ...value, bind: indirectColumn(layoutOf(type), value) };
  }
  return elementType(type, at);
}

/** A type as the element of an array. */
function elementType(type: ArrowType, at: Origin): ElementType {
  if (isIndirect(type)) {
    const value = elementType(encodedType(type), at);
    return { ...value, bind: indirectColumn(layoutOf(type), value) };
  }
  return scalarType(type) ?? jsonb(nestedType(type, at));
}

/** A type inside JSON. */
function nestedType(type: ArrowType, at: Origin): NestedType {
  const member = ({ name, nullable, type: inner }: ArrowField) => ({
    name,
    notNull: !nullable,
    type: nestedType(inner, at),
  });
  const list = listOf(type);
  if (list !== null) {
    return nestedList(list.shape, member(list.item));
  }
  if (isIndirect(type)) {
    return indirectNested(layoutOf(type), nestedType(encodedType(type), at));
  }
  if (type.kind === "struct") {
    checkMemberNames(
      type.fields.map(({ name }) => name),
      at,
    );
    return nestedStruct(type.fields.map(member));
  }
  if (type.kind === "map") {
    return nestedMap(member(type.key), member(type.value), isText(type.key.type));
  }
  const scalar = scalarType(type);
  if (scalar === null) {
    throw unsupportedType(type, at);
  }
  return scalar;
}

interface List {
  readonly shape: ListShape;
  readonly item: ArrowField;
}

function listOf(type: ArrowType): List | null {
  if (type.kind === "list") {
    return { shape: type.layout, item: type.item };
  }
  return type.kind === "fixedSizeList" ? { shape: { size: type.size }, item: type.item } : null;
}

/** The most dimensions of a PostgreSQL array. */
const MAX_DIMENSIONS = 6;

/** A list as an array; null if its items are lists that may differ in shape. */
function arrayType({ shape, item }: List, at: Origin): ColumnType | null {
  const inner: InnerDimension[] = [];
  let element = item;
  while (element.type.kind === "fixedSizeList" && !element.nullable && element.type.size > 0) {
    inner.push({ name: element.name, size: element.type.size });
    element = element.type.item;
  }
  const decoded = decodedType(element.type);
  const scalar = decoded.kind !== "struct" && decoded.kind !== "map";
  if (listOf(decoded) !== null || inner.length >= MAX_DIMENSIONS || (inner.length > 0 && !scalar)) {
    return null;
  }
  const { name, nullable, type } = element;
  return array(shape, inner, { name, notNull: !nullable, type: elementType(type, at) });
}

type IndirectType = Extract<ArrowType, { kind: "dictionary" | "runEndEncoded" }>;

function isIndirect(type: ArrowType): type is IndirectType {
  return type.kind === "dictionary" || type.kind === "runEndEncoded";
}

function encodedType(type: IndirectType): ArrowType {
  return type.kind === "dictionary" ? type.value : type.value.type;
}

function layoutOf(type: IndirectType): IndirectionLayout {
  return type.kind === "dictionary" ? dictionaryLayout(type.id, type.index) : runEndLayout(type.runEnds);
}

/** The type of the values behind dictionaries and runs. */
function decodedType(type: ArrowType): ArrowType {
  return isIndirect(type) ? decodedType(encodedType(type)) : type;
}

function isText(type: ArrowType): boolean {
  return decodedType(type).kind === "utf8";
}
