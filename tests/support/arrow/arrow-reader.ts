import type { ArrowBatch, ArrowDictionary } from "../../../src/arrow/batch.ts";
import type { ArrowType } from "../../../src/arrow/type.ts";
import type { Value } from "./arrow-layout.ts";

/**
 * The values of a batch, read plainly by the Arrow format, one by one and without
 * anything of the encoder. Only for batches that the encoder accepted: nothing is
 * checked here.
 */
export class ArrowReader {
  readonly #batch: ArrowBatch;
  readonly #dictionaries: ReadonlyMap<bigint, readonly ArrowBatch[]>;
  readonly #view: DataView;
  #node = 0;
  #buffer = 0;
  #variadic = 0;

  constructor(batch: ArrowBatch, dictionaries: ReadonlyMap<bigint, readonly ArrowBatch[]>) {
    this.#batch = batch;
    this.#dictionaries = dictionaries;
    this.#view = new DataView(batch.body.buffer, batch.body.byteOffset, batch.body.byteLength);
  }

  /** The values of the next field. */
  column(type: ArrowType): readonly Value[] {
    const { length, nullCount } = this.#batch.nodes[this.#node++]!;
    const each = (value: (row: number) => Value) => Array.from({ length }, (_, row) => value(row));
    if (type.kind === "null") {
      return each(() => null);
    }
    if (type.kind === "runEndEncoded") {
      const ends = this.column(type.runEnds);
      const values = this.column(type.value.type);
      return each((row) => values[ends.findIndex((end) => Number(end) > row)]!);
    }
    const validity = this.#next();
    const valid = (row: number) => nullCount === 0 || this.#bit(validity, row);
    const rows = (value: (row: number) => Value) => each((row) => (valid(row) ? value(row) : null));
    switch (type.kind) {
      case "dictionary": {
        const at = this.#next();
        const values = (this.#dictionaries.get(type.id) ?? []).flatMap((batch) =>
          new ArrowReader(batch, this.#dictionaries).column(type.value),
        );
        return rows((row) => values[Number(this.#int(at, row, type.index.bits / 8, type.index.signed))]!);
      }
      case "bool": {
        const at = this.#next();
        return rows((row) => this.#bit(at, row));
      }
      case "utf8":
      case "binary": {
        const bytes = this.#bytes(type.layout);
        return rows((row) =>
          type.kind === "utf8"
            ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(row))
            : bytes(row),
        );
      }
      case "list": {
        const large = type.layout === "large" || type.layout === "largeView" ? 8 : 4;
        const first = this.#next();
        const sizes = type.layout === "view" || type.layout === "largeView" ? this.#next() : null;
        const items = this.column(type.item.type);
        return rows((row) => {
          const start = Number(this.#int(first, row, large, true));
          const end =
            sizes === null
              ? Number(this.#int(first, row + 1, large, true))
              : start + Number(this.#int(sizes, row, large, true));
          return items.slice(start, end);
        });
      }
      case "fixedSizeList": {
        const items = this.column(type.item.type);
        return rows((row) => items.slice(row * type.size, (row + 1) * type.size));
      }
      case "struct": {
        const members = type.fields.map((field) => this.column(field.type));
        return rows((row) => members.map((member) => member[row]!));
      }
      case "map": {
        const first = this.#next();
        this.#node++;
        this.#next();
        const keys = this.column(type.key.type);
        const values = this.column(type.value.type);
        return rows((row) => {
          const start = Number(this.#int(first, row, 4, true));
          const end = Number(this.#int(first, row + 1, 4, true));
          return keys.slice(start, end).map((key, i) => [key, values[start + i]!]);
        });
      }
      case "union":
        throw new Error("unions are refused");
      default: {
        const at = this.#next();
        return rows((row) => this.#fixed(type, at, row));
      }
    }
  }

  #fixed(type: ArrowType, at: number, row: number): Value {
    switch (type.kind) {
      case "int":
        return number(this.#int(at, row, type.bits / 8, type.signed), type.bits);
      case "float":
        if (type.bits === 16) return this.#view.getFloat16(at + 2 * row, true);
        return type.bits === 32
          ? this.#view.getFloat32(at + 4 * row, true)
          : this.#view.getFloat64(at + 8 * row, true);
      case "decimal":
        return this.#int(at, row, type.bits / 8, true);
      case "fixedSizeBinary":
        return this.#batch.body.slice(at + row * type.width, at + (row + 1) * type.width);
      case "date":
        return type.unit === "day" ? number(this.#int(at, row, 4, true), 32) : this.#int(at, row, 8, true);
      case "time":
        return type.unit === "s" || type.unit === "ms"
          ? number(this.#int(at, row, 4, true), 32)
          : this.#int(at, row, 8, true);
      case "timestamp":
      case "duration":
        return this.#int(at, row, 8, true);
      case "interval": {
        const part = (i: number, parts: number) => Number(this.#int(at, parts * row + i, 4, true));
        if (type.unit === "yearMonth") return part(0, 1);
        if (type.unit === "dayTime") return [part(0, 2), part(1, 2)];
        return [part(0, 4), part(1, 4), this.#int(at, 2 * row + 1, 8, true)];
      }
      default:
        throw new Error(`${type.kind} has no fixed width`);
    }
  }

  #bytes(layout: "offsets" | "large" | "view"): (row: number) => Uint8Array {
    const { body, buffers } = this.#batch;
    const at = this.#next();
    if (layout === "view") {
      const first = this.#buffer;
      this.#buffer += this.#batch.variadicCounts[this.#variadic++]!;
      return (row) => {
        const view = at + 16 * row;
        const length = this.#view.getInt32(view, true);
        const from =
          length <= 12
            ? view + 4
            : buffers[first + this.#view.getInt32(view + 8, true)]!.offset +
              this.#view.getInt32(view + 12, true);
        return body.slice(from, from + length);
      };
    }
    const width = layout === "large" ? 8 : 4;
    const values = this.#next();
    return (row) =>
      body.slice(
        values + Number(this.#int(at, row, width, true)),
        values + Number(this.#int(at, row + 1, width, true)),
      );
  }

  /** Where the next buffer begins. */
  #next(): number {
    return this.#batch.buffers[this.#buffer++]!.offset;
  }

  #bit(at: number, row: number): boolean {
    return ((this.#view.getUint8(at + (row >> 3)) >> (row & 7)) & 1) === 1;
  }

  #int(at: number, index: number, width: number, signed: boolean): bigint {
    let value = 0n;
    for (let i = width - 1; i >= 0; i--) {
      value = (value << 8n) | BigInt(this.#view.getUint8(at + index * width + i));
    }
    return signed ? BigInt.asIntN(8 * width, value) : value;
  }
}

function number(value: bigint, bits: number): Value {
  return bits === 64 ? value : Number(value);
}

export function takeDictionary(
  dictionaries: Map<bigint, readonly ArrowBatch[]>,
  { id, isDelta, batch }: ArrowDictionary,
): void {
  dictionaries.set(id, isDelta ? [...(dictionaries.get(id) ?? []), batch] : [batch]);
}
