import type { Schema } from "apache-arrow";

import type { BlockRange } from "../../model/block-range.ts";
import { encodeValues } from "../arrow/encode-values.ts";
import { type EncodedBatch, encodeBatch, schemaMessage } from "../arrow/ipc.ts";
import type { Faults } from "../faults.ts";
import { appMetadata } from "./app-metadata.ts";
import type { Outgoing } from "./outgoing.ts";

/** The messages of one answer: a schema, then record batches that all say which blocks they speak of. */
export class Answer {
  readonly #out: Outgoing;
  readonly #schema: Schema;
  readonly #faults: Faults;
  readonly #empty: EncodedBatch;
  #schemaSent = false;

  constructor(out: Outgoing, schema: Schema, faults: Faults) {
    this.#out = out;
    this.#schema = schema;
    this.#faults = faults;
    this.#empty = encodeBatch(
      0,
      schema.fields.map((field) => encodeValues(field.type, [])),
    );
  }

  async schema(): Promise<void> {
    if (!this.#schemaSent) {
      this.#schemaSent = true;
      await this.#out.send({ dataHeader: schemaMessage(this.#schema) });
    }
  }

  async rows(batch: EncodedBatch, ranges: readonly BlockRange[]): Promise<void> {
    await this.#batch(batch, ranges, false);
  }

  /** A batch without rows: a keep-alive, or an empty result. */
  async noRows(ranges: readonly BlockRange[]): Promise<void> {
    await this.#batch(this.#empty, ranges, false);
  }

  /** Everything of these ranges was sent. */
  async watermark(ranges: readonly BlockRange[]): Promise<void> {
    await this.#batch(this.#empty, ranges, true);
  }

  async #batch(batch: EncodedBatch, ranges: readonly BlockRange[], complete: boolean): Promise<void> {
    await this.schema();
    const { dataHeader, dataBody } = batch;
    await this.#out.send({ dataHeader, dataBody, appMetadata: appMetadata(ranges, complete, this.#faults) });
  }
}
