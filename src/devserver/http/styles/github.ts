import { BadRequest } from "../bad-request.ts";
import { linkTo } from "../paging/links.ts";
import { numberedPage } from "../paging/numbered.ts";
import { betweenOf, sizeOf, wholeOf } from "../paging/parameters.ts";
import { fieldsOf, isoSeconds, objectOf, type Shape } from "../records/fields.ts";
import type { Item } from "../records/item.ts";
import type { Order } from "../records/lists.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Style, World } from "../style.ts";

const SHAPE: Shape = {
  id: (_, serial) => String(2_000_000_000 + serial),
  made: "created_at",
  changed: "updated_at",
  time: isoSeconds,
};

/** The list of issues of GitHub's REST API: an array, `Link` header, `page` and `per_page`, `since`. */
export const github: Style = {
  method: "GET",
  path: "/repos/octo/events/issues",
  contentType: "application/json; charset=utf-8",
  dialect: "github",
  limitRefusal: { status: 403, retryAfter: "none", text: "github" },
  tokenOf: ({ url }) => url.searchParams.get("page"),
  answer,
  render,
  errorBody: (status, message) =>
    JSON.stringify({ message, documentation_url: "https://docs.github.com/rest", status: String(status) }),
};

function answer(request: ApiRequest, world: World): Page {
  const { pages } = world.faults;
  const { searchParams } = request.url;
  const number = wholeOf(searchParams, "page", { standard: 1, least: 1 });
  const size = sizeOf(searchParams, "per_page", { standard: 30, max: pages.maxSize ?? 100 });
  const between = betweenOf(searchParams, "changed", ["since", "until"]);
  const list = world.list(orderOf(searchParams, pages.newestFirst), between);
  const { items, last, hasNext } = numberedPage(list, number, size, pages);
  const links = [
    ...(number > 1 ? [["prev", number - 1] as const] : []),
    ...(hasNext ? [["next", number + 1] as const, ["last", last] as const] : []),
    ...(number > 1 ? [["first", 1] as const] : []),
  ].map(([rel, page]) => `<${linkTo(request, world, { page: String(page) })}>; rel="${rel}"`);
  return {
    kind: "page",
    before: "",
    items,
    after: "",
    headers: links.length === 0 ? {} : { Link: links.join(", ") },
  };
}

function orderOf(params: URLSearchParams, newestFirst: boolean | null): Order {
  const sort = params.get("sort") ?? "created";
  const direction = params.get("direction") ?? (newestFirst === false ? "asc" : "desc");
  if (sort !== "created" && sort !== "updated") throw new BadRequest("sort", "Validation Failed", 422);
  if (direction !== "asc" && direction !== "desc")
    throw new BadRequest("direction", "Validation Failed", 422);
  if (direction === "asc") return sort === "created" ? "made" : "changed";
  return sort === "created" ? "newest first" : "last changed first";
}

function render(item: Item, seed: number): string {
  const { user_id, type, sequence, ...fields } = Object.fromEntries(fieldsOf(SHAPE, seed, item));
  return objectOf([
    ...Object.entries(fields),
    ["number", sequence!],
    ["title", type!],
    ["user", `{"login":${user_id},"type":"User"}`],
    ["state", '"open"'],
    ["labels", "[]"],
    ["closed_at", "null"],
  ]);
}
