// Takes 33 s.
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { createDatabase } from "../support/postgres/postgres.ts";
import { Authority, type Issued } from "../support/tls/authority.ts";
import { PemFiles } from "../support/tls/pem-files.ts";
import { startTlsFront } from "../support/tls/tls-front.ts";
import { TlsPostgres } from "../support/tls/tls-postgres.ts";
import { ampsync } from "../support/worker/command.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { Worker } from "../support/worker/worker.ts";
import { COMMANDS } from "../support/worker/worker-process.ts";

const files = new PemFiles();
const authority = new Authority();
const stranger = new Authority("somebody else's authority");
const server = { ...authority.issue({ name: "postgres", hosts: ["localhost"] }), clientCa: authority.cert };
const root = files.write("root.crt", authority.cert);

let postgres: TlsPostgres;
beforeAll(async () => {
  postgres = await TlsPostgres.start(server);
});
afterAll(() => postgres[Symbol.asyncDispose]());

/** The parameters of a client certificate. */
function identity({ cert, key }: Issued, name: string) {
  return { sslcert: files.write(`${name}.crt`, cert), sslkey: files.write(`${name}.key`, key) };
}

const trusting = { sslmode: "verify-full", sslrootcert: root };
const known = identity(authority.issue({ name: "ampsync" }), "known");

describe("what keeps a command from the database is told at once, in words, with what to do:", () => {
  interface Case {
    readonly parameters: Record<string, string>;
    readonly at?: { readonly host?: string; readonly user?: string };
    readonly code?: string;
    readonly says: RegExp;
    readonly hint: RegExp;
  }

  test.each<[string, Case]>([
    [
      "an authority that nobody named",
      {
        parameters: { sslmode: "verify-full", ...known },
        says: /signed by nobody/,
        hint: /sslrootcert/,
      },
    ],
    [
      "another authority",
      {
        parameters: { ...trusting, ...known, sslrootcert: files.write("stranger.crt", stranger.cert) },
        says: /signed by nobody/,
        hint: /sslrootcert/,
      },
    ],
    [
      "another host name",
      {
        parameters: { ...trusting, ...known },
        at: { host: "127.0.0.1" },
        says: /for another host name/,
        hint: /sslmode=verify-ca/,
      },
    ],
    [
      "no client certificate",
      { parameters: trusting, code: "28000", says: /certificate/, hint: /sslcert and sslkey/ },
    ],
    [
      "a client certificate of another user",
      {
        parameters: { ...trusting, ...identity(authority.issue({ name: "somebody" }), "somebody") },
        code: "28000",
        says: /authentication failed/,
        hint: /common name/,
      },
    ],
    [
      "a client certificate of another authority",
      {
        parameters: { ...trusting, ...identity(stranger.issue({ name: "ampsync" }), "stranger-client") },
        says: /refuses the client certificate/,
        hint: /ssl_ca_file/,
      },
    ],
    [
      "an expired client certificate",
      {
        parameters: {
          ...trusting,
          ...identity(authority.issue({ name: "ampsync", expiresIn: -1 }), "expired"),
        },
        says: /refuses the client certificate/,
        hint: /Replace the files/,
      },
    ],
  ])("%s", async (_, { parameters, at, code = "SY109", says, hint }) => {
    const url = postgres.url(parameters, at);
    const { exitCode, stderr } = await ampsync(["migrate", "--json"], { DATABASE_URL: url });
    expect(exitCode).toBe(1);
    const { error } = JSON.parse(stderr.trim().split("\n").at(-1)!);
    expect(error).toEqual({
      code,
      message: expect.stringMatching(says),
      detail: code === "SY109" ? expect.any(String) : null,
      hint: expect.stringMatching(hint),
    });
  });

  test("a server without TLS", async () => {
    await using db = await createDatabase();
    const url = `${db.url}${db.url.includes("?") ? "&" : "?"}sslmode=require`;
    const { exitCode, stderr } = await ampsync(["status"], { DATABASE_URL: url });
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/SY109: PostgreSQL does not speak TLS.*HINT: .*sslmode=disable/s);
  });

  test("a worker says the same, and ends", async () => {
    const databaseUrl = postgres.url({ sslmode: "verify-full", ...known });
    const nowhere = "http://127.0.0.1:1";
    const addresses = { databaseUrl, flightAddress: nowhere, adminAddress: nowhere };
    await using worker = new Worker(addresses, COMMANDS["ampsync worker"]);
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("ERROR SY109: the certificate of PostgreSQL is signed by nobody")).toBe(true);
    expect(worker.hasSaid("HINT: Name a PEM file with the certificate")).toBe(true);
  });

  test("graphile-worker's own command ends in Node's words, since it connects before our preset can take part", async () => {
    const databaseUrl = postgres.url({ sslmode: "verify-full", ...known });
    const nowhere = "http://127.0.0.1:1";
    const addresses = { databaseUrl, flightAddress: nowhere, adminAddress: nowhere };
    await using worker = new Worker(addresses, COMMANDS["graphile-worker"]);
    expect(await worker.ended).toEqual({ code: 1, signal: null });
    expect(worker.hasSaid("SELF_SIGNED_CERT_IN_CHAIN")).toBe(true);
    const { stderr } = await ampsync(["status"], { DATABASE_URL: databaseUrl });
    expect(stderr).toMatch(/ERROR SY109: .*HINT: .*sslrootcert/s); // As docs/operations.md says.
  });

  test("files that cannot work are refused before anything is connected", async () => {
    const other = identity(authority.issue({ name: "ampsync" }), "other");
    const garbage = files.write("garbage.pem", "not a certificate");
    for (const [parameters, why] of [
      [{ ...trusting, sslrootcert: garbage }, "sslrootcert names a file without a certificate in PEM form"],
      [{ ...trusting, ...known, sslkey: other.sslkey }, "sslcert and sslkey do not belong together"],
      [{ ...trusting, ...known, sslkey: `${garbage}.not` }, "sslkey names a file that cannot be read"],
    ] as const) {
      const { exitCode, stderr } = await ampsync(["status"], { DATABASE_URL: postgres.url(parameters) });
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain("SY902");
      expect(stderr).toContain(why);
    }
  });
});

