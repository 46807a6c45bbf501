import type { Socket } from "node:net";

import type pg from "pg";

/** The connection itself: in the object, but not in its type. */
export function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** Ends a connection in good order, or at once where its peer does not answer in this time. */
export async function endWithin(client: pg.Client, ms: number): Promise<void> {
  const limit = setTimeout(() => socketOf(client).destroy(), ms);
  await client.end().catch(() => {});
  clearTimeout(limit);
}
