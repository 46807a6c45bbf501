// Takes 102 s.
import { existsSync } from "node:fs";
import { access, constants, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import type { EmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { newDataDir } from "../support/postgres/data-dir.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { startPostgres } from "../support/postgres/start-postgres.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { waitFor } from "../support/wait-for.ts";
import { ampsync } from "../support/worker/command.ts";
import { Worker } from "../support/worker/worker.ts";
import { MAIN } from "../support/worker/worker-process.ts";

beforeAll(() => {
  if (!existsSync(MAIN)) {
    throw new Error(`${MAIN} is missing: npm run build`);
  }
});

describe("ampsync", () => {
  test("--help lists the commands", async () => {
    const { exitCode, stdout, stderr } = await ampsync(["--help"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const { name } of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, "m"));
    }
  });

  test("of a command prints the help of that command", async () => {
    const help = expect.stringMatching(/^ampsync sync: .*-d, --dataset\n/s);
    for (const args of [
      ["sync", "--help"],
      ["help", "sync"],
    ]) {
      expect(await ampsync(args)).toEqual({ exitCode: 0, stdout: help, stderr: "" });
    }
  });

  test("names a page by its path", async () => {
    const { stdout } = await ampsync(["worker", "--help"]);
    expect(stdout).toContain("(docs/log.md)");
    expect(stdout).not.toContain("](");
  });

  test("of an unknown name means the nearest one", async () => {
    for (const [args, question] of [
      [["wroker"], "did you mean worker?"],
      [["devserver", "generated", "--sed=4"], "did you mean --seed?"],
    ] as const) {
      expect(await ampsync(args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(question) });
    }
  });

  test.each([
    [2, "SY004", ["migrate", "--json", "--now"]],
    [2, "SY902", ["status", "--json"]],
    [3, "SY104", ["status", "--json", "--database-url=postgresql://me@127.0.0.1:1/sync"]],
    [1, "SY902", ["doctor", "--json"]],
    [1, "SY104", ["doctor", "--json", "--database-url=postgresql://me@127.0.0.1:1/sync"]],
  ])("with --json ends with %i and says why as JSON: %s", async (exitCode, code, args) => {
    const run = await ampsync(args);
    expect(run).toMatchObject({ exitCode, stdout: "" });
    expect(JSON.parse(run.stderr)).toEqual({
      error: {
        code,
        message: expect.any(String),
        detail: code === "SY004" ? null : expect.any(String),
        hint: expect.any(String),
      },
    });
  });

  test("can be started by npx, which runs the built file itself", async () => {
    await expect(access(MAIN, constants.X_OK)).resolves.toBeUndefined();
  });

  test("--version prints the version of the package", async () => {
    const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
    expect(await ampsync(["--version"])).toEqual({
      exitCode: 0,
      stdout: `${manifest.version}\n`,
      stderr: "",
    });
  });

  test.each([
    ["an unknown command", ["migrat"], "unknown command migrat"],
    ["an unknown option", ["status", "--jsno"], "--jsno"],
    ["an argument too many", ["migrate", "now"], "now"],
  ])("ends with exit code 2 after %s, and says how to get help", async (_, args, named) => {
    const { exitCode, stdout, stderr } = await ampsync(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(named);
    expect(stderr).toContain("--help");
    expect(stderr).not.toMatch(/^ +at /m);
  });

  test("without a command prints its help, and ends with exit code 2", async () => {
    expect(await ampsync([])).toMatchObject({ exitCode: 2, stdout: expect.stringContaining("Usage:") });
  });

  test.each(["sync", "migrate", "worker", "status", "doctor", "uninstall"])(
    "%s refuses to start without a database",
    async (command) => {
      const { exitCode, stdout, stderr } = await ampsync([command]);
      expect({ exitCode, stdout }).toEqual({ exitCode: command === "status" ? 2 : 1, stdout: "" });
      expect(stderr).toMatch(/^ERROR SY902: no database is configured$/m);
      expect(stderr).toMatch(/^HINT: Set DATABASE_URL=/m);
    },
  );

  test("reports all wrong settings at once", async () => {
    const { exitCode, stderr } = await ampsync(["worker"], {
      DB_POOL_SIZE: "0",
      MAX_DB_CONNECTIONS: "20",
      AMP_FLIGHT_ADDR: "amp",
      AMP_AUTH_TOKEN_FILE: "/nonexistent/token",
    });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ERROR SY902: the configuration is wrong: /);
    for (const name of [
      "DB_POOL_SIZE and MAX_DB_CONNECTIONS",
      "DB_POOL_SIZE=0",
      "AMP_FLIGHT_ADDR",
      "AMP_AUTH_TOKEN_FILE",
    ]) {
      expect(stderr).toContain(name);
    }
  });
});

describe("ampsync migrate", () => {
  test("installs the schema, and has nothing to do the second time", async () => {
    await using db = await createDatabase({ empty: true });
    const first = await ampsync(["migrate"], { DATABASE_URL: db.url });
    expect(first).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0001_core.sql") });
    const { rows } = await db.query("select count(*)::int as streams from ampsync.streams");
    expect(rows).toEqual([{ streams: 0 }]);

    const second = await ampsync(["migrate"], { DATABASE_URL: db.url });
    expect(second).toMatchObject({ exitCode: 0, stdout: "The schema is up to date.\n" });
  });

  test("--json prints what it ran; flags beat the environment", async () => {
    await using db = await createDatabase({ empty: true });
    const nowhere = { DATABASE_URL: "postgresql://me@127.0.0.1:1/sync" };
    const args = ["migrate", "--json", "--database-url", db.url];
    const first = JSON.parse((await ampsync(args, nowhere)).stdout);
    expect(first).toEqual({
      migrations: expect.arrayContaining(["migrations/0001_core.sql"]),
      functionsReplaced: true,
      grants: expect.any(Number),
      roles: { missing: [], statements: [] },
      grantsToOthers: [],
    });
    const second = JSON.parse((await ampsync(args, nowhere)).stdout);
    expect(second).toEqual({
      migrations: [],
      functionsReplaced: false,
      grants: 0,
      roles: { missing: [], statements: [] },
      grantsToOthers: [],
    });
  });
});

test("what a command waits for too long is a lock that somebody holds, and its hint shows who", async () => {
  await using db = await createDatabase();
  const rival = await db.client();
  await rival.query("begin; lock table ampsync_private.dataset");
  const { exitCode, stderr } = await ampsync(["status"], { DATABASE_URL: db.url });
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 3,
    stderr: expect.stringMatching(/^ERROR 57014: /),
  });
  const waiting = (await db.client()).query("select from ampsync.status").catch(() => {});
  await waitFor("the statement of the hint to show the holder of the lock", async () => {
    const { rows } = await db.query(/^HINT: (select .*)$/m.exec(stderr)![1]!);
    return rows.some(({ query }) => query === "begin; lock table ampsync_private.dataset");
  });
  await rival.query("rollback");
  await waiting;
});

