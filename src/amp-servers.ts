import { type AdminClient, createAdminClient } from "./admin/client.ts";
import { httpsGet } from "./admin/https-get.ts";
import { trustSystemRoots } from "./config/tls.ts";
import type { Config } from "./config.ts";
import { AmpsyncError, type ErrorCode } from "./errors.ts";
import { createFlightClient, type FlightClient } from "./flight/client.ts";
import { addressProblem, isSameHost } from "./model/amp-address.ts";
import type { TlsFiles } from "./model/tls-files.ts";

/** Clients of the Admin API that are kept, because they remember a refused token and the routes of their server. */
const MAX_ADMIN_CLIENTS = 100;

type Settings = Pick<Config, "flightAddress" | "adminAddress" | "token" | "tls" | "grpcMaxDecodeMb">;
type Token = Config["token"];

/** What a client may send to an address, whom it trusts there, and the hints of its errors. */
interface Access {
  readonly token: Token;
  readonly tls: () => TlsFiles;
  readonly hints: Partial<Record<ErrorCode, string>>;
}

interface SharedFlight {
  readonly client: FlightClient;
  users: number;
}

/**
 * The Amp servers of a process: its own, and those that datasets name for themselves (`ampsync.set_source`), each with
 * one client. Token and client certificate go to the hosts of the process's own settings and to no other, whatever the
 * database says.
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
    const client = known ?? this.#newAdmin(url);
    this.#admins.set(url.href, client);
    for (const oldest of this.#admins.keys()) {
      if (this.#admins.size <= MAX_ADMIN_CLIENTS) break;
      this.#admins.delete(oldest);
    }
    return client;
  }

  /** For people: the address that a dataset of this address is read from. */
  addressOf(address: string | null): string {
    return address ?? this.#settings.flightAddress.origin;
  }

  close(): void {
    for (const { client } of this.#flights.values()) client.close();
    this.#flights.clear();
  }

  #newAdmin(url: URL): AdminClient {
    const { tls, ...access } = this.#access(url);
    const get = url.protocol === "https:" ? { get: httpsGet(tls) } : {};
    return createAdminClient({ address: url, ...access, ...get });
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

  #access(url: URL): Access {
    this.#trust(url);
    const { flightAddress, adminAddress, tls } = this.#settings;
    if ([flightAddress, adminAddress].some((own) => own?.href === url.href)) {
      return { token: this.#token, tls, hints: {} };
    }
    const unreachable =
      "Retried automatically. If the error persists, check the address that ampsync.set_source gave to the dataset, that Amp server and any proxy in front of it.";
    if ([flightAddress, adminAddress].some((own) => own !== null && isSameHost(url, own))) {
      return { token: this.#token, tls, hints: { SY104: unreachable } };
    }
    const refused = `No token was sent to ${url.origin}: workers send theirs to the hosts of AMP_FLIGHT_ADDR and AMP_ADMIN_API_ADDR alone, and ampsync.set_source gave this address to the dataset.`;
    return {
      token: () => null,
      tls: () => ({ ca: tls().ca, identity: null }),
      hints: { SY104: unreachable, SY105: refused },
    };
  }

  #trust(url: URL): void {
    if (url.protocol === "https:" && !this.#trustsSystem) {
      this.#trustsSystem = true;
      trustSystemRoots();
    }
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
