import { parseExactly } from "../../../src/devserver/http/styles/search-body.ts";
import type { SourceDocument } from "../../support/http/definitions.ts";

/** Pages that a walk takes at most: some servers never end. */
const MAX_PAGES = 60;

export interface WalkedPage {
  readonly records: readonly unknown[];
  readonly document: unknown;
}

/** Follows the pages of a server as its definition says, as simply as can be: no guard, no retry. */
export async function walk(source: SourceDocument): Promise<readonly WalkedPage[]> {
  const pages: WalkedPage[] = [];
  let [url, body] = first(source);
  while (pages.length < MAX_PAGES) {
    const answer = await fetch(url, body === null ? {} : { method: "POST", body });
    if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    const document = parseExactly(await answer.text());
    const records = at(document, source.records ?? "");
    if (!Array.isArray(records)) throw new Error("no records");
    pages.push({ records, document });
    const next = nextOf(source, pages, answer.headers);
    if (next === null) return pages;
    [url, body] = next(url, body);
  }
  return pages;
}

type Step = (url: URL, body: string | null) => [url: URL, body: string | null];

function first({ url, query = {}, body }: SourceDocument): [URL, string | null] {
  const start = new URL(url);
  for (const [name, value] of Object.entries(query)) start.searchParams.set(name, String(value));
  return [start, body === undefined ? null : JSON.stringify(body)];
}

/** How the next request is made from the one before it; null: there is none. */
function nextOf(
  { pages, body }: SourceDocument,
  walked: readonly WalkedPage[],
  headers: Headers,
): Step | null {
  const { records, document } = walked.at(-1)!;
  const given = (key: string) => (pages[key] === undefined ? undefined : at(document, String(pages[key])));
  if (given("more") === false) return null;
  const set = (text: string): Step => {
    const name = String(pages["param"]);
    if (body !== undefined)
      return (url) => [url, `${JSON.stringify(body).slice(0, -1)},"${name.slice(1)}":${text}}`];
    return (url, sent) => {
      url.searchParams.set(name, text);
      return [url, sent];
    };
  };
  switch (pages["type"]) {
    case "cursor": {
      const token = given("next") ?? null;
      return token === null ? null : set(textOf(token));
    }
    case "link": {
      const inHeader = /<([^>]*)>; rel="next"/.exec(headers.get("Link") ?? "")?.[1];
      const link = pages["next"] === undefined ? inHeader : given("next");
      return typeof link === "string" ? (_, sent) => [new URL(link), sent] : null;
    }
    case "page":
      return records.length === 0 ? null : set(String(walked.length + 1));
    case "offset":
      return records.length === 0 ? null : set(String(walked.flatMap((page) => page.records).length));
    default:
      return records.length === 0 ? null : set(textOf(at(records.at(-1), String(pages["field"]))));
  }
}

export function at(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .reduce((inner: unknown, part) => Reflect.get(Object(inner), part), value);
}

/** A text as it is, anything else as JSON. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "bigint") return String(value);
  return Array.isArray(value) ? `[${value.map(textOf).join()}]` : JSON.stringify(value);
}