test("ampsync migrate, of a role that may not do all of it, prints what is left for the roles", async () => {
  await using db = await createDatabase({ empty: true });
  const role = `installs_${process.pid}`;
  await db.query(
    `create role ${role} login password 'secret'; grant create on database ${db.name} to ${role}`,
  );
  try {
    const url = new URL(db.url);
    url.username = role;
    url.password = "secret";
    const { stdout } = await ampsync(["migrate"], { DATABASE_URL: url.href });
    expect(stdout).toContain(
      "Roles of ampsync are optional. What their use needs, and this role may not do:",
    );
    expect(stdout).toMatch(new RegExp(`^  grant ampsync_worker to ${role}.*;$`, "m"));
    expect(stdout).toContain(`  grant create on database ${db.name} to ampsync_worker;\n`);
    expect(stdout).toMatch(/^Then run ampsync migrate again/m);
    await db.query("revoke all on ampsync.status, ampsync.streams from ampsync_reader");
    const again = await ampsync(["migrate"], { DATABASE_URL: url.href });
    expect(again.stdout).toMatch(
      /^The schema is up to date\.\nMade 2 grants that the roles of ampsync lacked\.\n/,
    );
  } finally {
    await db.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});

describe("a role without the rights for it is told the statement that gives them", () => {
  let db: TestDatabase;
  let url: URL;
  const role = `looks_${process.pid}`;

  beforeAll(async () => {
    db = await createDatabase();
    await db.query(`create role ${role} login password 'secret'`);
    url = new URL(db.url);
    url.username = role;
    url.password = "secret";
  });

  afterAll(async () => {
    await db.query(`drop owned by ${role} cascade; drop role ${role}`);
    await db.drop();
  });

  const refusalOf = async (command: string) => {
    const { stderr } = await ampsync([command], { DATABASE_URL: url.href });
    return stderr.slice(stderr.indexOf("ERROR"));
  };

  test.each([
    ["doctor", "ampsync_reader"],
    ["status", "ampsync_reader"],
    ["worker", "ampsync_worker"],
  ])("by ampsync %s", async (command, group) => {
    expect(await refusalOf(command)).toBe(
      `ERROR 42501: permission denied for schema ${command === "worker" ? "graphile_worker" : "ampsync"}\n` +
        `HINT: grant ${group} to ${role};\n`,
    );
  });

  test("but where a worker looks at another application's queue, which one is ours", async () => {
    await using other = await createDatabase({ empty: true });
    await ampsync(["migrate"], { DATABASE_URL: other.url, GRAPHILE_WORKER_SCHEMA: "ampsync_queue" });
    await other.query(`create schema graphile_worker; create table graphile_worker.migrations (id int);
      grant ampsync_worker to ${role}`);
    const address = new URL(other.url);
    address.username = role;
    address.password = "secret";
    const { stderr } = await ampsync(["worker"], { DATABASE_URL: address.href });
    expect(stderr).toMatch(/^ERROR SY902: the queue is in schema ampsync_queue, but .* in graphile_worker$/m);
    await other.query(`revoke ampsync_worker from ${role}`);
  });

  test("which is all that it takes; a right that a role of ampsync lacks is given by migrate", async () => {
    await db.query(`grant ampsync_reader to ${role}`);
    expect(await refusalOf("doctor")).toBe("");
    await db.query("revoke execute on function ampsync.doctor from ampsync_reader");
    expect(await refusalOf("doctor")).toMatch(/^HINT: Run ampsync migrate as \w+\.$/m);
  });
});

test("ampsync migrate prints what roles of somebody else may do with the rights of the owner", async () => {
  await using db = await createDatabase();
  const role = `left over ${process.pid}`;
  await db.query(`create role "${role}"; grant execute on function ampsync.pause_sync to "${role}"`);
  try {
    const { exitCode, stdout } = await ampsync(["migrate"], { DATABASE_URL: db.url });
    const printed = stdout.slice(stdout.indexOf("Roles that are not")).trimEnd().split("\n");
    expect({ exitCode, printed }).toEqual({
      exitCode: 0,
      printed: [
        "Roles that are not of ampsync may call functions that run with the rights of their owner. To take that back:",
        expect.stringMatching(`^  revoke execute on function ampsync\\.pause_sync\\(.*\\) from "${role}";$`),
      ],
    });
    await db.query(printed[1]!);
    expect((await ampsync(["migrate"], { DATABASE_URL: db.url })).stdout).toBe("The schema is up to date.\n");
  } finally {
    await db.query(`drop owned by "${role}"; drop role "${role}"`);
  }
});

describe("ampsync status", () => {
  test("says how to begin where nothing is synced", async () => {
    await using db = await createDatabase();
    expect(await ampsync(["status"], { DATABASE_URL: db.url })).toEqual({
      exitCode: 0,
      stdout: "Nothing is synced yet. Begin with: select ampsync.enqueue_sync('my_dataset');\n",
      stderr: "",
    });
    const { stdout } = await ampsync(["status", "--json"], { DATABASE_URL: db.url });
    expect(JSON.parse(stdout)).toEqual({ datasets: [], streams: [], progress: [], workers: 0 });
  });

  test("shows each dataset and table, and what they wait for", async () => {
    await using db = await createDatabase();
    await db.query("select ampsync.enqueue_sync('eth', target_schema => 'chain')");
    await db.query("select ampsync.enqueue_sync('not_published')");
    await db.query(
      "select ampsync_worker.register_streams(dataset_id, '1.2.0', null, '{blocks,logs}') from ampsync_private.dataset where name = 'eth'",
    );
    await db.query(
      "select ampsync_worker.note_version(dataset_id, '1.3.0', null, true, now(), '5 s') from ampsync_private.dataset where name = 'eth'",
    );

    const { exitCode, stdout, stderr } = await ampsync(["status"], { DATABASE_URL: db.url });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" }); // Nobody works.
    expect(stdout).toMatch(/^eth +waiting +1\.2\.0, new: 1\.3\.0 +–/m);
    expect(stdout).toMatch(/^not_published +waiting +– +–/m);
    expect(stdout).toMatch(/^chain\.blocks +waiting +–/m);
    expect(stdout).toMatch(/^chain\.blocks, chain\.logs: no worker holds this stream\n {2}Start a worker/m);
    expect(stdout).toContain("No worker is alive. Start one: ampsync worker");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);

    await db.query(`alter database ${db.name} set datestyle = 'SQL, DMY'`);
    const json = JSON.parse((await ampsync(["status", "--json"], { DATABASE_URL: db.url })).stdout);
    expect(Math.abs(Date.parse(json.datasets[0].since) - Date.now())).toBeLessThan(600_000);
    expect(json.datasets).toMatchObject([
      { dataset: "eth", version: "1.2.0", new_version: "1.3.0", tables: "2", rows: "0", block: null },
      { dataset: "not_published", version: null, tables: "0" },
    ]);
    expect(json.streams.map((stream: { target: string }) => stream.target)).toEqual([
      "chain.blocks",
      "chain.logs",
    ]);
  });

  test("fits a screen of 80 columns, however long the names and the numbers are", async () => {
    await using db = await createDatabase();
    const long = `mainnet_${"x".repeat(50)}`;
    const blocks = await SqlStream.prepare(db, { dataset: long, table: `blocks_${"y".repeat(50)}` });
    await blocks.commit(0, 9);
    await db.query(
      `update ampsync_private.stream
          set row_total = 123456789012, checkpoint_block = 123456789, rewrites = 12345678, block_time = now() - interval '1104 days',
              state = 'failed', error = jsonb_build_object('code', 'SY201', 'hint', $1::text,
                'message', repeat('the target does not fit the schema of the server ', 9))`,
      [`select ampsync.resync('${long}', '${long}'); -- as it stands, to be copied`],
    );
    const { stdout, exitCode } = await ampsync(["status"], { DATABASE_URL: db.url });
    expect(exitCode).toBe(1);
    const wide = stdout.split("\n").filter((line) => line.length > 80);
    // Only what is to be copied is longer, and names without a blank.
    expect(wide.filter((line) => line.trim().split(" ").length > 1 && !line.startsWith("  select "))).toEqual(
      [],
    );
    expect(stdout).toContain(`select ampsync.resync('${long}', '${long}'); -- as it stands, to be copied`);
    expect(stdout).toMatch(/123,456,789/);
    expect(stdout).not.toMatch(/\.\d{3}/);
  });

  test("shows how far what loads has come, and nothing of what does not", async () => {
    await using db = await createDatabase();
    const blocks = await SqlStream.prepare(db, { dataset: "eth", table: "blocks" });
    await blocks.commit(0, 249);
    const lease = { stream_id: blocks.id, epoch: blocks.epoch, head: "999", network: "mainnet" };
    await db.query("select ampsync_worker.renew_leases('worker-1', $1)", [JSON.stringify([lease])]);
    await db.query("update ampsync_private.head set reported_at = reported_at + interval '1 hour'"); // Known for long.
    await db.query("update ampsync_private.lease set lease_until = lease_until + interval '1 hour'");

    const { stdout } = await ampsync(["status"], { DATABASE_URL: db.url });
    expect(stdout).toMatch(/^loading +blocks +of +% +rows +rows\/s +elapsed +left$/m);
    expect(stdout).toMatch(/^eth\.blocks +250 +1,000 +25\.0 +250 +[\d,]+ +\d[\dms ]* \d[\dms ]*$/m);
    const json = JSON.parse((await ampsync(["status", "--json"], { DATABASE_URL: db.url })).stdout);
    expect(json.progress).toMatchObject([
      { target: "eth.blocks", phase: "backfill", blocks_done: "250", blocks_total: "1000" },
    ]);

    await db.query("select ampsync_worker.mark_live($1, $2)", [blocks.id, blocks.epoch]);
    expect((await ampsync(["status"], { DATABASE_URL: db.url })).stdout).not.toContain("loading");
  });
});

