// Takes 22 s.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";

import { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Health } from "../../src/health/health.ts";
import { createLog } from "../../src/log.ts";
import { cleanText } from "../../src/model/foreign-text.ts";
import { LOG_LEVELS } from "../../src/model/log-levels.ts";
import { Secrets } from "../../src/model/secrets.ts";
import { Monitor } from "../support/health/monitor.ts";
import { CASES, someCases } from "../support/some-cases.ts";
import { ampsync } from "../support/worker/command.ts";
import { Scenario } from "../support/worker/scenario.ts";

const json = (text: string) => JSON.stringify(text).slice(1, -1);
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** Characters that end something: in URLs, in JSON, in SQL, in shells, in regular expressions; and a short one. */
const PASSWORDS = [
  "p@ss:w/rd?x#%41&y",
  `it's "quoted" \\ and \\n`,
  "two\nlines\tand a tab",
  ".*+?^$()|[]{}\\$&$1",
  "zq!",
  "k7q2",
];
/** In any header, and long enough for any scheme. */
const TOKEN = "s3cr3t/t0k%41~+<x>'\\\"";

/** The forms in which a server or a library may show a password, with what they put around it. */
const formsOf = (password: string) => [
  `password ${password} is wrong`,
  `{"password":"${json(password)}"}`,
  `'${password.replaceAll("'", "''")}'`,
  `?p=${encodeURIComponent(password)}&`,
  `postgresql://me:${encodeURIComponent(password)}@db/sync`,
  `host=db password='${password.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`,
  `Basic ${base64(`me:${password}`)}`,
];

/** What must not be found: what is too short to be known is found by chance. */
const traces = (password: string) =>
  [password, json(password), encodeURIComponent(password), base64(`xyz${password}`).slice(4, -4)].filter(
    (text) => text.length >= 3,
  );

function fromXml(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** A server that asks for the password in plain text, and tells everybody what it was. */
async function tellTale(): Promise<Server> {
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3])); // AuthenticationCleartextPassword
      socket.once("data", (message: Buffer) => {
        const password = message.subarray(5, -1).toString();
        const fields = ["SFATAL", "VFATAL", "C28P01", `M${formsOf(password).join(" ")}`]
          .concat([`D${formsOf(password).join("\n")}`, `H${formsOf(password).join("; ")}`])
          .map((field) => Buffer.from(`${field}\0`));
        const body = Buffer.concat([...fields, Buffer.from([0])]);
        const head = Buffer.alloc(5);
        head.write("E");
        head.writeUInt32BE(body.length + 4, 1);
        socket.end(Buffer.concat([head, body]));
      });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** All that a worker says to those who ask it over HTTP, whatever they send. */
async function everyAnswer(monitor: Monitor): Promise<string> {
  const asked = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/",
    "/nothing",
    "/readyz?verbose",
    "/readyz/%2e%2e/config",
  ];
  const answers = await Promise.all([
    ...asked.map((path) => monitor.get(path)),
    ...asked.map((path) => monitor.get(path, { method: "POST", body: "{}" })),
  ]);
  const said = await Promise.all(
    answers.map(async (answer) => [answer.status, ...answer.headers, await answer.text()].join(" ")),
  );
  return said.join("\n");
}

describe("a PostgreSQL that echoes the password in its error", () => {
  let server: Server;
  let host: string;

  beforeAll(async () => {
    server = await tellTale();
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // It listens on TCP.
  });
  afterAll(() => server.close());

  /** Each with one of the passwords, and each password with a sixth of them. */
  const runs: readonly (readonly [
    args: readonly string[],
    env: (password: string) => Record<string, string>,
  ])[] = [
    ...LOG_LEVELS.map(
      (level) => [["migrate"], (password: string) => ({ ...byUrl(password), AMP_LOG: level })] as const,
    ),
    ...[
      ["status"],
      ["status", "--json"],
      ["doctor"],
      ["doctor", "--json"],
      ["migrate", "--json"],
      ["worker"],
    ].map(
      (args) =>
        [
          args,
          (password: string) => ({ ...byUrl(password), AMP_LOG: "trace", DB_MAX_RETRY_DURATION_SECS: "1" }),
        ] as const,
    ),
    [
      ["uninstall", "--json"],
      (password) => ({
        ...{ DATABASE_HOST: "127.0.0.1", DATABASE_PORT: host.split(":")[1]!, DATABASE_USER: "me" },
        ...{ DATABASE_NAME: "sync", DATABASE_PASSWORD: password },
      }),
    ],
  ];
  const byUrl = (password: string) => ({
    DATABASE_URL: `postgresql://me:${encodeURIComponent(password)}@${host}/sync`,
  });
  const pairs = someCases(
    runs.flatMap((run) => PASSWORDS.map((password) => ({ run, password }))),
    { kindOf: ({ run }) => run, oneOf: 6 },
  );

  test.each(PASSWORDS)(
    `does not bring %j into any output of any command, at any level (${CASES})`,
    async (password) => {
      const taken = pairs.filter((pair) => pair.password === password).map(({ run }) => run);
      expect(taken).not.toEqual([]);
      const ended = await Promise.all(taken.map(([args, env]) => ampsync(args, env(password))));
      for (const [i, { exitCode, stdout, stderr }] of ended.entries()) {
        const output = stdout + stderr;
        expect(exitCode, output).not.toBe(0);
        expect(output, taken[i]![0].join(" ")).toContain("[password]");
        expect(
          traces(password).filter((trace) => output.includes(trace)),
          output,
        ).toEqual([]);
      }
    },
  );
});

