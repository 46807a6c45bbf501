// Takes 35 s.
// Most of it is the wait for the rate limit, which is what the demo shows.
import { expect, test } from "vitest";

import { ampsync } from "../support/worker/command.ts";

test("the demo of an HTTP API reads it at its rate limit, sees what changes, and finds table and API equal", async () => {
  const { exitCode, stdout, stderr } = await ampsync(["demo", "--http", "--once"], {}, "", 120_000);
  expect({ exitCode, stderr }, stdout).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/Equal: public\.events holds exactly the 14040 events.*, 0 of them above the limit/);
  expect(stdout.match(/^event .*: version 1 is now 2$/gm)).toHaveLength(3);
});
