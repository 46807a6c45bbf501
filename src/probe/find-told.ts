import { type HttpHeaders, headerOf } from "../http/answer.ts";
import { secondsUntil } from "../http/told-time.ts";
import { type Member, plainName } from "./members.ts";
import { membersBeside, type SeenPage } from "./seen-page.ts";

/** What an answer tells of itself beside its records, by pointers; null: it does not tell that. */
export interface Told {
  readonly more: string | null;
  /** What stands there. */
  readonly isMore: boolean | null;
  readonly total: { readonly pointer: string; readonly value: number } | null;
  /** The number of pages. */
  readonly pages: string | null;
  /** How long a cursor lives. `at`: a pointer, or a header. */
  readonly lifetime: { readonly at: string; readonly seconds: number } | null;
}

const MORE = new Set(
  "hasmore,more,hasnext,hasnextpage,morepages,moreresults,moreavailable,hasmoreitems".split(","),
);
const TOTAL = new Set(
  "total,totalcount,totalrecords,totalresults,totalitems,totalelements,totalhits,totalrows,count".split(","),
);
const PAGES = new Set("totalpages,pages,pagecount,lastpage,numpages,numberofpages".split(","));
const LIFETIME = /expires?(in|at|on|after)?(ms)?$|ttl(ms)?$|lifetime(ms)?$|valid(for|until)$/;

/** `clockMs`: the clock of the server, as far as it is known. */
export function findTold(page: SeenPage, clockMs: number): Told {
  const members = membersBeside(page);
  const more = members.find(({ name, value }) => typeof value === "boolean" && MORE.has(plainName(name)));
  const pages = members.find(({ name, value }) => Number.isSafeInteger(value) && PAGES.has(plainName(name)));
  return {
    more: more?.pointer ?? null,
    isMore: more === undefined ? null : more.value === true,
    total: totalOf(members, page.count),
    pages: pages?.pointer ?? null,
    lifetime: lifetimeOf(page.headers, members, clockMs),
  };
}

function totalOf(members: readonly Member[], count: number): Told["total"] {
  const found = members.find(({ name, parent, value }) => {
    const plain = plainName(name);
    const isNamed = TOTAL.has(plain) || (plainName(parent) === "total" && plain === "value");
    const isOfPage = plain === "count" && value === count;
    return isNamed && !isOfPage && Number.isSafeInteger(value) && Number(value) >= count;
  });
  if (found === undefined) return null;
  return { pointer: found.pointer, value: Number(found.value) };
}

function lifetimeOf(headers: HttpHeaders, members: readonly Member[], clockMs: number): Told["lifetime"] {
  const inHeaders = Object.keys(headers)
    .filter((name) => /cursor|token/.test(name))
    .map((name) => ({ at: `the header ${name}`, name, value: headerOf(headers, name) }));
  const inBody = members.map(({ pointer, name, value }) => ({ at: pointer, name, value }));
  for (const { at, name, value } of [...inBody, ...inHeaders]) {
    if (!LIFETIME.test(plainName(name)) || !(typeof value === "string" || typeof value === "number"))
      continue;
    const told = secondsUntil(String(value), clockMs);
    if (told === null || told === 0) continue;
    return { at, seconds: /ms$/.test(plainName(name)) ? told / 1_000 : told };
  }
  return null;
}