describe("it works", () => {
  test.each([
    ["verify-full", { ...trusting, ...known }, {}],
    [
      "verify-ca, whatever the host is called",
      { ...trusting, ...known, sslmode: "verify-ca" },
      { host: "127.0.0.1" },
    ],
    ["require, which compares nothing", { sslmode: "require" }, { user: "certless" }],
  ] as const)("with %s", async (_, parameters, at) => {
    const { exitCode, stderr } = await ampsync(["migrate"], { DATABASE_URL: postgres.url(parameters, at) });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("with a root that the system knows", async () => {
    const url = postgres.url({ sslmode: "verify-full", ...known });
    const { exitCode } = await ampsync(["migrate"], { DATABASE_URL: url, SSL_CERT_FILE: root });
    expect(exitCode).toBe(0);
  });
});

test("all certificates, authorities included, are replaced under a running worker, which goes on", async () => {
  const source = new GeneratedSource({ blocks: 20 });
  await ampsync(["migrate"], { DATABASE_URL: postgres.url({ ...trusting, ...known }) });
  await using scenario = await Scenario.start({ source, db: { ...postgres.db, drop: async () => {} } });
  const front = { ...authority.issue({ name: "amp", hosts: ["localhost"] }), clientCa: authority.cert };
  await using flight = await startTlsFront(scenario.server.flightAddress, "h2", front);
  await using admin = await startTlsFront(scenario.server.adminAddress, "http/1.1", front);
  const rotated = {
    sslrootcert: files.write("rotated-root.crt", authority.cert),
    ...identity(authority.issue({ name: "ampsync" }), "rotated"),
  };
  const worker = scenario.startWorker({
    databaseUrl: postgres.url({ sslmode: "verify-full", ...rotated }),
    flightAddress: flight.address,
    adminAddress: admin.address,
    env: {
      AMP_TLS_CA_FILE: rotated.sslrootcert,
      AMP_TLS_CERT_FILE: rotated.sslcert,
      AMP_TLS_KEY_FILE: rotated.sslkey,
    },
  });
  const sync = await scenario.sync(["blocks"]);
  await sync.catchesUp();

  const next = new Authority("the next authority");
  files.write("rotated-root.crt", next.cert);
  identity(next.issue({ name: "ampsync" }), "rotated");
  const newFront = { ...next.issue({ name: "amp", hosts: ["localhost"] }), clientCa: next.cert };
  flight.replace(newFront);
  admin.replace(newFront);
  await postgres.replace({ ...next.issue({ name: "postgres", hosts: ["localhost"] }), clientCa: next.cert });

  source.mine(5);
  await sync.catchesUp();
  await sync.expectSourceRows();
  expect(worker.hasEnded).toBe(false);
  await worker.kill();
  await postgres.replace(server);
});
