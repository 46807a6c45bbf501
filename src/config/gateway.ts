import { SECRET_BYTES, type Secrets } from "../model/secrets.ts";
import { secret } from "./database.ts";
import type { Given } from "./given.ts";
import type { SettingName } from "./settings.ts";
import { SETTINGS } from "./settings.ts";

/** What `ampsync gateway` is told. */
export interface GatewayStart {
  readonly host: string;
  readonly port: number;
  /** Where clients reach it; null: it is not known. */
  readonly address: string | null;
  readonly maxClients: number;
  readonly poolSize: number;
  readonly allowedOrigins: readonly string[];
  readonly tenants: readonly string[] | null;
  readonly auth: {
    readonly mode: "none" | "secret" | "jwks";
    readonly secret: () => string | null;
    readonly jwksUrl: URL | null;
    readonly issuer: string | null;
    readonly audience: string | null;
    readonly tenantClaim: string;
  };
}

/** What is wrong is added to `problems`; `number` reads a setting that is a number. */
export function gatewayStart(
  given: Given,
  number: (name: "gatewayPort" | "gatewayMaxClients" | "gatewayPool") => number,
  readFile: (path: string) => string,
  secrets: Secrets,
  problems: string[],
): GatewayStart {
  return {
    host: given.text("gatewayHost") ?? SETTINGS.gatewayHost.standard,
    port: number("gatewayPort"),
    address: address(given, problems),
    maxClients: number("gatewayMaxClients"),
    poolSize: number("gatewayPool"),
    allowedOrigins: origins(given, problems),
    tenants: listOf(given, "gatewayTenants"),
    auth: auth(given, readFile, secrets, problems),
  };
}

function auth(
  given: Given,
  readFile: (path: string) => string,
  secrets: Secrets,
  problems: string[],
): GatewayStart["auth"] {
  const key = secret(given, "jwtSecret", "jwtSecretFile", readFile, problems);
  const named = given.value("jwksUrl");
  const jwksUrl = named === null ? null : URL.parse(named.value);
  if (named !== null && !/^https?:$/.test(jwksUrl?.protocol ?? "")) {
    problems.push(`${named.name} is not an http or https address`);
  }
  const chosen = given.value("auth");
  if (chosen !== null && chosen.value !== "none") problems.push(`${chosen.name} is not none`);
  const hasSecret = key.text !== null || key.file !== null;
  const ways = [hasSecret, named !== null, chosen !== null].filter(Boolean).length;
  if (ways !== 1) {
    problems.push(
      `one of AMPSYNC_JWT_SECRET, AMPSYNC_JWKS_URL and AMPSYNC_AUTH=none must be set, not ${ways === 0 ? "none" : "several"}`,
    );
  }
  if (hasSecret && Buffer.byteLength(key.text ?? "") < SECRET_BYTES) {
    problems.push(
      key.file === null
        ? `AMPSYNC_JWT_SECRET is shorter than ${SECRET_BYTES} bytes`
        : `AMPSYNC_JWT_SECRET_FILE holds a secret that is shorter than ${SECRET_BYTES} bytes`,
    );
  }
  return {
    mode: chosen !== null ? "none" : named !== null ? "jwks" : "secret",
    secret: secrets.watch(
      () => (key.file === null ? key.text : readFile(key.file).trim() || null),
      "[secret]",
    ),
    jwksUrl,
    issuer: given.text("jwtIssuer"),
    audience: given.text("jwtAudience"),
    tenantClaim: given.text("tenantClaim") ?? SETTINGS.tenantClaim.standard,
  };
}

function address(given: Given, problems: string[]): string | null {
  const text = given.text("gatewayAddress");
  if (text === null) return null;
  const url = URL.parse(text);
  const isPlain = url !== null && [url.username, url.password, url.search, url.hash].join("") === "";
  if (!isPlain || !/^(?:http|ws)s?:$/.test(url.protocol)) {
    problems.push("AMPSYNC_GATEWAY_ADDRESS is not an address such as https://sync.example");
  }
  return text;
}

/** As browsers name them: scheme, host and port, and nothing behind them. */
function origins(given: Given, problems: string[]): readonly string[] {
  const list = listOf(given, "allowedOrigins") ?? [];
  for (const origin of list) {
    if (URL.parse(origin)?.origin !== origin) {
      problems.push(
        `AMPSYNC_ALLOWED_ORIGINS: ${JSON.stringify(origin.slice(0, 100))} is not an origin such as https://app.example`,
      );
    }
  }
  return list;
}

function listOf(given: Given, name: SettingName): readonly string[] | null {
  const text = given.text(name);
  if (text === null) return null;
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
