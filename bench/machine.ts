import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";

import type { Figures } from "./figures.ts";

/** When, on what and with what a figure was measured. */
export function machine(): Figures {
  const [cpu] = cpus();
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return {
    date: new Date().toISOString().slice(0, 16),
    cpu: cpu?.model ?? "unknown",
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    ampsync: version,
  };
}
