/** The columns of a table in order, as the server describes them. */
export interface ArrowSchema {
  readonly fields: readonly ArrowField[];
}

export interface ArrowField {
  readonly name: string;
  /** Whether values may be NULL. */
  readonly nullable: boolean;
  readonly type: ArrowType;
}

export type ArrowUnit = "s" | "ms" | "µs" | "ns";

export interface ArrowInt {
  readonly kind: "int";
  readonly bits: 8 | 16 | 32 | 64;
  readonly signed: boolean;
}

/** Every type of the Arrow format. An extension type appears as its storage type. */
export type ArrowType =
  | { readonly kind: "null" | "bool" }
  | ArrowInt
  | { readonly kind: "float"; readonly bits: 16 | 32 | 64 }
  | {
      readonly kind: "decimal";
      readonly bits: 32 | 64 | 128 | 256;
      readonly precision: number;
      readonly scale: number;
    }
  | { readonly kind: "utf8" | "binary"; readonly layout: BytesLayout }
  | { readonly kind: "fixedSizeBinary"; readonly width: number }
  | { readonly kind: "date"; readonly unit: "day" | "ms" }
  /** 32 bits for s and ms, 64 bits for µs and ns. */
  | { readonly kind: "time"; readonly unit: ArrowUnit }
  | { readonly kind: "timestamp"; readonly unit: ArrowUnit; readonly zone: string | null }
  | { readonly kind: "duration"; readonly unit: ArrowUnit }
  | { readonly kind: "interval"; readonly unit: "yearMonth" | "dayTime" | "monthDayNano" }
  | { readonly kind: "list"; readonly layout: ListLayout; readonly item: ArrowField }
  | { readonly kind: "fixedSizeList"; readonly size: number; readonly item: ArrowField }
  | { readonly kind: "struct"; readonly fields: readonly ArrowField[] }
  /** A list of pairs; `entries` is a struct of two fields. */
  | { readonly kind: "map"; readonly key: ArrowField; readonly value: ArrowField }
  /** Indices into values that arrive in separate messages. */
  | {
      readonly kind: "dictionary";
      readonly id: bigint;
      readonly index: ArrowInt;
      readonly value: ArrowType;
    }
  /** Values, and the row at which the run of each value ends. */
  | { readonly kind: "runEndEncoded"; readonly runEnds: ArrowInt; readonly value: ArrowField }
  | { readonly kind: "union"; readonly mode: "sparse" | "dense"; readonly fields: readonly ArrowField[] };

/** Offsets of 32 or 64 bits, or views: 16 bytes per value, which hold short values themselves. */
export type BytesLayout = "offsets" | "large" | "view";

/** Offsets of 32 or 64 bits, or offsets and sizes of 32 or 64 bits. */
export type ListLayout = "offsets" | "large" | "view" | "largeView";

/** A type as people write it. Two types with the same name are stored and sent the same way. */
export function typeName(type: ArrowType): string {
  switch (type.kind) {
    case "null":
      return "Null";
    case "bool":
      return "Boolean";
    case "int":
      return `${type.signed ? "Int" : "UInt"}${type.bits}`;
    case "float":
      return `Float${type.bits}`;
    case "decimal":
      return `Decimal${type.bits}(${type.precision},${type.scale})`;
    case "utf8":
      return { offsets: "Utf8", large: "LargeUtf8", view: "Utf8View" }[type.layout];
    case "binary":
      return { offsets: "Binary", large: "LargeBinary", view: "BinaryView" }[type.layout];
    case "fixedSizeBinary":
      return `FixedSizeBinary(${type.width})`;
    case "date":
      return type.unit === "day" ? "Date32" : "Date64";
    case "time":
      return `Time${type.unit === "s" || type.unit === "ms" ? 32 : 64}(${type.unit})`;
    case "timestamp":
      return `Timestamp(${type.unit}${type.zone === null ? "" : `, ${type.zone}`})`;
    case "duration":
      return `Duration(${type.unit})`;
    case "interval":
      return `Interval(${{ yearMonth: "YearMonth", dayTime: "DayTime", monthDayNano: "MonthDayNano" }[type.unit]})`;
    case "list":
      return `${{ offsets: "List", large: "LargeList", view: "ListView", largeView: "LargeListView" }[type.layout]}<${memberName(type.item)}>`;
    case "fixedSizeList":
      return `FixedSizeList<${memberName(type.item)}>(${type.size})`;
    case "struct":
      return `Struct<${type.fields.map((field) => `${field.name}: ${memberName(field)}`).join(", ")}>`;
    case "map":
      return `Map<${typeName(type.key.type)}, ${memberName(type.value)}>`;
    case "dictionary":
      return `Dictionary<${typeName(type.index)}, ${typeName(type.value)}>`;
    case "runEndEncoded":
      return `RunEndEncoded<${typeName(type.runEnds)}, ${memberName(type.value)}>`;
    case "union":
      return `${type.mode === "dense" ? "Dense" : "Sparse"}Union<${type.fields.map(memberName).join(", ")}>`;
    default:
      return type satisfies never;
  }
}

function memberName({ type, nullable }: ArrowField): string {
  return `${typeName(type)}${nullable ? "" : " not null"}`;
}
