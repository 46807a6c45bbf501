/** What a range of blocks must hold, described without its rows. */
export interface Ledger {
  readonly rows: number;
  /** The xor of the last 8 bytes of each `_id`, read as int8: big-endian and signed. */
  readonly idXor: bigint;
}
