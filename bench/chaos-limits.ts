// npm run chaos -- limits --seconds 500 --json: four processes share the rate limits of servers that count, in real
// time, and one of them is killed. Exits 1 if a request is refused after the first window, or too little is used.
import { parseArgs } from "node:util";

import { type LimitCase, limitsInTime } from "../tests/support/http/limits-in-time.ts";
import { cloneDatabase } from "../tests/support/postgres/database.ts";
import { startTemplate } from "../tests/support/postgres/template.ts";
import { print } from "./print.ts";

const WINDOWS = {
  one: [{ requests: 20, perS: 10 }],
  two: [
    { requests: 20, perS: 10 },
    { requests: 60, perS: 60 },
  ],
};
/** Paced windows: nothing is told. */
const PACED = [
  { requests: 5, perS: 1 },
  { requests: 40, perS: 4 },
  { requests: 20, perS: 10 },
  { requests: 60, perS: 60 },
];

export async function chaosOfLimits(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: "string", default: "500" },
      workers: { type: "string", default: "4" },
      slots: { type: "string", default: "10" },
      json: { type: "boolean", default: false },
    },
  });
  const seconds = Number(values.seconds);
  const template = await startTemplate();
  try {
    await using db = await cloneDatabase(template);
    const figures = await limitsInTime(db, cases(), {
      workers: Number(values.workers),
      slots: Number(values.slots),
      seconds,
      killAt: seconds / 2,
    });
    print("chaos limits", { cases: figures.map((one) => ({ ...one })) }, values.json);
    const isGood = figures.every(({ refusedLater, used, bar }) => refusedLater === 0 && used >= bar);
    process.exitCode = isGood ? 0 : 1;
  } finally {
    await template.stop();
  }
}

function cases(): Record<string, LimitCase> {
  const all: Record<string, LimitCase> = {};
  for (const [name, windows] of Object.entries(WINDOWS)) {
    for (const begins of ["clock", "first request"] as const) {
      for (const resets of ["exact", "cut"] as const) {
        for (const latencyMs of [0, 300, 1000]) {
          all[`${name}, by ${begins}, ${resets}, ${latencyMs} ms`] = {
            ...{ windows, begins, resets, latencyMs },
            dialect: "draft-8",
          };
        }
      }
    }
  }
  const epoch = { begins: "clock", resets: "cut", dialect: "x-ratelimit", latencyMs: 300 } as const;
  all["eight sources"] = { ...epoch, windows: WINDOWS.one, sources: 2 };
  all["two, the fuller one is told"] = { ...epoch, windows: WINDOWS.two };
  const nothing = { begins: "first request", resets: "exact", dialect: "none", latencyMs: 300 } as const;
  for (const window of PACED) {
    all[`paced, ${window.requests} in ${window.perS} s`] = { ...nothing, windows: [window] };
  }
  return all;
}
