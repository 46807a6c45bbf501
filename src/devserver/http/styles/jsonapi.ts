import { linkTo } from "../paging/links.ts";
import { numberedPage } from "../paging/numbered.ts";
import { betweenOf, sizeOf, wholeOf } from "../paging/parameters.ts";
import { fieldsOf, isoTime, objectOf, type Shape } from "../records/fields.ts";
import type { Item } from "../records/item.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Style, World } from "../style.ts";

const SHAPE: Shape = {
  id: (_, serial) => `"${serial + 1}"`,
  made: "createdAt",
  changed: "updatedAt",
  time: isoTime,
};

/** An API as jsonapi.org describes it: resources with attributes, `links.next`, `page[number]` and `page[size]`. */
export const jsonapi: Style = {
  method: "GET",
  path: "/events",
  contentType: "application/vnd.api+json",
  dialect: "draft-8",
  limitRefusal: { status: 429, retryAfter: "seconds", text: null },
  tokenOf: ({ url }) => url.searchParams.get("page[number]"),
  answer,
  render,
  errorBody: (status, message, param) => {
    const source = param === undefined ? {} : { source: { parameter: param } };
    return JSON.stringify({
      errors: [{ status: String(status), title: "refused", detail: message, ...source }],
    });
  },
};

function answer(request: ApiRequest, world: World): Page {
  const { pages } = world.faults;
  const { searchParams } = request.url;
  const number = wholeOf(searchParams, "page[number]", { standard: 1, least: 1 });
  const size = sizeOf(searchParams, "page[size]", { standard: 20, max: pages.maxSize ?? 1000 });
  const between = betweenOf(searchParams, "changed", ["filter[updatedSince]", "filter[updatedUntil]"]);
  const list = world.list(pages.newestFirst === true ? "newest first" : "arrival", between);
  const { items, last, hasNext } = numberedPage(list, number, size, pages);
  const to = (page: number) =>
    linkTo(request, world, { "page[number]": String(page), "page[size]": String(size) });
  const links = {
    self: to(number),
    first: to(1),
    prev: number > 1 ? to(number - 1) : null,
    next: hasNext ? to(number + 1) : null,
    last: to(last),
  };
  const meta = { "total-pages": last, "total-records": list.length };
  return {
    kind: "page",
    before: `{"jsonapi":{"version":"1.1"},"links":${JSON.stringify(links)},"data":`,
    items,
    after: `,"meta":${JSON.stringify(meta)}}`,
  };
}

/** Key and type stand beside the attributes. */
function render(item: Item, seed: number): string {
  const { id, ...attributes } = Object.fromEntries(fieldsOf(SHAPE, seed, item));
  return objectOf([
    ["type", '"events"'],
    ...(id === undefined ? [] : [["id", id] as const]),
    ["attributes", objectOf(Object.entries(attributes))],
  ]);
}
