import { generateKeyPairSync } from "node:crypto";

import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";
import { Authority } from "../support/tls/authority.ts";

const authority = new Authority();
const worker = authority.issue({ name: "worker" });
const other = authority.issue({ name: "other" });
const passphrase = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" },
}).privateKey;

const files: Record<string, string> = {
  "/ca": authority.cert,
  "/cert": worker.cert,
  "/key": worker.key,
  "/other": other.key,
  "/passphrase": passphrase,
  "/garbage": "hunter2",
};
function readFile(path: string): string {
  const text = files[path];
  if (text === undefined) throw new Error(`ENOENT ${path}`);
  return text;
}

const identity = { AMP_TLS_CERT_FILE: "/cert", AMP_TLS_KEY_FILE: "/key" };

describe("TLS files for Amp servers", () => {
  test("are none without settings", () => {
    expect(parseConfig({}, readFile).tls()).toEqual({ ca: null, identity: null });
  });

  test("are read again each time", () => {
    const { tls } = parseConfig({ ...identity, AMP_TLS_CA_FILE: "/ca" }, readFile);
    expect(tls()).toEqual({ ca: authority.cert, identity: worker });
    files["/key"] = other.key;
    expect(tls().identity?.key).toBe(other.key);
    files["/key"] = worker.key;
  });

  test("that are gone later are an error that tells the way out", () => {
    const { tls } = parseConfig({ AMP_TLS_CA_FILE: "/ca" }, readFile);
    delete files["/ca"];
    expect(tls).toThrow(
      expect.objectContaining({ code: "SY109", hint: "Retried automatically. Restore the file." }),
    );
    files["/ca"] = authority.cert;
    expect(tls().ca).toBe(authority.cert);
  });

  test("that expire within a week are warned of", () => {
    const { warnings } = parseConfig({ ...identity, AMP_TLS_CERT_FILE: "/cert" }, readFile);
    expect(warnings).toEqual([]);
    const { cert, key } = authority.issue({ name: "worker", expiresIn: 24 });
    Object.assign(files, { "/soon": cert, "/soon-key": key });
    const soon = parseConfig({ AMP_TLS_CERT_FILE: "/soon", AMP_TLS_KEY_FILE: "/soon-key" }, readFile);
    expect(soon.warnings).toEqual([
      expect.stringMatching(/^AMP_TLS_CERT_FILE names a certificate that is valid until 2\d{3}-/),
    ]);
  });

  test.each<[Record<string, string>, string]>([
    [{ AMP_TLS_CERT_FILE: "/cert" }, "AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE must be set together"],
    [{ AMP_TLS_KEY_FILE: "/key" }, "AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE must be set together"],
    [{ AMP_TLS_CA_FILE: "/none" }, "AMP_TLS_CA_FILE names a file that cannot be read"],
    [{ AMP_TLS_CA_FILE: "/garbage" }, "AMP_TLS_CA_FILE names a file without a certificate in PEM form"],
    [
      { ...identity, AMP_TLS_CERT_FILE: "/garbage" },
      "AMP_TLS_CERT_FILE names a file without a certificate in PEM form",
    ],
    [
      { ...identity, AMP_TLS_KEY_FILE: "/other" },
      "AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE do not belong together",
    ],
    [
      { ...identity, AMP_TLS_KEY_FILE: "/garbage" },
      "AMP_TLS_CERT_FILE and AMP_TLS_KEY_FILE do not belong together",
    ],
    [{ ...identity, AMP_TLS_KEY_FILE: "/passphrase" }, "AMP_TLS_KEY_FILE names a key with a passphrase"],
  ])("%j is refused at the start, without showing what the files hold", (env, why) => {
    const parse = () => parseConfig(env, readFile);
    expect(parse).toThrow(expect.objectContaining({ code: "SY902" }));
    expect(parse).toThrow(why);
    expect(parse).not.toThrow(/hunter2/);
  });
});

describe("TLS files for PostgreSQL", () => {
  const url = "postgresql://me@db/sync?sslmode=verify-full";
  const urlOf = (env: Record<string, string>) => parseConfig(env, readFile).databaseUrl;

  test.each([
    ["&sslrootcert=/garbage", "DATABASE_URL: sslrootcert names a file without a certificate in PEM form"],
    ["&sslcert=/cert&sslkey=/other", "DATABASE_URL: sslcert and sslkey do not belong together"],
    ["&sslcert=/cert&sslkey=/passphrase", "DATABASE_URL: sslkey names a key with a passphrase"],
  ])("%s is refused at the start", (parameters, why) => {
    expect(() => urlOf({ DATABASE_URL: url + parameters })).toThrow(why);
  });

  test("are those of the home folder where none are named and TLS is wanted, as with libpq", () => {
    Object.assign(files, { "/home/.postgresql/postgresql.crt": worker.cert });
    expect(urlOf({ DATABASE_URL: url, HOME: "/home" })).not.toContain("sslcert");
    Object.assign(files, { "/home/.postgresql/postgresql.key": worker.key });
    expect(new URL(urlOf({ DATABASE_URL: url, HOME: "/home" })!).searchParams.get("sslcert")).toBe(
      "/home/.postgresql/postgresql.crt",
    );
    const without = "postgresql://me@db/sync?sslmode=disable";
    expect(urlOf({ DATABASE_URL: without, HOME: "/home" })).not.toContain("sslcert");
  });
});
