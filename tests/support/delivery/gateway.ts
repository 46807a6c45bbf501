import { DEADLINES, type Deadlines } from "../../../src/gateway/connection.ts";
import { Gateway } from "../../../src/gateway/gateway.ts";
import type { GatewaySettings } from "../../../src/gateway/settings.ts";
import { createLog } from "../../../src/log.ts";
import { addWitness, removeWitness } from "../witnesses.ts";

/** What a test that waited in vain shows of its log. */
const LAST_LINES = 20;

export interface GatewayOptions extends Partial<Omit<GatewaySettings, "deadlines">> {
  readonly deadlines?: Partial<Deadlines>;
}

/** A gateway in this process, on a port of its own. Whatever it logs is kept. */
export class TestGateway implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #gateway: Gateway;
  url = "";

  private constructor(gateway: (lines: string[]) => Gateway) {
    this.#gateway = gateway(this.lines);
  }

  static async start(
    databaseUrl: string,
    { deadlines, ...settings }: GatewayOptions = {},
  ): Promise<TestGateway> {
    const started = new TestGateway(
      (lines) =>
        new Gateway(
          {
            databaseUrl,
            host: "127.0.0.1",
            port: 0,
            address: null,
            maxClients: 5000,
            poolSize: 4,
            allowedOrigins: [],
            tenants: null,
            version: "0.0.0",
            auth: {
              mode: "none",
              secret: () => null,
              jwksUrl: null,
              issuer: null,
              audience: null,
              tenantClaim: "tenant",
            },
            ...settings,
            deadlines: { ...DEADLINES, ...deadlines },
          },
          createLog("debug", (line) => lines.push(line)),
        ),
    );
    const port = await started.#gateway.start().catch(async (error: unknown) => {
      await started.#gateway.stop();
      throw error;
    });
    started.url = `http://127.0.0.1:${port}`;
    addWitness(started, async () => started.lines.slice(-LAST_LINES).map((line) => `gateway ${line.trim()}`));
    return started;
  }

  get id(): string {
    return this.#gateway.id;
  }

  /** Whether it could end within these milliseconds. */
  stop(withinMs: number): Promise<boolean> {
    return this.#gateway.stop(withinMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    removeWitness(this);
    await this.#gateway.stop();
  }
}

/** What AMPSYNC_AUTH=none believes: the claims of a token that nobody signed. */
export function tokenOf(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: "user", ...claims })}.`;
}
