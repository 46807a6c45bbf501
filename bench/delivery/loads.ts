import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import { to as copyTo } from "pg-copy-streams";

import { type Figures, round } from "../figures.ts";
import type { Lab } from "../lab/lab.ts";
import { GatewayProcess, Program } from "./programs.ts";
import { Scene } from "./scene.ts";

interface Loaded {
  readonly seconds: number;
  readonly rssMib: number;
}

const CHUNK_ROWS = 5000;
const DDL = "create table items (id bigint primary key, body text)";

/** A large shape into a new client, beside a bare COPY of the same bytes into the same table. */
export async function largeLoad(lab: Lab, rows: number): Promise<Figures> {
  await using scene = await Scene.start(lab);
  await scene.db.query(DDL);
  await scene.db.query(
    "insert into items select n, repeat(md5(n::text), 9) from generate_series(1, $1::int) n",
    [rows],
  );
  await scene.db.query("analyze items");
  await scene.shape("items");
  const file = join(lab.folder, "items.copy");
  const reader = await scene.db.client();
  await pipeline(reader.query(copyTo("copy items to stdout")), createWriteStream(file));
  await using gateway = await GatewayProcess.start(scene.url);

  const bare = async () => {
    await using program = new Program("pglite");
    const order = { order: "bare", file, ddl: [DDL], table: "items", rows: CHUNK_ROWS };
    return await program.ask<Loaded>(order);
  };
  const client = async () => {
    await using program = new Program("pglite");
    return await program.ask<Loaded>({
      order: "client",
      url: gateway.url,
      shape: "items",
      store: "memory://",
    });
  };
  const [first, firstBare] = [await client(), await bare()];
  const [again, bareAgain] = [await client(), await bare()];
  const bareSeconds = Math.min(firstBare.seconds, bareAgain.seconds);
  return {
    what: "a large shape into a new client, beside a bare COPY of the same bytes; the second finds the snapshot there",
    rows,
    seconds: round(first.seconds, 1),
    seconds_again: round(again.seconds, 1),
    bare_seconds: round(bareSeconds, 1),
    ratio: round(bareSeconds / first.seconds, 2),
    ratio_again: round(bareSeconds / again.seconds, 2),
    memory_mib: again.rssMib,
    bare_memory_mib: bareAgain.rssMib,
    memory_ratio: round(again.rssMib / bareAgain.rssMib, 2),
  };
}
