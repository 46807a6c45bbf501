import { readFileSync } from "node:fs";

import type { JobHelpers } from "graphile-worker";
import { parseConfig } from "../../../src/config.ts";
import type { Deps } from "../../../src/deps.ts";
import type { ApiServerOptions } from "../../../src/devserver/http/api-server.ts";
import type { Faults } from "../../../src/fault-points.ts";
import { COMMIT_LIMITS, type CommitLimits } from "../../../src/model/limits.ts";
import { Permits } from "../../../src/model/permits.ts";
import { createDeps } from "../../../src/runtime.ts";
import { ingestTask } from "../../../src/tasks/ampsync_ingest.ts";
import { TcpProxy } from "../tcp-proxy.ts";
import { IngestScenario, SECRET } from "./ingest-scenario.ts";

const WORKER = "worker-1";

export interface IngestRigOptions {
  readonly api?: ApiServerOptions;
  /** Keys of the definition, beside those of the style. */
  readonly source?: object;
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Partial<CommitLimits>;
  readonly beatMs?: number;
  readonly faults?: Faults;
  /** How many transactions write at once. */
  readonly writers?: number;
}

/** One HTTP source whose passes run in this process, as jobs run them. Its database is behind a proxy. */
export class IngestRig implements AsyncDisposable {
  readonly scenario: IngestScenario;
  readonly deps: Deps;
  readonly proxy: TcpProxy;
  readonly log: string[];
  readonly #streamId: string;
  #stop = new AbortController();
  #pass: Promise<unknown> = Promise.resolve();

  private constructor(
    scenario: IngestScenario,
    deps: Deps,
    proxy: TcpProxy,
    log: string[],
    streamId: string,
  ) {
    this.scenario = scenario;
    this.deps = deps;
    this.proxy = proxy;
    this.log = log;
    this.#streamId = streamId;
  }

  static async start(options: IngestRigOptions = {}): Promise<IngestRig> {
    const { api, source, env, limits, beatMs = 5_000, faults, writers } = options;
    const scenario = await IngestScenario.start(api);
    const proxy = await TcpProxy.toPostgres(scenario.db.url);
    await scenario.enqueue({ ...(source !== undefined && { source }) });
    const { rows } = await scenario.db.query("select stream_id::text as id from ampsync_private.stream");
    const log: string[] = [];
    const settings = {
      DATABASE_URL: proxy.url(scenario.db.url),
      AMPSYNC_HTTP_ALLOW: `http://${new URL(scenario.api.origin).host}=API_KEY`,
      AMPSYNC_SECRET_API_KEY: SECRET,
      ...env,
    };
    const deps = await createDeps(
      parseConfig(settings, (path) => readFileSync(path, "utf8")),
      (line) => log.push(line),
      {
        limits: { ...COMMIT_LIMITS, minPassMs: 600_000, ...limits }, // The job that nobody takes asks for its slot.
        heartbeat: { beatMs, leaseMs: 30_000, silenceMs: 30_000 },
        ...(faults !== undefined && { faults }),
      },
    );
    deps.heartbeat.start(WORKER);
    await deps.heartbeat.begun();
    const used = writers === undefined ? deps : { ...deps, permits: new Permits(writers) };
    return new IngestRig(scenario, used, proxy, log, rows[0]!["id"]);
  }

  /** Begins a pass; the result resolves, or rejects, when it is over. */
  begin(): Promise<unknown> {
    this.#stop = new AbortController();
    // All that the task looks at.
    const helpers = { job: { locked_by: WORKER }, abortSignal: this.#stop.signal } as JobHelpers;
    const payload = { stream_id: this.#streamId };
    this.#pass = Promise.resolve(ingestTask(this.deps)(payload, helpers));
    this.#pass.catch(() => {});
    return this.#pass;
  }

  /** The worker is told to stop. */
  stop(): void {
    this.#stop.abort();
  }

  /** The event names of the log, oldest first. */
  said(): readonly string[] {
    return this.log.map((line) => JSON.parse(line).event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    await this.#pass.catch(() => {});
    this.proxy.resume();
    this.proxy.cutAll();
    await this.deps.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.scenario[Symbol.asyncDispose]();
  }
}
