import type { ToldWindow } from "../http/rate-headers.ts";
import type { Field } from "../probe/find-fields.ts";
import type { AnswerFinding, Findings, PageFinding, SizeFinding, WayFinding } from "../probe/findings.ts";
import { count, printable, textTable } from "./table.ts";

/** APIs often serve streams of records at such addresses, which end when the connection does. */
const STREAM_PATH = /(stream|bulk|export)\/?$/i;

/** What a probe found, for people. */
export function probeReport(found: Findings): string {
  const { url, method, requests, ways, page, sizes, suggestion } = found;
  const sections = [
    [`${method} ${printable(url)} (${requests === 1 ? "1 request" : `${requests} requests`})`],
    ...ways.map(wayLines),
    ...(page === null ? [] : [pageLines(page)]),
    ...(sizes.length === 0 ? [] : [sizeLines(found)]),
    ...(page === null || page.fields.length === 0 ? [] : [fieldLines(page)]),
    notes(found),
    ...(suggestion === null ? [] : [suggestionLines(found, suggestion)]),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function wayLines(way: WayFinding): string[] {
  const { key, rate_headers, limits, retry_after_s } = way;
  const headers = Object.entries(rate_headers).map(([name, value]) => `  ${printable(`${name}: ${value}`)}`);
  const read = [
    ...limits.map(limitText),
    ...(retry_after_s === null ? [] : [`nothing more for ${retry_after_s} s (Retry-After)`]),
  ];
  return [
    printable(`${key.charAt(0).toUpperCase()}${key.slice(1)}: ${answerText(way)}`),
    ...way.redirects.map((target) => printable(`  redirected to ${target}`)),
    ...(headers.length === 0 && way.status !== null ? ["  no limit is told"] : headers),
    ...(headers.length > 0 && read.length === 0 ? ["  which workers cannot read as a limit"] : []),
    ...read.map((text) => `  read as: ${text}`),
  ];
}

function answerText({ status, content_type, problem, bytes, seconds }: AnswerFinding): string {
  const size = `${count(bytes)} bytes in ${seconds.toFixed(2)} s`;
  const answer = status === null ? "no answer" : `HTTP ${status}, ${content_type ?? "no type"}, ${size}`;
  return problem === null ? answer : `${answer}: ${problem}`;
}

function limitText({ window, limit, remaining, reset }: ToldWindow): string {
  const all = limit === null ? "" : ` of ${count(limit)}`;
  const per = window === null ? "" : ` in ${count(window)} s`;
  return `${count(remaining)}${all} requests left${per}, for ${reset} s from now`;
}

function pageLines({ records, count: rows, key, next, more, total, lifetime }: PageFinding): string[] {
  const tell = (label: string, text: string) => `${label.padEnd(15)}${printable(text)}`;
  const pages = next === null ? "" : JSON.stringify(next.pages);
  return [
    tell("records", `${records === "" ? '"", the whole answer' : records}: ${count(rows)} in this answer`),
    tell("key", key === null ? "no field is an id that each record has once" : `${key}, perhaps`),
    tell("next page", next === null ? "not recognised" : `${pages}`),
    ...(next === null
      ? []
      : [
          tell(
            "",
            next.how === "followed"
              ? `from ${next.why}; it was asked for, and came`
              : `from ${next.why}; it could not be tried, so how it is asked for is a guess`,
          ),
        ]),
    ...(more === null ? [] : [tell("more follows", more)]),
    ...(total === null ? [] : [tell("total", `${total.pointer}: ${count(total.value)}`)]),
    ...(lifetime === null
      ? []
      : [tell("lifetime", `${lifetime.at}: ${lifetime.seconds} s, of a cursor perhaps`)]),
  ];
}

function sizeLines({ sizes, param }: Findings): string[] {
  const rows = sizes.map(({ asked, status, records, bytes, seconds }) => ({
    [`${param} asked for`]: count(asked),
    "records that came": count(records),
    status: status === null ? "–" : String(status),
    bytes: count(bytes),
    seconds: seconds.toFixed(2),
  }));
  return [textTable(rows), ...sizes.flatMap(sizeNote)];
}

function sizeNote({ asked, records, is_all, problem }: SizeFinding): string[] {
  if (problem !== null) return [printable(`  ${count(asked)}: ${problem}`)];
  if (records === null || records >= asked) return [];
  return [
    `  ${count(asked)}: ${is_all ? "that is all there is" : "fewer came; an API with a maximum does that"}`,
  ];
}

function fieldLines({ fields, other_fields }: PageFinding): string[] {
  const rows = fields.map((field) => ({
    field: field.pointer,
    types: typesText(field),
    records: count(field.records),
  }));
  return [textTable(rows), ...(other_fields === 0 ? [] : [`and ${count(other_fields)} more`])];
}

function typesText({ types, looks }: Field): string {
  const entries = Object.entries(types);
  const texts = entries.map(([type, times]) => (entries.length === 1 ? type : `${type} ${count(times)}`));
  return `${texts.join(", ")}${looks === null ? "" : ` (${looks})`}`;
}

function notes({ url, ways, page, is_used_up, suggestion }: Findings): string[] {
  const { protocol, hostname, pathname } = addressOf(url);
  const isNear = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
  const isKeyed = ways.some(({ key }) => key !== "no key");
  return [
    ...(is_used_up ? ["The rate limit is used up: what is missing here was not asked for."] : []),
    ...(protocol === "http:" && isKeyed && !isNear
      ? ["The key was sent unencrypted: everybody on the way can read it. Use https."]
      : []),
    ...(page === null && STREAM_PATH.test(pathname)
      ? ["Addresses like this one often serve a stream of records (NDJSON), which is not supported."]
      : []),
    ...(page?.next_elsewhere === null || page === null
      ? []
      : [printable(`The answer leads on to ${page.next_elsewhere}: workers stay with the host of "url".`)]),
    ...(page !== null && page.next === null
      ? [
          'Where this is the only page, "pages" is {"type": "none"}. Otherwise what leads on is told in the API\'s ' +
            "documentation: docs/http.md has a definition for each kind of pages.",
        ]
      : []),
    ...(page !== null && page.next !== null && suggestion === null
      ? ["No definition is suggested: a name that it needs holds the key, or what cannot be stored."]
      : []),
    ...(page !== null && ways.every(({ limits }) => limits.length === 0)
      ? ['No limit is told: if there is one, declare it, "rate_limit": {"requests": 100, "per": "1 minute"}.']
      : []),
  ];
}

function suggestionLines({ url, page }: Findings, suggestion: string): string[] {
  const { protocol, host } = addressOf(url);
  const secret = /"secret": "([A-Z0-9_]+)"/.exec(suggestion)?.[1];
  const allowed = `${protocol === "http:" ? "http://" : ""}${host}${secret === undefined ? "" : `=${secret}`}`;
  return [
    "-- A suggestion to begin with, made from these answers alone. Check against the API's documentation",
    "-- what the key is, whether types stay so, in which order records come, what ends a run; docs/http.md",
    ...(page?.key === null
      ? ['-- there is no "key" in it, so nothing may be read twice: name one if records have one']
      : []),
    ...(page?.next?.how === "untried"
      ? ['-- "pages" is a guess: there was no next page to try it with']
      : []),
    `-- workers need AMPSYNC_HTTP_ALLOW=${allowed}${secret === undefined ? "" : ` and AMPSYNC_SECRET_${secret}`}`,
    ...suggestion.split("\n").map(printable), // In JSON such an escape is the character.
  ];
}

/** An address in which a secret was masked may be none any more. */
function addressOf(url: string): URL {
  return URL.parse(url) ?? new URL("https://api.example.com");
}
