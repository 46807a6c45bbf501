import { AmpServer } from "./chain/amp-server.ts";
import { type Figures, median, round } from "./figures.ts";
import { tablesOf } from "./head.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { MeasuredWorker } from "./lab/measured-worker.ts";
import { mineSteadily, Observer } from "./lab/observer.ts";
import type { Report } from "./print.ts";

const START_BLOCKS = 10;
const ROWS_PER_BLOCK = 10;
const BLOCKS_PER_S = 5;
/** How long blocks come in one round, whatever happens. */
const ROUND_S = 60;
/** Before the end of a worker all is as usual for so many blocks. */
const CALM_BLOCKS = 20;

export interface FailoverOptions {
  readonly streams: number;
  readonly rounds: number;
  /** Also freeze one of two workers, which only time can tell. */
  readonly frozen: boolean;
}

interface Way {
  readonly name: string;
  readonly workers: 1 | 2;
  readonly signal: "SIGKILL" | "SIGSTOP";
}

/** How long after the end of a worker its streams go on, while blocks come. */
export async function benchFailover({ streams, rounds, frozen }: FailoverOptions): Promise<Report> {
  const ways: Way[] = [
    { name: "kill -9 of the only worker, started again at once", workers: 1, signal: "SIGKILL" },
    { name: "kill -9 of one of two workers", workers: 2, signal: "SIGKILL" },
  ];
  if (frozen) ways.push({ name: "one of two workers frozen", workers: 2, signal: "SIGSTOP" });
  await using lab = await Lab.start();
  const cases: Figures[] = [];
  for (const way of ways) {
    const seconds: number[] = [];
    for (let i = 0; i < rounds; i++) seconds.push(await oneRound(lab, way, streams));
    cases.push({
      way: way.name,
      all_go_on_s: round(median(seconds), 2),
      longest_s: round(Math.max(...seconds), 2),
    });
    console.error(JSON.stringify(cases.at(-1)));
  }
  return { about: { postgres: lab.postgresVersion, streams, rounds }, cases };
}

async function oneRound(lab: Lab, { workers: count, signal }: Way, streams: number): Promise<number> {
  const tables = tablesOf(streams, ROWS_PER_BLOCK);
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await lab.createDatabase());
  const amp = stack.use(await AmpServer.start({ tables, blocks: START_BLOCKS, blocksPerMicrobatch: 1000 }));
  const options = { databaseUrl: database.url, ...amp.addresses };
  const observer = new Observer(database, tables);
  const victim = await MeasuredWorker.start(options);
  stack.defer(() => victim.kill());
  await database.query("select ampsync.enqueue_sync('bench', target_schema => 'bench')");
  await observer.untilAll(START_BLOCKS - 1);
  if (count === 2) stack.use(await MeasuredWorker.start(options));
  let head = START_BLOCKS - 1;
  const mining = new AbortController();
  const mined = mineSteadily(amp, ROUND_S * BLOCKS_PER_S, BLOCKS_PER_S, mining.signal, () => {
    head += 1;
  });
  await observer.untilAll(START_BLOCKS + CALM_BLOCKS);

  const start = performance.now();
  victim.signal(signal);
  const atEnd = head;
  if (count === 1) {
    await victim.ended;
    stack.use(await MeasuredWorker.start(options));
  }
  if (!(await observer.untilAll(atEnd + 2))) throw new Error(await stateOf(database)); // One may have been on its way.
  const seconds = (performance.now() - start) / 1000;
  mining.abort();
  await mined;
  return seconds;
}

async function stateOf(database: Database): Promise<string> {
  return JSON.stringify(await database.query("select table_name, state, block, reason from ampsync.streams"));
}
