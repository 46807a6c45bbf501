import type { FromClient } from "../../../src/wire/from-client.ts";
import type { FromGateway } from "../../../src/wire/from-gateway.ts";
import type { Op } from "../../../src/wire/ops.ts";

const client = "6b0c5f6e-0000-4000-8000-000000000001";
const epoch = "9f3d5f6e-0000-4000-8000-000000000002";

export const OPS: { readonly [O in Op["op"]]: Extract<Op, { op: O }> } = {
  upsert: { op: "upsert", table: "public.todos", rows: '[{"id":"1","title":"a \\"quoted\\" one"}]' },
  update: { op: "update", table: "public.todos", columns: ["id", "done"], rows: '[{"id":"1","done":"t"}]' },
  delete: { op: "delete", table: "public.todos", keys: '[["1"]]' },
  truncate: { op: "truncate", table: "public.todos" },
  blocks: { op: "blocks", table: "eth.blocks", ranges: [["100", null]], copy: "\\\\x00\t1\n", trim: "90" },
  dataset: { op: "dataset", dataset: "eth", cut: "99", tables: { "eth.blocks": "100", "eth.logs": null } },
  load: { op: "load", table: "public.todos", snapshots: null, rows: "[]", where: { owner_id: "7" } },
  drop: { op: "drop", table: "public.todos", where: null },
  migrate: {
    op: "migrate",
    version: "1.5.0",
    migration: "add-done",
    direction: "up",
    statements: ["alter table public.todos add column done boolean"],
    tables: ["public.todos"],
  },
  check: {
    op: "check",
    table: "public.todos",
    id: "c1",
    at: "2026-11-28T12:00:00.123Z",
    columns: ["id"],
    low: null,
    rows: "2",
    sum: "17",
    why: null,
  },
};

export const FROM_CLIENT: { readonly [T in FromClient["t"]]: Extract<FromClient, { t: T }> } = {
  hello: {
    t: "hello",
    client,
    token: "eyJ",
    epoch,
    position: "9223372036854775807",
    stamp: "1764331200123456",
    blocks: "120",
    blocks_stamp: null,
    schema: null,
    supports: "^1",
    agent: "ampsync/0.2",
    awaiting: [],
    shapes: [{ id: "s1", shape: "logs_of", params: { address: "\\xc02a" }, definition: null }],
    staged: { [client]: [0, 1, 2] },
  },
  ack: { t: "ack", position: "131", blocks: "131" },
  busy: { t: "busy" },
  auth: { t: "auth", token: "eyJ" },
  subscribe: { t: "subscribe", shapes: [] },
  unsubscribe: { t: "unsubscribe", ids: ["s1"] },
  staged: { t: "staged", snapshot: client },
  check: { t: "check", id: "c1", tables: ["public.todos"] },
  load: { t: "load", tables: ["public.todos"] },
  report: {
    t: "report",
    pending: 3,
    phase: "live",
    error: { code: "SY417", table: null, message: "a frame failed twice" },
    migrations: [{ migration: "m", state: "failed", error: null, retry_count: 2 }],
    checks: [{ id: "c1", table: "public.todos", rows: "2", sum: "17", server_rows: "2", server_sum: "18" }],
    store: { kind: "opfs", bytes: "1024", status: "ok" },
  },
};

export const FROM_GATEWAY: { readonly [T in FromGateway["t"]]: Extract<FromGateway, { t: T }> } = {
  welcome: {
    t: "welcome",
    session: client,
    epoch,
    head: "131",
    now: "2026-11-28T12:00:00.123Z",
    schema: "0.0.0",
    last_seq: "0",
    unknown: [],
    shapes: [
      {
        id: "s1",
        mode: "load",
        table: "eth.logs",
        reason: "new",
        code: null,
        message: null,
        hint: null,
      },
    ],
    tables: [
      {
        name: "eth.logs",
        ddl: ["create table eth.logs (_id bytea primary key)"],
        definition: "c3",
        columns: ["_id"],
        key: ["_id"],
        writable: [],
        dataset: "eth",
        block_column: "_id",
      },
    ],
  },
  shapes: { t: "shapes", shapes: [], tables: [] },
  snapshot: {
    t: "snapshot",
    shape: "s1",
    snapshot: client,
    table: "eth.logs",
    rows: "1000",
    checksum: null,
    chunks: [{ n: 0, rows: 1000, bytes: 214_332, xxh64: "00ff" }],
  },
  frame: {
    t: "frame",
    from: "120",
    to: "131",
    stamp: "1764331200123456",
    blocks: ["120", "131"],
    blocks_stamp: "1764331200123456",
    at: "2026-11-28T12:00:00.123Z",
    ops: Object.values(OPS),
    live: [{ id: "s1", definition: "a1b2" }],
    gone: ["s0"],
  },
  auth_due: { t: "auth_due", in_ms: 30_000 },
  tick: { t: "tick", head: "131", now: "2026-11-28T12:00:00.123Z", progress: null },
  failed: { t: "failed", id: "s1", code: "SY414", message: "the filter failed", hint: null },
  error: { t: "error", code: "SY411", message: "no", hint: null, retry_ms: 500, gateways: ["wss://b"] },
};
