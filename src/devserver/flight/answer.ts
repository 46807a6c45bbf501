import type { Schema } from "apache-arrow";

import type { BlockRange } from "../../protocol/block-range.ts";
import { encodeValues } from "../arrow/encode-values.ts";
import { type EncodedBatch, encodeBatch, schemaMessage } from "../arrow/ipc.ts";
import type { Misbehaviour } from "../misbehaviour.ts";
import { appMetadata } from "./app-metadata.ts";
import { Breaks } from "./breaks.ts";
import type { Outgoing } from "./outgoing.ts";

export type AnswerKind = "stream" | "batch";

/** The messages of one answer: a schema, then record batches, each with the range of its blocks. */
export class Answer {
  readonly #out: Outgoing;
  readonly #schema: Schema;
  readonly #kind: AnswerKind;
  readonly #misbehaviour: () => Readonly<Misbehaviour>;
  readonly #breaks: Breaks;
  readonly #empty: EncodedBatch;
  #schemaSent = false;

  constructor(out: Outgoing, schema: Schema, kind: AnswerKind, misbehaviour: () => Readonly<Misbehaviour>) {
    this.#out = out;
    this.#kind = kind;
    this.#schema = schema;
    this.#misbehaviour = misbehaviour;
    this.#breaks = new Breaks(misbehaviour, out.signal);
    this.#empty = encodeBatch(
      0,
      schema.fields.map((field) => encodeValues(field.type, [])),
    );
  }

  async schema(): Promise<void> {
    if (!this.#schemaSent) {
      this.#schemaSent = true;
      await this.#breaks.before();
      await this.#out.send({ header: schemaMessage(this.#schema) });
      this.#breaks.after(0, false);
    }
  }

  async rows(batch: EncodedBatch, ranges: readonly BlockRange[]): Promise<void> {
    await this.#batch(batch, ranges, false);
  }

  /** A batch without rows: a keep-alive, or an empty result. */
  async noRows(ranges: readonly BlockRange[]): Promise<void> {
    await this.#batch(this.#empty, ranges, false);
  }

  /** Says that all rows of these ranges were sent. */
  async watermark(ranges: readonly BlockRange[]): Promise<void> {
    if (this.#kind === "stream" || this.#misbehaviour().generation === "2026") {
      await this.#batch(this.#empty, ranges, true);
    }
  }

  /** Says that the chain has no blocks yet. */
  async noData(): Promise<void> {
    await this.schema();
    if (this.#misbehaviour().generation === "2026") {
      await this.watermark([]);
    }
  }

  async #batch(batch: EncodedBatch, ranges: readonly BlockRange[], complete: boolean): Promise<void> {
    await this.schema();
    await this.#breaks.before();
    const { header, body } = batch;
    await this.#out.send({ header, body, appMetadata: this.#metadata(ranges, complete) });
    this.#breaks.after(batch.rows, complete);
  }

  #metadata(ranges: readonly BlockRange[], complete: boolean): Uint8Array {
    const misbehaviour = this.#misbehaviour();
    if (this.#kind === "stream") {
      return appMetadata(ranges, complete, misbehaviour);
    }
    return misbehaviour.generation === "2026"
      ? appMetadata(ranges, complete, { ...misbehaviour, falseMetadata: null })
      : NOTHING;
  }
}

const NOTHING = new Uint8Array(0);
