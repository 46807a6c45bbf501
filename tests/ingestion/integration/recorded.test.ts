import { expect, test } from "vitest";

import { InProcessWorker } from "../../support/http/in-process-worker.ts";
import { type RecordedApi, startRecordedApi } from "../../support/http/recorded-api.ts";
import { sharedDatabase } from "../../support/postgres/shared-database.ts";

const JSON_TYPE = { "Content-Type": "application/json; charset=utf-8" };

interface Recorded {
  readonly name: string;
  /** Of each answer. */
  readonly headers: readonly Readonly<Record<string, string>>[];
  readonly path: string;
  readonly source: Readonly<Record<string, unknown>>;
  readonly asked: readonly string[];
  readonly columns: string;
  readonly rows: readonly string[];
}

const API_JSON = { "Content-Type": "application/vnd.api+json" };
const link = (text: string) => ({ ...JSON_TYPE, Link: text, "X-RateLimit-Remaining": "4998" });
const search = (after: string) => `/events/_search{"size": 2, "sort": [{"@timestamp": "asc"}]${after}}`;

const APIS: readonly Recorded[] = [
  {
    name: "jsonapi",
    headers: [API_JSON, API_JSON],
    path: "/articles",
    source: {
      query: { "page[size]": 2 },
      pages: { type: "link", next: "/links/next" },
      records: "/data",
      key: ["id"],
      columns: {
        id: "bigint",
        title: { from: "/attributes/title" },
        words: { from: "/attributes/words", type: "integer" },
        updated_at: { from: "/attributes/updatedAt", type: "timestamptz" },
        author: { from: "/relationships/author/data/id" },
      },
    },
    asked: ["/articles?page%5Bsize%5D=2", "/articles?page[number]=2&page[size]=2"],
    columns: "id, title, words, updated_at at time zone 'utc', author",
    rows: [
      '(101,"Reading a gauge",1204,"2024-03-01 08:30:00",9)',
      '(102,"A ""quoted"" title, [brackets] {and braces}",,"2024-03-01 08:30:00.25",)',
      '(103,,87,"2024-03-02 00:00:00",)',
    ],
  },
  {
    name: "github",
    headers: [
      link(
        '<{{origin}}/repositories/7/issues?per_page=2&page=2>; rel="next", <{{origin}}/repositories/7/issues?per_page=2&page=2>; rel="last"',
      ),
      link(
        '<{{origin}}/repositories/7/issues?per_page=2&page=1>; rel="prev", <{{origin}}/repositories/7/issues?per_page=2&page=1>; rel="first"',
      ),
    ],
    path: "/repos/octo/widgets/issues",
    source: {
      query: { per_page: 2, state: "all" },
      pages: { type: "link" },
      key: ["id"],
      columns: {
        id: "bigint",
        number: "integer",
        title: "text",
        login: { from: "/user/login" },
        label: { from: "/labels/0/name" },
        updated_at: "timestamptz",
        closed: { from: "/closed_at", type: "date" },
      },
    },
    asked: ["/repos/octo/widgets/issues?state=all&per_page=2", "/repositories/7/issues?per_page=2&page=2"],
    columns: "id, number, title, login, label, updated_at at time zone 'utc', closed",
    rows: [
      '(1934872610,12,"Crash on an empty list",octo,bug,"2024-01-12 18:45:09",)',
      '(1934872699,13,"Lists may be empty",ghost,,"2024-01-13 00:00:00",2024-01-13)',
      '(1934880001,14,"Überlange Namen 🚀",,,"2024-02-01 00:00:01",)',
    ],
  },
  {
    name: "stripe",
    headers: [JSON_TYPE, JSON_TYPE],
    path: "/v1/events",
    source: {
      query: { limit: 2 },
      pages: { type: "after", param: "starting_after", field: "/id", more: "/has_more" },
      records: "/data",
      key: ["id"],
      columns: {
        id: "text",
        type: "text",
        created: { type: "timestamptz", unit: "s" },
        amount: { from: "/data/object/amount", type: "bigint" },
        livemode: "boolean",
        previous: { from: "/data/previous_attributes", type: "jsonb" },
      },
    },
    asked: ["/v1/events?limit=2", "/v1/events?limit=2&starting_after=evt_0Rec0000000000000000000B"],
    columns: "right(id, 1), type, created at time zone 'utc', amount, livemode, previous",
    rows: [
      '(A,setup_intent.created,"2024-03-01 08:00:04",,f,)',
      '(B,customer.updated,"2024-03-01 08:00:03",,f,"{""delinquent"": true}")',
      '(C,charge.succeeded,"2024-03-01 08:00:01",1250,t,)',
    ],
  },
  {
    name: "elastic",
    headers: [JSON_TYPE, JSON_TYPE, JSON_TYPE],
    path: "/events/_search",
    source: {
      body: { size: 2, sort: [{ "@timestamp": "asc" }] },
      pages: { type: "after", in: "body", param: "/search_after", field: "/sort" },
      records: "/hits/hits",
      key: ["id"],
      columns: {
        id: { from: "/_id", type: "uuid" },
        at: { from: "/_source/@timestamp", type: "timestamptz" },
        message: { from: "/_source/message" },
        bytes: { from: "/_source/bytes", type: "bigint" },
        sort: "jsonb",
      },
      total: "/hits/total/value",
    },
    asked: [
      search(""),
      search(',"search_after":["2024-06-03T11:20:00.125Z", 9223372036854775806]'),
      search(',"search_after":["2024-06-04T00:00:00.000Z", null]'),
    ],
    columns: "right(id::text, 1), at at time zone 'utc', message, bytes, sort",
    rows: [
      '(1,"2024-06-03 11:20:00.125","door opened",,"[""2024-06-03T11:20:00.125Z"", 4294967298]")',
      '(2,"2024-06-03 11:20:00.125999","door closed",9223372036854775807,"[""2024-06-03T11:20:00.125Z"", 9223372036854775806]")',
      '(3,"2024-06-04 00:00:00",,,"[""2024-06-04T00:00:00.000Z"", null]")',
    ],
  },
  {
    name: "offset",
    headers: [JSON_TYPE, JSON_TYPE, JSON_TYPE],
    path: "/api/explore/v2.1/catalog/datasets/places/records",
    source: {
      query: { limit: 2 },
      pages: { type: "offset", param: "offset" },
      records: "/results",
      key: ["geonameid"],
      columns: {
        geonameid: "bigint",
        name: "text",
        population: "integer",
        elevation: "numeric",
        modified: { from: "/modification_date", type: "date" },
        lat: { from: "/coordinates/lat", type: "numeric" },
      },
      total: "/total_count",
    },
    asked: ["limit=2&offset=0", "limit=2&offset=2", "limit=2&offset=3"].map(
      (query) => `/api/explore/v2.1/catalog/datasets/places/records?${query}`,
    ),
    columns: "geonameid, name, population, elevation, modified, lat",
    rows: [
      "(2988507,Paris,2138551,,2023-10-05,48.85341)",
      "(2995469,Marseille,870731,28.50,2023-09-07,43.29695)",
      "(2996944,Lyon,522969,173.0,2019-09-05,45.74846)",
    ],
  },
];

const db = sharedDatabase();

test.each(APIS)(
  "answers shaped as the documentation of such APIs has them are read to the last field: $name",
  async ({ name, headers, path, source, asked, columns, rows }) => {
    await using api: RecordedApi = await startRecordedApi(name, headers);
    await using worker = await InProcessWorker.start(db, { AMPSYNC_HTTP_ALLOW: api.origin });
    await db.query("select * from ampsync.enqueue_http($1, $2)", [
      name,
      JSON.stringify({ url: api.origin + path, ...source }),
    ]);
    expect(await worker.pass(name)).toMatchObject({ state: "complete", code: null });
    expect(api.asked).toEqual(asked);
    const { rows: read } = await db.query(
      `select row(${columns})::text as row from public.${name} order by 1`,
    );
    expect(read.map(({ row }) => row)).toEqual(rows);
  },
);
