// Takes 31 s.
import fs from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { read } from "../../../src/client/database.ts";
import { openStore, type Store } from "../../../src/client/store.ts";
import { frameOf } from "../../support/client/frames.ts";
import { READY_MADE } from "../../support/client/ready-made.ts";
import { ScriptedGateway } from "../../support/client/scripted-gateway.ts";
import { todos } from "../../support/client/tables.ts";
import { TestClient } from "../../support/client/test-client.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: string;
/** A store that was made once; tests take copies, which is faster. */
let made: { path: string; clientId: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ampsync-stores-"));
  const path = join(folder, "made");
  const store = await open(path);
  await store.pg.exec("create table mine (id integer); insert into mine values (7)");
  made = { path, clientId: await clientOf(store) };
  await close(store);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = (path: string, reset = false) => openStore(path, READY_MADE, reset);

async function copyAs(name: string): Promise<string> {
  const path = join(folder, name);
  await cp(made.path, path, { recursive: true });
  await cp(`${made.path}.store`, `${path}.store`);
  return path;
}

async function clientOf({ pg }: Store): Promise<string> {
  return (await read<{ id: string }>(pg, "select client_id as id from ampsync.state"))[0]!.id;
}

async function close({ pg, release }: Store): Promise<void> {
  await pg.close();
  release();
}

test("a store that cannot be opened is as it was until it can; only a reset makes another", async () => {
  const path = await copyAs("broken");
  const control = join(path, "global", "pg_control");
  const whole = await readFile(control);
  await writeFile(control, whole.subarray(0, 100));
  await expect(open(path)).rejects.toMatchObject({ code: "SY421", detail: expect.any(String) });
  await writeFile(control, whole);
  const again = await open(path);
  expect(again.beginning).toBe("ok");
  expect(await clientOf(again)).toBe(made.clientId);
  await close(again);

  // As a disk that is not mounted.
  await rename(path, `${path}-elsewhere`);
  await mkdir(path);
  await expect(open(path)).rejects.toMatchObject({ code: "SY421" });
  expect(await readdir(path)).toEqual([]);
  const anew = await open(path, true);
  expect(anew.beginning).toBe("store_lost");
  expect(await clientOf(anew)).not.toBe(made.clientId);
  await close(anew);
});

test("a store of another PostgreSQL is put aside, and made anew for the same client; one that is gone for another", async () => {
  const path = await copyAs("older");
  await writeFile(join(path, "PG_VERSION"), "16\n");
  const upgraded = await open(path);
  expect(upgraded.beginning).toBe("store_upgraded");
  expect(await clientOf(upgraded)).toBe(made.clientId);
  expect(await read(upgraded.pg, "select to_regclass('mine')::text as mine")).toEqual([{ mine: null }]);
  expect(await readdir(`${path}.pg16`)).toContain("PG_VERSION");
  await close(upgraded);

  await rm(path, { recursive: true });
  const lost = await open(path);
  expect(lost.beginning).toBe("store_lost");
  expect(await clientOf(lost)).not.toBe(made.clientId);
  await close(lost);
});

test("a store is opened where nothing beside it can be written, if nothing has to be", async () => {
  const path = await copyAs("beside-full");
  await mkdir(`${path}.store.new`);
  await close(await open(path));

  await rm(`${path}.store`);
  await expect(open(path)).rejects.toThrow("EISDIR");
  await rm(`${path}.store.new`, { recursive: true });
  const again = await open(path);
  expect(await clientOf(again)).toBe(made.clientId);
  await close(again);
});

test("a client that is closed does not open its store again, whoever asks it for something", async () => {
  const path = await copyAs("closed");
  await using gateway = await ScriptedGateway.start();
  await using one = await TestClient.start(gateway.url, { store: path });
  await Promise.all([one.client.query("create table last (id integer)"), one.client.close()]);

  await expect(one.client.query("select from last")).rejects.toThrow("PGlite is closed");
  one.client.wake();
  await expect(one.client.query("select from last")).rejects.toThrow("PGlite is closed");
  const next = await open(path);
  expect(await read(next.pg, "select from last")).toEqual([]);
  await close(next);
});

/** As a disk without space: no file gets longer. */
class FullDisk {
  isFull = false;
  readonly #write = fs.writeSync;
  constructor(path: string) {
    const within = (fd: number) => fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    const write = this.#write as (...args: unknown[]) => number;
    fs.writeSync = ((...args: [number, ...unknown[]]) => {
      const [fd, , , length = 0, at = 0] = args as number[];
      if (this.isFull && within(fd!) && at + length > fs.fstatSync(fd!).size) {
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", errno: -28 });
      }
      return write(...args);
    }) as typeof fs.writeSync;
  }
  [Symbol.dispose](): void {
    fs.writeSync = this.#write;
  }
}

test.skipIf(process.platform !== "linux")(
  "a store that is full can be read, takes neither frames nor writes, and goes on once there is space",
  async () => {
    const path = await copyAs("full");
    using disk = new FullDisk(path);
    await using gateway = await ScriptedGateway.start();
    await using one = await TestClient.start(gateway.url, { store: path, shapes: [{ shape: "todos" }] });
    const { id } = (await gateway.hears("hello")).shapes[0]!;
    gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
    const many = (from: number) =>
      JSON.stringify(
        Array.from({ length: 500 }, (_, n) => ({ id: String(from + n), title: "x".repeat(900) })),
      );
    const live = [{ id, definition: "d" }];
    const load = { op: "load", table: todos.name, rows: many(0), where: null };
    gateway.say(frameOf({ to: "1", ops: [load], live }));
    await one.client.ready();

    disk.isFull = true;
    const upsert = { op: "upsert", table: todos.name, rows: many(1000) };
    gateway.say(frameOf({ from: "1", to: "2", ops: [upsert] }));
    await one.until("the full store", ({ store }) => store.status === "storage_full");
    gateway.say(frameOf({ from: "2", to: "3", ops: [upsert] }));
    await expect(one.client.query("insert into mine values (8)")).rejects.toMatchObject({ code: "SY433" });
    expect((await one.client.query("select count(*)::int as n from todos")).rows).toEqual([{ n: 500 }]);
    expect(one.client.status).toMatchObject({ position: "1", error: { code: "SY433" } });

    gateway.heard.length = 0;
    disk.isFull = false;
    one.client.wake();
    await one.until("space", ({ store }) => store.status === "ok");
    one.client.wake();
    expect(await gateway.hears("hello")).toMatchObject({ position: "1" });
    gateway.welcome([{ id, mode: "resume", table: todos.name }], [todos]);
    gateway.say(frameOf({ from: "1", to: "2", ops: [upsert] }));
    await one.until("the frame", ({ position }) => position === "2");
    await one.client.query("insert into mine values (9)");
    expect((await one.client.query("select id from mine order by id")).rows).toEqual([{ id: 7 }, { id: 9 }]);
    // What it had before may be acknowledged again.
    const isAcked = () => gateway.heard.some((message) => message.t === "ack" && message.position === "2");
    await waitFor("the acknowledgement", isAcked);
  },
);

test("a client of another subject stops, and is emptied by a reset alone", async () => {
  await using gateway = await ScriptedGateway.start();
  await using one = await TestClient.start(gateway.url, { shapes: [{ shape: "todos" }] });
  const first = await gateway.hears("hello");
  const { id } = first.shapes[0]!;
  gateway.welcome([{ id, mode: "load", table: todos.name, reason: "new" }], [todos]);
  const load = { op: "load", table: todos.name, rows: '[{"id":"1","title":"theirs"}]', where: null };
  gateway.say(frameOf({ to: "1", ops: [load], live: [{ id, definition: "d" }] }));
  await one.client.ready();
  gateway.say({
    t: "error",
    code: "SY415",
    message: "another subject",
    hint: null,
    retry_ms: null,
    gateways: null,
  });
  await one.until("the end", ({ connection }) => connection === "other_subject");
  one.client.wake();
  expect(one.client.status).toMatchObject({ connection: "other_subject", error: { code: "SY415" } });

  gateway.hangUp();
  await one.client.reset({ discardPending: true });
  const hello = await gateway.hears("hello");
  expect(hello).toMatchObject({ epoch: null, position: null, shapes: [{ id, definition: null }] });
  expect(hello.client).not.toBe(first.client);
  expect((await one.client.query("select from todos")).rows).toEqual([]);
});