describe("ampsync status --watch", () => {
  function watch(args: readonly string[]): Worker {
    return new Worker({ databaseUrl: db.url, flightAddress: "", adminAddress: "" }, [
      MAIN,
      "status",
      ...args,
    ]);
  }
  let db: TestDatabase;

  beforeAll(async () => {
    db = await createDatabase();
  });

  afterAll(() => db.drop());

  test("prints again and again what has changed, also beyond an error, until Ctrl-C", async () => {
    await using watched = watch(["--watch"]);
    await waitFor("the first block", () => watched.hasSaid("Nothing is synced yet."));
    await db.query("alter schema ampsync rename to gone");
    await waitFor("the error", () => watched.hasSaid("The status cannot be read: "));
    await db.query("alter schema gone rename to ampsync");
    await db.query("select ampsync.enqueue_sync('eth')");
    await waitFor("the dataset", () => watched.hasSaid("eth  "));
    expect(watched.hasEnded).toBe(false);
    watched.signal("SIGINT");
    expect(await watched.ended).toEqual({ code: 0, signal: null });
    expect(watched.tail()).not.toContain("\u001b");
  });

  test("prints one JSON object a line with --json", async () => {
    await using watched = watch(["--watch", "--json"]);
    const lines = () =>
      watched.tail().match(/\{"datasets":\[.*\],"streams":\[.*\],"progress":\[.*\],"workers":\d+\}/g) ?? [];
    await waitFor("two lines", () => lines().length >= 2);
    expect(JSON.parse(lines()[0]!)).toHaveProperty("datasets");
    watched.signal("SIGTERM");
    expect(await watched.ended).toEqual({ code: 0, signal: null });
  });

  test("ends with an error where there is nothing to look at", async () => {
    const run = await ampsync(["status", "--watch"], { DATABASE_URL: "postgresql://me@127.0.0.1:1/sync" });
    expect(run).toMatchObject({ exitCode: 3, stdout: "", stderr: expect.stringContaining("ERROR SY104") });
  });
});

