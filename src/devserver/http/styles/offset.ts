import { beyondEnd } from "../paging/beyond-end.ts";
import { betweenOf, sizeOf, wholeOf } from "../paging/parameters.ts";
import { fieldsOf, isoTime, objectOf, type Shape } from "../records/fields.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Style, World } from "../style.ts";

const SHAPE: Shape = {
  id: (_, serial) => String(serial + 1),
  made: "created_at",
  changed: "updated_at",
  time: isoTime,
};

/** An API that is paged by `offset` and `limit`, tells `total_count`, and gives at most 200 records whatever is asked for. */
export const offset: Style = {
  method: "GET",
  path: "/api/v2/records",
  contentType: "application/json",
  dialect: "draft-6",
  limitRefusal: { status: 429, retryAfter: "seconds", text: null },
  tokenOf: ({ url }) => url.searchParams.get("offset"),
  answer,
  render: (item, seed) => objectOf(fieldsOf(SHAPE, seed, item)),
  errorBody: (status, message) => JSON.stringify({ status, error: message }),
};

function answer({ url: { searchParams } }: ApiRequest, world: World): Page {
  const { pages } = world.faults;
  const begins = wholeOf(searchParams, "offset", { standard: 0, least: 0 });
  const limit = sizeOf(searchParams, "limit", { standard: 50, max: pages.maxSize ?? 200 });
  const between = betweenOf(searchParams, "changed", ["updated_since", "updated_until"]);
  const list = world.list(pages.newestFirst === true ? "newest first" : "arrival", between);
  const items =
    begins < list.length || begins === 0
      ? list.slice(begins, begins + limit)
      : beyondEnd(list, Math.max(0, list.length - limit), limit, pages.beyondEnd);
  return {
    kind: "page",
    before: `{"total_count":${list.length},"offset":${begins},"limit":${limit},"records":`,
    items,
    after: "}",
  };
}
