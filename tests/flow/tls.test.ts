// Takes 16 s.
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { AmpServers } from "../../src/amp-servers.ts";
import { parseConfig } from "../../src/config.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Authority } from "../support/tls/authority.ts";
import { PemFiles } from "../support/tls/pem-files.ts";
import { startTlsFront, type TlsFrontOptions } from "../support/tls/tls-front.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";

const files = new PemFiles();
const authority = new Authority();
const stranger = new Authority("somebody else's authority");
const localhost = authority.issue({ name: "server", hosts: ["localhost"] });
const root = files.write("root.pem", authority.cert);

function clientOf({ cert, key }: ReturnType<Authority["issue"]>, name: string) {
  return {
    AMP_TLS_CERT_FILE: files.write(`${name}.crt`, cert),
    AMP_TLS_KEY_FILE: files.write(`${name}.key`, key),
  };
}

test("N46 https addresses work with a private root, named by NODE_EXTRA_CA_CERTS or AMP_TLS_CA_FILE or known to the system, and only then", async () => {
  const source = new GeneratedSource({ blocks: 20 });
  await using scenario = await Scenario.start({ source });
  await using flight = await startTlsFront(scenario.server.flightAddress, "h2", localhost);
  await using admin = await startTlsFront(scenario.server.adminAddress, "http/1.1", localhost);
  const addresses = { flightAddress: flight.address, adminAddress: admin.address };
  const sync = await scenario.sync(["blocks"]);

  const distrustful = scenario.startWorker(addresses);
  await scenario.until("the certificate to be refused", async () => {
    const { rows } = await scenario.db.query("select error from ampsync_private.dataset");
    return rows[0]?.["error"]?.code === "SY109" && /AMP_TLS_CA_FILE/.test(rows[0]["error"].hint);
  });
  await distrustful.kill();

  for (const env of [
    { NODE_EXTRA_CA_CERTS: root },
    { AMP_TLS_CA_FILE: root },
    { SSL_CERT_FILE: root }, // Where the system's roots are.
  ]) {
    const told = scenario.startWorker({ ...addresses, env });
    await scenario.expireLeases();
    await sync.catchesUp();
    await told.kill();
    source.mine(5);
  }
  scenario.startWorker({ ...addresses, env: { AMP_TLS_CA_FILE: root } });
  await scenario.expireLeases();
  await sync.catchesUp();
  await sync.expectSourceRows();
  expect((await sync.stream())?.state).not.toBe("failed");
});

