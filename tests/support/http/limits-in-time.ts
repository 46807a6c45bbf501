import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { Dialect } from "../../../src/devserver/http/limits/dialects.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { startApiServer } from "./api-server.ts";
import { type Counting, type WindowFigures, windowFigures } from "./window-figures.ts";

const PROGRAM = fileURLToPath(new URL("permit-worker.ts", import.meta.url));
const END_WITH_PARENT = new URL("../worker/end-with-parent.ts", import.meta.url).href;

/** An API and its rate limit. */
export interface LimitedApi extends Counting {
  readonly resets: "exact" | "cut";
  readonly dialect: Dialect;
  readonly latencyMs: number;
  /** Whether a definition declares the windows; it does unless this is false. */
  readonly declared?: boolean;
}

export interface LimitCase extends LimitedApi {
  /** How many sources of each worker share the bucket; by default one. */
  readonly sources?: number;
}

export interface LimitsInTime {
  readonly workers: number;
  readonly slots: number;
  readonly seconds: number;
  /** When one of the workers is killed; it starts again a second later. */
  readonly killAt: number;
}

export interface LimitFigures extends WindowFigures {
  readonly name: string;
  /** How much the source with the fewest requests got of what each would get if all got the same. */
  readonly leastShare: number;
  /** What part of the budget has to be used. */
  readonly bar: number;
}

/** Processes that share buckets send what they may to counting servers, for so many real seconds. */
export async function limitsInTime(
  db: TestDatabase,
  cases: Readonly<Record<string, LimitCase>>,
  { workers, slots, seconds, killAt }: LimitsInTime,
): Promise<LimitFigures[]> {
  await using stack = new AsyncDisposableStack();
  const running: { readonly name: string; readonly options: LimitCase; readonly api: ApiServer }[] = [];
  for (const [name, options] of Object.entries(cases)) {
    const { windows: rate, begins: windows, resets, dialect, latencyMs } = options;
    const api = await startApiServer({
      records: 3,
      rate,
      faults: { latencyMs, limits: { dialect, resets, windows } },
    });
    running.push({ name, options, api: stack.use(api) });
    await db.query("select ampsync_private.declare_limits($1, $2)", [name, declaration(options)]);
  }
  const start = (worker: number) => {
    const sources = running.flatMap(({ name, options, api }) =>
      Array.from({ length: options.sources ?? 1 }, (_, nth) => {
        return { bucket: name, url: api.url, source: `${worker}.${nth}`, slots };
      }),
    );
    const child = spawn(
      process.execPath,
      ["--import", END_WITH_PARENT, PROGRAM, JSON.stringify([db.url, sources])],
      {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      },
    );
    stack.defer(() => kill(child));
    return child;
  };

  const children = Array.from({ length: workers }, (_, worker) => start(worker));
  const begun = now();
  await pause(killAt * 1000);
  const killedAt = now();
  await kill(children[0]!);
  await pause(1000);
  start(0);
  await pause(begun + seconds * 1000 - now());
  const ended = now();

  return running.map(({ name, options, api }) => {
    const { dialect, windows, sources = 1 } = options;
    const disturbedAt = dialect === "none" ? [] : [killedAt]; // Where requests are paced, no permit of the dead is missed.
    const served = Map.groupBy(
      api.requests.filter(({ limited }) => !limited),
      ({ headers }) => headers["x-source"],
    );
    return {
      name,
      ...windowFigures(options, api.requests, { from: begun, to: ended, disturbedAt }),
      leastShare: leastShare(
        [...served.values()].map(({ length }) => length),
        workers * sources,
      ),
      bar: windows.every(({ perS }) => perS >= 10) ? 0.95 : 0.92,
    };
  });
}

/** As declare_limits takes it. */
export function declaration({ windows, declared = true }: LimitedApi): string | null {
  return declared ? JSON.stringify(windows.map(({ requests, perS }) => ({ requests, per_s: perS }))) : null;
}

/** As the log of the server has it. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function leastShare(served: readonly number[], sources: number): number {
  if (served.length < sources) return 0;
  const equal = served.reduce((sum, n) => sum + n, 0) / sources;
  return Math.round((Math.min(...served) / equal) * 100) / 100;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
