import type { ApiServer } from "../../../src/devserver/http/api-server.ts";
import type { StyleName } from "../../../src/devserver/http/styles.ts";

/** A source document, as `ampsync.enqueue_http` takes it. */
export interface SourceDocument {
  readonly url: string;
  readonly pages: Readonly<Record<string, string | boolean>>;
  readonly records?: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly key?: readonly string[] | "content";
  readonly columns?: Readonly<Record<string, unknown>>;
  readonly total?: string;
}

type Definition = Omit<SourceDocument, "url">;

const DATA = { from: "", type: "jsonb", not_null: true };

const DEFINITIONS: Readonly<Record<StyleName, Definition>> = {
  events: {
    query: { limit: 100 },
    pages: { type: "cursor", param: "cursor", next: "/pagination/nextCursor", more: "/pagination/hasMore" },
    records: "/data",
    key: ["id"],
    columns: { id: "text", event_type: { from: "/type" }, timestamp: "timestamptz", data: DATA },
    total: "/meta/total",
  },
  jsonapi: {
    query: { "page[size]": 100 },
    pages: { type: "link", next: "/links/next" },
    records: "/data",
    key: ["id"],
    columns: {
      id: "bigint",
      event_type: { from: "/attributes/type" },
      updated_at: { from: "/attributes/updatedAt", type: "timestamptz" },
      data: DATA,
    },
    total: "/meta/total-records",
  },
  github: {
    query: { per_page: 100, sort: "updated", direction: "asc" },
    pages: { type: "link" },
    key: ["id"],
    columns: { id: "bigint", number: "integer", title: "text", updated_at: "timestamptz", data: DATA },
  },
  stripe: {
    query: { limit: 100 },
    pages: { type: "after", param: "starting_after", field: "/id", more: "/has_more" },
    records: "/data",
    key: ["id"],
    columns: {
      id: "text",
      event_type: { from: "/type" },
      created: { type: "timestamptz", unit: "s" },
      data: DATA,
    },
  },
  elastic: {
    body: { size: 100, sort: [{ timestamp: "asc" }, { sequence: "asc" }] },
    pages: { type: "after", in: "body", param: "/search_after", field: "/sort" },
    records: "/hits/hits",
    key: ["id"],
    columns: {
      id: { from: "/_id", type: "uuid" },
      sequence: { from: "/_source/sequence", type: "bigint" },
      timestamp: { from: "/_source/timestamp", type: "timestamptz" },
      data: { ...DATA, from: "/_source" },
    },
    total: "/hits/total/value",
  },
  offset: {
    query: { limit: 100 },
    pages: { type: "offset", param: "offset" },
    records: "/records",
    key: ["id"],
    columns: { id: "bigint", amount: "numeric", updated_at: "timestamptz", data: DATA },
    total: "/total_count",
  },
};

/** The definition by which a development API server is read, by its style. */
export function definitionOf({ url, style }: Pick<ApiServer, "url" | "style">): SourceDocument {
  return { url, ...DEFINITIONS[style] };
}
