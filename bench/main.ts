import { ALL } from "./all.ts";
import { BENCHMARKS, type Benchmark } from "./benchmarks.ts";
import { given, Misuse } from "./given.ts";
import { print } from "./print.ts";

const [name, ...args] = process.argv.slice(2);
try {
  await main();
} catch (error) {
  if (!(error instanceof Misuse)) throw error;
  console.error(`${error.message}\n\n${help()}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  if (name === undefined || args.includes("--help") || name === "--help") {
    console.log(help());
  } else if (name === "all") {
    for (const [bench, ...options] of ALL) await run(bench!, [...options, ...args]);
  } else {
    await run(name, args);
  }
}

async function run(bench: string, options: readonly string[]): Promise<void> {
  const benchmark = BENCHMARKS[bench];
  if (benchmark === undefined) throw new Misuse(`unknown benchmark ${bench}`);
  const json = options.includes("--json");
  const others = options.filter((option) => option !== "--json");
  const report = await benchmark.run(given(benchmark.options, others));
  print([bench, ...others].join(" "), report, json);
}

function help(): string {
  const lines = ["npm run bench -- <name> [options]"];
  for (const [bench, { help: what, options }] of Object.entries(BENCHMARKS) as [string, Benchmark][]) {
    lines.push("", `  ${bench}: ${what}`);
    for (const [option, [standard, meaning]] of Object.entries(options)) {
      lines.push(
        `    --${option.padEnd(12)} ${meaning}${standard === false || standard === "" ? "" : ` (${standard})`}`,
      );
    }
  }
  return [
    ...lines,
    "",
    "  all: what docs/performance.md shows, one after the other",
    "",
    "  --json           print one JSON object per line",
  ].join("\n");
}
