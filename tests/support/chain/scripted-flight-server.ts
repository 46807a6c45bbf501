import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

import {
  decodeAny,
  decodeCommandStatementQuery,
  decodeFlightDescriptor,
} from "../../../src/devserver/flight/messages.ts";
import { FLIGHT_SERVICE } from "../../../src/flight/protocol/service.ts";

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
export type DoGetCall = ServerWritableStream<Buffer, Buffer>;

/** A Flight server that answers as each test scripts it; it keeps what it was asked. */
export class ScriptedServer {
  readonly asked: { method: string; sql?: string; headers: Record<string, unknown> }[] = [];
  plan: () => Buffer;
  doGet: (call: DoGetCall) => void = (call) => call.end();
  readonly #server: Server;
  address = "";

  constructor(plan: () => Buffer, options: ServerOptions = {}) {
    this.plan = plan;
    this.#server = new Server({ "grpc-node.flow_control_window": 64 * 1024, ...options });
  }

  async start(): Promise<void> {
    const bytes = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    const service = {
      getFlightInfo: {
        path: FLIGHT_SERVICE.getFlightInfo,
        requestStream: false,
        responseStream: false,
        ...bytes,
      },
      doGet: { path: FLIGHT_SERVICE.doGet, requestStream: false, responseStream: true, ...bytes },
    } as const;
    this.#server.addService(service, {
      getFlightInfo: (call: UnaryCall, reply: sendUnaryData<Buffer>) => {
        const command = decodeAny(decodeFlightDescriptor(call.request).cmd);
        const sql = decodeCommandStatementQuery(command.value);
        this.asked.push({ method: "plan", sql, headers: call.metadata.getMap() });
        try {
          reply(null, this.plan());
        } catch (error) {
          reply(error instanceof Error ? error : new Error(String(error)));
        }
      },
      doGet: (call: DoGetCall) => {
        this.asked.push({ method: "doGet", headers: call.metadata.getMap() });
        this.doGet(call);
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    this.address = `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.forceShutdown();
  }
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
