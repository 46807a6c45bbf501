import { Client, type ClientOptions, credentials } from "@grpc/grpc-js";
import { AmpsyncError } from "../errors.ts";

const MIB = 1024 * 1024;

/**
 * Options of every connection. The window doubles receive speed. An idle stream
 * sends nothing at all, so a dead peer is noticed by pings only: after 30 s.
 */
const OPTIONS: ClientOptions = {
  "grpc-node.flow_control_window": 8 * MIB,
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Retrying is the stream's own business, with its own back-off.
  "grpc.enable_retries": 0,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.service_config_disable_resolution": 1,
  // One connection per client, closed with it.
  "grpc.use_local_subchannel_pool": 1,
};

/** A gRPC client of `http://host:port`, or with TLS and the system's roots of `https://host:port`. */
export function connect(address: string, maxMessageBytes: number): Client {
  const { host, secure } = parseAddress(address);
  const channel = secure ? credentials.createSsl() : credentials.createInsecure();
  return new Client(host, channel, {
    ...OPTIONS,
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
  });
}

function parseAddress(address: string): { host: string; secure: boolean } {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new AmpsyncError("SY902", "The Flight address is no http or https URL", {
      hint: "Set AMP_FLIGHT_ADDR, for example to http://localhost:1602.",
    });
  }
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? "443" : "80") : url.port;
  return { host: `${url.hostname}:${port}`, secure };
}
