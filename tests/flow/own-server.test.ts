// Takes 11 s.
import { expect, test } from "vitest";

import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Authority } from "../support/tls/authority.ts";
import { PemFiles } from "../support/tls/pem-files.ts";
import { startTlsFront } from "../support/tls/tls-front.ts";
import { Scenario } from "../support/worker/scenario.ts";
import { Sync } from "../support/worker/sync.ts";

const TABLES = ["blocks", "logs"];
const authority = new Authority();
const root = new PemFiles().write("root.pem", authority.cert);
const localhost = authority.issue({ name: "server", hosts: ["localhost"] });

class Other implements AsyncDisposable {
  readonly source: GeneratedSource;
  readonly server: DevServer;

  private constructor(source: GeneratedSource, server: DevServer) {
    this.source = source;
    this.server = server;
  }

  static async start(source: GeneratedSource): Promise<Other> {
    return new Other(source, await startDevServer({ source }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
  }

  /** Syncs the same dataset as the first server has, from here. */
  async sync(scenario: Scenario, dataset: string, addresses: readonly [string, string]): Promise<Sync> {
    await scenario.db.query("begin");
    await scenario.db.query("select ampsync.enqueue_sync($1, $2, 'theirs')", [dataset, TABLES]);
    await scenario.db.query("select ampsync.set_source($1, $2, $3)", [dataset, ...addresses]);
    await scenario.db.query("commit");
    return new Sync(scenario, { dataset, schema: "theirs", source: this.source, tables: TABLES });
  }
}

test("one worker reads two servers, each dataset from its own, and the token stays with its host", async () => {
  const source = new GeneratedSource({ blocks: 40 });
  await using scenario = await Scenario.start({ source });
  await using other = await Other.start(new GeneratedSource({ seed: 2, blocks: 15 }));
  // Both want the same token: the second one would let in whoever sends it.
  scenario.misbehaviour.token = "hunter2";
  other.server.misbehaviour.token = "hunter2";
  scenario.startWorker({ env: { AMP_AUTH_TOKEN: "hunter2" } });

  const ours = await scenario.sync(TABLES);
  const { flightAddress, adminAddress } = other.server;
  const theirs = await other.sync(scenario, "anvil@0.0.0", [flightAddress, "off"]);
  await ours.reaches();
  const refused = await theirs.until("the server to want a token", ({ code }) => code === "SY105");
  expect(refused.hint).toContain(`No token was sent to ${flightAddress}`);

  await scenario.db.query("select ampsync.set_source('anvil@0.0.0', admin_addr => $1)", [adminAddress]);
  const asked = other.server.adminRequests.length;
  await scenario.db.query("select ampsync.explain_sync('anvil@0.0.0')");
  await scenario.until("the Admin API to be asked, and to want a token", async () => {
    const { rows } = await scenario.db.query("select detail from ampsync.explain_sync('anvil@0.0.0')");
    return rows.some(({ detail }) => /HTTP 401/.test(detail ?? ""));
  });
  expect(other.server.adminRequests.length).toBeGreaterThan(asked);

  other.server.misbehaviour.token = null;
  await theirs.catchesUp();
  source.mine(3);
  other.source.mine(2);
  other.source.reorg(3);
  for (const sync of [ours, theirs]) {
    await sync.catchesUp();
    await sync.expectSourceRows();
    await sync.untilAll("live");
  }
  await scenario.until("each to be shown the head of its own server", async () => {
    const { rows } = await scenario.db.query("select block, head from ampsync.streams order by block");
    const heads = rows.map(({ head }) => Number(head));
    return rows.every(({ block, head }) => block === head) && heads[0] === 16 && heads[3] === 42;
  });
});

test("a dataset is moved to a server with another branch, over TLS, while it is live; nothing of the old one is left", async () => {
  const source = new GeneratedSource({ blocks: 40 });
  await using scenario = await Scenario.start({ source });
  const branch = new GeneratedSource({ blocks: 40 });
  branch.reorg(6);
  branch.mine(4);
  await using other = await Other.start(branch);
  await using flight = await startTlsFront(other.server.flightAddress, "h2", localhost);
  await using admin = await startTlsFront(other.server.adminAddress, "http/1.1", localhost);
  scenario.startWorker({ env: { SSL_CERT_FILE: root } }); // Where the system's roots are.
  const before = await scenario.sync(TABLES);
  await before.reaches();
  await before.untilAll("live");

  await scenario.db.query("select ampsync.set_source('anvil', $1, $2)", [flight.address, admin.address]);
  source.mine(50); // Nobody reads that.
  const after = new Sync(scenario, { dataset: "anvil", schema: "chain", source: branch, tables: TABLES });
  await after.catchesUp();
  await after.expectSourceRows();
  expect(await after.events("reorg")).toBeGreaterThan(0);

  await scenario.db.query("select ampsync.set_source('anvil', '', '')");
  await before.catchesUp();
  await before.expectSourceRows();
});
