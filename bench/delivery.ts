import { loadavg } from "node:os";

import { ownInstances, pumping, sessions, sharedLoad } from "./delivery/crowds.ts";
import { blockLatency, rowLatency } from "./delivery/latency.ts";
import { largeLoad } from "./delivery/loads.ts";
import { fanOut, rowRate } from "./delivery/rates.ts";
import { rollingWindow } from "./delivery/window.ts";
import type { Figures } from "./figures.ts";
import { Lab } from "./lab/lab.ts";
import type { Report } from "./print.ts";

export interface DeliveryOptions {
  readonly only: readonly string[];
  readonly commits: number;
  readonly rows: number;
  readonly clients: number;
  readonly sessions: number;
  readonly blocks: number;
}

/** Each by the name that --only takes. */
const MEASURES: Readonly<Record<string, (lab: Lab, options: DeliveryOptions) => Promise<Figures>>> = {
  rows: (lab, { commits }) => rowLatency(lab, commits),
  blocks: (lab, { commits }) => blockLatency(lab, commits),
  rate: (lab, { rows }) => rowRate(lab, rows),
  "fan-out": (lab, { clients }) => fanOut(lab, clients, 2000),
  sessions: (lab, { sessions: count }) => sessions(lab, count),
  pump: (lab, { clients }) => pumping(lab, clients, 11),
  load: (lab, { rows }) => largeLoad(lab, rows),
  together: (lab, { clients, rows }) => sharedLoad(lab, Math.ceil(clients / 10), Math.ceil(rows / 10)),
  own: (lab, { clients }) => ownInstances(lab, clients),
  window: (lab, { blocks }) => rollingWindow(lab, blocks),
};
export const DELIVERY_MEASURES = Object.keys(MEASURES);

/** Changes of a server on their way into the databases of clients: how late, how many, and what many clients cost. */
export async function benchDelivery(options: DeliveryOptions): Promise<Report> {
  const { only, ...sizes } = options;
  await using lab = await Lab.start({ wal_level: "logical" });
  const cases: Figures[] = [];
  for (const name of only) {
    const [load] = loadavg();
    cases.push({ ...(await MEASURES[name]!(lab, options)), load_before: Math.round(load!) });
    console.error(JSON.stringify(cases.at(-1)));
  }
  return { about: { postgres: lab.postgresVersion, ...sizes }, cases };
}
