/** Tables of a raw EVM dataset, which most of our sources offer. */
export const EVM_TABLES = ["blocks", "logs", "transactions"] as const;

export type EvmTable = (typeof EVM_TABLES)[number];

/** In which column each table holds the hash of its block. */
export const HASH_COLUMNS: Readonly<Record<EvmTable, string>> = {
  blocks: "hash",
  logs: "block_hash",
  transactions: "block_hash",
};
