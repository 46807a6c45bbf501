import type { ArrowBatch, ArrowBuffer, ArrowDictionary, ArrowNode } from "../../../src/arrow/batch.ts";
import type { ArrowInt, ArrowType, BytesLayout, ListLayout } from "../../../src/arrow/type.ts";

/**
 * A value as tests write it: numbers for floats and up to 32 bits, bigints for
 * 64-bit integers, unscaled decimals and temporal values of 64 bits; intervals as
 * lists of their parts; maps as lists of pairs. Dictionaries and runs are written
 * as what they decode to.
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | readonly Value[] | Struct;
export interface Struct {
  readonly [name: string]: Value;
}

export interface LayoutOptions {
  readonly junkUnderNulls?: boolean;
  readonly sliced?: boolean;
}

const VIEW_BYTES = 16;
const MAX_INLINE_BYTES = 12;

/** Lays values out by the Arrow format, field by field. */
export class Layout {
  readonly dictionaries: ArrowDictionary[] = [];
  readonly #options: LayoutOptions;
  readonly #nodes: ArrowNode[] = [];
  readonly #buffers: ArrowBuffer[] = [];
  readonly #variadicCounts: number[] = [];
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(options: LayoutOptions) {
    this.#options = options;
  }

  batch(rowCount: number): ArrowBatch {
    const body = new Uint8Array(this.#length);
    this.#parts.forEach((part, i) => {
      body.set(part, this.#buffers[i]!.offset);
    });
    return {
      rowCount,
      nodes: this.#nodes,
      buffers: this.#buffers,
      variadicCounts: this.#variadicCounts,
      body,
    };
  }

  add(type: ArrowType, values: readonly Value[]): void {
    if (type.kind === "dictionary") {
      this.#dictionary(type.id, type.index, type.value, values);
      return;
    }
    if (type.kind === "runEndEncoded") {
      this.#runs(type.runEnds, type.value.type, values);
      return;
    }
    const nullCount = values.filter((value) => value === null).length;
    this.#nodes.push({ length: values.length, nullCount });
    if (type.kind === "null") {
      return;
    }
    this.#buffer(nullCount === 0 ? new Uint8Array() : bits(values.map((value) => value !== null)));
    switch (type.kind) {
      case "bool":
        this.#buffer(bits(values.map((value) => value === true)));
        break;
      case "utf8":
      case "binary":
        this.#bytes(type.layout, values);
        break;
      case "list":
        this.#list(type.layout, type.item.type, values.map(listOrNull));
        break;
      case "fixedSizeList":
        this.add(
          type.item.type,
          values.flatMap((value) => listOrNull(value) ?? Array<Value>(type.size).fill(null)),
        );
        break;
      case "map":
        this.#map(type.key.type, type.value.type, values.map(listOrNull));
        break;
      case "struct":
        type.fields.forEach(({ name, type: member }, i) => {
          this.add(
            member,
            values.map((value) => memberOf(value, name, i)),
          );
        });
        break;
      case "union":
        throw new TypeError("unions are never laid out");
      default:
        this.#fixed(type, values);
    }
  }

