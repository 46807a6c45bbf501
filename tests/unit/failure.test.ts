import { Metadata } from "@grpc/grpc-js";
import pg from "pg";
import { describe, expect, test } from "vitest";

import { AmpsyncError } from "../../src/errors.ts";
import { flightError } from "../../src/flight/flight-error.ts";
import { failureOf, isTransient, type Reaction, reactionTo } from "../../src/model/failure.ts";

/** What becomes of a pass that ended with one of these codes. */
const REACTIONS: Readonly<Record<Reaction, readonly string[]>> = {
  lost: ["SY001", "SY002"],
  retry: [
    // Ours
    ...["SY003", "SY101", "SY103", "SY104", "SY105", "SY205", "SY901", "SY902"],
    // Connection and resources
    ...["53300", "53400", "08006", "08001", "08000", "08003", "08004", "08007"],
    ...["57P01", "57P02", "57P03", "57P05", "53000", "53100", "53200", "58000", "58030", "26000"],
    // Transactions: conflicts, time-outs, cancelled, read-only after a failover, unknown outcome
    ...["40001", "40P01", "40003", "25006", "25P03", "25P04", "55P03", "55006", "57014"],
  ],
  stop: [
    ...["SY004", "SY102", "SY106", "SY201", "SY202", "SY203", "SY903"],
    // Bytes that COPY cannot read, values, constraints, statements, features
    ...["08P01", "22003", "22021", "22P04", "23502", "23505", "23514", "42501", "42601", "42804", "0A000"],
    // Limits, and RAISE in a trigger of somebody
    ...["54000", "54011", "P0001"],
  ],
};

describe("what becomes of a pass", () => {
  for (const [reaction, codes] of Object.entries(REACTIONS)) {
    test.each(codes)(`${reaction} after %s`, (code) => {
      expect(reactionTo(code)).toBe(reaction);
    });
  }

  test.each([
    ["42883", "function ampsync_worker.mark_live(bigint, bigint) does not exist"],
    ["42P01", 'relation "ampsync_private.stream" does not exist'],
    ["3F000", 'schema "ampsync" does not exist'],
    ["3F000", 'schema "ampsync_worker" does not exist'],
    ["0A000", "cached plan must not change result type", "RevalidateCachedQuery"],
    ["0A000", "キャッシュした実行計画は結果型を変更してはなりません", "RevalidateCachedQuery"],
  ])("retry after %s: %s, and say SY901", (code, message, routine = "parserOpenTable") => {
    const failure = failureOf(Object.assign(new Error(message), { code, routine }));
    expect(failure).toMatchObject({ code: "SY901", hint: "ampsync migrate" });
    expect(failure.detail).toContain(message);
    expect(reactionTo(failure.code)).toBe("retry");
  });

  test.each<[string, string, Reaction]>([
    ["42703", 'column "miner" of relation "blocks" does not exist', "stop"],
    // Renamed, moved or dropped: the next pass finds out.
    ["42P01", 'relation "eth.blocks" does not exist', "retry"],
    ["42P01", 'relation "my_ampsync_copy.blocks" does not exist', "retry"],
    ["3F000", 'schema "eth" does not exist', "retry"],
    ["3F000", 'schema "ampsync_copy" does not exist', "retry"],
  ])("after %s in a schema of the user (%s): %s", (code, message, reaction) => {
    const failure = failureOf(Object.assign(new Error(message), { code }));
    expect(failure).toMatchObject({ code, message });
    expect(reactionTo(failure.code)).toBe(reaction);
  });
});

describe("whether a call to the database is repeated", () => {
  function coded(code: string): Error {
    return Object.assign(new Error("it broke"), { code });
  }

  test.each([
    ...["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH"],
    "DEPTH_ZERO_SELF_SIGNED_CERT", // A TLS handshake.
    ...["53300", "53400", "40001", "40P01", "08006", "08001", "57P03"],
    ...["08000", "08003", "08004", "57P01", "57P02", "57P05", "25006", "25P03", "25P04"],
    ...["53000", "53100", "53200", "55P03", "55006", "57014", "58000", "58030", "26000"],
    ...["08007", "40003"],
  ])("is_retryable_recognizes_connection_errors: yes after %s", (code) => {
    expect(isTransient(coded(code))).toBe(true);
    expect(reactionTo(failureOf(coded(code)).code)).toBe("retry");
  });

  test.each([
    "timeout exceeded when trying to connect", // By the pool.
    "Connection terminated unexpectedly",
    "Query read timeout",
  ])("is_retryable_recognizes_connection_errors: yes after the driver's own '%s'", (message) => {
    expect(isTransient(new Error(message))).toBe(true);
  });

  test.each([
    ...["P0002", "42703"], // A row, a column is missing.
    ...["28P01", "28000", "3D000"], // Who may connect, to what.
    ...["08P01", "22003", "23505", "23514", "42501", "42601", "42883", "42P01", "0A000", "XX000", "57P04"],
    ...["SY001", "SY003", "SY104", "SY901"], // Our own functions have said what they mean.
  ])("is_retryable_rejects_permanent_errors: no after %s", (code) => {
    expect(isTransient(coded(code))).toBe(false);
  });

  test("is_retryable_rejects_permanent_errors: no after a defect, or what is no error", () => {
    expect(isTransient(new TypeError("x is not a function"))).toBe(false);
    expect(isTransient("a text")).toBe(false);
  });

  test("a system's code of five letters is no SQLSTATE", () => {
    expect(failureOf(coded("EPIPE"))).toMatchObject({ code: "SY104", detail: "EPIPE" });
  });
});

