import { Server, ServerCredentials, status } from "@grpc/grpc-js";

import { type AdminServer, startAdminServer } from "./admin/server.ts";
import { Catalog } from "./catalog.ts";
import { refusal } from "./flight/refusal.ts";
import { type FlightService, flightService, flightServiceDefinition } from "./flight/service.ts";
import { type Misbehaviour, noMisbehaviour } from "./misbehaviour.ts";
import { portTaken } from "./port-taken.ts";
import type { Source } from "./source.ts";

export interface DevServerOptions {
  /** The dataset under which the source is published; by default `_/anvil@0.0.0`. */
  readonly dataset?: { readonly namespace: string; readonly name: string; readonly version: string };
  /** False: the dataset has no version at the start. */
  readonly published?: boolean;
  readonly source: Source;
  /** 0, the default, takes any free port. */
  readonly flightPort?: number;
  readonly adminPort?: number;
  readonly maxBlocksPerMicrobatch?: number;
  /** Also answers a handshake and prepared statements, which generic Flight SQL clients need; Amp servers do not. */
  readonly genericClients?: boolean;
  /** Requests above this number wait until another one of their connection ends, without being told. */
  readonly maxRequestsPerConnection?: number;
}

const DEFAULT_DATASET = { namespace: "_", name: "anvil", version: "0.0.0" };
const DEFAULT_BLOCKS_PER_MICROBATCH = 1000;

/** A running development Amp server: Flight over plaintext HTTP/2 and the Admin API, on the loopback only. */
export class DevServer {
  readonly flightAddress: string;
  readonly adminAddress: string;
  /** `namespace/name` and version, as the options gave them. */
  readonly dataset: { readonly namespace: string; readonly name: string; readonly version: string };
  /** Set members of it at any time to make the server misbehave. */
  readonly misbehaviour: Misbehaviour;
  readonly #catalog: Catalog;
  readonly #source: Source;
  readonly #flight: Server;
  readonly #service: FlightService;
  readonly #admin: AdminServer;

  private constructor(parts: {
    dataset: DevServer["dataset"];
    misbehaviour: Misbehaviour;
    catalog: Catalog;
    source: Source;
    flight: Server;
    flightPort: number;
    service: FlightService;
    admin: AdminServer;
  }) {
    this.dataset = parts.dataset;
    this.misbehaviour = parts.misbehaviour;
    this.flightAddress = `http://127.0.0.1:${parts.flightPort}`;
    this.adminAddress = `http://127.0.0.1:${parts.admin.port}`;
    this.#catalog = parts.catalog;
    this.#source = parts.source;
    this.#flight = parts.flight;
    this.#service = parts.service;
    this.#admin = parts.admin;
  }

  static async start(options: DevServerOptions): Promise<DevServer> {
    const { dataset = DEFAULT_DATASET, source } = options;
    const { maxBlocksPerMicrobatch = DEFAULT_BLOCKS_PER_MICROBATCH, genericClients = false } = options;
    const catalog = new Catalog(dataset);
    if (options.published ?? true) {
      catalog.publish(dataset.version, source);
    }
    const misbehaviour = noMisbehaviour();
    const service = flightService(catalog, { maxBlocksPerMicrobatch, genericClients, misbehaviour });
    const { maxRequestsPerConnection: most } = options;
    const flight = new Server(most === undefined ? {} : { "grpc.max_concurrent_streams": most });
    flight.addService(flightServiceDefinition(), service.handlers);
    const flightPort = await listen(flight, options.flightPort ?? 0);
    try {
      const admin = await startAdminServer(catalog, misbehaviour, options.adminPort ?? 0);
      return new DevServer({ dataset, misbehaviour, catalog, source, flight, flightPort, service, admin });
    } catch (error) {
      flight.forceShutdown();
      throw error;
    }
  }

  /** Adds a version, or replaces what a version tag stands for; by default with the server's own source. */
  publish(version: string, source: Source = this.#source): void {
    this.#catalog.publish(version, source);
  }

  /** Removes a version. Its open streams go on. */
  unpublish(version: string): void {
    this.#catalog.unpublish(version);
  }

  /** Method and path of each request to the Admin API so far. */
  get adminRequests(): readonly string[] {
    return this.#admin.requests;
  }

  /** The number of answers that are being sent right now. */
  get openStreams(): number {
    return this.#service.open.size;
  }

  /** Breaks off every answer that is being sent, wherever it is. */
  disconnectAll(): void {
    for (const out of this.#service.open) {
      out.abort(refusal(status.UNAVAILABLE, "the server broke the connection off"));
    }
  }

  /** Ends all connections at once and closes the source. */
  async stop(): Promise<void> {
    this.disconnectAll();
    this.#flight.forceShutdown();
    await this.#admin.stop();
    this.#source.close();
  }
}

export function startDevServer(options: DevServerOptions): Promise<DevServer> {
  return DevServer.start(options);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) {
        resolve(bound);
      } else {
        reject(portTaken(port, error));
      }
    });
  });
}
