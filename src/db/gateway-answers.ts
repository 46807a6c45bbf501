/** 64-bit numbers of answers in JSON are strings. */
type Text64 = string;

/** A shape as all gateways have it in memory, and the table that clients make for it. */
export interface ShapeForm {
  readonly shape_id: number;
  readonly name: string;
  /** As SQL spells it: "public.todos". */
  readonly table: string;
  readonly mode: "rows" | "blocks";
  readonly dataset: string | null;
  readonly state: "live" | "failed";
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
  readonly definition: string;
  readonly table_definition: string;
  /** What one frame may bring of it. */
  readonly most_bytes: number;
  readonly published_state: string;
  readonly floor: Text64 | null;
  /** Bound columns, in the order of an instance's key. */
  readonly bound: readonly string[];
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly ddl: readonly string[];
  readonly block_column: string | null;
  /** The list of columns that `shape_rows` is read with. */
  readonly row_type: string;
}

export interface Definitions {
  readonly definitions: string;
  /** Of tenants that have a limit: bytes a second. */
  readonly rates: Readonly<Record<string, Text64>>;
  readonly shapes: readonly ShapeForm[];
}

export interface DirtyTable {
  readonly table: string;
  /** Null: of none. */
  readonly shapes: readonly number[] | null;
  /** Shapes whose rows in the ranges are more than a frame may bring. */
  readonly large: readonly number[];
  readonly ranges: readonly (readonly [Text64, Text64 | null])[];
}

/** What lies in the log above what the sessions of a reading have. */
export interface LogPage {
  readonly head: Text64;
  /** The last position of this page. */
  readonly to: Text64;
  /** Of the position that it begins at, and of that of blocks. */
  readonly stamp: Text64 | null;
  readonly blocks_stamp: Text64 | null;
  readonly to_stamp: Text64 | null;
  readonly head_stamp: Text64 | null;
  readonly at: string | null;
  readonly now: string;
  readonly schema: string;
  readonly definitions: string;
  /** The rows of this page may be more than a frame may hold. */
  readonly too_large: boolean;
  readonly entries: readonly {
    readonly position: Text64;
    readonly kind: "schema" | "floor";
    readonly mode: "rows" | "blocks";
    readonly shapes: readonly number[];
    /** The version of the schema from there on. */
    readonly schema: string;
    readonly migration: string | null;
    /** By shape: how its clients follow; null: not by statements. */
    readonly statements: Readonly<Record<string, readonly string[]>> | null;
  }[];
  readonly blocks: readonly DirtyTable[];
  readonly datasets: readonly {
    readonly dataset: string;
    readonly cut: Text64 | null;
    readonly tables: Readonly<Record<string, Text64 | null>>;
  }[];
  /** Transactions that clients sent. */
  readonly own: readonly { readonly position: Text64; readonly client: string; readonly tx: string }[];
  readonly low: Readonly<Record<string, Text64>>;
}

/** A row of a transaction that its author has but for `set`, a JSON object. */
export interface OwnRow {
  readonly position: bigint;
  readonly shape_id: number;
  readonly key: string;
  readonly set: string;
}

/** What is asked of a load: which transactions of its client it settles. */
export interface Settling {
  readonly client: string;
  readonly awaiting: readonly string[];
  readonly last_seq: Text64;
  /** The snapshots that its rows were read in. */
  readonly visible: readonly string[];
}

export interface ChangeRow {
  readonly position: bigint;
  readonly seq: number;
  readonly shape_id: number;
  readonly operation: string;
  /** The instance that held the old row, and the one that holds the new one. */
  readonly was: string | null;
  readonly is: string | null;
  /** Of the row: a JSON array of texts; null: of a TRUNCATE. */
  readonly key: string | null;
  /** The new row as a JSON object. */
  readonly data: string | null;
  /** Columns that `data` lacks. */
  readonly unchanged: readonly string[] | null;
}

/** What becomes of a wish. */
export interface WishAnswer {
  readonly id: string;
  readonly shape_id: number | null;
  readonly mode: "resume" | "load" | "failed";
  readonly table: string | null;
  readonly reason: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly hint: string | null;
  readonly definition: string | null;
  readonly keys: readonly string[];
  /** The whole table is replaced, whatever else of it is there. */
  readonly whole: boolean;
  /** Its table is not there yet. */
  readonly waits: boolean;
  /** Refused, and what the client has of it is not its own any more. */
  readonly ends?: boolean;
}

export interface Opened {
  readonly generation: Text64;
  readonly epoch: string;
  readonly head: Text64;
  readonly now: string;
  readonly schema: string;
  readonly last_seq: Text64;
  readonly unknown: readonly string[];
  /** Awaited, and at or below its position. */
  readonly passed: readonly string[];
  readonly definitions: string;
  readonly shapes: readonly WishAnswer[];
}

export interface Resolved {
  readonly definitions: string;
  readonly shapes: readonly WishAnswer[];
}

/** A moment of the database, and what was visible in it. */
export interface LogPoint {
  readonly epoch: string;
  readonly position: Text64;
  readonly visible: string;
}

/** Rows of the instances of a shape, and their sum. */
export interface TableSums {
  readonly shape_id: number;
  readonly columns: readonly string[];
  readonly low: Text64 | null;
  readonly rows: Text64;
  readonly sum: string;
}

export interface Prepared {
  readonly key: string;
  /** The gateway reads these rows itself. */
  readonly small: boolean;
  readonly snapshot: string;
  readonly state: "queued" | "building" | "ready" | "failed";
  /** Why it could not be made. */
  readonly error: { readonly code?: string; readonly message?: string; readonly hint?: string | null } | null;
  /** The form of the table that its chunks are of. */
  readonly form: string;
  readonly epoch: string;
  readonly position: Text64;
  readonly settled: Text64 | null;
  /** The lowest position whose entry it may not hold. */
  readonly since: Text64 | null;
  readonly visible: string;
  readonly rows: Text64;
  readonly checksum: string | null;
  readonly chunks: readonly {
    readonly n: number;
    readonly rows: number;
    readonly bytes: number;
    readonly xxh64: string;
  }[];
}

/** A shape whose table somebody has locked altogether. */
export interface LockedShape {
  readonly shape_id: number;
  readonly table: string;
  /** Who has it, or waits for it; 0: a prepared transaction. */
  readonly pids: readonly number[];
}

/** How far that is which clients of a shape wait for. */
export interface LoadProgress {
  readonly shape_id: number;
  /** The instance whose snapshot is made; null: the table is filled. */
  readonly key: string | null;
  readonly done: Text64;
  /** Null: nobody knows. */
  readonly of: Text64 | null;
}

export interface ToClose {
  readonly client: string;
  readonly why: string;
}
