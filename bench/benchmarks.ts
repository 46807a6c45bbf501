import type { Report } from "./print.ts";

/** What was given on the command line. */
export interface Given {
  flag(option: string): boolean;
  number(option: string): number;
  numbers(option: string): number[];
  /** Null where nothing is given. */
  optional(option: string): number | null;
  choice<Choice extends string>(option: string, choices: readonly Choice[]): Choice;
  choices<Choice extends string>(option: string, choices: readonly Choice[]): Choice[];
  /** Two numbers, as 100x1000. */
  pair(option: string): readonly [number, number];
}

export interface Benchmark {
  readonly help: string;
  /** Option, its value if none is given, and what it means. False: it has no value. */
  readonly options: Readonly<Record<string, readonly [standard: string | false, meaning: string]>>;
  readonly run: (given: Given) => Promise<Report>;
}

const SHAPES = ["logs", "transactions", "narrow"] as const;
const HEAD_OPTIONS = {
  seconds: ["20", "how long blocks are counted in each case"],
  "block-rows": ["20", "rows of a table per block"],
  workers: ["1", "worker processes"],
  slots: ["", "jobs that a worker runs at once (its own number)"],
} as const;

export const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  ingest: {
    help: "load a generated chain, in turns with a bare COPY of the same bytes and with a temporary table",
    options: {
      rows: ["1000000", "rows of all tables together"],
      tables: ["1", "how many; 3: blocks, logs and transactions"],
      shape: ["logs", "logs, transactions or narrow, for any other number of tables"],
      microbatch: ["100x1000", "rows per block x blocks per microbatch"],
      workers: ["1", "worker processes"],
      rounds: ["5", "pairs; the medians are printed"],
      baselines: ["copy,temp-table", "what to compare with; none: nothing"],
    },
    run: async (given) => {
      const { benchIngest } = await import("./ingest.ts");
      const [rows, blocks] = given.pair("microbatch");
      return await benchIngest({
        rows: given.number("rows"),
        tables: given.number("tables"),
        shape: given.choice("shape", SHAPES),
        microbatch: { rows, blocks },
        workers: given.number("workers"),
        rounds: given.number("rounds"),
        baselines: given.choices("baselines", ["copy", "temp-table"]),
      });
    },
  },
  capture: {
    help: "changes of a published table: how many a second come into the log, how late, and what a process takes for a large one",
    options: {
      rows: ["100000", "rows of 0.5 kB, ten a transaction"],
      commits: ["200", "single rows whose delay is measured"],
      large: ["1000000", "rows of one transaction; empty: none"],
    },
    run: async (given) => {
      const { benchCapture } = await import("./capture.ts");
      return await benchCapture({
        rows: given.number("rows"),
        commits: given.number("commits"),
        large: given.optional("large"),
      });
    },
  },
  head: {
    help: "from the sending of a block until another connection sees it, beside bare commits of one row",
    options: {
      streams: ["1,10,200", "cases: so many tables of one dataset"],
      rate: ["10,10,1", "blocks per second in each case; the last one goes for all that follow"],
      ...HEAD_OPTIONS,
    },
    run: async (given) => {
      const { benchHead } = await import("./head.ts");
      return await benchHead(headOptions(given));
    },
  },
  "own-log": {
    help: "what the log of changes costs: commits of unpublished streams, of 16 and 8 published ones, and a load",
    options: {
      rows: ["1000000", "rows of a load"],
      rounds: ["5", "pairs; the medians are printed"],
      seconds: ["20", "how long commits are counted in each case"],
      commits: ["500", "of an unpublished stream, in each half of a pair"],
    },
    run: async (given) => {
      const { benchOwnLog } = await import("./own-log.ts");
      return await benchOwnLog({
        rows: given.number("rows"),
        rounds: given.number("rounds"),
        seconds: given.number("seconds"),
        commits: given.number("commits"),
      });
    },
  },
  delivery: {
    help: "changes on their way into the databases of clients: how late, how many, what many clients cost, each beside its floor",
    options: {
      only: ["", "of rows, blocks, rate, fan-out, sessions, pump, load, together, own, window; empty: all"],
      commits: ["200", "whose delay is measured"],
      rows: ["200000", "of a load, and to one client"],
      clients: ["1000", "at once"],
      sessions: ["5000", "idle ones"],
      blocks: ["10000", "through a window of 100"],
    },
    run: async (given) => {
      const { benchDelivery, DELIVERY_MEASURES } = await import("./delivery.ts");
      const only = given.choices("only", DELIVERY_MEASURES);
      return await benchDelivery({
        only: only.length === 0 ? DELIVERY_MEASURES : only,
        commits: given.number("commits"),
        rows: given.number("rows"),
        clients: given.number("clients"),
        sessions: given.number("sessions"),
        blocks: given.number("blocks"),
      });
    },
  },
  many: {
    help: "many live streams: what they cost, who holds them, and how long heartbeats and the view of them take",
    options: {
      streams: ["40,200", "cases: so many tables of one dataset"],
      rate: ["1", "blocks per second in each case; the last one goes for all that follow"],
      ...HEAD_OPTIONS,
    },
    run: async (given) => {
      const { benchMany } = await import("./many.ts");
      return await benchMany(headOptions(given));
    },
  },
  reorg: {
    help: "from a reorg at the server until another connection sees the new blocks, all depths in turns",
    options: {
      rows: ["5000000", "rows of the table"],
      "block-rows": ["100", "rows per block"],
      depths: ["1,10,100", "replaced blocks"],
      rounds: ["30", "reorgs of each depth"],
      "block-index": ["btree", "the index on the block: btree, brin or none"],
    },
    run: async (given) => {
      const { benchReorg } = await import("./reorg.ts");
      return await benchReorg({
        rows: given.number("rows"),
        rowsPerBlock: given.number("block-rows"),
        depths: given.numbers("depths"),
        rounds: given.number("rounds"),
        blockIndex: given.choice("block-index", ["btree", "brin", "none"]),
      });
    },
  },
  enqueue: {
    help: "from the call of enqueue_sync until rows of a dataset of three tables are visible",
    options: { rounds: ["20", "how often"] },
    run: async (given) => {
      const { benchEnqueue } = await import("./enqueue.ts");
      return await benchEnqueue({ rounds: given.number("rounds") });
    },
  },
  growth: {
    help: "rows per second of each million while a table grows",
    options: {
      rows: ["20000000", "rows to load"],
      shape: ["narrow", "logs, transactions or narrow"],
      "temp-table": [false, "load the same rows through a temporary table, too"],
    },
    run: async (given) => {
      const { benchGrowth } = await import("./growth.ts");
      return await benchGrowth({
        rows: given.number("rows"),
        shape: given.choice("shape", SHAPES),
        tempTable: given.flag("temp-table"),
      });
    },
  },
  parallel: {
    help: "one bare COPY into a table, in turns with two at once of half of the rows each",
    options: {
      rows: ["5000000", "rows of logs"],
      rounds: ["5", "pairs"],
    },
    run: async (given) => {
      const { benchParallel } = await import("./parallel.ts");
      return await benchParallel({ rows: given.number("rows"), rounds: given.number("rounds") });
    },
  },
  failover: {
    help: "how long after the end of a worker all its streams go on",
    options: {
      streams: ["10", "tables of the dataset"],
      rounds: ["5", "how often each way"],
      frozen: [false, "also freeze one of two workers"],
    },
    run: async (given) => {
      const { benchFailover } = await import("./failover.ts");
      return await benchFailover({
        streams: given.number("streams"),
        rounds: given.number("rounds"),
        frozen: given.flag("frozen"),
      });
    },
  },
  statements: {
    help: "what is periodic, or asked by people, in a database of many streams; each statement in turns",
    options: {
      streams: ["1000", "live streams, all held by one worker"],
      rounds: ["15", "how often each; the medians are printed"],
    },
    run: async (given) => {
      const { benchThousandStreams } = await import("./thousand-streams.ts");
      return await benchThousandStreams({ streams: given.number("streams"), rounds: given.number("rounds") });
    },
  },
  http: {
    help: "an HTTP API into a table: its SQL alone and the whole product, beside bare COPY and page-by-page clients; its latency",
    options: {
      records: ["100000", "records of 240 bytes, in pages of 1,000"],
      rounds: ["3", "turns; the medians are printed"],
      "memory-records": [
        "",
        "the memory of a worker with so many records in pages of 3.7 MiB, too; 2000000 is what is wanted",
      ],
      "first-rows": ["20", "how often from enqueue_http to the first row"],
      seconds: ["60", "how long records come one by one to a source that is polled each second"],
    },
    run: async (given) => {
      const { benchHttp } = await import("./http.ts");
      return await benchHttp({
        records: given.number("records"),
        rounds: given.number("rounds"),
        memoryRecords: given.optional("memory-records"),
        firstRows: given.number("first-rows"),
        seconds: given.number("seconds"),
      });
    },
  },
  encode: {
    help: "encode Arrow batches in memory, beside a plain value-by-value encoder",
    options: { memory: [false, "measure how memory grows over 50 M rows instead"] },
    run: async (given) => {
      const { benchEncode } = await import("./encode.ts");
      return await benchEncode({ memory: given.flag("memory") });
    },
  },
  compression: {
    help: "COPY real rows into tables that store bytea and text as pglz, as lz4, or as they are; needs AMPSYNC_TEST_DATA, takes DATABASE_URL",
    options: { rounds: ["3", "how often, in turns"] },
    run: async (given) => {
      const { benchCompression } = await import("./compression.ts");
      return await benchCompression({ rounds: given.number("rounds") });
    },
  },
  upgrade: {
    help: "upgrade a dataset of three tables and take it back, while readers poll and a block comes every 100 ms",
    options: { rows: ["1000000", "rows of each table"] },
    run: async (given) => {
      const { benchUpgrade } = await import("./upgrade.ts");
      return await benchUpgrade({ rows: given.number("rows") });
    },
  },
};

function headOptions(given: Given) {
  const rates = given.numbers("rate");
  return {
    cases: given.numbers("streams").map((streams, i) => ({ streams, blocksPerS: rates[i] ?? rates.at(-1)! })),
    seconds: given.number("seconds"),
    rowsPerBlock: given.number("block-rows"),
    workers: given.number("workers"),
    slots: given.optional("slots"),
  };
}
