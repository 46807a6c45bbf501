import tls from "node:tls";

import { type AdminClient, createAdminClient } from "./admin/client.ts";
import type { Config } from "./config.ts";
import { AmpsyncError, type ErrorCode } from "./errors.ts";
import { createFlightClient, type FlightClient } from "./flight/client.ts";
import { addressProblem, isSameHost } from "./model/amp-address.ts";

/** Clients of the Admin API that are kept, because they remember a refused token and the routes of their server. */
const MAX_ADMIN_CLIENTS = 100;

type Settings = Pick<Config, "flightAddress" | "adminAddress" | "token" | "grpcMaxDecodeMb">;
type Token = Config["token"];

interface SharedFlight {
  readonly client: FlightClient;
  users: number;
}

/**
 * The Amp servers of a process: its own, and those that datasets name for themselves (`ampsync.set_source`), each with
 * one client. The token goes to the hosts of the process's own settings and to no other, whatever the database says.
 */
export class AmpServers {
  readonly #settings: Settings;
  readonly #token: Token;
  readonly #flights = new Map<string, SharedFlight>();
  readonly #admins = new Map<string, AdminClient>();
  #trustsSystem = false;

  constructor(settings: Settings, token: Token = settings.token) {
    this.#settings = settings;
    this.#token = token;
    this.#flight(settings.flightAddress).users += 1; // Until the process ends.
    if (settings.adminAddress !== null) this.#trust(settings.adminAddress);
  }

  /** The client of an address, closed when nobody uses it; null: of the process's own. */
  flight(address: string | null): FlightClient & Disposable {
    const url = address === null ? this.#settings.flightAddress : parsed(address);
    const shared = this.#flight(url);
    let isUsed = true;
    shared.users += 1;
    return {
      ...shared.client,
      [Symbol.dispose]: () => {
        if (isUsed) this.#release(url, shared);
        isUsed = false;
      },
    };
  }

  /** The client of an address; null: of the process's own. Null if there is no Admin API. */
  admin(address: string | null): AdminClient | null {
    const url = address === null ? this.#settings.adminAddress : address === "off" ? null : parsed(address);
    if (url === null) {
      return null;
    }
    const known = this.#admins.get(url.href);
    this.#admins.delete(url.href); // The longest unused one is the first.
    const client = known ?? createAdminClient({ address: url, ...this.#access(url) });
    this.#admins.set(url.href, client);
    for (const oldest of this.#admins.keys()) {
      if (this.#admins.size <= MAX_ADMIN_CLIENTS) break;
      this.#admins.delete(oldest);
    }
    return client;
  }

  close(): void {
    for (const { client } of this.#flights.values()) client.close();
    this.#flights.clear();
  }

  #flight(url: URL): SharedFlight {
    const known = this.#flights.get(url.href);
    if (known !== undefined) {
      return known;
    }
    const maxMessageBytes = this.#settings.grpcMaxDecodeMb * 1024 * 1024;
    const client = createFlightClient({ address: url, maxMessageBytes, ...this.#access(url) });
    const made = { client, users: 0 };
    this.#flights.set(url.href, made);
    return made;
  }

  #release(url: URL, shared: SharedFlight): void {
    shared.users -= 1;
    if (shared.users === 0) {
      this.#flights.delete(url.href);
      shared.client.close();
    }
  }

  /** What a client may send to an address, and the hints of its errors. */
  #access(url: URL): { readonly token: Token; readonly hints: Partial<Record<ErrorCode, string>> } {
    this.#trust(url);
    const { flightAddress, adminAddress } = this.#settings;
    if ([flightAddress, adminAddress].some((own) => own?.href === url.href)) {
      return { token: this.#token, hints: {} };
    }
    const unreachable =
      "Retried automatically. If the error persists, check the address that ampsync.set_source gave to the dataset, that Amp server and any proxy in front of it.";
    if ([flightAddress, adminAddress].some((own) => own !== null && isSameHost(url, own))) {
      return { token: this.#token, hints: { SY104: unreachable } };
    }
    const refused = `No token was sent to ${url.origin}: workers send theirs to the hosts of AMP_FLIGHT_ADDR and AMP_ADMIN_API_ADDR alone, and ampsync.set_source gave this address to the dataset.`;
    return { token: () => null, hints: { SY104: unreachable, SY105: refused } };
  }

  /** Node trusts its own root certificates and those of NODE_EXTRA_CA_CERTS; those of the system on request only. */
  #trust(url: URL): void {
    if (url.protocol !== "https:" || this.#trustsSystem) {
      return;
    }
    this.#trustsSystem = true;
    const roots = [...tls.getCACertificates("default"), ...tls.getCACertificates("system")];
    tls.setDefaultCACertificates([...new Set(roots)]);
  }
}

/** The database checks addresses as well. */
function parsed(address: string): URL {
  const url = URL.parse(address);
  if (url === null || addressProblem(url) !== null) {
    throw new AmpsyncError("SY004", "the address of the dataset's Amp server cannot be used", {
      detail: "It is not an http or https address, or contains more than that.",
      hint: "Name another one with ampsync.set_source.",
    });
  }
  return url;
}
