// Takes 12 s.
import { execFile } from "node:child_process";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createDatabase } from "../support/postgres/postgres.ts";
import { waitFor } from "../support/wait-for.ts";
import { Worker } from "../support/worker/worker.ts";
import { ALL_SLOTS } from "../support/worker/worker-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** A package in package-lock.json, with what tells that only development or some platforms need it. */
interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  /** A folder of this repository, for development. */
  readonly link?: boolean;
}

/** An empty folder in which somebody installed our package: its tarball, and what the lock file says it needs. */
let app: string;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), "ampsync-package-"));
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", app], {
    cwd: ROOT,
  });
  const packed: unknown = JSON.parse(stdout);
  // An array, or by name, by npm's version.
  const [{ filename }] = Object.values(packed as Record<string, { filename: string }>) as [
    { filename: string },
  ];
  const target = join(app, "node_modules", "ampsync");
  await mkdir(target, { recursive: true });
  await run("tar", ["-xzf", join(app, filename), "-C", target, "--strip-components=1"]);
  await Promise.all(
    (await productionPackages()).map((path) => cp(join(ROOT, path), join(app, path), { recursive: true })),
  );
  await writeFile(join(app, "package.json"), '{ "type": "module" }');
});
afterAll(() => rm(app, { recursive: true, force: true }));

/** Folders of what an installation without development packages brings; nested ones come with theirs. */
async function productionPackages(): Promise<string[]> {
  const { packages } = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8"));
  return Object.entries<LockedPackage>(packages)
    .filter(([, { dev, devOptional, optional, link }]) => !dev && !devOptional && !optional && !link)
    .map(([path]) => path)
    .filter((path) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path));
}

/** The tasks that docs/operations.md tells a host to load. */
async function documentedTasks(): Promise<string[]> {
  const page = await readFile(join(app, "node_modules/ampsync/docs/operations.md"), "utf8");
  const [list = ""] = /loads ours from one file\n(.*?)```/s.exec(page) ?? [];
  return [...new Set([...list.matchAll(/(ampsync_\w+)\.js/g)].map(([, task = ""]) => task))];
}

function start(databaseUrl: string, program: readonly string[]): Worker {
  const nowhere = "http://127.0.0.1:1";
  return new Worker(
    { databaseUrl, flightAddress: nowhere, adminAddress: nowhere, cwd: app, env: ALL_SLOTS },
    program,
  );
}

test("an installed package brings no Node.js and no chain", async () => {
  const { packages } = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8"));
  const wanted = Object.entries<LockedPackage>(packages).filter(([, { dev }]) => !dev);
  expect(wanted.map(([path]) => path).filter((path) => /\/node-|anvil|embedded/.test(path))).toEqual([]);
});

test("it migrates, and works by our command and by graphile-worker's with a preset that extends ours", async () => {
  await using db = await createDatabase({ empty: true });
  const ours = join(app, "node_modules/ampsync/dist/cli/main.js");
  const { stdout } = await run(process.execPath, [ours, "migrate"], {
    cwd: app,
    env: { DATABASE_URL: db.url },
  });
  expect(stdout).toContain("0001_core.sql");
  await db.query("select ampsync.enqueue_sync('chain')");

  await writeFile(
    join(app, "graphile.config.mjs"),
    'import ampsync from "ampsync";\nexport default { extends: [ampsync.preset], worker: { concurrentJobs: 3 } };\n',
  );
  for (const [program, slots] of [
    [["node_modules/graphile-worker/dist/cli.js"], 2], // One of three is left to short jobs.
    [[ours, "worker"], 200],
  ] as const) {
    await db.query("delete from ampsync_private.worker");
    await db.query("update ampsync_private.dataset set error = null");
    await using worker = start(db.url, program);
    await waitFor("it to be shown", async () => {
      const { rows } = await db.query("select slots, slots_used from ampsync.workers where pid = $1", [
        worker.pid,
      ]);
      return rows[0]?.["slots"] === slots;
    });
    await waitFor("it to do a job", async () => {
      const { rows } = await db.query("select error_code from ampsync.status");
      return rows[0]!["error_code"] === "SY104"; // Nobody is at the address of the Admin API.
    });
    worker.signal("SIGTERM");
    await worker.ended;
  }
});

test("a host is told to load all tasks that there are", async () => {
  const built = await readdir(join(app, "node_modules/ampsync/dist/tasks"));
  expect(await documentedTasks()).toEqual(
    built.filter((file) => file.endsWith(".js")).map((file) => file.replace(".js", "")),
  );
});

test("what is installed stays below 50 MB", async () => {
  const sizes = await Promise.all(
    (await readdir(app, { recursive: true })).map(async (path) => (await lstat(join(app, path))).size),
  );
  const mib = sizes.reduce((sum, size) => sum + size, 0) / 1024 / 1024;
  expect(mib).toBeLessThan(50);
});

test("a host with tasks of its own loads ours beside them", async () => {
  await using db = await createDatabase();
  await mkdir(join(app, "tasks"), { recursive: true });
  for (const task of await documentedTasks()) {
    await writeFile(join(app, "tasks", `${task}.js`), `export { default } from "ampsync/tasks/${task}";\n`);
  }
  await writeFile(join(app, "tasks", "theirs.js"), "export default async () => {};\n");
  const config = join(app, "host.config.mjs");
  await writeFile(
    config,
    'import ampsync from "ampsync";\nexport default { extends: [ampsync.preset], worker: { taskDirectory: "tasks" } };\n',
  );
  await db.query("select graphile_worker.add_job('theirs')");
  await db.query("select ampsync.enqueue_sync('chain')");
  await using worker = start(db.url, ["node_modules/graphile-worker/dist/cli.js", "--config", config]);
  await waitFor("both to be done", async () => {
    const { rows } = await db.query(
      "select error_code, (select count(*)::int from graphile_worker.jobs where task_identifier = 'theirs') as theirs from ampsync.status",
    );
    return rows[0]!["error_code"] === "SY104" && rows[0]!["theirs"] === 0;
  });
  expect(worker.hasEnded).toBe(false);
});
