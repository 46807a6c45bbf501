import { fieldsOf, isoTime, objectOf, type Shape, uuidOf } from "../records/fields.ts";
import type { Item } from "../records/item.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Style, World } from "../style.ts";
import { parseExactly, readSearch, type Search } from "./search-body.ts";

const SHAPE: Shape = { id: uuidOf, made: "timestamp", changed: "updated_at", time: isoTime };

/** The first sequence: whole numbers that JavaScript cannot hold. */
const FIRST = 9_007_199_254_740_993n;
/** More hits than that are not counted, unless asked for. */
const MAX_COUNTED = 10_000;

/** Elasticsearch's search API: POST, `search_after` with the `sort` values of the last hit. */
export const elastic: Style = {
  method: "POST",
  path: "/events/_search",
  contentType: "application/json",
  dialect: "none",
  limitRefusal: { status: 429, retryAfter: "none", text: null },
  tokenOf,
  answer,
  render,
  errorBody: (status, message) => {
    const type = status === 429 ? "es_rejected_execution_exception" : "illegal_argument_exception";
    return JSON.stringify({
      error: { root_cause: [{ type, reason: message }], type, reason: message },
      status,
    });
  },
};

function tokenOf({ body }: ApiRequest): string | null {
  try {
    const { search_after } = Object(parseExactly(body));
    return search_after === undefined ? null : `[${[search_after].flat().join()}]`;
  } catch {
    return null;
  }
}

function answer(request: ApiRequest, world: World): Page {
  const search = readSearch(request.body);
  const list = world.list(search.sortedBy, search.between, "records");
  const begins = search.after === null ? 0 : firstAfter(list, search.after, search.sortedBy);
  const items = list.slice(begins, begins + Math.min(search.size, world.faults.pages.maxSize ?? search.size));
  const isCounted = search.countsAll || list.length <= MAX_COUNTED;
  const total = { value: isCounted ? list.length : MAX_COUNTED, relation: isCounted ? "eq" : "gte" };
  return {
    kind: "page",
    before:
      '{"took":2,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},' +
      `"hits":{"total":${JSON.stringify(total)},"max_score":null,"hits":`,
    items,
    after: "}}",
    variant: search.sortedBy,
  };
}

/** The index of the first record that is sorted behind these values. */
function firstAfter(
  list: readonly Item[],
  [ms, sequence]: NonNullable<Search["after"]>,
  sortedBy: Search["sortedBy"],
): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = list[middle]!;
    const time = timeOf(item, sortedBy);
    const isBehind = time > ms || (time === ms && sequenceOf(item) > sequence);
    if (isBehind) high = middle;
    else low = middle + 1;
  }
  return low;
}

function timeOf(item: Item, sortedBy: Search["sortedBy"]): number {
  return sortedBy === "made" ? item.madeAt : item.changedAt;
}

function sequenceOf({ serial }: Item): bigint {
  return FIRST + BigInt(serial);
}

/** A hit, with the values by which it was sorted. */
function render(item: Item, seed: number, variant = "made"): string {
  const fields = fieldsOf(SHAPE, seed, item);
  if (fields.has("sequence")) fields.set("sequence", String(sequenceOf(item)));
  return objectOf([
    ["_index", '"events"'],
    ["_id", uuidOf(seed, item.serial)],
    ["_score", "null"],
    ["_source", objectOf(fields)],
    ["sort", `[${timeOf(item, variant === "changed" ? "changed" : "made")},${sequenceOf(item)}]`],
  ]);
}
