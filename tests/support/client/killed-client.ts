// A client in a process of its own that kills itself where it is told to. What it did is said on stdout, a line each,
// before the next thing is done.
import { writeSync } from "node:fs";

import { PGlite } from "@electric-sql/pglite";

import { createClient } from "../../../src/client/client.ts";
import { decodeFromClient, decodeFromGateway } from "../../../src/wire/codec.ts";
import { keepJournal, readJournal } from "../delivery/journal.ts";
import type { KilledClientSettings, StoreState, TableState } from "./killed-client-lines.ts";
import { READY_MADE } from "./ready-made.ts";

const settings: KilledClientSettings = JSON.parse(process.argv[2]!);
const counts = new Map<string, number>();

function say(kind: string, what: unknown): void {
  writeSync(1, `${kind} ${JSON.stringify(what)}\n`);
}

function reach(step: string): void {
  const nth = (counts.get(step) ?? 0) + 1;
  counts.set(step, nth);
  if (step === settings.step && nth === settings.nth) process.kill(process.pid, "SIGKILL");
}

/** Before and after each transaction, and each time the store is written. */
function watchDatabase(): void {
  const { transaction, syncToFs } = PGlite.prototype;
  PGlite.prototype.transaction = async function watched(work) {
    reach("transaction begins");
    const result = await transaction.call(this, async (tx) => {
      const done = await work(tx);
      reach("transaction ends");
      return done;
    });
    reach("transaction committed");
    return result as never;
  };
  PGlite.prototype.syncToFs = async function watched() {
    reach("store begins");
    await syncToFs.call(this);
    reach("stored");
  };
}

class Watched extends WebSocket {
  override set onmessage(listener: (event: MessageEvent) => void) {
    super.onmessage = (event) => {
      const message = decodeFromGateway(String(event.data));
      const loads = message.t === "frame" && message.ops.some(({ op }) => op === "load");
      if (message.t === "snapshot") say("snapshot", message.snapshot);
      reach(loads ? "load comes" : `${message.t} comes`);
      listener.call(this, event);
    };
  }

  override send(data: string): void {
    const message = decodeFromClient(data);
    if (message.t === "ack") say("ack", { position: message.position, blocks: message.blocks });
    reach(`${message.t} goes`);
    super.send(data);
    reach(`${message.t} has gone`);
  }
}

const watchedFetch: typeof fetch = async (input, init) => {
  reach("chunk asked for");
  const answer = await fetch(input, init);
  const body = await answer.arrayBuffer();
  const [snapshot, n] = String(input).split("/").slice(-2);
  say("chunk", { snapshot, n: Number(n) });
  reach("chunk comes");
  return new Response(body, { status: answer.status });
};

/** What the store held when it was opened, before anything came to it. */
async function standing(pg: PGlite): Promise<StoreState> {
  const { rows: state } = await pg.query<Omit<StoreState, "tables" | "stages" | "steps">>(
    "select epoch, position::text, blocks::text, phase from ampsync.state",
  );
  const { rows: synced } = await pg.query<{ name: string; columns: string[]; phase: string }>(
    `select t.table_name as name, t.columns, s.phase from ampsync.synced t join ampsync.shape s using (table_name)`,
  );
  const tables: TableState[] = [];
  for (const { name, columns, phase } of synced) {
    const { rows } = await pg.query<{ rows: string; sum: string }>(
      `select count(*)::text as rows,
              coalesce(sum(('x' || left(md5(row(${columns.join(", ")})::text), 15))::bit(60)::bigint), 0)::text as sum
         from ${name}`,
    );
    tables.push({ name, columns, phase, ...rows[0]! });
  }
  const { rows: staged } = await pg.query<{ snapshot: string; chunks: number[] }>(
    `select snapshot_id as snapshot, array_agg(n order by n) as chunks from ampsync.staged
      where n is not null group by 1`,
  );
  const stages: { snapshot: string; chunks: number[]; rows: number }[] = [];
  for (const { snapshot, chunks } of staged) {
    const { rows } = await pg.query<{ rows: number }>(
      `select count(*)::int as rows from ampsync_stage."${snapshot}"`,
    );
    stages.push({ snapshot, chunks, ...rows[0]! });
  }
  return { ...state[0]!, tables, stages, steps: (await readJournal(pg)) ?? [] };
}

watchDatabase();
const { url, store, token, shapes } = settings;
const mayConnect = Promise.withResolvers<void>();
const client = await createClient({
  url,
  store,
  shapes,
  token: async () => {
    await mayConnect.promise;
    return token;
  },
  extensions: READY_MADE,
  WebSocket: Watched,
  fetch: watchedFetch,
});
await keepJournal(client);
say("opened", await standing(client.pg));
mayConnect.resolve();
await client.ready();
say("ready", null);
