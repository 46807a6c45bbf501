import { expect, test } from "vitest";

import { IngestRig } from "../../support/http/ingest-rig.ts";
import { IngestScenario, SECRET } from "../../support/http/ingest-scenario.ts";
import { Authority } from "../../support/tls/authority.ts";
import { PemFiles } from "../../support/tls/pem-files.ts";
import { startTlsFront } from "../../support/tls/tls-front.ts";

const files = new PemFiles();
const authority = new Authority();
const root = files.write("root.pem", authority.cert);
const localhost = authority.issue({ name: "server", hosts: ["localhost"] });
const AUTH = { auth: { header: "X-API-Key", secret: "API_KEY" } };
const IN_HEADER = [{ in: "header", name: "X-API-Key", value: SECRET }] as const;

/** A source whose API is behind TLS with this certificate. */
async function behindTls(certificate: typeof localhost) {
  const scenario = await IngestScenario.start({ records: 150, faults: { secrets: IN_HEADER } });
  const front = await startTlsFront(scenario.api.origin, "http/1.1", certificate);
  const { pathname } = new URL(scenario.api.url);
  await scenario.enqueue({ source: { url: `${front.address}${pathname}`, ...AUTH } });
  const env = { AMPSYNC_HTTP_ALLOW: `${new URL(front.address).host}=API_KEY` };
  return {
    scenario,
    env,
    async [Symbol.asyncDispose]() {
      await scenario[Symbol.asyncDispose]();
      await front[Symbol.asyncDispose]();
    },
  };
}

test("H50 an API with a private root is refused, with what to set, and read by a worker that was told of the root", async () => {
  await using rig = await behindTls(localhost);
  const { scenario, env } = rig;
  // No variable of Node.js makes it trust everybody.
  const distrustful = scenario.startWorker({ ...env, NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  await scenario.until("the refusal", ({ code }) => code === "SY109");
  const { reason, hint } = await scenario.source();
  expect(reason).toContain("signed by nobody that is trusted here");
  expect(hint).toContain("NODE_EXTRA_CA_CERTS");
  expect(scenario.api.requests).toEqual([]);
  await distrustful.kill();
  await scenario.expireLeases();
  scenario.startWorker({ ...env, NODE_EXTRA_CA_CERTS: root });
  await scenario.complete();
  await scenario.expectEqual();
});

test("H50 a certificate for another host name is refused, whoever signed it, and no secret is sent", async () => {
  await using rig = await behindTls(authority.issue({ name: "server", hosts: ["api.example"] }));
  const { scenario, env } = rig;
  scenario.startWorker({ ...env, NODE_EXTRA_CA_CERTS: root, NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  await scenario.until("the refusal", ({ code }) => code === "SY109");
  const { reason, hint } = await scenario.source();
  expect(reason).toContain("is for another host name");
  expect(hint).toContain("`url`");
  expect(scenario.api.requests).toEqual([]);
});

test("plain http with a secret to another machine is warned of, once for each host", async () => {
  const allowed =
    "http://a.example=API_KEY,http://a.example:81=API_KEY,http://b.example,http://127.0.0.1:1=API_KEY";
  await using rig = await IngestRig.start({ env: { AMPSYNC_HTTP_ALLOW: allowed } });
  await rig.begin();
  await rig.begin();
  const warnings = rig.log.map((line) => JSON.parse(line)).filter(({ event }) => event === "unusual_setting");
  expect(warnings.map(({ warning }) => warning)).toEqual([
    "a.example: secrets are sent unencrypted; use https",
  ]);
});
