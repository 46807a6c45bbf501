import { BadRequest } from "../bad-request.ts";
import { boundOf, sizeOf } from "../paging/parameters.ts";
import { fieldsOf, objectOf, type Shape } from "../records/fields.ts";
import type { Item } from "../records/item.ts";
import type { Between } from "../records/lists.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Style, World } from "../style.ts";

/** Records are named by their serial, so that the server can find them again. */
const PREFIX = "evt_1Dev";
const SHAPE: Shape = {
  id: (_, serial) => `"${PREFIX}${serial.toString(36).padStart(8, "0")}"`,
  made: "created",
  changed: "created",
  time: (ms) => String(Math.floor(ms / 1000)),
};

/** The list of events of Stripe's API: newest first, `starting_after`, `has_more`, at most 100 at a time. */
export const stripe: Style = {
  method: "GET",
  path: "/v1/events",
  contentType: "application/json",
  dialect: "none",
  limitRefusal: { status: 429, retryAfter: "none", text: null },
  tokenOf: ({ url }) => url.searchParams.get("starting_after"),
  answer,
  render,
  errorBody: (status, message, param) => {
    const code = status === 429 ? { code: "rate_limit" } : {};
    const named = param === undefined ? {} : { param };
    const type = status >= 500 ? "api_error" : "invalid_request_error";
    return JSON.stringify({ error: { ...code, message, ...named, type } });
  },
};

function answer(request: ApiRequest, world: World): Page {
  const { pages } = world.faults;
  const { searchParams } = request.url;
  const limit = sizeOf(searchParams, "limit", { standard: 10, max: Number.POSITIVE_INFINITY });
  if (limit > 100 && pages.maxSize === null) throw new BadRequest("limit", "limit must be between 1 and 100");
  const order = pages.newestFirst === false ? "made" : "newest first";
  const list = world.list(order, createdBetween(searchParams), "records");
  const after = stripe.tokenOf(request);
  const begins = after === null ? 0 : indexAfter(list, after, world);
  const items = list.slice(begins, begins + Math.min(limit, pages.maxSize ?? 100));
  const hasMore = begins + items.length < list.length;
  return {
    kind: "page",
    before: '{"object":"list","data":',
    items,
    after: `,"has_more":${hasMore},"url":"/v1/events"}`,
  };
}

function indexAfter(list: readonly Item[], id: string, world: World): number {
  const serial = id.startsWith(PREFIX) ? Number.parseInt(id.slice(PREFIX.length), 36) : Number.NaN;
  const index = world.indexOf(list, serial);
  if (index === undefined) throw new BadRequest("starting_after", `No such event: '${id}'`);
  return index + 1;
}

/** `created[gte]` and its like, in seconds. */
function createdBetween(params: URLSearchParams): Between | undefined {
  const given = (how: string) => boundOf(params.get(`created[${how}]`), "made", `created[${how}]`);
  const [gte, gt, lte, lt] = ["gte", "gt", "lte", "lt"].map(given);
  const since = gte ?? gt ?? null;
  const until = lte ?? lt ?? null;
  if (since === null && until === null) return undefined;
  const isFrom = typeof gte === "number";
  const isTo = typeof lte === "number";
  return { by: "made", since, until, bounds: isFrom ? (isTo ? "[]" : "[)") : isTo ? "(]" : "()" };
}

function render(item: Item, seed: number): string {
  const { id, created, type, ...others } = Object.fromEntries(fieldsOf(SHAPE, seed, item));
  return objectOf([
    ...(id === undefined ? [] : [["id", id] as const]),
    ["object", '"event"'],
    ["api_version", '"2024-06-20"'],
    ...(created === undefined ? [] : [["created", created] as const]),
    ["data", `{"object":${objectOf(Object.entries(others))}}`],
    ["livemode", "false"],
    ["pending_webhooks", "0"],
    ["type", type!],
  ]);
}
