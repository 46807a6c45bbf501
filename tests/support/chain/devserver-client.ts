import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { Message, RecordBatchReader, StructRow, type Table, tableFromIPC, Vector } from "apache-arrow";

import { encapsulated } from "../../../src/devserver/arrow/ipc.ts";
import type { DevServer } from "../../../src/devserver/server.ts";
import {
  decodeFlightData,
  decodeFlightInfo,
  encodeStatement,
  encodeTicket,
  type FlightData,
  type FlightInfo,
} from "../../../src/flight/protocol/messages.ts";
import { FLIGHT_SERVICE } from "../../../src/flight/protocol/service.ts";

/** A range as it stands in the JSON. */
export interface WireRange {
  readonly numbers: { readonly start: number; readonly end: number };
  readonly network: string;
  readonly hash: string;
  readonly prev_hash: string | null;
  readonly timestamp?: number;
}

export interface Received {
  readonly ranges: readonly WireRange[];
  readonly complete: boolean;
  readonly rows: number;
  readonly table: Table;
  readonly data: FlightData;
}

const asIs = (bytes: Buffer) => bytes;

/** The least that speaks Flight: no checks, no retries, so that tests see what the server sends. */
export class DevServerClient {
  readonly #client: Client;

  constructor(server: DevServer) {
    this.#client = new Client(new URL(server.flightAddress).host, credentials.createInsecure());
  }

  info(sql: string, headers: Record<string, string> = {}): Promise<FlightInfo> {
    return this.rawInfo(encodeStatement(sql), headers);
  }

  async rawInfo(request: Buffer, headers: Record<string, string> = {}): Promise<FlightInfo> {
    return decodeFlightInfo(await this.unary(FLIGHT_SERVICE.getFlightInfo, request, headers));
  }

  unary(path: string, request: Buffer, headers: Record<string, string> = {}): Promise<Buffer> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asIs, asIs, request, metadata, (error, answer) =>
        error === null ? resolve(answer!) : reject(error),
      );
    });
  }

  async open(sql: string, headers: Record<string, string> = {}): Promise<DevServerStream> {
    const info = await this.info(sql, headers);
    return this.redeem(info.tickets[0]!);
  }

  redeem(ticket: Uint8Array): DevServerStream {
    const request = encodeTicket(ticket);
    return new DevServerStream(
      this.#client.makeServerStreamRequest(FLIGHT_SERVICE.doGet, asIs, asIs, request),
    );
  }

  /** Everything until the answer ends. */
  async all(sql: string, headers: Record<string, string> = {}): Promise<readonly Received[]> {
    const stream = await this.open(sql, headers);
    const received: Received[] = [];
    for (let next = await stream.next(); next !== null; next = await stream.next()) received.push(next);
    return received;
  }

  close(): void {
    this.#client.close();
  }
}

export class DevServerStream {
  readonly #messages: AsyncIterator<Buffer>;
  readonly #call: ReturnType<Client["makeServerStreamRequest"]>;
  /** Bare schema message, once it came. */
  schema: Uint8Array | null = null;

  constructor(call: ReturnType<Client["makeServerStreamRequest"]>) {
    this.#call = call;
    call.on("error", () => {}); // Seen by whoever reads; cancelling alone must not be an error.
    this.#messages = call[Symbol.asyncIterator]();
  }

  /** The next record batch; null at the end. Rejects with the gRPC error. */
  async next(): Promise<Received | null> {
    const data = await this.nextMessage();
    if (data === null) return null;
    if (Message.decode(data.header).isSchema()) {
      this.schema = data.header;
      return this.next();
    }
    return received(this.schema!, data);
  }

  async nextMessage(): Promise<FlightData | null> {
    const { done, value } = await this.#messages.next();
    return done ? null : decodeFlightData(value);
  }

  /** Reads up to the next watermark; returns its range and the batches before it. */
  async microbatch(): Promise<{ range: WireRange; batches: readonly Received[] }> {
    const batches: Received[] = [];
    while (true) {
      const batch = await this.next();
      if (batch === null) throw new Error("the stream ended");
      if (batch.complete) return { range: batch.ranges[0]!, batches };
      batches.push(batch);
    }
  }

  /** How the call failed, once it did. */
  async error(): Promise<ServiceError> {
    try {
      while ((await this.nextMessage()) !== null);
    } catch (error) {
      return error as ServiceError;
    }
    throw new Error("the call ended without an error");
  }

  cancel(): void {
    this.#call.cancel();
  }
}

function received(schema: Uint8Array, data: FlightData): Received {
  const table = tableFromIPC(Buffer.concat([encapsulated(schema), encapsulated(data.header), data.body]));
  const metadata =
    data.appMetadata.length === 0
      ? { ranges: [], ranges_complete: false }
      : JSON.parse(Buffer.from(data.appMetadata).toString("utf8"));
  return { ranges: metadata.ranges, complete: metadata.ranges_complete, rows: table.numRows, table, data };
}

/** Rows of any number of batches, each cell in a form that compares. */
export function rowsOf(batches: readonly { readonly table: Table }[]): readonly (readonly unknown[])[] {
  return batches.flatMap(({ table }) =>
    Array.from({ length: table.numRows }, (_, row) =>
      table.schema.fields.map((_, column) => plain(table.getChildAt(column)!.get(row))),
    ),
  );
}

function plain(value: unknown): unknown {
  if (value instanceof Vector) return [...value].map(plain);
  if (value instanceof StructRow)
    return Object.fromEntries([...value].map(([name, cell]) => [name, plain(cell)]));
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex");
  }
  return value;
}

/** The schema of a FlightInfo or of a bare schema message. */
export function schemaOf(encapsulatedMessage: Uint8Array) {
  return RecordBatchReader.from(encapsulatedMessage).open().schema;
}
