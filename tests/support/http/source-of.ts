import { readSource, type Source } from "../../../src/ingest/source.ts";

/** What `full_source` makes of a short definition. */
const FULL = {
  url: "https://api.example.com/v1/events",
  query: {},
  headers: {},
  body: null,
  auth: [],
  records: "/data",
  key: ["id"],
  range: null,
  every_ms: null,
  append_only: false,
  rate_limit: { bucket: "api.example.com", windows: [], status: [403], match: ["rate limit"] },
  concurrency: { start: 5, min: 2, max: 10 },
  expires: { after_ms: null, status: [410], match: [] },
  total: null,
  error: null,
  timeout_s: 10,
};

const PAGES = {
  in: "query",
  param: null,
  first: null,
  next: null,
  more: null,
  same: null,
  pages: null,
  end_status: [],
  field: null,
  inclusive: false,
};

const RANGE = {
  field: "/at",
  since: "since",
  until: "until",
  format: "iso",
  from: null,
  bounds: "[)",
  lookback_us: 0,
  lag_us: 0,
  step_us: null,
  sorted: false,
};

type Options = Partial<Record<keyof typeof FULL, unknown>> & {
  readonly pages?: object;
  readonly range?: object | null;
};

/** A source of the dataset `events`, with every option that is not given at its default. */
export function sourceOf({ pages = { type: "none" }, range = null, ...options }: Options = {}): Source {
  return readSource("events", fullText({ ...FULL, ...options, ...parts(pages, range) }));
}

function parts(pages: object, range: object | null): object {
  return { pages: { ...PAGES, ...pages }, range: range === null ? null : { ...RANGE, ...range } };
}

/** Numbers as bigints keep all their digits, and stay numbers. */
function fullText(full: object): string {
  const text = JSON.stringify(full, (_, value) => (typeof value === "bigint" ? `bigint:${value}` : value));
  return text.replaceAll(/"bigint:(-?\d+)"/g, "$1");
}
