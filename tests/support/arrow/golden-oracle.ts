import type { Value } from "./arrow-layout.ts";

/** The values of an Arrow file by its integration JSON, which other implementations wrote. */
export interface Oracle {
  /** For each batch, the values of each column. */
  readonly batches: readonly (readonly (readonly Value[])[])[];
}

interface JsonField {
  readonly type: {
    readonly name: string;
    readonly unit?: string;
    readonly listSize?: number;
    readonly bitWidth?: number;
  };
  readonly name: string;
  readonly children: readonly JsonField[];
  readonly dictionary?: { readonly id: number };
}

interface JsonColumn {
  readonly count: number;
  readonly VALIDITY?: readonly number[];
  readonly DATA?: readonly unknown[];
  readonly OFFSET?: readonly (number | string)[];
  readonly SIZE?: readonly (number | string)[];
  readonly VIEWS?: readonly JsonView[];
  /** In hexadecimal, even where the values are text. */
  readonly VARIADIC_DATA_BUFFERS?: readonly string[];
  readonly children?: readonly JsonColumn[];
}

/** A value of up to 12 bytes stands in its view: as text, or in hexadecimal where the values are binary. */
type JsonView =
  | { readonly SIZE: number; readonly INLINED: string }
  | { readonly SIZE: number; readonly BUFFER_INDEX: number; readonly OFFSET: number };

interface JsonFile {
  readonly schema: { readonly fields: readonly JsonField[] };
  readonly batches: readonly { readonly columns: readonly JsonColumn[] }[];
  readonly dictionaries?: readonly {
    readonly id: number;
    readonly data: { readonly columns: readonly JsonColumn[] };
  }[];
}

export function readOracle(text: string): Oracle {
  const json: JsonFile = JSON.parse(text, withAllDigits);
  const dictionaries = new Map(json.dictionaries?.map(({ id, data }) => [id, data.columns[0]!]) ?? []);
  return {
    batches: json.batches.map(({ columns }) =>
      columns.map((column, i) => valuesOf(json.schema.fields[i]!, column, dictionaries)),
    ),
  };
}

/** An integer that a double would round stays as its digits: some writers send 64 bits without quotes. */
function withAllDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? context?.source : value;
}

function valuesOf(
  field: JsonField,
  column: JsonColumn,
  dictionaries: ReadonlyMap<number, JsonColumn>,
): readonly Value[] {
  const { dictionary, ...plain } = field;
  let at: (row: number) => Value;
  if (dictionary !== undefined) {
    const values = valuesOf(plain, dictionaries.get(dictionary.id)!, dictionaries);
    at = (row) => values[Number(column.DATA![row])]!;
  } else if (field.type.name === "union") {
    at = () => null; // Refused before a value is looked at.
  } else {
    const children = field.children.map((child, i) => valuesOf(child, column.children![i]!, dictionaries));
    at =
      field.type.name === "runendencoded" ? inRuns(children) : (row) => cellOf(field, column, children, row);
  }
  return Array.from({ length: column.count }, (_, row) => (column.VALIDITY?.[row] === 0 ? null : at(row)));
}

function inRuns([ends, values]: readonly (readonly Value[])[]): (row: number) => Value {
  return (row) => values![ends!.findIndex((end) => Number(end) > row)]!;
}

function cellOf(
  { type }: JsonField,
  { DATA, OFFSET, SIZE, VIEWS, VARIADIC_DATA_BUFFERS }: JsonColumn,
  children: readonly (readonly Value[])[],
  row: number,
): Value {
  const raw = DATA?.[row];
  switch (type.name) {
    case "null":
      return null;
    case "bool":
      return Boolean(raw);
    case "int":
      return type.bitWidth === 64 ? BigInt(String(raw)) : Number(raw);
    case "floatingpoint":
      return Number(raw);
    case "decimal":
    case "timestamp":
    case "duration":
      return BigInt(String(raw));
    case "date":
      return type.unit === "DAY" ? Number(raw) : BigInt(String(raw));
    case "time":
      return type.bitWidth === 32 ? Number(raw) : BigInt(String(raw));
    case "interval":
      return intervalOf(raw);
    case "utf8":
    case "largeutf8":
      return String(raw);
    case "binary":
    case "largebinary":
    case "fixedsizebinary":
      return bytesOf(String(raw));
    case "utf8view":
      return textOf(VIEWS![row]!, VARIADIC_DATA_BUFFERS!);
    case "binaryview":
      return bytesOf(hexOf(VIEWS![row]!, VARIADIC_DATA_BUFFERS!));
    case "list":
    case "largelist":
    case "map":
      return children[0]!.slice(Number(OFFSET![row]), Number(OFFSET![row + 1]));
    case "listview":
    case "largelistview":
      return children[0]!.slice(Number(OFFSET![row]), Number(OFFSET![row]) + Number(SIZE![row]));
    case "fixedsizelist":
      return children[0]!.slice(row * type.listSize!, (row + 1) * type.listSize!);
    case "struct":
      return children.map((child) => child[row]!);
    default:
      throw new Error(`the oracle does not know the type ${type.name}`);
  }
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

function textOf(view: JsonView, buffers: readonly string[]): string {
  return "INLINED" in view ? view.INLINED : new TextDecoder().decode(bytesOf(hexOf(view, buffers)));
}

function hexOf(view: JsonView, buffers: readonly string[]): string {
  if ("INLINED" in view) return view.INLINED;
  return buffers[view.BUFFER_INDEX]!.slice(2 * view.OFFSET, 2 * (view.OFFSET + view.SIZE));
}

function intervalOf(raw: unknown): Value {
  if (typeof raw === "number") return raw;
  const { months, days, milliseconds, nanoseconds } = raw as Record<string, number>; // As the format writes it.
  return nanoseconds === undefined ? [days!, milliseconds!] : [months!, days!, BigInt(String(nanoseconds))];
}
