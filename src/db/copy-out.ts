import type pg from "pg";
import { to } from "pg-copy-streams";

/** What a COPY to stdout gives, as text. */
export async function copyOut(client: pg.ClientBase, statement: string): Promise<string> {
  const copy: ReturnType<typeof to> & { callback?: () => void } = client.query(to(statement));
  const pieces: Buffer[] = [];
  try {
    for await (const piece of copy) pieces.push(piece);
  } finally {
    // It ends the driver's timer, which would fail the stream later, and such a stream never calls it.
    copy.callback?.();
  }
  return Buffer.concat(pieces).toString();
}
