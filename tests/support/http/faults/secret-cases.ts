import { FLEET_SECRET, OTHER_SECRET } from "../source-fleet.ts";
import { type Cases, casesOf, equal, few, shows } from "./fault-case.ts";

const HEADER = { in: "header", name: "X-API-Key", value: FLEET_SECRET } as const;
const QUERY = { in: "query", name: "key", value: FLEET_SECRET } as const;
const IN_HEADER = { header: "X-API-Key", secret: "API_KEY" };
const IN_QUERY = { query: "key", secret: "API_KEY" };

export const SECRET_CASES = casesOf({
  "a secret in a header": (roll) => ({
    api: { records: few(roll), faults: { secrets: [HEADER] } },
    source: { auth: IN_HEADER },
    outcome: equal,
  }),
  "a secret that nobody sends": (roll) => ({
    api: { records: few(roll), faults: { secrets: [HEADER] } },
    outcome: shows("SY105"),
  }),
  "two secrets": (roll) => ({
    api: { records: few(roll), faults: { secrets: [HEADER, { ...QUERY, value: OTHER_SECRET }] } },
    source: { auth: [IN_HEADER, { query: "key", secret: "OTHER_KEY" }] },
    outcome: equal,
  }),
  "a secret in the body": (roll) => ({
    api: {
      style: "elastic",
      records: few(roll),
      faults: { secrets: [{ in: "body", pointer: "/auth/key", value: FLEET_SECRET }] },
    },
    source: { auth: { body: "/auth/key", secret: "API_KEY" } },
    outcome: equal,
  }),
  "user and password": (roll) => ({
    api: { records: few(roll), faults: { secrets: [{ in: "basic", user: "me", value: FLEET_SECRET }] } },
    source: { auth: { basic: "me", secret: "API_KEY" } },
    outcome: equal,
  }),
  "links that echo the secret in its own parameter": (roll) => ({
    api: {
      style: "jsonapi",
      records: few(roll),
      faults: { secrets: [QUERY], pages: { linkEchoesSecret: true } },
    },
    source: { auth: IN_QUERY },
    outcome: equal,
  }),
  "links that echo the secret elsewhere": (roll) => ({
    api: {
      style: "jsonapi",
      records: few(roll),
      faults: { secrets: [HEADER], pages: { linkEchoesSecret: true } },
    },
    source: { auth: IN_HEADER },
    outcome: shows("SY303"),
  }),
} satisfies Cases);
