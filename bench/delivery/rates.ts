import { createClient } from "../../src/client/client.ts";
import { tokenOf } from "../../tests/support/delivery/gateway.ts";
import { waitFor } from "../../tests/support/wait-for.ts";
import { type Figures, round } from "../figures.ts";
import type { Lab } from "../lab/lab.ts";
import { GatewayProcess, Program } from "./programs.ts";
import { Scene } from "./scene.ts";

const ROWS_PER_TRANSACTION = 10;
const LONGEST_MS = 10 * 60_000;

async function filler(scene: Scene): Promise<void> {
  await scene.db.query("create table items (id bigint primary key, body text)");
  await scene.db.query(
    `create procedure fill(from_id bigint, rows bigint) language plpgsql as $$
     begin
       for i in 0 .. rows / ${ROWS_PER_TRANSACTION} - 1 loop
         insert into items select from_id + i * ${ROWS_PER_TRANSACTION} + n, repeat(md5(n::text), 8)
           from generate_series(1, ${ROWS_PER_TRANSACTION}) n;
         commit;
       end loop;
     end; $$`,
  );
}

/** Rows of 270 bytes, ten a transaction, as fast as one writer commits them, until the log, and one client, have them. */
export async function rowRate(lab: Lab, rows: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await filler(scene);
  await scene.shape("items");
  const writer = await scene.db.client();
  await writer.query("set synchronous_commit = off");
  const fill = async (from: number) => {
    const start = performance.now();
    await writer.query("call fill($1, $2)", [from, rows]);
    const written = performance.now() - start;
    const head = await scene.head();
    return { start, written, logged: performance.now() - start, head };
  };
  const alone = await fill(0);
  await scene.db.query("delete from items");
  await scene.head();
  await using gateway = await GatewayProcess.start(scene.url);
  const client = await createClient({
    ...{ url: gateway.url, store: "memory://", token: () => tokenOf({}), shapes: [{ shape: "items" }] },
  });
  await client.ready();
  const { start, head, written, logged } = await fill(rows);
  await waitFor("the client", () => BigInt(client.status.position) >= BigInt(head), LONGEST_MS);
  const seconds = (performance.now() - start) / 1000;
  const found = await client.query("select count(*)::int as n from items");
  if (found.rows[0]!["n"] !== rows) throw new Error(`the client has ${found.rows[0]!["n"]} rows`);
  await client.close();
  return {
    what: "changes a second to one client, while one writer commits them as fast as it can",
    rows,
    client_per_s: Math.round(rows / seconds),
    log_beside_it_per_s: Math.round((rows * 1000) / logged),
    log_alone_per_s: Math.round((rows * 1000) / alone.logged),
    written_per_s: Math.round((rows * 1000) / written),
  };
}

/** The same bytes to many: of one shared instance, and from a program that does nothing but send. */
export async function fanOut(lab: Lab, clients: number, rows: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await filler(scene);
  await scene.shape("items");
  await using gateway = await GatewayProcess.start(scene.url);
  await using sockets = new Program("sockets");
  await sockets.ask({ order: "connect", urls: [gateway.url], count: clients, shape: "items" });
  await sockets.ask({ order: "frames" });
  const start = performance.now();
  await scene.db.query("call fill(0, $1)", [rows]);
  await sockets.ask({ order: "until", position: await scene.head() });
  const seconds = (performance.now() - start) / 1000;
  const { frames } = await sockets.ask<{ frames: string[] }>({ order: "frames" });
  await sockets.ask({ order: "leave" });

  await using floor = new Program("floor");
  const { url } = await floor.ask<{ url: string }>({ order: "listen" });
  await sockets.ask({ order: "connect", urls: [url], count: clients, shape: "", bare: true });
  const sending = performance.now();
  await Promise.all([
    floor.ask({ order: "send", texts: frames }),
    sockets.ask({ order: "messages", count: frames.length }),
  ]);
  const bare = (performance.now() - sending) / 1000;
  const mib = (frames.reduce((sum, text) => sum + text.length, 0) * clients) / 2 ** 20;
  return {
    what: "one shared instance to many clients, beside the same messages sent by a program that knows nothing else",
    clients,
    frames: frames.length,
    mib: Math.round(mib),
    mib_per_s: Math.round(mib / seconds),
    bare_mib_per_s: Math.round(mib / bare),
    ratio: round(bare / seconds, 2),
  };
}
