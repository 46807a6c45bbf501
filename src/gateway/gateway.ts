import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import type { Registry } from "prom-client";
import type { WebSocket } from "ws";

import { GatewayCalls } from "../db/gateway-calls.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type GatewayFigures, GatewayMetrics } from "../metrics/gateway-metrics.ts";
import { createRegistry, watchPools, watchProcess } from "../metrics/registry.ts";
import { failureOf, textOf } from "../model/failure.ts";
import { Permits } from "../model/permits.ts";
import { unlessAborted } from "../model/unless-aborted.ts";
import { CLOSE } from "../wire/codec.ts";
import { Admission } from "./admission.ts";
import { Auth } from "./auth.ts";
import { Checks } from "./checks.ts";
import { Chunks } from "./chunks.ts";
import { Clients } from "./clients.ts";
import { Closings } from "./closings.ts";
import { Connection } from "./connection.ts";
import { DefinitionsCache } from "./definitions.ts";
import { Door } from "./door.ts";
import { Heartbeat, stateOf } from "./heartbeat.ts";
import { httpServer } from "./http.ts";
import { LockedTables } from "./locked-tables.ts";
import { Notices } from "./notices.ts";
import { Pools } from "./pools.ts";
import { LoadsProgress } from "./progress.ts";
import { Pump } from "./pump.ts";
import { Rates } from "./rates.ts";
import { Readiness } from "./readiness.ts";
import { later } from "./refusal.ts";
import { Resolver } from "./resolver.ts";
import type { GatewaySettings } from "./settings.ts";
import { ShapeFailures } from "./shape-failures.ts";
import { SharedAnswers } from "./shared-answers.ts";
import { SharedWait } from "./shared-wait.ts";
import { Wakes } from "./wakes.ts";

/** Sockets that have not said hello. */
const MOST_STRANGERS = 500;
const CHECKED_LOADS = 0.01;
/** Clients have gone by then, and their positions are their own. */
const STOP_MS = 10_000;

/** A process that talks to clients: what it knows is in the database, and another one can go on with any of its clients. */
export class Gateway {
  readonly id = randomUUID();
  readonly #settings: GatewaySettings;
  readonly #log: Log;
  readonly #pools: Pools;
  readonly #calls: GatewayCalls;
  readonly #closings: Closings;
  readonly #definitions: DefinitionsCache;
  readonly #rates: Rates;
  readonly #progress: LoadsProgress;
  readonly #snapshots = new Wakes();
  readonly #locked: LockedTables;
  readonly #pump: Pump;
  readonly #resolver: Resolver;
  readonly #checks: Checks;
  readonly #heartbeat: Heartbeat;
  readonly #notices: Notices;
  readonly #auth: Auth;
  readonly #clients = new Clients(this.id);
  readonly #admission: Admission;
  readonly #door: Door;
  readonly #readiness: Readiness;
  readonly #server: Server;
  readonly #registry: Registry;
  readonly #metrics: GatewayMetrics;
  #beats: NodeJS.Timeout | null = null;
  #head = { position: "0", now: new Date(0).toISOString() };
  #isDraining = false;
  #stopping: Promise<void> | null = null;
  #port: number;