  #fixed(type: ArrowType, values: readonly Value[]): void {
    const width = widthOf(type);
    const bytes = new Uint8Array(width * values.length);
    values.forEach((value, i) => {
      if (value !== null) {
        bytes.set(fixedBytes(type, value, width), i * width);
      } else if (this.#options.junkUnderNulls) {
        bytes.fill(0x7f, i * width, (i + 1) * width);
      }
    });
    this.#buffer(bytes);
  }

  #bytes(layout: BytesLayout, values: readonly Value[]): void {
    const junk = new TextEncoder().encode(this.#options.junkUnderNulls ? "junk\0" : "");
    const bytes = values.map((value) => {
      if (value === null) return junk;
      return typeof value === "string" ? new TextEncoder().encode(value) : bytesOf(value);
    });
    if (layout === "view") {
      this.#views(
        values.map((value) => value === null),
        bytes,
      );
      return;
    }
    const before = new TextEncoder().encode(this.#options.sliced ? "before\0" : "");
    this.#offsets(
      layout === "large",
      before.length,
      bytes.map((value) => value.length),
    );
    this.#buffer(concat([before, ...bytes, before]));
  }

  /** Long values lie in two buffers in turns. */
  #views(isNull: readonly boolean[], values: readonly Uint8Array[]): void {
    const views = new DataView(new ArrayBuffer(VIEW_BYTES * values.length));
    const long: Uint8Array[][] = [[], []];
    const filled = [0, 0];
    values.forEach((value, i) => {
      const at = VIEW_BYTES * i;
      if (isNull[i]) {
        new Uint8Array(views.buffer, at, VIEW_BYTES).fill(this.#options.junkUnderNulls ? 0x7f : 0);
        return;
      }
      views.setInt32(at, value.length, true);
      if (value.length <= MAX_INLINE_BYTES) {
        new Uint8Array(views.buffer, at + 4, value.length).set(value);
        return;
      }
      const number = i % 2;
      new Uint8Array(views.buffer, at + 4, 4).set(value.subarray(0, 4));
      views.setInt32(at + 8, number, true);
      views.setInt32(at + 12, filled[number]!, true);
      long[number]!.push(value);
      filled[number]! += value.length;
    });
    this.#buffer(new Uint8Array(views.buffer));
    this.#variadicCounts.push(long.length);
    for (const parts of long) {
      this.#buffer(concat(parts));
    }
  }

  #list(layout: ListLayout, item: ArrowType, values: readonly (readonly Value[] | null)[]): void {
    const lists = values.map((list) => list ?? (this.#options.junkUnderNulls ? [null] : []));
    const around: Value[] = this.#options.sliced ? [null, null] : [];
    const large = layout === "large" || layout === "largeView";
    const lengths = lists.map((list) => list.length);
    if (layout === "offsets" || layout === "large") {
      this.#offsets(large, around.length, lengths);
      this.add(item, [...around, ...lists.flat(), ...around]);
      return;
    }
    // Views may stand in any order: these stand backwards.
    const starts: number[] = [];
    let start = around.length;
    for (let i = lists.length - 1; i >= 0; i--) {
      starts[i] = start;
      start += lengths[i]!;
    }
    this.#positions(large, starts);
    this.#positions(large, lengths);
    this.add(item, [...around, ...lists.toReversed().flat(), ...around]);
  }

  #map(key: ArrowType, value: ArrowType, values: readonly (readonly Value[] | null)[]): void {
    const pairs = values.map((map) => (map ?? []).map((pair) => listOrNull(pair)!));
    this.#offsets(
      false,
      0,
      pairs.map((map) => map.length),
    );
    const entries = pairs.flat();
    this.#nodes.push({ length: entries.length, nullCount: 0 });
    this.#buffer(new Uint8Array());
    this.add(
      key,
      entries.map(([each]) => each!),
    );
    this.add(
      value,
      entries.map(([, each]) => each!),
    );
  }

  /** Equal values share an index; NULLs are in turns indices that are NULL and indices of a NULL. */
  #dictionary(id: bigint, index: ArrowInt, type: ArrowType, values: readonly Value[]): void {
    const distinct: Value[] = [null];
    const seen = new Map<string, number>();
    const indices = values.map((value, row): Value => {
      if (value === null) {
        return wide(index, row % 2 === 0 ? 0 : null);
      }
      const key = keyOf(value);
      const found = seen.get(key) ?? distinct.push(value) - 1;
      seen.set(key, found);
      return wide(index, found);
    });
    this.add(index, indices);
    const whole = new Layout(this.#options);
    whole.add(type, distinct);
    this.dictionaries.push(...whole.dictionaries);
    // The values of one that has dictionaries inside share them, so they come at once.
    const cut = whole.dictionaries.length > 0 ? distinct.length : Math.min(2, distinct.length);
    [distinct.slice(0, cut), distinct.slice(cut)].forEach((part, i) => {
      const layout = new Layout(this.#options);
      layout.add(type, part);
      if (i === 0 || part.length > 0) {
        this.dictionaries.push({ id, isDelta: i > 0, batch: layout.batch(part.length) });
      }
    });
  }

  #runs(runEnds: ArrowInt, type: ArrowType, values: readonly Value[]): void {
    this.#nodes.push({ length: values.length, nullCount: 0 });
    const ends: Value[] = [];
    const runs: Value[] = [];
    values.forEach((value, row) => {
      if (row + 1 === values.length || keyOf(values[row + 1]!) !== keyOf(value)) {
        const beyond = this.#options.sliced && row + 1 === values.length ? 3 : 0;
        ends.push(wide(runEnds, row + 1 + beyond));
        runs.push(value);
      }
    });
    this.add(runEnds, ends);
    this.add(type, runs);
  }

  #offsets(large: boolean, from: number, lengths: readonly number[]): void {
    const offsets = [from];
    for (const length of lengths) {
      offsets.push(offsets.at(-1)! + length);
    }
    this.#positions(large, offsets);
  }

  #positions(large: boolean, positions: readonly number[]): void {
    const array = large ? BigInt64Array.from(positions.map(BigInt)) : Int32Array.from(positions);
    this.#buffer(new Uint8Array(array.buffer));
  }

  #buffer(bytes: Uint8Array): void {
    this.#buffers.push({ offset: this.#length, length: bytes.length });
    this.#parts.push(bytes);
    this.#length += Math.ceil(bytes.length / 8) * 8;
  }
}