describe("a health endpoint whose PostgreSQL echoes the password", () => {
  test.each(PASSWORDS)("tells %j to nobody, and to no log", async (password) => {
    const server = await tellTale();
    const { port } = server.address() as AddressInfo; // It listens on TCP.
    const secrets = new Secrets();
    secrets.keep("[password]", [password]);
    const lines: string[] = [];
    const monitor = await Monitor.create();
    const health = await Health.start({
      databaseUrl: `postgresql://me:${encodeURIComponent(password)}@127.0.0.1:${port}/sync`,
      host: "127.0.0.1",
      port: monitor.port,
      registry: new Registry(),
      log: createLog(
        "debug",
        (line) => lines.push(line),
        (text) => cleanText(secrets.redact(text)),
      ),
    });
    try {
      const said = await everyAnswer(monitor);
      expect(said).toContain("the database does not let this worker in");
      for (const text of [said, lines.join("")]) {
        expect(traces(password).filter((trace) => text.includes(trace))).toEqual([]);
      }
    } finally {
      await health.close();
      server.close();
    }
  });
});

describe("a password of the database", () => {
  test.each(someCases(PASSWORDS))(
    `%j is in no log, table, view, job or health answer of a worker that works; nor is the token (${CASES})`,
    async (password) => {
      await using scenario = await Scenario.start();
      const url = new URL(scenario.db.url);
      const role = `hostile_${scenario.db.name}`;
      const literal = (text: string) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
      await scenario.db.query(`create role ${role} superuser login password ${literal(password)}`);
      try {
        const databaseUrl = `postgresql://${role}:${encodeURIComponent(password)}@${url.host}${url.pathname}${url.search}`;
        const monitor = await Monitor.create();
        const env = { ...monitor.env, AMP_LOG: "trace", AMP_AUTH_TOKEN: TOKEN };
        const worker = scenario.startWorker({ databaseUrl, env });
        scenario.server.publish(
          "0.0.1",
          await import("../../src/devserver/sources/generated/source.ts").then(
            ({ GeneratedSource }) => new GeneratedSource({ blocks: 5, logsPerBlock: 1 }),
          ),
        );
        await scenario.db.query("select ampsync.enqueue_sync('_/anvil@0.0.1', '{logs}', 'chain')");
        await scenario.until("rows", async () => {
          const { rows } = await scenario.db.query(
            "select coalesce(sum(rows), 0)::int as n from ampsync.streams",
          );
          return rows[0]!["n"] > 0;
        });
        const whileReady = await everyAnswer(monitor);
        const blocker = await scenario.db.client();
        await blocker.query("begin; lock table ampsync_private.stream in access exclusive mode");
        let whileBlocked = "";
        await scenario.until("the worker not to be ready", async () => {
          whileBlocked = await everyAnswer(monitor);
          return whileBlocked.includes("the database does not answer");
        });
        await blocker.query("rollback");
        await scenario.until("the loss of an idle connection to be logged", async () => {
          await scenario.db.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and state = 'idle'",
            [role],
          );
          return worker.hasSaid("db_connection_lost");
        });
        const { rows } = await scenario.db.query(
          `select query_to_xml(format('select to_jsonb(t)::text as row from %s t', c.oid::regclass), true, false, '')::text as text
           from pg_class c
          where c.relnamespace in ('ampsync'::regnamespace, 'ampsync_private'::regnamespace, 'graphile_worker'::regnamespace)
            and c.relkind in ('r', 'v')`,
        );
        const everything = [
          ...worker.said(),
          ...rows.map((row) => fromXml(row["text"])),
          ...[whileReady, whileBlocked],
        ];
        expect(whileReady).toContain('"dataset": "anvil@0.0.1"');
        expect(rows.length).toBeGreaterThan(25);
        for (const trace of [...traces(password), ...traces(TOKEN)]) {
          expect(everything.filter((text) => text.includes(trace))).toEqual([]);
        }
        await worker.kill();
      } finally {
        await scenario.db.query(
          `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`,
        );
      }
    },
  );
});
