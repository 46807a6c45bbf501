/**
 * One Arrow record batch: the lengths and buffer positions of its IPC header, and the
 * body that they point into, a copy where it was compressed or not aligned. Nodes
 * and buffers are in the pre-order of the schema's fields.
 */
export interface ArrowBatch {
  readonly rowCount: number;
  readonly nodes: readonly ArrowNode[];
  readonly buffers: readonly ArrowBuffer[];
  /** For each field of view layout, how many buffers of values follow its views. */
  readonly variadicCounts: readonly number[];
  /** `byteOffset` is a multiple of 8, so that typed arrays can be laid over the buffers. */
  readonly body: Uint8Array;
}

export interface ArrowNode {
  readonly length: number;
  readonly nullCount: number;
}

/** Bytes `offset .. offset + length` of the body. */
export interface ArrowBuffer {
  readonly offset: number;
  readonly length: number;
}

/** Values for the dictionary columns of an id: a batch of one column of the value type. */
export interface ArrowDictionary {
  readonly id: bigint;
  /** The values are added to those of the dictionary; otherwise they replace them. */
  readonly isDelta: boolean;
  readonly batch: ArrowBatch;
}
