import { expect, test } from "vitest";

import { KeptSecret } from "../../../src/gateway/kept-secret.ts";
import { createLog } from "../../../src/log.ts";

test("a secret that is cut short, or gone, does not replace the last good one, and the log says so once", () => {
  const lines: string[] = [];
  const long = (letter: string) => letter.repeat(32);
  let found: () => string | null = () => long("a");
  const secret = new KeptSecret(
    () => found(),
    createLog("info", (line) => lines.push(line)),
  );
  expect(secret.get()).toBe(long("a"));
  found = () => long("b");
  expect(secret.get()).toBe(long("b"));
  expect(lines).toEqual([]);

  for (const cut of [long("c").slice(1), "", null]) {
    found = () => cut;
    expect(secret.get()).toBe(long("b"));
  }
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: "secret_refused", reason: "it has 31 bytes, and not 32" },
  ]);
  expect(lines.join("")).not.toContain("ccc");

  found = () => long("d");
  expect(secret.get()).toBe(long("d"));
  found = () => {
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  };
  expect(secret.get()).toBe(long("d"));
  expect(lines).toHaveLength(2);
});