describe("an error as it is stored", () => {
  test("keeps code, detail and hint of our own errors", () => {
    const error = new AmpsyncError("SY201", "the target is gone", {
      detail: "No table.",
      hint: "Create it.",
    });
    expect(failureOf(error)).toEqual({
      code: "SY201",
      message: "the target is gone",
      detail: "No table.",
      hint: "Create it.",
    });
  });

  test.each([
    ["28P01", 'password authentication failed for user "eth"', /DATABASE_PASSWORD/],
    ["28000", 'no pg_hba.conf entry for host "::1", user "eth", database "sync"', /pg_hba\.conf/],
    [
      "53300",
      "sorry, too many clients already",
      /^select .* from pg_stat_activity .*; -- .* max_connections/,
    ],
    [
      "3D000",
      'database "my sync" does not exist',
      /create database "my sync" encoding 'UTF8' template template0;/,
    ],
    ["3D000", "la base de données « sync » n'existe pas", /create database ampsync encoding/],
  ])("says what to do where PostgreSQL lets nobody in (%s: %s)", (code, message, hint) => {
    const error = Object.assign(new pg.DatabaseError(message, 0, "error"), { code });
    expect(failureOf(error)).toMatchObject({ code, message, hint: expect.stringMatching(hint) });
  });

  test("keeps what PostgreSQL said", () => {
    const error = Object.assign(new pg.DatabaseError("lock timeout", 0, "error"), {
      code: "55P03",
      detail: "d",
    });
    expect(failureOf(error)).toEqual({ code: "55P03", message: "lock timeout", detail: "d", hint: null });
  });

  test("says where to look after a violated unique key", () => {
    const error = Object.assign(new Error("duplicate key value"), { code: "23505" });
    expect(failureOf(error).hint).toContain("ampsync.events");
  });

  test("counts a broken connection as SY104, and keeps the system's own code as detail", () => {
    const error = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1602"), { code: "ECONNREFUSED" });
    expect(failureOf(error)).toEqual({
      code: "SY104",
      message: "connect ECONNREFUSED 127.0.0.1:1602",
      detail: "ECONNREFUSED",
      hint: expect.stringContaining("Retried automatically"),
    });
  });

  test.each([
    new TypeError("Promise.withResolvers is not a function"),
    new ReferenceError("x is not defined"),
    new RangeError("Invalid array length"),
    new SyntaxError("Unexpected end of JSON input"),
  ])("blames nobody else for a defect: %s", (defect) => {
    const failure = failureOf(defect);
    expect(failure).toMatchObject({
      code: "SY903",
      message: String(defect),
      hint: expect.stringContaining("report"),
    });
    expect(failure.detail).toContain("failure.test.ts"); // Its stack.
    expect(reactionTo(failure.code)).toBe("stop");
    expect(isTransient(defect)).toBe(false);
    expect(flightError(defect)).toBe(defect);
  });

  test.each([
    ["ECONNREFUSED 127.0.0.1:1602. Resolution note: ", "ECONNREFUSED 127.0.0.1:1602."],
    ["no such host. Resolution note: DNS failed", "no such host. Resolution note: DNS failed"],
  ])("has no empty note of the library: %s", (details, shown) => {
    const error = flightError(
      Object.assign(new Error("14"), { code: 14, details, metadata: new Metadata() }),
    );
    expect(failureOf(error)).toMatchObject({ code: "SY104", detail: `gRPC UNAVAILABLE: ${shown}` });
  });

  test("takes a lack of memory for what may pass, and is no fault of the server", () => {
    const failure = failureOf(new RangeError("Array buffer allocation failed"));
    expect(failure).toMatchObject({ code: "53200", message: "the worker is out of memory" });
    expect(reactionTo(failure.code)).toBe("retry");
  });

  test("counts what fetch could not reach as SY104, though its error is a TypeError", () => {
    const error = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
    expect(failureOf(error)).toMatchObject({ code: "SY104", message: "fetch failed" });
  });

  test.each([["a text"], [undefined], [7]])("takes anything that was thrown for a defect: %s", (thrown) => {
    expect(failureOf(thrown)).toMatchObject({ code: "SY903", message: String(thrown), detail: null });
  });
});
