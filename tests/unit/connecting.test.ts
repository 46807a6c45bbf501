import { rmSync } from "node:fs";

import pg from "pg";
import { expect, test } from "vitest";

import { limitConnecting } from "../../src/db/session.ts";
import { Authority } from "../support/tls/authority.ts";
import { PemFiles } from "../support/tls/pem-files.ts";

test("a pool whose certificate is just being replaced fails to connect, tells why, and connects when it is there", async () => {
  const files = new PemFiles();
  const { cert, key } = new Authority().issue({ name: "ampsync" });
  const [sslcert, sslkey] = [files.write("client.crt", cert), files.write("client.key", key)];
  // Nobody listens there: how far it comes shows in the error.
  const connectionString = `postgresql://me:hunter2@127.0.0.1:1/sync?${new URLSearchParams({ sslcert, sslkey, sslmode: "verify-full" })}`;
  const pool = new pg.Pool({ connectionString, max: 1 });
  limitConnecting(pool);
  try {
    await expect(pool.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    rmSync(sslkey);
    const both = [pool.connect(), pool.connect()]; // The pool makes the second connection of its own accord.
    for (const result of await Promise.allSettled(both)) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "ENOENT" } });
    }
    files.write("client.key", key);
    await expect(pool.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  } finally {
    await pool.end();
  }
});
