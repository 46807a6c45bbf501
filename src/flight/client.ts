import type { Client } from "@grpc/grpc-js";
import type { ArrowBatch } from "../arrow/batch.ts";
import { decodeEncapsulatedSchema, decodePlain } from "../arrow/message.ts";
import { type ArrowSchema, typeName } from "../arrow/type.ts";
import { AmpsyncError, type ErrorCode, withHint } from "../errors.ts";
import type { TlsFiles } from "../model/tls-files.ts";
import type { BlockHash } from "../protocol/block-range.ts";
import { authorization, type Call, callStream, callUnary, type ReceivedBytes } from "./calls.ts";
import { connector } from "./connection.ts";
import { flightError } from "./flight-error.ts";
import { type FlightStream, flightStream } from "./flight-stream.ts";
import {
  decodeFlightData,
  decodeFlightInfo,
  encodeStatement,
  encodeTicket,
  type FlightData,
} from "./protocol/messages.ts";
import { FLIGHT_HEADERS, FLIGHT_SERVICE } from "./protocol/service.ts";
import { SharedConnection } from "./shared-connection.ts";
import { firstBlock, firstHash, networkOf } from "./single-value.ts";
import { ConnectionFull, StreamConnections } from "./stream-connections.ts";

export interface FlightClientOptions {
  /** `http://host:port`, or `https://` for TLS. */
  readonly address: URL;
  /** Called for each connection; by default the roots that this process trusts, and no certificate of ours. */
  readonly tls?: () => TlsFiles;
  /** Called before every call, so that a renewed token is used. */
  readonly token: () => Promise<string | null> | string | null;
  /** The largest message accepted, in bytes; 32 MiB by default. */
  readonly maxMessageBytes?: number;
  readonly times?: FlightTimes;
  /** Hints of errors that are not those of the process's own server. */
  readonly hints?: Partial<Record<ErrorCode, string>>;
}

/** How long calls may take before they fail and their connection is given up; in milliseconds. */
export interface FlightTimes {
  /** Until the connection is established. */
  readonly connectMs: number;
  /** Until the answer to a short call is complete. A stream may be silent for ever: pings tell whether its peer is alive. */
  readonly answerMs: number;
}

export interface PlanOptions {
  /** The text of the resume header; absent if there is nothing to resume. */
  readonly cursor?: string | undefined;
  readonly stream: boolean;
  readonly signal: AbortSignal;
  /** Counts what is received of the answer and not done with, to limit it. */
  readonly received?: ReceivedBytes | undefined;
}

export interface HighestBlock {
  readonly block: bigint | null;
  readonly network: string | null;
}

/** A query as the server planned it. */
export interface FlightPlan {
  readonly schema: ArrowSchema;
  readonly ticket: Uint8Array;
}

/** A column that holds the hash of a row's block, and the network of those blocks. */
export interface HashColumn {
  readonly tableSql: string;
  readonly column: string;
  readonly network: string | null;
}

/**
 * Queries to one Amp server. Failures are AmpsyncErrors that may contain any text of
 * the server; an abort throws the signal's reason.
 */
export interface FlightClient {
  /** Has the server plan a query; `stream` adds the streaming clause and the streaming header. */
  plan(sql: string, options: PlanOptions): Promise<FlightPlan>;
  /** Plans a query and requests its answer. Streams share connections, and none of them with short calls. */
  open(sql: string, options: PlanOptions): Promise<FlightStream>;
  /** The highest block of a table, given as its SQL reference, and its network, if the server reports that. */
  highestBlock(tableSql: string, signal: AbortSignal): Promise<HighestBlock>;
  /** The hash in a column of a table for one block; null if there is none, or if it belongs to another network. */
  blockHash(table: HashColumn, block: bigint, signal: AbortSignal): Promise<BlockHash | null>;
  /** Closes the connection of short calls; streams end by their own signals. */
  close(): void;
}

const DEFAULT_MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** A decompressed body may be this many times as large as the largest message. */
const MAX_DECOMPRESSION = 4;
const SYSTEM: TlsFiles = { ca: null, identity: null };
const TIMES: FlightTimes = { connectMs: 10_000, answerMs: 30_000 };

