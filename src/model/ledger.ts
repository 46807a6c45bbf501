/** What a range of blocks must hold, told without its rows. */
export interface Ledger {
  readonly rows: number;
  /** The xor of the last 8 bytes of their `_id`, as int8 reads them: big-endian and signed. */
  readonly idXor: bigint;
}
