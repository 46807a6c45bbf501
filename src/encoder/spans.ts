/** Value `i` of variable length reaches from `starts[i]` up to `ends[i]`; both are checked. */
export interface Spans {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** No value reaches beyond it. */
  readonly end: number;
}