export function createFlightClient(options: FlightClientOptions): FlightClient {
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const maxBodyBytes = MAX_DECOMPRESSION * maxMessageBytes;
  const { connectMs, answerMs } = options.times ?? TIMES;
  const connect = connector(options.address, maxMessageBytes, options.tls ?? (() => SYSTEM));
  const shared = new SharedConnection(connect.open);
  const streams = new StreamConnections(connect.open);

  function plan(sql: string, planned: PlanOptions): Promise<FlightPlan> {
    return shared.use((client, onLate) => planOn(client, sql, planned, { onLate }));
  }

  async function planOn(
    client: Client,
    sql: string,
    { cursor, stream, signal }: PlanOptions,
    times: Pick<Call, "onLate" | "mayBeFull">,
  ): Promise<FlightPlan> {
    signal.throwIfAborted();
    const token = await options.token();
    const headers = authorization(token);
    if (stream) {
      headers.set(FLIGHT_HEADERS.stream, "true");
    }
    if (cursor !== undefined) {
      headers.set(FLIGHT_HEADERS.resume, cursor);
    }
    // Servers of 2025 know only the clause; a server that knows both obeys the header.
    const request = encodeStatement(stream ? `${sql} SETTINGS stream = true` : sql);
    const method = FLIGHT_SERVICE.getFlightInfo;
    try {
      const info = decodeFlightInfo(
        await callUnary(client, { method, request, headers, signal, connectMs, answerMs, ...times }),
      );
      if (info.tickets.length > 1) {
        throw new AmpsyncError("SY101", "The server split the query into several parts", {
          detail: `It names ${info.tickets.length} endpoints; each of them has only a part of the rows.`,
        });
      }
      const ticket = info.tickets[0] ?? null;
      if (ticket === null) {
        throw new AmpsyncError("SY101", "The server planned the query but returned no ticket");
      }
      return { schema: decodeEncapsulatedSchema(info.schema), ticket };
    } catch (error) {
      throw failed(error, signal);
    }
  }

  /** What is thrown instead of an error of a call. */
  function failed(error: unknown, signal: AbortSignal): unknown {
    signal.throwIfAborted();
    if (error instanceof ConnectionFull) {
      return error;
    }
    const failure = flightError(error);
    const isLost = failure instanceof AmpsyncError && failure.code === "SY104";
    return withHint((isLost ? connect.tlsFailure() : null) ?? failure, options.hints);
  }

  async function* fetch(
    client: Client,
    ticket: Uint8Array,
    signal: AbortSignal,
    token: string | null,
    limits: Pick<Call, "answerMs" | "onLate" | "received"> = {},
  ): AsyncGenerator<FlightData> {
    const headers = authorization(token);
    const request = encodeTicket(ticket);
    const call = { method: FLIGHT_SERVICE.doGet, request, headers, signal, connectMs, ...limits };
    try {
      for await (const bytes of callStream(client, call)) {
        yield decodeFlightData(bytes);
      }
    } catch (error) {
      throw failed(error, signal);
    }
  }

  async function open(sql: string, planned: PlanOptions): Promise<FlightStream> {
    const over = new AbortController();
    const signal = AbortSignal.any([planned.signal, over.signal]);
    const begun = streams.begin(async ({ client, isAlone, onLate }) => {
      const { schema, ticket } = await planOn(client, sql, planned, { onLate, mayBeFull: !isAlone });
      const limits = { received: planned.received };
      const received = fetch(client, ticket, signal, await options.token(), limits);
      const first = received.next(); // Requests the answer, before another stream begins.
      first.catch(() => {}); // Told to whoever reads.
      return { schema, received, first };
    }, planned.signal);
    const { stream, leave } = await begun.catch((error) => {
      throw failed(error, planned.signal);
    });
    return flightStream({ ...stream, over, leave, maxBodyBytes });
  }

  async function highestBlock(tableSql: string, signal: AbortSignal): Promise<HighestBlock> {
    const { schema, ticket } = await plan(`SELECT max("_block_num") FROM ${tableSql}`, {
      stream: false,
      signal,
    });
    const type = schema.fields[0]?.type;
    if (type?.kind !== "int" || type.bits !== 64) {
      const detail = type === undefined ? "The answer has no column." : `Its type is ${typeName(type)}.`;
      throw new AmpsyncError("SY101", "The highest block is not a 64-bit integer", { detail });
    }
    let network: string | null = null;
    const readHighest = (batch: ArrowBatch, metadata: Uint8Array) => {
      network = networkOf(metadata);
      return firstBlock(batch);
    };
    const block = await firstOf(ticket, readHighest, signal);
    return { block, network };
  }

  async function blockHash(
    { tableSql, column, network }: HashColumn,
    block: bigint,
    signal: AbortSignal,
  ): Promise<BlockHash | null> {
    const rows = `"_block_num" >= ${block} AND "_block_num" <= ${block}`;
    const { schema, ticket } = await plan(`SELECT "${column}" FROM ${tableSql} WHERE ${rows}`, {
      stream: false,
      signal,
    });
    const type = schema.fields[0]?.type;
    const readHash = (batch: ArrowBatch, metadata: Uint8Array) =>
      (networkOf(metadata) ?? network) === network ? firstHash(batch) : null;
    return type?.kind === "fixedSizeBinary" && type.width === 32
      ? await firstOf(ticket, readHash, signal)
      : null;
  }

  /** The first value of an answer, which is read to the end, so that the server's status is seen. */
  async function firstOf<T>(
    ticket: Uint8Array,
    read: (batch: ArrowBatch, metadata: Uint8Array) => T | null,
    signal: AbortSignal,
  ): Promise<T | null> {
    return await shared.use(async (client, onLate) => {
      let first: T | null = null;
      for await (const data of fetch(client, ticket, signal, await options.token(), { answerMs, onLate })) {
        const decoded = await decodePlain(data, maxBodyBytes);
        if (decoded?.kind === "batch") {
          first ??= read(decoded.batch, data.appMetadata);
        }
      }
      return first;
    });
  }

  return { plan, open, highestBlock, blockHash, close: () => shared.close() };
}
