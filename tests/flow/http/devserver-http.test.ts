import { expect, test } from "vitest";

import { runDevServer } from "../../../src/devserver/cli.ts";
import { waitFor } from "../../support/wait-for.ts";

test("the command serves an API until it is stopped", async () => {
  const lines: string[] = [];
  const stop = new AbortController();
  const argv = [
    "http",
    "--style",
    "offset",
    "--records",
    "3",
    "--record-time",
    "20",
    "--rate",
    "50/60s,500/3600s",
  ];
  const more = ["--key", "s3cret", "--latency", "1", "--cursor-ttl", "60", "--port", "0", "--json"];
  const done = runDevServer([...argv, ...more], { stdout: (line) => lines.push(line), signal: stop.signal });
  await waitFor("the address", () => lines.length === 1);
  const { style, url } = JSON.parse(lines[0]!);
  expect(style).toBe("offset");
  expect((await fetch(url)).status).toBe(401);
  const get = async () => await fetch(url, { headers: { "X-API-Key": "s3cret" } });
  expect((await get()).headers.get("RateLimit-Limit")).toBe("50");
  await waitFor("a new record", async () => Object(await (await get()).json()).total_count > 3);
  stop.abort();
  await done;
  await expect(fetch(url)).rejects.toThrow();
});

test("the command shows where it serves, and says what is wrong with its arguments", async () => {
  const lines: string[] = [];
  const io = { stdout: (line: string) => lines.push(line), signal: AbortSignal.abort() };
  await runDevServer(["http", "--port", "0"], io);
  expect(lines[0]).toMatch(
    /^serving 1000 records of style events\n {2}http:\/\/127\.0\.0\.1:\d+\/api\/v1\/events$/,
  );
  for (const wrong of [
    ["--style", "soap"],
    ["--rate", "100"],
    ["--records", "-1"],
    ["--rate", "0/60s"],
  ]) {
    await expect(runDevServer(["http", ...wrong], io), wrong.join(" ")).rejects.toThrow();
  }
  await expect(runDevServer(["http", "--style", "soap"], io)).rejects.toMatchObject({ code: "SY004" });
});
