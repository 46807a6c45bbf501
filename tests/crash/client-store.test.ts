import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { read } from "../../src/client/database.ts";
import { openStore } from "../../src/client/store.ts";
import { waitFor } from "../support/wait-for.ts";

const PROGRAM = fileURLToPath(new URL("../support/client/apply-for-ever.ts", import.meta.url));
const KILLS = 5;

let folder: string;
let running: ChildProcess | null = null;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-store-"));
});
afterAll(async () => {
  running?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Kills it some frames after it has begun, wherever it is by then. Resolves to the last frame that it had stored. */
async function killedAmidFrames(store: string, frames: number): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, store], { stdio: ["ignore", "pipe", "inherit"] });
  running = child;
  const stored: number[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => stored.push(Number(line)));
  await waitFor(`${frames} frames of the client`, () => stored.length >= frames);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return stored.at(-1)!;
}

test("a client killed amid frames has them whole, and each that it has called stored", async () => {
  const path = join(folder, "killed");
  let last = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const acknowledged = await killedAmidFrames(path, 3 * kill);
    const { pg, release } = await openStore(path);
    const [at] = await read<Record<string, number>>(
      pg,
      `select (select blocks::int from ampsync.state) as blocks, max(_block_num)::int as highest,
              min(_block_num)::int as lowest, count(*)::int as rows from eth.blocks`,
    );
    await pg.close();
    release();
    const blocks = at!["blocks"]!;

    expect(acknowledged).toBeGreaterThan(last);
    expect(blocks).toBeGreaterThanOrEqual(acknowledged);
    expect(at).toMatchObject({ highest: blocks, rows: (blocks - at!["lowest"]! + 1) * 20 });
    last = acknowledged;
  }
});

test("a store that is open is not opened twice; that of a dead process is", async () => {
  const path = join(folder, "locked");
  const first = await openStore(path);

  await expect(openStore(path)).rejects.toThrow(`is open in process ${process.pid}`);
  await first.pg.close();
  first.release();
  const second = await openStore(path);
  await second.pg.close();
  second.release();
});
