import { hostname } from "node:os";

import type { Task } from "graphile-worker";
import type { Registry } from "prom-client";
import xxhash from "xxhash-wasm";

import { AmpServers } from "./amp-servers.ts";
import { captureConnections } from "./capture/connections.ts";
import { Announcer } from "./commit/announcer.ts";
import { Budget } from "./commit/budget.ts";
import { type Config, configFromProcess, logOf, processId, requireDatabase } from "./config.ts";
import { CALL_TIMEOUT, Caller } from "./db/caller.ts";
import { IndexBuilder } from "./db/index-builder.ts";
import { HEARTBEAT_TIMEOUT, LeaseCalls } from "./db/lease-calls.ts";
import { LogRotation } from "./db/log-rotation.ts";
import { createPool } from "./db/pool.ts";
import { PublicationKeeper } from "./db/publication-keeper.ts";
import { type RunStatement, retryingStatements } from "./db/retry.ts";
import { runStatement } from "./db/run-statement.ts";
import { StreamCalls } from "./db/stream-calls.ts";
import type { Deps } from "./deps.ts";
import { type Faults, NO_FAULTS } from "./fault-points.ts";
import { Health } from "./health/health.ts";
import { HttpClient } from "./http/client.ts";
import type { HttpDeps } from "./ingest/ingest-deps.ts";
import { SourceSlots } from "./ingest/source-slots.ts";
import { packageVersion } from "./install/installed.ts";
import { Heartbeat, type HeartbeatTimes } from "./lease/heartbeat.ts";
import { countRepeats, createRegistry, gauge, watchPools } from "./metrics/registry.ts";
import { SourceMetrics } from "./metrics/source-metrics.ts";
import { StreamMetrics } from "./metrics/stream-metrics.ts";
import { cleanText } from "./model/foreign-text.ts";
import {
  COMMIT_LIMITS,
  type CommitLimits,
  PROCESS_BYTES,
  RECEIVED_BYTES,
  STREAMS_CATCHING_UP,
} from "./model/limits.ts";
import { Permits } from "./model/permits.ts";
import { SnapshotMaker } from "./snapshot/snapshot-maker.ts";
import { HeadWatch } from "./stream/head-watch.ts";

const MIB = 1024 * 1024;

/** Dependencies that tests replace. */
export interface DepsOptions {
  readonly faults?: Faults;
  readonly limits?: CommitLimits;
  readonly heartbeat?: HeartbeatTimes;
  /** Where everything is counted; by default a new one. */
  readonly registry?: Registry | undefined;
}

/** Builds the dependencies of one process, without connecting to anything yet. */
export async function createDeps(
  config: Config,
  writeLog: (line: string) => void,
  { faults = NO_FAULTS, limits = COMMIT_LIMITS, heartbeat: times, registry: given }: DepsOptions = {},
): Promise<Deps> {
  const registry = given ?? createRegistry(await packageVersion());
  const url = requireDatabase(config);
  const clean = (text: string) => cleanText(config.secrets.redact(text));
  const log = logOf(config, writeLog);
  for (const warning of config.warnings) {
    log.warn("unusual_setting", { warning });
  }
  const { h64Raw } = await xxhash();
  const dbLog = log.part("db");
  const pool = createPool(
    {
      url,
      max: config.poolSize - 1,
      queryTimeoutMs: 0,
      name: "ampsync worker",
      settings: { statement_timeout: CALL_TIMEOUT },
    },
    dbLog,
  );
  const reserved = createPool(
    {
      url,
      max: 1,
      queryTimeoutMs: 0,
      name: "ampsync heartbeat",
      settings: { statement_timeout: HEARTBEAT_TIMEOUT, synchronous_commit: "off" },
    },
    dbLog,
  );
  // Not retried: the heartbeat beats again.
  const beat: RunStatement = async (statement) => runStatement(reserved, await reserved.connect(), statement);
  const heartbeat = new Heartbeat(new LeaseCalls(new Caller(beat)), log.part("lease"), times);
  reserved.on("error", () => heartbeat.sessionLost());
  const timeLimits = {
    connectionMs: config.connectionLimitSecs * 1000,
    operationMs: config.operationLimitSecs * 1000,
  };
  const servers = new AmpServers(config);
  const http = httpDeps(config, registry, await packageVersion());

  const caller = new Caller(retryingStatements(pool, timeLimits, dbLog, countRepeats(registry)), clean);
  const indexes = new IndexBuilder(url, caller, log.part("index"));
  const announcements = new StreamCalls(caller.once());
  const announcer = new Announcer((commits) => announcements.announce(commits), log.part("commit"));

  watchPools(registry, { worker: pool, heartbeat: reserved });
  gauge(registry, "ampsync_leases", "Tables that this worker holds", () => heartbeat.held);
  gauge(
    registry,
    "ampsync_heartbeat_age_seconds",
    "Age of the last heartbeat of this worker that was answered",
    () => heartbeat.silentMs / 1000,
  );

  return {
    log,
    metrics: new StreamMetrics(registry),
    caller,
    pool,
    heartbeat,
    servers,
    http,
    heads: new HeadWatch(async (reference, signal, address) => {
      using flight = servers.flight(address);
      return await flight.highestBlock(reference, signal);
    }, log.part("stream")),
    indexes,
    capture: {
      ...{ url, log, faults },
      connect: (onRefused) =>
        captureConnections(url, timeLimits, dbLog, countRepeats(registry), clean, onRefused),
    },
    publication: new PublicationKeeper(url, caller, log.part("capture")),
    rotation: new LogRotation(caller),
    snapshots: new SnapshotMaker({ url, hash: h64Raw, log: log.part("snapshot") }),
    pollIntervalS: config.pollIntervalSecs,
    reloadRetries: config.reloadRetries,
    // A writer keeps its connection; one of the pool is left for calls.
    permits: new Permits(Math.min(config.maxConcurrentBatches, config.poolSize - 2)),
    catchUps: new Permits(STREAMS_CATCHING_UP),
    budget: new Budget(PROCESS_BYTES),
    received: new Budget(RECEIVED_BYTES),
    announcer,
    limits,
    hash: h64Raw,
    faults,
    async close() {
      await Promise.all([heartbeat.stop(), announcer.stop(), indexes.close()]);
      servers.close();
      await Promise.all([http.client.close(), pool.end(), reserved.end()]);
    },
  };
}

