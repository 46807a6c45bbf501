import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { LOG_LEVELS } from "../../src/model/log-levels.ts";
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
];

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

describe("a PostgreSQL that echoes the password in its error", () => {
  let server: Server;
  let host: string;

  beforeAll(async () => {
    server = await tellTale();
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`; // It listens on TCP.
  });
  afterAll(() => server.close());

  test.each(PASSWORDS)("does not bring %j into any output of any command, at any level", async (password) => {
    const url = `postgresql://me:${encodeURIComponent(password)}@${host}/sync`;
    const runs = [
      ...LOG_LEVELS.map((level) => [["migrate"], { DATABASE_URL: url, AMP_LOG: level }] as const),
      ...[
        ["status"],
        ["status", "--json"],
        ["doctor"],
        ["doctor", "--json"],
        ["migrate", "--json"],
        ["worker"],
      ].map(
        (args) => [args, { DATABASE_URL: url, AMP_LOG: "trace", DB_MAX_RETRY_DURATION_SECS: "1" }] as const,
      ),
      [
        ["uninstall", "--json"],
        {
          ...{ DATABASE_HOST: "127.0.0.1", DATABASE_PORT: host.split(":")[1]!, DATABASE_USER: "me" },
          ...{ DATABASE_NAME: "sync", DATABASE_PASSWORD: password },
        },
      ] as const,
    ];
    const ended = await Promise.all(runs.map(([args, env]) => ampsync([...args], env)));
    for (const [i, { exitCode, stdout, stderr }] of ended.entries()) {
      const output = stdout + stderr;
      expect(exitCode, output).not.toBe(0);
      expect(output, runs[i]![0].join(" ")).toContain("[password]");
      expect(
        traces(password).filter((trace) => output.includes(trace)),
        output,
      ).toEqual([]);
    }
  });
});

describe("a password of the database", () => {
  test.each(PASSWORDS)("%j is in no log, table, view or job of a worker that works", async (password) => {
    await using scenario = await Scenario.start();
    const url = new URL(scenario.db.url);
    const role = `hostile_${scenario.db.name}`;
    const literal = (text: string) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
    await scenario.db.query(`create role ${role} superuser login password ${literal(password)}`);
    try {
      const databaseUrl = `postgresql://${role}:${encodeURIComponent(password)}@${url.host}${url.pathname}${url.search}`;
      const worker = scenario.startWorker({ databaseUrl, env: { AMP_LOG: "trace" } });
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
      await scenario.db.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [
        role,
      ]);
      await scenario.until("the loss to be logged", async () => worker.hasSaid("db_connection_lost"));
      const { rows } = await scenario.db.query(
        `select query_to_xml(format('select * from %s', c.oid::regclass), true, false, '')::text as text
           from pg_class c
          where c.relnamespace in ('ampsync'::regnamespace, 'ampsync_private'::regnamespace, 'graphile_worker'::regnamespace)
            and c.relkind in ('r', 'v')`,
      );
      const everything = [...worker.said(), ...rows.map((row) => String(row["text"]))];
      expect(rows.length).toBeGreaterThan(25);
      for (const trace of traces(password)) {
        expect(everything.filter((text) => text.includes(trace))).toEqual([]);
      }
      await worker.kill();
    } finally {
      await scenario.db.query(
        `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`,
      );
    }
  });
});
