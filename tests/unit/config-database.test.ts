import pg from "pg";
import { describe, expect, test } from "vitest";

import { parseConfig } from "../../src/config.ts";

const FILES: Readonly<Record<string, string>> = {
  "/url": "postgresql://me:pw@db/sync\n",
  "/password": "p@ss/w:rd%23#\n",
  "/empty": "\n",
};

function urlOf(env: Record<string, string>): string | null {
  return parseConfig(env, (path) => FILES[path] ?? "").databaseUrl;
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
    ["db.example", "db.example"],
  ])("reaches the host %s", (host, expected) => {
    const env = { DATABASE_USER: "me", DATABASE_NAME: "sync", DATABASE_HOST: host, DATABASE_PORT: "6543" };
    expect(connectionOf(env)).toMatchObject({ host: expected, port: 6543 });
  });

  test("takes the password from a file, without the line end", () => {
    const env = { DATABASE_USER: "me", DATABASE_NAME: "sync", DATABASE_PASSWORD_FILE: "/password" };
    expect(connectionOf(env).password).toBe("p@ss/w:rd%23#");
  });

  test.each([
    [{ DATABASE_USER: "me" }, /DATABASE_USER and DATABASE_NAME are needed together/],
    [{ DATABASE_NAME: "sync" }, /DATABASE_USER and DATABASE_NAME are needed together/],
    [{ DATABASE_USER: "me", DATABASE_NAME: "a?b" }, /DATABASE_NAME holds \? or #/],
    [{ DATABASE_USER: "me", DATABASE_NAME: "a", DATABASE_PORT: "65536" }, /DATABASE_PORT=65536 is not/],
    [{ DATABASE_PASSWORD: "a", DATABASE_PASSWORD_FILE: "/password" }, /DATABASE_PASSWORD_FILE are both set/],
  ] as Array<[Record<string, string>, RegExp]>)("is refused as %j", (env, message) => {
    expect(() => urlOf(env)).toThrow(message);
  });
});

describe("a database URL", () => {
  test.each([
    "postgresql://me:pw@db:6543/sync?sslmode=verify-full",
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
