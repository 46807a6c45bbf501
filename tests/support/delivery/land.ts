import type { Source } from "../../../src/devserver/source.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { Scenario } from "../worker/scenario.ts";

export interface LandOptions {
  readonly source?: Source;
  /** Rows that `items` begins with: more than 2,000 come in chunks. */
  readonly items?: number;
}

/**
 * Tables and shapes of an application, and of a dataset where a source is given, with a worker that tends them. Of the
 * captured tables the log has all rows, from the first on.
 */
export async function startLand(
  db: TestDatabase,
  { source, items = 0 }: LandOptions = {},
): Promise<Scenario> {
  const scenario = await Scenario.start({
    db,
    ...(source !== undefined && { source, maxBlocksPerMicrobatch: 50 }),
  });
  scenario.startWorker();
  await db.query(`
    create table public.todos (id int primary key, owner text not null, title text, amount numeric);
    create index on public.todos (owner);
    create table public.items (id int primary key, owner text not null, body text)`);
  await db.query("select ampsync.publish('public.todos'), ampsync.publish('public.items')");
  if (source !== undefined) {
    const sync = await scenario.sync(["blocks", "logs"]);
    await sync.reaches();
    await db.query("select ampsync.publish_dataset('anvil')");
    await db.query(`select ampsync.create_shape('blocks', 'chain.blocks', public => true),
                           ampsync.create_shape('logs', 'chain.logs', public => true)`);
  }
  await scenario.until("the tables to be published", async () => {
    const { rows } = await db.query(
      `select from ampsync.publications p where p.mode = 'rows' and p.state = 'live'
         and not exists (select from ampsync.streams s where s.state <> 'live')`,
    );
    return rows.length === 2;
  });
  if (items > 0) {
    await db.query(
      `insert into items select n, 'w' || n % 8, repeat(md5(n::text), 20) from generate_series(1, ${items}) n`,
    );
    await db.query("analyze items");
  }
  await db.query(`
    select ampsync.create_shape('todos', 'public.todos', public => true),
           ampsync.create_shape('items', 'public.items', public => true),
           ampsync.create_shape('my_todos', 'public.todos', bind => '{"owner": "claim:sub"}')`);
  return scenario;
}