  constructor(settings: GatewaySettings, log: Log) {
    this.#settings = settings;
    this.#port = settings.port;
    this.#log = log;
    this.#pools = new Pools(settings.databaseUrl, settings.poolSize, log);
    const pool = this.#pools.shared;
    this.#calls = new GatewayCalls(pool);
    this.#closings = new Closings(this.id, this.#calls, log);
    this.#definitions = new DefinitionsCache(pool);
    this.#rates = new Rates((tenant) => this.#definitions.rateOf(tenant));
    this.#progress = new LoadsProgress((shapes) => this.#calls.loadProgress(shapes));
    this.#auth = new Auth(settings.auth, log);
    const sessions = () => this.#pump.sessions;
    const failures = new ShapeFailures(this.#calls, this.#definitions, log);
    this.#locked = new LockedTables({ calls: this.#calls, log, released: () => this.#pump.wake() });
    this.#resolver = new Resolver({
      calls: this.#calls,
      definitions: this.#definitions,
      loads: {
        pool,
        calls: this.#calls,
        readers: new Permits(Math.max(1, Math.floor(settings.poolSize / 6))),
        settled: new SharedWait(() => this.#calls.settled()),
        prepared: new SharedAnswers(),
        snapshots: this.#snapshots,
        failures,
        locked: this.#locked,
        log,
      },
      log,
      sessions,
      wake: () => this.#pump.wake(),
    });
    const ownCalls = new GatewayCalls(this.#pools.pump);
    this.#pump = new Pump({
      own: this.#pools.pump,
      pool,
      raiseLow: () => ownCalls.raiseLow(),
      failures,
      locked: this.#locked,
      definitions: this.#definitions,
      log,
      changed: (names) => this.#resolver.changed(names),
      resolve: (session) => this.#resolver.resolve(session),
      areComing: () => this.#admission.isOpening,
      lost: (lost) => {
        for (const session of lost) {
          const { close, message } = later("SY406", "the log does not go on from there");
          session.close(close, message);
        }
      },
      loaded: (session, tables) => this.#checks.loaded(session, tables),
      served: ({ log: { head, now } }, seconds) => {
        this.#head = { position: head, now };
        this.#metrics.read(seconds);
      },
      pollMs: settings.pollMs,
    });
    this.#checks = new Checks({
      pool,
      calls: this.#calls,
      log,
      sessions: this.#pump.sessions,
      wake: () => this.#pump.wake(),
      share: settings.checkedLoads ?? CHECKED_LOADS,
    });
    this.#heartbeat = new Heartbeat({
      gateway: this.id,
      calls: new GatewayCalls(this.#pools.heartbeat),
      info: () => this.#info(),
      sessions,
      closings: this.#closings,
      everyMs: settings.deadlines.heartbeatMs,
      log,
    });
    this.#notices = new Notices(
      this.#pools.listen,
      (channel, payload) => this.#noticed(channel, payload),
      log,
    );
    this.#registry = createRegistry(settings.version);
    this.#metrics = new GatewayMetrics(this.#registry, () => this.#figures());
    watchPools(this.#registry, this.#pools.byName);
    this.#readiness = new Readiness({
      pool: this.#pools.heartbeat,
      version: settings.version,
      isDraining: () => this.#isDraining,
      isFull: () => this.#pump.sessions.size >= settings.maxClients,
    });
    this.#server = httpServer({
      auth: this.#auth,
      chunks: new Chunks(this.#calls),
      allowedOrigins: settings.allowedOrigins,
      notReady: () => this.#readiness.reason(),
      metrics: async () => ({ type: this.#registry.contentType, body: await this.#registry.metrics() }),
    });
    this.#admission = new Admission({
      rates: this.#rates,
      gateway: this.id,
      settings,
      calls: this.#calls,
      definitions: this.#definitions,
      resolver: this.#resolver,
      clients: this.#clients,
      closings: this.#closings,
      pump: this.#pump,
    });
    this.#door = new Door(this.#server, {
      allowedOrigins: settings.allowedOrigins,
      isShut: () => this.#isDraining || this.#clients.strangers >= MOST_STRANGERS,
      connected: (socket) => this.#connected(socket),
    });
  }

  /** Opens the port. Throws SY902 where that fails, SY901 for a database that lacks what it needs. Resolves to the port. */
  async start(): Promise<number> {
    await this.#readiness.check();
    await this.#definitions.load();
    await this.#heartbeat.beat();
    const { host, port, deadlines } = this.#settings;
    this.#server.listen(port, host);
    try {
      await once(this.#server, "listening");
    } catch (error) {
      const why = textOf(error, "code") ?? String(error);
      throw new AmpsyncError("SY902", `the port ${port} of ${host} cannot be opened: ${why}`, {
        hint: "Set AMPSYNC_GATEWAY_PORT to a port that is free.",
        cause: error,
      });
    }
    this.#port = (this.#server.address() as AddressInfo).port;
    this.#notices.start();
    this.#pump.start();
    this.#heartbeat.start();
    this.#beats = setInterval(() => void this.#tick(), deadlines.tickMs);
    this.#log.info("gateway_listening", { host, port: this.#port });
    return this.#port;
  }

  /** Counts memory, processor and event loop of this process as well. */
  countProcess(): void {
    watchProcess(this.#registry);
  }

  /**
   * Tells its clients to go elsewhere, not all at once. False: the database does not answer, and after these milliseconds
   * something is still open.
   */
  async stop(withinMs = STOP_MS): Promise<boolean> {
    try {
      this.#stopping ??= this.#stop();
      await unlessAborted(this.#stopping, AbortSignal.timeout(withinMs));
      return true;
    } catch (error) {
      this.#log.warn("gateway_stop_failed", { error: failureOf(error).code });
      return false;
    }
  }

  async #stop(): Promise<void> {
    this.#isDraining = true;
    if (this.#beats !== null) clearInterval(this.#beats);
    for (const connection of this.#clients.connections) {
      const { close, message } = later("SY104", "the gateway stops", CLOSE.draining);
      connection.close(close, message);
    }
    this.#notices.stop();
    await this.#heartbeat.stop();
    await this.#heartbeat.beat(); // Where all of them stood, in one statement.
    await this.#pump.stop();
    this.#locked.stop();
    await this.#calls.endGateway(this.id).catch(() => {}); // It is noticed anyway, a little later.
    this.#door.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#pools.end();
  }

  async #tick(): Promise<void> {
    await this.#progress.look(this.#pump.sessions);
    const { position, now } = this.#head;
    for (const connection of this.#clients.connections) {
      const { session } = connection;
      connection.beat(position, now, session === null ? null : this.#progress.of(session));
    }
  }

  #connected(socket: WebSocket): void {
    const connection = new Connection(socket, {
      deadlines: this.#settings.deadlines,
      check: (token) => this.#auth.check(token),
      open: (hello, token, line, self) => this.#admission.open(hello, token, line, self),
      resolver: this.#resolver,
      checks: this.#checks,
      freed: (session) => this.#pump.freed(session),
      sent: (bytes, session) => {
        this.#metrics.sent(bytes);
        this.#rates.spend(session?.token.tenant ?? null, bytes);
      },
      log: this.#log,
    });
    this.#clients.connections.add(connection);
    connection.onEnd = () => this.#left(connection);
  }

  #left(connection: Connection): void {
    this.#clients.leave(connection);
    const { session } = connection;
    if (session === null) return;
    this.#pump.sessions.delete(session);
    session.load?.cancel();
    this.#checks.left(session);
    const { client, generation } = session;
    const closing = { client, generation, state: stateOf(session) };
    if (this.#isDraining) this.#closings.leave(closing);
    else this.#closings.close(closing);
  }

  #noticed(channel: string, payload: string): void {
    if (channel === "ampsync_log") {
      this.#pump.tell();
      return;
    }
    this.#snapshots.wake();
    this.#clients.noticed(payload);
  }

  #info(): object {
    const { host, address, version, tenants, maxClients } = this.#settings;
    return {
      address: address ?? `${host}:${this.#port}`,
      version,
      tenants,
      clients: this.#pump.sessions.size,
      capacity: maxClients,
    };
  }

  #figures(): GatewayFigures {
    const sessions = [...this.#pump.sessions];
    return {
      clients: sessions.length,
      loading: sessions.filter(({ phase }) => phase === "loading").length,
      bufferedBytes: sessions.reduce((sum, { line }) => sum + line.buffered, 0),
      unackedBytes: sessions.reduce((sum, { line }) => sum + line.unacked, 0),
    };
  }
}
