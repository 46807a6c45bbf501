import { type Chunk, chunkOf } from "../paging/chunk.ts";
import type { Place } from "../paging/cursors.ts";
import { betweenOf, sizeOf } from "../paging/parameters.ts";
import { fieldsOf, isoTime, objectOf, type Shape, uuidOf } from "../records/fields.ts";
import type { ApiRequest } from "../request.ts";
import type { Page, Refusal, Style, World } from "../style.ts";

const SHAPE: Shape = { id: uuidOf, made: "timestamp", changed: "updated_at", time: isoTime };

/** An API of events: `data`, `pagination.nextCursor`, `pagination.hasMore`. Cursors are opaque, signed, and may expire. */
export const events: Style = {
  method: "GET",
  path: "/api/v1/events",
  contentType: "application/json; charset=utf-8",
  dialect: "x-ratelimit",
  limitRefusal: { status: 429, retryAfter: "seconds", text: null },
  tokenOf: ({ url }) => url.searchParams.get("cursor"),
  answer,
  render: (item, seed) => objectOf(fieldsOf(SHAPE, seed, item)),
  errorBody: (status, message) => errorBody(`HTTP_${status}`, message),
};

function answer(request: ApiRequest, world: World): Page | Refusal {
  const { tokens, faults, now } = world;
  const { searchParams } = request.url;
  const token = events.tokenOf(request);
  const reading = tokens.read(token, now);
  if (reading.kind === "unknown")
    return refusal(400, "INVALID_CURSOR", "the cursor is not one of this server");
  if (reading.kind === "expired") return expired(faults.cursors.expiredAs);
  const limit = sizeOf(searchParams, "limit", { standard: 100, max: faults.pages.maxSize ?? 5000 });
  const between =
    betweenOf(searchParams, "changed", ["since", "until"]) ??
    betweenOf(searchParams, "sequence", ["since_sequence", "until_sequence"]);
  const list = world.list(faults.pages.newestFirst === true ? "newest first" : "arrival", between);
  const chunk = chunkOf(list, reading.place, limit, now, faults);
  const { ttlMs } = faults.cursors;
  const pagination = objectOf([
    ["limit", String(limit)],
    ...leadsOn(token, reading.place, chunk, world),
    ...(ttlMs === null ? [] : [["cursorExpiresIn", String(ttlMs / 1000)] as const]),
  ]);
  const meta = { total: list.length, returned: chunk.items.length, requestId: `req_${world.order}` };
  return {
    kind: "page",
    before: '{"data":',
    items: chunk.items,
    after: `,"pagination":${pagination},"meta":${JSON.stringify(meta)}}`,
  };
}

/** `hasMore` and `nextCursor`. */
function leadsOn(
  token: string | null,
  place: Place,
  { items, next }: Chunk,
  { tokens, faults: { cursors }, now }: World,
): readonly (readonly [string, string])[] {
  const end: Place = { at: place.at + items.length, empty: 0, issuedAt: now, begunAt: place.begunAt };
  const { stuck } = cursors;
  const isStuck = stuck !== null && place.at >= stuck.from;
  if (cursors.firstToken !== null && token === null) return told(false, "null");
  if (isStuck && stuck.how === "null") return told(next !== null, "null");
  if (isStuck && stuck.how === "same")
    return told(true, token === null ? tokens.give(place) : tokens.again(token));
  if (next !== null) return told(true, tokens.give(next));
  if (!cursors.sameAtEnd) return told(false, cursors.tokenAtEnd ? tokens.give(end) : "null");
  const isAgain = token !== null && items.length === 0;
  return [["nextCursor", isAgain ? tokens.again(token) : tokens.give(end)]];
}

function told(hasMore: boolean, nextCursor: string): readonly (readonly [string, string])[] {
  return [
    ["hasMore", String(hasMore)],
    ["nextCursor", nextCursor],
  ];
}

function expired(how: World["faults"]["cursors"]["expiredAs"]): Refusal {
  switch (how) {
    case "code":
      return refusal(400, "CURSOR_EXPIRED", "the cursor is too old; begin again without one");
    case "gone":
      return refusal(410, "GONE", "this page is no longer there");
    case "text":
      return refusal(400, "BAD_REQUEST", "Cursor has expired, please restart the listing");
  }
}

function refusal(status: number, code: string, message: string): Refusal {
  return { kind: "refusal", status, body: errorBody(code, message) };
}

function errorBody(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}
