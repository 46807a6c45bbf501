// npm run chaos -- --kills 500 --json: a backfill of 2 M rows whose workers are killed with -9 all the time.
// Exits 1 unless no row was lost, doubled, or seen torn.
import { parseArgs } from "node:util";

import { runChaos } from "../tests/support/worker/chaos.ts";
import { machine } from "./machine.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "500" },
    rows: { type: "string", default: "2000000" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

const result = await runChaos({
  kills: Number(values.kills),
  rows: Number(values.rows),
  seed: Number(values.seed),
  onProgress: (line) => console.error(line),
});
const report = { ...result, ...machine() };
console.log(
  values.json
    ? JSON.stringify(report)
    : Object.entries(report)
        .map(([key, value]) => `${key.padEnd(12)} ${value}`)
        .join("\n"),
);
process.exitCode = result.lost + result.doubled + result.torn === 0 ? 0 : 1;
