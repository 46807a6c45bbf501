import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** A pool of connections, as pg counts it. */
export interface CountedPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

/** How often the delay of the event loop is measured, in milliseconds. */
const EVENT_LOOP_MS = 20;

/** The one registry of a process: whatever counts something registers it here. */
export function createRegistry(version: string): Registry {
  const registry = new Registry();
  new Gauge({
    ...named(registry, "ampsync_build_info"),
    help: "Version of ampsync that this process runs; the value is 1",
    labelNames: ["version"],
  }).set({ version }, 1);
  return registry;
}

/** Of a metric that is new, or takes the place of the one that the last runtime of this process had. */
export function named(registry: Registry, name: string) {
  registry.removeSingleMetric(name);
  return { name, registers: [registry] };
}

/** Memory, processor, event loop and collector of this process, as prom-client names them; they take observers. */
export function watchProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_MS });
}

/** What is read when somebody asks. */
export function gauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    ...named(registry, name),
    help,
    collect() {
      this.set(value());
    },
  });
}

/** Counts what is said of repeated calls to the database. */
export function countRepeats(registry: Registry): (what: string) => void {
  const repeats = new Counter({
    ...named(registry, "ampsync_db_retries_total"),
    help: "Attempts to connect to PostgreSQL, and calls of it, that failed and are repeated",
    labelNames: ["what"],
  });
  return (what) => repeats.inc({ what: what.replace("db_", "") });
}

/** How connections are used, by the name of their pool. */
export function watchPools(registry: Registry, pools: Readonly<Record<string, CountedPool>>): void {
  new Gauge({
    ...named(registry, "ampsync_db_connections"),
    help: "Connections of this process to PostgreSQL, without those of graphile-worker",
    labelNames: ["pool", "state"],
    collect() {
      for (const [pool, { totalCount, idleCount }] of Object.entries(pools)) {
        this.set({ pool, state: "idle" }, idleCount);
        this.set({ pool, state: "busy" }, totalCount - idleCount);
      }
    },
  });
  new Gauge({
    ...named(registry, "ampsync_db_waiting"),
    help: "Calls and transactions of this process that wait for a connection",
    labelNames: ["pool"],
    collect() {
      for (const [pool, { waitingCount }] of Object.entries(pools)) this.set({ pool }, waitingCount);
    },
  });
}
