import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { AmpServers } from "../../src/amp-servers.ts";
import { parseConfig } from "../../src/config.ts";
import { isSameHost } from "../../src/model/amp-address.ts";

const DATASET = { namespace: "_", name: "anvil", revision: null };

/** An Admin API that notes the tokens it is sent, and wants one. */
class Api {
  readonly tokens: (string | undefined)[] = [];
  /** The address that it redirects to. */
  redirect: string | null = null;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.tokens.push(request.headers.authorization);
      if (this.redirect !== null) {
        response.writeHead(307, { location: `${this.redirect}${request.url}` }).end();
      } else {
        response.writeHead(401).end("a token, please");
      }
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // It listens on TCP.
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let own: Api;
let other: Api;
let servers: AmpServers;

beforeEach(async () => {
  [own, other] = await Promise.all([new Api().listen(), new Api().listen()]);
  servers = serversOf({ AMP_ADMIN_API_ADDR: own.address, AMP_AUTH_TOKEN: "hunter2" });
});
afterEach(() => {
  servers.close();
  own.close();
  other.close();
});

function serversOf(env: Record<string, string>): AmpServers {
  return new AmpServers(parseConfig(env, () => ""));
}

function ask(address: string | null) {
  return servers.admin(address)!.version(DATASET, AbortSignal.timeout(10_000));
}

describe("the token", () => {
  test("is sent to the address of the settings, and to a dataset's on the same host and port", async () => {
    const refused = { code: "SY105", hint: "Set AMP_AUTH_TOKEN or AMP_AUTH_TOKEN_FILE." };
    await expect(ask(null)).rejects.toMatchObject(refused);
    await expect(ask(`${own.address}/gateway`)).rejects.toMatchObject(refused);
    expect(own.tokens).toEqual(["Bearer hunter2", "Bearer hunter2"]);
  });

  test("is sent to no other address, and the error says why", async () => {
    await expect(ask(other.address)).rejects.toMatchObject({
      code: "SY105",
      hint: expect.stringContaining(`No token was sent to ${other.address}`),
    });
    expect(other.tokens).toEqual([undefined]);
  });

  test("does not follow a redirect", async () => {
    own.redirect = other.address;
    await expect(ask(null)).rejects.toMatchObject({ code: "SY104" });
    expect([own.tokens, other.tokens]).toEqual([["Bearer hunter2"], []]);
  });

  test.each([
    ["http://amp:1602", "http://amp:1602", true],
    ["http://AMP:1602/gateway", "http://amp:1602", true],
    ["https://amp:1602", "http://amp:1602", true],
    ["https://amp", "https://amp:443", true],
    ["http://amp", "http://amp:80", true],
    ["http://amp:1602", "https://amp:1602", false],
    ["http://amp", "https://amp", false],
    ["https://amp", "http://amp", false],
    ["http://amp:1603", "http://amp:1602", false],
    ["http://amp.evil:1602", "http://amp:1602", false],
    ["http://amp:1602@evil:1602", "http://amp:1602", false],
  ])("may go to %s, where the settings say %s: %s", (address, known, may) => {
    expect(isSameHost(new URL(address), new URL(known))).toBe(may);
  });
});

describe("clients", () => {
  test("of the Admin API are shared by datasets with the same address; `off` has none", () => {
    expect(servers.admin(other.address)).toBe(servers.admin(`${other.address}/`));
    expect(servers.admin(other.address)).not.toBe(servers.admin(null));
    expect(servers.admin("off")).toBeNull();
    expect(serversOf({ AMP_ADMIN_API_ADDR: "off" }).admin(null)).toBeNull();
  });

  test("of Flight are shared while somebody uses them, and closed after that", () => {
    const [first, second] = [servers.flight(other.address), servers.flight(other.address)];
    expect(first.plan).toBe(second.plan);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(servers.flight(other.address).plan).toBe(second.plan);
    for (const each of [second, servers.flight(null)]) each[Symbol.dispose]();
    expect(servers.flight(null).plan).toBe(servers.flight(null).plan);
  });

  test.each(["nowhere", "ftp://amp", "http://user:hunter2@amp", "http://amp?token=hunter2"])(
    "of %s are refused, if the database should name it, without repeating it",
    (address) => {
      for (const open of [() => servers.flight(address), () => servers.admin(address)]) {
        expect(open).toThrow(expect.objectContaining({ code: "SY004" }));
        expect(open).not.toThrow(/hunter2/);
      }
    },
  );
});
