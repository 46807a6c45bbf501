import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { tokenOf } from "./gateway.ts";
import { WireClient } from "./wire-client.ts";

interface RaceOptions {
  /** Gateways of one database. */
  readonly urls: readonly string[];
  readonly rounds: number;
  readonly seed: number;
  readonly onDone?: (n: number) => void;
}

/** The table of which that client has a shape. */
export const TODOS = "create table public.todos (id int primary key, owner text, title text)";

const TAKEN_OVER = 4409;
/** Of one client: a gateway lets it connect so often a minute. */
const ROUNDS_EACH = 10;

/**
 * One client on two gateways, or twice on one, at the same time: afterwards one connection is left, which the database
 * knows and which hears what happens; the other was closed as replaced. Returns what was otherwise.
 */
export async function raceSessions(
  db: TestDatabase,
  { urls, rounds, seed, onDone = () => {} }: RaceOptions,
): Promise<{
  readonly rounds: number;
  readonly sameGateway: number;
  readonly differences: readonly string[];
}> {
  const throws = dice(seed);
  const found: string[] = [];
  let sameGateway = 0;
  let client = "";
  const shapes = [{ id: "todos", shape: "todos" }];
  for (let round = 0; round < rounds; round++) {
    if (round % ROUNDS_EACH === 0) client = crypto.randomUUID();
    const one = throws(0, urls.length - 1);
    const other = throws(0, 3) === 0 ? one : (one + 1) % urls.length;
    sameGateway += Number(one === other);
    await using stack = new AsyncDisposableStack();
    const both = [one, other].map((at) =>
      stack.use(new WireClient({ url: urls[at]!, client, token: tokenOf({ sub: "racer" }), shapes })),
    );
    await Promise.all(both.map((each) => each.connect()));
    const closed = () => both.filter(({ closed }) => closed !== null);
    await waitFor("one of them to be replaced", () => closed().length > 0);
    const [survivor] = both.filter((each) => each.closed === null);
    const name = `seed ${seed}, round ${round} on ${one} and ${other}`;
    if (survivor === undefined) {
      found.push(`${name}: both were closed, with ${both.map(({ closed }) => closed?.code)}`);
      continue;
    }
    if (closed()[0]!.closed!.code !== TAKEN_OVER)
      found.push(`${name}: closed with ${closed()[0]!.closed!.code}`);
    await survivor.ready();
    await db.query(
      "insert into todos values ($1, 'racer', $2) on conflict (id) do update set title = excluded.title",
      [900_000_001, `round ${seed} ${round}`],
    );
    await survivor.until("what was written", () =>
      survivor.rows("public.todos").some((row) => row["title"] === `round ${seed} ${round}`),
    );
    const { rows } = await db.query(
      `select s.gateway_id, s.generation::text, c.generation::text as newest
         from ampsync_private.session s join ampsync_private.client c using (client_id) where client_id = $1`,
      [client],
    );
    if (rows.length !== 1 || rows[0]!["generation"] !== rows[0]!["newest"]) {
      found.push(`${name}: the database has ${JSON.stringify(rows)}`);
    }
    onDone(round);
  }
  return { rounds, sameGateway, differences: found };
}