/** What HTTP sources need. */
function httpDeps(
  { httpAllow, httpSecret, httpMaxPageMb }: Config,
  registry: Registry,
  version: string,
): HttpDeps {
  return {
    client: new HttpClient({
      maxBytes: httpMaxPageMb * MIB,
      refuses: (origin, address) => httpAllow.refusesAddress(origin, address),
      userAgent: `ampsync/${version}`,
    }),
    allow: httpAllow,
    secretOf: httpSecret,
    slots: new SourceSlots(),
    metrics: new SourceMetrics(registry),
  };
}

/** The module state: a process has one runtime, built when its worker or its first job starts … */
let current: Promise<Deps> | null = null;
/** … and one health port, which is there before. */
let health: Promise<Health> | null = null;

function runtime(config: () => Config): Promise<Deps> {
  current ??= build(config()).catch((error) => {
    current = null; // Otherwise every later job would get this failure.
    throw error;
  });
  return current;
}

async function build(config: Config): Promise<Deps> {
  return await createDeps(config, config.writeLog, { registry: (await health)?.registry });
}

/** Opens the health port, if there is to be one and it is not open: a worker that waits for its database has one, too. */
export async function startHealth(config: Config): Promise<void> {
  if (config.healthPort === null) return;
  health ??= openHealth(config, config.healthPort).catch((error) => {
    health = null;
    throw error;
  });
  await health;
}

async function openHealth(config: Config, port: number): Promise<Health> {
  return await Health.start({
    databaseUrl: requireDatabase(config),
    host: config.healthHost,
    port,
    registry: createRegistry(await packageVersion()),
    log: logOf(config).part("health"),
  });
}

/** The worker was told to stop. */
export function stopHealth(): void {
  health?.then((open) => open.stopping()).catch(() => {}); // Whoever started it heard why it could not be opened.
}

/**
 * Registers a worker before its first job: ampsync.workers shows it, and the supervisor knows that it lives. The result
 * is to be called when it stops: it takes no streams from then on, or others would wait for it to take its share.
 */
export function beginWorker(config: Config, workerId: string, streams: number): () => void {
  async function register() {
    const deps = await runtime(() => config);
    deps.heartbeat.start(workerId);
    (await health)?.began(deps.heartbeat);
    const version = await packageVersion();
    const worker = { workerId, host: hostname(), pid: processId(), version, slots: streams };
    await new LeaseCalls(deps.caller).registerWorker(worker);
    return { deps, worker };
  }
  const registered = register();
  registered.catch((error) =>
    logOf(config)
      .part("queue")
      .warn("worker_not_registered", { error: String(error) }),
  );
  return () => {
    registered
      .then(({ deps, worker }) => new LeaseCalls(deps.caller.once()).registerWorker({ ...worker, slots: 0 }))
      .catch(() => {}); // It is gone soon, and then nobody waits for it.
  };
}

/**
 * Turns a task that needs our dependencies into one that graphile-worker can load: the
 * plain `graphile-worker` CLI cannot build them.
 */
export function withRuntime(create: (deps: Deps) => Task): Task {
  return async (payload, helpers) => {
    const deps = await runtime(() => configFromProcess("library"));
    if (helpers.job.locked_by !== null) {
      deps.heartbeat.start(helpers.job.locked_by);
      await deps.heartbeat.begun(helpers.abortSignal);
    }
    const caller = helpers.abortSignal === undefined ? deps.caller : deps.caller.until(helpers.abortSignal);
    return create({ ...deps, caller })(payload, helpers);
  };
}

/** Closes what `withRuntime` built, so that the process of a stopped worker can exit. */
export async function closeRuntime(): Promise<void> {
  const deps = await current;
  current = null;
  await deps?.close();
}

/** Closes the health port, after all else: until then it says that the worker stops. */
export async function closeHealth(): Promise<void> {
  const open = health;
  health = null;
  await (await open?.catch(() => null))?.close();
}
