import { Agent, get } from "node:http";
import { buffer } from "node:stream/consumers";

import pg from "pg";

import { Caller } from "../../../src/db/caller.ts";
import { IngestCalls, type SeenAnswer } from "../../../src/db/ingest-calls.ts";
import { readRateHeaders } from "../../../src/http/rate-headers.ts";

/** The program of a worker that sends what it may to several APIs, and does nothing else. */
interface Source {
  readonly bucket: string;
  readonly url: string;
  /** Its name, for the log of the server. */
  readonly source: string;
  readonly slots: number;
}

type Ended = Omit<SeenAnswer, "age"> & { readonly cameAt: number };

/** A permit that could not be used within that time goes back. */
const USED_WITHIN_MS = 100;

const [databaseUrl, sources] = JSON.parse(process.argv[2]!) as [string, readonly Source[]];
const pool = new pg.Pool({ connectionString: databaseUrl, max: 3 });
const calls = new IngestCalls(new Caller((statement) => pool.query(statement)));

async function run({ bucket, url, source, slots }: Source): Promise<never> {
  const agent = new Agent({ keepAlive: true, maxSockets: slots });
  let seen: Ended[] = [];
  let underWay = 0;
  let wake = () => {};

  /** Idle connections, or one that is opened now. */
  function room(): number {
    const idle = Object.values(agent.freeSockets).reduce((sum, list) => sum + (list?.length ?? 0), 0);
    return Math.min(slots - underWay, Math.max(1, idle));
  }

  function ended(granted_at: string, how: Omit<SeenAnswer, "granted_at" | "age">): void {
    seen.push({ granted_at, cameAt: performance.now(), ...how });
  }

  function send(grantedAt: string): void {
    const end = (how: Omit<SeenAnswer, "granted_at" | "age">) => {
      underWay--;
      ended(grantedAt, how);
      wake();
    };
    underWay++;
    get(url, { agent, headers: { "X-Source": source } }, async (response) => {
      const { told, retryAfterS } = readRateHeaders(response.headers, Date.now());
      const status = response.statusCode!;
      await buffer(response);
      end({
        ...{ status, told },
        ...(status === 429 && { limited: true }),
        ...(retryAfterS !== null && { retry_after: retryAfterS }),
      });
    }).on("error", () => end({}));
  }

  for (;;) {
    const askedAt = performance.now();
    const report = seen.map(({ cameAt, ...how }) => ({ ...how, age: (askedAt - cameAt) / 1000 }));
    seen = [];
    const { granted, grantedAt, waitMs } = await calls.takePermits(
      bucket,
      room(),
      report,
      BigInt(source.replace(".", "")),
    );
    const isLate = performance.now() - askedAt > USED_WITHIN_MS;
    for (let n = 0; n < granted; n++) {
      if (isLate) ended(grantedAt, { unused: true });
      else send(grantedAt);
    }
    if (seen.length > 0 || (granted > 0 && underWay < slots)) continue;
    await new Promise<void>((resolve) => {
      const timer = granted > 0 || waitMs === 0 ? undefined : setTimeout(resolve, waitMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

await Promise.all(sources.map(run));
