import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { dice } from "../dice.ts";
import { newDataDir } from "../postgres/data-dir.ts";
import { releaseDead } from "../postgres/queue.ts";
import { startPostgres } from "../postgres/start-postgres.ts";
import { waitFor } from "../wait-for.ts";
import { ChaosReader } from "../watch/chaos-reader.ts";
import { faultyWorker, WorkerProcess } from "./worker-process.ts";

const ROWS_PER_BLOCK = 100;
const ROWS_PER_COMMIT = 2000;
/** What a worker gets to live at most, from its lease or a commit on; adapted so that kills spread over the load. */
const FIRST_WINDOW_MS = 60;
/** One in so many workers is killed while it starts. */
const KILLED_EARLY = 10;

export interface ChaosOptions {
  readonly rows: number;
  readonly kills: number;
  readonly seed: number;
  readonly onProgress?: (line: string) => void;
}

export interface ChaosResult {
  readonly rows: number;
  readonly kills: number;
  readonly takeovers: number;
  /** How often the reader saw another state than before, and what was wrong with it. */
  readonly sights: number;
  readonly lost: number;
  readonly doubled: number;
  readonly torn: number;
  readonly seconds: number;
  readonly seed: number;
}

/**
 * A backfill whose workers are killed again and again at random moments, with
 * a reader that looks on. After each kill the lease clock is moved on, instead of
 * waiting for the lease to run out.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  await using stack = new AsyncDisposableStack();
  const postgres = await startPostgres({ dataDir: newDataDir(), persistent: false });
  stack.defer(() => postgres.stop());
  const url = postgres.connectionString("postgres");
  await migrate(url, { log: createLog("error", (line) => process.stderr.write(line)) });
  const db = stack.use(await connect(url));

  const blocks = Math.ceil(options.rows / ROWS_PER_BLOCK);
  const source = new GeneratedSource({ blocks, logsPerBlock: ROWS_PER_BLOCK });
  const maxBlocksPerMicrobatch = ROWS_PER_COMMIT / ROWS_PER_BLOCK;
  const server = await startDevServer({ source, maxBlocksPerMicrobatch });
  stack.defer(() => server.stop());
  await db.query("select ampsync.enqueue_sync('anvil', tables => '{logs}', target_schema => 'chaos')");

  const start = performance.now();
  const reader = new ChaosReader(stack.use(await connect(url)), source, ROWS_PER_BLOCK);
  const looking = reader.watch();
  looking.catch(() => {}); // Awaited below.
  const kills = await killAgainAndAgain(url, db, server, source, options);
  stack.use(startWorker(url, server));
  const head = source.chain.head()!.number;
  await waitFor("the rest of the rows", async () => (await checkpoint(db)) === Number(head), 30 * 60_000);
  reader.stop();
  await looking;
  const { rows: found } = await db.query(
    "select coalesce(sum(1 + coalesce((details ->> 'repeated')::int, 0)), 0)::int as n from ampsync.events where event = 'lease_taken_over'",
  );
  return {
    rows: Number(head + 1n) * ROWS_PER_BLOCK,
    kills,
    takeovers: found[0].n,
    sights: reader.sights,
    ...(await reader.count()),
    torn: reader.torn,
    seconds: Math.round((performance.now() - start) / 1000),
    seed: options.seed,
  };
}

async function killAgainAndAgain(
  url: string,
  db: pg.Client,
  server: DevServer,
  source: GeneratedSource,
  options: ChaosOptions,
): Promise<number> {
  const roll = dice(options.seed);
  let window = FIRST_WINDOW_MS;
  for (let kills = 0; kills < options.kills; kills++) {
    const head = Number(source.chain.head()!.number);
    if ((await checkpoint(db)) === head) {
      source.mine(head + 1); // Faster than its murderer: there must be something left to load.
    }
    const [epochBefore, before] = [await epoch(db), await checkpoint(db)];
    const worker = startWorker(url, server);
    if (roll(1, KILLED_EARLY) > 1) {
      await waitFor("a worker to take the lease", async () => (await epoch(db)) > epochBefore, 60_000);
      if (roll(0, 1) === 1) {
        await waitFor("a commit commit", async () => (await checkpoint(db)) > before, 60_000);
      }
      await pause(roll(0, window));
    } else {
      await pause(roll(0, 500));
    }
    await worker.kill();
    await db.query("update ampsync_private.stream set deaths = 0"); // It dies of us, not of its data.
    await releaseDead(db);
    const isAhead = ((await checkpoint(db)) + 1) / (head + 1) > (kills + 1) / options.kills;
    window = Math.max(10, Math.min(1000, window * (isAhead ? 0.9 : 1.1)));
    if ((kills + 1) % 50 === 0) {
      options.onProgress?.(`${kills + 1} kills, block ${await checkpoint(db)} of ${head}`);
    }
  }
  return options.kills;
}

/** Its commits are small. */
function startWorker(databaseUrl: string, { flightAddress, adminAddress }: DevServer): WorkerProcess {
  return new WorkerProcess(
    { databaseUrl, flightAddress, adminAddress },
    faultyWorker({ limits: { rows: ROWS_PER_COMMIT } }),
  );
}

/** -1 before the first commit. */
async function checkpoint(db: pg.Client): Promise<number> {
  const { rows } = await db.query(
    "select coalesce(max(watermark_block_num), -1)::int as n from ampsync.checkpoints",
  );
  return rows[0].n;
}

async function epoch(db: pg.Client): Promise<number> {
  const { rows } = await db.query("select coalesce(max(epoch), 0)::int as n from ampsync_private.lease");
  return rows[0].n;
}

async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
