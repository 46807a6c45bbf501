/** A query whose rows are given again after each step that changes them. */
export type Live = <T>(sql: string, onRows: (rows: readonly T[]) => void) => Promise<void>;
