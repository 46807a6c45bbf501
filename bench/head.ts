import { AmpServer } from "./chain/amp-server.ts";
import type { BenchTable } from "./chain/repeating-source.ts";
import { type Figures, latencies, round } from "./figures.ts";
import { type Database, Lab } from "./lab/lab.ts";
import { type MeasuredWorker, startWorkers } from "./lab/measured-worker.ts";
import { BareCommits, mineSteadily, Observer } from "./lab/observer.ts";
import type { Report } from "./print.ts";

const START_BLOCKS = 10;
/** Not counted: code that is compiled, connections that are opened. */
const WARM_UP_S = 3;

export interface HeadCase {
  readonly streams: number;
  readonly blocksPerS: number;
}

export interface HeadOptions {
  readonly cases: readonly HeadCase[];
  readonly seconds: number;
  readonly rowsPerBlock: number;
  readonly workers: number;
  /** Jobs that a worker runs at once; null: its own number. */
  readonly slots: number | null;
}

/** What is there while blocks come. */
export interface HeadScene {
  readonly database: Database;
  readonly amp: AmpServer;
  readonly workers: readonly MeasuredWorker[];
}

/** From the moment when the server sends a block until another connection sees it, beside bare commits of one row. */
export async function benchHead(options: HeadOptions): Promise<Report> {
  await using lab = await Lab.start();
  return await measureHead(lab, options);
}

/** `look`: what else there is to see while all is running. */
export async function measureHead(
  lab: Lab,
  options: HeadOptions,
  look: (scene: HeadScene) => Promise<Figures> = async () => ({}),
): Promise<Report> {
  const cases: Figures[] = [];
  for (const each of options.cases) {
    cases.push(await oneCase(lab, each, options, look));
    console.error(`${each.streams} streams: ${JSON.stringify(cases.at(-1))}`);
  }
  const { seconds, rowsPerBlock, workers } = options;
  return { about: { postgres: lab.postgresVersion, seconds, rows_per_block: rowsPerBlock, workers }, cases };
}

async function oneCase(
  lab: Lab,
  { streams, blocksPerS }: HeadCase,
  { seconds, rowsPerBlock, workers: count, slots }: HeadOptions,
  look: (scene: HeadScene) => Promise<Figures>,
): Promise<Figures> {
  const tables = tablesOf(streams, rowsPerBlock);
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await lab.createDatabase());
  const amp = stack.use(
    await AmpServer.start({ tables, blocks: START_BLOCKS, blocksPerMicrobatch: 1000, notesSends: true }),
  );
  const args = slots === null ? [] : ["-j", `${slots}`];
  const workers = await startWorkers(stack, count, { databaseUrl: database.url, ...amp.addresses, args });
  const observer = new Observer(database, tables);
  const bare = await BareCommits.start(database);

  const start = performance.now();
  await database.query("select ampsync.enqueue_sync('bench', target_schema => 'bench')");
  await observer.untilAll(START_BLOCKS - 1);
  const caughtUpS = (performance.now() - start) / 1000;

  const warmUp = Math.ceil(WARM_UP_S * blocksPerS);
  const blocks = warmUp + Math.ceil(seconds * blocksPerS);
  let mined = false;
  const mining = mineSteadily(amp, blocks, blocksPerS).finally(() => {
    mined = true;
  });
  for (const worker of workers) worker.begin();
  const from = performance.now();
  for (let block = START_BLOCKS; block < START_BLOCKS + blocks; block++) {
    if (!(await observer.untilAll(block))) break;
    if (!mined) await bare.one(); // Right behind a block, so long before the next one.
  }
  await mining;
  const elapsedS = (performance.now() - from) / 1000;
  const used = workers.map((worker) => worker.used());
  const sent = await amp.sent();
  return {
    streams,
    blocks_per_s: blocksPerS,
    caught_up_s: round(caughtUpS, 2),
    ...latencies(observer.latencies(sent, START_BLOCKS + warmUp)),
    ...latencies(bare.ms, "bare_commit_"),
    worker_cores: round(used.reduce((sum, { cpuS }) => sum + cpuS, 0) / elapsedS, 3),
    worker_rss_mib: Math.max(...used.map(({ peakRssMib }) => peakRssMib)),
    ...(await look({ database, amp, workers })),
  };
}

export function tablesOf(streams: number, rowsPerBlock: number): readonly BenchTable[] {
  return Array.from({ length: streams }, (_, i) => ({ name: `logs_${i + 1}`, shape: "logs", rowsPerBlock }));
}
