import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, test } from "vitest";

import { tokenOf } from "../../support/delivery/gateway.ts";
import { WireClient } from "../../support/delivery/wire-client.ts";
import { createDatabase } from "../../support/postgres/postgres.ts";
import { waitFor } from "../../support/wait-for.ts";
import { ampsync } from "../../support/worker/command.ts";
import { MAIN } from "../../support/worker/worker-process.ts";

test("`ampsync gateway` serves clients until it is told to stop, and sends them elsewhere then", async () => {
  await using db = await createDatabase();
  const env = { ...process.env, DATABASE_URL: db.url, AMPSYNC_AUTH: "none", AMPSYNC_GATEWAY_PORT: "0" };
  const child = spawn(process.execPath, [MAIN, "gateway"], { env });
  try {
    let log = "";
    child.stderr.on("data", (data) => {
      log += data;
    });
    const port = () => /"event":"gateway_listening".*"port":(\d+)/.exec(log)?.[1];
    await waitFor("the port", () => port() !== undefined);
    const url = `http://127.0.0.1:${port()}`;
    expect(await (await fetch(`${url}/readyz`)).text()).toBe("ready\n");
    await using client = await WireClient.start({ url, token: tokenOf({}) });
    await client.until("welcome", () => client.messages.length > 0);

    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await client.until("the goodbye", () => client.closed !== null);
    expect(client.closed).toEqual({ code: 1001 });
    expect(client.messages.at(-1)).toMatchObject({ t: "error", retry_ms: expect.any(Number) });
    expect(await exited).toEqual([0, null]);
    const { rows } = await db.query("select from ampsync.gateways");
    expect(rows).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("without a way to tell who somebody is, it does not start", async () => {
  const { exitCode, stderr } = await ampsync(["gateway"], { DATABASE_URL: "postgresql://localhost/none" });
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain("SY902");
  expect(stderr).toContain("AMPSYNC_JWT_SECRET");
});
