// Takes 25 s.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { read } from "../../src/client/database.ts";
import { nodeIfThere } from "../../src/client/node-files.ts";
import { openStore } from "../../src/client/store.ts";
import { lockStore } from "../../src/client/store-lock.ts";
import { READY_MADE } from "../support/client/ready-made.ts";
import { STALL_DEADLINE_MS, waitFor } from "../support/wait-for.ts";

const PROGRAM = fileURLToPath(new URL("../support/client/apply-for-ever.ts", import.meta.url));
const KILLS = 5;

let folder: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-store-"));
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Kills it some frames after it has begun, wherever it is by then. Resolves to the last frame that it had stored. */
async function killedAmidFrames(store: string, frames: number): Promise<number> {
  const child = spawn(process.execPath, ["--liftoff-only", PROGRAM, store], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const stored: number[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => stored.push(Number(line)));
  // To make a store takes long on a busy machine.
  await waitFor(`${frames} frames of the client`, () => stored.length >= frames, 3 * STALL_DEADLINE_MS);
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return stored.at(-1)!;
}

test("a client killed amid frames has them whole, and each that it has called stored", async () => {
  const path = join(folder, "killed");
  let last = 0;
  for (let kill = 1; kill <= KILLS; kill++) {
    const acknowledged = await killedAmidFrames(path, 3 * kill);
    const { pg, release } = await openStore(path, READY_MADE);
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
  const first = await openStore(path, READY_MADE);

  await expect(openStore(path, READY_MADE)).rejects.toThrow(`is open in process ${process.pid}`);
  await first.pg.close();
  first.release();
  const second = await openStore(path, READY_MADE);
  await second.pg.close();
  second.release();
});

/** A lock of a process as another container would have written it: its pid says nothing here. */
async function heldElsewhere(path: string, there: object): Promise<ChildProcess> {
  const script = `
    import { nodeIfThere } from ${JSON.stringify(new URL("../../src/client/node-files.ts", import.meta.url).href)};
    import { lockStore } from ${JSON.stringify(new URL("../../src/client/store-lock.ts", import.meta.url).href)};
    await lockStore(nodeIfThere(), ${JSON.stringify(path)});
    console.log("held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout!, "data");
  const held = JSON.parse(await readFile(`${path}.lock`, "utf8"));
  await writeFile(`${path}.lock`, JSON.stringify({ ...held, pid: process.pid, started: "1", ...there }));
  return child;
}

test.skipIf(process.platform !== "linux")(
  "a lock of another container is kept while its holder lives, whatever pid it has there",
  async () => {
    const path = join(folder, "elsewhere");
    const child = await heldElsewhere(path, { space: "pid:[1]" });
    await expect(lockStore(nodeIfThere()!, path)).rejects.toThrow("is open in process");
    child.kill("SIGKILL");
    await once(child, "close");
    (await lockStore(nodeIfThere()!, path))();

    expect((await readdir(folder)).filter((name) => name.startsWith("elsewhere"))).toEqual([]);
  },
);

test.skipIf(process.platform !== "linux")(
  "a lock of another machine is left to people; one that this machine had before it started again is not",
  async () => {
    const path = join(folder, "machine");
    const lockIs = (holder: object) =>
      writeFile(
        `${path}.lock`,
        JSON.stringify({ pid: 2 ** 30, started: null, space: null, socket: null, ...holder }),
      );
    await lockIs({ boot: "another", host: "another" });
    await expect(lockStore(nodeIfThere()!, path)).rejects.toThrow("of another; if that is gone, remove");
    await lockIs({ boot: "another", host: hostname() });
    (await lockStore(nodeIfThere()!, path))();
  },
);
