import type { Probed, Way } from "../probe/probe.ts";
import type { Auth } from "../probe/suggestion.ts";
import { UsageError } from "./command-line.ts";

/** The command line of `ampsync probe`, as texts. */
export interface ProbeArguments {
  readonly addresses: readonly string[];
  readonly header: readonly string[];
  readonly "key-param"?: string | undefined;
  readonly body?: string | undefined;
  readonly param?: string | undefined;
  readonly sizes?: string | undefined;
  readonly timeout: string;
  readonly json: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A header with a secret in it: `prefix` and the value of the variable. */
interface SecretHeader {
  readonly name: string;
  readonly prefix: string;
  readonly secret: string;
  readonly value: string;
}

const HEADER = /^([!#$%&'*+.^_`|~A-Za-z0-9-]+)\s*:\s*(.*)$/s;
const VARIABLE = /^([^$]*)\$(?:\{(\w+)\}|(\w+))$/s;
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Those that the client sets itself. */
const OURS =
  /^(accept-encoding|connection|content-encoding|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
/** As in `enqueue_http`: what such a name has is a secret. */
const SECRET_NAME = /(key|token|secret|password|signature)$/;
const SECRET_HEADERS = new Set(["authorization", "proxy-authorization", "cookie"]);
const MAX_SIZES = 10;
const MAX_SECRETS = 3;
const MAX_TIMEOUT_S = 300;
const SINGLE_QUOTES = "write $NAME for it in single quotes, and the value into the environment";

/** What is to be probed, and the values of secrets. Throws UsageError, which shows no value. */
export function probedBy(
  given: ProbeArguments,
  env: Environment,
): { readonly probed: Probed; readonly values: readonly string[] } {
  const url = addressOf(given.addresses);
  const headers: Record<string, string> = {};
  const secrets: SecretHeader[] = [];
  for (const text of given.header) {
    const [, name, value] = HEADER.exec(text) ?? [];
    if (name === undefined || value === undefined) throw wrong("--header is written 'Name: value'");
    if (OURS.test(name)) throw wrong(`--header: ${name} is set by ampsync itself`);
    const secret = secretHeader(name, value, env);
    if (secret === null) headers[name.toLowerCase()] = sendable(name, value.trim());
    else secrets.push(secret);
  }
  if (secrets.length > MAX_SECRETS) throw wrong(`--header: at most ${MAX_SECRETS} have a secret`);
  const sizes = sizesOf(given);
  const timeoutMs = timeoutOf(given.timeout);
  return {
    probed: {
      timeoutMs,
      url,
      body: bodyOf(given.body, sizes),
      headers,
      ways: waysOf(secrets, given["key-param"]),
      sizes,
    },
    values: secrets.map(({ value }) => value),
  };
}

function addressOf(addresses: readonly string[]): URL {
  const [address, ...others] = addresses;
  if (address === undefined || others.length > 0) throw wrong("ampsync probe takes one address");
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol)) throw wrong("the address is not one of http or https");
  const names = [...url.searchParams.keys()].filter(namesSecret);
  if (url.username !== "" || url.password !== "" || names.length > 0) {
    throw wrong(
      "the address holds a secret: give it as --header; it is tried in the query too (--key-param)",
    );
  }
  url.hash = "";
  return url;
}

/** Null: it holds no secret. */
function secretHeader(name: string, text: string, env: Environment): SecretHeader | null {
  const [, prefix = "", inBraces, bare] = VARIABLE.exec(text.trim()) ?? [];
  const variable = inBraces ?? bare;
  if (variable === undefined) {
    if (text.includes("$"))
      throw wrong(`--header ${name}: $NAME stands at the end, and alone or behind a prefix`);
    if (namesSecret(name) || SECRET_HEADERS.has(name.toLowerCase())) {
      throw wrong(`--header ${name} holds a secret: ${SINGLE_QUOTES}`);
    }
    return null;
  }
  const value = env[variable]?.trim() ?? "";
  if (value === "") throw wrong(`--header ${name}: the environment has no ${variable}`);
  sendable(name, value);
  return { name, prefix, value, secret: secretName(variable) };
}

/** As definitions name secrets: `AMPSYNC_SECRET_API_KEY` of a worker is API_KEY. */
function secretName(variable: string): string {
  const name = variable.toUpperCase().replace(/^AMPSYNC_SECRET_/, "");
  return /^[A-Z]/.test(name) ? name : "API_KEY";
}

function sendable(name: string, value: string): string {
  if (!SENDABLE.test(value)) throw wrong(`--header ${name} has a character that no header can have`);
  return value;
}

/** In headers, then the first secret in the query; without a secret there is one way. */
function waysOf(secrets: readonly SecretHeader[], keyParam: string | undefined): readonly Way[] {
  const [first, ...others] = secrets;
  if (first === undefined) {
    if (keyParam !== undefined)
      throw wrong("--key-param says where the key of a --header goes: there is none");
    return [{ key: "no key", headers: {}, secretParams: new Map(), auth: [] }];
  }
  const param = keyParam ?? (first.name.toLowerCase() === "authorization" ? "access_token" : "api_key");
  return [
    {
      key: `key in the header ${secrets.map(({ name }) => name).join(" and ")}`,
      headers: headersOf(secrets),
      secretParams: new Map(),
      auth: secrets.map(authOf),
    },
    {
      key: `key in the query, as ${param}`,
      headers: headersOf(others),
      secretParams: new Map([[param, first.value]]),
      auth: [{ query: param, secret: first.secret }, ...others.map(authOf)],
    },
  ];
}

function headersOf(secrets: readonly SecretHeader[]): Readonly<Record<string, string>> {
  return Object.fromEntries(secrets.map(({ name, prefix, value }) => [name.toLowerCase(), prefix + value]));
}

function authOf({ name, prefix, secret }: SecretHeader): Auth {
  return { header: name, ...(prefix === "" ? {} : { prefix }), secret };
}

function sizesOf({ param, sizes, body }: ProbeArguments): Probed["sizes"] {
  if (param === undefined && sizes === undefined) return null;
  if (param === undefined || sizes === undefined || param === "") {
    throw wrong("--param and --sizes go together: --param limit --sizes 100,1000");
  }
  if (param.startsWith("/") && body === undefined)
    throw wrong("--param is a pointer into --body, which is missing");
  const numbers = sizes.split(",").map((text) => text.trim());
  if (numbers.length > MAX_SIZES || !numbers.every((text) => /^[1-9]\d{0,8}$/.test(text))) {
    throw wrong(`--sizes are up to ${MAX_SIZES} whole numbers: --sizes 100,1000`);
  }
  return { param, sizes: numbers.map(Number) };
}

function timeoutOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 1 && seconds <= MAX_TIMEOUT_S)) throw wrong(`--timeout is 1 to ${MAX_TIMEOUT_S} seconds`);
  return seconds * 1_000;
}

function bodyOf(text: string | undefined, sizes: Probed["sizes"]): string | null {
  if (text === undefined) return null;
  const body = objectOf(text);
  if (body === null) throw wrong("--body is no JSON object");
  if (Object.keys(body).some((name) => namesSecret(name) && typeof body[name] === "string")) {
    throw wrong("--body holds a secret, which definitions name: docs/http.md#secrets");
  }
  const place = sizes?.param.split("/")[1];
  if (place !== undefined && sizes?.param.split("/").length !== 2 && !(place in body)) {
    throw wrong("--param points to a place that --body does not have");
  }
  return text;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    // Its members are looked at one by one.
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function namesSecret(name: string): boolean {
  return SECRET_NAME.test(name.toLowerCase().replace(/[^a-z0-9]/g, ""));
}

function wrong(message: string): UsageError {
  return new UsageError(message, "probe");
}
