import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import type pg from "pg";
import type { Registry } from "prom-client";
import { type WebSocket, WebSocketServer } from "ws";

import { GatewayCalls } from "../db/gateway-calls.ts";
import { createPool } from "../db/pool.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type GatewayFigures, GatewayMetrics } from "../metrics/gateway-metrics.ts";
import { createRegistry, watchPools } from "../metrics/registry.ts";
import { textOf } from "../model/failure.ts";
import { CLOSE, SUBPROTOCOL } from "../wire/codec.ts";
import type { Hello } from "../wire/from-client.ts";
import { Auth, type Token } from "./auth.ts";
import { Connection } from "./connection.ts";
import { DefinitionsCache } from "./definitions.ts";
import { end, Heartbeat, stateOf } from "./heartbeat.ts";
import { httpServer, isAllowed } from "./http.ts";
import type { Line } from "./line.ts";
import { Notices } from "./notices.ts";
import { Pump } from "./pump.ts";
import { later } from "./refusal.ts";
import { Resolver } from "./resolver.ts";
import { answerOf, Session } from "./session.ts";
import type { GatewaySettings } from "./settings.ts";
import { asked } from "./subscription.ts";
import { Wakes } from "./wakes.ts";

const MESSAGE_BYTES = 1024 * 1024;
/** Sockets that have not said hello. */
const MOST_STRANGERS = 500;
const HEARTBEAT_MS = 5_000;
const QUERY_MS = 150_000;
const READY_MS = 2_000;

/** A process that talks to clients: what it knows is in the database, and another one can go on with any of its clients. */
export class Gateway {
  readonly id = randomUUID();
  readonly #settings: GatewaySettings;
  readonly #log: Log;
  readonly #pool: pg.Pool;
  readonly #single: readonly pg.Pool[];
  readonly #calls: GatewayCalls;
  readonly #definitions: DefinitionsCache;
  readonly #snapshots = new Wakes();
  readonly #pump: Pump;
  readonly #resolver: Resolver;
  readonly #heartbeat: Heartbeat;
  readonly #notices: Notices;
  readonly #auth: Auth;
  readonly #connections = new Set<Connection>();
  readonly #byClient = new Map<string, Connection>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES,
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  readonly #server: Server;
  readonly #registry: Registry;
  readonly #metrics: GatewayMetrics;
  #beats: NodeJS.Timeout | null = null;
  #head = { position: "0", now: new Date(0).toISOString() };
  #isDraining = false;

