import type { AuthSettings } from "./auth.ts";
import type { Deadlines } from "./connection.ts";

/** What a gateway is told when it starts. */
export interface GatewaySettings {
  readonly databaseUrl: string;
  readonly host: string;
  readonly port: number;
  /** Where clients reach it; null: it is not known. */
  readonly address: string | null;
  readonly maxClients: number;
  readonly poolSize: number;
  /** Whose pages may connect. */
  readonly allowedOrigins: readonly string[];
  /** Null: of every tenant. */
  readonly tenants: readonly string[] | null;
  readonly auth: AuthSettings;
  readonly version: string;
  readonly deadlines: Deadlines;
  /** The share of loads after which client and server compare their tables, without being asked. */
  readonly checkedLoads?: number;
  /** The log is looked at so often, without any notification; 1 s by default. */
  readonly pollMs?: number;
}
