import type { Secrets } from "../model/secrets.ts";
import { type Secret, secret } from "./database.ts";
import type { Given } from "./given.ts";
import type { HttpSecret } from "./http-secrets.ts";

/** The HTTP source that `ampsync ingest` reads, as the call of ampsync.enqueue_http that it makes. */
export interface IngestionStart {
  readonly dataset: string;
  readonly target: string;
  /** Its definition, JSON. */
  readonly document: string;
  /** What a file has instead of members of it, JSON as it is there. */
  readonly changes: string;
  /** Where requests may go with the key. */
  readonly origin: URL;
  readonly key: Secret;
}

/** The name of the secret that definitions have for API_KEY. */
export const API_KEY = "API_KEY";

const DATASET = "events";
const TARGET = "public.ingested_events";
/** Stands for an address that is wrong, which is a problem already. */
const NOWHERE = new URL("https://nowhere.invalid");

/** What is wrong is added to `problems`; `number` reads a setting that is a number. */
export function ingestionStart(
  given: Given,
  number: (name: "apiPageLimit" | "apiRateLimit" | "apiCursorTtl") => number,
  readFile: (path: string) => string,
  problems: string[],
): IngestionStart {
  const url = endpoint(given, problems);
  const changes = sourceFile(given, readFile, problems);
  const key = secret(given, "apiKey", "apiKeyFile", readFile, problems);
  if (key.text === null && key.file === null && !("auth" in changes.members)) {
    problems.push("neither API_KEY nor API_KEY_FILE is set");
  }
  const document = {
    url: url.href,
    query: { limit: number("apiPageLimit") },
    auth: { header: "X-API-Key", secret: API_KEY },
    pages: { type: "cursor", param: "cursor", next: "/pagination/nextCursor", more: "/pagination/hasMore" },
    records: "/data",
    key: ["id"],
    columns: {
      id: "text",
      event_type: { from: "/type" },
      timestamp: "timestamptz",
      data: { from: "", type: "jsonb", not_null: true },
    },
    total: "/meta/total",
    rate_limit: { requests: number("apiRateLimit"), per: "1 minute" },
    expires: { after: `${number("apiCursorTtl")} minutes`, status: [400, 410], match: "CURSOR_EXPIRED" },
  };
  const origin = new URL(url.origin);
  return {
    ...{ dataset: DATASET, target: TARGET, origin, key },
    ...{ document: JSON.stringify(document), changes: changes.text },
  };
}

/** The secrets of the process, and the key of the API among them. */
export function withApiKey(
  others: HttpSecret,
  { text, file }: Secret,
  readFile: (path: string) => string,
  secrets: Secrets,
): HttpSecret {
  if (text === null && file === null) return others;
  const key = secrets.watch(() => (file === null ? text : readFile(file).trim() || null), "[secret]");
  const secretOf = (name: string) => {
    if (name !== API_KEY) return others(name);
    try {
      return key();
    } catch {
      return null; // The file is gone.
    }
  };
  secretOf(API_KEY); // From now on no text shows it.
  return secretOf;
}

/** API_ENDPOINT below API_BASE_URL. */
function endpoint(given: Given, problems: string[]): URL {
  const base = given.value("apiBaseUrl");
  if (base === null) {
    problems.push("API_BASE_URL is not set");
    return NOWHERE;
  }
  const address = URL.parse(base.value);
  const path = given.value("apiEndpoint")?.value ?? "/events";
  if (address === null || !/^https?:$/.test(address.protocol)) {
    problems.push(`${base.name} is not an http or https address`);
    return NOWHERE;
  }
  if (address.username !== "" || address.password !== "" || address.search !== "" || address.hash !== "") {
    problems.push(`${base.name} contains more than an address, perhaps a secret: use API_KEY`);
    return NOWHERE;
  }
  if (path.includes("#") || path.includes("://")) {
    problems.push(`${given.value("apiEndpoint")?.name} is not a path`);
    return NOWHERE;
  }
  return new URL(`${base.value.replace(/\/+$/, "")}/${path.replace(/^\/+/, "")}`);
}

interface SourceFile {
  readonly text: string;
  readonly members: object;
}

function sourceFile(given: Given, readFile: (path: string) => string, problems: string[]): SourceFile {
  const file = given.value("apiSourceFile");
  if (file === null) return { text: "{}", members: {} };
  try {
    const text = readFile(file.value);
    const members: unknown = JSON.parse(text);
    if (typeof members === "object" && members !== null && !Array.isArray(members)) return { text, members };
    problems.push(`${file.name} names a file that holds no JSON object`);
  } catch (error) {
    problems.push(
      error instanceof SyntaxError
        ? `${file.name} names a file that holds no JSON`
        : `${file.name} names a file that cannot be read`,
    );
  }
  return { text: "{}", members: { auth: null } };
}
