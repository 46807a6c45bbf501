import { type DataType, Field, Message, Schema, tableFromIPC, tableToIPC } from "apache-arrow";

import type { ArrowBatch, ArrowDictionary } from "../../../src/arrow/batch.ts";
import { decodeMessage } from "../../../src/arrow/message.ts";
import type { ArrowSchema, ArrowType } from "../../../src/arrow/type.ts";
import { Layout, type Value } from "./arrow-layout.ts";
import { type ArrowStream, readStream, writeStream } from "./arrow-messages.ts";

export type { Value } from "./arrow-layout.ts";

export interface TestColumn {
  readonly name: string;
  /** A type of apache-arrow, or one of our own, which knows all types. */
  readonly type: DataType | ArrowType;
  readonly nullable?: boolean;
  readonly values: readonly Value[];
}

export interface BuildOptions {
  /** Let NULLs of variable length own bytes and items that nobody may look at. */
  readonly junkUnderNulls?: boolean;
  /** Lay out as after a slice: offsets begin behind 0, and children have values that no row owns. */
  readonly sliced?: boolean;
}

export interface BuiltBatch {
  readonly schema: ArrowSchema;
  readonly batch: ArrowBatch;
  /** To be taken before the batch. */
  readonly dictionaries: readonly ArrowDictionary[];
}

/** Lays columns out as one record batch, by the Arrow format and without apache-arrow's builders. */
export function buildBatch(columns: readonly TestColumn[], options: BuildOptions = {}): BuiltBatch {
  const layout = new Layout(options);
  const fields = columns.map(({ name, type, nullable, values }) => {
    const own = arrowType(type);
    layout.add(own, values);
    return { name, type: own, nullable: nullable ?? true };
  });
  const batch = layout.batch(columns[0]?.values.length ?? 0);
  return { schema: { fields }, batch, dictionaries: layout.dictionaries };
}

/** apache-arrow's description of a type as our own, by way of a message. */
function arrowType(type: DataType | ArrowType): ArrowType {
  return "kind" in type ? type : arrowSchema(new Schema([new Field("x", type, true)])).fields[0]!.type;
}

export function arrowSchema(schema: Schema): ArrowSchema {
  const nothing = new Uint8Array();
  const header = Message.encode(Message.from(schema));
  const decoded = decodeMessage({ header, body: nothing });
  if (decoded?.kind !== "schema") throw new Error("no schema");
  return decoded.schema;
}

export function streamOf({ schema, batch, dictionaries }: BuiltBatch): ArrowStream {
  return {
    schema,
    messages: [
      ...dictionaries.map((dictionary) => ({ kind: "dictionary" as const, dictionary })),
      { kind: "batch" as const, batch },
    ],
  };
}

/** Rows `from` up to `to` as apache-arrow slices and writes them. */
export function sliceBatch(built: BuiltBatch, from: number, to: number): ArrowStream {
  const table = tableFromIPC(writeStream(streamOf(built)));
  return readStream(tableToIPC(table.slice(from, to), "stream"));
}
