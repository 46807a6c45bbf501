import pg from "pg";
import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";

const FILES: Readonly<Record<string, string>> = {
  "/url": "postgresql://me:pw@db/sync\n",
  "/password": "p@ss/w:rd%23#\n",
  "/empty": "\n",
  "/blanks": "  pass word \t\r\n",
  "/ca.crt": "a certificate",
  "/home/.pg_service.conf":
    "# ours\n[other]\nhost=elsewhere\n[sync]\nhost=db.example\nport=6543\ndbname=chain\nuser=svc\n",
};

function readFile(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new Error(`ENOENT ${path}`);
  return text;
}

function urlOf(env: Record<string, string>): string | null {
  return parseConfig(env, readFile).databaseUrl;
}

/** What pg makes of the environment: whom it connects as, to what. */
function connectionOf(env: Record<string, string>) {
  const url = urlOf(env);
  if (url === null) throw new Error("no database is configured");
  const { user, password, host, port, database } = new pg.Client({ connectionString: url });
  return { user, password, host, port, database };
}

describe("a database in parts", () => {
  test("has localhost and 5432 as defaults", () => {
    expect(connectionOf({ DATABASE_USER: "me", DATABASE_PASSWORD: "pw", DATABASE_NAME: "sync" })).toEqual({
      user: "me",
      password: "pw",
      host: "localhost",
      port: 5432,
      database: "sync",
    });
  });

  test.each(["@", ":", "/", "%", "#", "?", "&", "=", " ", "'", '"', "\\", "%41", "ü", "p@:/%#?w"])(
    "keeps %j in user, password and host as it is",
    (text) => {
      const env = { DATABASE_USER: `u${text}u`, DATABASE_PASSWORD: `p${text}p`, DATABASE_NAME: "sync" };
      expect(connectionOf(env)).toMatchObject({ user: `u${text}u`, password: `p${text}p`, database: "sync" });
    },
  );

  test.each(["a@b", "a:b", "a/b", "a%b", "a%23b", "a&b=c", "a b", "ä"])(
    "keeps the database name %j",
    (name) => {
      expect(connectionOf({ DATABASE_USER: "me", DATABASE_NAME: name }).database).toBe(name);
    },
  );

  test.each([
    ["/var/run/postgresql", "/var/run/postgresql"],
    ["::1", "::1"],
    ["[::1]", "::1"],
    ["db.example", "db.example"],
  ])("reaches the host %s", (host, expected) => {
    const env = { DATABASE_USER: "me", DATABASE_NAME: "sync", DATABASE_HOST: host, DATABASE_PORT: "6543" };
    expect(connectionOf(env)).toMatchObject({ host: expected, port: 6543 });
  });

  test("takes the password from a file, without the line end", () => {
    const env = { DATABASE_USER: "me", DATABASE_NAME: "sync", DATABASE_PASSWORD_FILE: "/password" };
    expect(connectionOf(env).password).toBe("p@ss/w:rd%23#");
    expect(connectionOf({ ...env, DATABASE_PASSWORD_FILE: "/blanks" }).password).toBe("  pass word \t");
  });

  test.each([
    [{ DATABASE_USER: "me" }, /DATABASE_USER and DATABASE_NAME must be set together/],
    [{ DATABASE_NAME: "sync" }, /DATABASE_USER and DATABASE_NAME must be set together/],
    [{ DATABASE_USER: "me", DATABASE_NAME: "a?b" }, /DATABASE_NAME contains \? or #/],
    [{ DATABASE_USER: "me", DATABASE_NAME: "a", DATABASE_PORT: "65536" }, /DATABASE_PORT=65536 is not/],
    [{ DATABASE_PASSWORD: "a", DATABASE_PASSWORD_FILE: "/password" }, /DATABASE_PASSWORD_FILE are both set/],
  ] as Array<[Record<string, string>, RegExp]>)("is refused as %j", (env, message) => {
    expect(() => urlOf(env)).toThrow(message);
  });
});

describe("a database URL", () => {
  test.each([
    "postgresql://me:pw@db:6543/sync?options=-c%20work_mem%3D64MB",
    "postgresql://me@[::1]:6543/sync",
    "postgres://me@%2Fvar%2Frun%2Fpostgresql/sync",
    "postgresql://me@/sync?host=/var/run/postgresql",
    "postgresql:///sync",
    "postgresql://me:p%40%3A%2F%25%23@db/sync",
  ])("%s is taken as it is", (url) => {
    expect(urlOf({ DATABASE_URL: url })).toBe(url);
  });

  test("beats parts, and may come from a file", () => {
    const parts = { DATABASE_USER: "other", DATABASE_NAME: "other" };
    expect(urlOf({ ...parts, DATABASE_URL_FILE: "/url" })).toBe("postgresql://me:pw@db/sync");
    expect(urlOf({ ...parts, DATABASE_URL_FILE: "/empty" })).toBe("postgresql://other:@localhost:5432/other");
  });

  test.each([
    "me:pw@db/sync",
    "mysql://me:pw@db/sync",
    "postgresql://me:se#cret@db/sync",
    "postgresql://me:se/cret@db/sync",
  ])("%s is refused, and not shown", (url) => {
    expect(() => urlOf({ DATABASE_URL: url })).toThrow(
      expect.objectContaining({
        code: "SY902",
        message:
          "the configuration is wrong: DATABASE_URL is not a postgresql:// URL with %-encoded special characters",
      }),
    );
  });
});

describe("TLS means what it means to libpq:", () => {
  /** As pg has it for a connection. */
  function tlsOf(env: Record<string, string>): unknown {
    const { ssl } = new pg.Client({ connectionString: urlOf(env) ?? "" }) as pg.Client & {
      readonly ssl: unknown;
    };
    return ssl;
  }
  const url = "postgresql://me:pw@db/sync";

  test.each([
    ["disable", false],
    ["require", { rejectUnauthorized: false }],
    ["verify-full", {}],
  ])("sslmode=%s, in the address or in PGSSLMODE, with an address or its parts", (mode, expected) => {
    const parts = { DATABASE_USER: "me", DATABASE_NAME: "sync" };
    expect(tlsOf({ DATABASE_URL: `${url}?sslmode=${mode}` })).toEqual(expected);
    expect(tlsOf({ DATABASE_URL: url, PGSSLMODE: mode })).toEqual(expected);
    expect(tlsOf({ ...parts, PGSSLMODE: mode })).toEqual(expected);
  });

  test("the address beats the environment; ssl=true is require; sslrootcert=system is verify-full", () => {
    expect(tlsOf({ DATABASE_URL: `${url}?sslmode=disable`, PGSSLMODE: "require" })).toBe(false);
    expect(tlsOf({ DATABASE_URL: `${url}?ssl=true` })).toEqual({ rejectUnauthorized: false });
    expect(tlsOf({ DATABASE_URL: `${url}?sslrootcert=system` })).toEqual({});
  });

  test.each([
    ["?sslmode=prefer", /sslmode must be one of disable, require, verify-ca, verify-full/],
    ["?sslmode=no-verify", /sslmode must be one of/],
    ["?sslmode=verify-ca", /sslmode=verify-ca needs sslrootcert/],
    ["?sslmode=require&sslrootcert=/missing", /sslrootcert names a file that cannot be read/],
    ["?sslrootcert=/missing", /sslrootcert names a file that cannot be read/],
    ["?sslmode=require&sslcert=/ca.crt", /sslcert and sslkey must be set together/],
    ["?sslmode=require&sslrootcert=system", /sslrootcert=system needs sslmode=verify-full/],
  ])("%s is refused", (parameters, message) => {
    expect(() => urlOf({ DATABASE_URL: `${url}${parameters}` })).toThrow(message);
  });
});

describe("what libpq reads", () => {
  test("in its service file is read, where the address says nothing else", () => {
    const env = { PGSERVICE: "sync", HOME: "/home" };
    const found = { user: "svc", host: "db.example", port: 6543, database: "chain" };
    expect(connectionOf(env)).toMatchObject(found);
    expect(connectionOf({ HOME: "/home", DATABASE_URL: "postgresql:///?service=sync" })).toMatchObject(found);
    expect(connectionOf({ ...env, DATABASE_URL: "postgresql://me@near/" })).toMatchObject({
      ...found,
      user: "me",
      host: "near",
    });
    expect(() => urlOf({ ...env, PGSERVICE: "none" })).toThrow(/service "none" is not in the service file/);
  });

  test("as PGDATABASE and PGHOST name a database by themselves", () => {
    expect(urlOf({ PGDATABASE: "sync" })).toBe("postgresql:///");
    expect(urlOf({ PGHOST: "db.example" })).toBe("postgresql:///");
    expect(urlOf({ PGUSER: "me" })).toBeNull();
  });

  test.each([
    [{ DATABASE_URL: "postgresql://me:hunter2@a:1,b:2/sync" }, /several hosts/],
    [{ DATABASE_URL: "postgresql://me:hunter2@/sync?host=a,b" }, /several hosts/],
    [{ DATABASE_URL: "postgresql://me:hunter2@/sync", PGHOST: "a,b" }, /several hosts/],
    [{ DATABASE_URL: "postgresql://me:hunter2@a/sync", PGHOSTADDR: "10.0.0.1" }, /PGHOSTADDR/],
    [{ DATABASE_URL: "postgresql://me:hunter2@a/sync?replication=true" }, /parameter "replication"/],
    [{ DATABASE_URL: "postgresql://me:hunter2@a/sync?target_session_attrs=standby" }, /target_session_attrs/],
  ] as Array<[Record<string, string>, RegExp]>)("and cannot work here is refused: %j", (env, message) => {
    expect(() => urlOf(env)).toThrow(message);
    expect(() => urlOf(env)).not.toThrow(/hunter2/);
  });

  test("and has a value of ours is left out", () => {
    const url =
      "postgresql://me@db/sync?application_name=mine&connect_timeout=3&target_session_attrs=read-write";
    expect(urlOf({ DATABASE_URL: url })).toBe("postgresql://me@db/sync");
  });
});