describe("what keeps a worker and an Amp server from speaking TLS is told in words, with what to do:", () => {
  let server: DevServer;
  beforeAll(async () => {
    server = await startDevServer({ source: new GeneratedSource({ blocks: 5 }), published: true });
  });
  afterAll(() => server.stop());

  const client = clientOf(authority.issue({ name: "worker" }), "worker");
  const mutual = { ...localhost, clientCa: authority.cert };
  const trusting = { AMP_TLS_CA_FILE: root };

  interface Case {
    readonly front: TlsFrontOptions;
    readonly env: Record<string, string>;
    readonly host?: string;
    readonly says: string;
    readonly hint: string;
  }

  test.each<[string, Case]>([
    [
      "an authority that nobody named",
      { front: localhost, env: {}, says: "signed by nobody", hint: "Set AMP_TLS_CA_FILE" },
    ],
    [
      "another authority",
      {
        front: stranger.issue({ name: "server", hosts: ["localhost"] }),
        env: trusting,
        says: "signed by nobody",
        hint: "Set AMP_TLS_CA_FILE",
      },
    ],
    [
      "an expired certificate",
      {
        front: authority.issue({ name: "server", hosts: ["localhost"], expiresIn: -1 }),
        env: trusting,
        says: "has expired",
        hint: "Renew the certificate",
      },
    ],
    [
      "a certificate for another host",
      {
        front: authority.issue({ name: "server", hosts: ["amp.example"] }),
        env: trusting,
        says: "for another host name",
        hint: "Use a name of the certificate",
      },
    ],
    [
      "no client certificate",
      { front: mutual, env: trusting, says: "wants a client certificate", hint: "Set AMP_TLS_CERT_FILE" },
    ],
    [
      "no client certificate, with TLS 1.2",
      {
        front: { ...mutual, maxVersion: "TLSv1.2" },
        env: trusting,
        says: "no version or cipher",
        hint: "AMP_TLS_CERT_FILE",
      },
    ],
  ])("%s", async (_, { front, env, says, hint }) => {
    await using flight = await startTlsFront(server.flightAddress, "h2", front);
    await using admin = await startTlsFront(server.adminAddress, "http/1.1", front);
    using servers = serversOf({ ...env, AMP_FLIGHT_ADDR: flight.address, AMP_ADMIN_API_ADDR: admin.address });
    for (const ask of [servers.plan, servers.version]) {
      await expect(ask(null)).rejects.toMatchObject({
        code: "SY109",
        message: expect.stringContaining(says),
        hint: expect.stringContaining(hint),
      });
    }
  });

  test("an address with https of a server without TLS", async () => {
    const [flight, admin] = [server.flightAddress, server.adminAddress].map((each) =>
      each.replace("http:", "https:"),
    );
    using servers = serversOf({ AMP_FLIGHT_ADDR: flight!, AMP_ADMIN_API_ADDR: admin! });
    await expect(servers.version(null)).rejects.toMatchObject({
      code: "SY109",
      hint: expect.stringContaining("Use http://"),
    });
    await expect(servers.plan(null)).rejects.toMatchObject({ code: "SY109" });
  });

  test("with a client certificate it works, at the addresses of the settings alone", async () => {
    await using flight = await startTlsFront(server.flightAddress, "h2", mutual);
    await using admin = await startTlsFront(server.adminAddress, "http/1.1", mutual);
    await using elsewhere = await startTlsFront(server.flightAddress, "h2", mutual);
    await using elseAdmin = await startTlsFront(server.adminAddress, "http/1.1", mutual);
    const addresses = { AMP_FLIGHT_ADDR: flight.address, AMP_ADMIN_API_ADDR: admin.address };
    using servers = serversOf({ ...trusting, ...client, ...addresses });
    await expect(servers.plan(null)).resolves.toMatchObject({ schema: {} });
    await expect(servers.version(null)).resolves.toMatchObject({ version: "0.0.0" });
    for (const asked of [() => servers.plan(elsewhere.address), () => servers.version(elseAdmin.address)]) {
      await expect(asked()).rejects.toMatchObject({ code: "SY109", message: /wants a client certificate/ });
    }
  });

  test("a file that is gone: tried again, and read again once it is back", async () => {
    await using flight = await startTlsFront(server.flightAddress, "h2", mutual);
    await using admin = await startTlsFront(server.adminAddress, "http/1.1", mutual);
    const addresses = { AMP_FLIGHT_ADDR: flight.address, AMP_ADMIN_API_ADDR: admin.address };
    let isGone = false;
    using servers = serversOf({ ...trusting, ...client, ...addresses }, (path) => {
      if (isGone && path === client.AMP_TLS_KEY_FILE) throw new Error("ENOENT");
      return readFileSync(path, "utf8");
    });
    isGone = true;
    for (const ask of [servers.plan, servers.version]) {
      await expect(ask(null)).rejects.toMatchObject({ code: "SY109", message: /cannot be read/ });
    }
    isGone = false;
    await expect(servers.version(null)).resolves.toMatchObject({ version: "0.0.0" });
    const hasPlan = () =>
      servers.plan(null).then(
        () => true,
        () => false,
      );
    await waitFor("the next connection", hasPlan); // The library makes one after a pause.
  });
});

/** The servers of a process with these settings, and one question for each of the two. */
function serversOf(
  env: Record<string, string>,
  readFile: (path: string) => string = (path) => readFileSync(path, "utf8"),
) {
  const servers = new AmpServers(parseConfig(env, readFile));
  const signal = AbortSignal.timeout(30_000);
  return {
    async plan(address: string | null) {
      using flight = servers.flight(address);
      return await flight.plan('SELECT * FROM "_/anvil@0.0.0"."blocks"', { stream: false, signal });
    },
    version: (address: string | null) =>
      servers.admin(address)!.version({ namespace: "_", name: "anvil", revision: null }, signal),
    [Symbol.dispose]: () => servers.close(),
  };
}
