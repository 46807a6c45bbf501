import { op } from "./ops.ts";
import {
  type Check,
  type Checked,
  count,
  kinds,
  list,
  maybeList,
  object,
  orNull,
  pair,
  small,
  text,
  uuid,
  word,
} from "./shape-of.ts";

/** A table that a client makes: its form, its columns in the order of rows, its key. */
const table = object({
  name: text,
  ddl: list(text),
  definition: text,
  columns: list(text),
  key: list(text),
  writable: maybeList(text),
  /** Null: a table of rows. */
  dataset: orNull(text),
  /** Of a dataset: the column that tells the block of a row. */
  block_column: orNull(text),
});

/** What becomes of a shape that was asked for. */
const answer = object({
  id: text,
  mode: word("resume", "load", "failed"),
  table: orNull(text),
  reason: orNull(text),
  code: orNull(text),
  message: orNull(text),
  hint: orNull(text),
});

const welcome = object({
  t: word("welcome"),
  session: uuid,
  epoch: uuid,
  head: count,
  now: text,
  schema: text,
  last_seq: count,
  unknown: maybeList(uuid),
  shapes: list(answer),
  tables: list(table),
});

/** As in welcome, while connected. */
const shapes = object({
  t: word("shapes"),
  shapes: list(answer),
  tables: list(table),
});

/** Lengths and hashes are those of the raw text of a chunk. */
const chunk = object({ n: small, rows: small, bytes: small, xxh64: text });
const snapshot = object({
  t: word("snapshot"),
  shape: text,
  snapshot: uuid,
  table: text,
  rows: count,
  checksum: orNull(text),
  chunks: list(chunk),
});

const frame = object({
  t: word("frame"),
  from: count,
  to: count,
  stamp: count,
  blocks: pair(count, count),
  blocks_stamp: count,
  at: text,
  ops: list(op),
  /** The subscriptions that hold what they should from this frame on, and by which definition. */
  live: maybeList(object({ id: text, definition: text })),
  /** Those whose table changes its form in this frame, and what their definition is from then on. */
  followed: maybeList(object({ id: text, definition: text })),
  /** Those that have ended: nothing of them is here any more. */
  gone: maybeList(text),
  /** Those that nobody has any more, or not this client: what of them is here goes, and they stay refused. */
  emptied: maybeList(text),
});

const authDue = object({ t: word("auth_due"), in_ms: small });
/** Of a load, by the client's name of the shape: what of it is ready on the server. */
const progress = object({ shape: text, done: count, of: orNull(count) });
const tick = object({ t: word("tick"), head: count, now: text, progress: orNull(list(progress)) });
const failed = object({ t: word("failed"), id: text, code: text, message: text, hint: orNull(text) });
const error = object({
  t: word("error"),
  code: text,
  message: text,
  hint: orNull(text),
  retry_ms: orNull(small),
  gateways: orNull(list(text)),
});

export type TableForm = Checked<typeof table>;
export type Welcome = Checked<typeof welcome>;
export type Snapshot = Checked<typeof snapshot>;
export type Frame = Checked<typeof frame>;
export type FromGateway =
  | Welcome
  | Checked<typeof shapes>
  | Snapshot
  | Frame
  | Checked<typeof authDue>
  | Checked<typeof tick>
  | Checked<typeof failed>
  | Checked<typeof error>;

type Table = { readonly [T in FromGateway["t"]]: Check<Extract<FromGateway, { t: T }>> };
const messages: Table = { welcome, shapes, snapshot, frame, auth_due: authDue, tick, failed, error };

export const fromGateway: Check<FromGateway> = kinds<FromGateway>("t", messages);
