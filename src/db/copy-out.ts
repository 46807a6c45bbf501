import type pg from "pg";
import { to } from "pg-copy-streams";

/** What a COPY to stdout gives, as text. */
export async function copyOut(client: pg.ClientBase, statement: string): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of client.query(to(statement))) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
