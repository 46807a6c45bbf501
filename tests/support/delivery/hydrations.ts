import { TestClient } from "../client/test-client.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { tokenOf } from "./gateway.ts";
import { keepJournal } from "./journal.ts";
import { differences } from "./oracle.ts";
import { Writers } from "./writers.ts";

interface HydrationOptions {
  readonly url: string;
  readonly hydrations: number;
  readonly items: number;
  readonly seed: number;
  readonly shapes: readonly { readonly shape: string }[];
  /** Begins reorgs, and gives what ends them. */
  readonly reorgs: () => () => void;
  readonly onDone: (n: number) => void;
}

/** So many at once. */
const TOGETHER = 5;

/** Clients that load under eight writers and reorgs, five at once; then all is quiet and each has what the server has. */
export async function hydrate(
  db: TestDatabase,
  { url, hydrations, items, seed, shapes, reorgs, onDone }: HydrationOptions,
): Promise<{ hydrations: number; committed: number; slowestMs: number; differences: readonly string[] }> {
  const found: string[] = [];
  let committed = 0;
  let slowestMs = 0;
  for (let first = 0; first < hydrations; first += TOGETHER) {
    await using stack = new AsyncDisposableStack();
    const all: TestClient[] = [];
    const endReorgs = reorgs();
    {
      await using writers = new Writers(db, { writers: 8, seed: seed + first, pauseMs: 30, items });
      const starting = Array.from({ length: Math.min(TOGETHER, hydrations - first) }, async (_, n) => {
        const own =
          n % 2 === 0 ? shapes : shapes.map(({ shape }) => ({ shape: shape.replace(/^todos$/, "my_todos") }));
        const start = performance.now();
        const client = stack.use(
          await TestClient.start(url, { shapes: own, token: () => tokenOf({ sub: `w${n}` }) }),
        );
        await keepJournal(client.client);
        await client.client.ready();
        slowestMs = Math.max(slowestMs, Math.round(performance.now() - start));
        all[n] = client;
        onDone(first + n);
      });
      await Promise.all(starting);
      await writers.stop();
      committed += writers.committed;
    }
    endReorgs();
    for (const [n, { client }] of all.entries()) {
      const differ = await differences(db, client, { claims: { sub: `w${n}` }, deadlineMs: 120_000 });
      found.push(...differ.map((each) => `client ${first + n}: ${each}`));
    }
  }
  return { hydrations, committed, slowestMs, differences: found };
}
