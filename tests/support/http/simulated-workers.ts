import { noLimitFaults } from "../../../src/devserver/http/limits/limit-faults.ts";
import { RateLimit } from "../../../src/devserver/http/limits/rate-limit.ts";
import { readRateHeaders } from "../../../src/http/rate-headers.ts";
import { dice } from "../dice.ts";
import { stopClock } from "../postgres/clock.ts";
import type { TestDatabase } from "../postgres/postgres.ts";
import { declaration, type LimitedApi } from "./limits-in-time.ts";
import { type Arrived, type WindowFigures, windowFigures } from "./window-figures.ts";

const BEGINNING_MS = Date.parse("2026-01-05T12:00:00Z");
/** How long a call of the database takes. */
const CALL_MS = 2;

export interface SimulationOptions extends LimitedApi {
  readonly workers: number;
  readonly slots: number;
  readonly seconds: number;
  readonly seed: number;
  /** One way in so many takes five seconds longer. */
  readonly slowOneIn?: number;
  /** The answer to one request in so many is lost: after ten seconds it is given up. */
  readonly lostOneIn?: number;
  /** When a worker dies with all its permits; the next one starts after two seconds. */
  readonly diesAt?: number;
  /** Nobody asks between these times. */
  readonly pause?: readonly [from: number, to: number];
  /** Each worker has a source of its own, and gets its turn among the others. */
  readonly takesTurns?: true;
  /** Somebody else with the same key sends so many requests at this time. */
  readonly others?: { readonly at: number; readonly requests: number };
}

interface Worker {
  readonly source: number;
  permits: number;
  free: number;
  isAsking: boolean;
  isDead: boolean;
  wake: number;
  seen: { readonly granted_at: string; readonly came: number; readonly [of: string]: unknown }[];
}

/** Workers that send what they may to an API, in simulated time: only the bucket is real. */
export async function simulateWorkers(
  db: Pick<TestDatabase, "query">,
  bucket: string,
  options: SimulationOptions,
): Promise<WindowFigures & { readonly permits: readonly number[] }> {
  const roll = dice(options.seed);
  const rate = new RateLimit(options.windows, {
    ...noLimitFaults(),
    resets: options.resets,
    windows: options.begins,
  });
  const arrived: Arrived[] = [];
  const end = options.seconds * 1000;
  const events: { at: number; run: () => void | Promise<void> }[] = [];
  let now = 0;
  let sources = 0;

  function after(ms: number, run: () => void | Promise<void>): void {
    const at = now + ms;
    let index = events.length;
    while (index > 0 && events[index - 1]!.at > at) index--;
    events.splice(index, 0, { at, run });
  }

  const oneIn = (n: number | undefined) => n !== undefined && roll(1, n) === 1;
  /** Half of the latency each way, give or take a fifth. */
  const wayMs = () =>
    (options.latencyMs / 2) * (roll(80, 120) / 100) +
    roll(1, 10) / 10 +
    (oneIn(options.slowOneIn) ? 5000 : 0);

  async function ask(worker: Worker): Promise<void> {
    if (worker.isAsking || worker.isDead) return;
    const [from, to] = options.pause ?? [0, 0];
    if (now >= from * 1000 && now < to * 1000) return after(to * 1000 - now, () => ask(worker));
    worker.isAsking = true;
    const seen = worker.seen.map(({ came, ...answer }) => ({ ...answer, age: (now - came) / 1000 }));
    worker.seen = [];
    const at = new Date(BEGINNING_MS + now)
      .toISOString()
      .replace("Z", `${String(Math.floor((now % 1) * 1000)).padStart(3, "0")}Z`);
    const { rows } = await db.query<{ granted: number; granted_at: string; wait_ms: number }>(
      `select granted, granted_at, wait_ms
         from ampsync_worker.take_permits(case when set_config('test_clock.at', $4, false) <> '' then $1 end, $2, $3, $5)`,
      [bucket, worker.free, JSON.stringify(seen), at, options.takesTurns ? worker.source : null],
    );
    const { granted, granted_at, wait_ms } = rows[0]!;
    worker.free -= granted;
    worker.permits += granted;
    after(CALL_MS, () => {
      worker.isAsking = false;
      if (worker.isDead) return;
      for (let n = 0; n < granted; n++) send(worker, granted_at);
      if (granted > 0 ? worker.free > 0 : wait_ms > 0)
        wakeAfter(worker, granted > 0 ? 0 : wait_ms + roll(0, 4));
    });
  }

  /** Asks again then, unless an answer wakes it before. */
  function wakeAfter(worker: Worker, ms: number): void {
    const wake = ++worker.wake;
    after(ms, () => (worker.wake === wake ? ask(worker) : undefined));
  }

  function send(worker: Worker, granted_at: string): void {
    after(wayMs(), () => {
      const limited = rate.take(BEGINNING_MS + now) !== null;
      arrived.push({ at: now, limited });
      const headers = Object.entries(rate.headers(BEGINNING_MS + now, options.dialect));
      const lower = Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
      const { told } = readRateHeaders(lower, BEGINNING_MS + now);
      const isLost = oneIn(options.lostOneIn);
      after(isLost ? 10_000 : wayMs(), () => {
        if (worker.isDead) return;
        worker.free += 1;
        const answer = isLost ? {} : { status: limited ? 429 : 200, limited, told };
        worker.seen.push({ granted_at, came: now, ...answer });
        wakeAfter(worker, 1);
      });
    });
  }

  function start(): Worker {
    const worker: Worker = {
      source: ++sources,
      permits: 0,
      free: options.slots,
      isAsking: false,
      isDead: false,
      wake: 0,
      seen: [],
    };
    wakeAfter(worker, roll(0, 20));
    return worker;
  }

  await stopClock(db, new Date(BEGINNING_MS));
  await db.query("delete from ampsync_private.rate_limit where bucket = $1", [bucket]);
  await db.query("select ampsync_private.declare_limits($1, $2)", [bucket, declaration(options)]);
  const workers = Array.from({ length: options.workers }, start);
  if (options.diesAt !== undefined) {
    after(options.diesAt * 1000, () => {
      workers[0]!.isDead = true;
      after(2000, () => void workers.push(start()));
    });
  }

  const { others } = options;
  if (others !== undefined) {
    after(others.at * 1000, () => rate.spend(BEGINNING_MS + now, others.requests));
  }

  for (let next = events.shift(); next !== undefined && next.at < end; next = events.shift()) {
    now = next.at;
    await next.run();
  }

  const disturbedAt = [options.diesAt, others?.at].flatMap((at) => (at === undefined ? [] : [at * 1000]));
  const figures = windowFigures(options, arrived, { from: 0, to: end, disturbedAt });
  return { ...figures, permits: workers.map(({ permits }) => permits) };
}
