import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { tokenOf } from "../delivery/gateway.ts";
import { faultsOf } from "../delivery/journal.ts";
import { differences } from "../delivery/oracle.ts";
import { Writers } from "../delivery/writers.ts";
import { dice } from "../dice.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { waitFor } from "../wait-for.ts";
import { WorkerProcess } from "../worker/worker-process.ts";
import type { KilledClientSettings, StoreState } from "./killed-client-lines.ts";
import makeReadyMade from "./ready-made.ts";
import { TestClient } from "./test-client.ts";

/** Processes that soon end compile PGlite once, and not again to run it faster. */
const PROGRAM = ["--liftoff-only", fileURLToPath(new URL("killed-client.ts", import.meta.url))];
/** What a client does, and which of so many times it is killed at it: until it has its tables, and afterwards. */
const LOADING = {
  "hello goes": 1,
  "welcome comes": 1,
  "snapshot comes": 1,
  "chunk asked for": 3,
  "chunk comes": 3,
  "staged goes": 1,
  "staged has gone": 1,
  "load comes": 1,
  "transaction begins": 20,
  "transaction ends": 20,
  "transaction committed": 20,
  "store begins": 12,
  stored: 12,
} as const;
const FOLLOWING = {
  "hello has gone": 1,
  "welcome comes": 1,
  "frame comes": 3,
  "ack goes": 3,
  "ack has gone": 3,
  "transaction begins": 15,
  "transaction ends": 15,
  "transaction committed": 15,
  "store begins": 8,
  stored: 8,
} as const;
const CAPTURED = ["public.todos", "public.items"];
/** After so many kills a store is compared as a whole, and another one begins. */
const KILLS_OF_A_STORE = 8;
/** A step that does not come by then does not come: it is killed there and then. */
const STEP_WITHIN_MS = 4_000;
const LONGEST_LIFE_MS = 900;

export interface ClientKills {
  readonly kills: number;
  readonly atSteps: number;
  /** Kills that left some chunks of a snapshot behind, with which the next process went on. */
  readonly resumedLoads: number;
  readonly differences: readonly string[];
}

interface ClientKillOptions {
  readonly url: string;
  readonly kills: number;
  readonly seed: number;
  /** Keys of `items`. */
  readonly items: number;
  readonly shapes: readonly { readonly shape: string }[];
  readonly onKill?: (n: number) => void;
}

interface Life {
  readonly state: StoreState;
  readonly ack: { readonly position: string; readonly blocks: string } | null;
  /** Chunks that were fetched, as snapshot and number. */
  readonly chunks: readonly string[];
  readonly diedAtStep: boolean;
}

/** Kills a Node client at its steps and at random moments, again and again on the same store; judges what each left. */
export async function killClients(
  db: TestDatabase,
  { url, kills, seed, items, shapes, onKill = () => {} }: ClientKillOptions,
): Promise<ClientKills> {
  await makeReadyMade();
  const folder = await mkdtemp(join(tmpdir(), "ampsync-kills-"));
  const throws = dice(seed);
  const found: string[] = [];
  let atSteps = 0;
  let resumedLoads = 0;
  let writers: Writers | null = null;
  try {
    let last = null as Life | null;
    let store = "";
    for (let n = 0; n < kills; n++) {
      if (n % KILLS_OF_A_STORE === 0) {
        store = join(folder, `store-${n}`);
        writers = new Writers(db, { writers: 2, seed: seed + n, pauseMs: 60, items });
        last = null;
      }
      const atStep = throws(0, 3) > 0;
      const isLive = last?.state.phase === "live" || last?.ack != null;
      const steps = Object.entries(isLive ? FOLLOWING : LOADING);
      const [step, most] = atStep ? steps[(n + seed) % steps.length]! : [null, 1];
      const nth = throws(1, most);
      const settings = { url, store, token: tokenOf({ sub: "killed" }), shapes, step, nth };
      const life = await live(settings, throws(0, LONGEST_LIFE_MS));
      onKill(n);
      const name = `seed ${seed}, kill ${n} (${step ?? "at random"})`;
      if (life !== null && last !== null) {
        found.push(...(await judge(db, last, life)).map((fault) => `before ${name}: ${fault}`));
        if (life.state.stages.length > 0) resumedLoads++;
      }
      atSteps += Number(life?.diedAtStep ?? true);
      // What was acknowledged before stays so, also by a process that acknowledged nothing.
      if (life !== null) last = { ...life, ack: life.ack ?? last?.ack ?? null };
      if ((n + 1) % KILLS_OF_A_STORE === 0 || n + 1 === kills) {
        await writers?.stop();
        const whole = await judgeWhole(db, { url, store, shapes });
        found.push(...whole.map((fault) => `after ${name}: ${fault}`));
        await rm(store, { recursive: true });
      }
    }
  } finally {
    await writers?.stop();
    await rm(folder, { recursive: true, force: true });
  }
  return { kills, atSteps, resumedLoads, differences: found };
}

