import { type ParseArgsConfig, parseArgs } from "node:util";

import { print, type Report } from "./print.ts";

type Values = Readonly<Record<string, string | boolean | undefined>>;

interface Benchmark {
  readonly help: string;
  /** Option, its value if none is given, and what it means. */
  readonly options: Readonly<Record<string, readonly [standard: string | false, meaning: string]>>;
  readonly run: (values: Values) => Promise<Report>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
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
    run: async (values) => {
      const { benchIngest } = await import("./ingest.ts");
      return await benchIngest({
        rows: number(values, "rows"),
        tables: number(values, "tables"),
        shape: choice(values, "shape", ["logs", "transactions", "narrow"]),
        microbatch: microbatch(values),
        workers: number(values, "workers"),
        rounds: number(values, "rounds"),
        baselines: list(values, "baselines").map((name) => oneOf("baselines", name, ["copy", "temp-table"])),
      });
    },
  },
  head: {
    help: "from the sending of a block until another connection sees it, beside bare commits of one row",
    options: {
      streams: ["1,10,200", "cases: so many tables of one dataset"],
      rate: ["10,10,1", "blocks per second in each case; the last one goes for all that follow"],
      seconds: ["30", "how long blocks are counted in each case"],
      "block-rows": ["20", "rows of a table per block"],
      workers: ["1", "worker processes"],
      slots: ["", "jobs that a worker runs at once (its own number)"],
    },
    run: async (values) => {
      const { benchHead } = await import("./head.ts");
      const rates = numbers(values, "rate");
      return await benchHead({
        cases: numbers(values, "streams").map((streams, i) => ({
          streams,
          blocksPerS: rates[i] ?? rates.at(-1)!,
        })),
        seconds: number(values, "seconds"),
        rowsPerBlock: number(values, "block-rows"),
        workers: number(values, "workers"),
        slots: values["slots"] === "" ? null : number(values, "slots"),
      });
    },
  },
  reorg: {
    help: "from a reorg at the server until another connection sees the new blocks, all depths in turns",
    options: {
      rows: ["5000000", "rows of the table"],
      "block-rows": ["100", "rows per block"],
      depths: ["1,10,100", "replaced blocks"],
      rounds: ["30", "reorgs of each depth"],
    },
    run: async (values) => {
      const { benchReorg } = await import("./reorg.ts");
      return await benchReorg({
        rows: number(values, "rows"),
        rowsPerBlock: number(values, "block-rows"),
        depths: numbers(values, "depths"),
        rounds: number(values, "rounds"),
      });
    },
  },
  enqueue: {
    help: "from the call of enqueue_sync until rows of a dataset of three tables are visible",
    options: { rounds: ["20", "how often"] },
    run: async (values) => {
      const { benchEnqueue } = await import("./enqueue.ts");
      return await benchEnqueue({ rounds: number(values, "rounds") });
    },
  },
  encode: {
    help: "encode Arrow batches in memory, beside a plain value-by-value encoder",
    options: { memory: [false, "measure how memory grows over 50 M rows instead"] },
    run: async (values) => {
      const { benchEncode } = await import("./encode.ts");
      return benchEncode({ memory: values["memory"] === true });
    },
  },
  compression: {
    help: "COPY real rows into tables that store bytea and text as pglz, as lz4, or as they are; needs AMPSYNC_TEST_DATA, takes DATABASE_URL",
    options: { rounds: ["3", "how often, in turns"] },
    run: async (values) => {
      const { benchCompression } = await import("./compression.ts");
      return await benchCompression({ rounds: number(values, "rounds") });
    },
  },
  upgrade: {
    help: "upgrade a dataset of three tables and take it back, while readers poll and a block comes every 100 ms",
    options: { rows: ["1000000", "rows of each table"] },
    run: async (values) => {
      const { benchUpgrade } = await import("./upgrade.ts");
      return await benchUpgrade({ rows: number(values, "rows") });
    },
  },
};

const [name, ...rest] = process.argv.slice(2);
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (name === undefined || name === "--help") {
  console.log(help());
} else if (benchmark === undefined) {
  fail(`unknown benchmark ${name}`);
} else {
  await runBenchmark(name, benchmark, rest);
}

async function runBenchmark(bench: string, { options, run }: Benchmark, args: string[]): Promise<void> {
  const config: ParseArgsConfig["options"] = {
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  };
  for (const [option, [standard]] of Object.entries(options)) {
    config[option] =
      standard === false ? { type: "boolean", default: false } : { type: "string", default: standard };
  }
  const { values } = parseArgs({ args, options: config });
  if (values["help"] === true) {
    console.log(help());
  } else {
    print(bench, await run(values as Values), values["json"] === true);
  }
}

function help(): string {
  const lines = ["npm run bench -- <name> [options]", ""];
  for (const [bench, { help: what, options }] of Object.entries(BENCHMARKS)) {
    lines.push(`  ${bench}: ${what}`);
    for (const [option, [standard, meaning]] of Object.entries(options)) {
      lines.push(
        `    --${option.padEnd(12)} ${meaning}${standard === false || standard === "" ? "" : ` (${standard})`}`,
      );
    }
  }
  return [...lines, "", "  --json           print one JSON object"].join("\n");
}

function fail(message: string): never {
  console.error(`${message}\n\n${help()}`);
  process.exit(2);
}

function number(values: Values, option: string): number {
  return wholeNumber(option, String(values[option]));
}

function numbers(values: Values, option: string): number[] {
  return list(values, option).map((text) => wholeNumber(option, text));
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0
    ? value
    : fail(`--${option} ${text} is not a whole number above 0`);
}

function list(values: Values, option: string): string[] {
  return String(values[option])
    .split(",")
    .filter((item) => item !== "" && item !== "none");
}

function oneOf<Choice extends string>(option: string, value: string, choices: readonly Choice[]): Choice {
  return (
    choices.find((each) => each === value) ?? fail(`--${option} ${value} is none of ${choices.join(", ")}`)
  );
}

function choice<Choice extends string>(values: Values, option: string, choices: readonly Choice[]): Choice {
  return oneOf(option, String(values[option]), choices);
}

function microbatch(values: Values): { rows: number; blocks: number } {
  const [, rows, blocks] = /^(\d+)x(\d+)$/.exec(String(values["microbatch"])) ?? [];
  return rows === undefined || blocks === undefined
    ? fail(`--microbatch ${values["microbatch"]} is not rows x blocks, as 100x1000`)
    : { rows: Number(rows), blocks: Number(blocks) };
}
