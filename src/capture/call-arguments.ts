import { lsnText } from "../model/lsn.ts";
import type { CapturedTransaction } from "./transactions.ts";

/** Lines as the database takes them: each a JSON array that begins with the place of its transaction. */
export function linesOf(transactions: readonly CapturedTransaction[]): string {
  return transactions.flatMap(({ lines }, n) => lines.map((line) => `[${n},${line}`)).join("\n");
}

/** Lines of the transaction that is under way. */
export function linesAhead(lines: readonly string[]): string {
  return lines.map((line) => `[0,${line}`).join("\n");
}

/** The transactions themselves, as JSON. */
export function transactionsOf(transactions: readonly CapturedTransaction[]): string {
  return JSON.stringify(
    transactions.map((transaction, n) => ({
      n,
      commit_lsn: lsnText(transaction.commitLsn),
      end_lsn: lsnText(transaction.endLsn),
      xid: String(transaction.xid),
      at: String(transaction.at),
      large: transaction.large,
      changes: transaction.changes,
      bytes: transaction.bytes,
      marks: transaction.marks,
      messages: transaction.messages,
      relations: transaction.relations.map(({ before, relation }) => ({
        before,
        relation: String(relation.relation),
        schema: relation.schema,
        table: relation.table,
        identity: relation.identity,
        columns: relation.columns.map(({ name, type, typmod, key }) => ({
          name,
          type: String(type),
          typmod,
          key,
        })),
      })),
    })),
  );
}
