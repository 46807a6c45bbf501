import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";

import { AmpsyncError } from "../../errors.ts";
import { decodeTicket, STATEMENT_QUERY_URL } from "../../flight/protocol/messages.ts";
import { FLIGHT_SERVICE } from "../../flight/protocol/service.ts";
import type { Catalog } from "../catalog.ts";
import { type Misbehaviour, misbehaviourOf } from "../misbehaviour.ts";
import { Answer } from "./answer.ts";
import { batchAnswer } from "./batch-answer.ts";
import { CleanEnd } from "./breaks.ts";
import { flightInfo } from "./flight-info.ts";
import { acceptHandshake, PREPARED_QUERY_URL, preparedStatementAction } from "./generic-clients.ts";
import { type DoGetCall, Outgoing } from "./outgoing.ts";
import { planQuery } from "./plan.ts";
import { asRefusal, invalidArgument, type Refusal, refusal } from "./refusal.ts";
import { streamAnswer } from "./stream-answer.ts";
import { decodeQueryTicket } from "./ticket.ts";

type RpcName = keyof typeof FLIGHT_SERVICE;

const CLIENT_STREAMS: readonly RpcName[] = ["handshake", "doPut", "doExchange"];
const UNARY: readonly RpcName[] = ["getFlightInfo", "pollFlightInfo", "getSchema"];

/** The Flight service. Messages are bytes here, so that the server chooses the status of an invalid one. */
export function flightServiceDefinition(): ServiceDefinition {
  return Object.fromEntries(rpcNames().map((name) => [name, method(name)]));
}

export interface FlightService {
  readonly handlers: UntypedServiceImplementation;
  /** The answers being sent right now. */
  readonly open: ReadonlySet<Outgoing>;
}

export interface FlightSettings {
  readonly maxBlocksPerMicrobatch: number;
  readonly misbehaviour: Misbehaviour;
  /** Answers a handshake and prepared statements too. */
  readonly genericClients: boolean;
}

export function flightService(catalog: Catalog, settings: FlightSettings): FlightService {
  const open = new Set<Outgoing>();
  const commands = settings.genericClients
    ? [STATEMENT_QUERY_URL, PREPARED_QUERY_URL]
    : [STATEMENT_QUERY_URL];

  async function doGet(call: DoGetCall): Promise<void> {
    const out = new Outgoing(call);
    open.add(out);
    try {
      checkToken(call.metadata, settings.misbehaviour);
      const { sql, streaming, cursor } = decodeQueryTicket(ticketOf(call.request));
      const plan = planQuery(sql, catalog, settings.misbehaviour.generation);
      const misbehaviour = () => misbehaviourOf(settings.misbehaviour, plan.table);
      call.sendMetadata(new Metadata()); // A stream at the head may have nothing else to send for a long time.
      const answer = new Answer(out, plan.schema, streaming ? "stream" : "batch", misbehaviour);
      await (streaming
        ? streamAnswer(answer, plan, cursor, { ...settings, misbehaviour }, out.signal)
        : batchAnswer(answer, plan, misbehaviour().rowsPerBatch));
      call.end();
    } catch (error) {
      if (error instanceof CleanEnd) {
        call.end();
      } else {
        call.emit("error", asRefusal(error));
      }
    } finally {
      open.delete(out);
    }
  }

  const getFlightInfo: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    try {
      checkToken(call.metadata, settings.misbehaviour);
      callback(null, flightInfo(call.request, call.metadata, catalog, commands, settings.misbehaviour));
    } catch (error) {
      callback(asRefusal(error));
    }
  };

  const handlers: UntypedServiceImplementation = {};
  for (const name of rpcNames()) {
    handlers[name] = unimplemented(name);
  }
  handlers["doGet"] = doGet;
  handlers["getFlightInfo"] = getFlightInfo;
  if (settings.genericClients) {
    handlers["handshake"] = acceptHandshake;
    handlers["doAction"] = preparedStatementAction(catalog);
  }
  return { handlers, open };
}

function checkToken(headers: Metadata, { token }: Misbehaviour): void {
  if (token !== null && headers.get("authorization")[0] !== `Bearer ${token}`) {
    throw refusal(status.UNAUTHENTICATED, "the token is missing, wrong or expired");
  }
}

function ticketOf(request: Buffer): Uint8Array {
  try {
    return decodeTicket(request);
  } catch (error) {
    throw invalidArgument(error instanceof AmpsyncError ? `bad ticket: ${error.detail}` : "bad ticket");
  }
}

function rpcNames(): readonly RpcName[] {
  // All members of the constant are present.
  return Object.keys(FLIGHT_SERVICE) as RpcName[];
}

function method(name: RpcName): MethodDefinition<Buffer, Buffer> {
  const asIs = (bytes: Buffer) => bytes;
  return {
    path: FLIGHT_SERVICE[name],
    requestStream: CLIENT_STREAMS.includes(name),
    responseStream: !UNARY.includes(name),
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

/** Refuses with the name of the call in snake_case, as servers do. */
function unimplemented(name: RpcName): UntypedServiceImplementation[string] {
  const answer = refusal(
    status.UNIMPLEMENTED,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  );
  if (UNARY.includes(name)) {
    return (_call: unknown, callback: (error: Refusal) => void) => callback(answer);
  }
  const refuse: handleServerStreamingCall<Buffer, Buffer> = (call) => call.emit("error", answer);
  return refuse;
}
