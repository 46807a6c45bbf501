/**
 * One Arrow record batch as it came over the wire, nothing copied out of it:
 * the lengths and buffer positions of its IPC header, and the body they point
 * into. Nodes and buffers stand in the pre-order of the schema's fields.
 */
export interface ArrowBatch {
  readonly rowCount: number;
  readonly nodes: readonly ArrowNode[];
  readonly buffers: readonly ArrowBuffer[];
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
