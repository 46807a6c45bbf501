import type pg from "pg";
import { to } from "pg-copy-streams";

/** A COPY gives more than its reader takes. Its connection is of no use any more. */
export class TooLong extends Error {
  override readonly name = "TooLong";
}

/** What a COPY to stdout gives, as text. Throws TooLong where that is more than so many bytes. */
export async function copyOut(
  client: pg.ClientBase,
  statement: string,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<string> {
  const copy: ReturnType<typeof to> & { callback?: () => void } = client.query(to(statement));
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of copy as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > mostBytes) throw new TooLong(`a COPY gave more than ${mostBytes} bytes`);
      pieces.push(piece);
    }
  } finally {
    // It ends the driver's timer, which would fail the stream later, and such a stream never calls it.
    copy.callback?.();
  }
  return Buffer.concat(pieces).toString();
}