describe("ampsync status ends with", () => {
  let db: TestDatabase;
  const exitCode = async (settings: Record<string, string> = { DATABASE_URL: db.url }) =>
    (await ampsync(["status"], settings)).exitCode;

  beforeAll(async () => {
    db = await createDatabase();
  });

  afterAll(() => db.drop());

  test("0 while all is well, 1 once a table is failed or nobody works, 2 and 3 where it cannot be told", async () => {
    expect(await exitCode()).toBe(0); // Nothing is to be done.
    const blocks = await SqlStream.prepare(db, { dataset: "eth", table: "blocks" });
    await blocks.commit(0, 9);
    expect(await exitCode()).toBe(1); // No worker is alive.

    await db.query("select ampsync_worker.register_worker('worker-1', 'host', 1, '0.1.0', 10)");
    expect(await exitCode()).toBe(0);
    await db.query("update ampsync_private.stream set state = 'failed'");
    expect(await exitCode()).toBe(1);

    await db.query("update ampsync_private.stream set state = 'paused'");
    await db.query("delete from ampsync_private.worker");
    expect(await exitCode()).toBe(0); // Nobody has to work.
    await db.query("update ampsync_private.stream set state = 'live'");
    await db.query("select ampsync.resync('eth')");
    expect(await exitCode()).toBe(1);
    await db.query("update ampsync_private.stream set state = 'failed' where shadow_of is not null");
    expect(await exitCode()).toBe(0); // A worker would not go on with the resync either.
    expect(await exitCode({})).toBe(2);
    expect(await exitCode({ DATABASE_URL: db.url, AMP_LOG: "loud" })).toBe(2);

    await using empty = await createDatabase({ empty: true });
    expect(await exitCode({ DATABASE_URL: empty.url })).toBe(3);
  });
});

