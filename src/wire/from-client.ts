import {
  type Check,
  type Checked,
  count,
  kinds,
  list,
  maybeList,
  named,
  object,
  orNull,
  small,
  text,
  uuid,
  word,
} from "./shape-of.ts";

/** A shape that a client wants: `id` is the client's own name for it. */
const wish = object({
  id: text,
  shape: text,
  params: named(orNull(text)),
  definition: orNull(text),
});

const hello = object({
  t: word("hello"),
  client: uuid,
  token: text,
  epoch: orNull(uuid),
  position: orNull(count),
  stamp: orNull(count),
  blocks: orNull(count),
  blocks_stamp: orNull(count),
  schema: orNull(text),
  supports: orNull(text),
  agent: text,
  awaiting: maybeList(uuid),
  shapes: list(wish),
  /** Snapshot → chunks that are in the stage already. */
  staged: orNull(named(list(small))),
});

const ack = object({ t: word("ack"), position: count, blocks: count });
const busy = object({ t: word("busy") });
const auth = object({ t: word("auth"), token: text });
const subscribe = object({ t: word("subscribe"), shapes: list(wish) });
const unsubscribe = object({ t: word("unsubscribe"), ids: list(text) });
/** All chunks of the snapshot are in the stage. */
const staged = object({ t: word("staged"), snapshot: uuid });
const check = object({ t: word("check"), id: text, tables: list(text) });
const load = object({ t: word("load"), tables: list(text) });

const report = object({
  t: word("report"),
  pending: small,
  phase: word("new", "loading", "live", "reset"),
  error: orNull(object({ code: text, table: orNull(text), message: text })),
  migrations: maybeList(
    object({ migration: text, state: text, error: orNull(text), retry_count: orNull(small) }),
  ),
  /** Tables that differ. */
  checks: maybeList(
    object({ id: text, table: text, rows: count, sum: text, server_rows: count, server_sum: text }),
  ),
  store: orNull(object({ kind: text, bytes: orNull(count), status: text })),
});

export type Hello = Checked<typeof hello>;
export type Wish = Checked<typeof wish>;
export type Report = Checked<typeof report>;
export type FromClient =
  | Hello
  | Checked<typeof ack>
  | Checked<typeof busy>
  | Checked<typeof auth>
  | Checked<typeof subscribe>
  | Checked<typeof unsubscribe>
  | Checked<typeof staged>
  | Checked<typeof check>
  | Checked<typeof load>
  | Report;

type Table = { readonly [T in FromClient["t"]]: Check<Extract<FromClient, { t: T }>> };
const messages: Table = { hello, ack, busy, auth, subscribe, unsubscribe, staged, check, load, report };

export const fromClient: Check<FromClient> = kinds<FromClient>("t", messages);
