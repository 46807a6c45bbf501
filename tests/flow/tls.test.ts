// Takes 8 s.
import { expect, test } from "vitest";

import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { rootCertificate, startTlsFront } from "../support/tls/tls-front.ts";
import { Scenario } from "../support/worker/scenario.ts";

const root = rootCertificate();

test("N46 https addresses work with a private root, named by NODE_EXTRA_CA_CERTS or known to the system, and only then", async () => {
  const source = new GeneratedSource({ blocks: 20 });
  await using scenario = await Scenario.start({ source });
  await using flight = await startTlsFront(scenario.server.flightAddress, "h2");
  await using admin = await startTlsFront(scenario.server.adminAddress, "http/1.1");
  const addresses = { flightAddress: flight.address, adminAddress: admin.address };
  const sync = await scenario.sync(["blocks"]);

  const distrustful = scenario.startWorker(addresses);
  await scenario.until("the certificate to be refused", async () => {
    const { rows } = await scenario.db.query(
      "select error ->> 'detail' as detail from ampsync_private.dataset",
    );
    return /certificate/.test(rows[0]?.["detail"] ?? "");
  });
  await distrustful.kill();

  const told = scenario.startWorker({ ...addresses, env: { NODE_EXTRA_CA_CERTS: root } });
  await scenario.expireLeases();
  await sync.catchesUp();
  await told.kill();

  source.mine(5);
  scenario.startWorker({ ...addresses, env: { SSL_CERT_FILE: root } }); // Where the system's roots are.
  await scenario.expireLeases();
  await sync.catchesUp();
  await sync.expectSourceRows();
  expect((await sync.stream())?.state).not.toBe("failed");
});
