import type { Client } from "@grpc/grpc-js";
import type { ArrowBatch, ArrowDictionary } from "../arrow/batch.ts";
import { decodeEncapsulatedSchema, decodePlain } from "../arrow/message.ts";
import { type ArrowSchema, typeName } from "../arrow/type.ts";
import { AmpsyncError, type ErrorCode, withHint } from "../errors.ts";
import { release } from "../model/memory.ts";
import type { BlockHash } from "../protocol/block-range.ts";
import type { MicrobatchMetadata } from "../protocol/microbatch.ts";
import { authorization, type Call, callStream, callUnary, type ReceivedBytes } from "./calls.ts";
import { connector } from "./connection.ts";
import { flightError } from "./flight-error.ts";
import { parseMetadata } from "./metadata.ts";
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

export interface FlightClientOptions {
  /** `http://host:port`, or `https://` for TLS, verified by the roots that this process trusts. */
  readonly address: URL;
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
}

export interface HighestBlock {
  readonly block: bigint | null;
  readonly network: string | null;
}

/** A query as the server planned it. Its ticket may be read more than once. */
export interface FlightPlan {
  readonly schema: ArrowSchema;
  readonly ticket: Uint8Array;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called for each message received, before it is decoded. */
  readonly onReceived?: () => Promise<void>;
  /** Counts what is received and not done with, to limit it. */
  readonly received?: ReceivedBytes;
}

/** A column that holds the hash of a row's block, and the network of those blocks. */
export interface HashColumn {
  readonly tableSql: string;
  readonly column: string;
  readonly network: string | null;
}

export type FlightMessage =
  | { readonly kind: "schema"; readonly schema: ArrowSchema }
  /** Values for the batches that follow. */
  | { readonly kind: "dictionary"; readonly dictionary: ArrowDictionary }
  | {
      readonly kind: "batch";
      /** Its memory is given back when the next message is asked for. */
      readonly batch: ArrowBatch;
      readonly metadata: MicrobatchMetadata | null;
    };

/**
 * Queries to one Amp server. Failures are AmpsyncErrors that may contain any text of
 * the server; an abort throws the signal's reason.
 */
export interface FlightClient {
  /** Has the server plan a query; `stream` adds the streaming clause and the streaming header. */
  plan(sql: string, options: PlanOptions): Promise<FlightPlan>;
  /**
   * Executes a plan on a connection of its own, so that a waiting consumer holds up
   * nothing else. If there is a schema, it is the first message. Ends when the server
   * ends the stream without an error.
   */
  read(plan: FlightPlan, options: ReadOptions): AsyncGenerator<FlightMessage>;
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
const TIMES: FlightTimes = { connectMs: 10_000, answerMs: 30_000 };

export function createFlightClient(options: FlightClientOptions): FlightClient {
  const maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
  const maxBodyBytes = MAX_DECOMPRESSION * maxMessageBytes;
  const { connectMs, answerMs } = options.times ?? TIMES;
  const open = connector(options.address, maxMessageBytes);
  const shared = new SharedConnection(open);

  async function plan(sql: string, { cursor, stream, signal }: PlanOptions): Promise<FlightPlan> {
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
    try {
      const info = decodeFlightInfo(
        await shared.use((client, onLate) =>
          callUnary(client, {
            method: FLIGHT_SERVICE.getFlightInfo,
            request,
            headers,
            signal,
            connectMs,
            answerMs,
            onLate,
          }),
        ),
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
      signal.throwIfAborted();
      throw withHint(flightError(error), options.hints);
    }
  }

  async function* fetch(
    client: Client,
    ticket: Uint8Array,
    signal: AbortSignal,
    limits: Pick<Call, "answerMs" | "onLate" | "received"> = {},
  ): AsyncGenerator<FlightData> {
    signal.throwIfAborted();
    const token = await options.token();
    const headers = authorization(token);
    const request = encodeTicket(ticket);
    const call = { method: FLIGHT_SERVICE.doGet, request, headers, signal, connectMs, ...limits };
    try {
      for await (const bytes of callStream(client, call)) {
        yield decodeFlightData(bytes);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw withHint(flightError(error), options.hints);
    }
  }

  async function* read(
    plan: FlightPlan,
    { signal, onReceived, received }: ReadOptions,
  ): AsyncGenerator<FlightMessage> {
    const own = open();
    let hasBegun = false;
    try {
      for await (const data of fetch(own.client, plan.ticket, signal, { received })) {
        await onReceived?.();
        const decoded = await decodePlain(data, maxBodyBytes);
        if (decoded === null) {
          continue;
        }
        if (decoded.kind === "schema" && hasBegun) {
          throw new AmpsyncError("SY101", "The server sent a schema in the middle of its answer");
        }
        hasBegun = true;
        yield decoded.kind === "batch" ? { ...decoded, metadata: parseMetadata(data.appMetadata) } : decoded;
        if (decoded.kind === "batch") {
          release(decoded.batch.body.buffer);
        }
      }
    } finally {
      own.close();
    }
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
      for await (const data of fetch(client, ticket, signal, { answerMs, onLate })) {
        const decoded = await decodePlain(data, maxBodyBytes);
        if (decoded?.kind === "batch") {
          first ??= read(decoded.batch, data.appMetadata);
        }
      }
      return first;
    });
  }

  return { plan, read, highestBlock, blockHash, close: () => shared.close() };
}
