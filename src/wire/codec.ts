import { type FromClient, fromClient } from "./from-client.ts";
import { type FromGateway, fromGateway } from "./from-gateway.ts";
import type { Op } from "./ops.ts";
import { type Check, refuse } from "./shape-of.ts";

export const SUBPROTOCOL = "ampsync.1";

/** Why either side closes a connection. */
export const CLOSE = {
  draining: 1001,
  later: 1013,
  protocol: 4400,
  token: 4401,
  forbidden: 4403,
  silence: 4408,
  replaced: 4409,
  upgrade: 4426,
  limit: 4429,
} as const;

export function encode(message: FromClient | FromGateway | Op): string {
  return JSON.stringify(message);
}

/** A message of a client, with the fields that this release knows. Throws SY411. */
export function decodeFromClient(data: string): FromClient {
  return decode(data, fromClient);
}

/** A message of a gateway, with the fields that this release knows. Throws SY411. */
export function decodeFromGateway(data: string): FromGateway {
  return decode(data, fromGateway);
}

function decode<T>(data: string, check: Check<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    refuse("the message", "JSON");
  }
  return check(value, "message");
}