describe("ampsync doctor", () => {
  test("prints each finding with its fix, and ends with 1 after an error", async () => {
    await using db = await createDatabase();
    const healthy = await ampsync(["doctor", "--json"], { DATABASE_URL: db.url });
    expect(healthy).toMatchObject({ exitCode: 0, stderr: "" });
    const { findings } = JSON.parse(healthy.stdout);
    expect(findings.filter((finding: { severity: string }) => finding.severity === "error")).toEqual([]);

    await db.query("select ampsync.enqueue_sync('eth')");
    const { exitCode, stdout } = await ampsync(["doctor"], { DATABASE_URL: db.url });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^error: workers: no worker is alive, .*\n {2}npx ampsync worker$/m);
    expect(await ampsync(["doctor", "--json"], { DATABASE_URL: db.url })).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('{"findings":[{"severity":"error","subject":"workers",'),
    });
  });

  test("says that nothing is installed", async () => {
    await using empty = await createDatabase({ empty: true });
    const { exitCode, stderr } = await ampsync(["doctor"], { DATABASE_URL: empty.url });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`ERROR SY901: database schema and code do not match
DETAIL: PostgreSQL said 3F000: schema "ampsync" does not exist.
HINT: ampsync migrate
`);
  });
});

describe("secrets", () => {
  const PASSWORD = "p@s:s/w%or#d?41";
  const ROLE = "m@:/%#e";
  const TOKEN = "t0ken-that-nobody-may-see";
  let folder: string;
  let server: EmbeddedPostgres;
  let address: URL;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ampsync-cli-"));
    // The durable kind: it listens on TCP and asks for passwords.
    server = await startPostgres({ dataDir: newDataDir(), persistent: true });
    address = new URL(server.connectionString("postgres"));
    const admin = new pg.Client({ connectionString: address.href });
    await admin.connect();
    const role = admin.escapeIdentifier(ROLE);
    await admin.query(`create role ${role} login password ${admin.escapeLiteral(PASSWORD)}`);
    await admin.query(`create database "sync" owner ${role} encoding 'UTF8' template template0`);
    await admin.end();
  });

  afterAll(async () => {
    await server?.stop();
    if (server !== undefined) await rm(server.dataDir, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  function urlWith(password: string): string {
    return `postgresql://${encodeURIComponent(ROLE)}:${encodeURIComponent(password)}@${address.host}/sync`;
  }

  function parts(): Record<string, string> {
    return {
      DATABASE_HOST: address.hostname,
      DATABASE_PORT: address.port,
      DATABASE_USER: ROLE,
      DATABASE_NAME: "sync",
    };
  }

  test("with special characters connect (N53), as a URL, as parts and from files", async () => {
    const passwordFile = join(folder, "password");
    const urlFile = join(folder, "url");
    await writeFile(passwordFile, `${PASSWORD}\n`);
    await writeFile(urlFile, `${urlWith(PASSWORD)}\n`);

    for (const settings of [
      { DATABASE_URL: urlWith(PASSWORD) },
      { ...parts(), DATABASE_PASSWORD: PASSWORD },
      { ...parts(), DATABASE_PASSWORD_FILE: passwordFile },
      { DATABASE_URL_FILE: urlFile },
    ]) {
      const { exitCode, stderr } = await ampsync(["migrate"], { ...settings, AMP_LOG: "trace" });
      expect({ exitCode, stderr: stderr.replace(/^\{.*\}\n/gm, "") }, Object.keys(settings).join()).toEqual({
        exitCode: 0,
        stderr: "",
      });
    }
  });

  const OUTCOMES: readonly (readonly [string, () => Record<string, string>])[] = [
    ["a wrong password", () => ({ DATABASE_URL: urlWith(`${PASSWORD}!`) })],
    ["a wrong password in parts", () => ({ ...parts(), DATABASE_PASSWORD: `${PASSWORD}!` })],
    [
      "a closed port",
      () => ({
        DATABASE_URL: `postgresql://me:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/sync`,
        DB_MAX_RETRY_DURATION_SECS: "1",
      }),
    ],
    [
      "a password that was not encoded",
      () => ({ DATABASE_URL: `postgresql://me:${PASSWORD}@127.0.0.1/sync` }),
    ],
    ["no URL at all", () => ({ DATABASE_URL: `me:${PASSWORD}@127.0.0.1/sync` })],
  ];
  const CALLS = [
    ["migrate"],
    ["status"],
    ["status", "--json"],
    ["doctor"],
    ["worker"],
    ["sync", "--dataset=eth"],
    ["worker", `--auth-token=${TOKEN}`, `--databse-password=${PASSWORD}`],
  ];
  const taken = someCases(
    OUTCOMES.flatMap(([name]) => CALLS.map((args) => ({ name, args }))),
    { kindOf: ({ name }) => name, oneOf: 6 },
  );

  test.each(OUTCOMES)(
    `are not shown at any level (N53, sanitize_database_url) after %s (${CASES})`,
    async (after, settings) => {
      for (const { args } of taken.filter(({ name }) => name === after)) {
        const { exitCode, stdout, stderr } = await ampsync(args, {
          ...settings(),
          AMP_AUTH_TOKEN: TOKEN,
          AMP_LOG: "trace",
        });
        const told = args[0] === "status" ? [2, 3] : [args.length > 2 ? 2 : 1];
        expect(told, args.join(" ")).toContain(exitCode);
        const output = stdout + stderr;
        expect(output).not.toBe("");
        for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), "p@s", "p%40s", TOKEN]) {
          expect(output).not.toContain(secret);
        }
      }
    },
  );
});