/** Null: it died before its store was open. */
async function live(settings: KilledClientSettings, lifeMs: number): Promise<Life | null> {
  await using child = new WorkerProcess(
    { databaseUrl: "", flightAddress: "", adminAddress: "", env: { NODE_NO_WARNINGS: "1" } },
    [...PROGRAM, JSON.stringify(settings)],
  );
  const heard = <T>(kind: string) =>
    child
      .printed()
      .filter((line) => line.startsWith(`${kind} `))
      .map((line) => JSON.parse(line.slice(kind.length + 1)) as T);
  const isOpen = () => heard("opened").length > 0;
  await waitFor("the client to open its store", () => child.hasEnded || isOpen());
  if (settings.step === null) await pause(lifeMs);
  else await Promise.race([child.ended, pause(STEP_WITHIN_MS)]);
  const diedAtStep = child.hasEnded;
  if (!diedAtStep) await child.kill();
  const { signal } = await child.ended;
  if (signal !== "SIGKILL") throw new Error(`it ended by itself\n${child.tail()}`);
  if (!isOpen()) return null;
  const chunks = heard<{ snapshot: string; n: number }>("chunk").map(({ snapshot, n }) => `${snapshot} ${n}`);
  const state = heard<StoreState>("opened")[0]!;
  return { state, ack: heard<NonNullable<Life["ack"]>>("ack").at(-1) ?? null, chunks, diedAtStep };
}

/** What a store holds after a kill, and what the next process asked for. */
async function judge(db: TestDatabase, before: Life, after: Life): Promise<readonly string[]> {
  const { state, chunks } = after;
  const { position, blocks, steps, stages } = state;
  const found = [...faultsOf(steps)];
  const { ack } = before;
  if (ack !== null && (BigInt(position) < BigInt(ack.position) || BigInt(blocks) < BigInt(ack.blocks))) {
    found.push(`acknowledged ${ack.position}, ${ack.blocks}, and the store has ${position}, ${blocks}`);
  }
  const end = steps.at(-1);
  if (end !== undefined && (end.to !== position || end.blocksTo !== blocks)) {
    found.push(
      `the last step ended at ${end.to}, ${end.blocksTo}, and the store is at ${position}, ${blocks}`,
    );
  }
  for (const { name, columns, phase, rows, sum } of state.tables) {
    if (!CAPTURED.includes(name) || (phase !== "live" && rows === "0")) continue;
    const there = await sumAt(db, name, columns, position);
    if (there !== `${rows} ${sum}`) found.push(`${name} at ${position} has ${rows} ${sum}, not ${there}`);
  }
  for (const stage of stages) {
    const { rows } = await db.query(
      "select sum(rows)::int as rows from ampsync_private.snapshot_chunk where snapshot_id = $1 and n = any ($2)",
      [stage.snapshot, stage.chunks],
    );
    if (rows[0]!["rows"] !== null && rows[0]!["rows"] !== stage.rows) {
      found.push(
        `chunks ${stage.chunks} of ${stage.snapshot} are ${stage.rows} rows, not ${rows[0]!["rows"]}`,
      );
    }
    const again = stage.chunks.filter((n) => chunks.includes(`${stage.snapshot} ${n}`));
    if (again.length > 0) found.push(`chunks ${again} were in the stage, and fetched again`);
  }
  return found;
}

/** What the log makes of a table up to a position. */
async function sumAt(
  db: TestDatabase,
  table: string,
  columns: readonly string[],
  position: string,
): Promise<string> {
  const { rows } = await db.query(
    `select count(*) || ' ' || coalesce(
              sum(('x' || left(md5(row(${columns.map((name) => `r.${name}`).join(", ")})::text), 15))::bit(60)::bigint), 0) as sum
       from (select distinct on (c.key) c.operation, c.data
               from ampsync_private.change_tx t
               join ampsync_private.change c using (tx_id)
               join ampsync_private.published p using (published_id)
              where t.kind = 'rows' and p.relation = $1::regclass and t.position <= $2
              order by c.key, t.position desc, c.seq desc) last,
            jsonb_populate_record(null::${table}, last.data) r
      where last.operation <> 'delete'`,
    [table, position],
  );
  return rows[0]!["sum"];
}

async function judgeWhole(
  db: TestDatabase,
  { url, store, shapes }: Pick<KilledClientSettings, "url" | "store" | "shapes">,
): Promise<readonly string[]> {
  await using last = await TestClient.start(url, { store, shapes, token: () => tokenOf({ sub: "killed" }) });
  return await differences(db, last.client);
}