function bits(values: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    bytes[i >> 3]! |= value ? 1 << (i & 7) : 0;
  });
  return bytes;
}

function widthOf(type: ArrowType): number {
  switch (type.kind) {
    case "int":
    case "float":
    case "decimal":
      return type.bits / 8;
    case "fixedSizeBinary":
      return type.width;
    case "date":
      return type.unit === "day" ? 4 : 8;
    case "time":
      return type.unit === "s" || type.unit === "ms" ? 4 : 8;
    case "timestamp":
    case "duration":
      return 8;
    case "interval":
      return { yearMonth: 4, dayTime: 8, monthDayNano: 16 }[type.unit];
    default:
      throw new TypeError(`no width of ${type.kind}`);
  }
}

function fixedBytes(type: ArrowType, value: Value, width: number): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (type.kind === "float") return floatBytes(type.bits, Number(value));
  if (type.kind === "interval" && type.unit !== "yearMonth") {
    const [first, second, third] = listOrNull(value)!;
    const parts = [littleEndian(first!, 4), littleEndian(second!, 4)];
    return concat(third === undefined ? parts : [...parts, littleEndian(third, 8)]);
  }
  return littleEndian(value, width);
}

function floatBytes(size: 16 | 32 | 64, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(size / 8));
  if (size === 16) view.setFloat16(0, value, true);
  if (size === 32) view.setFloat32(0, value, true);
  if (size === 64) view.setFloat64(0, value, true);
  return new Uint8Array(view.buffer);
}

function littleEndian(value: Value, width: number): Uint8Array {
  if (typeof value !== "bigint" && typeof value !== "number") {
    throw new TypeError(`no number: ${String(value)}`);
  }
  const bytes = new Uint8Array(width);
  let rest = BigInt(value);
  for (let i = 0; i < width; i++) {
    bytes[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
  return bytes;
}

/** An index in the form that its type wants. */
function wide({ bits: size }: ArrowInt, index: number | null): Value {
  return index !== null && size === 64 ? BigInt(index) : index;
}

/** Tells values apart. */
function keyOf(value: Value): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === "bigint") return `${each}n`;
    if (typeof each === "number") return Object.is(each, -0) ? "-0" : String(each);
    return each instanceof Uint8Array ? [...each] : each;
  });
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function bytesOf(value: Value): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError(`no bytes: ${String(value)}`);
  return value;
}

function listOrNull(value: Value): readonly Value[] | null {
  if (value === null) return null;
  if (!Array.isArray(value)) throw new TypeError(`no list: ${String(value)}`);
  return value;
}

/** By name, or by position where the struct is written as a list. */
function memberOf(value: Value, name: string, i: number): Value {
  if (value === null) return null;
  if (Array.isArray(value)) return value[i];
  return (value as Struct)[name]!; // Array.isArray does not narrow readonly arrays away.
}
