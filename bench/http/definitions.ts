const PAGE = 1000;

/** What the definitions are of: the events of the development API, of 240 bytes each. */
const EVENTS = {
  query: { limit: PAGE },
  pages: { type: "cursor", param: "cursor", next: "/pagination/nextCursor", more: "/pagination/hasMore" },
  records: "/data",
  key: ["id"],
} as const;

/** A key that is a text, a time, and the whole record as jsonb. */
export const WHOLE = {
  ...EVENTS,
  columns: {
    id: "text",
    event_type: { from: "/type" },
    timestamp: "timestamptz",
    data: { from: "", type: "jsonb", not_null: true },
  },
} as const;

/** The definitions of which the mapping statement is compared with COPY. */
export const MAPPINGS = {
  whole: WHOLE,
  /** The same rows, where the record is a field of what the API lists, as Elasticsearch does it: all fields are looked at. */
  field: {
    ...EVENTS,
    columns: {
      id: { from: "/_source/id", type: "text" },
      event_type: { from: "/_source/type", type: "text" },
      timestamp: { from: "/_source/timestamp", type: "timestamptz" },
      data: { from: "/_source", type: "jsonb", not_null: true },
    },
  },
  /** Each field is a column but one, which is told; nothing has the whole record. */
  columns: {
    ...EVENTS,
    columns: {
      id: "text",
      event_type: { from: "/type" },
      timestamp: "timestamptz",
      sequence: "bigint",
      user_id: "text",
      amount: "numeric",
      properties: "jsonb",
    },
  },
  /** The key is declared; the others are added with the first commit. */
  evolve: { ...EVENTS, schema: "evolve", columns: { id: "text" } },
} as const;

/** A record as the API lists it for this definition. */
export function listed(mapping: keyof typeof MAPPINGS, record: string): string {
  return mapping === "field" ? `{"_source":${record}}` : record;
}
