// Takes 37 s.
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Caller } from "../../src/db/caller.ts";
import { LeaseCalls } from "../../src/db/lease-calls.ts";
import { createPool } from "../../src/db/pool.ts";
import { GeneratedSource } from "../../src/devserver/sources/generated/source.ts";
import { Heartbeat } from "../../src/lease/heartbeat.ts";
import { createLog } from "../../src/log.ts";
import { createDatabase, type TestDatabase } from "../support/postgres/postgres.ts";
import { SqlStream } from "../support/postgres/sql-stream.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import { Scenario } from "../support/worker/scenario.ts";

/** Keepalive pings of HTTP/2 go out every 20 s and are waited for 10 s. */
const NOTICED_MS = 34_000;

// The one test that waits by the real clock, with the real worker and its production settings.
test("a black-holed Flight connection is noticed within 60 s, though the stream was silent before", async () => {
  await using scenario = await Scenario.start();
  const { flightAddress } = scenario.server;
  await using flight = await TcpProxy.toHttp(flightAddress);
  scenario.startWorker({ flightAddress: flight.url(flightAddress) });
  const source = new GeneratedSource({ blocks: 20, logsPerBlock: 5 });
  const sync = await scenario.follow(source);
  await sync.catchesUp();
  await sync.until("a stream at the head", ({ state }) => state === "live");

  for (const connection of flight.connections) connection.stalled.add("up").add("down");
  source.mine(5);
  await sync.until("it to be noticed", ({ state }) => state === "retrying", NOTICED_MS);
  await sync.catchesUp();
  await sync.expectSourceRows();
});

/**
 * A connection to PostgreSQL is watched twice: by the kernel, whose probes a proxy
 * answers, so that only their setting can be tested here; and by the heartbeat,
 * tested with shorter times than the 5 s, 10 s and 30 s of production. Writers: black-holed-writer.
 */
describe("a black-holed PostgreSQL connection", () => {
  const log = createLog("error", () => {});
  let db: TestDatabase;
  let proxy: TcpProxy;

  beforeAll(async () => {
    db = await createDatabase();
    proxy = await TcpProxy.toPostgres(db.url);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await db.drop();
  });

  test("ends the passes that it holds up, and the heartbeat reconnects", async () => {
    const { id, epoch } = await SqlStream.prepare(db);
    const pool = createPool(
      { url: proxy.url(db.url), max: 1, queryTimeoutMs: 0, name: "ampsync heartbeat" },
      log,
    );
    const caller = new Caller((statement) => pool.query(Object.assign(statement, { query_timeout: 100 })));
    const heartbeat = new Heartbeat(new LeaseCalls(caller), log, {
      beatMs: 50,
      leaseMs: 500,
      silenceMs: 500,
    });
    const verdicts: string[] = [];
    const lease = {
      streamId: BigInt(id),
      epoch: BigInt(epoch),
      head: null,
      holds: false,
      waits: null,
      onState: () => {},
      writerWait: { since: null },
      onVerdict: (verdict: string) => void verdicts.push(verdict),
    };
    try {
      heartbeat.start("worker-1");
      using _kept = heartbeat.keep(lease);
      const beats = async () => (await db.query("select heartbeat_at from ampsync_private.worker")).rows;
      await waitFor("the first beat", async () => (await beats()).length === 1);
      expect(verdicts.filter((verdict) => verdict !== "yield")).toEqual([]);

      for (const connection of proxy.connections) connection.stalled.add("up").add("down");
      proxy.refuses = true; // A black hole would cost 5 s for each try to connect.
      await waitFor("the lease to be given up", () => verdicts.includes("severed"));

      proxy.refuses = false;
      const [before] = await beats();
      await waitFor(
        "another beat",
        async () => (await beats())[0]!["heartbeat_at"] > before!["heartbeat_at"],
      );
    } finally {
      await heartbeat.stop();
      await pool.end();
    }
  });

  test.skipIf(process.platform !== "linux")(
    "is looked after by the kernel from 10 s of silence on",
    async () => {
      const pool = createPool({ url: proxy.url(db.url), max: 1, queryTimeoutMs: 0, name: "ampsync" }, log);
      try {
        await pool.query("select 1");
        const seconds = keepaliveTimers(proxy.port);
        expect(seconds).toHaveLength(1);
        expect(seconds[0]).toBeLessThanOrEqual(10);
      } finally {
        await pool.end();
      }
    },
  );
});

/** Seconds until the kernel probes each connection of this machine to a port; none where it does not. */
function keepaliveTimers(port: number): readonly number[] {
  const lines = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return lines.flatMap((line) => {
    const [, , remote, , , timer] = line.trim().split(/\s+/);
    const [kind, when] = timer!.split(":");
    return remote!.endsWith(suffix) && kind === "02" ? [Number.parseInt(when!, 16) / 100] : [];
  });
}