  constructor(settings: GatewaySettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    const own = (max: number, name: string) =>
      createPool(
        {
          url: settings.databaseUrl,
          max,
          queryTimeoutMs: QUERY_MS,
          name: `ampsync gateway ${name}`,
          settings: { row_security: "off" },
        },
        log,
      );
    this.#pool = own(settings.poolSize, "pool");
    const pumping = own(1, "pump");
    const beating = own(1, "heartbeat");
    const listening = own(1, "listen");
    this.#single = [pumping, beating, listening];
    this.#calls = new GatewayCalls(this.#pool);
    this.#definitions = new DefinitionsCache(this.#pool);
    this.#auth = new Auth(settings.auth);
    const sessions = () => this.#pump.sessions;
    this.#resolver = new Resolver({
      pool: this.#pool,
      calls: this.#calls,
      definitions: this.#definitions,
      snapshots: this.#snapshots,
      log,
      sessions,
      wake: () => this.#pump.wake(),
    });
    this.#pump = new Pump({
      own: pumping,
      pool: this.#pool,
      calls: this.#calls,
      definitions: this.#definitions,
      log,
      changed: (names) => this.#resolver.changed(names),
      resolve: (session) => this.#resolver.resolve(session),
      lost: (lost) => {
        for (const session of lost) {
          const { close, message } = later("SY406", "the log does not go on from there");
          session.close(close, message);
        }
      },
      served: ({ log: { head, now } }, seconds) => {
        this.#head = { position: head, now };
        this.#metrics.read(seconds);
      },
    });
    this.#heartbeat = new Heartbeat({
      gateway: this.id,
      calls: new GatewayCalls(beating),
      info: () => this.#info(),
      sessions,
      everyMs: HEARTBEAT_MS,
      log,
    });
    this.#notices = new Notices(listening, (channel, payload) => this.#noticed(channel, payload), log);
    this.#registry = createRegistry(settings.version);
    this.#metrics = new GatewayMetrics(this.#registry, () => this.#figures());
    watchPools(this.#registry, { pool: this.#pool, pump: pumping, heartbeat: beating, listen: listening });
    this.#server = httpServer({
      auth: this.#auth,
      calls: this.#calls,
      allowedOrigins: settings.allowedOrigins,
      notReady: () => this.#notReady(),
      metrics: async () => ({ type: this.#registry.contentType, body: await this.#registry.metrics() }),
    });
    this.#server.on("upgrade", (request, socket, head) => {
      const { url = "", headers } = request;
      const strangers = [...this.#connections].filter(({ session }) => session === null).length;
      if (url.replace(/\?.*$/s, "") !== "/v1/sync" || this.#isDraining || strangers >= MOST_STRANGERS) {
        socket.on("error", () => {}); // Whoever goes away before the answer: without it Node would end.
        socket.once("finish", () => socket.destroy());
        socket.end(
          `HTTP/1.1 ${url.startsWith("/v1/sync") ? "503 Service Unavailable" : "404 Not Found"}\r\n\r\n`,
        );
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on("error", () => {}); // Followed by its close, also of those who are not let in.
        if (client.protocol !== SUBPROTOCOL) client.close(CLOSE.upgrade);
        else if (!isAllowed(headers.origin, settings.allowedOrigins)) client.close(CLOSE.forbidden);
        else this.#connected(client);
      });
    });
  }

  /** Opens the port. Throws SY902 where that fails. Resolves to the port. */
  async start(): Promise<number> {
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
    this.#notices.start();
    this.#pump.start();
    this.#heartbeat.start();
    this.#beats = setInterval(() => {
      for (const connection of this.#connections) connection.beat(this.#head.position, this.#head.now);
    }, deadlines.tickMs);
    const { port: opened } = this.#server.address() as AddressInfo;
    this.#log.info("gateway_listening", { host, port: opened });
    return opened;
  }

  /** Tells its clients to go elsewhere, not all at once. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    if (this.#beats !== null) clearInterval(this.#beats);
    for (const connection of this.#connections) {
      const { close, message } = later("SY104", "the gateway stops", CLOSE.draining);
      connection.close(close, message);
    }
    this.#notices.stop();
    await this.#heartbeat.stop();
    await this.#pump.stop();
    await this.#calls.endGateway(this.id).catch(() => {}); // It is noticed anyway, a little later.
    this.#sockets.close();
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.all([this.#pool, ...this.#single].map((pool) => pool.end()));
  }

  #connected(socket: WebSocket): void {
    const connection = new Connection(socket, {
      deadlines: this.#settings.deadlines,
      check: (token) => this.#auth.check(token),
      open: (hello, token, line, self) => this.#open(hello, token, line, self),
      resolver: this.#resolver,
      wake: () => this.#pump.wake(),
      sent: (bytes) => this.#metrics.sent(bytes),
      log: this.#log,
    });
    this.#connections.add(connection);
    connection.onEnd = () => this.#left(connection);
  }

  async #open(hello: Hello, token: Token, line: Line, connection: Connection): Promise<Session> {
    const { maxClients, tenants } = this.#settings;
    if (this.#pump.sessions.size >= maxClients) {
      throw new AmpsyncError("SY416", `this gateway has its ${maxClients} clients`, {
        hint: "Start another gateway.",
      });
    }
    if (tenants !== null && !tenants.includes(token.tenant ?? "")) {
      throw new AmpsyncError("SY104", "this gateway is for other tenants");
    }
    const { token: _, ...rest } = hello;
    const opened = await this.#calls.openSession(this.id, hello.client, token, rest);
    const session = new Session({
      client: hello.client,
      line,
      generation: opened.generation,
      epoch: opened.epoch,
      token,
      stamps: { stamp: hello.stamp, blocksStamp: hello.blocks_stamp },
      schema: hello.schema,
      standing: { position: BigInt(hello.position ?? "0"), blocks: BigInt(hello.blocks ?? "0") },
      close: (code, message) => connection.close(code, message),
    });
    await this.#resolver.know(opened.definitions);
    this.#byClient.get(hello.client)?.close(CLOSE.replaced, null);
    this.#byClient.set(hello.client, connection);
    session.subscriptions = new Map(hello.shapes.map((wish) => [wish.id, asked(wish)]));
    this.#resolver.apply(session, opened.shapes, false);
    line.send({
      t: "welcome",
      session: session.id,
      epoch: opened.epoch,
      head: opened.head,
      now: opened.now,
      schema: opened.schema,
      last_seq: opened.last_seq,
      unknown: opened.unknown,
      shapes: opened.shapes.map(answerOf),
      tables: this.#resolver.tables(session),
    });
    this.#pump.sessions.add(session);
    if (this.#definitions.version !== opened.definitions) this.#resolver.resolve(session);
    this.#pump.wake();
    return session;
  }

  #left(connection: Connection): void {
    this.#connections.delete(connection);
    const { session } = connection;
    if (session === null) return;
    if (this.#byClient.get(session.client) === connection) this.#byClient.delete(session.client);
    this.#pump.sessions.delete(session);
    session.load?.cancel();
    this.#calls.closeSession(this.id, session.client, session.generation, stateOf(session)).catch(() => {}); // The supervisor removes it.
  }

  #noticed(channel: string, payload: string): void {
    if (channel === "ampsync_log") {
      this.#pump.wake();
      return;
    }
    this.#snapshots.wake();
    const notice = noticeOf(payload);
    const session = this.#byClient.get(notice.client ?? "")?.session;
    if (session?.generation === notice.generation && notice.gateway === this.id)
      end(session!, notice.why ?? "");
  }

  #info(): object {
    const { host, port, version, tenants, maxClients } = this.#settings;
    return {
      address: `${host}:${port}`,
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

  async #notReady(): Promise<string | null> {
    if (this.#isDraining) return "the gateway stops";
    if (this.#pump.sessions.size >= this.#settings.maxClients) return "the gateway is full";
    const asked = this.#pool.query({ text: "select 1", query_timeout: READY_MS } as pg.QueryConfig);
    return await asked.then(
      () => null,
      () => "the database does not answer",
    );
  }
}

interface Notice {
  readonly client?: string;
  readonly generation?: string;
  readonly gateway?: string;
  readonly why?: string;
}

/** Whoever may connect to the database may say anything on a channel. */
function noticeOf(payload: string): Notice {
  try {
    const notice: unknown = JSON.parse(payload);
    return typeof notice === "object" && notice !== null ? notice : {};
  } catch {
    return {};
  }
}
