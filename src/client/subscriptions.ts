import type { Hello } from "../wire/from-client.ts";
import type { Welcome } from "../wire/from-gateway.ts";
import type { Reader } from "./database.ts";

/** What a client asks for: a shape, and values for what of it is bound to parameters. */
export interface Subscription {
  readonly shape: string;
  readonly params?: Readonly<Record<string, string | null>>;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** A failure, and the table that it is of; null: of none alone. */
export interface TableFailure {
  readonly table: string | null;
  readonly error: Failure;
}

/**
 * A subscription as it stands: `loading` keeps what it held before, `failed` too. One that is loading has an error where
 * something keeps its load from ending.
 */
export interface SubscriptionState {
  readonly id: string;
  readonly shape: string;
  readonly params: Readonly<Record<string, string | null>>;
  readonly definition: string | null;
  readonly table: string | null;
  readonly phase: "loading" | "live" | "failed" | "leaving";
  readonly error: Failure | null;
}

export type Answer = Welcome["shapes"][number];

export async function readSubscriptions(db: Reader): Promise<readonly SubscriptionState[]> {
  const { rows } = await db.query<SubscriptionState>(
    `select id, shape, params, definition, table_name as table, phase, error from ampsync.shape order by id`,
  );
  return rows;
}

export function isSame(state: SubscriptionState, wanted: Subscription): boolean {
  return state.shape === wanted.shape && spell(state.params) === spell(wanted.params ?? {});
}

export async function addSubscription(
  db: Reader,
  id: string,
  { shape, params }: Subscription,
): Promise<void> {
  await db.query(
    "insert into ampsync.shape (id, shape, params) values ($1, $2, $3::text::jsonb) on conflict (id) do nothing",
    [id, shape, JSON.stringify(params ?? {})],
  );
}

/** It stays until the frame that takes its rows away: a client killed before says so again. */
export async function leaveSubscription(db: Reader, id: string): Promise<void> {
  await db.query("update ampsync.shape set phase = 'leaving', error = null where id = $1", [id]);
}

/** What a gateway answered. `live` comes with the frame that brings the rows, never here. */
export async function noteAnswers(db: Reader, answers: readonly Answer[]): Promise<void> {
  for (const { id, mode, table, code, message, hint } of answers) {
    // A load may say what keeps it from ending.
    const isTold = mode === "failed" || (mode === "load" && code !== null);
    const error = isTold ? JSON.stringify({ code, message, hint }) : null;
    await db.query(
      `update ampsync.shape s
          set table_name = coalesce($2, s.table_name),
              -- Not null, which would say that nothing was ever here; not what it was, which would say that it is good: of
              -- one that has failed frames hold nothing, and the position goes on. Of one that is locked it stands.
              definition = case when $3::text <> 'resume' and $4::text::jsonb ->> 'code' is distinct from '55P03'
                                     and s.definition is not null then '' else s.definition end,
              phase = case when $3::text = 'failed' then 'failed' when $3::text = 'load' then 'loading'
                           when s.error ->> 'code' = 'SY417' then 'failed' else 'live' end,
              error = case when $3::text = 'resume' and s.error ->> 'code' = 'SY417' then s.error
                           else $4::text::jsonb end
        where s.id = $1 and s.phase <> 'leaving'`,
      [id, table, mode, error],
    );
  }
  await db.query(
    `update ampsync.state
        set phase = case when exists (select from ampsync.shape where phase = 'loading') then 'loading' else 'live' end`,
  );
}

export function unappliable(table: string, message: string): Failure {
  return { code: "SY417", message, hint: `await client.reload(${JSON.stringify(table)})` };
}

/** Frames cannot be applied to a table: its subscriptions fail, and all others go on. */
export async function failTable(db: Reader, table: string, error: Failure): Promise<void> {
  await db.query(
    `update ampsync.shape set phase = 'failed', error = $2::text::jsonb where table_name = $1 and phase <> 'leaving'`,
    [table, JSON.stringify(error)],
  );
}

/** To be loaded anew, whoever is asked next: what is here of the table is not called good any more. */
export async function spoilTable(db: Reader, table: string): Promise<void> {
  const { rows } = await db.query(
    `update ampsync.shape set definition = '' where table_name = $1 and phase <> 'leaving' returning id`,
    [table],
  );
  if (rows.length === 0) throw new Error(`no shape that this client holds is of table ${table}`);
}

/** Tables that are to be loaded anew, of which the gateway does not know that yet. */
export function spoiledTables(subscriptions: readonly SubscriptionState[]): readonly string[] {
  const spoiled = subscriptions.filter(({ definition, phase }) => definition === "" && phase === "live");
  return [...new Set(spoiled.flatMap(({ table }) => (table === null ? [] : [table])))];
}

export function wishOf({ id, shape, params, definition }: SubscriptionState): Hello["shapes"][number] {
  return { id, shape, params, definition };
}

function spell(params: Readonly<Record<string, string | null>>): string {
  return JSON.stringify(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)));
}
