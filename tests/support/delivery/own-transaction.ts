import { randomUUID } from "node:crypto";

import pg from "pg";

import type { SentChange } from "./wire-client.ts";

export interface OwnTransaction {
  readonly client: string;
  readonly seq: number;
  /** What the ledger says was sent; null: it has forgotten it. */
  readonly sent: readonly SentChange[] | null;
  /** What the server does with it. */
  readonly statements: string;
  readonly tx?: string;
  readonly status?: "applied" | "merged" | "rejected";
  /** The log does not learn whose it is. */
  readonly isSilent?: boolean;
}

const literal = pg.escapeLiteral;

/** A transaction of a client as the server applies it, as SQL: its message comes first, and the ledger has a row of it. */
export function ownTransaction({
  client,
  seq,
  sent,
  statements,
  tx = randomUUID(),
  status = "applied",
  isSilent = false,
}: OwnTransaction): string {
  const message = JSON.stringify({ client, tx, source: "client" });
  const ledger = sent === null ? "null" : literal(JSON.stringify({ seq: String(seq), tx, changes: sent }));
  return `begin;
    ${isSilent ? "" : `select pg_logical_emit_message(true, 'ampsync/client', ${literal(message)});`}
    ${statements};
    insert into ampsync_private.client_tx (client_id, seq, tx, received_at, xid, epoch, status, sent)
    select '${client}', ${seq}, '${tx}', ampsync_private.now(), pg_current_xact_id(), e.epoch, '${status}', ${ledger}
      from ampsync_private.log_epoch e order by e.number desc limit 1;
    commit`;
}
